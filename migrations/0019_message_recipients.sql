-- Messages: whom they are for is said by what causes them, and a channel's name is the dispatcher's business alone.

-- The account of whom it concerns (users.id); null when it is for the control room.
alter table outbox add column recipient text;

-- What waits was written without it.
update outbox set recipient = coalesce(
    (select user_id from bookings where id = outbox.subject and outbox.topic like 'booking.%'),
    (select user_id from reservations where id = outbox.subject and outbox.topic like 'reservation.%'),
    (select p.user_id from refunds f join payments p on p.id = f.payment where f.id = outbox.subject and outbox.topic like 'payment.%')
)
where expanded_at is null;

drop trigger bookings_created;

create trigger bookings_created after insert on bookings
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.created_at, new.updated_by, 'created', 'bookings', new.id,
        json_object('status', new.status, 'site', new.site, 'date', new.date, 'slot', new.slot, 'party_size', new.party_size));
    insert into outbox (topic, subject, recipient, payload, created_at)
    select 'booking.' || new.status, new.id, new.user_id, payload, new.created_at from booking_notices where id = new.id;
end;

drop trigger bookings_changed;

create trigger bookings_changed after update of status on bookings when new.status <> old.status
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.updated_at, new.updated_by, 'updated', 'bookings', new.id, json_object('from', old.status, 'status', new.status));
    insert into outbox (topic, subject, recipient, payload, created_at)
    select iif(new.status = 'confirmed', 'booking.promoted', 'booking.' || new.status), new.id, new.user_id, payload, new.updated_at
    from booking_notices
    where id = new.id and new.status in ('confirmed', 'cancelled', 'revoked', 'expired')
    on conflict do nothing;
end;

drop trigger reservations_created;

create trigger reservations_created after insert on reservations
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.created_at, new.updated_by, 'created', 'reservations', new.id,
        json_object('status', new.status, 'spot_id', new.spot_id, 'starts_at', new.starts_at, 'ends_at', new.ends_at, 'price', new.price));
    insert into spot_news (spot_id, at) select new.spot_id, new.created_at where new.announced;
    insert into outbox (topic, subject, recipient, payload, created_at)
    select 'reservation.' || new.status, new.id, new.user_id, payload, new.created_at from reservation_notices where id = new.id and new.status = 'confirmed';
end;

drop trigger reservations_moved;

create trigger reservations_moved after update of status on reservations when new.status <> old.status
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.updated_at, new.updated_by, 'updated', 'reservations', new.id, json_object('from', old.status, 'status', new.status));
    insert into spot_news (spot_id, at)
    select new.spot_id, new.updated_at
    where new.status <> 'arrived' and (old.announced or (new.starts_at <= new.updated_at and new.ends_at > new.updated_at));
    insert into outbox (topic, subject, recipient, payload, created_at)
    select 'reservation.' || new.status, new.id, new.user_id, payload, new.updated_at
    from reservation_notices where id = new.id and new.status in ('confirmed', 'cancelled', 'expired')
    on conflict do nothing;
    update alerts set status = 'resolved', resolved_at = new.updated_at, resolved_by = 'system', updated_at = new.updated_at, updated_by = 'system'
    where old.status in ('overstayed', 'confirmed') and source = 'system' and status <> 'resolved'
        and alert_type in ('overstay', 'spot_blocked') and subject = new.id;
    insert into system_alerts (alert_type, subject, site, zones, severity, message, at)
    select 'overstay', new.id, s.site, json_array(s.zone), 'warning', printf('%s on %s is past the end of its reservation', new.plate, new.spot_id),
        new.updated_at
    from spots s where s.spot_id = new.spot_id and new.status = 'overstayed';
end;

drop trigger refunds_created;

create trigger refunds_created after insert on refunds
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.created_at, new.updated_by, 'created', 'refunds', new.id,
        json_object('payment', new.payment, 'amount', new.amount, 'reason', new.reason));
    insert into outbox (topic, subject, recipient, payload, created_at)
    select 'payment.refunded', new.id, p.user_id,
        json_object(
            'id', new.id, 'severity', 'info', 'payment_id', p.id, 'reservation_id', r.id, 'site', r.site, 'amount', new.amount,
            'currency', p.currency, 'reason', new.reason,
            'message', s.name || ', spot ' || r.spot_id || ': ' || case new.reason
                when 'late' then 'your payment came after the reservation had lapsed and the spot was no longer free; all of it is on its way back'
                when 'duplicate' then 'your payment was not needed; it is on its way back'
                when 'changed' then 'your reservation costs less now; the rest is on its way back'
                when 'cancelled' then 'your reservation is cancelled; a refund is on its way'
                else 'a refund is on its way' end
                || ' (' || new.amount || ' ' || p.currency || ' in minor units)',
            'timestamp', strftime('%Y-%m-%dT%H:%M:%fZ', new.created_at / 1000.0, 'unixepoch')
        ),
        new.created_at
    from payments p join reservations r on r.id = p.reservation join sites s on s.slug = r.site where p.id = new.payment;
end;

-- The table of messages without a check on the channel's name, and with it the table that refers to it.
create table messages_rebuilt (
    id              text primary key,                  -- also the idempotency key that receivers see
    outbox_id       integer not null references outbox (id),
    channel         text not null,                     -- the name of a channel of the dispatcher
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

insert into messages_rebuilt
    (id, outbox_id, channel, contact, urgent, state, attempts, first_at, next_attempt_at, lease_until, lease_owner, last_error, created_at, sent_at)
select id, outbox_id, channel, contact, urgent, state, attempts, first_at, next_attempt_at, lease_until, lease_owner, last_error, created_at, sent_at
from messages;

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

create index messages_due on messages (urgent desc, next_attempt_at) where state in ('queued', 'sending');

create index messages_by_state on messages (state, id);

create index messages_by_channel on messages (channel, id);

create index messages_first on messages (next_attempt_at) where state = 'queued' and urgent = 1 and attempts = 0;

create index deliveries_by_contact on deliveries (channel, contact, at);
