//! Days that are not as their weekday, closures and festivals: `/api/sites/{site}/slots/days`.

mod settle;

use axum::Json;
use axum::extract::Path;
use const_format::formatcp;
use domain::booking_slot::{Date, MAX_CAPACITY, MAX_SLOTS};
use kit::api::NoContent;
use kit::caller::{Admin, Caller};
use kit::db::{self, Database, Executor, Fetch as _};
use kit::input::{At, Input, Int, List, Text};
use kit::page::{Listing, Page};
use kit::request::{Body, Now, Query};
use kit::row::FromRow;
use kit::select::Select;
use kit::{Answer, Problem, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::{ClockTime, SlotTimes};
use crate::temple::{Temple, UNKNOWN_TIME_ZONE, date_at_path};
use crate::terms::Terms;
use settle::Change;

/// A day that is not as its weekday.
#[derive(Serialize, ToSchema)]
pub struct SpecialDay {
    /// The day, in the temple's time zone.
    date: Date,
    /// Whether the temple takes nobody.
    closed: bool,
    /// Why it is not as its weekday.
    reason: Option<String>,
    /// What it offers instead; none on a closed day.
    slots: Vec<SpecialDaySlot>,
}

/// A slot of a special day.
#[derive(Serialize, FromRow, ToSchema)]
pub struct SpecialDaySlot {
    #[serde(skip)]
    date: Date,
    /// Both times, such as `06:00-07:00`.
    slot: String,
    /// When it begins, in the temple's time zone.
    start: ClockTime,
    /// When it ends, in the temple's time zone.
    end: ClockTime,
    /// How many people it may hold.
    capacity: i64,
    /// How many bookings of it one person may have.
    bookings_per_person: i64,
    /// In which minute after its beginning (negative: before) its booking closes; null: when it ends.
    closes_after_minutes: Option<i64>,
}

#[derive(FromRow)]
struct StoredDay {
    date: Date,
    reason: Option<String>,
}

const DAYS: &str = "select date, reason from slot_days where site = ?";

fn not_found() -> Problem {
    Problem::not_found("special day")
}

/// The days, in the order of their dates, with their slots.
fn with_slots(db: &dyn Executor, site: &str, days: Vec<StoredDay>) -> Result<Vec<SpecialDay>, Problem> {
    let (Some(first), Some(last)) = (days.first(), days.last()) else { return Ok(Vec::new()) };
    let slots: Vec<SpecialDaySlot> = db.fetch_all(
        "select date, slot, starts as start, ends as \"end\", capacity, bookings_per_person, closes_after_minutes from slot_day_slots
         where site = ? and date between ? and ? order by date, starts",
        params![site, first.date, last.date],
    )?;
    let mut slots = slots.into_iter().peekable();
    let mut special_days = Vec::with_capacity(days.len());
    for StoredDay { date, reason } in days {
        let slots: Vec<_> = std::iter::from_fn(|| slots.next_if(|slot| slot.date == date)).collect();
        special_days.push(SpecialDay { date, closed: slots.is_empty(), reason, slots });
    }
    Ok(special_days)
}

fn find(db: &dyn Executor, site: &str, date: Date) -> Result<SpecialDay, Problem> {
    let day = db.fetch_all(formatcp!("{DAYS} and date = ?"), params![site, date])?;
    with_slots(db, site, day)?.pop().ok_or_else(not_found)
}

/// Which days.
#[derive(Input)]
pub struct SpecialDayFilters {
    /// The first date.
    from: Option<Date>,
    /// The last date.
    to: Option<Date>,
}

/// Lists the days that are not as their weekday, by date.
#[utoipa::path(get, path = "/api/sites/{site}/slots/days", responses((status = 409, description = UNKNOWN_TIME_ZONE)))]
pub async fn list(Path(site): Path<String>, listing: Listing<SpecialDayFilters>) -> Answer<Page<SpecialDay>> {
    let temple = Temple::at_path(&Database, &site)?;
    let days = Select::new(formatcp!("{DAYS} and date > coalesce(?, '')"), params![&temple.site, listing.after_text(0)])
        .and_if("date >= ?", listing.filters.from)
        .and_if("date <= ?", listing.filters.to)
        .fetch(&Database, "date", listing.fetch())?;
    Ok(listing.page(with_slots(&Database, &temple.site, days)?, |day| [day.date]))
}

/// Returns a day that is not as its weekday.
#[utoipa::path(get, path = "/api/sites/{site}/slots/days/{date}", responses((status = 409, description = UNKNOWN_TIME_ZONE)))]
pub async fn read(Path((site, date)): Path<(String, String)>) -> Answer<Json<SpecialDay>> {
    let temple = Temple::at_path(&Database, &site)?;
    find(&Database, &temple.site, date_at_path(&date)?).map(Json)
}

/// A closure, or what a festival offers.
#[derive(Input)]
#[input(
    check,
    example = r#"{"reason": "Maha Shivaratri", "slots": [{"start": "00:00", "end": "06:00", "capacity": 2000}, {"slot": "06:00-07:00", "capacity": 500}]}"#
)]
pub struct SpecialDayPlan {
    /// Whether the temple takes nobody.
    closed: Option<bool>,
    /// Why the day is not as its weekday; the pilgrims whose bookings are revoked are told.
    reason: Option<Text<1, 200>>,
    /// Slots that do not overlap; required of a day that is not closed.
    slots: Option<List<PlannedSlot, 0, MAX_SLOTS>>,
    /// Whether the bookings of slots that are gone are revoked.
    #[input(default)]
    revoke: bool,
}

