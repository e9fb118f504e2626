-- What components tell each other of parking, reservations and payments.

-- The spots, their place on the plan, and whether a sensor sees a vehicle on them now: what parking tells the components that give spots to
-- drivers.
create view spot_presence (spot_id, site, zone, position, kind, status, is_occupied) as
select s.spot_id, s.site, s.zone, (select z.position from zones z where z.site = s.site and z.code = s.zone), s.kind, s.status,
    exists (
        select 1 from devices v join device_state t on t.device_id = v.id
        where v.spot_id = s.spot_id and v.is_active = 1 and t.occupied = 1
    )
from spots s;

-- What a stay costs at a site, and by which clock its days are counted: what parking tells reservations.
create view site_tariffs (site, time_zone, tariff) as
select slug, time_zone, tariff from sites;

-- What is due of a reservation, minor units, and until when it is to be paid (null when nothing is): what reservations tells payments.
create view reservation_dues (reservation, user_id, status, amount, currency, due_by) as
select id, user_id, status, price - paid, currency, iif(status = 'pending_payment', hold_expires_at, due_until)
from reservations;

-- What a payment has brought in and what of it goes back or has gone, minor units: what payments tells reservations. A refund that failed
-- does not count. `no` is the order in which the payments came.
create view payment_balances (no, payment, reservation, state, received, refunded) as
select p.no, p.id, p.reservation, p.state, p.received,
    (select coalesce(sum(f.amount), 0) from refunds f where f.payment = p.id and f.state <> 'failed')
from payments p;
