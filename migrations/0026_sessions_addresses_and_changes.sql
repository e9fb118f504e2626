-- Sessions end everything that they opened; an address is changed by a code; the audit trail and histories say what was.

-- The session in which a stream's ticket was asked for; null when a device asked with its key. The ticket is void when it has ended.
alter table event_tickets add column session text;

-- An address that a message goes to in place of its recipient's own: a new one that is to be confirmed, an old one that was replaced. Such a
-- message goes by mail alone.
alter table outbox add column mail_to text;

-- Wishes to change the address of an account, each with a code that was sent to the new one (domain::one_time_code). The newest of an
-- account alone counts. Removed by the scheduled run.
create table email_changes (
    id         text primary key,
    user_id    text not null references users (id) on delete cascade,
    email      text not null collate nocase,           -- the new address
    code_hash  blob not null,                          -- SHA-256 of id and code; random bytes when no code was sent
    created_at integer not null,
    expires_at integer not null,
    tries      integer not null default 0,             -- codes that were tried
    used_at    integer                                 -- when the address was changed
) strict, without rowid;

create index email_changes_by_user on email_changes (user_id, created_at);

create index email_changes_by_email on email_changes (email, created_at);

create index email_changes_by_time on email_changes (created_at);

-- As before, but a new address is in the audit trail, and the one who had the old one is told.
drop trigger users_updated;

create trigger users_updated after update of name, email, phone, role, is_active, password_hash, device_code on users
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.updated_at, new.updated_by, 'updated', 'users', new.id,
        json_object('role', new.role, 'is_active', new.is_active, 'password_changed', new.password_hash <> old.password_hash));
    insert into outbox (topic, subject, recipient, mail_to, payload, created_at)
    select 'account.email_changed', new.id || '/' || new.updated_at, new.id, old.email,
        json_object(
            'id', new.id, 'severity', 'info',
            'message', 'The address of your account is now ' || new.email || '. If it was not you who changed it, tell an administrator at once.',
            'timestamp', strftime('%Y-%m-%dT%H:%M:%fZ', new.updated_at / 1000.0, 'unixepoch')
        ),
        new.updated_at
    where new.email <> old.email
    on conflict do nothing;
end;

-- What a line of the audit trail changed: {"field": {"from": …, "to": …}, …}, with the names and shapes that the routes use. Never a
-- secret. A removal has every field that held something, to null.
create table audit_changes (
    line    integer primary key references audit_log (id),
    changes text not null                              -- JSON
) strict;

create trigger audit_changes_are_not_changed before update on audit_changes
begin
    select raise(abort, 'the audit log is append-only');
end;

create trigger audit_changes_are_not_deleted before delete on audit_changes
begin
    select raise(abort, 'the audit log is append-only');
end;

-- What the update that is under way changes, by entity: from the triggers before an update to those after it, which write its lines. A row is
-- replaced by the entity's next update.
create table noted_changes (
    entity  text primary key,
    subject text not null,
    changes text not null                              -- JSON, as in audit_changes
) strict, without rowid;

-- Comparing two states of a row: an insert here notes the fields that differ. `was` and `becomes` are JSON objects of the same fields. Fields
-- that begin with `is_` are booleans, and those that are named here are times in milliseconds.
create view row_changes (entity, subject, was, becomes) as
select entity, subject, changes, changes from noted_changes;

create trigger row_changes_noted instead of insert on row_changes
begin
    delete from noted_changes where entity = new.entity;
    insert into noted_changes (entity, subject, changes)
    select new.entity, new.subject, changes
    from (
        select count(*) as fields, json_group_object(field, json_object('from', json(before), 'to', json(after))) as changes
        from (
            select
                w.key as field,
                case
                    when w.value is null then 'null'
                    when w.key like 'is\_%' escape '\' then iif(w.value, 'true', 'false')
                    when w.key in ('timestamp', 'occurred_at', 'expires_at', 'start', 'end')
                        then json_quote(strftime('%Y-%m-%dT%H:%M:%fZ', w.value / 1000.0, 'unixepoch'))
                    when w.type in ('object', 'array') then w.value
                    else json_quote(w.value)
                end as before,
                case
                    when b.value is null then 'null'
                    when b.key like 'is\_%' escape '\' then iif(b.value, 'true', 'false')
                    when b.key in ('timestamp', 'occurred_at', 'expires_at', 'start', 'end')
                        then json_quote(strftime('%Y-%m-%dT%H:%M:%fZ', b.value / 1000.0, 'unixepoch'))
                    when b.type in ('object', 'array') then b.value
                    else json_quote(b.value)
                end as after
            from json_each(new.was) w left join json_each(new.becomes) b on b.key = w.key
            where w.value is not b.value
        )
    )
    where fields > 0;
