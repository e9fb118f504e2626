-- ?1: the number after which the page begins; ?2: how many; ?3: now. `_no` is no field: it is what the next page begins after.
select r.id, r.user_id, r.spot_id, r.site, (select s.zone from spot_presence s where s.spot_id = r.spot_id) as zone, r.kind,
    r.starts_at as "start:time", r.ends_at as "end:time", r.plate as vehicle_plate,
    iif(r.status = 'pending_payment' and r.hold_expires_at <= ?3, 'expired', r.status) as status, r.price, nullif(r.currency, '') as currency,
    r.paid,
    iif((r.status = 'pending_payment' and r.hold_expires_at > ?3) or coalesce(r.due_until, c.due_until) > ?3,
        max(coalesce(c.price, r.price) - r.paid, 0), 0) as due,
    iif(r.status = 'pending_payment' and r.hold_expires_at > ?3, r.hold_expires_at, null) as "hold_expires_at:time",
    coalesce(r.due_until, c.due_until) as "due_until:time", r.paid_ends_at as "paid_until:time",
    iif(c.reservation_no is null, null, json_object('spot_id', c.spot_id, 'site', c.site, 'kind', c.kind,
        'start', strftime('%Y-%m-%dT%H:%M:%fZ', c.starts_at / 1000.0, 'unixepoch'),
        'end', strftime('%Y-%m-%dT%H:%M:%fZ', c.ends_at / 1000.0, 'unixepoch'), 'price', c.price)) as "change:json",
    r.arrived_at as "arrived_at:time", r.left_at as "left_at:time", r.ended_at as "ended_at:time", r.created_at as "created_at:time",
    r.updated_at as "updated_at:time", r.no as "_no:key"
from reservations r left join reservation_changes c on c.reservation_no = r.no and c.due_until > ?3
where r.no < coalesce(?1, 9223372036854775807) order by r.no desc limit ?2
