//! Booking a slot, and joining the waitlist of one that is full.

use const_format::formatcp;
use domain::booking::{MAX_PARTY, MAX_WAITING, Status, code};
use domain::booking_slot::{Date, HORIZON_DAYS};
use kit::caller::{Caller, Person, Principal};
use kit::db::{DbError, Executor};
use kit::idempotency::{Idempotent, Once};
use kit::input::{At, Field, Input, Int, List, SchemaRef, Schemas, Slug, Text, Value, any_of_schemas};
use kit::request::Now;
use kit::{Answer, Problem, host, params};

use crate::day::{Day, DaySlot};
use crate::model::{Booking, TicketedBooking, Visitor};
use crate::sql::{BOOKED, CAPACITY, WAITLISTED};
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

/// Books places in a slot.
#[utoipa::path(
    post,
    path = "/api/bookings",
    responses(
        (status = 409, description = "Not to be had: `reason` is `full`, `closed` (the temple is, on that day) or `begun` (the slot has)."),
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
            description = "Not to be joined: `reason` is `places_left`, `waitlist_full`, `closed` (the temple is, on that day) or `begun` (the slot has)."
        ),
    )
)]
pub async fn join_waitlist(caller: Caller<Person>, Now(now): Now, request: Idempotent<BookingRequest>) -> Answer<Once<TicketedBooking>> {
    place(&caller.0, now, &request, Kind::Waiting).await
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Booking,
    Waiting,
}

async fn place(caller: &Principal, now: i64, request: &Idempotent<BookingRequest>, kind: Kind) -> Answer<Once<TicketedBooking>> {
    let keys = ticket::keys().await?;
    request.once_single_statement(caller, |db, wish| insert(db, &wish, caller, now, kind)?.with_ticket(&keys))
}

/// The insert up to its condition, into the slot `s`.
const INSERT: &str = "insert into bookings (id, code, user_id, site, date, slot, starts_at, ends_at, party_size, visitors, status,
        created_at, updated_at, updated_by)
     select ?1, ?2, ?3, s.site, s.date, s.slot, ?7, ?8, ?9, ?10, ?11, ?12, ?12, ?3
     from (select ?4 as site, ?5 as date, ?6 as slot) s
     where ?7 > ?12 and ";

const BOOK: &str = formatcp!("{INSERT}?9 + {BOOKED} <= {CAPACITY} returning no");

const WAIT: &str = formatcp!(
    "{INSERT}?9 <= {CAPACITY} and ?9 + {BOOKED} > {CAPACITY} and (select count(*) from bookings where site = s.site and date = s.date and slot = s.slot and status = '{WAITLISTED}') < {MAX_WAITING} returning no"
);

/// Inserts the booking if there are places, or if there are none and it is to wait.
fn insert(db: &dyn Executor, wish: &BookingRequest, caller: &Principal, now: i64, kind: Kind) -> Result<Booking, Problem> {
    let temple = Temple::in_body(db, &wish.temple_id)?;
    let today = temple.today(now);
    if wish.date < today {
        return Err(Problem::invalid_field("date", "is past"));
    }
    if wish.date > today.plus_days(HORIZON_DAYS) {
        return Err(Problem::invalid_field("date", format!("must be within {HORIZON_DAYS} days")));
    }
    let day = Day::load(db, &temple.site, wish.date)?;
    if day.is_closed() {
        let why = day.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        return Err(Problem::conflict(format!("the temple is closed on that day{why}")).because("closed"));
    }
    let slot = day.find(&wish.slot).ok_or_else(|| {
        let offered: Vec<_> = day.slots.iter().map(|it| it.slot.to_string()).collect();
        let offered = if offered.is_empty() { "none".to_owned() } else { offered.join(", ") };
        Problem::invalid_field("slot", format!("is not one of that day: {offered}"))
    })?;
    let (starts_at, ends_at) = slot.slot.moments(wish.date, temple.zone);
    let visitors = serde_json::to_string(&wish.visitors[..]).map_err(Problem::internal)?;
    let (statement, status) = match kind {
        Kind::Booking => (BOOK, Status::Confirmed),
        Kind::Waiting => (WAIT, Status::Waitlisted),
    };
    let id = host::new_id(now)?;
    let insert = || -> Result<_, Problem> {
        let params = params![
            &id,
            code(host::random()?),
            &caller.id,
            &temple.site,
            wish.date,
            slot.slot.to_string(),
            starts_at,
            ends_at,
            wish.party_size,
            &visitors,
            status,
            now,
        ];
        Ok(db.run(statement, params))
    };
    let mut inserted = insert()?;
    for _ in 0..3 {
        // A code has 40 random bits: two will be the same one day.
        match inserted {
            Err(DbError::Unique(column)) if column == "bookings.code" => inserted = insert()?,
            _ => break,
        }
    }
    if inserted?.is_empty() {
        // As it is now: between the look and the insert somebody else may have come.
        let day = Day::load(db, &temple.site, wish.date)?;
        let Some(slot) = day.find(&wish.slot) else { return Err(Problem::conflict("the slot is not offered any more").because("closed")) };
        return Err(refusal(slot, *wish.party_size, starts_at <= now, kind));
    }
    Booking::get(db, &id)
}

/// Why the insert did not take place.
fn refusal(slot: &DaySlot, party_size: i64, begun: bool, kind: Kind) -> Problem {
    let left = (slot.capacity - slot.booked).max(0);
    if begun {
        return Problem::conflict("the slot has begun already").because("begun");
    }
    match kind {
        Kind::Booking => Problem::conflict(format!("the slot has {left} places left: join its waitlist")).because("full"),
        Kind::Waiting if party_size > slot.capacity => {
            Problem::invalid_field("party_size", format!("is more than the slot ever holds, which is {}", slot.capacity))
        }
        Kind::Waiting if party_size <= left => {
            Problem::conflict(format!("the slot has {left} places left: book them")).because("places_left")
        }
        Kind::Waiting => Problem::conflict("the waitlist of the slot is full").because("waitlist_full"),
    }
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
