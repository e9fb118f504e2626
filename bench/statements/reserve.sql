-- ?1, ?2: the stay; ?3: now; ?4: the id; ?5: the plate; ?6: the price; ?7: the spot. That it overlaps no other is its condition.
insert into reservations (id, user_id, spot_id, site, kind, starts_at, ends_at, plate, status, price, currency, hold_expires_at, announced,
    created_at, updated_at, updated_by)
select ?4, 'bench', s.spot_id, s.site, s.kind, ?1, ?2, ?5, 'pending_payment', ?6, 'INR', ?3 + 900000, ?1 <= ?3, ?3, ?3, 'bench'
from spot_presence s
where s.spot_id = ?7 and s.status = 'in_service' and (?1 > ?3 + 900000 or not s.is_occupied)
    and not exists (
        select 1 from spot_claims c where c.spot_id = s.spot_id and c.ends_at > ?1 and c.starts_at < ?2 and c.expires_at > ?3
    )
returning kind, (select zone from spot_presence s where s.spot_id = reservations.spot_id)
