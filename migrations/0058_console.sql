-- What the console asks for: how a person reads it.
alter table users add column language text check (language in ('en', 'hi', 'gu'));     -- null: as their browser says
alter table users add column hour_cycle text check (hour_cycle in ('h12', 'h23'));     -- null: as their language has it

-- As before, and the two.
drop trigger users_change_noted;

create trigger users_change_noted before update on users
begin
    insert into row_changes (entity, subject, was, becomes)
    values ('users', new.id,
        json_object(
            'name', old.name, 'email', old.email, 'phone', old.phone, 'role', old.role, 'device_code', old.device_code,
            'is_active', old.is_active, 'language', old.language, 'hour_cycle', old.hour_cycle
        ),
        json_object(
            'name', new.name, 'email', new.email, 'phone', new.phone, 'role', new.role, 'device_code', new.device_code,
            'is_active', new.is_active, 'language', new.language, 'hour_cycle', new.hour_cycle
        ));
end;

-- The one channel that a message goes through; null for every one that is set up. Of test messages.
alter table outbox add column only_channel text;

create index deliveries_by_channel on deliveries (channel, at);

-- When a channel was last tested: one test a minute.
create table channel_tests (
    channel   text primary key,
    tested_at integer not null,
    tested_by text not null
) strict, without rowid;

-- A row that is written here sends a test message through its channel, on the way that all take.
create view new_channel_tests (id, channel, at, actor) as
select channel, channel, tested_at, tested_by from channel_tests;

create trigger channel_tested instead of insert on new_channel_tests
begin
    insert into outbox (topic, subject, only_channel, payload, created_at)
    values ('channel.test', new.id, new.channel,
        json_object(
            'id', new.id, 'severity', 'info',
            'message', 'Test of the channel ' || new.channel || ': an administrator has asked for it. Nothing has happened.',
            'timestamp', strftime('%Y-%m-%dT%H:%M:%fZ', new.at / 1000.0, 'unixepoch')
        ),
        new.at);
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.at, new.actor, 'tested', 'channels', new.channel, json_object('test', new.id));
end;

-- What may be found by how it begins, and the indexes by which it is.
create view found_devices (code, name, zone, site) as select code, name, zone, site from devices;

create view found_spots (spot_id, zone, site) as select spot_id, zone, site from spots;

create view found_bookings (id, code, date, slot, site) as select id, code, date, slot, site from bookings;

-- For administrators alone.
create view found_people (id, name, email, phone) as select id, name, email, phone from users;

create index devices_by_name on devices (name collate nocase);

create index users_by_name on users (name collate nocase);

create index users_by_phone on users (phone);
