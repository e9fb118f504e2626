//! What each weekday offers: `/api/sites/{site}/slots`.

use axum::Json;
use axum::extract::Path;
use const_format::formatcp;
use domain::booking_offer::{EARLIEST_CLOSE_MINUTES, LATEST_CLOSE_MINUTES, MAX_PER_PERSON};
use domain::booking_slot::{MAX_CAPACITY, MAX_SLOTS};
use kit::api::{Created, NoContent};
use kit::caller::{Admin, Caller};
use kit::db::{self, Database, Executor, Fetch as _};
use kit::input::{Input, Int, Patch, Timestamp};
use kit::page::{Listing, Page};
use kit::request::{Body, Now};
use kit::row::FromRow;
use kit::select::Select;
use kit::{Answer, Problem, host, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::{ClockTime, SlotTimes, Weekday, Weekdays};
use crate::sql::{LIVE, WAITLISTED};
use crate::temple::{Temple, UNKNOWN_TIME_ZONE};
use crate::terms::Terms;

/// A slot of every week.
#[derive(Serialize, FromRow, ToSchema)]
pub struct WeeklySlot {
    /// Its id.
    id: String,
    /// The day of the week.
    weekday: Weekday,
    /// Both times, such as `06:00-07:00`.
    slot: String,
    /// When it begins, in the temple's time zone.
    start: ClockTime,
    /// When it ends, in the temple's time zone.
    end: ClockTime,
    /// How many people it may hold.
    capacity: i64,
    /// How many bookings of it one person may have on one date.
    bookings_per_person: i64,
    /// In which minute after its beginning (negative: before) its booking closes; null: when it ends.
    closes_after_minutes: Option<i64>,
    /// When it was made.
    created_at: Timestamp,
    /// When it last changed.
    updated_at: Timestamp,
}

const COLUMNS: &str =
    "id, weekday, slot, starts as start, ends as \"end\", capacity, bookings_per_person, closes_after_minutes, created_at, updated_at";

fn not_found() -> Problem {
    Problem::not_found("slot template")
}

/// Which slots.
#[derive(Input)]
pub struct WeeklySlotFilters {
    /// Only those of this day of the week.
    weekday: Option<Weekday>,
}

/// Lists what a temple offers each week, by weekday and time.
#[utoipa::path(get, path = "/api/sites/{site}/slots", responses((status = 409, description = UNKNOWN_TIME_ZONE)))]
pub async fn list(Path(site): Path<String>, listing: Listing<WeeklySlotFilters>) -> Answer<Page<WeeklySlot>> {
    let temple = Temple::at_path(&Database, &site)?;
    let start = formatcp!("select {COLUMNS} from slot_templates where site = ? and (weekday, starts) > (coalesce(?, 0), coalesce(?, 0))");
    let slots = Select::new(start, params![temple.site, listing.after_int(0), listing.after_int(1)])
        .and_if("weekday = ?", listing.filters.weekday)
        .fetch(&Database, "weekday, starts", listing.fetch())?;
    Ok(listing.page(slots, |it: &WeeklySlot| (it.weekday.0, it.start.0)))
}

/// Returns a slot of every week.
#[utoipa::path(get, path = "/api/sites/{site}/slots/{id}")]
pub async fn read(Path((site, id)): Path<(String, String)>) -> Answer<Json<WeeklySlot>> {
    let slot = Database.fetch_optional(formatcp!("select {COLUMNS} from slot_templates where id = ? and site = ?"), params![id, site])?;
    slot.map(Json).ok_or_else(not_found)
}

/// A slot for one weekday or several.
#[derive(Input)]
#[input(example = r#"{"weekdays": ["saturday", "sunday"], "start": "04:00", "end": "05:00", "capacity": 250, "bookings_per_person": 2}"#)]
pub struct NewWeeklySlots {
    #[input(flatten)]
    weekdays: Weekdays,
    #[input(flatten)]
    times: SlotTimes,
    /// How many people it may hold.
    capacity: Int<1, MAX_CAPACITY>,
    #[input(flatten)]
    terms: Terms,
}

/// The new slots, one for each weekday.
#[derive(Serialize, ToSchema)]
pub struct CreatedWeeklySlots {
    /// The slots, Monday's first.
    items: Vec<WeeklySlot>,
}

/// Adds a slot to weekdays.
#[utoipa::path(
    post,
    path = "/api/sites/{site}/slots",
    responses((status = 409, description = "One of the weekdays has a slot at that time, or 96 already: `reason` is `overlaps`."))
)]
pub async fn create(
    caller: Caller<Admin>,
    Now(now): Now,
    Path(site): Path<String>,
    Body(new): Body<NewWeeklySlots>,
) -> Answer<Created<CreatedWeeklySlots>> {
    let items = db::transaction(|db| {
        let temple = Temple::at_path(db, &site)?;
        let insert = |weekday: &Weekday| insert(db, &temple.site, *weekday, &new, &caller.0.id, now);
        new.weekdays.0.iter().map(insert).collect::<Result<Vec<_>, Problem>>()
    })?;
    Ok(Created(CreatedWeeklySlots { items }))
}

