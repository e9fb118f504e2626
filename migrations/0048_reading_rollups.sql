-- Readings rolled up by five minutes, an hour and a day, and what is kept of them (docs/reference/retention.md).

-- Before this moment the device's readings are rolled up: 0 before the first time. What is stored of an earlier time comes in late.
alter table device_state add column rolled_up_to integer not null default 0;

-- Of a device's readings. Buckets begin at whole multiples of their width in UTC. Five minutes are made from readings, hours from five minutes,
-- days from hours. The energy between two readings counts where the later one is (domain::rollup).
create table reading_rollups (
    device_id        integer not null references devices (id),
    span_ms          integer not null check (span_ms in (300000, 3600000, 86400000)),
    start            integer not null check (start % span_ms = 0),
    count            integer not null check (count > 0),
    voltage_min      real not null,
    voltage_sum      real not null,
    voltage_max      real not null,
    current_min      real not null,
    current_sum      real not null,
    current_max      real not null,
    power_factor_min real not null,
    power_factor_sum real not null,
    power_factor_max real not null,
    power_w_min      real not null,
    power_w_sum      real not null,
    power_w_max      real not null,
    battery_count    integer not null,                 -- readings that said it
    battery_min      real,
    battery_sum      real,
    battery_max      real,
    energy_wh        real not null,                    -- by trapezoid, gaps left out
    primary key (device_id, span_ms, start)
) strict, without rowid;

-- Five minutes in which something came in after they were rolled up: the next run corrects them.
create table reading_late (
    device_id integer not null references devices (id) on delete cascade,
    start     integer not null check (start % 300000 = 0),
    primary key (device_id, start)
) strict, without rowid;

-- This runs for each reading: one look at a row that the reading has just changed.
create trigger reading_came_late after insert on readings
when new.at < (select rolled_up_to from device_state where device_id = new.device_id)
begin
    insert into reading_late (device_id, start) values (new.device_id, new.at - new.at % 300000) on conflict do nothing;
end;

-- What was removed of a device: everything before these days (in UTC), readings and their roll-ups. One reading before stays, which the energy
-- of the first after it is counted from.
create table reading_kept (
    device_id         integer primary key references devices (id) on delete cascade,
    raw_from          integer not null default 0,
    five_minutes_from integer not null default 0,
    hours_from        integer not null default 0,
    days_from         integer not null default 0
) strict;

-- As before; roll-ups outlast the readings.
drop view device_history;

create view device_history (device_id) as
select device_id from readings
union all
select device_id from occupancy_log
union all
select device_id from reading_rollups;
