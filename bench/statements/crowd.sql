-- ?1: the temple; ?2: now.
select z.code as zone, z.name, c.count, z.capacity, z.area_m2, round(100.0 * c.count / z.capacity, 1) as percent_of_capacity,
    round(c.count / z.area_m2, 2) as density, c.level, c.share_level, c.density_level, c.level_changed_at as "level_changed_at:time",
    c.at as "timestamp:time", coalesce(?2 - c.at > 600000, 1) as "stale:bool"
from zones z left join crowd_state c on c.site = z.site and c.zone = z.code
where z.site = ?1 order by z.position, z.code limit 500
