//! Slot templates: `/api/sites/{site}/slots`, what each weekday offers.

use axum::Json;
use axum::extract::Path;
use domain::booking_slot::{MAX_CAPACITY, MAX_SLOTS, Slot, WEEKDAYS, parse_minute};
use http::StatusCode;
use kit::caller::{Admin, Caller};
use kit::db::{self, Row, Transaction};
use kit::fields::Fields;
use kit::page::{Listing, Page};
use kit::request::{JsonBytes, Now, Query};
use kit::{Answer, Problem, host, params};
use serde_json::{Value, json};

use crate::temple::{Temple, slot_of};

/// Reads `start` and `end`, such as `06:00`, or both as `slot`.
pub fn slot(fields: &mut Fields) -> Option<Slot> {
    if let Some(text) = fields.opt_text("slot", 1..=16) {
        let slot = Slot::parse(&text);
        fields.check(slot.is_some(), "slot", "must be two times of one day, such as 06:00-07:00");
        return slot;
    }
    if fields.errors().contains_key("slot") {
        return None;
    }
    let mut minute = |name: &str| {
        let text = fields.text(name, 1..=5);
        let minute = parse_minute(&text);
        fields.check(text.is_empty() || minute.is_some(), name, "must be a time, such as 06:00");
        minute
    };
    let (start, end) = (minute("start"), minute("end"));
    let (start, end) = (start?, end?);
    let slot = Slot::new(start, end);
    fields.check(slot.is_some(), "end", "must come after the start, by 24:00");
    slot
}

fn template(row: &Row) -> Result<Value, Problem> {
    let slot = slot_of(row.int(2)?, row.int(3)?)?;
    let weekday = usize::try_from(row.int(1)? - 1).ok().and_then(|index| WEEKDAYS.get(index));
    Ok(json!({
        "id": row.text(0)?,
        "weekday": weekday,
        "slot": slot.to_string(),
        "start": domain::booking_slot::format_minute(slot.starts()),
        "end": domain::booking_slot::format_minute(slot.ends()),
        "capacity": row.int(4)?,
        "created_at": row.time(5)?,
        "updated_at": row.time(6)?,
    }))
}

macro_rules! columns {
    () => {
        "id, weekday, starts, ends, capacity, created_at, updated_at"
    };
}

/// GET `/api/sites/{site}/slots`: by weekday and time; filter `weekday`.
pub async fn list(Path(site): Path<String>, Query(query): Query) -> Answer<Page<Value>> {
    let listing = Listing::parse(&query, &["weekday"])?;
    let weekday = listing.choice("weekday", &WEEKDAYS)?.and_then(number);
    let temple = Temple::at_path(db::run, &site)?;
    let rows = db::run(
        concat!(
            "select ",
            columns!(),
            " from slot_templates
             where site = ?1 and (weekday, starts) > (coalesce(?2, 0), coalesce(?3, 0)) and (?4 is null or weekday = ?4)
             order by weekday, starts limit ?5"
        ),
        params![temple.site, listing.after_int(0), listing.after_int(1), weekday, listing.fetch()],
    )?;
    listing.page(rows, |row| Ok(json!([row.int(1)?, row.int(2)?])), template)
}

fn number(weekday: &str) -> Option<i64> {
    WEEKDAYS.iter().position(|it| *it == weekday).and_then(|at| i64::try_from(at + 1).ok())
}

/// GET `/api/sites/{site}/slots/{id}`.
pub async fn detail(Path((site, id)): Path<(String, String)>) -> Answer<Json<Value>> {
    let rows = db::run(concat!("select ", columns!(), " from slot_templates where id = ? and site = ?"), params![id, site])?;
    Ok(Json(template(rows.first().ok_or_else(not_found)?)?))
}

fn not_found() -> Problem {
    Problem::not_found("slot template")
}

/// POST `/api/sites/{site}/slots`: `{weekdays, start, end, capacity}` → 201, `{items}` with one template for each weekday. 409 with
/// `reason` `overlaps` when one of them has a slot at that time.
pub async fn create(
    caller: Caller<Admin>,
    Now(now): Now,
    Path(site): Path<String>,
    JsonBytes(body): JsonBytes,
) -> Answer<(StatusCode, Json<Value>)> {
    let mut fields = Fields::parse(&body)?;
    let one = fields.opt_choice("weekday", &WEEKDAYS);
    let several = fields.opt_texts("weekdays", WEEKDAYS.len());
    if one.is_none()
        && several.as_ref().is_none_or(Vec::is_empty)
        && !fields.errors().contains_key("weekday")
        && !fields.errors().contains_key("weekdays")
    {
        fields.refuse("weekdays", "is required");
    }
    let names: Vec<String> = several.unwrap_or_default().into_iter().chain(one).collect();
    let mut weekdays: Vec<_> = names.iter().filter_map(|name| number(name)).collect();
    fields.check(weekdays.len() == names.len(), "weekdays", "must be names of weekdays, such as monday");
    weekdays.sort_unstable();
    weekdays.dedup();
    let slot = slot(&mut fields);
    let capacity = fields.int("capacity", 1..=MAX_CAPACITY);
    fields.finish()?;
    let slot = slot.ok_or_else(|| Problem::internal("a slot that was checked is none"))?;

    let items = db::transaction(|tx| {
        let temple = Temple::at_path(|sql, params| tx.run(sql, params), &site)?;
        weekdays.iter().map(|weekday| insert(tx, &temple.site, *weekday, slot, capacity, &caller.0.id, now)).collect::<Result<Vec<_>, _>>()
    })?;
    Ok((StatusCode::CREATED, Json(json!({ "items": items }))))
}

