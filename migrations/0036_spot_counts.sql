-- What each spot is by the word of administrators and sensors, whatever reservations claim; the words are domain::overview::SpotState. Kept by
-- triggers, so that nobody looks for a spot's sensor to read it.
create table spot_states (
    spot_id text primary key collate nocase references spots (spot_id) on delete cascade,
    site    text not null,
    zone    text not null collate nocase,
    state   text not null check (state in ('free', 'occupied', 'reserved', 'out_of_service'))
) strict, without rowid;

-- How many spots of each zone are what.
create table zone_counts (
    site           text not null,
    zone           text not null collate nocase,
    free           integer not null check (free >= 0),
    occupied       integer not null check (occupied >= 0),
    reserved       integer not null check (reserved >= 0),
    out_of_service integer not null check (out_of_service >= 0),
    primary key (site, zone)
) strict, without rowid;

create trigger spot_states_counted after insert on spot_states
begin
    insert into zone_counts (site, zone, free, occupied, reserved, out_of_service)
    values (new.site, new.zone, new.state = 'free', new.state = 'occupied', new.state = 'reserved', new.state = 'out_of_service')
    on conflict do update set free = free + excluded.free, occupied = occupied + excluded.occupied, reserved = reserved + excluded.reserved,
        out_of_service = out_of_service + excluded.out_of_service;
end;

create trigger spot_states_recounted after update on spot_states
begin
    update zone_counts set free = free - (old.state = 'free'), occupied = occupied - (old.state = 'occupied'),
        reserved = reserved - (old.state = 'reserved'), out_of_service = out_of_service - (old.state = 'out_of_service')
    where site = old.site and zone = old.zone;
    insert into zone_counts (site, zone, free, occupied, reserved, out_of_service)
    values (new.site, new.zone, new.state = 'free', new.state = 'occupied', new.state = 'reserved', new.state = 'out_of_service')
    on conflict do update set free = free + excluded.free, occupied = occupied + excluded.occupied, reserved = reserved + excluded.reserved,
        out_of_service = out_of_service + excluded.out_of_service;
end;

create trigger spot_states_uncounted after delete on spot_states
begin
    update zone_counts set free = free - (old.state = 'free'), occupied = occupied - (old.state = 'occupied'),
        reserved = reserved - (old.state = 'reserved'), out_of_service = out_of_service - (old.state = 'out_of_service')
    where site = old.site and zone = old.zone;
end;

-- Looking at a spot again: an insert here writes down what it is now.
create view spot_looks as
select spot_id from spots;

create trigger spot_looked_at instead of insert on spot_looks
begin
    insert into spot_states (spot_id, site, zone, state)
    select s.spot_id, s.site, s.zone, case
        when s.status = 'out_of_service' then 'out_of_service'
        when t.occupied = 1 then 'occupied'
        when s.status = 'reserved' then 'reserved'
        else 'free' end
    from spots s
    left join devices v on v.spot_id = s.spot_id and v.is_active = 1
    left join device_state t on t.device_id = v.id
    where s.spot_id = new.spot_id
    on conflict do update set site = excluded.site, zone = excluded.zone, state = excluded.state
    where excluded.state <> spot_states.state or excluded.site <> spot_states.site or excluded.zone <> spot_states.zone;
end;

create trigger spots_inserted_looked_at after insert on spots
begin
    insert into spot_looks (spot_id) values (new.spot_id);
end;

create trigger spots_updated_looked_at after update of spot_id, site, zone, status on spots
begin
    insert into spot_looks (spot_id) values (new.spot_id);
end;

create trigger occupancy_looked_at after update of occupied on device_state when new.occupied is not old.occupied
begin
    insert into spot_looks (spot_id) select spot_id from devices where id = new.device_id and is_active = 1 and spot_id is not null;
end;

create trigger devices_inserted_looked_at after insert on devices when new.spot_id is not null
begin
    insert into spot_looks (spot_id) values (new.spot_id);
end;

create trigger devices_updated_looked_at after update of spot_id, is_active on devices
begin
    insert into spot_looks (spot_id) select old.spot_id where old.spot_id is not null and old.spot_id is not new.spot_id;
    insert into spot_looks (spot_id) select new.spot_id where new.spot_id is not null;
end;

create trigger devices_deleted_looked_at after delete on devices when old.spot_id is not null
begin
    insert into spot_looks (spot_id) values (old.spot_id);
end;

insert into spot_looks (spot_id)
select spot_id from spots;

-- Lists of a site's spots and devices in their own order: a page is read, and not the whole site to sort it.
create index spots_by_site on spots (site, spot_id);

create index devices_by_site on devices (site, code);

-- Any spot of a kind.
create index spots_by_kind on spots (site, kind, spot_id);
