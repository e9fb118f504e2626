-- ?1, ?2: the stay; ?3: now; ?4: the site; ?5: how many.
select s.spot_id, s.zone, s.kind
from spot_presence s
where s.site = ?4 and s.status = 'in_service' and (?1 > ?3 + 900000 or not s.is_occupied)
    and not exists (
        select 1 from spot_claims c where c.spot_id = s.spot_id and c.ends_at > ?1 and c.starts_at < ?2 and c.expires_at > ?3
    )
order by s.spot_id limit ?5