end;

-- The line that an update's own trigger writes takes what was noted before it.
create trigger audit_log_takes_changes after insert on audit_log when new.action = 'updated'
begin
    insert into audit_changes (line, changes)
    select new.id, changes from noted_changes where entity = new.entity and subject = new.subject;
end;

-- A row that is gone: an insert here, after the line of its removal was written, says in that line what it was.
create view row_removals (entity, subject, was) as
select entity, subject, changes from noted_changes;

create trigger row_removals_noted instead of insert on row_removals
begin
    insert into row_changes (entity, subject, was, becomes) values (new.entity, new.subject, new.was, '{}');
    insert into audit_changes (line, changes)
    select l.line, n.changes
    from (select max(id) as line from audit_log where entity = new.entity and subject = new.subject and action = 'deleted') l
        join noted_changes n on n.entity = new.entity and n.subject = new.subject
    where l.line is not null
    on conflict do nothing;
end;

-- Each step of an alert, which stays when the alert is deleted. An insert into `alert_history` is a step.
create table alert_steps (
    id       integer primary key autoincrement,
    alert_id text not null,                            -- alerts.id, also of one that is no more
    at       integer not null,
    actor    text not null,
    action   text not null,                            -- `created`, `acknowledged`, `resolved`, `updated`, `escalated`, `deleted`
    detail   text                                      -- JSON; `changes` as in audit_changes
) strict;

insert into alert_steps (id, alert_id, at, actor, action, detail)
select id, alert_id, at, actor, action, detail from alert_history;

drop table alert_history;

create index alert_steps_by_alert on alert_steps (alert_id, id);

create trigger alert_steps_are_not_changed before update on alert_steps
begin
    select raise(abort, 'the history of an alert is append-only');
end;

create trigger alert_steps_are_not_deleted before delete on alert_steps
begin
    select raise(abort, 'the history of an alert is append-only');
end;

create view alert_history as
select id, alert_id, at, actor, action, detail from alert_steps;

create trigger alert_history_written instead of insert on alert_history
begin
    insert into alert_steps (alert_id, at, actor, action, detail)
    values (new.alert_id, new.at, new.actor, new.action, iif(
        new.action <> 'created' and exists (select 1 from noted_changes where entity = 'alerts' and subject = new.alert_id),
        json_set(coalesce(new.detail, '{}'), '$.changes',
            json((select changes from noted_changes where entity = 'alerts' and subject = new.alert_id))),
        new.detail
    ));
end;

-- Counts of free spots by people, which no sensor sent.
create trigger lot_counted_by_somebody after insert on lot_counts
when exists (select 1 from users where id = new.sent_by and role <> 'device')
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.received_at, new.sent_by, 'counted', 'parking_lots', new.parking_lot,
        json_object('available_spots', new.available_spots,
            'timestamp', strftime('%Y-%m-%dT%H:%M:%fZ', new.at / 1000.0, 'unixepoch')));
end;

-- What each table's changes are told by.
create trigger users_change_noted before update on users
begin
    insert into row_changes (entity, subject, was, becomes)
    values ('users', new.id,
        json_object(
            'name', old.name, 'email', old.email, 'phone', old.phone, 'role', old.role, 'device_code', old.device_code,
            'is_active', old.is_active
        ),
        json_object(
            'name', new.name, 'email', new.email, 'phone', new.phone, 'role', new.role, 'device_code', new.device_code,
            'is_active', new.is_active
        ));
end;

create trigger sites_change_noted before update on sites
begin
    insert into row_changes (entity, subject, was, becomes)
    values ('sites', new.slug,
        json_object(
            'name', old.name, 'kind', old.kind, 'latitude', old.latitude, 'longitude', old.longitude, 'time_zone', old.time_zone,
            'capacity', old.capacity, 'low_spots', old.low_spots, 'thresholds', json(old.thresholds), 'tariff', json(old.tariff)
        ),
        json_object(
            'name', new.name, 'kind', new.kind, 'latitude', new.latitude, 'longitude', new.longitude, 'time_zone', new.time_zone,
            'capacity', new.capacity, 'low_spots', new.low_spots, 'thresholds', json(new.thresholds), 'tariff', json(new.tariff)
        ));
end;

create trigger zones_change_noted before update on zones
begin
    insert into row_changes (entity, subject, was, becomes)
    values ('zones', new.site || '/' || new.code,
        json_object(
            'name', old.name, 'area_m2', old.area_m2, 'capacity', old.capacity, 'position', old.position
        ),
        json_object(
            'name', new.name, 'area_m2', new.area_m2, 'capacity', new.capacity, 'position', new.position
        ));
