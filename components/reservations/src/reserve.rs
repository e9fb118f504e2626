//! Reserving a spot.

use axum::response::Response;
use domain::reservation::{HOLD_MS, HORIZON_MS, MAX_HOLDS, MAX_START_AGE_MS, MAX_STAY_MS, MIN_STAY_MS, plate};
use domain::role::Role;
use domain::time::MINUTE_MS;
use http::StatusCode;
use kit::caller::{Caller, Principal, SignedIn};
use kit::db::{self, Run};
use kit::fields::Fields;
use kit::idempotency::IdempotencyKey;
use kit::request::{JsonBytes, Now};
use kit::{Answer, Problem, host, params, spot_is_free, spot_is_usable};
use serde_json::Value;

use crate::quote::Priced;
use crate::show::{Reservation, columns};
use crate::taken::{self, Scope};

/// The kinds of spots.
pub const KINDS: [&str; 5] = ["standard", "accessible", "ev", "two_wheeler", "vip"];

/// Which spot.
#[derive(Clone)]
pub enum Which {
    /// This one.
    Spot(String),
    /// The best free one of a site and a kind.
    Kind { site: String, kind: String },
}

/// Reads `spot_id`, or `site` and `kind`; none when neither was sent.
pub fn which(fields: &mut Fields) -> Option<Which> {
    let spot = fields.opt_text("spot_id", 1..=64);
    let site = fields.opt_text("site", 1..=64);
    let kind = fields.opt_choice("kind", &KINDS);
    match (spot, site) {
        // A site or a kind beside it is what the client knows of the spot, not what it asks for.
        (Some(spot), _) => Some(Which::Spot(spot)),
        (None, Some(site)) => Some(Which::Kind { site, kind: kind.unwrap_or_else(|| "standard".to_owned()) }),
        (None, None) => None,
    }
}

/// Reads `vehicle_plate`.
pub fn read_plate(fields: &mut Fields) -> Option<String> {
    let typed = fields.alias("vehicle_plate", "plate").opt_text("vehicle_plate", 1..=32)?;
    let plate = plate(&typed);
    fields.check(plate.is_some(), "vehicle_plate", "must have 2 to 16 letters and digits");
    plate
}

/// Why a stay is not one that is offered, by field.
pub fn check_stay(fields: &mut Fields, start: i64, end: i64, now: i64) {
    fields.check(start >= now - MAX_START_AGE_MS, "start", "is past");
    fields.check(start <= now + HORIZON_MS, "start", "must be within 120 days");
    let length = end - start;
    fields.check(length >= MIN_STAY_MS, "end", "must come at least 15 minutes after the start");
    fields.check(length <= MAX_STAY_MS, "end", "must come within 30 days of the start");
}

/// What is asked for.
struct Wish {
    which: Which,
    start: i64,
    end: i64,
    plate: String,
}

impl Wish {
    fn parse(body: &[u8], now: i64) -> Result<Self, Problem> {
        let mut fields = Fields::parse(body)?;
        fields.alias("start", "start_time").alias("end", "end_time");
        let which = which(&mut fields);
        let named = ["spot_id", "site"].iter().any(|field| fields.errors().contains_key(*field));
        fields.check(which.is_some() || named, "spot_id", "or site and kind are required");
        let (start, end) = (fields.time("start"), fields.time("end"));
        if !fields.errors().contains_key("start") && !fields.errors().contains_key("end") {
            check_stay(&mut fields, start, end, now);
        }
        let plate = read_plate(&mut fields);
        if plate.is_none() && !fields.errors().contains_key("vehicle_plate") {
            fields.refuse("vehicle_plate", "is required");
        }
        fields.finish()?;
        let which = which.ok_or_else(|| Problem::internal("a wish that was checked is none"))?;
        Ok(Self { which, start, end, plate: plate.unwrap_or_default() })
    }
}

/// The order of spots that may be had, over parameters for start and end: first the one that leaves the least time unused around the stay,
/// no more than a day on either side, so that long gaps stay whole; of equals the first in the order of the plan.
macro_rules! best_first {
    ($from:literal, $to:literal) => {
        concat!(
            "min(86400000, ",
            $from,
            " - coalesce((
                select max(r.ends_at) from reservations r
                where r.spot_id = s.spot_id and r.status in ('pending_payment', 'confirmed', 'arrived') and r.ends_at between ",
            $from,
            " - 86400000 and ",
            $from,
            "), 0)) + min(86400000, coalesce((
                select min(r.starts_at) from reservations r
                where r.spot_id = s.spot_id and r.status in ('pending_payment', 'confirmed', 'arrived') and r.ends_at > ",
            $to,
            "), ",
            $to,
            " + 86400000) - ",
            $to,
            "), z.position, s.zone, s.spot_id"
        )
    };
}

pub(crate) use best_first;

/// `reservations h where …`: a driver's that keep a spot and that nothing was paid for: holds, and what is free of charge.
macro_rules! unpaid {
    ($user:literal, $now:literal) => {
        concat!(
            "reservations h indexed by reservations_live_by_user where h.user_id = ",
            $user,
            " and h.status in ('pending_payment', 'confirmed', 'arrived') and h.paid = 0 and h.ends_at > ",
            $now,
            " and (h.status <> 'pending_payment' or h.hold_expires_at > ",
            $now,
            ")"
        )
    };
}

