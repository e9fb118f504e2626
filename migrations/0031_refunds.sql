-- What the refund rule of an earlier site did not give back when its driver moved the reservation from there, minor units: no later rule does.
alter table reservations add column kept integer not null default 0 check (kept >= 0);

alter table reservation_changes add column kept integer not null default 0 check (kept >= 0);

-- When the attempt to send it that is under way was begun; null when none is, or it is known how it ended.
alter table refunds add column sent_at integer;

-- Refunds that cannot be made while a dispute is undecided. What the bank has is given back when the dispute is won, and dropped when it is lost; what
-- it has not, but Stripe does not refund of a disputed charge, is tried again either way.
create table held_refunds (
    no         integer primary key autoincrement,
    dispute    text not null references disputes (id),
    payment    text not null references payments (id),
    amount     integer not null check (amount > 0),    -- minor units of the payment's currency
    reason     text not null check (reason in ('cancelled', 'changed', 'late', 'duplicate', 'operator')),
    is_in_bank integer not null check (is_in_bank in (0, 1)),
    created_at integer not null,
    updated_at integer not null,
    updated_by text not null
) strict;

create index held_refunds_by_dispute on held_refunds (dispute);

create index held_refunds_by_payment on held_refunds (payment);

create trigger held_refunds_created after insert on held_refunds
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.created_at, new.updated_by, 'created', 'held_refunds', new.dispute,
        json_object('payment', new.payment, 'amount', new.amount, 'reason', new.reason));
end;

create trigger held_refunds_dropped after delete on held_refunds
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (old.updated_at, old.updated_by, 'deleted', 'held_refunds', old.dispute,
        json_object('payment', old.payment, 'amount', old.amount, 'reason', old.reason));
end;

-- As before; what is held beside what banks have is promised, too.
drop view payment_balances;

create view payment_balances (no, payment, reservation, state, received, refunded, disputed) as
select p.no, p.id, p.reservation, p.state, p.received,
    (select coalesce(sum(f.amount), 0) from refunds f where f.payment = p.id and f.state <> 'failed')
        + (select coalesce(sum(h.amount), 0) from held_refunds h where h.payment = p.id and not h.is_in_bank),
    (select coalesce(sum(d.amount), 0) from disputes d where d.payment = p.id and d.is_withdrawn)
from payments p;

-- For the component of reservations: what banks have taken back of what was paid for one. The words of `status` are Stripe's.
create view reservation_disputes (no, reservation, dispute, payment, status, deducted) as
select d.no, p.reservation, d.id, d.payment, d.status, d.deducted
from payments p join disputes d on d.payment = p.id and d.is_withdrawn;

drop trigger refunds_moved;

-- As before, and what has not gone back after all is kept by the site until somebody gives it back another way; its driver is told.
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
    update reservations set updated_at = new.updated_at, updated_by = new.updated_by,
        paid = paid + max(0, min(new.amount, (select received - refunded - disputed from payment_balances where payment = new.payment)))
    where new.state = 'failed' and id = (select reservation from payments where id = new.payment);
    insert into outbox (topic, subject, recipient, payload, created_at)
    select 'payment.refund_failed', new.id, p.user_id,
        json_object(
            'id', new.id, 'severity', 'info', 'payment_id', p.id, 'reservation_id', r.id, 'site', r.site, 'amount', new.amount,
            'currency', p.currency, 'reason', new.reason,
            'message', s.name || ', spot ' || r.spot_id || ': your refund did not reach you (' || new.amount || ' ' || p.currency
                || ' in minor units); the site has been told and will give it back another way',
            'timestamp', strftime('%Y-%m-%dT%H:%M:%fZ', new.updated_at / 1000.0, 'unixepoch')
        ),
        new.updated_at
    from payments p join reservations r on r.id = p.reservation join sites s on s.slug = r.site
    where p.id = new.payment and new.state = 'failed';
end;
