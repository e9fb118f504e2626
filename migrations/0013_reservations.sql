-- Reservations of spots (contract §4). Two never overlap on one spot: that is a condition inside each insert and update, see
-- `crates/kit/src/spots.rs`. `no` is the order in which they came.
create table reservations (
    no              integer primary key autoincrement,
    id              text not null unique,
    user_id         text not null references users (id),
    spot_id         text not null collate nocase references spots (spot_id),
    site            text not null references sites (slug),
    kind            text not null,                     -- the spot's, when it was reserved
    starts_at       integer not null,
    ends_at         integer not null check (ends_at > starts_at),
    plate           text not null,
    status          text not null check (status in
        ('pending_payment', 'confirmed', 'arrived', 'overstayed', 'completed', 'cancelled', 'expired', 'no_show')),
    price           integer not null check (price >= 0),          -- minor units
    currency        text not null,
    paid            integer not null default 0 check (paid >= 0), -- what the site keeps: received, less what was given back
    hold_expires_at integer,                           -- until when it is held unpaid
    due_until       integer,                           -- until when the rest for a longer stay is to be paid
    paid_ends_at    integer,                           -- where it ends, and what it costs, if that is not paid
    paid_price      integer,
    announced       integer not null default 0 check (announced in (0, 1)), -- whether the feed was told that it keeps its spot
    arrived_at      integer,
    left_at         integer,                           -- since when the spot is empty again
    ended_at        integer,                           -- when it was cancelled, completed, missed or had expired
    created_at      integer not null,
    updated_at      integer not null,
    updated_by      text not null,
    check (status <> 'pending_payment' or hold_expires_at is not null),
    check ((due_until is null) = (paid_ends_at is null) and (due_until is null) = (paid_price is null))
) strict;

-- What may be in the way of another; kept small by the scheduled run.
create index reservations_live_by_spot on reservations (spot_id, ends_at, starts_at)
    where status in ('pending_payment', 'confirmed', 'arrived');

create index reservations_live on reservations (starts_at, ends_at, spot_id) where status in ('pending_payment', 'confirmed', 'arrived');

create index reservations_held on reservations (hold_expires_at) where status = 'pending_payment';

create index reservations_live_by_user on reservations (user_id) where status in ('pending_payment', 'confirmed', 'arrived');

create index reservations_ending on reservations (status, ends_at) where status in ('confirmed', 'arrived');

create index reservations_left on reservations (left_at) where status in ('arrived', 'overstayed') and left_at is not null;

create index reservations_due on reservations (due_until) where due_until is not null;

create index reservations_there on reservations (spot_id) where status in ('arrived', 'overstayed');

create index reservations_by_user on reservations (user_id);

create index reservations_by_spot on reservations (spot_id);

create index reservations_by_site on reservations (site);

create index reservations_arriving on reservations (site, starts_at);

create index reservations_by_status on reservations (status);

create index reservations_by_plate on reservations (plate);

-- Telling the feed what a spot is: an insert here is the event.
create view spot_news as
select spot_id, updated_at as at from spots;

create trigger spot_news_told instead of insert on spot_news
begin
    insert into events (channel, kind, site, data, public_data, at)
    select 'parking', 'spot', site, d, d, new.at
    from (
        select s.site, json_object('spot_id', s.spot_id, 'zone', s.zone, 'kind', s.kind, 'status', case
            when s.status = 'out_of_service' then 'out_of_service'
            when t.occupied = 1 then 'occupied'
            when s.status = 'reserved' or exists (
                select 1 from reservations r
                where r.spot_id = s.spot_id and r.status in ('pending_payment', 'confirmed', 'arrived')
                    and r.ends_at > new.at and r.starts_at <= new.at
                    and (r.status <> 'pending_payment' or r.hold_expires_at > new.at)
                    and (r.due_until is null or r.due_until > new.at or r.paid_ends_at > new.at)
            ) then 'reserved'
            else 'free' end) as d
        from spots s
        left join devices v on v.spot_id = s.spot_id and v.is_active = 1
        left join device_state t on t.device_id = v.id
        where s.spot_id = new.spot_id
    );
end;

-- As before, but what the feed tells of a spot that was changed is its state, as everywhere else.
drop trigger spots_updated;

create trigger spots_updated after update on spots
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.updated_at, new.updated_by, 'updated', 'spots', new.spot_id, json_object('status', new.status, 'kind', new.kind));
    insert into spot_news (spot_id, at) select new.spot_id, new.updated_at where new.status <> old.status or new.kind <> old.kind;
end;

-- As before, but a spot that is left is `reserved` while a reservation keeps it.
drop trigger device_occupancy_turned;

create trigger device_occupancy_turned after update of occupied on device_state when new.occupied is not old.occupied
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

