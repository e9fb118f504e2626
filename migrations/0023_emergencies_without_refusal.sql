-- Emergencies of which only the type is known: what is missing or was not understood is noted, never refused; a position
-- says how exact it is; a reporter cancels, an operator closes a false alarm; a panic button speaks for its own site.

-- A device that raises emergencies for its own site. Any other device raises none.
alter table devices add column is_panic_button integer not null default 0 check (is_panic_button in (0, 1));

-- The panic buttons in use, and where each is in words, such as `By the lift, spot B1-07, Basement 1`: what places tell emergencies.
create view panic_buttons (code, site, place) as
select d.code, d.site, coalesce(d.name || ', ', '') || coalesce('spot ' || d.spot_id || ', ', '') || coalesce(z.name, d.zone)
from devices d left join zones z on z.site = d.site and z.code = d.zone
where d.is_active = 1 and d.is_panic_button = 1;

-- The table is made anew under its own name, and what refers to it stays: those references are judged at the end of this transaction.
pragma defer_foreign_keys = on;

create table emergencies_before as select * from emergencies;

drop view emergency_documents;

drop table emergencies;

create table emergencies (
    id              text primary key,
    site            text references sites (slug),      -- null when it is not known
    -- One plain word of domain::emergency, since the public sees it: nobody's own words can get in here.
    type            text not null check (length(type) between 1 and 32 and type not glob '*[^a-z_]*'),
    reported_type   text,                              -- the reporter's word where it is none of ours
    severity        text not null check (severity in ('low', 'medium', 'high', 'critical')),
    description     text,                              -- null when nothing was said
    latitude        real check (latitude between -90 and 90),
    longitude       real check (longitude between -180 and 180),
    accuracy_m      real check (accuracy_m >= 0),      -- how far off the position may be, metres; null when it is not known
    location_approximate integer not null default 1 check (location_approximate in (0, 1)), -- 0 only for a position that is known well
    place           text,                              -- where it is in words: the reporter's, or where the panic button is
    notes           text check (json_type(notes) = 'object'), -- what was missing or not understood: JSON, reasons by field; null for nothing
    status          text not null default 'reported'
        check (status in ('reported', 'acknowledged', 'in_progress', 'resolved', 'cancelled', 'false_alarm')),
    reported_by     text not null,                     -- user id, or `device:CODE`
    acknowledged_at integer,
    acknowledged_by text,
    in_progress_at  integer,
    in_progress_by  text,
    resolved_at     integer,
    resolved_by     text,
    closed_at       integer,                           -- when it was cancelled, or closed as a false alarm
    closed_by       text,
    resolution      text,                              -- how it ended, in the words of who ended it
    escalation      integer not null default 0,        -- rungs climbed so far
    created_at      integer not null,
    updated_at      integer not null,
    updated_by      text not null,
    check ((latitude is null) = (longitude is null)),
    check (location_approximate = 1 or latitude is not null),
    -- The steps that it took are a beginning of all steps; one that was cancelled or was a false alarm ended after any of them.
    check (status <> 'reported' or acknowledged_at is null),
    check (status not in ('acknowledged', 'in_progress', 'resolved') or acknowledged_at is not null),
    check (status not in ('reported', 'acknowledged') or in_progress_at is null),
    check (status not in ('in_progress', 'resolved') or in_progress_at is not null),
    check ((status = 'resolved') = (resolved_at is not null)),
    check ((status in ('cancelled', 'false_alarm')) = (closed_at is not null))
) strict;

-- How exact a position was nobody had asked: it is taken as approximate.
insert into emergencies (id, site, type, reported_type, severity, description, latitude, longitude, location_approximate, status, reported_by,
    acknowledged_at, acknowledged_by, in_progress_at, in_progress_by, resolved_at, resolved_by, resolution, escalation, created_at,
    updated_at, updated_by)
select id, site, type, reported_type, severity, description, latitude, longitude, 1, status, reported_by,
    acknowledged_at, acknowledged_by, in_progress_at, in_progress_by, resolved_at, resolved_by, resolution, escalation, created_at,
    updated_at, updated_by
from emergencies_before;

drop table emergencies_before;

create index emergencies_by_site on emergencies (site, id);

create index emergencies_by_site_and_time on emergencies (site, created_at);

