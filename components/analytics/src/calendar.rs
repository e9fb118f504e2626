//! The days of a site that are not as their weekday.

use std::collections::HashMap;

use domain::booking_slot::Date;
use domain::forecast::{Booked, Context, Special};
use kit::db::{Database, Fetch as _};
use kit::row::FromRow;
use kit::{Answer, params};

use crate::scope::Site;

#[derive(FromRow)]
struct CalendarDay {
    date: Date,
    kind: Special,
}

/// What the calendar tells of a site's hours between these moments. Reservations come afterwards: of each hour by itself ([`crate::reserved`]).
pub fn context(site: &Site, from: i64, to: i64) -> Answer<Context> {
    let date = |at: i64| Date::at(at, site.clock);
    let days: Vec<CalendarDay> = Database.fetch_all(
        "select date, kind from calendar_days where site = ?1 and date between ?2 and ?3",
        params![&site.slug, date(from), date(to)],
    )?;
    let mut special = HashMap::new();
    for day in days {
        special.extend(site.clock.hours_of(day.date).map(|hour| (hour, day.kind)));
    }
    Ok(Context { special, booked: Booked::default(), prior: 0.0, zone: Some(site.clock) })
}
