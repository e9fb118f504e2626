-- Mails that administrators send, one by one and to many; who gets none; what the mail service reports (docs/reference/mail.md).

-- Templates, in Jinja's language (domain::mail_template).
create table mail_templates (
    name       text primary key,                       -- a slug
    subject    text not null,
    text       text not null,
    html       text,
    created_at integer not null,
    updated_at integer not null,
    updated_by text not null
) strict, without rowid;

-- One request: what was written, as it was then, whatever becomes of its template. Removed by the scheduled run with the last of its mails.
create table mail_batches (
    id          text primary key,
    kind        text not null check (kind in ('single', 'bulk')),
    template    text,                                  -- its name; null when the words were sent with the request
    subject     text not null,
    text        text not null,
    html        text,
    reply_to    text,
    created_at  integer not null,
    created_by  text not null
) strict, without rowid;

create index mail_batches_by_time on mail_batches (created_at);

-- One mail to one recipient. Removed by the scheduled run.
create table mail_messages (
    id              text primary key,
    batch_id        text not null references mail_batches (id),
    address         text not null collate nocase,
    name            text,
    variables       text not null,                     -- JSON object: what fills the template
    unsubscribe_url text,                              -- the signed address that takes this recipient off; null of single mails
    status          text not null check (
        status in ('queued', 'suppressed', 'sent', 'deferred', 'delivered', 'bounced', 'complained', 'failed')
    ),
    error           text,                              -- why it was not sent, or came back
    created_at      integer not null,
    updated_at      integer not null,
    unique (batch_id, address)
) strict, without rowid;

create index mail_messages_by_batch on mail_messages (batch_id, id);

create index mail_messages_by_status on mail_messages (status, id);

create index mail_messages_by_address on mail_messages (address, id);

-- Addresses that get no mail, until an administrator takes them off.
create table mail_suppressions (
    address    text primary key collate nocase,
    reason     text not null check (reason in ('unsubscribed', 'bounced', 'complained', 'manual')),
    detail     text,                                   -- what the receiver's server said, or the administrator
    created_at integer not null,
    created_by text not null                           -- an account's id, `recipient`, or `sendgrid`
) strict, without rowid;

create index mail_suppressions_by_reason on mail_suppressions (reason, address);

-- Which kind of mail is kept from which address: who has unsubscribed wants no circulars, and gets what is theirs.
create view mail_suppressed (address, kind, reason) as
select address, 'bulk', reason from mail_suppressions
union all
select address, 'single', reason from mail_suppressions where reason <> 'unsubscribed';

-- What the mail service has reported, each event once. Removed by the scheduled run.
create table mail_events (
    id          text primary key,                      -- the service's own
    message_id  text,                                  -- mail_messages.id; null of a mail that is none of those
    address     text not null collate nocase,
    event       text not null check (
        event in ('delivered', 'deferred', 'bounced', 'blocked', 'dropped', 'complained', 'unsubscribed')
    ),
    detail      text,                                  -- what the receiver's server said
    at          integer not null,
    received_at integer not null
) strict, without rowid;

create index mail_events_by_message on mail_events (message_id, at) where message_id is not null;

create index mail_events_by_time on mail_events (received_at);

-- What the dispatcher sends of a mail, and where that stands now.
create view mail_documents (id, status, document) as
select
    m.id,
    iif(m.status in ('queued', 'failed') and exists (select 1 from mail_suppressed s where s.address = m.address and s.kind = b.kind),
        'suppressed', m.status),
    json_object(
        'id', m.id, 'address', m.address, 'name', m.name, 'subject', b.subject, 'text', b.text, 'html', b.html, 'reply_to', b.reply_to,
        'is_template', json(iif(b.template is null, 'false', 'true')), 'variables', json(m.variables),
        'unsubscribe_url', m.unsubscribe_url
    )
from mail_messages m join mail_batches b on b.id = m.batch_id;