create index emergencies_by_reporter on emergencies (reported_by, id);

create index emergencies_open on emergencies (id) where status in ('reported', 'acknowledged', 'in_progress');

create index emergencies_open_by_site on emergencies (site, id) where status in ('reported', 'acknowledged', 'in_progress');

create index emergencies_to_escalate on emergencies (created_at) where status = 'reported';

-- An emergency as operators see it, with how to call its reporter back; as its reporter follows it; and its bare facts, which are all
-- that the public sees: type, place of worship, severity and status, never a person's name, place or words.
create view emergency_documents as
select
    e.id,
    json_object(
        'id', e.id, 'temple_id', e.site, 'type', e.type, 'reported_type', e.reported_type, 'severity', e.severity,
        'description', e.description,
        'location', iif(e.latitude is null, null, json_object('lat', e.latitude, 'lng', e.longitude)),
        'location_approximate', json(iif(e.location_approximate, 'true', 'false')), 'accuracy_m', e.accuracy_m, 'place', e.place,
        'notes', json(coalesce(e.notes, '{}')), 'status', e.status, 'reported_by', e.reported_by,
        'reporter_name', (select name from user_contacts where id = e.reported_by),
        'reporter_phone', (select phone from user_contacts where id = e.reported_by),
        'reported_at', strftime('%Y-%m-%dT%H:%M:%fZ', e.created_at / 1000.0, 'unixepoch'),
        'acknowledged_at', strftime('%Y-%m-%dT%H:%M:%fZ', e.acknowledged_at / 1000.0, 'unixepoch'),
        'acknowledged_by', e.acknowledged_by,
        'in_progress_at', strftime('%Y-%m-%dT%H:%M:%fZ', e.in_progress_at / 1000.0, 'unixepoch'),
        'in_progress_by', e.in_progress_by,
        'resolved_at', strftime('%Y-%m-%dT%H:%M:%fZ', e.resolved_at / 1000.0, 'unixepoch'),
        'resolved_by', e.resolved_by,
        'closed_at', strftime('%Y-%m-%dT%H:%M:%fZ', e.closed_at / 1000.0, 'unixepoch'),
        'closed_by', e.closed_by, 'resolution', e.resolution, 'escalation', e.escalation,
        'resources', json(coalesce((
            select json_group_array(json_object(
                'resource_id', a.resource_id, 'type', r.type, 'name', r.name,
                'assigned_at', strftime('%Y-%m-%dT%H:%M:%fZ', a.assigned_at / 1000.0, 'unixepoch'), 'assigned_by', a.assigned_by,
                'released_at', strftime('%Y-%m-%dT%H:%M:%fZ', a.released_at / 1000.0, 'unixepoch')
            ))
            from (select * from assignments where emergency_id = e.id order by id) a join resource_names r on r.id = a.resource_id
        ), '[]')),
        'updated_at', strftime('%Y-%m-%dT%H:%M:%fZ', e.updated_at / 1000.0, 'unixepoch')
    ) as document,
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
    where emergency_id = new.id and released_at is null and new.status in ('resolved', 'cancelled', 'false_alarm');
    insert into events (channel, kind, site, data, public_data, at)
    select 'emergency', 'emergency', new.site, document, iif(new.status <> old.status, public_document, null), new.updated_at
    from emergency_documents where id = new.id;
    insert into outbox (topic, subject, level, urgent, payload, created_at)
    select 'emergency.escalated', new.id, new.escalation, 1, document, new.updated_at
    from emergency_documents where id = new.id and new.escalation > old.escalation
    on conflict do nothing;
end;

drop trigger assignments_ended;

create trigger assignments_ended after update of released_at on assignments when old.released_at is null and new.released_at is not null
begin
    insert into emergency_history (emergency_id, at, actor, action, detail)
    values (new.emergency_id, new.released_at, new.released_by, 'released', json_object('resource_id', new.resource_id));
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.released_at, new.released_by, 'released', 'resources', new.resource_id, json_object('emergency_id', new.emergency_id));
    insert into events (channel, kind, site, data, at)
    select 'emergency', 'emergency', e.site, d.document, new.released_at
    from emergencies e join emergency_documents d on d.id = e.id
    where e.id = new.emergency_id and e.status in ('reported', 'acknowledged', 'in_progress');
end;
