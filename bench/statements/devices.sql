-- ?1: the code after which the page begins; ?2: how many; ?3: now.
select d.code as device_code, d.site, d.zone, d.spot_id, d.name, d.firmware, d.is_active as "is_active:bool",
    d.is_panic_button as "is_panic_button:bool",
    case when t.last_seen_at is null then 'unknown' when t.last_seen_at >= w.judged_at - 120000 then 'healthy'
        when t.last_seen_at >= w.judged_at - 600000 then 'warning' else 'offline' end as health,
    t.last_seen_at as "last_seen_at:time", t.last_reading_at as "last_reading_at:time", t.battery,
    case when t.last_reading_at is null then null when t.electrical & 2 then 'Critical' when t.electrical & 1 then 'Warning' else 'Normal' end
        as electrical_state,
    t.voltage, t.current, t.power_factor, t.power_w, t.occupied as "occupied:bool", d.created_at as "created_at:time",
    d.updated_at as "updated_at:time"
from (select coalesce((select coalesce(gap_from, iif(?3 - run_at > 120000, run_at, ?3)) from device_watch), ?3) as judged_at) w
    cross join devices d join device_state t on t.device_id = d.id
where d.code > coalesce(?1, '') order by d.code limit ?2
