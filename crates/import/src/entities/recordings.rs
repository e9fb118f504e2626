//! When cameras are recorded, and what was.

use domain::camera::Quality;
use domain::camera::hours::EVERY_DAY;
use domain::camera::schedule::{Kind, Schedule};
use rusqlite::params;

use super::{CREATED, cameras};
use crate::clock;
use crate::context::{ACTOR, Context};
use crate::failure::{Failure, Outcome, Refusal};
use crate::row::Row;
use crate::source::Entity;

fn quality(row: &mut Row) -> Result<Quality, Failure> {
    match row.text(&["quality", "recording_quality"])?.map(|word| word.to_ascii_lowercase()) {
        None => Ok(Quality::Main),
        Some(word) => Ok(word.parse().map_err(|_| Refusal::of("unknown_quality", word))?),
    }
}

/// A schedule. Its times are those of the wall at the camera's site, as they were.
pub fn schedule(row: &mut Row, cx: &mut Context<'_>) -> Result<Outcome, Failure> {
    let camera = cx.needed_reference(row, Entity::Cameras, &["camera_id", "camera"])?;
    let word = row.needed_text(&["schedule_type", "type", "kind"])?.to_ascii_lowercase();
    let kind: Kind = word.parse().map_err(|_| Refusal::of("unknown_schedule_type", &word))?;
    let name = row.text(&["name"])?.unwrap_or(word);
    let mut time = |names: &[&str]| -> Result<Option<u16>, Failure> {
        let text = row.text(names)?;
        Ok(text.map(|text| clock::minute(names.first().copied().unwrap_or_default(), &text)).transpose()?)
    };
    let (from, until) = (time(&["start_time"])?, time(&["end_time"])?);
    let (from, until) = match (kind, from, until) {
        (Kind::Continuous, from, until) => (from.unwrap_or(0), until.unwrap_or(1440)),
        (_, Some(from), Some(until)) => (from, until),
        _ => return Err(Refusal::missing("start_time and end_time").into()),
    };
    let mut day = |names: &[&str]| -> Result<_, Failure> {
        let Some((name, value)) = row.take(names) else { return Ok(None) };
        Ok(Some(clock::date(&name, &value)?))
    };
    let (first, last) = (day(&["start_date", "date"])?, day(&["end_date"])?);
    let days = cameras::days(row, &["days_of_week", "days", "weekdays"])?;
    if kind == Kind::Weekly && days.is_none() {
        return Err(Refusal::missing("days_of_week").into());
    }
    let schedule = Schedule { kind, from, until, first, last, days: days.unwrap_or(EVERY_DAY) };
    if let Some((field, why)) = schedule.fault() {
        return Err(Refusal::of("bad_schedule", format!("{field} {why}")).into());
    }
    let quality = quality(row)?;
    let is_active = row.bool(&["is_active", "active"])?.unwrap_or(true);
    let created = row.created(CREATED)?;
    let id = cx.new_id(created)?;
    cx.store.run(
        "insert into recording_schedules (id, camera_id, name, kind, from_minute, until_minute, first_day, last_day, days, quality, is_active,
            created_at, updated_at, updated_by)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        params![
            id,
            camera,
            name,
            kind.into_str(),
            from,
            until,
            first.map(|day| day.to_string()),
            last.map(|day| day.to_string()),
            schedule.days,
            quality.into_str(),
            is_active,
            created,
            cx.now(),
            ACTOR
        ],
    )?;
    Ok(Outcome::Created(id))
}

/// A recording that is over: when it was, of what. Its pictures stay where they are.
pub fn recording(row: &mut Row, cx: &mut Context<'_>) -> Result<Outcome, Failure> {
    let camera = cx.needed_reference(row, Entity::Cameras, &["camera_id", "camera"])?;
    let schedule = cx.reference(row, Entity::Schedules, &["schedule_id", "schedule"])?;
    let name = row.text(&["name", "title"])?;
    let started = row.needed_past(&["start_time", "started_at"])?;
    let ended = row.past(&["end_time", "ended_at"])?;
    let status = match row.needed_text(&["status"])?.to_ascii_lowercase().as_str() {
        "completed" | "stopped" | "finished" => "completed",
        "failed" | "error" => "failed",
        "recording" | "scheduled" => return Err(Refusal::of("not_over", "stop it there, or let it end, and dump again").into()),
        other => return Err(Refusal::of("unknown_status", other).into()),
    };
    let ended = match (ended, status) {
        (Some(ended), _) => ended,
        (None, "failed") => started,
        _ => return Err(Refusal::missing("end_time").into()),
    };
    let error = row.text(&["error_message", "error"])?;
    let (bytes, quality) = (row.int(&["file_size", "size_bytes"])?, quality(row)?);
    let created = row.past(CREATED)?.unwrap_or(started);
    let id = cx.new_id(started)?;
    let name = name.unwrap_or_else(|| domain::time::format_rfc3339(started));
    // Settled, and not to be uploaded: the relay has nothing of it.
    cx.store.run(
        "insert into camera_recordings (id, camera_id, schedule_id, is_scheduled, name, quality, relay_path, started_at, ended_at, status, error,
            checked_at, is_settled, is_upload_asked, created_at, updated_at, updated_by)
         values (?1, ?2, ?3, ?3 is not null, ?4, ?5, 'imported/' || ?2, ?6, ?7, ?8, ?9, ?11, 1, 1, ?10, ?11, ?12)",
        params![id, camera, schedule, name, quality.into_str(), started, ended, status, error, created, cx.now(), ACTOR],
    )?;
    if status == "completed" && ended > started {
        cx.store.run(
            "insert into recording_spans (recording_id, started_at, duration_ms, bytes) values (?1, ?2, ?3, ?4)",
            params![id, started, ended - started, bytes.filter(|bytes| *bytes > 0)],
        )?;
    }
    Ok(Outcome::Created(id))
}