-- What the driver is told; one place, so that all messages of a reservation agree.
create view reservation_notices as
select
    r.id,
    json_object(
        'id', r.id, 'severity', 'info', 'site', r.site, 'spot_id', r.spot_id, 'status', r.status,
        'price', r.price, 'currency', r.currency,
        'start', strftime('%Y-%m-%dT%H:%M:%SZ', r.starts_at / 1000, 'unixepoch'),
        'end', strftime('%Y-%m-%dT%H:%M:%SZ', r.ends_at / 1000, 'unixepoch'),
        'message', s.name || ', spot ' || r.spot_id || ' from ' || strftime('%Y-%m-%d %H:%M', r.starts_at / 1000, 'unixepoch') || ' to '
            || strftime('%Y-%m-%d %H:%M', r.ends_at / 1000, 'unixepoch') || ' UTC: your reservation '
            || case r.status
                when 'confirmed' then 'is confirmed'
                when 'cancelled' then 'is cancelled'
                when 'expired' then 'has lapsed: it was not paid in time'
                else 'is ' || replace(r.status, '_', ' ')
            end,
        'timestamp', strftime('%Y-%m-%dT%H:%M:%fZ', r.updated_at / 1000.0, 'unixepoch')
    ) as payload
from reservations r join sites s on s.slug = r.site;

create trigger reservations_created after insert on reservations
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.created_at, new.updated_by, 'created', 'reservations', new.id,
        json_object('status', new.status, 'spot_id', new.spot_id, 'starts_at', new.starts_at, 'ends_at', new.ends_at, 'price', new.price));
    insert into spot_news (spot_id, at) select new.spot_id, new.created_at where new.announced;
    insert into outbox (topic, subject, payload, created_at)
    select 'reservation.' || new.status, new.id, payload, new.created_at from reservation_notices where id = new.id and new.status = 'confirmed';
end;

create trigger reservations_moved after update of status on reservations when new.status <> old.status
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.updated_at, new.updated_by, 'updated', 'reservations', new.id, json_object('from', old.status, 'status', new.status));
    insert into spot_news (spot_id, at)
    select new.spot_id, new.updated_at
    where new.status <> 'arrived' and (old.announced or (new.starts_at <= new.updated_at and new.ends_at > new.updated_at));
    insert into outbox (topic, subject, payload, created_at)
    select 'reservation.' || new.status, new.id, payload, new.updated_at
    from reservation_notices where id = new.id and new.status in ('confirmed', 'cancelled', 'expired')
    on conflict do nothing;
    update alerts set status = 'resolved', resolved_at = new.updated_at, resolved_by = 'system', updated_at = new.updated_at, updated_by = 'system'
    where old.status in ('overstayed', 'confirmed') and source = 'system' and status <> 'resolved'
        and alert_type in ('overstay', 'spot_blocked') and subject = new.id;
    insert into system_alerts (alert_type, subject, site, zones, severity, message, at)
    select 'overstay', new.id, s.site, json_array(s.zone), 'warning', printf('%s on %s is past the end of its reservation', new.plate, new.spot_id),
        new.updated_at
    from spots s where s.spot_id = new.spot_id and new.status = 'overstayed';
end;

create trigger reservations_changed after update of spot_id, starts_at, ends_at, plate, price on reservations
when new.spot_id <> old.spot_id or new.starts_at <> old.starts_at or new.ends_at <> old.ends_at or new.plate <> old.plate or new.price <> old.price
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.updated_at, new.updated_by, 'updated', 'reservations', new.id,
        json_object('spot_id', new.spot_id, 'starts_at', new.starts_at, 'ends_at', new.ends_at, 'price', new.price));
    insert into spot_news (spot_id, at) select old.spot_id, new.updated_at where old.announced;
    insert into spot_news (spot_id, at) select new.spot_id, new.updated_at where new.announced and new.spot_id <> old.spot_id;
end;

-- Its time has come: the spot is kept from now on. Somebody who stands on it already is not its driver, and is in the way.
create trigger reservations_announced after update of announced on reservations when new.announced > old.announced
begin
    insert into spot_news (spot_id, at) values (new.spot_id, new.updated_at);
    insert into system_alerts (alert_type, subject, site, zones, severity, message, at)
    select 'spot_blocked', new.id, s.site, json_array(s.zone), 'warning',
        printf('%s is reserved for %s from now on, but somebody stands on it', new.spot_id, new.plate), new.updated_at
    from spots s join devices v on v.spot_id = s.spot_id and v.is_active = 1 join device_state t on t.device_id = v.id
    where s.spot_id = new.spot_id and new.status = 'confirmed' and t.occupied = 1;
end;
