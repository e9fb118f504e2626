//! Booking a slot, and joining the waitlist of one that is full.

use domain::allowance::{LIVE, PER_WINDOW};
use domain::booking::MAX_PARTY;
use domain::booking_offer::{Shut, last_date, may_claim};
use domain::booking_slot::{Date, HORIZON_DAYS};
use domain::role::Role;
use kit::allowance::{Allowance, require_confirmed_email};
use kit::caller::{Caller, Person, Principal};
use kit::db::Executor;
use kit::idempotency::{Idempotent, Once};
use kit::input::{At, Field, Input, Int, List, SchemaRef, Schemas, Slug, Text, Value, any_of_schemas};
use kit::request::Now;
use kit::{Answer, Problem, host};

use crate::claim::{Claim, Kind, Refused};
use crate::day::Day;
use crate::model::{Booking, TicketedBooking, Visitor};
use crate::offer::Offer;
use crate::temple::Temple;
use crate::ticket;

/// A wish for places in a slot.
#[derive(Input)]
#[input(
    check,
    example = r#"{"temple_id": "somnath", "date": "2026-02-05", "slot": "06:00-07:00", "party_size": 2, "visitors": ["Asha", {"name": "Ravi", "age": 7}]}"#
)]
pub struct BookingRequest {
    /// The temple's slug.
    #[input(alias("temple"))]
    temple_id: Slug,
    /// From today, by the temple's clock, up to 120 days ahead.
    date: Date,
    /// One of that day: `06:00-07:00`, or only when it begins, `06:00`.
    #[input(alias("time_slot"))]
    slot: Text<1, 16>,
    /// How many people.
    #[input(alias("number_of_visitors"))]
    party_size: Int<1, MAX_PARTY>,
    /// Who comes: at most as many as the party has people.
    #[input(default)]
    visitors: List<Visitor, 0, { MAX_PARTY as usize }>,
}

impl BookingRequest {
    fn check(&self, at: &mut At<'_>) {
        let few = i64::try_from(self.visitors.len()).is_ok_and(|count| count <= *self.party_size);
        at.check_field(few, "visitors", "must not be more than the party");
    }
}

kit::text_type! {
    /// A visitor's name, on one line.
    pub struct VisitorName, "must have 1 to 100 characters, none of them a control character",
    pattern: r"^[^\x00-\x1F\x7F-\x9F]{1,100}$", is_visitor_name
}

fn is_visitor_name(name: &str) -> bool {
    (1..=100).contains(&name.chars().count()) && !name.chars().any(char::is_control)
}

/// A visitor with perhaps an age.
#[derive(Input)]
pub struct NamedVisitor {
    /// The visitor's name.
    name: VisitorName,
    /// Years.
    age: Option<Int<0, 150>>,
}

/// A name, or a [`NamedVisitor`].
impl Field for Visitor {
    fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
        match value {
            Value::String(_) => VisitorName::read(value, at).map(|name| Self { name: name.to_string(), age: None }),
            Value::Object(_) => {
                let NamedVisitor { name, age } = <NamedVisitor as Field>::read(value, at)?;
                Some(Self { name: name.to_string(), age: age.map(|age| *age) })
            }
            _ => {
                at.refuse("must be a name, or an object with a name and perhaps an age");
                None
            }
        }
    }

    fn schema(schemas: &mut Schemas) -> SchemaRef {
        any_of_schemas([VisitorName::schema(schemas), NamedVisitor::schema(schemas)])
    }
}

/// Books places in a slot, until it ends unless it closes earlier.
#[utoipa::path(
    post,
    path = "/api/bookings",
    responses(
        (
            status = 409,
            description = "Not to be had: `reason` is `full`, `per_person` (the caller has as many bookings of the slot as one person may have), `closed` (the temple is, on that day), `booking_closed` (before the slot's end), `over` (the slot is) or `too_many_live` (the caller has as many bookings ahead as one person may have)."
        ),
        (status = 429, description = "The caller has made too many bookings within a minute; come back after `Retry-After`."),
    )
)]
pub async fn book(caller: Caller<Person>, Now(now): Now, request: Idempotent<BookingRequest>) -> Answer<Once<TicketedBooking>> {
    place(&caller.0, now, &request, Kind::Booking).await
}

/// Joins the waitlist of a slot that has too few places left.
///
/// The booking is confirmed by itself as soon as places come free, in the order in which people began to wait.
#[utoipa::path(
    post,
    path = "/api/bookings/waitlist",
    responses(
        (
            status = 409,
            description = "Not to be joined: `reason` is `places_left`, `waitlist_full`, `per_person` (the caller has as many bookings of the slot as one person may have), `closed` (the temple is, on that day), `booking_closed` (before the slot begins), `begun` or `over` (the slot has, or is), or `too_many_live` (the caller has as many bookings ahead as one person may have)."
        ),
        (status = 429, description = "The caller has made too many bookings within a minute; come back after `Retry-After`."),
    )
)]
pub async fn join_waitlist(caller: Caller<Person>, Now(now): Now, request: Idempotent<BookingRequest>) -> Answer<Once<TicketedBooking>> {
    place(&caller.0, now, &request, Kind::Waiting).await
}

async fn place(caller: &Principal, now: i64, request: &Idempotent<BookingRequest>, kind: Kind) -> Answer<Once<TicketedBooking>> {
    require_confirmed_email(caller).await?;
    let allowance = Allowance::of(caller, ("bookings_per_minute", PER_WINDOW), ("live_bookings", LIVE)).await?;
    let keys = ticket::keys().await?;
    request.once_single_statement(caller, |db, wish| book_slot(db, &wish, caller, allowance, now, kind)?.with_ticket(&keys, now))
}

