//! What a temple's special days and bookings tell of its crowd.

use std::collections::HashMap;

use domain::booking_slot::{Date, Zone};
use domain::forecast::{Booked, Context, Special};
use domain::time::{DAY_MS, HOUR_MS};
use kit::db::{Database, Fetch as _};
use kit::row::FromRow;
use kit::{Answer, params};

use crate::temple::Temple;

/// The days that are not as their weekday, and who has booked which hour, between these moments.
pub fn context(temple: &Temple, from: i64, to: i64) -> Answer<Context> {
    // A site whose zone this build does not know has the days of UTC.
    let zone = Zone::parse(&temple.time_zone).or_else(|| Zone::parse("UTC"));
    let special = zone.map_or_else(|| Ok(HashMap::new()), |zone| special_hours(temple, zone, from, to))?;
    Ok(Context { special, booked: booked(temple, from, to)?, prior: 0.0, zone })
}

#[derive(FromRow)]
struct SpecialDay {
    date: Date,
    kind: Special,
}

fn special_hours(temple: &Temple, zone: Zone, from: i64, to: i64) -> Answer<HashMap<i64, Special>> {
    let date = |at: i64| Date::at(at, zone);
    let days: Vec<SpecialDay> = Database.fetch_all(
        "select date, kind from calendar_days where site = ?1 and date between ?2 and ?3",
        params![&temple.slug, date(from), date(to)],
    )?;
    let mut hours = HashMap::new();
    for day in days {
        hours.extend(zone.hours_of(day.date).map(|hour| (hour, day.kind)));
    }
    Ok(hours)
}

#[derive(FromRow)]
struct BookedSlot {
    starts_at: i64,
    ends_at: i64,
    lead: i64,
    people: f64,
}

/// Those who have booked a slot are taken to be there throughout it.
fn booked(temple: &Temple, from: i64, to: i64) -> Answer<Booked> {
    let slots: Vec<BookedSlot> = Database.fetch_all(
        "select starts_at, ends_at, lead, people from crowd_booked where site = ?1 and starts_at >= ?2 and starts_at <= ?3",
        params![&temple.slug, from, to],
    )?;
    let mut bookings = Vec::with_capacity(slots.len().saturating_mul(2));
    for slot in slots {
        let first = slot.starts_at.div_euclid(HOUR_MS);
        let last = (slot.ends_at - 1).min(slot.starts_at + DAY_MS).div_euclid(HOUR_MS);
        let made = first - slot.lead;
        for hour in first..=last {
            let there = slot.ends_at.min((hour + 1) * HOUR_MS) - slot.starts_at.max(hour * HOUR_MS);
            #[expect(clippy::cast_precision_loss, reason = "parts of an hour")]
            let part = there as f64 / HOUR_MS as f64;
            bookings.push((hour, hour - made, slot.people * part));
        }
    }
    Ok(Booked::from_bookings(&bookings))
}
