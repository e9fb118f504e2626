-- Places (contract §3).
create table sites (
    slug        text primary key,
    name        text not null,
    kind        text not null check (kind in ('car_park', 'temple', 'campus')),
    latitude    real not null check (latitude between -90 and 90),
    longitude   real not null check (longitude between -180 and 180),
    time_zone   text not null,                         -- IANA name
    capacity    integer not null check (capacity >= 0),
    low_spots   integer not null default 5 check (low_spots >= 0),
    thresholds  text not null default '{}',            -- JSON object, further limits of the site
    tariff      text not null default '{}',            -- JSON object, minor units and a currency
    created_at  integer not null,
    updated_at  integer not null,
    updated_by  text not null
) strict;

create table zones (
    site       text not null references sites (slug) on delete cascade,
    code       text not null collate nocase,
    name       text not null,
    area_m2    real check (area_m2 > 0),               -- crowd zones
    capacity   integer check (capacity >= 0),
    position   integer not null default 0,             -- order on a plan
    created_at integer not null,
    updated_at integer not null,
    updated_by text not null,
    primary key (site, code)
) strict, without rowid;

create table spots (
    spot_id    text primary key collate nocase,
    site       text not null,
    zone       text not null collate nocase,
    kind       text not null default 'standard' check (kind in ('standard', 'accessible', 'ev', 'two_wheeler', 'vip')),
    status     text not null default 'in_service' check (status in ('in_service', 'reserved', 'out_of_service')),
    created_at integer not null,
    updated_at integer not null,
    updated_by text not null,
    foreign key (site, zone) references zones (site, code)
) strict;

create index spots_by_zone on spots (site, zone, spot_id);

create table devices (
    id         integer primary key,                    -- internal; the world knows `code`
    code       text not null collate nocase unique,
    site       text not null,
    zone       text not null collate nocase,
    spot_id    text collate nocase references spots (spot_id),
    name       text,
    firmware   text,
    is_active  integer not null default 1 check (is_active in (0, 1)),
    created_at integer not null,
    updated_at integer not null,
    updated_by text not null,
    foreign key (site, zone) references zones (site, code)
) strict;

create index devices_by_zone on devices (site, zone, code);

-- One active device says whether a spot is taken.
create unique index devices_one_a_spot on devices (spot_id) where spot_id is not null and is_active = 1;

-- Keys that devices send with: `ghd_` and 43 characters of base64url. Only the SHA-256 is kept.
create table device_credentials (
    id         text primary key,
    device_id  integer not null references devices (id) on delete cascade,
    key_hash   blob not null unique,
    label      text,
    created_at integer not null,
    created_by text not null,
    revoked_at integer,
    revoked_by text
) strict;

create index device_credentials_by_device on device_credentials (device_id);

-- What a device last said. Small rows, apart from `devices`, because each reading rewrites one.
create table device_state (
    device_id         integer primary key references devices (id) on delete cascade,
    last_seen_at      integer,                         -- time of receipt: the heartbeat
    last_reading_at   integer,                         -- the newest reading's own time
    voltage           real,
    current           real,
    power_factor      real,
    power_w           real,
    battery           real,
    electrical        integer not null default 0,      -- flags of the newest reading, see domain::reading
    alarms            integer not null default 0,      -- 4 power, 16 voltage: raised and not yet cleared
    occupied          integer check (occupied in (0, 1)),
    occupied_at       integer,
    health            text not null default 'unknown' check (health in ('healthy', 'warning', 'offline', 'unknown')),
    health_changed_at integer,
    readings          integer not null default 0       -- accepted so far
) strict;

create index device_state_by_heartbeat on device_state (last_seen_at) where health in ('healthy', 'warning');

create trigger devices_have_state after insert on devices
begin
    insert into device_state (device_id) values (new.id);
    insert into audit_log (at, actor, action, entity, subject) values (new.created_at, new.updated_by, 'created', 'devices', new.code);
end;

create trigger devices_updated after update on devices
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.updated_at, new.updated_by, 'updated', 'devices', new.code,
        json_object('zone', new.zone, 'spot_id', new.spot_id, 'is_active', new.is_active));
end;

create trigger sites_created after insert on sites
begin
    insert into audit_log (at, actor, action, entity, subject) values (new.created_at, new.updated_by, 'created', 'sites', new.slug);
end;

create trigger sites_updated after update on sites
begin
    insert into audit_log (at, actor, action, entity, subject) values (new.updated_at, new.updated_by, 'updated', 'sites', new.slug);
end;

create trigger zones_created after insert on zones
begin
    insert into audit_log (at, actor, action, entity, subject)
    values (new.created_at, new.updated_by, 'created', 'zones', new.site || '/' || new.code);
end;

create trigger zones_updated after update on zones
begin
    insert into audit_log (at, actor, action, entity, subject)
    values (new.updated_at, new.updated_by, 'updated', 'zones', new.site || '/' || new.code);
end;

create trigger spots_created after insert on spots
begin
    insert into audit_log (at, actor, action, entity, subject) values (new.created_at, new.updated_by, 'created', 'spots', new.spot_id);
end;

create trigger spots_updated after update on spots
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.updated_at, new.updated_by, 'updated', 'spots', new.spot_id, json_object('status', new.status, 'kind', new.kind));
    insert into events (channel, kind, site, data, public_data, at)
    select 'parking', 'spot', new.site, d, d, new.updated_at
    from (select json_object('spot_id', new.spot_id, 'zone', new.zone, 'kind', new.kind, 'status', new.status) as d)
    where new.status <> old.status;
end;

create trigger device_credentials_created after insert on device_credentials
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.created_at, new.created_by, 'created', 'device_credentials', new.id,
        json_object('device', (select code from devices where id = new.device_id)));
end;

create trigger device_credentials_revoked after update of revoked_at on device_credentials
begin
    insert into audit_log (at, actor, action, entity, subject)
    values (new.revoked_at, new.revoked_by, 'revoked', 'device_credentials', new.id);
end;
