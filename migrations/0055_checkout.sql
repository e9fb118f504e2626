-- Payments on Stripe's own page (Stripe Checkout). Their intent is made by Stripe once somebody pays there; until then they are `creating`.

-- What that page says is paid for; null where the intent is made here.
alter table payments add column item text check (item <> '');

-- Stripe's id of the page's session; null until Stripe has answered.
alter table payments add column session text;

create unique index payments_by_session on payments (session) where session is not null;

-- What is paid for, as Stripe's page says it: of a change that waits for its difference, what it changes to.
create view reservation_items (reservation, site, site_name, time_zone, spot_id, kind, starts_at, ends_at) as
select r.id, s.slug, s.name, s.time_zone, coalesce(c.spot_id, r.spot_id), coalesce(c.kind, r.kind), coalesce(c.starts_at, r.starts_at),
    coalesce(c.ends_at, r.ends_at)
from reservations r left join reservation_changes c on c.reservation_no = r.no join sites s on s.slug = coalesce(c.site, r.site);
