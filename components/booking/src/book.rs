//! Booking a slot, and waiting for one that is full.

use axum::response::Response;
use domain::booking::{MAX_PARTY, MAX_WAITING, code};
use domain::booking_slot::HORIZON_DAYS;
use http::StatusCode;
use kit::caller::{Caller, Principal, SignedIn};
use kit::db::{DbError, Rows, Run};
use kit::fields::Fields;
use kit::idempotency::IdempotencyKey;
use kit::request::{JsonBytes, Now};
use kit::{Answer, Problem, host, params};
use serde_json::{Map, Value};

use crate::lists::by_id_or_code;
use crate::temple::{Day, Temple, capacity, live};
use crate::ticket::{self, Keys};

/// The longest name of a visitor, characters.
const MAX_NAME: usize = 100;

/// What is asked for.
struct Wish {
    temple: String,
    date: String,
    slot: String,
    party_size: i64,
    visitors: String,
}

impl Wish {
    fn parse(body: &[u8]) -> Result<Self, Problem> {
        let mut fields = Fields::parse(body)?;
        fields.alias("temple_id", "temple").alias("slot", "time_slot").alias("party_size", "number_of_visitors");
        let temple = fields.text("temple_id", 1..=64);
        let date = fields.text("date", 1..=32);
        let is_date = date.is_empty() || domain::booking_slot::Date::parse(&date).is_some();
        fields.check(is_date, "date", "must be a date, such as 2026-02-05");
        let slot = fields.text("slot", 1..=16);
        let party_size = fields.int("party_size", 1..=MAX_PARTY);
        let visitors = match fields.take("visitors") {
            None | Some(Value::Null) => "[]".to_owned(),
            Some(value) => match visitors(&value) {
                Some(visitors) => {
                    let few = party_size < 1 || i64::try_from(visitors.len()).is_ok_and(|count| count <= party_size);
                    fields.check(few, "visitors", "must not be more than the party");
                    Value::Array(visitors).to_string()
                }
                None => {
                    fields.refuse("visitors", "must be a list of names, or of objects with a name and perhaps an age");
                    String::new()
                }
            },
        };
        fields.finish()?;
        Ok(Self { temple, date, slot, party_size, visitors })
    }
}

/// Names, or objects `{name, age?}`; all become objects.
fn visitors(value: &Value) -> Option<Vec<Value>> {
    let named = |name: &str| {
        let name = name.trim();
        let fits = (1..=MAX_NAME).contains(&name.chars().count()) && !name.chars().any(char::is_control);
        fits.then(|| Map::from_iter([("name".to_owned(), Value::from(name))]))
    };
    let list = value.as_array().filter(|list| list.len() <= 2 * MAX_PARTY as usize)?;
    let visitor = |value: &Value| match value {
        Value::String(name) => named(name).map(Value::Object),
        Value::Object(fields) => {
            let mut visitor = named(fields.get("name")?.as_str()?)?;
            if let Some(age) = fields.get("age").filter(|age| !age.is_null()) {
                visitor.insert("age".to_owned(), age.as_u64().filter(|age| *age <= 150)?.into());
            }
            Some(Value::Object(visitor))
        }
        _ => None,
    };
    list.iter().map(visitor).collect()
}

/// POST `/api/bookings/`: `{temple_id, date, slot, party_size, visitors?}` → 201 with the booking's code and its ticket. Honours
/// `Idempotency-Key`. 409 with `reason` `full`, `closed` or `begun`; 403 for a device.
pub async fn create(caller: Caller<SignedIn>, Now(now): Now, key: IdempotencyKey, JsonBytes(body): JsonBytes) -> Answer<Response> {
    place(&caller.0, now, key, &body, Kind::Booking).await
}

/// POST `/api/bookings/waitlist`: the same body, for a slot that has too few places left → 201 with `waitlist_position`. Honours
/// `Idempotency-Key`. 409 with `reason` `places_left`, `waitlist_full`, `closed` or `begun`.
pub async fn wait(caller: Caller<SignedIn>, Now(now): Now, key: IdempotencyKey, JsonBytes(body): JsonBytes) -> Answer<Response> {
    place(&caller.0, now, key, &body, Kind::Waiting).await
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Booking,
    Waiting,
}

async fn place(caller: &Principal, now: i64, key: IdempotencyKey, body: &[u8], kind: Kind) -> Answer<Response> {
    if !caller.role.is_person() {
        return Err(Problem::forbidden("a device books nothing"));
    }
    let keys = ticket::keys().await?;
    let wish = Wish::parse(body)?;
    // The rest is judged inside, since what is asked for again may have been good only then: its slot may have begun.
    let (response, _) = key.once_by_one(caller, body, |run| Ok((StatusCode::CREATED, insert(run, &wish, caller, now, kind, &keys)?)))?;
    Ok(response)
}

