-- A site's `low_spots` and `thresholds.low_spots` are one number, which is written at both places: those that were set as a threshold count from now on.
update sites set low_spots = thresholds ->> '$.low_spots', updated_at = cast(unixepoch('subsec') * 1000 as integer), updated_by = 'system'
where json_type(thresholds, '$.low_spots') = 'integer' and thresholds ->> '$.low_spots' between 0 and 10000000
    and thresholds ->> '$.low_spots' <> low_spots;

-- Who made a refund: we, or somebody at Stripe (its dashboard, or another program with the account's keys).
alter table refunds add column source text not null default 'gatehouse' check (source in ('gatehouse', 'stripe'));

-- As before, but what was given back at Stripe is written down as it is.
drop trigger refunds_stay_within_their_payment;

create trigger refunds_stay_within_their_payment before insert on refunds
when new.source = 'gatehouse' and new.amount > (select received from payments where id = new.payment)
    - (select coalesce(sum(amount), 0) from refunds where payment = new.payment and state <> 'failed')
begin
    select raise(abort, 'CHECK constraint failed: more is given back than was received');
end;

-- One that waited to be sent, and is not to be sent any more: the money has gone back another way.
create trigger refunds_dropped after delete on refunds
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (old.updated_at, old.updated_by, 'deleted', 'refunds', old.id,
        json_object('payment', old.payment, 'amount', old.amount, 'reason', old.reason));
end;

-- What holders of cards dispute with their banks, as Stripe tells it. The words of `status` and `reason` are Stripe's.
create table disputes (
    no              integer primary key autoincrement,
    id              text not null unique,              -- Stripe's id of it
    payment         text not null references payments (id),
    amount          integer not null check (amount > 0), -- minor units of the payment's currency
    reason          text not null,
    status          text not null,
    is_withdrawn    integer not null check (is_withdrawn in (0, 1)), -- whether the bank has taken the amount back from the site
    deducted        integer not null default 0 check (deducted >= 0), -- what it took off `reservations.paid`: added again when the dispute is won
    evidence_due_by integer,                           -- until when the site may answer
    created_at      integer not null,
    updated_at      integer not null,
    updated_by      text not null
) strict;

create index disputes_by_payment on disputes (payment);

create trigger disputes_created after insert on disputes
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.created_at, new.updated_by, 'created', 'disputes', new.id,
        json_object('payment', new.payment, 'amount', new.amount, 'reason', new.reason, 'status', new.status));
    insert into system_alerts (alert_type, subject, site, severity, message, at)
    select 'payment_disputed', new.id, r.site, 'warning',
        printf('%d %s (minor units) for reservation %s are disputed (%s): answer at Stripe', new.amount, p.currency, r.id, new.reason),
        new.created_at
    from payments p join reservations r on r.id = p.reservation
    where p.id = new.payment and new.status in ('needs_response', 'warning_needs_response');
end;

create trigger disputes_moved after update of status on disputes when new.status <> old.status
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.updated_at, new.updated_by, 'updated', 'disputes', new.id, json_object('from', old.status, 'status', new.status));
    update alerts set status = 'resolved', resolved_at = new.updated_at, resolved_by = 'system', updated_at = new.updated_at, updated_by = 'system'
    where source = 'system' and status <> 'resolved' and alert_type = 'payment_disputed' and subject = new.id
        and new.status not in ('needs_response', 'warning_needs_response');
    insert into system_alerts (alert_type, subject, site, severity, message, at)
    select 'payment_disputed', new.id, r.site, 'warning',
        printf('%d %s (minor units) for reservation %s are disputed (%s): answer at Stripe', new.amount, p.currency, r.id, new.reason),
        new.updated_at
    from payments p join reservations r on r.id = p.reservation
    where p.id = new.payment and new.status in ('needs_response', 'warning_needs_response');
end;

-- As before, and what banks have taken back of it in disputes.
drop view payment_balances;

create view payment_balances (no, payment, reservation, state, received, refunded, disputed) as
select p.no, p.id, p.reservation, p.state, p.received,
    (select coalesce(sum(f.amount), 0) from refunds f where f.payment = p.id and f.state <> 'failed'),
    (select coalesce(sum(d.amount), 0) from disputes d where d.payment = p.id and d.is_withdrawn)
from payments p;

-- What a paid reservation becomes once the difference is paid. Until then it stays what it is; both claim their spots.
create table reservation_changes (
    reservation_no integer primary key references reservations (no),
    spot_id        text not null collate nocase references spots (spot_id),
    site           text not null references sites (slug),
    kind           text not null,
    starts_at      integer not null,
    ends_at        integer not null check (ends_at > starts_at),
    price          integer not null check (price >= 0), -- minor units of the reservation's currency
    due_until      integer not null,                  -- until when the difference is to be paid
    created_at     integer not null,
    updated_at     integer not null,
    updated_by     text not null
) strict;

create index reservation_changes_by_spot on reservation_changes (spot_id, ends_at);

create index reservation_changes_by_time on reservation_changes (starts_at, ends_at, spot_id);

create index reservation_changes_due on reservation_changes (due_until);

create trigger reservation_changes_created after insert on reservation_changes
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    select new.created_at, new.updated_by, 'created', 'reservation_changes', r.id,
        json_object('spot_id', new.spot_id, 'starts_at', new.starts_at, 'ends_at', new.ends_at, 'price', new.price)
    from reservations r where r.no = new.reservation_no;
end;

-- A reservation that is cancelled, begun or over becomes nothing else.
create trigger reservations_settled after update of status on reservations when new.status <> old.status
begin
    delete from reservation_changes where reservation_no = new.no;
end;

-- As before, and the terms that a change asks for, until its difference is due.
drop view spot_claims;

create view spot_claims (spot_id, reservation_no, starts_at, ends_at, expires_at) as
select spot_id, no, starts_at, ends_at,
    min(iif(status = 'pending_payment', hold_expires_at, 9223372036854775807), coalesce(due_until, 9223372036854775807))
from reservations
where likely(status in ('pending_payment', 'confirmed', 'arrived'))
union all
select spot_id, no, starts_at, paid_ends_at, iif(status = 'pending_payment', hold_expires_at, 9223372036854775807)
from reservations
where likely(status in ('pending_payment', 'confirmed', 'arrived')) and due_until is not null and paid_ends_at is not null
union all
-- The `+` gives the last column the affinity that it has above: else SQLite makes the whole view before it looks for one spot's claims.
select spot_id, reservation_no, starts_at, ends_at, +due_until
from reservation_changes;

-- As before, and the difference for a change.
drop view reservation_dues;

create view reservation_dues (reservation, user_id, status, amount, currency, due_by) as
select r.id, r.user_id, r.status, coalesce(c.price, r.price) - r.paid, r.currency,
    iif(r.status = 'pending_payment', r.hold_expires_at, coalesce(r.due_until, c.due_until))
from reservations r left join reservation_changes c on c.reservation_no = r.no;
