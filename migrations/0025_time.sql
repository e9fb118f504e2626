-- Time: gaps of the scheduled runs, a clock that is set back, sensors that are moved. A stored time that lies more than 300,000 ms ahead was
-- written before the clock was set back and stands in the way of nothing; the number is domain::time::AHEAD_TOLERANCE_MS, a test compares.

-- How the scheduled runs have watched the devices, one row: see domain::watch.
create table device_watch (
    id         integer primary key check (id = 1),
    run_at     integer not null,                       -- when the last run was
    gap_from   integer,                                -- while devices have time to speak after a gap: the last run before it
    resumed_at integer,                                -- and the first run after it
    check ((gap_from is null) = (resumed_at is null))
) strict;

insert into device_watch (id, run_at) select 1, finished_at from leases where name = 'tick' and finished_at is not null;

-- Since when the escalation of an alert or emergency counts, where that is not its creation: the clock was set back after it.
create table escalation_starts (
    subject text primary key,                          -- the id of the alert or emergency
    since   integer not null
) strict, without rowid;

-- Since when a device stands where it stands, if it was moved: what it measured before says nothing of this place.
alter table device_state add column placed_at integer;

create trigger devices_moved after update of spot_id on devices when new.spot_id is not old.spot_id
begin
    update device_state set occupied = null, occupied_at = null, placed_at = new.updated_at where device_id = new.id;
end;

-- A device that was put back in use is `unknown` until the scheduled run judges it by its last heartbeat, as it does any other. The alerts
-- about it were resolved when it was taken out of use: what still lasts is raised anew with its next reading.
create trigger devices_put_back after update of is_active on devices when new.is_active > old.is_active
begin
    update device_state set health = 'unknown', health_changed_at = new.updated_at, alarms = 0
    where device_id = new.id and last_seen_at is not null;
end;

drop index device_state_by_heartbeat;

-- What silence still worsens.
create index device_state_by_heartbeat on device_state (last_seen_at) where health <> 'offline';

-- As before, but a heartbeat or a newest time that lies too far ahead gives way, and a device that was moved speaks of its new place only.
drop trigger readings_stored;

create trigger readings_stored after insert on readings
begin
    update device_state set
        readings = readings + 1,
        last_seen_at = iif(last_seen_at between new.received_at and new.received_at + 300000, last_seen_at, new.received_at),
        last_reading_at = new.at,
        voltage = new.voltage,
        current = new.current,
        power_factor = new.power_factor,
        power_w = new.power_w,
        battery = coalesce(new.battery, battery),
        electrical = new.flags & 3
    where device_id = new.device_id and (new.at > coalesce(last_reading_at, -1) or last_reading_at > new.received_at + 300000);
    update device_state set
        readings = readings + 1,
        last_seen_at = iif(last_seen_at between new.received_at and new.received_at + 300000, last_seen_at, new.received_at)
    where device_id = new.device_id and last_reading_at <> new.at;
    update device_state set health = 'healthy' where device_id = new.device_id and health <> 'healthy';
    update device_state set alarms = (alarms | (new.flags & 20)) & ~((new.flags >> 1) & 20)
    where device_id = new.device_id and last_reading_at = new.at
        and alarms <> (alarms | (new.flags & 20)) & ~((new.flags >> 1) & 20);
    update device_state set occupied = new.occupied, occupied_at = new.at
    where new.occupied is not null and device_id = new.device_id and (new.at > coalesce(occupied_at, -1) or occupied_at > new.received_at + 300000)
        and (placed_at is null or new.at > placed_at or placed_at > new.received_at + 300000);
end;

drop trigger occupancy_logged;

create trigger occupancy_logged after insert on occupancy_log
begin
    update device_state set
        last_seen_at = iif(last_seen_at between new.received_at and new.received_at + 300000, last_seen_at, new.received_at),
        health = 'healthy'
    where device_id = new.device_id;
    update device_state set occupied = new.occupied, occupied_at = new.at
    where device_id = new.device_id and (new.at > coalesce(occupied_at, -1) or occupied_at > new.received_at + 300000)
        and (placed_at is null or new.at > placed_at or placed_at > new.received_at + 300000);
end;

-- As before, but nothing has turned when a device was moved and has not measured yet.
drop trigger device_occupancy_turned;

