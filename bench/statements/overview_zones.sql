-- ?1: now.
select s.site, s.zone, z.name, count(*),
    sum(s.status <> 'out_of_service' and t.occupied is 1),
    sum(t.occupied is not 1 and (s.status = 'reserved' or (s.status = 'in_service' and s.spot_id in (
        select c.spot_id from spot_claims c where c.starts_at <= ?1 and c.ends_at > ?1 and c.expires_at > ?1)))),
    sum(s.status = 'out_of_service')
from spots s
    join zones z on z.site = s.site and z.code = s.zone
    left join devices d on d.spot_id = s.spot_id and d.is_active = 1
    left join device_state t on t.device_id = d.id
group by s.site, s.zone order by s.site, z.position, s.zone
