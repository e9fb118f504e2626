-- Alerts: S1's from cameras, S3's broadcasts, and those the system raises by itself (contract §6).
create table alerts (
    id              text primary key,
    alert_type      text not null,
    severity        text not null check (severity in ('info', 'warning', 'critical')),
    message         text not null,
    site            text references sites (slug),
    zones           text,                              -- JSON array of zone codes
    vehicle_id      text,
    location        text,
    camera          text,
    camera_id       text,
    is_public       integer not null default 0 check (is_public in (0, 1)),
    source          text not null check (source in ('manual', 'system')),
    subject         text,                              -- for `system`: the device, spot or lot it is about
    status          text not null default 'active' check (status in ('active', 'acknowledged', 'resolved')),
    at              integer not null,                  -- when it happened
    expires_at      integer,
    acknowledged_at integer,
    acknowledged_by text,
    resolved_at     integer,
    resolved_by     text,
    escalation      integer not null default 0,        -- rungs climbed so far
    created_at      integer not null,
    created_by      text not null,
    updated_at      integer not null,
    updated_by      text not null
) strict;

-- An anomaly is raised once: while one is open, another of its kind about the same subject is not added.
create unique index alerts_open_anomaly on alerts (alert_type, subject) where source = 'system' and status <> 'resolved';

create index alerts_by_status on alerts (status, id);

create index alerts_by_site on alerts (site, id);

create index alerts_by_camera on alerts (camera_id, id);

create index alerts_by_severity on alerts (severity, id);

create index alerts_by_type on alerts (alert_type, id);

create index alerts_by_source on alerts (source, id);

create index alerts_to_escalate on alerts (created_at) where severity = 'critical' and status = 'active';

-- Each step of an alert: who, when, from what to what.
create table alert_history (
    id       integer primary key autoincrement,
    alert_id text not null references alerts (id) on delete cascade,
    at       integer not null,
    actor    text not null,
    action   text not null,                            -- `created`, `acknowledged`, `resolved`, `updated`, `escalated`
    detail   text
) strict;

create index alert_history_by_alert on alert_history (alert_id, id);

-- The alert as the world sees it; one place, so that the feed, the outbox and the routes agree.
create view alert_documents as
select
    id,
    json_object(
        'id', id, 'alert_type', alert_type, 'severity', severity, 'message', message, 'site', site,
        'zones', json(coalesce(zones, '[]')), 'vehicle_id', vehicle_id, 'location', location, 'camera', camera,
        'camera_id', camera_id, 'is_public', json(iif(is_public, 'true', 'false')), 'source', source, 'subject', subject,
        'status', status,
        'timestamp', strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000.0, 'unixepoch'),
        'expires_at', strftime('%Y-%m-%dT%H:%M:%fZ', expires_at / 1000.0, 'unixepoch'),
        'acknowledged_at', strftime('%Y-%m-%dT%H:%M:%fZ', acknowledged_at / 1000.0, 'unixepoch'),
        'acknowledged_by', acknowledged_by,
        'resolved_at', strftime('%Y-%m-%dT%H:%M:%fZ', resolved_at / 1000.0, 'unixepoch'),
        'resolved_by', resolved_by, 'escalation', escalation,
        'created_at', strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000.0, 'unixepoch'),
        'created_by', created_by,
        'updated_at', strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000.0, 'unixepoch')
    ) as document,
    json_object(
        'id', id, 'alert_type', alert_type, 'severity', severity, 'message', message, 'site', site,
        'zones', json(coalesce(zones, '[]')), 'status', status,
        'timestamp', strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000.0, 'unixepoch'),
        'expires_at', strftime('%Y-%m-%dT%H:%M:%fZ', expires_at / 1000.0, 'unixepoch')
    ) as public_document
from alerts;

create trigger alerts_created after insert on alerts
begin
    insert into alert_history (alert_id, at, actor, action) values (new.id, new.created_at, new.created_by, 'created');
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.created_at, new.created_by, 'created', 'alerts', new.id,
        json_object('alert_type', new.alert_type, 'severity', new.severity));
    insert into events (channel, kind, site, data, public_data, at)
    select 'alerts', 'alert', new.site, document, iif(new.is_public, public_document, null), new.created_at
    from alert_documents where id = new.id;
    insert into outbox (topic, subject, urgent, payload, created_at)
    select iif(new.alert_type = 'device_offline', 'device.offline', 'alert.critical'), new.id, 1, document, new.created_at
    from alert_documents where id = new.id and new.severity = 'critical'
    on conflict do nothing;
end;

create trigger alerts_changed after update of status, escalation, message, severity, zones, expires_at, is_public, location on alerts
begin
    insert into alert_history (alert_id, at, actor, action, detail)
    values (new.id, new.updated_at, new.updated_by,
        case
            when new.status <> old.status then new.status
            when new.escalation <> old.escalation then 'escalated'
            else 'updated'
        end,
        json_object('from', old.status, 'severity', new.severity, 'escalation', new.escalation));
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.updated_at, new.updated_by, 'updated', 'alerts', new.id, json_object('status', new.status, 'severity', new.severity));
    insert into events (channel, kind, site, data, public_data, at)
    select 'alerts', 'alert', new.site, document, iif(new.is_public, public_document, null), new.updated_at
    from alert_documents where id = new.id;
    insert into outbox (topic, subject, level, urgent, payload, created_at)
    select iif(new.escalation > old.escalation, 'alert.escalated', 'alert.critical'), new.id, new.escalation, 1, document, new.updated_at
    from alert_documents
    where id = new.id and (new.escalation > old.escalation or (new.severity = 'critical' and old.severity <> 'critical'))
    on conflict do nothing;
end;

create trigger alerts_deleted before delete on alerts
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (old.updated_at, old.updated_by, 'deleted', 'alerts', old.id, json_object('alert_type', old.alert_type));
end;

-- Raising by the system itself, from triggers and from the scheduled run: an insert here is an alert, unless one is open already.
-- The id is a UUIDv7 (RFC 9562 §5.7) made of the time given and of SQLite's randomness.
create view system_alerts as
select alert_type, subject, site, zones, severity, message, at from alerts where source = 'system';

create trigger system_alerts_raised instead of insert on system_alerts
begin
    insert into alerts (id, alert_type, severity, message, site, zones, source, subject, at,
        created_at, created_by, updated_at, updated_by)
    select
        substr(t, 1, 8) || '-' || substr(t, 9, 4) || '-7' || substr(r, 1, 3) || '-'
            || substr('89ab', 1 + (random() & 3), 1) || substr(r, 4, 3) || '-' || substr(r, 7, 12),
        new.alert_type, new.severity, new.message, new.site, new.zones, 'system', new.subject, new.at,
        new.at, 'system', new.at, 'system'
    from (select printf('%012x', new.at) as t, lower(hex(randomblob(9))) as r)
    where not exists (
        select 1 from alerts
        where source = 'system' and status <> 'resolved' and alert_type = new.alert_type and subject = new.subject
    );
end;
