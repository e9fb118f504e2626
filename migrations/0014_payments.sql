-- Payments through Stripe (contract §4). A row is written before Stripe is asked, and its id is the idempotency key there: a program that
-- dies in between asks again and gets the same intent. No card data is seen or stored; the intent's client secret is not here, and for a day in
-- the answer that an idempotency key was given.
create table payments (
    no            integer primary key autoincrement,
    id            text not null unique,
    reservation   text not null references reservations (id),
    user_id       text not null references users (id),
    amount        integer not null check (amount > 0), -- minor units
    currency      text not null,
    intent        text unique,                         -- Stripe's id of it; null until Stripe has answered
    state         text not null default 'creating' check (state in ('creating', 'open', 'processing', 'succeeded', 'cancelled', 'failed')),
    superseded    integer not null default 0 check (superseded in (0, 1)), -- its amount is no longer what is due: to be cancelled
    stripe_status text,                                -- in Stripe's words
    received      integer not null default 0 check (received >= 0),
    confirms      integer not null default 0,          -- attempts to confirm it here: part of their idempotency keys
    checks        integer not null default 0,          -- times that the scheduled run asked for its state
    next_check_at integer not null,
    last_error    text,
    succeeded_at  integer,
    created_at    integer not null,
    updated_at    integer not null,
    updated_by    text not null,
    check (state in ('creating', 'failed') or intent is not null)
) strict;

-- A reservation has one payment at a time.
create unique index payments_open on payments (reservation) where state in ('creating', 'open', 'processing') and superseded = 0;

create index payments_to_check on payments (next_check_at) where state in ('creating', 'open', 'processing');

create index payments_by_reservation on payments (reservation);

create index payments_by_user on payments (user_id);

create index payments_by_state on payments (state);

-- Money on its way back. Written in the transaction of its cause; the id is the idempotency key at Stripe.
create table refunds (
    no              integer primary key autoincrement,
    id              text not null unique,
    payment         text not null references payments (id),
    amount          integer not null check (amount > 0),
    reason          text not null check (reason in ('cancelled', 'changed', 'late', 'duplicate', 'operator')),
    state           text not null default 'pending' check (state in ('pending', 'submitted', 'succeeded', 'failed')),
    refund          text unique,                       -- Stripe's id of it
    attempts        integer not null default 0,
    next_attempt_at integer not null,
    last_error      text,
    created_at      integer not null,
    updated_at      integer not null,
    updated_by      text not null
) strict;

create index refunds_by_payment on refunds (payment);

create index refunds_due on refunds (next_attempt_at) where state in ('pending', 'submitted');

-- Events that Stripe has told, each taken once.
create table stripe_events (
    id          text primary key,
    type        text not null,
    received_at integer not null
) strict, without rowid;

create index stripe_events_by_time on stripe_events (received_at);

create trigger refunds_stay_within_their_payment before insert on refunds
when new.amount > (select received from payments where id = new.payment)
    - (select coalesce(sum(amount), 0) from refunds where payment = new.payment and state <> 'failed')
begin
    select raise(abort, 'CHECK constraint failed: more is given back than was received');
end;

create trigger payments_created after insert on payments
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.created_at, new.updated_by, 'created', 'payments', new.id,
        json_object('reservation', new.reservation, 'amount', new.amount, 'currency', new.currency));
end;

create trigger payments_moved after update of state on payments when new.state <> old.state
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.updated_at, new.updated_by, 'updated', 'payments', new.id, json_object('from', old.state, 'state', new.state));
end;

create trigger refunds_created after insert on refunds
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.created_at, new.updated_by, 'created', 'refunds', new.id,
        json_object('payment', new.payment, 'amount', new.amount, 'reason', new.reason));
    insert into outbox (topic, subject, payload, created_at)
    select 'payment.refunded', new.id,
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

create trigger refunds_moved after update of state on refunds when new.state <> old.state
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.updated_at, new.updated_by, 'updated', 'refunds', new.id, json_object('from', old.state, 'state', new.state));
    -- Money that does not find its way back by itself is somebody's business.
    insert into system_alerts (alert_type, subject, site, severity, message, at)
    select 'refund_failed', new.id, r.site, 'critical',
        printf('a refund of %d %s (minor units) for reservation %s failed: %s', new.amount, p.currency, r.id, coalesce(new.last_error, '')),
        new.updated_at
    from payments p join reservations r on r.id = p.reservation
    where p.id = new.payment and new.state = 'failed';
end;
