-- The event feed: what SSE streams read, resumed by id (contract §10). Pruned by the scheduled run.
create table events (
    id          integer primary key autoincrement,
    channel     text not null check (channel in ('alerts', 'emergency', 'crowd', 'transport', 'parking')),
    kind        text not null,                         -- the SSE `event:` name: `alert`, `spot`, `device`, …
    site        text,
    data        text not null,                         -- JSON for operators
    public_data text,                                  -- JSON for everyone, null when nobody else may see it
    at          integer not null
) strict;

create index events_by_time on events (at);

-- One-minute, one-use tickets for browsers' EventSource, which cannot send headers. Only a SHA-256 is kept.
create table event_tickets (
    ticket_hash blob primary key,
    user_id     text not null,
    role        text not null,
    expires_at  integer not null
) strict, without rowid;

create index event_tickets_by_expiry on event_tickets (expires_at);

-- What must be told to the world, written in the transaction of its cause. The dispatcher turns each row into one message for
-- each configured channel and contact.
create table outbox (
    id          integer primary key autoincrement,
    topic       text not null,                         -- `alert.critical`, `device.offline`, `alert.escalated`
    subject     text not null,                         -- the alert's id
    level       integer not null default 0,            -- rung of the escalation ladder
    urgent      integer not null default 0 check (urgent in (0, 1)),
    payload     text not null,                         -- JSON
    created_at  integer not null,
    expanded_at integer,                               -- when its messages were written
    unique (topic, subject, level)
) strict;

create index outbox_waiting on outbox (id) where expanded_at is null;

-- One message to one contact through one channel.
create table messages (
    id              text primary key,                  -- also the idempotency key that receivers see
    outbox_id       integer not null references outbox (id),
    channel         text not null check (channel in ('webhook', 'sms', 'mail', 'chat', 'ntfy')),
    contact         text not null,
    urgent          integer not null check (urgent in (0, 1)),
    state           text not null default 'queued' check (state in ('queued', 'sending', 'sent', 'dead')),
    attempts        integer not null default 0,
    first_at        integer not null,                  -- start of the 24 h in which it is retried; moved by a replay
    next_attempt_at integer not null,
    lease_until     integer,                           -- while `sending`: nobody else sends it before then
    lease_owner     text,
    last_error      text,
    created_at      integer not null,
    sent_at         integer,
    unique (outbox_id, channel, contact),
    check ((state = 'sending') = (lease_until is not null))
) strict;

create index messages_due on messages (urgent desc, next_attempt_at) where state in ('queued', 'sending');

create index messages_by_state on messages (state, id);

create index messages_by_channel on messages (channel, id);

-- Every attempt and how it ended.
create table deliveries (
    message_id  text not null references messages (id),
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

create index deliveries_by_contact on deliveries (channel, contact, at);

-- Work that one runner does at a time: the scheduled run and its steps.
create table leases (
    name        text primary key,
    owner       text,
    lease_until integer,
    started_at  integer,
    finished_at integer,
    runs        integer not null default 0
) strict, without rowid;
