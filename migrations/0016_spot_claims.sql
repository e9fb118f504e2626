-- Which reservations claim a spot and when: what reservations tells the components that ask whether a spot is free or kept. A claim counts
-- for a stay from :from to :to, as seen at :now, when starts_at < :to and ends_at > :from and expires_at > :now.
-- An unpaid hold claims its spot until the hold expires. A stay that was made longer, and whose longer part is unpaid, has two claims: the
-- whole one until the payment is due, and the paid part for good. The statuses are domain::reservation::Status::LIVE; a test compares.
-- `likely` keeps the planner from looking claims up by their status, of which each has many: those of a spot are found by the spot, those
-- under way by their start.
create view spot_claims (spot_id, reservation_no, starts_at, ends_at, expires_at) as
select spot_id, no, starts_at, ends_at,
    min(iif(status = 'pending_payment', hold_expires_at, 9223372036854775807), coalesce(due_until, 9223372036854775807))
from reservations
where likely(status in ('pending_payment', 'confirmed', 'arrived'))
union all
select spot_id, no, starts_at, paid_ends_at, iif(status = 'pending_payment', hold_expires_at, 9223372036854775807)
from reservations
where likely(status in ('pending_payment', 'confirmed', 'arrived')) and due_until is not null and paid_ends_at is not null;

-- Keeps the second half of the view as cheap as the first: few stays wait for the payment of their longer part.
create index reservations_extended on reservations (spot_id, paid_ends_at) where due_until is not null;
