-- What analyses look for by time.

-- Payments by when their money came.
create index payments_by_time on payments (succeeded_at) where succeeded_at is not null;

create index refunds_by_time on refunds (created_at);

create index disputes_by_time on disputes (created_at);

-- What was paid, given back and taken back by banks, each at its time, minor units: what payments tell analytics. A refund that failed does not
-- count, nor does a dispute of which the bank has taken nothing.
create view money_moves (reservation, currency, movement, at, amount) as
select reservation, currency, 'paid', succeeded_at, received from payments where succeeded_at is not null and received > 0
union all
select p.reservation, p.currency, 'refunded', f.created_at, f.amount
from refunds f cross join payments p on p.id = f.payment where f.state <> 'failed'
union all
select p.reservation, p.currency, 'disputed', d.created_at, d.amount
from disputes d cross join payments p on p.id = d.payment where d.is_withdrawn = 1;

-- What was reserved: what reservations tell analytics of the money that came for it.
create view reserved_kinds (reservation, site, kind) as
select id, site, kind from reservations;

-- When emergencies were reported, noticed and over, and the zone of the device that reported one: what emergencies tell analytics.
create view emergency_times (id, site, zone, type, severity, status, created_at, acknowledged_at, resolved_at) as
select e.id, e.site, (select d.zone from devices d where e.reported_by like 'device:%' and d.code = substr(e.reported_by, 8)),
    e.type, e.severity, e.status, e.created_at, e.acknowledged_at, e.resolved_at
from emergencies e;

-- How many people booked for each day of a temple came, or did not: what bookings tell analytics.
create view booked_days (site, date, status, party_size) as
select site, date, status, party_size from bookings;