create trigger device_occupancy_turned after update of occupied on device_state when new.occupied is not old.occupied and new.occupied is not null
begin
    insert into occupancy_log (device_id, at, received_at, occupied, changed)
    values (new.device_id, new.occupied_at, new.last_seen_at, new.occupied, 1)
    on conflict (device_id, at) do update set changed = 1;
    insert into spot_news (spot_id, at)
    select spot_id, new.last_seen_at from devices where id = new.device_id and is_active = 1 and spot_id is not null;
    -- Who comes: the driver whose time it is, or nearly; not while another one is there. From 15 minutes before.
    update reservations set status = 'arrived', arrived_at = new.occupied_at, left_at = null, updated_at = new.last_seen_at,
        updated_by = 'sensor'
    where new.occupied = 1 and no = (
        select c.no from devices v join reservations c indexed by reservations_live_by_spot on c.spot_id = v.spot_id
        where v.id = new.device_id and v.is_active = 1 and c.status in ('pending_payment', 'confirmed', 'arrived')
            and c.status = 'confirmed' and c.ends_at > new.occupied_at and c.starts_at <= new.occupied_at + 900000
            and not exists (
                select 1 from reservations o indexed by reservations_there
                where o.spot_id = v.spot_id and o.status in ('arrived', 'overstayed')
                    and (o.left_at is null or c.starts_at > new.occupied_at)
            )
        order by c.starts_at limit 1
    );
    -- Who is back: a driver who moved the car a little.
    update reservations set left_at = null, updated_at = new.last_seen_at, updated_by = 'sensor'
    where new.occupied = 1 and no in (
        select b.no from devices v join reservations b indexed by reservations_there on b.spot_id = v.spot_id
        where v.id = new.device_id and v.is_active = 1 and b.status in ('arrived', 'overstayed') and b.left_at is not null
            and not exists (
                select 1 from reservations o indexed by reservations_there
                where o.spot_id = v.spot_id and o.status in ('arrived', 'overstayed') and o.left_at is null
            )
    );
    -- Who leaves.
    update reservations set left_at = new.occupied_at, updated_at = new.last_seen_at, updated_by = 'sensor'
    where new.occupied = 0 and no in (
        select b.no from devices v join reservations b indexed by reservations_there on b.spot_id = v.spot_id
        where v.id = new.device_id and v.is_active = 1 and b.status in ('arrived', 'overstayed') and b.left_at is null
    );
end;

-- As before, but a newest time, a heartbeat or a last event that lies too far ahead gives way.
drop trigger lot_counted;

create trigger lot_counted after insert on lot_counts
begin
    insert into lots (parking_lot, available_spots, at) values (new.parking_lot, new.available_spots, new.at)
    on conflict (parking_lot) do update set available_spots = excluded.available_spots, at = excluded.at
    where excluded.at > lots.at or lots.at > new.received_at + 300000;
end;

drop trigger crowd_counted;

create trigger crowd_counted after insert on crowd_readings
begin
    insert into crowd_quarters (site, zone, start, readings, total)
    values (new.site, new.zone, new.at - new.at % 900000, 1, new.count)
    on conflict do update set readings = readings + 1, total = total + excluded.total;
    update device_state set last_seen_at = iif(last_seen_at between new.received_at and new.received_at + 300000, last_seen_at, new.received_at), health = 'healthy'
    where device_id = new.device_id;
end;

drop trigger crowd_moved;

create trigger crowd_moved after update of at on crowd_state
begin
    update crowd_state set published_at = new.received_at, published_up_to = at
    where site = new.site and at <> published_up_to and (published_at <= new.received_at - 5000 or published_at > new.received_at + 300000);
end;

drop trigger shuttle_moved;

create trigger shuttle_moved after insert on shuttle_positions
begin
    insert into shuttle_state (shuttle, at, received_at, lat, lng, speed_kmh, heading, passengers, passengers_at)
    values (new.shuttle, new.at, new.received_at, new.lat, new.lng, new.speed_kmh, new.heading, new.passengers,
        iif(new.passengers is null, null, new.at))
    on conflict do update set at = excluded.at, received_at = excluded.received_at, lat = excluded.lat, lng = excluded.lng,
        speed_kmh = excluded.speed_kmh, heading = excluded.heading, passengers = coalesce(excluded.passengers, passengers),
        passengers_at = coalesce(excluded.passengers_at, passengers_at)
    where excluded.at > shuttle_state.at or shuttle_state.at > excluded.received_at + 300000;
    update shuttle_state set published_at = new.received_at, published_up_to = at
    where shuttle in (select id from shuttles where site = (select site from shuttles where id = new.shuttle))
        and at <> published_up_to and (published_at <= new.received_at - 10000 or published_at > new.received_at + 300000);
    update device_state set last_seen_at = iif(last_seen_at between new.received_at and new.received_at + 300000, last_seen_at, new.received_at), health = 'healthy'
    where new.sent_by like 'device:%'
        and device_id = (select d.id from shuttles s join devices d on d.code = s.device_code where s.id = new.shuttle);
end;
