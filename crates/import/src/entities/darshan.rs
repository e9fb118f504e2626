//! Slots of a date, and bookings of them.

use domain::booking::{Status, code, parse_code};
use domain::booking_slot::{Date, Slot};
use rusqlite::params;
use serde_json::json;

use super::CREATED;
use crate::clock;
use crate::context::{ACTOR, Context, random};
use crate::failure::{Failure, Outcome, Refusal};
use crate::row::{Row, missing};
use crate::source::Entity;
use crate::value::Old;

const TEMPLE: &[&str] = &["temple_id", "temple", "site"];

fn date(row: &mut Row) -> Result<Date, Failure> {
    let (name, value) = row.take(&["date", "booking_date", "slot_date"]).ok_or_else(|| Refusal::missing("date"))?;
    Ok(clock::date(&name, &value)?)
}

/// `06:00-07:00`, or two times of day.
fn times(row: &mut Row) -> Result<Option<Slot>, Failure> {
    if let Some(text) = row.text(&["slot", "time_slot"])? {
        let plain = text.replace(" - ", "-").replace('–', "-");
        return Slot::parse(&plain).map(Some).ok_or_else(|| Refusal::of("bad_slot", text).into());
    }
    let (Some(from), Some(until)) = (row.text(&["start_time", "starts"])?, row.text(&["end_time", "ends"])?) else { return Ok(None) };
    let slot = Slot::new(clock::minute("start_time", &from)?, clock::minute("end_time", &until)?);
    slot.map(Some).ok_or_else(|| Refusal::of("bad_slot", format!("{from}-{until}")).into())
}

/// A slot of a date: the date has then slots of its own, in place of its weekday's.
pub fn slot(row: &mut Row, cx: &mut Context<'_>) -> Result<Outcome, Failure> {
    let site = cx.site(row, TEMPLE)?;
    let date = date(row)?;
    let slot = times(row)?.ok_or_else(|| missing(&["time_slot"]))?;
    let capacity = row.int(&["capacity", "max_capacity", "total_capacity"])?.ok_or_else(|| Refusal::missing("capacity"))?;
    if slot.moments(date, cx.zone_of(&site)?).is_none() {
        return Err(Refusal::of("slot_is_skipped", format!("{date} {slot}: the clocks leap over it")).into());
    }
    let (day, name) = (date.to_string(), slot.to_string());
    let key = format!("{site}/{day}/{name}");
    let there = "select capacity from slot_day_slots where site = ?1 and date = ?2 and slot = ?3";
    if let Some(there) = cx.store.find::<i64>(there, [&site, &day, &name])? {
        return if there == capacity {
            Ok(Outcome::Joined(key))
        } else {
            Err(Refusal::of("another_capacity", format!("{key}: {there} here, {capacity} there")).into())
        };
    }
    let overlaps = "select slot from slot_day_slots where site = ?1 and date = ?2 and starts < ?4 and ends > ?3";
    if let Some(other) = cx.store.find::<String>(overlaps, params![site, day, slot.starts(), slot.ends()])? {
        return Err(Refusal::of("slots_overlap", format!("{key}: {other}")).into());
    }
    cx.store.run(
        "insert into slot_days (site, date, reason, created_at, updated_at, updated_by) values (?1, ?2, 'imported', ?3, ?3, ?4) on conflict do nothing",
        params![site, day, cx.now(), ACTOR],
    )?;
    cx.store.run(
        "insert into slot_day_slots (site, date, slot, starts, ends, capacity) values (?1, ?2, ?3, ?4, ?5, ?6)",
        params![site, day, name, slot.starts(), slot.ends(), capacity],
    )?;
    Ok(Outcome::Created(key))
}

fn status(word: &str) -> Option<Status> {
    Some(match word.to_ascii_lowercase().replace([' ', '-'], "_").as_str() {
        "confirmed" | "booked" | "active" => Status::Confirmed,
        "waitlisted" | "waiting" => Status::Waitlisted,
        "checked_in" => Status::CheckedIn,
        "exited" => Status::Exited,
        "cancelled" | "canceled" => Status::Cancelled,
        "revoked" => Status::Revoked,
        "no_show" => Status::NoShow,
        "expired" => Status::Expired,
        _ => return None,
    })
}

/// Who comes, as bookings keep it: a list of names, or of objects with a name and perhaps an age.
fn visitors(row: &mut Row, cx: &mut Context<'_>) -> Result<String, Failure> {
    let mut people = Vec::new();
    for visitor in row.list(&["visitors", "visitor_details"])?.unwrap_or_default() {
        let fields = match visitor {
            Old::Text(name) => vec![("name".to_owned(), Old::Text(name))],
            Old::Map(fields) => fields,
            _ => return Err(Refusal::of("bad_list", "visitors").into()),
        };
        let (mut name, mut age) = (None, None);
        for (field, value) in fields {
            match (field.as_str(), value) {
                ("name", Old::Text(text)) => name = Some(text),
                ("age", Old::Int(years)) if (0..=150).contains(&years) => age = Some(years),
                (_, value) if value.is_nothing() => {}
                _ => cx.note("visitors_names_and_ages_alone", format!("{field} is left out")),
            }
        }
        let name = name.ok_or_else(|| Refusal::of("bad_list", "a visitor without a name"))?;
        people.push(age.map_or_else(|| json!({"name": name}), |age| json!({"name": name, "age": age})));
    }
    Ok(serde_json::Value::from(people).to_string())
}