end;

create trigger spots_change_noted before update on spots
begin
    insert into row_changes (entity, subject, was, becomes)
    values ('spots', new.spot_id,
        json_object(
            'site', old.site, 'zone', old.zone, 'kind', old.kind, 'status', old.status
        ),
        json_object(
            'site', new.site, 'zone', new.zone, 'kind', new.kind, 'status', new.status
        ));
end;

create trigger devices_change_noted before update on devices
begin
    insert into row_changes (entity, subject, was, becomes)
    values ('devices', new.code,
        json_object(
            'site', old.site, 'zone', old.zone, 'spot_id', old.spot_id, 'name', old.name, 'firmware', old.firmware,
            'is_active', old.is_active, 'is_panic_button', old.is_panic_button
        ),
        json_object(
            'site', new.site, 'zone', new.zone, 'spot_id', new.spot_id, 'name', new.name, 'firmware', new.firmware,
            'is_active', new.is_active, 'is_panic_button', new.is_panic_button
        ));
end;

create trigger devices_removal_noted after delete on devices
begin
    insert into row_removals (entity, subject, was)
    values ('devices', old.code,
        json_object(
            'site', old.site, 'zone', old.zone, 'spot_id', old.spot_id, 'name', old.name, 'firmware', old.firmware,
            'is_active', old.is_active, 'is_panic_button', old.is_panic_button
        ));
end;

create trigger cameras_change_noted before update on cameras
begin
    insert into row_changes (entity, subject, was, becomes)
    values ('cameras', new.camera_id,
        json_object(
            'site', old.site, 'location', old.location, 'is_active', old.is_active, 'installation_date', old.installation_date,
            'last_maintenance_date', old.last_maintenance_date
        ),
        json_object(
            'site', new.site, 'location', new.location, 'is_active', new.is_active, 'installation_date', new.installation_date,
            'last_maintenance_date', new.last_maintenance_date
        ));
end;

create trigger cameras_removal_noted after delete on cameras
begin
    insert into row_removals (entity, subject, was)
    values ('cameras', old.camera_id,
        json_object(
            'site', old.site, 'location', old.location, 'is_active', old.is_active, 'installation_date', old.installation_date,
            'last_maintenance_date', old.last_maintenance_date
        ));
end;

create trigger alerts_change_noted before update on alerts
begin
    insert into row_changes (entity, subject, was, becomes)
    values ('alerts', new.id,
        json_object(
            'alert_type', old.alert_type, 'severity', old.severity, 'message', old.message, 'site', old.site,
            'zones', json(old.zones), 'vehicle_id', old.vehicle_id, 'location', old.location, 'camera', old.camera,
            'camera_id', old.camera_id, 'is_public', old.is_public, 'status', old.status, 'timestamp', old.at,
            'expires_at', old.expires_at
        ),
        json_object(
            'alert_type', new.alert_type, 'severity', new.severity, 'message', new.message, 'site', new.site,
            'zones', json(new.zones), 'vehicle_id', new.vehicle_id, 'location', new.location, 'camera', new.camera,
            'camera_id', new.camera_id, 'is_public', new.is_public, 'status', new.status, 'timestamp', new.at,
            'expires_at', new.expires_at
        ));
end;

create trigger alerts_removal_noted after delete on alerts
begin
    insert into row_removals (entity, subject, was)
    values ('alerts', old.id,
        json_object(
            'alert_type', old.alert_type, 'severity', old.severity, 'message', old.message, 'site', old.site,
            'zones', json(old.zones), 'vehicle_id', old.vehicle_id, 'location', old.location, 'camera', old.camera,
            'camera_id', old.camera_id, 'is_public', old.is_public, 'status', old.status, 'timestamp', old.at,
            'expires_at', old.expires_at
        ));
    insert into alert_history (alert_id, at, actor, action, detail)
    values (old.id, old.updated_at, old.updated_by, 'deleted',
        json_object('from', old.status, 'severity', old.severity, 'escalation', old.escalation));
end;

create trigger resources_change_noted before update on resources
begin
    insert into row_changes (entity, subject, was, becomes)
    values ('resources', new.id,
        json_object(
            'temple_id', old.site, 'type', old.type, 'name', old.name, 'status', old.status, 'capacity', old.capacity,
            'contact', old.contact,
            'location', json(iif(old.latitude is null, null, json_object('lat', old.latitude, 'lng', old.longitude))),
            'notes', old.notes
        ),
        json_object(
            'temple_id', new.site, 'type', new.type, 'name', new.name, 'status', new.status, 'capacity', new.capacity,
            'contact', new.contact,
            'location', json(iif(new.latitude is null, null, json_object('lat', new.latitude, 'lng', new.longitude))),
            'notes', new.notes
        ));
