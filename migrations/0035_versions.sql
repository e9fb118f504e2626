-- Versions of what polled answers are made from. Each topic's is a random number that is drawn anew in the transaction of every change: who
-- reads the same number before and after knows that nothing has changed, and a database that was put back from a copy repeats none. See
-- crates/kit/src/kept.rs; the topics are its, a test compares.
create table versions (
    topic   text primary key,
    version integer not null
) strict, without rowid;

insert into versions (topic, version)
values ('alerts', random()), ('crowd', random()), ('devices', random()), ('places', random()), ('reservations', random()), ('slots', random()),
    ('spots', random());

-- What places are called, where they lie, what they cost, and which there are.
create trigger sites_insert_raises_version after insert on sites
begin
    update versions set version = random() where topic = 'places';
end;

create trigger sites_update_raises_version after update on sites
begin
    update versions set version = random() where topic = 'places';
end;

create trigger sites_delete_raises_version after delete on sites
begin
    update versions set version = random() where topic = 'places';
end;

create trigger zones_insert_raises_version after insert on zones
begin
    update versions set version = random() where topic = 'places';
end;

create trigger zones_update_raises_version after update on zones
begin
    update versions set version = random() where topic = 'places';
end;

create trigger zones_delete_raises_version after delete on zones
begin
    update versions set version = random() where topic = 'places';
end;

-- The state of spots by what administrators and sensors say.
create trigger spots_insert_raises_version after insert on spots
begin
    update versions set version = random() where topic in ('places', 'spots');
end;

create trigger spots_update_raises_version after update on spots
begin
    update versions set version = random() where topic = 'spots';
end;

create trigger spots_move_raises_version after update of spot_id, site, zone on spots
begin
    update versions set version = random() where topic = 'places';
end;

create trigger spots_delete_raises_version after delete on spots
begin
    update versions set version = random() where topic in ('places', 'spots');
end;

create trigger devices_insert_raises_version after insert on devices
begin
    update versions set version = random() where topic in ('devices', 'spots');
end;

create trigger devices_update_raises_version after update on devices
begin
    update versions set version = random() where topic in ('devices', 'spots');
end;

create trigger devices_delete_raises_version after delete on devices
begin
    update versions set version = random() where topic in ('devices', 'spots');
end;

create trigger device_occupancy_raises_version after update of occupied on device_state when new.occupied is not old.occupied
begin
    update versions set version = random() where topic = 'spots';
end;

-- The health of devices. It follows from the clock while heartbeats come in time, so that these raise nothing: only one that is awaited does,
-- and one that goes back. 90,000 ms is the healthy span (domain::health::HEALTHY_MS) less the 30,000 that a reading may take from its receipt
-- to its commit; a test compares.
create trigger device_heartbeat_raises_version after update of last_seen_at on device_state when new.last_seen_at not between old.last_seen_at and old.last_seen_at + 90000 or old.last_seen_at is null or new.last_seen_at is null
begin
    update versions set version = random() where topic = 'devices';
end;

-- Which reservations there are, and so which spots they claim.
create trigger reservations_insert_raises_version after insert on reservations
begin
    update versions set version = random() where topic = 'reservations';
end;

create trigger reservations_update_raises_version after update on reservations
begin
    update versions set version = random() where topic = 'reservations';
end;

create trigger reservations_delete_raises_version after delete on reservations
begin
    update versions set version = random() where topic = 'reservations';
end;

create trigger reservation_changes_insert_raises_version after insert on reservation_changes
begin
    update versions set version = random() where topic = 'reservations';
end;

create trigger reservation_changes_update_raises_version after update on reservation_changes
begin
    update versions set version = random() where topic = 'reservations';
end;

create trigger reservation_changes_delete_raises_version after delete on reservation_changes
begin
    update versions set version = random() where topic = 'reservations';
end;

-- How crowded zones are.
create trigger crowd_state_insert_raises_version after insert on crowd_state
begin
    update versions set version = random() where topic = 'crowd';
end;

create trigger crowd_state_update_raises_version after update on crowd_state
begin
    update versions set version = random() where topic = 'crowd';
end;

create trigger crowd_state_delete_raises_version after delete on crowd_state
begin
    update versions set version = random() where topic = 'crowd';
end;

-- Which slots are offered, and how full they are.
create trigger slot_templates_insert_raises_version after insert on slot_templates
begin
    update versions set version = random() where topic = 'slots';
end;

create trigger slot_templates_update_raises_version after update on slot_templates
begin
    update versions set version = random() where topic = 'slots';
end;

create trigger slot_templates_delete_raises_version after delete on slot_templates
begin
    update versions set version = random() where topic = 'slots';
end;

create trigger slot_days_insert_raises_version after insert on slot_days
begin
    update versions set version = random() where topic = 'slots';
end;

create trigger slot_days_update_raises_version after update on slot_days
begin
    update versions set version = random() where topic = 'slots';
end;

create trigger slot_days_delete_raises_version after delete on slot_days
begin
    update versions set version = random() where topic = 'slots';
end;

create trigger slot_day_slots_insert_raises_version after insert on slot_day_slots
begin
    update versions set version = random() where topic = 'slots';
end;

create trigger slot_day_slots_update_raises_version after update on slot_day_slots
begin
    update versions set version = random() where topic = 'slots';
end;

create trigger slot_day_slots_delete_raises_version after delete on slot_day_slots
begin
    update versions set version = random() where topic = 'slots';
end;

create trigger bookings_insert_raises_version after insert on bookings
begin
    update versions set version = random() where topic = 'slots';
end;

create trigger bookings_update_raises_version after update of site, date, slot, status, party_size on bookings
begin
    update versions set version = random() where topic = 'slots';
end;

create trigger bookings_delete_raises_version after delete on bookings
begin
    update versions set version = random() where topic = 'slots';
end;

create trigger alerts_insert_raises_version after insert on alerts
begin
    update versions set version = random() where topic = 'alerts';
end;

create trigger alerts_update_raises_version after update on alerts
begin
    update versions set version = random() where topic = 'alerts';
end;

create trigger alerts_delete_raises_version after delete on alerts
begin
    update versions set version = random() where topic = 'alerts';
end;

-- When which reservations claim a spot may change by the clock alone: what reservations tells who keeps an answer until then. The next of them
-- is found by the indexes of the times (`order by at limit 1`).
create view spot_claim_moments (at) as
select starts_at from reservations indexed by reservations_live where status in ('pending_payment', 'confirmed', 'arrived')
union all
select ends_at from reservations indexed by reservations_ending where status in ('confirmed', 'arrived') and status = 'confirmed'
union all
select ends_at from reservations indexed by reservations_ending where status in ('confirmed', 'arrived') and status = 'arrived'
union all
select ends_at from reservations indexed by reservations_held where status = 'pending_payment'
union all
select hold_expires_at from reservations indexed by reservations_held where status = 'pending_payment'
union all
select due_until from reservations where due_until is not null
union all
select paid_ends_at from reservations where due_until is not null
union all
select starts_at from reservation_changes
union all
select ends_at from reservation_changes
union all
select due_until from reservation_changes;