/// A slot of a festival.
#[derive(Input)]
pub struct PlannedSlot {
    #[input(flatten)]
    times: SlotTimes,
    /// How many people it may hold.
    capacity: Int<1, MAX_CAPACITY>,
    #[input(flatten)]
    terms: Terms,
}

impl SpecialDayPlan {
    fn slots(&self) -> &[PlannedSlot] {
        self.slots.as_deref().unwrap_or_default()
    }

    fn check(&self, at: &mut At<'_>) {
        let (closed, slots) = (self.closed, self.slots());
        at.check_field(self.slots.is_some() || closed == Some(true), "slots", "is required of a day that is not closed");
        at.check_field(closed != Some(true) || slots.is_empty(), "slots", "must be empty on a closed day");
        at.check_field(closed != Some(false) || !slots.is_empty(), "closed", "must be true of a day without slots");
        for (index, slot) in slots.iter().enumerate() {
            if slots.iter().take(index).any(|other| slot.times.0.overlaps(other.times.0)) {
                at.refuse_field("slots", format!("{index}: overlaps another"));
            }
        }
    }
}

/// A day that was set.
#[derive(Serialize, ToSchema)]
pub struct SetSpecialDay {
    #[serde(flatten)]
    day: SpecialDay,
    /// How many bookings were revoked.
    revoked: usize,
}

