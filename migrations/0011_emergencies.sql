-- Emergencies (contract §6): reported by anyone who is signed in, taken in hand by operators, step by step.
create table emergencies (
    id              text primary key,
    site            text not null references sites (slug),
    -- One plain word of domain::emergency, since the public sees it: nobody's own words can get in here.
    type            text not null check (length(type) between 1 and 32 and type not glob '*[^a-z_]*'),
    reported_type   text,                              -- the reporter's word where it is none of ours
    severity        text not null check (severity in ('low', 'medium', 'high', 'critical')),
    description     text not null,
    latitude        real not null check (latitude between -90 and 90),
    longitude       real not null check (longitude between -180 and 180),
    status          text not null default 'reported' check (status in ('reported', 'acknowledged', 'in_progress', 'resolved')),
    reported_by     text not null,                     -- user id, or `device:CODE`
    acknowledged_at integer,
    acknowledged_by text,
    in_progress_at  integer,
    in_progress_by  text,
    resolved_at     integer,
    resolved_by     text,
    resolution      text,                              -- how it ended, in the operator's words
    escalation      integer not null default 0,        -- rungs climbed so far
    created_at      integer not null,
    updated_at      integer not null,
    updated_by      text not null,
    check ((status = 'reported') = (acknowledged_at is null)),
    check ((status in ('in_progress', 'resolved')) = (in_progress_at is not null)),
    check ((status = 'resolved') = (resolved_at is not null))
) strict;

create index emergencies_by_site on emergencies (site, id);

create index emergencies_by_site_and_time on emergencies (site, created_at);

create index emergencies_by_reporter on emergencies (reported_by, id);

create index emergencies_open on emergencies (id) where status <> 'resolved';

create index emergencies_open_by_site on emergencies (site, id) where status <> 'resolved';

create index emergencies_to_escalate on emergencies (created_at) where status = 'reported';

-- Each step of an emergency: who, when, what. Nothing is ever taken out of it.
create table emergency_history (
    id           integer primary key autoincrement,
    emergency_id text not null references emergencies (id),
    at           integer not null,
    actor        text not null,
    action       text not null,                        -- `reported`, `acknowledged`, `in_progress`, `resolved`, `assigned`, `released`, `escalated`
    detail       text                                  -- JSON
) strict;

create index emergency_history_by_emergency on emergency_history (emergency_id, id);

create trigger emergency_history_is_not_changed before update on emergency_history
begin
    select raise(abort, 'the history of an emergency is append-only');
end;

create trigger emergency_history_is_not_deleted before delete on emergency_history
begin
    select raise(abort, 'the history of an emergency is append-only');
end;

-- Which resource (0012) went to which emergency, and until when.
create table assignments (
    id           integer primary key,
    emergency_id text not null references emergencies (id),
    resource_id  text not null references resources (id),
    assigned_at  integer not null,
    assigned_by  text not null,
    released_at  integer,
    released_by  text,
    check (released_at >= assigned_at)
) strict;

-- A resource is never at two emergencies at once.
create unique index assignments_live on assignments (resource_id) where released_at is null;

create index assignments_by_emergency on assignments (emergency_id, id);

create index assignments_by_resource on assignments (resource_id, assigned_at);

-- An emergency as operators see it, as its reporter follows it, and its bare facts, which are all that the public sees: type, place
-- of worship, severity and status, never a person's name, place or words.
create view emergency_documents as
select
    e.id,
    json_object(
        'id', e.id, 'temple_id', e.site, 'type', e.type, 'reported_type', e.reported_type, 'severity', e.severity,
        'description', e.description, 'location', json_object('lat', e.latitude, 'lng', e.longitude), 'status', e.status,
        'reported_by', e.reported_by,
        'reported_at', strftime('%Y-%m-%dT%H:%M:%fZ', e.created_at / 1000.0, 'unixepoch'),
        'acknowledged_at', strftime('%Y-%m-%dT%H:%M:%fZ', e.acknowledged_at / 1000.0, 'unixepoch'),
        'acknowledged_by', e.acknowledged_by,
        'in_progress_at', strftime('%Y-%m-%dT%H:%M:%fZ', e.in_progress_at / 1000.0, 'unixepoch'),
        'in_progress_by', e.in_progress_by,
        'resolved_at', strftime('%Y-%m-%dT%H:%M:%fZ', e.resolved_at / 1000.0, 'unixepoch'),
        'resolved_by', e.resolved_by, 'resolution', e.resolution, 'escalation', e.escalation,
        'resources', json(coalesce((
            select json_group_array(json_object(
                'resource_id', a.resource_id, 'type', r.type, 'name', r.name,
                'assigned_at', strftime('%Y-%m-%dT%H:%M:%fZ', a.assigned_at / 1000.0, 'unixepoch'), 'assigned_by', a.assigned_by,
                'released_at', strftime('%Y-%m-%dT%H:%M:%fZ', a.released_at / 1000.0, 'unixepoch')
            ))
            from (select * from assignments where emergency_id = e.id order by id) a join resources r on r.id = a.resource_id
        ), '[]')),
        'updated_at', strftime('%Y-%m-%dT%H:%M:%fZ', e.updated_at / 1000.0, 'unixepoch')
    ) as document,
    json_object(
        'id', e.id, 'temple_id', e.site, 'type', e.type, 'severity', e.severity, 'description', e.description,
        'location', json_object('lat', e.latitude, 'lng', e.longitude), 'status', e.status,
        'reported_at', strftime('%Y-%m-%dT%H:%M:%fZ', e.created_at / 1000.0, 'unixepoch'),
        'acknowledged_at', strftime('%Y-%m-%dT%H:%M:%fZ', e.acknowledged_at / 1000.0, 'unixepoch'),
        'in_progress_at', strftime('%Y-%m-%dT%H:%M:%fZ', e.in_progress_at / 1000.0, 'unixepoch'),
        'resolved_at', strftime('%Y-%m-%dT%H:%M:%fZ', e.resolved_at / 1000.0, 'unixepoch'),
        'resources', json(coalesce((
            select json_group_array(json_object('type', r.type))
            from (select * from assignments where emergency_id = e.id and released_at is null order by id) a
                join resources r on r.id = a.resource_id
        ), '[]')),
        'updated_at', strftime('%Y-%m-%dT%H:%M:%fZ', e.updated_at / 1000.0, 'unixepoch')
    ) as reporter_document,
    json_object('id', e.id, 'temple_id', e.site, 'type', e.type, 'severity', e.severity, 'status', e.status) as public_document