fn insert(tx: &Transaction, site: &str, weekday: i64, slot: Slot, capacity: i64, actor: &str, now: i64) -> Result<Value, Problem> {
    let rows = tx.run(
        concat!(
            "insert into slot_templates (id, site, weekday, slot, starts, ends, capacity, created_at, updated_at, updated_by)
             select ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9
             where not exists (select 1 from slot_templates where site = ?2 and weekday = ?3 and starts < ?6 and ends > ?5)
                 and (select count(*) from slot_templates where site = ?2 and weekday = ?3) < ?10
             returning ",
            columns!()
        ),
        params![
            host::new_id(now)?,
            site,
            weekday,
            slot.to_string(),
            i64::from(slot.starts()),
            i64::from(slot.ends()),
            capacity,
            now,
            actor,
            i64::try_from(MAX_SLOTS).unwrap_or(i64::MAX),
        ],
    )?;
    let name = usize::try_from(weekday - 1).ok().and_then(|at| WEEKDAYS.get(at)).copied().unwrap_or_default();
    let overlaps = || Problem::conflict(format!("{name} has a slot at that time, or {MAX_SLOTS} already")).because("overlaps");
    template(rows.first().ok_or_else(overlaps)?)
}

/// Dates to come on which this template's slot is sold beyond ?4 people (or, for 0, has anyone at all who holds places or waits).
const SOLD_BEYOND: &str = "select b.date from bookings b
     where b.site = ?1 and b.slot = ?2 and b.date >= ?5 and b.starts_at > ?6 and (strftime('%w', b.date) + 6) % 7 + 1 = ?3
         and (b.status in ('confirmed', 'checked_in', 'exited') or (?4 = 0 and b.status = 'waitlisted'))
         and not exists (select 1 from slot_days d where d.site = b.site and d.date = b.date)
     group by b.date having sum(b.party_size) > ?4 order by b.date limit 10";

/// 409 when the template cannot shrink to this capacity: a slot is never sold beyond what it holds.
fn keep_promises(tx: &Transaction, site: &str, id: &str, capacity: i64, now: i64) -> Result<(), Problem> {
    let temple = Temple::at_path(|sql, params| tx.run(sql, params), site)?;
    let rows = tx.run("select weekday, slot from slot_templates where id = ? and site = ?", params![id, site])?;
    let row = rows.first().ok_or_else(not_found)?;
    let sold = tx.run(SOLD_BEYOND, params![site, row.text(1)?, row.int(0)?, capacity, temple.today(now).to_string(), now])?;
    if sold.is_empty() {
        return Ok(());
    }
    let dates = sold.iter().map(|row| row.text(0)).collect::<Result<Vec<_>, _>>()?;
    Err(Problem::conflict(format!("more than {capacity} people are booked on {}", dates.join(", "))).because("booked"))
}

/// PATCH `/api/sites/{site}/slots/{id}`: `{capacity}`. 409 with `reason` `booked` when more people have booked. What grows goes to those
/// who wait.
pub async fn change(
    caller: Caller<Admin>,
    Now(now): Now,
    Path((site, id)): Path<(String, String)>,
    JsonBytes(body): JsonBytes,
) -> Answer<Json<Value>> {
    let mut fields = Fields::parse(&body)?;
    for fixed in ["weekday", "weekdays", "slot", "start", "end"] {
        if fields.has(fixed) {
            fields.refuse(fixed, "cannot be changed: delete the template and make another");
        }
    }
    let capacity = fields.int("capacity", 1..=MAX_CAPACITY);
    fields.finish()?;
    db::transaction(|tx| {
        keep_promises(tx, &site, &id, capacity, now)?;
        let rows = tx.run(
            concat!(
                "update slot_templates set capacity = ?3, updated_at = ?4, updated_by = ?5 where id = ?1 and site = ?2 returning ",
                columns!(),
                ", slot"
            ),
            params![&id, &site, capacity, now, &caller.0.id],
        )?;
        let row = rows.first().ok_or_else(not_found)?;
        tx.run(
            "insert into waitlist_moves (site, date, slot, at)
             select distinct site, date, slot, ?3 from bookings indexed by bookings_waiting
             where status = 'waitlisted' and starts_at > ?3 and site = ?1 and slot = ?2",
            params![&site, row.text(7)?, now],
        )?;
        Ok(Json(template(row)?))
    })
}

/// DELETE `/api/sites/{site}/slots/{id}` → 204. 409 with `reason` `booked` when somebody has booked it or waits for it.
pub async fn remove(caller: Caller<Admin>, Now(now): Now, Path((site, id)): Path<(String, String)>) -> Answer<StatusCode> {
    db::transaction(|tx| {
        keep_promises(tx, &site, &id, 0, now)?;
        // The trigger of the delete takes who and when from the row.
        tx.run("update slot_templates set updated_at = ?2, updated_by = ?3 where id = ?1", params![&id, now, &caller.0.id])?;
        tx.run("delete from slot_templates where id = ?1", params![&id])?;
        Ok(StatusCode::NO_CONTENT)
    })
}
