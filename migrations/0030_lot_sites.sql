-- Whose a lot is, so that a device counts those of its own site alone. A lot that devices of one site alone have counted so far is that site's;
-- of the others people say it with a count.
alter table lots add column site text references sites (slug);

update lots set site = counted.site
from (
    select s.parking_lot, min(d.site) as site
    from (select distinct parking_lot, sent_by from lot_counts) s
    left join users u on u.id = s.sent_by
    join devices d on d.code = coalesce(u.device_code, substr(s.sent_by, length('device:') + 1))
    where u.role = 'device' or s.sent_by like 'device:%'
    group by s.parking_lot
    having count(distinct d.site) = 1
) counted
where counted.parking_lot = lots.parking_lot;
