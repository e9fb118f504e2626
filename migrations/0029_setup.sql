-- The four temples, in every installation: a production system without the demo answers for them too. What an administrator has
-- made or changed before stays as it is. The time is that of the migrations, since this file has no clock of its own.
insert into sites (slug, name, kind, latitude, longitude, time_zone, capacity, created_at, updated_at, updated_by)
select t.slug, t.name, 'temple', t.latitude, t.longitude, 'Asia/Kolkata', t.capacity, m.at, m.at, 'system'
from (
    select 'somnath' as slug, 'Somnath' as name, 20.8880 as latitude, 70.4013 as longitude, 10000 as capacity
    union all select 'dwarka', 'Dwarka', 22.2376, 68.9674, 8000
    union all select 'ambaji', 'Ambaji', 24.3331, 72.8506, 7000
    union all select 'pavagadh', 'Pavagadh', 22.4614, 73.5125, 5000
) t, (select coalesce(max(applied_at), 0) as at from schema_migrations) m
where true
on conflict do nothing;

-- Their zones; Somnath's are those that apps of the pilgrim assistance server know. The areas and capacities are a beginning, for the temples
-- to change.
insert into zones (site, code, name, area_m2, capacity, position, created_at, updated_at, updated_by)
select z.site, z.code, z.name, z.area_m2, z.capacity, z.position, m.at, m.at, 'system'
from (
    select 'somnath' as site, 'mainDarshan' as code, 'Main darshan' as name, 1600.0 as area_m2, 4000 as capacity, 0 as position
    union all select 'somnath', 'garbhaGriha', 'Garbha griha', 450.0, 1000, 1
    union all select 'somnath', 'pradakshina', 'Pradakshina path', 2400.0, 3000, 2
    union all select 'somnath', 'museum', 'Museum', 900.0, 2000, 3
    union all select 'dwarka', 'gate', 'Swarga Dwar', 700.0, 1600, 0
    union all select 'dwarka', 'queue', 'Queue complex', 1200.0, 3200, 1
    union all select 'dwarka', 'sanctum', 'Sanctum hall', 400.0, 900, 2
    union all select 'dwarka', 'ghat', 'Gomti Ghat', 1800.0, 2300, 3
    union all select 'ambaji', 'gate', 'Main gate', 800.0, 1800, 0
    union all select 'ambaji', 'queue', 'Queue complex', 1300.0, 3200, 1
    union all select 'ambaji', 'sanctum', 'Sanctum hall', 380.0, 900, 2
    union all select 'ambaji', 'chachar', 'Chachar Chowk', 1000.0, 1100, 3
    union all select 'pavagadh', 'ropeway', 'Ropeway station', 500.0, 1000, 0
    union all select 'pavagadh', 'steps', 'Temple steps', 900.0, 2000, 1
    union all select 'pavagadh', 'queue', 'Queue complex', 700.0, 1500, 2
    union all select 'pavagadh', 'sanctum', 'Sanctum hall', 250.0, 500, 3
) z, (select coalesce(max(applied_at), 0) as at from schema_migrations) m
where exists (select 1 from sites s where s.slug = z.site and s.kind = 'temple')
on conflict do nothing;

-- Steps of setting up an installation that are done: `demo`, once the demo data is whole. Where the variable `await_demo` is on, the application
-- is not ready before.
create table setup_steps (
    name    text primary key,
    done_at integer not null
) strict, without rowid;