create trigger mail_messages_queued after insert on mail_messages when new.status = 'queued'
begin
    insert into outbox (topic, subject, mail_to, payload, created_at)
    values ('mail.message', new.id, new.address, json_object('id', new.id), new.created_at);
end;

-- Without a channel for mail nothing is made of a row of the outbox, and the mail says so.
create trigger outbox_mail_without_channel after update of expanded_at on outbox
when new.topic = 'mail.message' and old.expanded_at is null and new.expanded_at is not null
    and not exists (select 1 from messages where outbox_id = new.id)
begin
    update mail_messages set status = 'failed', error = 'mail is not set up: sendgrid_api_key is not set', updated_at = new.expanded_at
    where id = new.subject and status = 'queued';
end;

-- A mail stands where its message does, until the mail service knows better. A dead letter that is replayed is queued again.
create trigger messages_of_mail_moved after update of state on messages
when new.channel = 'mail' and new.state <> old.state and new.state <> 'sending'
begin
    update mail_messages
    set status = case new.state when 'queued' then 'queued' when 'sent' then 'sent' when 'dropped' then 'suppressed' else 'failed' end,
        error = new.last_error, updated_at = new.set_at
    where id = (select subject from outbox where id = new.outbox_id and topic = 'mail.message') and status in ('queued', 'failed');
end;

-- Reports may come in any order, also before the dispatcher has written down that it sent the mail: what says more stays.
create trigger mail_events_reported after insert on mail_events
begin
    update mail_messages
    set status = case new.event
            when 'delivered' then 'delivered' when 'complained' then 'complained' when 'deferred' then 'deferred'
            when 'unsubscribed' then status when 'dropped' then 'failed' else 'bounced' end,
        error = iif(new.event in ('delivered', 'unsubscribed'), null, new.detail),
        updated_at = new.received_at
    where id = new.message_id and case new.event
        when 'deferred' then status in ('queued', 'sent')
        when 'delivered' then status in ('queued', 'sent', 'deferred', 'failed')
        when 'dropped' then status in ('queued', 'sent', 'deferred')
        when 'complained' then 1
        when 'unsubscribed' then 0
        else status <> 'complained' end;
    insert into mail_suppressions (address, reason, detail, created_at, created_by)
    select new.address, new.event, new.detail, new.received_at, 'sendgrid'
    where new.event in ('bounced', 'complained', 'unsubscribed')
    on conflict (address) do update set
        reason = excluded.reason, detail = excluded.detail, created_at = excluded.created_at, created_by = excluded.created_by
        where mail_suppressions.reason = 'unsubscribed' and excluded.reason <> 'unsubscribed';
end;

-- The audit trail.
create trigger mail_batches_created after insert on mail_batches
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.created_at, new.created_by, 'created', 'mail_batches', new.id,
        json_object('kind', new.kind, 'template', new.template, 'subject', new.subject));
end;

create trigger mail_suppressions_created after insert on mail_suppressions
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.created_at, new.created_by, 'created', 'mail_suppressions', new.address, json_object('reason', new.reason));
end;

create trigger mail_templates_created after insert on mail_templates
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.created_at, new.updated_by, 'created', 'mail_templates', new.name, json_object('subject', new.subject));
end;

create trigger mail_templates_change_noted before update on mail_templates
begin
    insert into row_changes (entity, subject, was, becomes)
    values ('mail_templates', new.name,
        json_object('subject', old.subject, 'text', old.text, 'html', old.html),
        json_object('subject', new.subject, 'text', new.text, 'html', new.html));
end;

create trigger mail_templates_updated after update of subject, text, html on mail_templates
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.updated_at, new.updated_by, 'updated', 'mail_templates', new.name, json_object('subject', new.subject));
end;

create trigger mail_templates_deleted after delete on mail_templates
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (old.updated_at, old.updated_by, 'deleted', 'mail_templates', old.name, json_object('subject', old.subject));
    insert into row_removals (entity, subject, was)
    values ('mail_templates', old.name, json_object('subject', old.subject, 'text', old.text, 'html', old.html));
end;
