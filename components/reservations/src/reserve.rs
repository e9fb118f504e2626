//! Reserving a spot.

use const_format::formatcp;
use domain::allowance::{LIVE, PER_WINDOW};
use domain::reservation::{HOLD_MS, MAX_HOLDS, Status};
use domain::role::Role;
use kit::allowance::{Allowance, require_confirmed_email};
use kit::caller::{Caller, Person, Principal};
use kit::db::Executor;
use kit::idempotency::{Idempotent, Once};
use kit::input::Input;
use kit::request::Now;
use kit::row::FromRow as _;
use kit::{Answer, host, params};

use crate::available::{BEST_FIRST, FREE, USABLE};
use crate::conflict::{AHEAD, Conflict, MADE_LATELY, Refusal, UNPAID};
use crate::model::{COLUMNS, Reservation};
use crate::pricing::Priced;
use crate::request::{Plate, Stay, Target};
use crate::view::ReservationView;

/// What is to be reserved: `spot_id`, or `site` and `kind`.
#[derive(Input)]
#[input(read_only(
    "id",
    "user_id",
    "status",
    "price",
    "currency",
    "paid",
    "due",
    "hold_expires_at",
    "due_until",
    "paid_until",
    "arrived_at",
    "left_at",
    "ended_at",
    "created_at",
    "updated_at"
))]
#[input(example = r#"{
    "site": "city-centre", "kind": "standard", "start": "2026-02-04T10:30:00Z", "end": "2026-02-04T12:00:00Z", "vehicle_plate": "GJ01AB1234"
}"#)]
pub struct NewReservation {
    #[input(flatten)]
    target: Target,
    #[input(flatten)]
    stay: Stay,
    /// 2 to 16 letters and digits; spaces, hyphens and dots are left out.
    #[input(alias("plate"))]
    vehicle_plate: Plate,
}

// The one insert. `?1` is the driver, `?14` how many they may hold unpaid, `?16` how many they may make within the window and `?17` have, each
// null where there is no limit; for `?2` to `?5` see [`crate::available`].
const INSERT: &str = "insert into reservations (id, user_id, spot_id, site, kind, starts_at, ends_at, plate, status, price, currency,
        hold_expires_at, announced, created_at, updated_at, updated_by)
     select ?6, ?1, s.spot_id, s.site, s.kind, ?3, ?4, ?9, ?10, ?11, ?12, ?13, ?3 <= ?2, ?2, ?2, ?1
     from spot_presence s where ";
const IF_AVAILABLE: &str = formatcp!(
    "and s.site = ?7 and s.kind = ?8 and {USABLE} and {FREE} and (?14 is null or (select count(*) from {UNPAID}) < ?14)
        and (?16 is null or not exists (select 1 {MADE_LATELY})) and (?17 is null or (select count(*) {AHEAD}) < ?17)"
);
// The one for a spot has no join and no order, which would be of no use: SQLite would compile the statement anew at each run, at five times
// the cost.
const RESERVE_SPOT: &str = formatcp!("{INSERT}s.spot_id = ?15 {IF_AVAILABLE} limit 1 returning {COLUMNS}");
const RESERVE_KIND: &str = formatcp!("{INSERT}?15 is null {IF_AVAILABLE} order by {BEST_FIRST} limit 1 returning {COLUMNS}");

/// Reserves a spot.
///
/// `pending_payment` until it is paid, at the latest by `hold_expires_at`; `confirmed` at once when it costs nothing.
#[utoipa::path(post, path = "/api/reservations", responses((
    status = 409,
    description = "`reason` is `taken` (with `next_free_at`, when a stay as long could begin), `out_of_service`, `too_many_holds` or `too_many_live`."
), (
    status = 429,
    description = "The caller has made too many reservations within a minute; come back after `Retry-After`."
)))]
pub async fn create(caller: Caller<Person>, Now(now): Now, request: Idempotent<NewReservation>) -> Answer<Once<ReservationView>> {
    require_confirmed_email(&caller.0).await?;
    let allowance = Allowance::of(&caller.0, ("reservations_per_minute", PER_WINDOW), ("live_reservations", LIVE)).await?;
    let made = request.once_single_statement(&caller.0, |db, new| insert(db, new, &caller.0, allowance, now));
    made.map_err(|refusal| refusal.into_problem(limited(&caller.0), allowance, now))
}

