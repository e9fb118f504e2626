-- What the console asks for: how a person reads it.

-- Null: as their browser says.
alter table users add column language text check (language in ('en', 'hi', 'gu'));

-- Null: as their language has it.
alter table users add column hour_cycle text check (hour_cycle in ('h12', 'h23'));

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

-- Drawings of sites and zones, on which spots are placed.
create table floor_plans (
    site       text not null references sites (slug) on delete cascade,
    zone       text not null default '' collate nocase, -- empty: of the whole site
    media_type text not null check (media_type in ('image/svg+xml', 'image/png', 'image/jpeg')),
    picture    blob not null,                          -- as it is served: an SVG is written anew
    width      real not null check (width > 0),        -- the plan's coordinates go from 0 to these
    height     real not null check (height > 0),
    etag       text not null,                          -- of the picture
    created_at integer not null,
    updated_at integer not null,
    updated_by text not null,
    primary key (site, zone)
) strict;

create table floor_plan_spots (
    site     text not null,
    zone     text not null collate nocase,             -- of the plan
    spot_id  text not null collate nocase references spots (spot_id) on delete cascade,
    x        real not null check (x >= 0),             -- of the spot's middle, in the plan's coordinates
    y        real not null check (y >= 0),
    rotation real not null check (rotation >= 0 and rotation < 360), -- degrees, clockwise
    primary key (site, zone, spot_id),
    foreign key (site, zone) references floor_plans (site, zone) on delete cascade
) strict, without rowid;

create index floor_plan_spots_by_spot on floor_plan_spots (spot_id);

-- What can be drawn, and placed.
create view plan_zones (site, zone) as select site, code from zones;

create view plan_spots (spot_id, site, zone) as select spot_id, site, zone from spots;

create trigger floor_plans_created after insert on floor_plans
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.created_at, new.updated_by, 'created', 'floor_plans', new.site || '/' || new.zone,
        json_object('media_type', new.media_type, 'bytes', length(new.picture)));
end;

create trigger floor_plans_updated after update of picture on floor_plans
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.updated_at, new.updated_by, 'updated', 'floor_plans', new.site || '/' || new.zone,
        json_object('media_type', new.media_type, 'bytes', length(new.picture)));
    -- On a drawing of another size, spots stay where they are in proportion.
    update floor_plan_spots set x = x * new.width / old.width, y = y * new.height / old.height
    where site = new.site and zone = new.zone and (new.width <> old.width or new.height <> old.height);
end;

-- Who and when of a delete come from the row, which is touched before.
create trigger floor_plans_deleted before delete on floor_plans
begin
    insert into audit_log (at, actor, action, entity, subject)
    values (old.updated_at, old.updated_by, 'deleted', 'floor_plans', old.site || '/' || old.zone);
end;