/// The places that a slot has left; none when it is not offered.
const LEFT: &str = "select c.capacity - (select coalesce(sum(party_size), 0) from bookings
        where site = ?1 and date = ?2 and slot = ?3 and status in ('confirmed', 'checked_in', 'exited', 'no_show'))
     from (
        select capacity from slot_day_slots where site = ?1 and date = ?2 and slot = ?3
        union all
        select capacity from slot_templates where site = ?1 and weekday = ?4 and slot = ?3
            and not exists (select 1 from slot_days where site = ?1 and date = ?2)
     ) c";

/// A booking. One that is still to come takes places of its slot, which has to have them.
pub fn booking(row: &mut Row, cx: &mut Context<'_>) -> Result<Outcome, Failure> {
    let user = cx.needed_reference(row, Entity::Users, &["user_id", "user"])?;
    let site = cx.site(row, TEMPLE)?;
    let date = date(row)?;
    let slot = times(row)?.ok_or_else(|| missing(&["time_slot"]))?;
    let (starts, ends) = slot.moments(date, cx.zone_of(&site)?).ok_or_else(|| Refusal::of("slot_is_skipped", format!("{date} {slot}")))?;
    let party = row.int(&["party_size", "number_of_visitors", "number_of_people"])?.ok_or_else(|| Refusal::missing("party_size"))?;
    let visitors = visitors(row, cx)?;
    let word = row.needed_text(&["status"])?;
    let mut status = status(&word).ok_or_else(|| Refusal::of("unknown_status", word))?;
    let created = row.created(CREATED)?;
    let checked_in = row.past(&["checked_in_at", "check_in_time"])?;
    let exited = row.past(&["exited_at", "check_out_time"])?;
    let cancelled = row.past(&["cancelled_at"])?;
    let is_past = ends <= cx.now();
    if status == Status::Waitlisted && is_past {
        cx.note("waited_in_vain", format!("{date} {slot}: expired, since its slot is over"));
        status = Status::Expired;
    }
    if matches!(status, Status::CheckedIn | Status::Exited) && checked_in.is_none() {
        return Err(Refusal::missing("checked_in_at").into());
    }
    if status == Status::Exited && exited.is_none() {
        return Err(Refusal::missing("exited_at").into());
    }
    let (day, name) = (date.to_string(), slot.to_string());
    if !is_past && (status.is_live() || status == Status::Waitlisted) {
        let left = cx.store.find::<i64>(LEFT, params![site, day, name, date.weekday()])?;
        let left = left.ok_or_else(|| Refusal::of("no_such_slot", format!("{site} {day} {name}: make it first")))?;
        if status.is_live() && left < party {
            return Err(Refusal::of("slot_is_full", format!("{site} {day} {name}: {left} left for {party}")).into());
        }
    }
    let ended = matches!(status, Status::Cancelled | Status::Revoked | Status::NoShow | Status::Expired)
        .then(|| cancelled.unwrap_or(ends.min(cx.now())));
    let code = code_of(row, cx)?;
    let id = cx.new_id(created)?;
    cx.store.run(
        "insert into bookings (id, code, user_id, site, date, slot, starts_at, ends_at, party_size, visitors, status, checked_in_at, checked_in_by,
            exited_at, ended_at, created_at, updated_at, updated_by)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, iif(?12 is null, null, ?17), ?13, ?14, ?15, ?16, ?17)",
        params![
            id, code, user, site, day, name, starts, ends, party, visitors, status.into_str(), checked_in, exited, ended, created, cx.now(), ACTOR
        ],
    )?;
    Ok(Outcome::Created(id))
}

/// The code that pilgrims have in hand where it is of the form that gates know; else a new one, which is told.
fn code_of(row: &mut Row, cx: &mut Context<'_>) -> Result<String, Failure> {
    let old = row.text(&["booking_code", "code", "booking_id", "booking_reference"])?;
    if let Some(kept) = old.as_deref().and_then(parse_code)
        && !cx.store.exists("select 1 from bookings where code = ?1", [&kept])?
    {
        return Ok(kept);
    }
    for _ in 0..8 {
        let new = code(random()?);
        if !cx.store.exists("select 1 from bookings where code = ?1", [&new])? {
            if let Some(old) = old {
                cx.note("new_code", format!("{old} is {new} now"));
            }
            return Ok(new);
        }
    }
    Err(Refusal::of("no_code", "no code is free").into())
}
