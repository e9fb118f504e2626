-- Stays for which a spot was kept to their end, whether or not the driver came: what reservations tell forecasts of hours that are past. The
-- statuses are those of domain::reservation::Status that are neither given back nor lapsed; a test compares.
create view reserved_stays (site, zone, starts_at, ends_at) as
select r.site, s.zone, r.starts_at, r.ends_at
from reservations r cross join spots s on s.spot_id = r.spot_id
where likely(r.status in ('confirmed', 'arrived', 'overstayed', 'completed', 'no_show'));
