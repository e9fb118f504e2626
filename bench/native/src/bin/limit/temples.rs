//! A temple's crowd now, and its slots of a day. For anyone.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use domain::booking_offer::{Times, slot_status};
use domain::booking_slot::{Date, Slot, Zone, format_minute};
use domain::time::format_rfc3339;
use rusqlite::OptionalExtension as _;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::server::{Answer, App, Refusal, failed, invalid, now_ms, refuse};
use crate::{rows, store};

const TEMPLE: &str = include_str!("../../../../statements/temple.sql");
const CROWD: &str = include_str!("../../../../statements/crowd.sql");
const SPECIAL_DAY: &str = include_str!("../../../../statements/special_day.sql");
const SLOTS: &str = include_str!("../../../../statements/slots.sql");

/// The name and the time zone of a temple; 404 when there is none.
pub fn temple(app: &App, slug: &str) -> Result<(String, Zone), Refusal> {
    let found: Option<(String, String)> = store::read(&app.path, |connection| {
        connection.prepare_cached(TEMPLE)?.query_row([slug], |row| Ok((row.get(0)?, row.get(1)?))).optional()
    })
    .map_err(failed)?;
    let (name, zone) = found.ok_or_else(|| refuse(StatusCode::NOT_FOUND, "no such temple"))?;
    Ok((name, Zone::parse(&zone).ok_or_else(|| failed("the time zone is not known"))?))
}

pub async fn crowd(State(app): State<Arc<App>>, Path(slug): Path<String>) -> Answer {
    let now = now_ms();
    let (name, _) = temple(&app, &slug)?;
    let (zones, _) =
        store::read(&app.path, |connection| rows::array(&mut *connection.prepare_cached(CROWD)?, rusqlite::params![slug, now], usize::MAX))
            .map_err(failed)?;
    let zones: Vec<Value> = serde_json::from_slice(&zones).map_err(failed)?;
    let counted: Vec<_> = zones.iter().filter_map(|zone| Some((zone["count"].as_i64()?, zone["capacity"].as_i64()?))).collect();
    let (count, capacity) = counted.iter().fold((0, 0), |(sum, room), (count, capacity)| (sum + count, room + capacity));
    let share = (capacity > 0).then(|| (1000.0 * count as f64 / capacity as f64).round() / 10.0);
    let grade = |zone: &Value| ["low", "moderate", "high", "critical"].iter().position(|level| zone["level"] == **level);
    let worst = zones.iter().max_by_key(|zone| grade(zone)).map(|zone| zone["level"].clone());
    let answer = json!({
        "temple_id": slug, "name": name, "count": zones.iter().filter_map(|zone| zone["count"].as_i64()).sum::<i64>(),
        "capacity": (capacity > 0).then_some(capacity), "percent_of_capacity": share, "level": worst, "zones": zones,
        "as_of": format_rfc3339(now),
    });
    Ok(axum::Json(answer).into_response())
}

#[derive(Deserialize)]
pub struct Day {
    date: String,
}

pub async fn slots(State(app): State<Arc<App>>, Path(slug): Path<String>, Query(day): Query<Day>) -> Answer {
    let now = now_ms();
    let (_, zone) = temple(&app, &slug)?;
    let date = Date::parse(&day.date).ok_or_else(|| invalid("date"))?;
    let today = Date::at(now, zone);
    let (special, slots) = store::read(&app.path, |connection| {
        let special: Option<Option<String>> =
            connection.prepare_cached(SPECIAL_DAY)?.query_row(rusqlite::params![slug, day.date], |row| row.get(0)).optional()?;
        let mut statement = connection.prepare_cached(SLOTS)?;
        let mut rows = statement.query(rusqlite::params![slug, day.date, date.weekday()])?;
        let mut slots = Vec::new();
        while let Some(row) = rows.next()? {
            let slot = Slot::new(row.get(0)?, row.get(1)?).ok_or(rusqlite::Error::InvalidQuery)?;
            let (capacity, booked, waiting): (i64, i64, i64) = (row.get(2)?, row.get(3)?, row.get(4)?);
            let Some((starts_at, ends_at)) = slot.moments(date, zone) else { continue };
            let times = Times::new(starts_at, ends_at, row.get(6)?);
            slots.push(json!({
                "slot": slot.to_string(), "start": format_minute(slot.starts()), "end": format_minute(slot.ends()),
                "starts_at": format_rfc3339(starts_at), "ends_at": format_rfc3339(ends_at), "capacity": capacity, "booked": booked,
                "left": (capacity - booked).max(0), "waiting": waiting, "bookings_per_person": row.get::<_, i64>(5)?,
                "closes_at": format_rfc3339(times.closes_at), "status": slot_status(date, today, times, now, capacity, booked),
            }));
        }
        Ok((special, slots))
    })
    .map_err(failed)?;
    let answer = json!({
        "temple_id": slug, "date": day.date, "closed": special.is_some() && slots.is_empty(), "special": special.is_some(),
        "reason": special.flatten(), "skipped": [], "items": slots, "next_cursor": null,
    });
    Ok(axum::Json(answer).into_response())
}
