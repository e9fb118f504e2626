-- Darshan booking (contract §5). A slot is named by its times on the site's wall, `06:00-07:00`, and belongs to a site and a date.
-- What each weekday offers.
create table slot_templates (
    id         text primary key,
    site       text not null references sites (slug) on delete cascade,
    weekday    integer not null check (weekday between 1 and 7), -- Monday is 1
    slot       text not null,
    starts     integer not null check (starts between 0 and 1439), -- minutes since midnight
    ends       integer not null check (ends > starts and ends <= 1440),
    capacity   integer not null check (capacity between 1 and 100000),
    created_at integer not null,
    updated_at integer not null,
    updated_by text not null,
    unique (site, weekday, starts)
) strict;

-- Dates that are not as their weekday: a closure has no slots, a festival its own.
create table slot_days (
    site       text not null references sites (slug) on delete cascade,
    date       text not null,                          -- 2026-02-05, by the site's clock
    reason     text,
    created_at integer not null,
    updated_at integer not null,
    updated_by text not null,
    primary key (site, date)
) strict, without rowid;

create table slot_day_slots (
    site     text not null,
    date     text not null,
    slot     text not null,
    starts   integer not null check (starts between 0 and 1439),
    ends     integer not null check (ends > starts and ends <= 1440),
    capacity integer not null check (capacity between 1 and 100000),
    primary key (site, date, starts),
    foreign key (site, date) references slot_days (site, date) on delete cascade
) strict, without rowid;

-- Bookings, also those that wait. `no` is the order in which they came: the waitlist's own.
create table bookings (
    no              integer primary key autoincrement,
    id              text not null unique,
    code            text not null unique,              -- what a pilgrim reads out at the gate: K7P2-9QXM
    user_id         text not null references users (id),
    site            text not null references sites (slug),
    date            text not null,
    slot            text not null,
    starts_at       integer not null,
    ends_at         integer not null check (ends_at > starts_at),
    party_size      integer not null check (party_size between 1 and 10),
    visitors        text not null default '[]',        -- JSON array of names
    status          text not null check (status in
        ('waitlisted', 'confirmed', 'checked_in', 'exited', 'cancelled', 'revoked', 'no_show', 'expired')),
    ticket          integer not null default 1 check (ticket between 1 and 255), -- number of the newest ticket: older ones are revoked
    reason          text,                              -- why the temple revoked it
    promoted_at     integer,                           -- when it left the waitlist
    checked_in_at   integer,
    checked_in_by   text,
    gate            text,
    exited_at       integer,
    ended_at        integer,                           -- when it was cancelled, revoked, missed or had waited in vain
    created_at      integer not null,
    updated_at      integer not null,
    updated_by      text not null,
    check (status not in ('checked_in', 'exited') or checked_in_at is not null),
    check (status <> 'exited' or exited_at is not null)
) strict;

create index bookings_by_slot on bookings (site, date, slot, status, party_size);

-- A gate's list of the day, in the order in which they came.
create index bookings_by_day on bookings (site, date);

create index bookings_by_user on bookings (user_id);

create index bookings_inside on bookings (site, party_size) where status = 'checked_in';

create index bookings_missed on bookings (ends_at) where status = 'confirmed';

create index bookings_waiting on bookings (starts_at) where status = 'waitlisted';

create index bookings_not_left on bookings (ends_at) where status = 'checked_in';

-- What a gate was answered, kept by the nonce of its question, so that a retry is answered the same.
create table booking_scans (
    nonce     text primary key,
    kind      text not null check (kind in ('checkin', 'exit')),
    asked     text not null,                           -- the booking's id, code or ticket as it was asked for
    booking   text references bookings (id),
    site      text not null,
    at        integer not null,                        -- when it was scanned, by the gate's clock
    outcome   text not null,                           -- `checked_in`, `exited`, or the reason of the refusal
    answer    text,                                    -- JSON of what was answered when it was let in or out
    judged_at integer not null,
    judged_by text not null
) strict, without rowid;

create index booking_scans_by_time on booking_scans (judged_at);

create index booking_scans_by_booking on booking_scans (booking, judged_at);

-- Moving the waitlist of a slot up: an insert here gives the places that are left to those who wait, in the order in which they came; who
-- does not fit is passed over and keeps their place. In the transaction of what freed the places.
create view waitlist_moves as
select site, date, slot, updated_at as at from bookings where status = 'waitlisted';

