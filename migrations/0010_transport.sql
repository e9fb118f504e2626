-- Shuttles between car parks and temples (contract §6).
create table transport_routes (
    id          text primary key collate nocase,       -- a code such as `SOM-1`, or a UUIDv7
    site        text not null references sites (slug),
    name        text not null,
    polyline    text not null,                         -- JSON: [[latitude, longitude], …], in the direction of travel
    length_m    real not null check (length_m > 0),
    is_loop     integer not null default 0 check (is_loop in (0, 1)), -- its end is its beginning
    typical_kmh real not null check (typical_kmh between 1 and 150),
    departures  text not null,                         -- JSON: ["06:00", …], site's time, from the first stop, daily
    is_active   integer not null default 1 check (is_active in (0, 1)),
    created_at  integer not null,
    updated_at  integer not null,
    updated_by  text not null
) strict;

create index transport_routes_by_site on transport_routes (site, id);

create table transport_stops (
    id       text primary key collate nocase,
    route    text not null collate nocase references transport_routes (id) on delete cascade,
    position integer not null,                         -- order along the route, from 0
    name     text not null,
    lat      real not null check (lat between -90 and 90),
    lng      real not null check (lng between -180 and 180),
    along_m  real not null check (along_m >= 0),       -- metres from the route's start, along it
    offset_s integer check (offset_s >= 0),            -- timetable: seconds after the departure
    unique (route, position)
) strict;

create table shuttles (
    id          text primary key collate nocase,
    site        text not null references sites (slug),
    route       text collate nocase references transport_routes (id),
    name        text not null,
    plate       text,
    capacity    integer not null check (capacity between 1 and 500),
    device_code text collate nocase references devices (code), -- what may send its position
    is_active   integer not null default 1 check (is_active in (0, 1)),
    created_at  integer not null,
    updated_at  integer not null,
    updated_by  text not null
) strict;

create index shuttles_by_site on shuttles (site, id);

create index shuttles_by_route on shuttles (route, id);

-- A device rides in one shuttle: it tells where that one is, and no other.
create unique index shuttles_one_a_device on shuttles (device_code) where device_code is not null and is_active = 1;

-- Where a shuttle was. A repeat is refused; a late one is stored and never moves it back.
create table shuttle_positions (
    shuttle     text not null collate nocase references shuttles (id),
    at          integer not null,
    received_at integer not null,
    lat         real not null check (lat between -90 and 90),
    lng         real not null check (lng between -180 and 180),
    speed_kmh   real check (speed_kmh between 0 and 200),   -- as the sender measured it
    heading     real check (heading between 0 and 360),
    passengers  integer check (passengers between 0 and 1000),
    sent_by     text not null,
    primary key (shuttle, at)
) strict, without rowid;

create table shuttle_state (
    shuttle         text primary key collate nocase references shuttles (id),
    at              integer not null,
    received_at     integer not null,
    lat             real not null,
    lng             real not null,
    speed_kmh       real,
    heading         real,
    passengers      integer,
    passengers_at   integer,
    published_at    integer not null default 0,        -- when its last event was written
    published_up_to integer not null default -1        -- the `at` that this event told
) strict, without rowid;

-- The newest time wins. An event at most every 10 s for each shuttle; what was held back goes out with the next position of any of the
-- site's, or with the scheduled run.
create trigger shuttle_moved after insert on shuttle_positions
begin
    insert into shuttle_state (shuttle, at, received_at, lat, lng, speed_kmh, heading, passengers, passengers_at)
    values (new.shuttle, new.at, new.received_at, new.lat, new.lng, new.speed_kmh, new.heading, new.passengers,
        iif(new.passengers is null, null, new.at))
    on conflict do update set at = excluded.at, received_at = excluded.received_at, lat = excluded.lat, lng = excluded.lng,
        speed_kmh = excluded.speed_kmh, heading = excluded.heading, passengers = coalesce(excluded.passengers, passengers),
        passengers_at = coalesce(excluded.passengers_at, passengers_at)
    where excluded.at > shuttle_state.at;
    update shuttle_state set published_at = new.received_at, published_up_to = at
    where shuttle in (select id from shuttles where site = (select site from shuttles where id = new.shuttle))
        and at > published_up_to and published_at <= new.received_at - 10000;
    update device_state set last_seen_at = max(coalesce(last_seen_at, 0), new.received_at), health = 'healthy'
    where new.sent_by like 'device:%'
        and device_id = (select d.id from shuttles s join devices d on d.code = s.device_code where s.id = new.shuttle);
end;

create trigger shuttle_published after update of published_at on shuttle_state
begin
    insert into events (channel, kind, site, data, public_data, at)
    select 'transport', 'shuttle', site, d, d, new.published_at
    from (
        select s.site, json_object(
            'shuttle_id', s.id, 'temple_id', s.site, 'route_id', s.route, 'lat', new.lat, 'lng', new.lng, 'speed_kmh', new.speed_kmh,
            'heading', new.heading, 'passengers', new.passengers, 'capacity', s.capacity,
            'timestamp', strftime('%Y-%m-%dT%H:%M:%fZ', new.at / 1000.0, 'unixepoch')) as d
        from shuttles s where s.id = new.shuttle
    );
end;

create trigger transport_routes_created after insert on transport_routes
begin
    insert into audit_log (at, actor, action, entity, subject) values (new.created_at, new.updated_by, 'created', 'transport_routes', new.id);
end;

create trigger transport_routes_updated after update on transport_routes
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.updated_at, new.updated_by, 'updated', 'transport_routes', new.id, json_object('is_active', new.is_active));
end;

create trigger shuttles_created after insert on shuttles
begin
    insert into audit_log (at, actor, action, entity, subject) values (new.created_at, new.updated_by, 'created', 'shuttles', new.id);
end;

create trigger shuttles_updated after update on shuttles
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.updated_at, new.updated_by, 'updated', 'shuttles', new.id,
        json_object('route', new.route, 'device_code', new.device_code, 'is_active', new.is_active));
end;
