//! What a temple's days and bookings tell of its crowd.

use std::collections::HashMap;

use domain::forecast::{Booked, Context, Special};
use domain::time::{DAY_MS, HOUR_MS, MINUTE_MS, format_rfc3339};
use domain::transit_clock::offset_ms;
use kit::{Answer, db, params};

use crate::place::Temple;
use crate::predictions::DAYS;

/// How far ahead of now days and bookings are looked at.
const AHEAD_MS: i64 = 2 * DAY_MS;

/// The stable name.
pub fn name(special: Special) -> &'static str {
    match special {
        Special::Closed => "closed",
        Special::Festival => "festival",
    }
}

/// The days that are not as their weekday, and who has booked which hour, of the weeks before now and of the day to come.
pub fn context(temple: &Temple, now: i64) -> Answer<Context> {
    let (from, to) = (now - DAYS * DAY_MS, now + AHEAD_MS);
    Ok(Context { special: special(temple, from, to)?, booked: booked(temple, from, to)?, prior: 0.0 })
}

/// The date of this moment by the site's clock.
fn date(zone: &str, at: i64) -> String {
    format_rfc3339(at.saturating_add(offset_ms(zone, at))).chars().take(10).collect()
}

fn special(temple: &Temple, from: i64, to: i64) -> Answer<HashMap<i64, Special>> {
    let zone = temple.time_zone.as_str();
    let rows = db::run(
        "select date, exists (select 1 from slot_day_slots s where s.site = d.site and s.date = d.date)
         from slot_days d where site = ?1 and date between ?2 and ?3",
        params![&temple.slug, date(zone, from), date(zone, to)],
    )?;
    let mut special = HashMap::new();
    for row in rows.iter() {
        let kind = if row.bool(1)? { Special::Festival } else { Special::Closed };
        let Some(midnight) = domain::time::parse_rfc3339(&format!("{}T00:00:00Z", row.text(0)?)) else { continue };
        let begins = midnight - offset_ms(zone, midnight);
        // An hour that is half of one day and half of another is the later one's.
        let first = (begins + 30 * MINUTE_MS).div_euclid(HOUR_MS);
        special.extend((first..first + 24).map(|hour| (hour, kind)));
    }
    Ok(special)
}

/// Those who have booked a slot are taken to be there throughout it.
fn booked(temple: &Temple, from: i64, to: i64) -> Answer<Booked> {
    let rows = db::run(
        "select starts_at, ends_at, lead, people from crowd_booked where site = ?1 and starts_at >= ?2 and starts_at <= ?3",
        params![&temple.slug, from, to],
    )?;
    let mut bookings = Vec::with_capacity(rows.len().saturating_mul(2));
    for row in rows.iter() {
        let (starts, ends, people) = (row.int(0)?, row.int(1)?, row.real(3)?);
        let made = starts.div_euclid(HOUR_MS) - row.int(2)?;
        for hour in starts.div_euclid(HOUR_MS)..=(ends - 1).min(starts + DAY_MS).div_euclid(HOUR_MS) {
            let there = ends.min((hour + 1) * HOUR_MS) - starts.max(hour * HOUR_MS);
            #[expect(clippy::cast_precision_loss, reason = "parts of an hour")]
            let part = there as f64 / HOUR_MS as f64;
            bookings.push((hour, hour - made, people * part));
        }
    }
    Ok(Booked::from_bookings(&bookings))
}
