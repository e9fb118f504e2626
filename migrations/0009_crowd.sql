-- How many people are in a zone (contract §6). (zone, at) is unique: a repeat is refused, never stored twice, never overwritten.
create table crowd_readings (
    site        text not null,
    zone        text not null collate nocase,
    at          integer not null,
    received_at integer not null,
    count       integer not null check (count between 0 and 1000000),
    device_id   integer references devices (id),       -- the people counter; null for an operator's count
    sent_by     text not null,
    primary key (site, zone, at),
    foreign key (site, zone) references zones (site, code)
) strict, without rowid;

-- Sums by quarter of an hour, which every time zone's hours are made of: for the heat map and for forecasts.
create table crowd_quarters (
    site     text not null,
    zone     text not null collate nocase,
    start    integer not null check (start % 900000 = 0),
    readings integer not null,
    total    integer not null,                         -- of the counts
    primary key (site, zone, start)
) strict, without rowid;

-- Each zone's newest count and its levels, which have hysteresis: domain::crowd says what they turn to.
create table crowd_state (
    site             text not null,
    zone             text not null collate nocase,
    count            integer not null,
    at               integer not null,
    received_at      integer not null,
    level            text check (level in ('low', 'moderate', 'high', 'critical')), -- the worse of the two below; null when neither is known
    share_level      text check (share_level in ('low', 'moderate', 'high', 'critical')),
    share_alone      text check (share_alone in ('low', 'moderate', 'high', 'critical')), -- where the newest count lies by itself
    density_level    text check (density_level in ('normal', 'warning', 'critical')),
    density_alone    text check (density_alone in ('normal', 'warning', 'critical')),
    level_changed_at integer not null,
    published_at     integer not null default 0,       -- when its last event was written
    published_up_to  integer not null default -1,      -- the `at` that this event told
    primary key (site, zone),
    foreign key (site, zone) references zones (site, code)
) strict, without rowid;

-- How many people have booked each slot, by how many hours ahead: what a forecast could know when. `lead` is the difference between the
-- slot's hour and the one in which it was booked or left the waitlist, both counted since 1970.
create table crowd_booked (
    site      text not null,
    starts_at integer not null,
    ends_at   integer not null check (ends_at > starts_at),
    lead      integer not null check (lead between 0 and 25), -- 25 stands for more, too
    people    integer not null,
    primary key (site, starts_at, ends_at, lead)
) strict, without rowid;

create trigger crowd_booking_made after insert on bookings when new.status in ('confirmed', 'checked_in', 'exited', 'no_show')
begin
    insert into crowd_booked (site, starts_at, ends_at, lead, people)
    values (new.site, new.starts_at, new.ends_at,
        min(25, max(0, new.starts_at / 3600000 - coalesce(new.promoted_at, new.created_at) / 3600000)), new.party_size)
    on conflict do update set people = people + excluded.people;
end;

create trigger crowd_booking_counts after update of status on bookings
when old.status not in ('confirmed', 'checked_in', 'exited', 'no_show') and new.status in ('confirmed', 'checked_in', 'exited', 'no_show')
begin
    insert into crowd_booked (site, starts_at, ends_at, lead, people)
    values (new.site, new.starts_at, new.ends_at,
        min(25, max(0, new.starts_at / 3600000 - coalesce(new.promoted_at, new.created_at) / 3600000)), new.party_size)
    on conflict do update set people = people + excluded.people;
end;

create trigger crowd_booking_gone after update of status on bookings
when old.status in ('confirmed', 'checked_in', 'exited', 'no_show') and new.status not in ('confirmed', 'checked_in', 'exited', 'no_show')
begin
    update crowd_booked set people = people - old.party_size
    where site = old.site and starts_at = old.starts_at and ends_at = old.ends_at
        and lead = min(25, max(0, old.starts_at / 3600000 - coalesce(old.promoted_at, old.created_at) / 3600000));
end;

create trigger crowd_counted after insert on crowd_readings
begin
    insert into crowd_quarters (site, zone, start, readings, total)
    values (new.site, new.zone, new.at - new.at % 900000, 1, new.count)
    on conflict do update set readings = readings + 1, total = total + excluded.total;
    update device_state set last_seen_at = max(coalesce(last_seen_at, 0), new.received_at), health = 'healthy'
    where device_id = new.device_id;
end;

-- An event at most every 5 s for each zone. What was held back goes out with the next count of any zone of the site, or with the
-- scheduled run.
create trigger crowd_began after insert on crowd_state
begin
    update crowd_state set published_at = new.received_at, published_up_to = at where site = new.site and zone = new.zone;
    insert into system_alerts (alert_type, subject, site, zones, severity, message, at)
    select iif(new.level = 'critical', 'crowd_critical', 'crowd_high'), site || '/' || code, site, json_array(code),
        iif(new.level = 'critical', 'critical', 'warning'),
        printf('%s at %s is %s: %d people', name, (select name from sites where slug = site),
            iif(new.level = 'critical', 'critically crowded', 'highly crowded'), new.count), new.received_at
    from zones where site = new.site and code = new.zone and new.level in ('high', 'critical');
end;

create trigger crowd_moved after update of at on crowd_state
begin
    update crowd_state set published_at = new.received_at, published_up_to = at
    where site = new.site and at > published_up_to and published_at <= new.received_at - 5000;
end;

create trigger crowd_published after update of published_at on crowd_state
begin
    insert into events (channel, kind, site, data, public_data, at)
    select 'crowd', 'crowd', new.site, d, d, new.published_at
    from (
        select json_object(
            'temple_id', z.site, 'zone', z.code, 'count', new.count, 'capacity', z.capacity,
            'percent_of_capacity', iif(z.capacity > 0, round(100.0 * new.count / z.capacity, 1), null),
            'density', iif(z.area_m2 > 0, round(new.count / z.area_m2, 2), null),
            'level', new.level, 'density_level', new.density_level,
            'timestamp', strftime('%Y-%m-%dT%H:%M:%fZ', new.at / 1000.0, 'unixepoch')) as d
        from zones z where z.site = new.site and z.code = new.zone
    );
end;

-- Crossing to high or to critical raises an alert once. The one for high gives way to the one for critical, which must be
-- acknowledged anew; either is resolved by itself once the zone is below high. Falling from critical to high raises nothing.
create trigger crowd_level_turned after update of level on crowd_state when new.level is not old.level
begin
    update alerts set status = 'resolved', resolved_at = new.received_at, resolved_by = 'system',
        updated_at = new.received_at, updated_by = 'system'
    where source = 'system' and status <> 'resolved' and alert_type in ('crowd_high', 'crowd_critical')
        and subject = new.site || '/' || (select code from zones where site = new.site and code = new.zone)
        and ((alert_type = 'crowd_high' and new.level is not 'high') or coalesce(new.level, 'low') in ('low', 'moderate'));
    insert into system_alerts (alert_type, subject, site, zones, severity, message, at)
    select iif(new.level = 'critical', 'crowd_critical', 'crowd_high'), site || '/' || code, site, json_array(code),
        iif(new.level = 'critical', 'critical', 'warning'),
        printf('%s at %s is %s: %d people', name, (select name from sites where slug = site),
            iif(new.level = 'critical', 'critically crowded', 'highly crowded'), new.count), new.received_at
    from zones
    where site = new.site and code = new.zone
        and (new.level = 'critical' or (new.level = 'high' and old.level is not 'critical'));
end;