from emergencies e;

-- One that is over when it is written down (from the records of before) is news to nobody.
create trigger emergencies_reported after insert on emergencies
begin
    insert into emergency_history (emergency_id, at, actor, action)
    select new.id, at, actor, action
    from (
        select new.created_at as at, new.reported_by as actor, 'reported' as action
        union all select new.acknowledged_at, new.acknowledged_by, 'acknowledged'
        union all select new.in_progress_at, new.in_progress_by, 'in_progress'
        union all select new.resolved_at, new.resolved_by, 'resolved'
    )
    where at is not null;
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.updated_at, new.updated_by, 'created', 'emergencies', new.id,
        json_object('type', new.type, 'severity', new.severity, 'temple_id', new.site));
    insert into events (channel, kind, site, data, public_data, at)
    select 'emergency', 'emergency', new.site, document, public_document, new.created_at
    from emergency_documents where id = new.id and new.status <> 'resolved';
    insert into outbox (topic, subject, urgent, payload, created_at)
    select 'emergency.reported', new.id, 1, document, new.created_at
    from emergency_documents where id = new.id and new.status <> 'resolved'
    on conflict do nothing;
end;

-- What was assigned is free again before the feed tells that it is over.
create trigger emergencies_changed after update of status, escalation on emergencies
begin
    insert into emergency_history (emergency_id, at, actor, action, detail)
    values (new.id, new.updated_at, new.updated_by, iif(new.status <> old.status, new.status, 'escalated'),
        json_object('from', old.status, 'escalation', new.escalation));
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.updated_at, new.updated_by, 'updated', 'emergencies', new.id,
        json_object('status', new.status, 'escalation', new.escalation));
    update assignments set released_at = max(new.updated_at, assigned_at), released_by = new.updated_by
    where emergency_id = new.id and released_at is null and new.status = 'resolved';
    insert into events (channel, kind, site, data, public_data, at)
    select 'emergency', 'emergency', new.site, document, iif(new.status <> old.status, public_document, null), new.updated_at
    from emergency_documents where id = new.id;
    insert into outbox (topic, subject, level, urgent, payload, created_at)
    select 'emergency.escalated', new.id, new.escalation, 1, document, new.updated_at
    from emergency_documents where id = new.id and new.escalation > old.escalation
    on conflict do nothing;
end;

create trigger assignments_made after insert on assignments
begin
    insert into emergency_history (emergency_id, at, actor, action, detail)
    values (new.emergency_id, new.assigned_at, new.assigned_by, 'assigned', json_object('resource_id', new.resource_id));
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.assigned_at, new.assigned_by, 'assigned', 'resources', new.resource_id, json_object('emergency_id', new.emergency_id));
    insert into events (channel, kind, site, data, at)
    select 'emergency', 'emergency', e.site, d.document, new.assigned_at
    from emergencies e join emergency_documents d on d.id = e.id where e.id = new.emergency_id;
end;

create trigger assignments_ended after update of released_at on assignments when old.released_at is null and new.released_at is not null
begin
    insert into emergency_history (emergency_id, at, actor, action, detail)
    values (new.emergency_id, new.released_at, new.released_by, 'released', json_object('resource_id', new.resource_id));
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.released_at, new.released_by, 'released', 'resources', new.resource_id, json_object('emergency_id', new.emergency_id));
    insert into events (channel, kind, site, data, at)
    select 'emergency', 'emergency', e.site, d.document, new.released_at
    from emergencies e join emergency_documents d on d.id = e.id where e.id = new.emergency_id and e.status <> 'resolved';
end;

-- What is urgent and was never tried goes out before all that is to be repeated.
create index messages_first on messages (next_attempt_at) where state = 'queued' and urgent = 1 and attempts = 0;

-- Alerts in force (contract §6): those that everybody may read, all of them, and those whose end comes next.
create index alerts_public_in_force on alerts (id) where is_public = 1 and status <> 'resolved';

create index alerts_in_force on alerts (id) where status <> 'resolved';

create index alerts_to_expire on alerts (expires_at) where status <> 'resolved';