create trigger waitlist_moved instead of insert on waitlist_moves
begin
    update bookings set status = 'confirmed', promoted_at = new.at, updated_at = new.at, updated_by = 'system'
    where no in (
        with recursive waiting (place, no, party_size) as (
            select row_number() over (order by no), no, party_size
            from bookings
            where site = new.site and date = new.date and slot = new.slot and status = 'waitlisted' and starts_at > new.at
        ),
        given (place, no, fits, remaining) as (
            select 0, 0, 0,
                coalesce(
                    (select capacity from slot_day_slots where site = new.site and date = new.date and slot = new.slot),
                    (select capacity from slot_templates
                        where site = new.site and weekday = (strftime('%w', new.date) + 6) % 7 + 1 and slot = new.slot
                            and not exists (select 1 from slot_days where site = new.site and date = new.date)),
                    0)
                - (select coalesce(sum(party_size), 0) from bookings
                    where site = new.site and date = new.date and slot = new.slot
                        and status in ('confirmed', 'checked_in', 'exited', 'no_show'))
            union all
            select w.place, w.no, w.party_size <= g.remaining, g.remaining - iif(w.party_size <= g.remaining, w.party_size, 0)
            from given g join waiting w on w.place = g.place + 1
            where g.remaining > 0
        )
        select no from given where fits
    );
end;

-- Apart from `bookings_changed`, which would else not run for those who move up: a trigger does not run within itself.
create trigger bookings_released after update of status on bookings
when old.status = 'confirmed' and new.status in ('cancelled', 'revoked')
begin
    insert into waitlist_moves (site, date, slot, at) values (new.site, new.date, new.slot, new.updated_at);
end;

-- What the pilgrim is told; one place, so that all messages of a booking agree. No name of a visitor is in it.
create view booking_notices as
select
    b.id,
    b.status,
    json_object(
        'id', b.id, 'booking_code', b.code, 'severity', 'info', 'site', b.site, 'date', b.date, 'slot', b.slot,
        'party_size', b.party_size, 'status', b.status, 'reason', b.reason,
        'message', s.name || ', ' || b.date || ', ' || b.slot || ', party of ' || b.party_size || ': booking ' || b.code || ' '
            || case
                when b.status = 'confirmed' and b.promoted_at is not null then 'has left the waitlist and is confirmed'
                when b.status = 'confirmed' then 'is confirmed'
                when b.status = 'waitlisted' then 'is on the waitlist'
                when b.status = 'cancelled' then 'is cancelled'
                when b.status = 'revoked' then 'was revoked by the temple' || coalesce(' (' || b.reason || ')', '')
                else 'stayed on the waitlist: no places came free'
            end,
        'timestamp', strftime('%Y-%m-%dT%H:%M:%fZ', b.updated_at / 1000.0, 'unixepoch')
    ) as payload
from bookings b join sites s on s.slug = b.site;

create trigger bookings_created after insert on bookings
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.created_at, new.updated_by, 'created', 'bookings', new.id,
        json_object('status', new.status, 'site', new.site, 'date', new.date, 'slot', new.slot, 'party_size', new.party_size));
    insert into outbox (topic, subject, payload, created_at)
    select 'booking.' || new.status, new.id, payload, new.created_at from booking_notices where id = new.id;
end;

create trigger bookings_changed after update of status on bookings when new.status <> old.status
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.updated_at, new.updated_by, 'updated', 'bookings', new.id, json_object('from', old.status, 'status', new.status));
    insert into outbox (topic, subject, payload, created_at)
    select iif(new.status = 'confirmed', 'booking.promoted', 'booking.' || new.status), new.id, payload, new.updated_at
    from booking_notices
    where id = new.id and new.status in ('confirmed', 'cancelled', 'revoked', 'expired')
    on conflict do nothing;
end;

create trigger bookings_reissued after update of ticket on bookings when new.ticket <> old.ticket
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.updated_at, new.updated_by, 'reissued', 'bookings', new.id, json_object('ticket', new.ticket));
end;

create trigger slot_templates_created after insert on slot_templates
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.created_at, new.updated_by, 'created', 'slot_templates', new.id,
        json_object('site', new.site, 'weekday', new.weekday, 'slot', new.slot, 'capacity', new.capacity));
end;

create trigger slot_templates_updated after update on slot_templates
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.updated_at, new.updated_by, 'updated', 'slot_templates', new.id, json_object('capacity', new.capacity));
end;

create trigger slot_days_created after insert on slot_days
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.created_at, new.updated_by, 'created', 'slot_days', new.site || '/' || new.date, json_object('reason', new.reason));
end;

create trigger slot_days_updated after update on slot_days
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.updated_at, new.updated_by, 'updated', 'slot_days', new.site || '/' || new.date, json_object('reason', new.reason));
end;

-- Who and when of a delete come from the row, which is touched before.
create trigger slot_templates_deleted before delete on slot_templates
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (old.updated_at, old.updated_by, 'deleted', 'slot_templates', old.id,
        json_object('site', old.site, 'weekday', old.weekday, 'slot', old.slot));
end;

create trigger slot_days_deleted before delete on slot_days
begin
    insert into audit_log (at, actor, action, entity, subject)
    values (old.updated_at, old.updated_by, 'deleted', 'slot_days', old.site || '/' || old.date);
end;
