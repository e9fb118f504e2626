//! Days that are not as their weekday: `/api/sites/{site}/slots/days`, closures and festivals.

use axum::Json;
use axum::extract::Path;
use domain::booking_slot::{Date, MAX_CAPACITY, MAX_SLOTS, Slot};
use http::StatusCode;
use kit::caller::{Admin, Caller};
use kit::db::{self, Transaction};
use kit::fields::Fields;
use kit::page::{Listing, Page};
use kit::request::{JsonBytes, Now, Query};
use kit::{Answer, Problem, params};
use serde_json::{Value, json};

use crate::templates;
use crate::temple::{Day, Run, Temple, capacity, date_at_path};

fn not_found() -> Problem {
    Problem::not_found("special day")
}

fn shown(run: impl Run, temple: &Temple, date: Date) -> Result<Value, Problem> {
    let day = Day::load(run, &temple.site, date)?;
    if !day.special {
        return Err(not_found());
    }
    let slots: Vec<_> = day
        .slots
        .iter()
        .map(|it| {
            json!({
                "slot": it.slot.to_string(),
                "start": domain::booking_slot::format_minute(it.slot.starts()),
                "end": domain::booking_slot::format_minute(it.slot.ends()),
                "capacity": it.capacity,
            })
        })
        .collect();
    Ok(json!({ "date": date.to_string(), "closed": day.is_closed(), "reason": day.reason, "slots": slots }))
}

/// GET `/api/sites/{site}/slots/days`: by date; filters `from`, `to` (dates, both included).
pub async fn list(Path(site): Path<String>, Query(query): Query) -> Answer<Page<Value>> {
    let listing = Listing::parse(&query, &["from", "to"])?;
    for name in ["from", "to"] {
        if listing.filter(name).is_some_and(|text| Date::parse(text).is_none()) {
            return Err(Problem::invalid_field(name, "must be a date, such as 2026-02-05"));
        }
    }
    let temple = Temple::at_path(db::run, &site)?;
    let rows = db::run(
        "select date from slot_days where site = ? and date > coalesce(?, '') and date between coalesce(?, '') and coalesce(?, '~')
         order by date limit ?",
        params![&temple.site, listing.after_text(0), listing.filter("from"), listing.filter("to"), listing.fetch()],
    )?;
    listing.page(
        rows,
        |row| Ok(json!([row.text(0)?])),
        |row| shown(db::run, &temple, Date::parse(row.text(0)?).ok_or_else(|| Problem::internal("a date that is none"))?),
    )
}

/// GET `/api/sites/{site}/slots/days/{date}`; 404 for a day that is as its weekday.
pub async fn detail(Path((site, date)): Path<(String, String)>) -> Answer<Json<Value>> {
    let temple = Temple::at_path(db::run, &site)?;
    Ok(Json(shown(db::run, &temple, date_at_path(&date)?)?))
}

/// What a body says of a day.
struct Sent {
    reason: Option<String>,
    slots: Vec<(Slot, i64)>,
    revoke: bool,
}

impl Sent {
    fn parse(body: &[u8]) -> Result<Self, Problem> {
        let mut fields = Fields::parse(body)?;
        let closed = fields.opt_bool("closed");
        let reason = fields.opt_text("reason", 1..=200);
        let revoke = fields.opt_bool("revoke").unwrap_or(false);
        let mut slots = Vec::new();
        match fields.take("slots") {
            None | Some(Value::Null) => fields.check(closed == Some(true), "slots", "is required of a day that is not closed"),
            Some(Value::Array(sent)) if sent.len() <= MAX_SLOTS => {
                for (index, value) in sent.into_iter().enumerate() {
                    match slot_of(value) {
                        Ok((slot, _)) if slots.iter().any(|(other, _): &(Slot, i64)| slot.overlaps(*other)) => {
                            fields.refuse("slots", format!("{index}: overlaps another"));
                        }
                        Ok(slot) => slots.push(slot),
                        Err(problem) => {
                            for (field, reasons) in problem.errors() {
                                fields.refuse("slots", format!("{index}: {field} {}", reasons.join(", ")));
                            }
                        }
                    }
                }
            }
            Some(_) => fields.refuse("slots", format!("must be a list of at most {MAX_SLOTS} slots")),
        }
        fields.check(closed != Some(true) || slots.is_empty(), "slots", "must be empty on a closed day");
        fields.check(closed != Some(false) || !slots.is_empty(), "closed", "must be true of a day without slots");
        fields.finish()?;
        Ok(Self { reason, slots, revoke })
    }
}

fn slot_of(value: Value) -> Result<(Slot, i64), Problem> {
    let mut fields = Fields::of(value)?;
    let slot = templates::slot(&mut fields);
    let capacity = fields.int("capacity", 1..=MAX_CAPACITY);
    fields.finish()?;
    Ok((slot.ok_or_else(|| Problem::internal("a slot that was checked is none"))?, capacity))
}