const INSERT: &str = formatcp!(
    "insert into slot_templates (id, site, weekday, slot, starts, ends, capacity, created_at, updated_at, updated_by, bookings_per_person, closes_after_minutes)
     select ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9, ?10, ?11
     where not exists (select 1 from slot_templates where site = ?2 and weekday = ?3 and starts < ?6 and ends > ?5)
        and (select count(*) from slot_templates where site = ?2 and weekday = ?3) < {MAX_SLOTS} returning {COLUMNS}"
);

fn insert(db: &dyn Executor, site: &str, weekday: Weekday, new: &NewWeeklySlots, actor: &str, now: i64) -> Result<WeeklySlot, Problem> {
    let id = host::new_id(now)?;
    let SlotTimes(slot) = new.times;
    let params = params![
        id,
        site,
        weekday,
        slot.to_string(),
        slot.starts(),
        slot.ends(),
        new.capacity,
        now,
        actor,
        new.terms.bookings_per_person(),
        new.terms.closes_after_minutes,
    ];
    let inserted = db.fetch_optional(INSERT, params)?;
    let overlaps = || Problem::conflict(format!("{} has a slot at that time, or {MAX_SLOTS} already", weekday.name())).because("overlaps");
    inserted.ok_or_else(overlaps)
}

/// Dates to come on which the slot of a weekday is sold beyond ?4 people (or, for 0, has anyone at all who holds places or waits).
const SOLD_BEYOND: &str = formatcp!(
    "select b.date from bookings b
     where b.site = ?1 and b.slot = ?2 and b.date >= ?5 and b.ends_at > ?6 and (strftime('%w', b.date) + 6) % 7 + 1 = ?3
        and (b.status in {LIVE} or (?4 = 0 and b.status = '{WAITLISTED}'))
        and not exists (select 1 from slot_days d where d.site = b.site and d.date = b.date)
     group by b.date having sum(b.party_size) > ?4 order by b.date limit 10"
);

#[derive(FromRow)]
struct Offered {
    weekday: Weekday,
    slot: String,
}

#[derive(FromRow)]
struct SoldDate {
    date: String,
}

/// 409 when the slot cannot shrink to this capacity: it is never sold beyond what it holds.
fn require_capacity_covers_bookings(db: &dyn Executor, site: &str, id: &str, capacity: i64, now: i64) -> Result<(), Problem> {
    let temple = Temple::at_path(db, site)?;
    let offered = db.fetch_optional("select weekday, slot from slot_templates where id = ? and site = ?", params![id, site])?;
    let Offered { weekday, slot } = offered.ok_or_else(not_found)?;
    let sold: Vec<SoldDate> = db.fetch_all(SOLD_BEYOND, params![site, slot, weekday, capacity, temple.today(now), now])?;
    if sold.is_empty() {
        return Ok(());
    }
    let dates: Vec<_> = sold.into_iter().map(|sold| sold.date).collect();
    Err(Problem::conflict(format!("more than {capacity} people are booked on {}", dates.join(", "))).because("booked"))
}

/// A change of a slot: delete it and add another to change when it is.
#[derive(Input)]
#[input(read_only("id", "weekday", "weekdays", "slot", "start", "end", "created_at", "updated_at"))]
#[input(example = r#"{"capacity": 300, "bookings_per_person": 2, "closes_after_minutes": -60}"#)]
pub struct WeeklySlotChange {
    /// How many people it may hold.
    capacity: Option<Int<1, MAX_CAPACITY>>,
    /// How many bookings of it one person may have on one date. Bookings that were made stay.
    bookings_per_person: Option<Int<1, MAX_PER_PERSON>>,
    /// In which minute after its beginning (negative: before) its booking closes; null: when it ends.
    closes_after_minutes: Patch<Int<EARLIEST_CLOSE_MINUTES, LATEST_CLOSE_MINUTES>>,
}