end;

create trigger resource_maintenance_change_noted before update on resource_maintenance
begin
    insert into row_changes (entity, subject, was, becomes)
    values ('resource_maintenance', new.id,
        json_object(
            'start', old.starts_at, 'end', old.ends_at, 'reason', old.reason
        ),
        json_object(
            'start', new.starts_at, 'end', new.ends_at, 'reason', new.reason
        ));
end;

create trigger resource_maintenance_removal_noted after delete on resource_maintenance
begin
    insert into row_removals (entity, subject, was)
    values ('resource_maintenance', old.id,
        json_object(
            'start', old.starts_at, 'end', old.ends_at, 'reason', old.reason
        ));
end;

create trigger incidents_change_noted before update on incidents
begin
    insert into row_changes (entity, subject, was, becomes)
    values ('incidents', new.id,
        json_object(
            'temple_id', old.site, 'type', old.type, 'severity', old.severity, 'title', old.title, 'description', old.description,
            'actions', old.actions, 'status', old.status, 'emergency_id', old.emergency_id, 'occurred_at', old.occurred_at
        ),
        json_object(
            'temple_id', new.site, 'type', new.type, 'severity', new.severity, 'title', new.title, 'description', new.description,
            'actions', new.actions, 'status', new.status, 'emergency_id', new.emergency_id, 'occurred_at', new.occurred_at
        ));
end;

create trigger reservations_change_noted before update on reservations
begin
    insert into row_changes (entity, subject, was, becomes)
    values ('reservations', new.id,
        json_object(
            'spot_id', old.spot_id, 'start', old.starts_at, 'end', old.ends_at, 'vehicle_plate', old.plate, 'status', old.status,
            'price', old.price
        ),
        json_object(
            'spot_id', new.spot_id, 'start', new.starts_at, 'end', new.ends_at, 'vehicle_plate', new.plate, 'status', new.status,
            'price', new.price
        ));
end;

create trigger transport_routes_change_noted before update on transport_routes
begin
    insert into row_changes (entity, subject, was, becomes)
    values ('transport_routes', new.id,
        json_object(
            'temple_id', old.site, 'name', old.name, 'polyline', json(old.polyline), 'is_loop', old.is_loop,
            'typical_kmh', old.typical_kmh, 'departures', json(old.departures), 'is_active', old.is_active
        ),
        json_object(
            'temple_id', new.site, 'name', new.name, 'polyline', json(new.polyline), 'is_loop', new.is_loop,
            'typical_kmh', new.typical_kmh, 'departures', json(new.departures), 'is_active', new.is_active
        ));
end;

create trigger shuttles_change_noted before update on shuttles
begin
    insert into row_changes (entity, subject, was, becomes)
    values ('shuttles', new.id,
        json_object(
            'temple_id', old.site, 'route_id', old.route, 'name', old.name, 'plate', old.plate, 'capacity', old.capacity,
            'device_code', old.device_code, 'is_active', old.is_active
        ),
        json_object(
            'temple_id', new.site, 'route_id', new.route, 'name', new.name, 'plate', new.plate, 'capacity', new.capacity,
            'device_code', new.device_code, 'is_active', new.is_active
        ));
end;

create trigger slot_templates_change_noted before update on slot_templates
begin
    insert into row_changes (entity, subject, was, becomes)
    values ('slot_templates', new.id,
        json_object(
            'weekday', old.weekday, 'slot', old.slot, 'capacity', old.capacity
        ),
        json_object(
            'weekday', new.weekday, 'slot', new.slot, 'capacity', new.capacity
        ));
end;

create trigger slot_templates_removal_noted after delete on slot_templates
begin
    insert into row_removals (entity, subject, was)
    values ('slot_templates', old.id,
        json_object(
            'weekday', old.weekday, 'slot', old.slot, 'capacity', old.capacity
        ));
end;

create trigger slot_days_change_noted before update on slot_days
begin
    insert into row_changes (entity, subject, was, becomes)
    values ('slot_days', new.site || '/' || new.date,
        json_object(
            'reason', old.reason
        ),
        json_object(
            'reason', new.reason
        ));
end;

create trigger slot_days_removal_noted after delete on slot_days
begin
    insert into row_removals (entity, subject, was)
    values ('slot_days', old.site || '/' || old.date,
        json_object(
            'reason', old.reason
        ));
end;
