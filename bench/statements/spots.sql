-- ?1: the spot after which the page begins; ?2: how many; ?3: now.
select s.spot_id, s.site, s.zone, s.kind,
    case when s.status = 'out_of_service' then 'out_of_service' when t.occupied = 1 then 'occupied'
        when s.status = 'reserved' or exists (
            select 1 from spot_claims c where c.spot_id = s.spot_id and c.starts_at <= ?3 and c.ends_at > ?3 and c.expires_at > ?3
        ) then 'reserved' else 'free' end as status,
    s.updated_at as "updated_at:time"
from spots s
    left join devices d on d.spot_id = s.spot_id and d.is_active = 1
    left join device_state t on t.device_id = d.id
where s.spot_id > coalesce(?1, '') order by s.spot_id limit ?2
