//! What can be booked on a day.

use axum::Json;
use axum::extract::Path;
use domain::booking::fullness;
use domain::booking_slot::Date;
use kit::Answer;
use kit::db::Database;
use kit::input::{Input, Timestamp};
use kit::page::{Listing, Page};
use kit::request::Now;
use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::ClockTime;
use crate::day::Day;
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
    temple_id: String,
    date: Date,
    /// Whether the temple takes nobody on this day.
    closed: bool,
    /// Whether the day is not as its weekday.
    special: bool,
    /// Why it is not.
    reason: Option<String>,
    /// In the order of the clock.
    items: Vec<AvailableSlot>,
    /// What to send as `cursor` for the next page; null on the last.
    next_cursor: Option<String>,
}

/// A slot, with how full it is.
#[derive(Serialize, ToSchema)]
pub struct AvailableSlot {
    slot: String,
    start: ClockTime,
    end: ClockTime,
    starts_at: Timestamp,
    ends_at: Timestamp,
    /// How many people it may hold.
    capacity: i64,
    /// The people who have places.
    booked: i64,
    /// The places that are left.
    left: i64,
    /// The people on the waitlist.
    waiting: i64,
    /// `available`, `filling` (a fifth or less is left), `full`, or `past` once it has begun.
    status: &'static str,
}

/// Lists the slots of a day, with how full they are.
#[utoipa::path(get, path = "/api/bookings/temple/{temple}/slots", responses((status = 409, description = UNKNOWN_TIME_ZONE)))]
pub async fn list(Now(now): Now, Path(temple): Path<String>, listing: Listing<AvailabilityFilters>) -> Answer<Json<Availability>> {
    let temple = Temple::at_path(&Database, &temple)?;
    let date = listing.filters.date.unwrap_or_else(|| temple.today(now));
    let day = Day::load(&Database, &temple.site, date)?;
    let closed = day.is_closed();
    let after = listing.after_int(0).unwrap_or(-1);
    let slots = day.slots.into_iter().filter(|it| i64::from(it.slot.starts()) > after).map(|it| {
        let (starts_at, ends_at) = it.slot.moments(date, temple.zone);
        AvailableSlot {
            slot: it.slot.to_string(),
            start: ClockTime(it.slot.starts()),
            end: ClockTime(it.slot.ends()),
            starts_at: Timestamp(starts_at),
            ends_at: Timestamp(ends_at),
            capacity: it.capacity,
            booked: it.booked,
            left: (it.capacity - it.booked).max(0),
            waiting: it.waiting,
            status: if starts_at <= now { "past" } else { fullness(it.capacity, it.booked) },
        }
    });
    let Page { items, next_cursor, .. } = listing.page(slots.collect(), |it: &AvailableSlot| [it.start.0]);
    Ok(Json(Availability { temple_id: temple.site, date, closed, special: day.special, reason: day.reason, items, next_cursor }))
}