/// The people who have places, in SQL over the parameters of [`insert`].
macro_rules! sold {
    () => {
        concat!(
            "(select coalesce(sum(party_size), 0) from bookings where site = ?4 and date = ?5 and slot = ?6 and status in ",
            live!(),
            ")"
        )
    };
}

const BOOK: &str = concat!(
    "insert into bookings (id, code, user_id, site, date, slot, starts_at, ends_at, party_size, visitors, status,
        created_at, updated_at, updated_by)
     select ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'confirmed', ?11, ?11, ?3
     where ?7 > ?11 and ?9 + ",
    sold!(),
    " <= ",
    capacity!("?4", "?5", "?6"),
    " returning no"
);

const WAIT: &str = concat!(
    "insert into bookings (id, code, user_id, site, date, slot, starts_at, ends_at, party_size, visitors, status,
        created_at, updated_at, updated_by)
     select ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'waitlisted', ?11, ?11, ?3
     where ?7 > ?11 and ?9 <= ",
    capacity!("?4", "?5", "?6"),
    " and ?9 + ",
    sold!(),
    " > ",
    capacity!("?4", "?5", "?6"),
    " and (select count(*) from bookings where site = ?4 and date = ?5 and slot = ?6 and status = 'waitlisted') < ?12
     returning no"
);

fn insert(run: Run<'_>, wish: &Wish, caller: &Principal, now: i64, kind: Kind, keys: &Keys) -> Result<Value, Problem> {
    let temple = Temple::of_field(run, &wish.temple)?;
    let date = domain::booking_slot::Date::parse(&wish.date).ok_or_else(|| Problem::internal("a date that was checked is none"))?;
    let today = temple.today(now);
    if date < today {
        return Err(Problem::invalid_field("date", "is past"));
    }
    if date > today.plus_days(HORIZON_DAYS) {
        return Err(Problem::invalid_field("date", format!("must be within {HORIZON_DAYS} days")));
    }
    let day = Day::load(run, &temple.site, date)?;
    if day.is_closed() {
        let why = day.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        return Err(Problem::conflict(format!("the temple is closed on that day{why}")).because("closed"));
    }
    let slot = day.find(&wish.slot).ok_or_else(|| {
        let offered: Vec<_> = day.slots.iter().map(|it| it.slot.to_string()).collect();
        let offered = if offered.is_empty() { "none".to_owned() } else { offered.join(", ") };
        Problem::invalid_field("slot", format!("is not one of that day: {offered}"))
    })?;
    let (starts_at, ends_at) = slot.slot.moments(date, temple.zone);
    let new = |code: &str, id: &str| -> Result<Rows, DbError> {
        let mut params = params![
            id,
            code,
            &caller.id,
            &temple.site,
            date.to_string(),
            slot.slot.to_string(),
            starts_at,
            ends_at,
            wish.party_size,
            &wish.visitors,
            now,
        ];
        match kind {
            Kind::Booking => run(BOOK, params),
            Kind::Waiting => {
                params.push(MAX_WAITING.into());
                run(WAIT, params)
            }
        }
    };
    let id = host::new_id(now)?;
    let mut inserted = new(&code(host::random()?), &id);
    for _ in 0..3 {
        // 40 random bits meet one day.
        match inserted {
            Err(DbError::Unique(column)) if column == "bookings.code" => inserted = new(&code(host::random()?), &id),
            _ => break,
        }
    }
    if inserted?.is_empty() {
        // As it is now: between the look and the insert somebody else may have come.
        let day = Day::load(run, &temple.site, date)?;
        let Some(slot) = day.find(&wish.slot) else { return Err(Problem::conflict("the slot is not offered any more").because("closed")) };
        return Err(refused(slot, wish.party_size, starts_at <= now, kind));
    }
    by_id_or_code(run, &id)?.json_with_ticket(keys)
}

/// Why the insert did not take place.
fn refused(slot: &crate::temple::DaySlot, party_size: i64, begun: bool, kind: Kind) -> Problem {
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
    use serde_json::json;

    use super::*;

    #[test]
    fn visitors_are_names_or_objects() {
        assert_eq!(
            visitors(&json!(["Asha", { "name": " Ravi ", "age": 7, "x": 1 }])),
            Some(vec![json!({"name": "Asha"}), json!({"name": "Ravi", "age": 7})])
        );
        for bad in [json!("Asha"), json!([""]), json!([3]), json!([{ "age": 3 }]), json!([{ "name": "A", "age": -1 }]), json!(["a\u{7}"])] {
            assert_eq!(visitors(&bad), None, "{bad}");
        }
    }

    #[test]
    fn every_bad_field_is_named_at_once() {
        let problem = Wish::parse(br#"{"temple_id": 3, "date": "tomorrow", "party_size": 11, "visitors": "x"}"#).err().unwrap();
        let names: Vec<_> = problem.errors().keys().map(String::as_str).collect();
        assert_eq!(names, ["date", "party_size", "slot", "temple_id", "visitors"]);
    }
}
