//! What can be booked on a day.

use axum::Json;
use axum::extract::Path;
use domain::booking_offer::{Times, slot_status};
use domain::booking_slot::Date;
use kit::Answer;
use kit::db::Database;
use kit::input::{Input, Timestamp};
use kit::kept::{Kept, Made, Sources, Topics};
use kit::page::{Listing, Page};
use kit::request::Now;
use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::ClockTime;
use crate::day::{Day, DaySlot};
use crate::temple::{Temple, UNKNOWN_TIME_ZONE};

/// Which day.
#[derive(Input)]
pub struct AvailabilityFilters {
    /// Today by default, by the temple's clock.
    date: Option<Date>,
}

/// The slots of a day.
#[derive(Serialize, ToSchema)]
#[schema(as = SlotAvailability)]
pub struct Availability {
    /// The temple's slug.
    temple_id: String,
    /// The day, in the temple's time zone.
    date: Date,
    /// Whether the temple takes nobody on this day.
    closed: bool,
    /// Whether the day is not as its weekday.
    special: bool,
    /// Why it is not.
    reason: Option<String>,
    /// Slots of the weekday that are not there on this date, since the clocks go forward over them.
    skipped: Vec<String>,
    /// In the order of the clock.
    items: Vec<AvailableSlot>,
    /// What to send as `cursor` for the next page; null on the last.
    next_cursor: Option<String>,
}

/// A slot, with how full it is.
#[derive(Serialize, ToSchema)]
pub struct AvailableSlot {
    /// Both times, such as `06:00-07:00`.
    slot: String,
    /// When it begins, in the temple's time zone.
    start: ClockTime,
    /// When it ends, in the temple's time zone.
    end: ClockTime,
    /// The moment it begins.
    starts_at: Timestamp,
    /// The moment it ends.
    ends_at: Timestamp,
    /// How many people it may hold.
    capacity: i64,
    /// The people who have places.
    booked: i64,
    /// The places that are left.
    left: i64,
    /// The people on the waitlist.
    waiting: i64,
    /// How many bookings of it one person may have.
    bookings_per_person: i64,
    /// From when on it cannot be booked: when it ends, unless it closes earlier.
    closes_at: Timestamp,
    /// `available`, `filling` (a fifth or less is left) or `full`; or, when it cannot be booked, `not_open` (further ahead than can be
    /// booked), `closed` (before its end) or `past`.
    status: &'static str,
}

const TOPICS: Topics = kit::topics!(Slots, Places);

/// Lists the slots of a day, with how full they are.
#[utoipa::path(get, path = "/api/bookings/temple/{temple}/slots", responses((status = 409, description = UNKNOWN_TIME_ZONE)))]
pub async fn list(Now(now): Now, Path(temple): Path<String>, listing: Listing<AvailabilityFilters>) -> Answer<Kept<Json<Availability>>> {
    Kept::find(listing.request(), Sources::of(TOPICS), now, || {
        let temple = Temple::at_path(&Database, &temple)?;
        let today = temple.today(now);
        let date = listing.filters.date.unwrap_or(today);
        let day = Day::load(&Database, &temple.site, date)?;
        let tomorrow = temple.zone.moment(today.plus_days(1), 0);
        let mut turns = vec![Some(tomorrow)];
        let availability = Availability::new(&listing, &temple, day, (date, today, now), &mut turns);
        Ok(Made::until(availability, turns.into_iter().map(|turn| turn.filter(|turn| *turn > now))))
    })
}

impl Availability {
    /// `turns` gets the moments at which a slot's status may change by the clock alone.
    fn new(
        listing: &Listing<AvailabilityFilters>,
        temple: &Temple,
        day: Day,
        (date, today, now): (Date, Date, i64),
        turns: &mut Vec<Option<i64>>,
    ) -> Self {
        let closed = day.is_closed();
        let after = listing.after_int(0).unwrap_or(-1);
        let (mut slots, mut skipped) = (Vec::new(), Vec::new());
        for it in day.slots {
            let Some(times) = it.offered.times(date, temple.zone) else {
                skipped.push(it.offered.slot.to_string());
                continue;
            };
            turns.extend([Some(times.closes_at), Some(times.ends_at)]);
            slots.push(AvailableSlot::new(&it, times, slot_status(date, today, times, now, it.capacity, it.booked)));
        }
        slots.retain(|it| i64::from(it.start.0) > after);
        let Page { items, next_cursor, .. } = listing.page(slots, |it: &AvailableSlot| [it.start.0]);
        Self { temple_id: temple.site.clone(), date, closed, special: day.special, reason: day.reason, skipped, items, next_cursor }
    }
}

impl AvailableSlot {
    fn new(it: &DaySlot, times: Times, status: &'static str) -> Self {
        Self {
            slot: it.offered.slot.to_string(),
            start: ClockTime(it.offered.slot.starts()),
            end: ClockTime(it.offered.slot.ends()),
            starts_at: Timestamp(times.starts_at),
            ends_at: Timestamp(times.ends_at),
            capacity: it.capacity,
            booked: it.booked,
            left: (it.capacity - it.booked).max(0),
            waiting: it.waiting,
            bookings_per_person: it.bookings_per_person,
            closes_at: Timestamp(times.closes_at),
            status,
        }
    }
}
