-- ?1: now. A gap of the scheduled runs is no device's silence.
select coalesce(sum(t.last_seen_at >= w.judged_at - 120000), 0),
    coalesce(sum(t.last_seen_at < w.judged_at - 120000 and t.last_seen_at >= w.judged_at - 600000), 0),
    coalesce(sum(t.last_seen_at < w.judged_at - 600000), 0), coalesce(sum(t.last_seen_at is null), 0)
from (select coalesce((select coalesce(gap_from, iif(?1 - run_at > 120000, run_at, ?1)) from device_watch), ?1) as judged_at) w
    cross join devices d join device_state t on t.device_id = d.id
where d.is_active = 1