fn insert(db: &dyn Executor, new: NewReservation, caller: &Principal, allowance: Allowance, now: i64) -> Result<ReservationView, Refusal> {
    let NewReservation { target, stay, vehicle_plate } = new;
    let (start, end) = (stay.start.0, stay.end.0);
    let priced = match &target {
        Target::Spot(named) => Priced::named(db, named)?,
        Target::Kind { site, kind } => Priced::kind(db, site, *kind)?,
    };
    let price = priced.price(start, end)?;
    // What costs nothing needs no payment.
    let (status, hold) = if price > 0 { (Status::PendingPayment, Some(now + HOLD_MS)) } else { (Status::Confirmed, None) };
    let rows = db.run(
        if priced.spot_id.is_some() { RESERVE_SPOT } else { RESERVE_KIND },
        params![
            &caller.id,
            now,
            start,
            end,
            0,
            host::new_id(now)?,
            &priced.site,
            priced.kind,
            vehicle_plate,
            status,
            price,
            priced.currency(),
            hold,
            limited(caller).map(|_| MAX_HOLDS),
            priced.spot_id.as_deref(),
            allowance.per_window,
            allowance.live,
        ],
    )?;
    match rows.first() {
        Some(row) => Ok(ReservationView::new(Reservation::from_row(row)?, now)),
        None => Err(Refusal::Conflict(Conflict { target, except: 0, start, end })),
    }
}

/// The driver, when there is a limit to what they may hold unpaid.
fn limited(caller: &Principal) -> Option<&str> {
    (!caller.role.holds(Role::Operator)).then_some(&caller.id)
}

#[cfg(test)]
mod tests {
    use kit::input::parse;

    use super::*;

    const NOW: i64 = 1_770_201_000_000;

    fn refused(body: &str) -> Vec<String> {
        parse::<NewReservation>(body.as_bytes(), NOW).err().unwrap().errors().keys().cloned().collect()
    }

    #[test]
    fn every_bad_field_is_named_at_once() {
        assert_eq!(refused("{}"), ["end", "spot_id", "start", "vehicle_plate"]);
        assert_eq!(refused(r#"{"kind": "boat"}"#), ["end", "kind", "spot_id", "start", "vehicle_plate"]);
        assert_eq!(
            refused(r#"{"site": 3, "kind": "boat", "start": "now", "end": 3, "vehicle_plate": "?"}"#),
            ["end", "kind", "site", "start", "vehicle_plate"]
        );
        let stay = |start: &str, end: &str| {
            refused(&format!(r#"{{"spot_id": "A-1", "start": "{start}", "end": "{end}", "vehicle_plate": "GJ01AB1234"}}"#))
        };
        assert_eq!(stay("2026-02-04T10:00:00Z", "2026-02-04T12:00:00Z"), ["start"]);
        assert_eq!(stay("2026-02-04T11:00:00Z", "2026-02-04T11:14:59Z"), ["end"]);
        assert_eq!(stay("2026-02-04T11:00:00Z", "2026-03-07T11:00:00Z"), ["end"]);
        assert_eq!(stay("2026-07-04T11:00:00Z", "2026-07-04T11:00:00Z"), ["end", "start"]);
    }

    #[test]
    fn the_example_is_a_reservation() {
        let new: NewReservation = parse(NewReservation::example().unwrap().as_bytes(), NOW).unwrap();
        assert!(matches!(new.target, Target::Kind { .. }));
        assert_eq!(new.vehicle_plate.as_ref(), "GJ01AB1234");
    }
}