/// Sets what a day offers in place of its weekday: closes it, or gives it slots of its own.
#[utoipa::path(
    put,
    path = "/api/sites/{site}/slots/days/{date}",
    responses((
        status = 409,
        description = "A slot is booked (`reason` is `booked`): it would be gone, and `revoke` is not true; or it would hold fewer people than have booked."
    ))
)]
pub async fn replace(
    caller: Caller<Admin>,
    Now(now): Now,
    Path((site, date)): Path<(String, String)>,
    Body(plan): Body<SpecialDayPlan>,
) -> Answer<Json<SetSpecialDay>> {
    let date = date_at_path(&date)?;
    db::transaction(|db| {
        let temple = Temple::at_path(db, &site)?;
        if date < temple.today(now) {
            return Err(Problem::invalid_field("date", "is past"));
        }
        db.run(
            "insert into slot_days (site, date, reason, created_at, updated_at, updated_by) values (?1, ?2, ?3, ?4, ?4, ?5)
             on conflict (site, date) do update set reason = excluded.reason, updated_at = excluded.updated_at,
                updated_by = excluded.updated_by",
            params![&temple.site, date, plan.reason.as_deref(), now, &caller.0.id],
        )?;
        db.run("delete from slot_day_slots where site = ? and date = ?", params![&temple.site, date])?;
        for (index, PlannedSlot { times: SlotTimes(slot), capacity, terms }) in plan.slots().iter().enumerate() {
            if slot.moments(date, temple.zone).is_none() {
                let skipped = "is not there on that day: the clocks go forward over it";
                return Err(Problem::invalid_field(&format!("slots[{index}]"), skipped));
            }
            db.run(
                "insert into slot_day_slots (site, date, slot, starts, ends, capacity, bookings_per_person, closes_after_minutes)
                 values (?, ?, ?, ?, ?, ?, ?, ?)",
                params![
                    &temple.site,
                    date,
                    slot.to_string(),
                    slot.starts(),
                    slot.ends(),
                    *capacity,
                    terms.bookings_per_person(),
                    terms.closes_after_minutes,
                ],
            )?;
        }
        let reason = plan.reason.as_deref();
        let change = Change { site: &temple.site, date, revoke: plan.revoke, reason, actor: &caller.0.id, now };
        let revoked = change.settle_bookings(db)?;
        Ok(Json(SetSpecialDay { day: find(db, &temple.site, date)?, revoked }))
    })
}

/// What a deletion may do.
#[derive(Input)]
pub struct SpecialDayDeletion {
    /// Whether the bookings of slots that are gone are revoked.
    #[input(default)]
    revoke: bool,
}

/// Makes a day as its weekday again.
#[utoipa::path(
    delete,
    path = "/api/sites/{site}/slots/days/{date}",
    responses((
        status = 409,
        description = "A slot is booked (`reason` is `booked`): it would be gone, and `revoke` is not true; or it would hold fewer people than have booked."
    ))
)]
pub async fn delete(
    caller: Caller<Admin>,
    Now(now): Now,
    Path((site, date)): Path<(String, String)>,
    Query(SpecialDayDeletion { revoke }): Query<SpecialDayDeletion>,
) -> Answer<NoContent> {
    let date = date_at_path(&date)?;
    db::transaction(|db| {
        let temple = Temple::at_path(db, &site)?;
        // The trigger of the delete takes who and when from the row.
        let touch = "update slot_days set updated_at = ?3, updated_by = ?4 where site = ?1 and date = ?2 returning date";
        if !db.exists(touch, params![&temple.site, date, now, &caller.0.id])? {
            return Err(not_found());
        }
        db.run("delete from slot_days where site = ? and date = ?", params![&temple.site, date])?;
        Change { site: &temple.site, date, revoke, reason: None, actor: &caller.0.id, now }.settle_bookings(db)?;
        Ok(NoContent)
    })
}

#[cfg(test)]
mod tests {
    use kit::input::parse;

    use super::*;

    fn refused(body: &str) -> Vec<String> {
        parse::<SpecialDayPlan>(body.as_bytes(), 0).err().unwrap().errors().keys().cloned().collect()
    }

    #[test]
    fn a_day_that_makes_no_sense_is_refused() {
        assert_eq!(refused("{}"), ["slots"]);
        assert_eq!(refused(r#"{"closed": false, "slots": []}"#), ["closed"]);
        assert_eq!(refused(r#"{"closed": true, "slots": [{"slot": "06:00-07:00", "capacity": 5}]}"#), ["slots"]);
        assert_eq!(refused(r#"{"slots": [{"slot": "06:00-07:00", "capacity": 5}, {"slot": "06:30-08:00", "capacity": 5}]}"#), ["slots"]);
        assert_eq!(
            refused(r#"{"slots": [{"start": "07:00", "end": "06:00", "capacity": 0}, 7]}"#),
            ["slots[0].capacity", "slots[0].end", "slots[1]"]
        );
        assert!(parse::<SpecialDayPlan>(br#"{"closed": true}"#, 0).is_ok());
    }
}
