-- Occupancy of parking spots summed up by quarter of an hour, and how far it is (docs/reference/retention.md).

-- How far each roll-up is.
create table rollup_progress (
    name     text primary key check (name in ('occupancy', 'readings')),
    up_to    integer not null default 0,               -- everything before is rolled up; 0 before the first run
    position integer not null default -1               -- where a pass over the devices stands: the last one that is done; -1 between two passes
) strict, without rowid;

insert into rollup_progress (name) values ('occupancy'), ('readings');

-- Sums by quarter of an hour, which every time zone's hours are made of. Of each spot with a sensor, by where the spot is and what it is
-- when they are made. A spot's state is known from the first that its sensor has said of it.
create table occupancy_quarters (
    site        text not null,
    zone        text not null collate nocase,
    kind        text not null,                         -- of the spots
    start       integer not null check (start % 900000 = 0),
    occupied_ms integer not null check (occupied_ms >= 0), -- of all spots together
    known_ms    integer not null check (known_ms >= 0), -- spot-milliseconds with a known state
    arrivals    integer not null check (arrivals >= 0),
    departures  integer not null check (departures >= 0),
    primary key (site, zone, kind, start)
) strict, without rowid;

-- What came in after its quarter was summed up: the next run corrects the sums.
create table occupancy_late (
    device_id integer not null references devices (id) on delete cascade,
    at        integer not null,
    primary key (device_id, at)
) strict, without rowid;

create trigger occupancy_came_late after insert on occupancy_log
when new.at < (select up_to from rollup_progress where name = 'occupancy')
begin
    insert into occupancy_late (device_id, at) values (new.device_id, new.at) on conflict do nothing;
end;