const UPDATE: &str = formatcp!(
    "update slot_templates set capacity = coalesce(?3, capacity), bookings_per_person = coalesce(?6, bookings_per_person),
        closes_after_minutes = iif(?7, ?8, closes_after_minutes), updated_at = ?4, updated_by = ?5
     where id = ?1 and site = ?2 returning {COLUMNS}"
);

/// Gives the places that are free now to those who wait, on each date of the slot to come.
const MOVE_WAITLISTS_UP: &str = formatcp!(
    "insert into waitlist_moves (site, date, slot, at)
     select distinct site, date, slot, ?3 from bookings indexed by bookings_waiting
     where status = '{WAITLISTED}' and starts_at > ?3 and site = ?1 and slot = ?2"
);

/// Changes the capacity of a slot, and on what terms it is booked. What grows goes to those who wait.
#[utoipa::path(
    patch,
    path = "/api/sites/{site}/slots/{id}",
    responses((status = 409, description = "More people are booked: `reason` is `booked`."))
)]
pub async fn update(
    caller: Caller<Admin>,
    Now(now): Now,
    Path((site, id)): Path<(String, String)>,
    Body(change): Body<WeeklySlotChange>,
) -> Answer<Json<WeeklySlot>> {
    db::transaction(|db| {
        if let Some(capacity) = change.capacity {
            require_capacity_covers_bookings(db, &site, &id, *capacity, now)?;
        }
        let closes = change.closes_after_minutes;
        let params = params![&id, &site, change.capacity, now, &caller.0.id, change.bookings_per_person, closes.is_sent(), closes];
        let updated = db.fetch_optional(UPDATE, params)?;
        let slot: WeeklySlot = updated.ok_or_else(not_found)?;
        db.run(MOVE_WAITLISTS_UP, params![&site, &slot.slot, now])?;
        Ok(Json(slot))
    })
}

/// Deletes a slot that nobody has booked or waits for.
#[utoipa::path(
    delete,
    path = "/api/sites/{site}/slots/{id}",
    responses((status = 409, description = "Somebody has booked it or waits for it: `reason` is `booked`."))
)]
pub async fn delete(caller: Caller<Admin>, Now(now): Now, Path((site, id)): Path<(String, String)>) -> Answer<NoContent> {
    db::transaction(|db| {
        require_capacity_covers_bookings(db, &site, &id, 0, now)?;
        // The trigger of the delete takes who and when from the row.
        db.run("update slot_templates set updated_at = ?2, updated_by = ?3 where id = ?1", params![&id, now, &caller.0.id])?;
        db.run("delete from slot_templates where id = ?1", params![&id])?;
        Ok(NoContent)
    })
}

#[cfg(test)]
mod tests {
    use kit::input::parse;

    use super::*;

    fn refused(body: &str) -> Vec<String> {
        parse::<NewWeeklySlots>(body.as_bytes(), 0).err().unwrap().errors().keys().cloned().collect()
    }

    #[test]
    fn every_bad_field_is_named_at_once() {
        assert_eq!(refused("{}"), ["capacity", "end", "start", "weekdays"]);
        assert_eq!(refused(r#"{"weekdays": ["funday"], "start": "25:00", "capacity": 0}"#), ["capacity", "end", "start", "weekdays[0]"]);
        assert_eq!(refused(r#"{"weekday": "monday", "start": "09:00", "end": "08:00", "capacity": 5}"#), ["end"]);
        assert_eq!(refused(r#"{"weekday": "monday", "slot": "dawn", "capacity": 5}"#), ["slot"]);
    }

    #[test]
    fn a_weekday_counts_once() {
        let body = r#"{"weekday": "monday", "weekdays": ["sunday", "monday"], "slot": "09:00-10:00", "capacity": 5}"#;
        assert_eq!(parse::<NewWeeklySlots>(body.as_bytes(), 0).unwrap().weekdays.0, [Weekday(1), Weekday(7)]);
    }
}
