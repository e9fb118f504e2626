//! On what terms a new slot is booked.

use domain::booking_offer::{DEFAULT_PER_PERSON, EARLIEST_CLOSE_MINUTES, LATEST_CLOSE_MINUTES, MAX_PER_PERSON};
use kit::input::{Input, Int};

/// What a slot asks of those who book it, beside its places.
#[derive(Input)]
pub struct Terms {
    /// How many bookings of it one person may have on one date; 1 by default.
    bookings_per_person: Option<Int<1, MAX_PER_PERSON>>,
    /// In which minute after its beginning (negative: before) its booking closes. By default it can be booked until it ends, by who walks in.
    pub closes_after_minutes: Option<Int<EARLIEST_CLOSE_MINUTES, LATEST_CLOSE_MINUTES>>,
}

impl Terms {
    /// How many bookings of the slot one person may have on one date.
    pub fn bookings_per_person(&self) -> i64 {
        self.bookings_per_person.map_or(DEFAULT_PER_PERSON, |limit| *limit)
    }
}
