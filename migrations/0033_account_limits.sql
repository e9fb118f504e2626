-- Accounts that were registered lately and from which network, to be counted; without whose. Removed by the scheduled run.
create table registrations (
    id      integer primary key,
    network text not null,
    at      integer not null
) strict;

create index registrations_by_network on registrations (network, at);

create index registrations_by_time on registrations (at);

-- When its owner proved, by a code, that they read the mail of the address; an account that an administrator makes is taken as proved.
alter table users add column email_confirmed_at integer;

-- What one person has ahead.
create index bookings_ahead_by_user on bookings (user_id) where status in ('confirmed', 'waitlisted');
