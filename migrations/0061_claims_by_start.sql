-- What is in the way of a stay has begun before its end. By the end of others each look at a spot went through all that is reserved on it from
-- then on; by their start it goes through what is reserved up to then: for a stay that begins soon, which is most of them, next to nothing; for
-- one that is far ahead more than before.
drop index reservations_live_by_spot;

create index reservations_live_by_spot on reservations (spot_id, starts_at, ends_at)
    where status in ('pending_payment', 'confirmed', 'arrived');

-- Of the few whose longer part is unpaid likewise. Made last: of two indexes that are as good, SQLite takes the newer.
drop index reservations_extended;

create index reservations_extended on reservations (spot_id, starts_at, paid_ends_at) where due_until is not null;
