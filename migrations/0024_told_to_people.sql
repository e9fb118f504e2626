-- What people are told: who goes first, what machines raise is told together, what has ended is not told, and its end is.

-- Alerts that machines raised, of one kind and site within a short while, which are told in one message (domain::alert_group). A row takes
-- alerts for a while after its last message; the next one then begins another.
create table alert_groups (
    id         integer primary key autoincrement,
    alert_type text not null,
    site       text not null,                          -- the site's slug; empty for none
    level      integer not null,                       -- rung of the escalation ladder
    told_at    integer not null,                       -- when its last message was made; 0 when its end was told: it takes no more
    messages   integer not null                        -- how many it has made for each contact
) strict;

create index alert_groups_open on alert_groups (alert_type, site, level, told_at);

-- The group that a row is told with; null for what is told by itself. Of a group's rows, those that messages refer to carry it.
alter table outbox add column group_id integer references alert_groups (id);

-- When its messages are made at the earliest: a group holds what joins it for a moment.
alter table outbox add column due_at integer not null default 0;

create index outbox_by_group on outbox (group_id, id) where group_id is not null;

drop index outbox_waiting;

create index outbox_waiting on outbox (due_at) where expanded_at is null;

-- Contacts whose receiver asked to be left alone (429 or 503 with Retry-After): what can wait does.
create table contact_pauses (
    channel text not null,
    contact text not null,
    until   integer not null,
    set_at  integer not null,                          -- when it asked
    primary key (channel, contact)
) strict, without rowid;

-- The table of messages with their priority and one more state, and with it the table that refers to it.
create table messages_rebuilt (
    id              text primary key,                  -- also the idempotency key that receivers see
    outbox_id       integer not null references outbox (id),
    channel         text not null,                     -- the name of a channel of the dispatcher
    contact         text not null,
    priority        integer not null check (priority between 0 and 3), -- domain::dispatch::Priority: 3 emergency, 2 person, 1 machine, 0 ordinary
    urgent          integer not null generated always as (priority > 0) virtual,
    state           text not null default 'queued' check (state in ('queued', 'sending', 'sent', 'dead', 'dropped')),
    attempts        integer not null default 0,
    first_at        integer not null,                  -- start of the 24 h in which it is retried; moved by a replay
    next_attempt_at integer not null,
    set_at          integer not null,                  -- when next_attempt_at or lease_until was last set; ahead of the clock, it was set back
    lease_until     integer,                           -- while `sending`: nobody else sends it before then
    lease_owner     text,
    last_error      text,
    created_at      integer not null,
    sent_at         integer,
    unique (outbox_id, channel, contact),
    check ((state = 'sending') = (lease_until is not null))
) strict;

insert into messages_rebuilt
    (id, outbox_id, channel, contact, priority, state, attempts, first_at, next_attempt_at, set_at, lease_until, lease_owner, last_error,
        created_at, sent_at)
select m.id, m.outbox_id, m.channel, m.contact,
    case
        when o.topic in ('emergency.reported', 'emergency.escalated') then 3
        when not m.urgent then 0
        when json_valid(o.payload) and o.payload ->> '$.source' = 'system' then 1
        else 2
    end,
    m.state, m.attempts, m.first_at, m.next_attempt_at, m.created_at, m.lease_until, m.lease_owner, m.last_error, m.created_at, m.sent_at
from messages m join outbox o on o.id = m.outbox_id;

create table deliveries_rebuilt (
    message_id  text not null references messages_rebuilt (id),
    attempt     integer not null,
    channel     text not null,
    contact     text not null,
    at          integer not null,
    outcome     text not null check (outcome in ('sent', 'retry', 'dead')),
    http_status integer,
    error       text,
    duration_ms integer not null,
    primary key (message_id, attempt)
) strict, without rowid;

insert into deliveries_rebuilt (message_id, attempt, channel, contact, at, outcome, http_status, error, duration_ms)
select message_id, attempt, channel, contact, at, outcome, http_status, error, duration_ms from deliveries;

drop table deliveries;

drop table messages;

alter table messages_rebuilt rename to messages;

alter table deliveries_rebuilt rename to deliveries;

create index messages_due on messages (priority, next_attempt_at) where state in ('queued', 'sending');

create index messages_first on messages (priority, next_attempt_at) where state = 'queued' and attempts = 0;

create index messages_set on messages (set_at) where state in ('queued', 'sending');

create index messages_by_state on messages (state, id);

create index messages_by_channel on messages (channel, id);

create index deliveries_by_contact on deliveries (channel, contact, at);

-- Who was told of a trouble is told of its end: the dispatcher looks whom. Nothing of it is urgent. What was critical once counts, whatever it
-- was made later.
create trigger alerts_ended after update of status on alerts
when new.status = 'resolved' and old.status <> 'resolved'
    and exists (select 1 from outbox where topic in ('alert.critical', 'device.offline') and subject = new.id)
begin
    insert into outbox (topic, subject, payload, created_at)
    select 'alert.resolved', new.id, document, new.updated_at from alert_documents where id = new.id
    on conflict do nothing;
end;

-- One that is deleted is over as well.
create trigger alerts_withdrawn before delete on alerts
when old.status <> 'resolved' and exists (select 1 from outbox where topic in ('alert.critical', 'device.offline') and subject = old.id)
begin
    insert into outbox (topic, subject, payload, created_at)
    select 'alert.resolved', old.id, document, old.updated_at from alert_documents where id = old.id
    on conflict do nothing;
end;

-- Whatever ends an emergency: resolved, or a state of later that is none of the open ones.
create trigger emergencies_ended after update of status on emergencies
when old.status in ('reported', 'acknowledged', 'in_progress') and new.status not in ('reported', 'acknowledged', 'in_progress')
begin
    insert into outbox (topic, subject, payload, created_at)
    select 'emergency.resolved', new.id, document, new.updated_at from emergency_documents where id = new.id
    on conflict do nothing;
end;