/// Times that a booking is judged anew because the temple's time zone was changed meanwhile.
const ATTEMPTS: usize = 3;

fn book_slot(
    db: &dyn Executor,
    wish: &BookingRequest,
    caller: &Principal,
    allowance: Allowance,
    now: i64,
    kind: Kind,
) -> Result<Booking, Problem> {
    let id = host::new_id(now)?;
    for _ in 0..ATTEMPTS {
        match attempt(db, wish, &id, caller, allowance, now, kind)? {
            Ok(booking) => return Ok(booking),
            Err(Refused::ClockChanged) => {}
            Err(refused) => return Err(refused.into_problem()),
        }
    }
    Err(Refused::ClockChanged.into_problem())
}

/// Judges the wish by the temple's clock and claims the places.
fn attempt(
    db: &dyn Executor,
    wish: &BookingRequest,
    id: &str,
    caller: &Principal,
    allowance: Allowance,
    now: i64,
    kind: Kind,
) -> Result<Result<Booking, Refused>, Problem> {
    let Offer { temple, slot } = Offer::find(db, &wish.temple_id, wish.date, &wish.slot)?;
    let today = temple.today(now);
    if wish.date < today {
        return Err(Problem::invalid_field("date", "is past"));
    }
    if wish.date > last_date(today) {
        return Err(Problem::invalid_field("date", format!("must be within {HORIZON_DAYS} days")));
    }
    let Some(slot) = slot else { return Err(not_offered(db, &temple, wish.date)?) };
    let skipped = || Problem::invalid_field("slot", "is not there on that day: the clocks go forward over it");
    let times = slot.times(wish.date, temple.zone).ok_or_else(skipped)?;
    may_claim(wish.date, today, times, now, kind == Kind::Waiting).map_err(shut)?;
    let visitors = serde_json::to_string(&wish.visitors[..]).map_err(Problem::internal)?;
    let slot = slot.slot.to_string();
    let party_size = *wish.party_size;
    // Who sits at a counter books for many.
    let is_limited = !caller.role.holds(Role::Operator);
    Claim {
        id,
        user_id: &caller.id,
        temple: &temple,
        date: wish.date,
        slot: &slot,
        times,
        party_size,
        visitors: &visitors,
        is_limited,
        allowance,
        now,
    }
    .take(db, kind)
}

/// 409 on a day on which the temple is closed; else 422, with the slots that are there.
fn not_offered(db: &dyn Executor, temple: &Temple, date: Date) -> Result<Problem, Problem> {
    let day = Day::load(db, &temple.site, date)?;
    if day.is_closed() {
        let why = day.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        return Ok(Problem::conflict(format!("the temple is closed on that day{why}")).because("closed"));
    }
    let there = day.slots.iter().map(|it| &it.offered).filter(|it| it.times(date, temple.zone).is_some());
    let offered: Vec<_> = there.map(|it| it.slot.to_string()).collect();
    let offered = if offered.is_empty() { "none".to_owned() } else { offered.join(", ") };
    Ok(Problem::invalid_field("slot", format!("is not one of that day: {offered}")))
}

/// 409: time does not allow it.
fn shut(shut: Shut) -> Problem {
    let (detail, reason) = match shut {
        Shut::NotOpen => ("the slot is not open for booking yet", "not_open"),
        Shut::Closed => ("the booking of the slot has closed", "booking_closed"),
        Shut::Begun => ("the slot has begun already: nobody waits for it any more", "begun"),
        Shut::Over => ("the slot is over", "over"),
    };
    Problem::conflict(detail).because(reason)
}

#[cfg(test)]
mod tests {
    use kit::input::parse;

    use super::*;

    fn refused(body: &str) -> Vec<String> {
        let problem = parse::<BookingRequest>(body.as_bytes(), 0).err().unwrap();
        problem.errors().keys().cloned().collect()
    }

    #[test]
    fn visitors_are_names_or_objects() {
        let body = r#"{"temple": "somnath", "date": "2026-02-05", "time_slot": "06:00", "number_of_visitors": 2,
            "visitors": ["Asha", {"name": " Ravi ", "age": 7, "x": 1}]}"#;
        let wish: BookingRequest = parse(body.as_bytes(), 0).unwrap();
        let named = |name: &str, age| Visitor { name: name.to_owned(), age };
        assert_eq!(wish.visitors[..], [named("Asha", None), named("Ravi", Some(7))]);
        assert_eq!(serde_json::to_string(&wish.visitors[..]).unwrap(), r#"[{"name":"Asha"},{"name":"Ravi","age":7}]"#);
    }

    #[test]
    fn every_bad_field_is_named_at_once() {
        let body = r#"{"temple_id": 3, "date": "tomorrow", "party_size": 11,
            "visitors": ["", 3, {"age": 3}, {"name": "A", "age": -1}, "a\u0007", "Asha"]}"#;
        let names = ["date", "party_size", "slot", "temple_id"].map(str::to_owned).to_vec();
        let visitors = ["visitors[0]", "visitors[1]", "visitors[2].name", "visitors[3].age", "visitors[4]"].map(str::to_owned);
        assert_eq!(refused(body), [names, visitors.to_vec()].concat());
        assert_eq!(
            refused(r#"{"temple_id": "a", "date": "2026-02-05", "slot": "06:00", "party_size": 1, "visitors": ["A", "B"]}"#),
            ["visitors"]
        );
    }
}