/// PUT `/api/sites/{site}/slots/days/{date}`: `{closed: true, reason?}` or `{slots: [{start, end, capacity}], reason?}`. 409 with `reason`
/// `booked` when it takes a slot away that is booked, unless `"revoke": true`; and when it leaves a slot fewer places than are sold.
pub async fn set(
    caller: Caller<Admin>,
    Now(now): Now,
    Path((site, date)): Path<(String, String)>,
    JsonBytes(body): JsonBytes,
) -> Answer<Json<Value>> {
    let sent = Sent::parse(&body)?;
    let date = date_at_path(&date)?;
    db::transaction(|tx| {
        let run = |sql: &str, params| tx.run(sql, params);
        let temple = Temple::at_path(run, &site)?;
        if date < temple.today(now) {
            return Err(Problem::invalid_field("date", "is past"));
        }
        let text = date.to_string();
        tx.run(
            "insert into slot_days (site, date, reason, created_at, updated_at, updated_by) values (?1, ?2, ?3, ?4, ?4, ?5)
             on conflict (site, date) do update set reason = excluded.reason, updated_at = excluded.updated_at,
                updated_by = excluded.updated_by",
            params![&temple.site, &text, sent.reason.as_deref(), now, &caller.0.id],
        )?;
        tx.run("delete from slot_day_slots where site = ? and date = ?", params![&temple.site, &text])?;
        for (slot, capacity) in &sent.slots {
            tx.run(
                "insert into slot_day_slots (site, date, slot, starts, ends, capacity) values (?, ?, ?, ?, ?, ?)",
                params![&temple.site, &text, slot.to_string(), i64::from(slot.starts()), i64::from(slot.ends()), *capacity],
            )?;
        }
        let change =
            Change { site: &temple.site, date: &text, revoke: sent.revoke, reason: sent.reason.as_deref(), actor: &caller.0.id, now };
        let revoked = change.settle(tx)?;
        let mut shown = shown(run, &temple, date)?;
        shown["revoked"] = revoked.into();
        Ok(Json(shown))
    })
}

/// DELETE `/api/sites/{site}/slots/days/{date}` → 204: the day is as its weekday again. 409 as for PUT; `?revoke=true` likewise.
pub async fn remove(
    caller: Caller<Admin>,
    Now(now): Now,
    Path((site, date)): Path<(String, String)>,
    Query(query): Query,
) -> Answer<StatusCode> {
    let revoke = Listing::parse(&query, &["revoke"])?.bool("revoke")?.unwrap_or(false);
    let text = date_at_path(&date)?.to_string();
    db::transaction(|tx| {
        let temple = Temple::at_path(|sql, params| tx.run(sql, params), &site)?;
        // The trigger of the delete takes who and when from the row.
        let touched = tx.run(
            "update slot_days set updated_at = ?3, updated_by = ?4 where site = ?1 and date = ?2 returning date",
            params![&temple.site, &text, now, &caller.0.id],
        )?;
        touched.first().ok_or_else(not_found)?;
        tx.run("delete from slot_days where site = ? and date = ?", params![&temple.site, &text])?;
        Change { site: &temple.site, date: &text, revoke, reason: None, actor: &caller.0.id, now }.settle(tx)?;
        Ok(StatusCode::NO_CONTENT)
    })
}

/// A day that was changed, inside the transaction of the change.
struct Change<'a> {
    site: &'a str,
    date: &'a str,
    revoke: bool,
    reason: Option<&'a str>,
    actor: &'a str,
    now: i64,
}

impl Change<'_> {
    /// Sees to the bookings of the day: none stays in a slot that is gone, no slot is sold beyond what it holds, and what is free goes to
    /// those who wait. How many bookings were revoked.
    fn settle(&self, tx: &Transaction) -> Result<usize, Problem> {
        let slots = tx.run(
            concat!(
                "select s.slot, s.sold, s.bookings, ",
                capacity!("?1", "?2", "s.slot"),
                " from (
                    select slot, sum(iif(status = 'waitlisted', 0, party_size)) as sold,
                        count(*) filter (where status in ('confirmed', 'waitlisted')) as bookings
                    from bookings
                    where site = ?1 and date = ?2 and status in ('confirmed', 'waitlisted', 'checked_in', 'exited') and starts_at > ?3
                    group by slot
                 ) s"
            ),
            params![self.site, self.date, self.now],
        )?;
        let mut gone = Vec::new();
        let mut affected = 0;
        for row in slots.iter() {
            let (slot, sold, capacity) = (row.text(0)?, row.int(1)?, row.int(3)?);
            if capacity == 0 {
                gone.push(slot);
                affected += row.int(2)?;
            } else if sold > capacity {
                return Err(Problem::conflict(format!("{sold} people are booked for {slot}, more than {capacity}")).because("booked"));
            }
        }
        if affected > 0 && !self.revoke {
            let detail = format!("{affected} bookings of {} would be revoked: say so with \"revoke\": true", gone.join(", "));
            return Err(Problem::conflict(detail).because("booked"));
        }
        let gone = serde_json::to_string(&gone).map_err(Problem::internal)?;
        let revoked = tx.run(
            "update bookings set status = 'revoked', reason = coalesce(?4, 'the slot is no longer offered'), ended_at = ?3, updated_at = ?3,
                updated_by = ?5
             where site = ?1 and date = ?2 and status in ('confirmed', 'waitlisted') and starts_at > ?3
                 and slot in (select value from json_each(?6))
             returning no",
            params![self.site, self.date, self.now, self.reason, self.actor, gone],
        )?;
        tx.run(
            "insert into waitlist_moves (site, date, slot, at)
             select distinct site, date, slot, ?3 from bookings where site = ?1 and date = ?2 and status = 'waitlisted'",
            params![self.site, self.date, self.now],
        )?;
        Ok(revoked.len())
    }
}
