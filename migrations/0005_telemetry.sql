-- Electrical readings. (device, at) is unique: a repeat is refused, never stored twice, never overwritten (contract §3).
-- `received_at` is the heartbeat. A device code that is unknown or inactive makes `device_id` null, which the column refuses.
create table readings (
    device_id    integer not null references devices (id),
    at           integer not null,
    received_at  integer not null,
    voltage      real not null check (voltage between 0 and 500),
    current      real not null check (current between 0 and 1000),
    power_factor real not null check (power_factor between -1 and 1),
    power_w      real not null,
    battery      real check (battery between 0 and 1),
    occupied     integer check (occupied in (0, 1)),
    flags        integer not null,                     -- domain::reading::judge
    primary key (device_id, at)
) strict, without rowid;

-- Occupancy, from `/api/parking-log/` and from each reading that changed it.
create table occupancy_log (
    device_id   integer not null references devices (id),
    at          integer not null,
    received_at integer not null,
    occupied    integer not null check (occupied in (0, 1)),
    changed     integer not null default 0 check (changed in (0, 1)), -- whether the spot's state turned
    primary key (device_id, at)
) strict, without rowid;

create index occupancy_log_by_time on occupancy_log (at, device_id);

create index occupancy_log_changes on occupancy_log (received_at, device_id) where changed = 1;

-- The newest timestamp wins: a late reading is stored, counts as a heartbeat and changes nothing else. Several small updates, since
-- this runs for each reading: `health`, `alarms` and `occupied` have triggers of their own, which cost even when nothing turned.
create trigger readings_stored after insert on readings
begin
    update device_state set
        readings = readings + 1,
        last_seen_at = max(coalesce(last_seen_at, 0), new.received_at),
        last_reading_at = new.at,
        voltage = new.voltage,
        current = new.current,
        power_factor = new.power_factor,
        power_w = new.power_w,
        battery = coalesce(new.battery, battery),
        electrical = new.flags & 3
    where device_id = new.device_id and new.at > coalesce(last_reading_at, -1);
    update device_state set
        readings = readings + 1,
        last_seen_at = max(coalesce(last_seen_at, 0), new.received_at)
    where device_id = new.device_id and last_reading_at <> new.at;
    update device_state set health = 'healthy' where device_id = new.device_id and health <> 'healthy';
    update device_state set alarms = (alarms | (new.flags & 20)) & ~((new.flags >> 1) & 20)
    where device_id = new.device_id and last_reading_at = new.at
        and alarms <> (alarms | (new.flags & 20)) & ~((new.flags >> 1) & 20);
    update device_state set occupied = new.occupied, occupied_at = new.at
    where new.occupied is not null and device_id = new.device_id and new.at > coalesce(occupied_at, -1);
end;

create trigger occupancy_logged after insert on occupancy_log
begin
    update device_state set
        last_seen_at = max(coalesce(last_seen_at, 0), new.received_at),
        health = 'healthy',
        occupied = iif(new.at > coalesce(occupied_at, -1), new.occupied, occupied),
        occupied_at = iif(new.at > coalesce(occupied_at, -1), new.at, occupied_at)
    where device_id = new.device_id;
end;

create trigger device_occupancy_turned after update of occupied on device_state when new.occupied is not old.occupied
begin
    insert into occupancy_log (device_id, at, received_at, occupied, changed)
    values (new.device_id, new.occupied_at, new.last_seen_at, new.occupied, 1)
    on conflict (device_id, at) do update set changed = 1;
    insert into events (channel, kind, site, data, public_data, at)
    select 'parking', 'spot', site, d, d, new.last_seen_at
    from (
        select s.site, json_object('spot_id', s.spot_id, 'zone', s.zone, 'kind', s.kind,
            'status', iif(s.status = 'out_of_service', s.status, iif(new.occupied, 'occupied', iif(s.status = 'reserved', 'reserved', 'free')))) as d
        from devices v join spots s on s.spot_id = v.spot_id
        where v.id = new.device_id and v.is_active = 1
    );
end;

create trigger device_health_turned after update of health on device_state when new.health <> old.health
begin
    update device_state set health_changed_at = new.last_seen_at where device_id = new.device_id and new.health = 'healthy';
    insert into events (channel, kind, site, data, at)
    select 'parking', 'device', site, json_object('device_code', code, 'zone', zone, 'spot_id', spot_id, 'health', new.health),
        max(coalesce(new.last_seen_at, 0), coalesce(new.health_changed_at, 0))
    from devices where id = new.device_id;
    update alerts set status = 'resolved', resolved_at = new.last_seen_at, resolved_by = 'system',
        updated_at = new.last_seen_at, updated_by = 'system'
    where new.health = 'healthy' and source = 'system' and status <> 'resolved'
        and alert_type in ('device_warning', 'device_offline')
        and subject = (select code from devices where id = new.device_id);
end;

-- Bits of `alarms`: 4 power above its limit, 16 voltage out of its range; hysteresis is in the flags.
create trigger device_alarm_turned after update of alarms on device_state when new.alarms <> old.alarms
begin
    insert into system_alerts (alert_type, subject, site, zones, severity, message, at)
    select 'high_power', code, site, json_array(zone), 'warning', printf('%s draws %.0f W', code, new.power_w), new.last_seen_at
    from devices where id = new.device_id and (new.alarms & 4) and not (old.alarms & 4);
    insert into system_alerts (alert_type, subject, site, zones, severity, message, at)
    select 'voltage_out_of_range', code, site, json_array(zone), 'critical', printf('%s measures %.1f V', code, new.voltage), new.last_seen_at
    from devices where id = new.device_id and (new.alarms & 16) and not (old.alarms & 16);
    update alerts set status = 'resolved', resolved_at = new.last_seen_at, resolved_by = 'system',
        updated_at = new.last_seen_at, updated_by = 'system'
    where source = 'system' and status <> 'resolved' and alert_type in ('high_power', 'voltage_out_of_range')
        and ((alert_type = 'high_power' and (old.alarms & 4) and not (new.alarms & 4))
            or (alert_type = 'voltage_out_of_range' and (old.alarms & 16) and not (new.alarms & 16)))
        and subject = (select code from devices where id = new.device_id);
end;

-- S1's lot counts.
create table lot_counts (
    parking_lot     text not null collate nocase,
    at              integer not null,
    available_spots integer not null check (available_spots >= 0),
    received_at     integer not null,
    sent_by         text not null,
    primary key (parking_lot, at)
) strict, without rowid;

-- The latest count of each lot.
create table lots (
    parking_lot     text primary key collate nocase,
    available_spots integer not null,
    at              integer not null,
    low             integer not null default 0 check (low in (0, 1)) -- fewer free than the limit, with hysteresis
) strict, without rowid;

create trigger lot_counted after insert on lot_counts
begin
    insert into lots (parking_lot, available_spots, at) values (new.parking_lot, new.available_spots, new.at)
    on conflict (parking_lot) do update set available_spots = excluded.available_spots, at = excluded.at
    where excluded.at > lots.at;
end;

create trigger lot_changed after update of available_spots on lots when new.available_spots <> old.available_spots
begin
    insert into events (channel, kind, data, public_data, at)
    select 'parking', 'lot', d, d, new.at
    from (select json_object('parking_lot', new.parking_lot, 'available_spots', new.available_spots) as d);
end;