/// The one insert; `$from` are `spots s` and which of them, `$order` is their order.
macro_rules! reserve {
    ($from:literal, $order:expr) => {
        concat!(
            "insert into reservations (id, user_id, spot_id, site, kind, starts_at, ends_at, plate, status, price, currency,
                hold_expires_at, announced, created_at, updated_at, updated_by)
             select ?1, ?2, s.spot_id, s.site, s.kind, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?5 <= ?12, ?12, ?12, ?2
             from ",
            $from,
            " and s.site = ?3 and s.kind = ?4 and ",
            spot_is_usable!("?5", "?12"),
            " and ",
            spot_is_free!("s.spot_id", "?5", "?6", "?12", "0"),
            " and (?13 is null or (select count(*) from ",
            unpaid!("?2", "?12"),
            ") < ?13)",
            $order,
            " limit 1 returning ",
            columns!("reservations")
        )
    };
}

// Without zones and an order, which are of no use here: SQLite would compile the statement anew at each run, at five times the cost.
const THIS: &str = reserve!("spots s where s.spot_id = ?14", "");
const ANY: &str = reserve!(
    "spots s join zones z on z.site = s.site and z.code = s.zone where ?14 is null",
    concat!(" order by ", best_first!("?5", "?6"))
);

/// POST `/api/reservations`: `{spot_id or site and kind, start, end, vehicle_plate}` → 201, `pending_payment` with `price`, `currency` and
/// `hold_expires_at`; `confirmed` when it costs nothing. Honours `Idempotency-Key`. 409 with `reason` `taken` (and `next_free_at`, when a
/// stay as long could begin), `out_of_service`, `too_many_holds`.
pub async fn create(caller: Caller<SignedIn>, Now(now): Now, key: IdempotencyKey, JsonBytes(body): JsonBytes) -> Answer<Response> {
    if !caller.0.role.is_person() {
        return Err(Problem::forbidden("a device makes no reservations"));
    }
    let mut refused = None;
    // Judged inside, since what is asked for again may have been good only then: its start may have passed.
    let answered = key.once_by_one(&caller.0, &body, |run| {
        let wish = Wish::parse(&body, now)?;
        match insert(run, &wish, &caller.0, now)? {
            Some(shown) => Ok((StatusCode::CREATED, shown)),
            None => {
                refused = Some(wish);
                Err(Problem::conflict("it is taken"))
            }
        }
    });
    match (answered, refused) {
        // Why is looked up when the writers' lock is free again: losers must not hold up the others.
        (Err(_), Some(wish)) => Err(taken::explain(&Scope::of(&wish.which), wish.start, wish.end, now, limited(&caller.0))?),
        (answered, _) => answered.map(|(response, _)| response),
    }
}

fn insert(run: Run<'_>, wish: &Wish, caller: &Principal, now: i64) -> Result<Option<Value>, Problem> {
    let priced = match &wish.which {
        Which::Spot(spot) => Priced::spot(run, spot)?,
        Which::Kind { site, kind } => Priced::kind(run, site, kind)?,
    };
    let price = priced.price(wish.start, wish.end);
    // What costs nothing needs no payment.
    let (status, hold) = if price > 0 { ("pending_payment", Some(now + HOLD_MS)) } else { ("confirmed", None) };
    let id = host::new_id(now)?;
    let spot = Some(priced.spot_id.as_str()).filter(|spot| !spot.is_empty());
    let rows = run(
        if spot.is_some() { THIS } else { ANY },
        params![
            &id,
            &caller.id,
            &priced.site,
            &priced.kind,
            wish.start,
            wish.end,
            &wish.plate,
            status,
            price,
            priced.currency(),
            hold,
            now,
            limited(caller).map(|_| MAX_HOLDS),
            spot,
        ],
    )?;
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(Some(Reservation::of(row)?.json(now)))
}

/// The driver, when there is a limit to what they may hold unpaid.
fn limited(caller: &Principal) -> Option<&str> {
    (!caller.role.holds(Role::Operator)).then_some(&caller.id)
}

/// How long a hold lasts, in words, for messages.
pub const HOLD_MINUTES: i64 = HOLD_MS / MINUTE_MS;

/// Whether this driver has as many that nothing was paid for as one may.
pub fn holds_too_many(user: &str, now: i64) -> Result<bool, Problem> {
    let rows = db::run(concat!("select count(*) from ", unpaid!("?1", "?2")), params![user, now])?;
    Ok(rows.first().map_or(Ok(0), |row| row.int(0))? >= MAX_HOLDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_770_201_000_000;

    fn refused(body: &str) -> Vec<String> {
        Wish::parse(body.as_bytes(), NOW).err().unwrap().errors().keys().cloned().collect()
    }

    #[test]
    fn every_bad_field_is_named_at_once() {
        assert_eq!(refused("{}"), ["end", "spot_id", "start", "vehicle_plate"]);
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
}
