-- What a temple can send or use (contract §6): ambulances, security, facilities, … Whether one is at an emergency is in `assignments`
-- (0011), whether it is in the workshop in `resource_maintenance`: only what people decide is kept here.
create table resources (
    id         text primary key,
    site       text not null references sites (slug),
    type       text not null,                          -- one lowercase word: `ambulance`, `security`, `facility`, …
    name       text not null collate nocase,
    status     text not null default 'available' check (status in ('available', 'out_of_service')),
    capacity   integer check (capacity >= 0),
    contact    text,                                   -- how the crew is reached
    latitude   real check (latitude between -90 and 90),
    longitude  real check (longitude between -180 and 180),
    notes      text,
    retired_at integer,                                -- deleted: kept for the history of the emergencies that it was at
    created_at integer not null,
    created_by text not null,
    updated_at integer not null,
    updated_by text not null,
    check ((latitude is null) = (longitude is null))
) strict;

create unique index resources_by_name on resources (site, name) where retired_at is null;

create index resources_in_use on resources (id) where retired_at is null;

create index resources_by_site on resources (site, id) where retired_at is null;

create trigger resources_created after insert on resources
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.created_at, new.created_by, 'created', 'resources', new.id, json_object('type', new.type, 'temple_id', new.site));
end;

create trigger resources_updated after update on resources
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.updated_at, new.updated_by, iif(new.retired_at is not null and old.retired_at is null, 'deleted', 'updated'), 'resources',
        new.id, json_object('type', new.type, 'temple_id', new.site, 'status', new.status));
end;

-- The maintenance calendar: half-open windows that never overlap for one resource.
create table resource_maintenance (
    id          text primary key,
    resource_id text not null references resources (id),
    starts_at   integer not null,
    ends_at     integer not null,
    reason      text,
    created_at  integer not null,
    created_by  text not null,
    updated_at  integer not null,
    updated_by  text not null,
    check (ends_at > starts_at)
) strict;

create index resource_maintenance_by_time on resource_maintenance (resource_id, starts_at, ends_at);

create trigger resource_maintenance_created after insert on resource_maintenance
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.created_at, new.created_by, 'created', 'resource_maintenance', new.id, json_object('resource_id', new.resource_id));
end;

create trigger resource_maintenance_updated after update of starts_at, ends_at, reason on resource_maintenance
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.updated_at, new.updated_by, 'updated', 'resource_maintenance', new.id, json_object('resource_id', new.resource_id));
end;

create trigger resource_maintenance_deleted before delete on resource_maintenance
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (old.updated_at, old.updated_by, 'deleted', 'resource_maintenance', old.id, json_object('resource_id', old.resource_id));
end;

-- Past incidents, written down by operators.
create table incidents (
    id           text primary key,
    site         text not null references sites (slug),
    type         text not null,
    severity     text not null check (severity in ('low', 'medium', 'high', 'critical')),
    title        text not null,
    description  text,
    actions      text,                                 -- what was done
    status       text not null default 'open' check (status in ('open', 'closed')),
    emergency_id text references emergencies (id),     -- the emergency that it was, if it was one
    occurred_at  integer not null,
    deleted_at   integer,                              -- no longer listed; its history stays
    created_at   integer not null,
    created_by   text not null,
    updated_at   integer not null,
    updated_by   text not null
) strict;

create index incidents_by_time on incidents (occurred_at, id) where deleted_at is null;

create index incidents_by_site on incidents (site, occurred_at, id) where deleted_at is null;

create view incident_documents as
select
    id,
    json_object(
        'id', id, 'temple_id', site, 'type', type, 'severity', severity, 'title', title, 'description', description,
        'actions', actions, 'status', status, 'emergency_id', emergency_id,
        'occurred_at', strftime('%Y-%m-%dT%H:%M:%fZ', occurred_at / 1000.0, 'unixepoch'),
        'created_at', strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000.0, 'unixepoch'), 'created_by', created_by,
        'updated_at', strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000.0, 'unixepoch'), 'updated_by', updated_by
    ) as document
from incidents;

-- Every version of an incident: who, when, and the incident as it then was.
create table incident_history (
    id          integer primary key autoincrement,
    incident_id text not null references incidents (id),
    at          integer not null,
    actor       text not null,
    action      text not null check (action in ('created', 'updated', 'deleted')),
    document    text not null
) strict;

create index incident_history_by_incident on incident_history (incident_id, id);

create trigger incident_history_is_not_changed before update on incident_history
begin
    select raise(abort, 'the history of an incident is append-only');
end;

create trigger incident_history_is_not_deleted before delete on incident_history
begin
    select raise(abort, 'the history of an incident is append-only');
end;

create trigger incidents_created after insert on incidents
begin
    insert into incident_history (incident_id, at, actor, action, document)
    select new.id, new.created_at, new.created_by, 'created', document from incident_documents where id = new.id;
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.created_at, new.created_by, 'created', 'incidents', new.id, json_object('type', new.type, 'temple_id', new.site));
end;

create trigger incidents_updated after update on incidents
begin
    insert into incident_history (incident_id, at, actor, action, document)
    select new.id, new.updated_at, new.updated_by, iif(new.deleted_at is not null and old.deleted_at is null, 'deleted', 'updated'), document
    from incident_documents where id = new.id;
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.updated_at, new.updated_by, iif(new.deleted_at is not null and old.deleted_at is null, 'deleted', 'updated'), 'incidents',
        new.id, json_object('status', new.status, 'severity', new.severity));
end;

-- The audit trail refuses changes (0001); nothing may be taken out of it either.
create trigger audit_log_is_never_deleted before delete on audit_log
begin
    select raise(abort, 'the audit log is append-only');
end;

-- How administrators look into it.
create index audit_log_by_time on audit_log (at);

create index audit_log_by_actor on audit_log (actor, at);

create index audit_log_by_action on audit_log (action, at);

create index audit_log_by_entity on audit_log (entity, at);
