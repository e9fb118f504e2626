//! On what terms a slot is offered: how many bookings a person may have of it, and until when it can be booked
//! (docs/reference/rules.md#booking).

use crate::booking::fullness;
use crate::booking_slot::{Date, HORIZON_DAYS};
use crate::time::MINUTE_MS;

/// The bookings of a slot that one person may have, unless the slot says otherwise.
pub const DEFAULT_PER_PERSON: i64 = 1;
/// The most bookings of a slot that a slot may allow one person.
pub const MAX_PER_PERSON: i64 = 1_000;
/// How long before it begins the booking of a slot may close at the earliest, in minutes after its beginning: a week before.
pub const EARLIEST_CLOSE_MINUTES: i64 = -7 * 24 * 60;
/// The latest, in minutes after its beginning: no slot is longer than a day.
pub const LATEST_CLOSE_MINUTES: i64 = 24 * 60;

/// When a slot of one date begins, ends, and can no longer be booked; milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// When it begins.
    pub starts_at: i64,
    /// When it is over.
    pub ends_at: i64,
    /// From when on it cannot be booked; at its end at the latest.
    pub closes_at: i64,
}

impl Times {
    /// `closes_after_minutes` is counted from the slot's beginning; without it the slot can be booked until it ends, by who walks in.
    pub fn new(starts_at: i64, ends_at: i64, closes_after_minutes: Option<i64>) -> Self {
        let close = |minutes: i64| starts_at.saturating_add(minutes.saturating_mul(MINUTE_MS)).min(ends_at);
        Self { starts_at, ends_at, closes_at: closes_after_minutes.map_or(ends_at, close) }
    }
}

/// Why a slot cannot be booked, or waited for, whatever places it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shut {
    /// Its date is further ahead than can be booked.
    NotOpen,
    /// It closed before its end.
    Closed,
    /// It has begun: who waits for it waits in vain.
    Begun,
    /// It is over.
    Over,
}

/// The last date that can be booked.
pub fn last_date(today: Date) -> Date {
    today.plus_days(HORIZON_DAYS)
}

/// Whether the slot of this date can be booked now, as far as time goes; `today` is the temple's date. Who is to wait for it joins before it
/// begins.
pub fn may_claim(date: Date, today: Date, times: Times, now: i64, waits: bool) -> Result<(), Shut> {
    if date > last_date(today) {
        return Err(Shut::NotOpen);
    }
    if now >= times.ends_at {
        return Err(Shut::Over);
    }
    if waits && now >= times.starts_at {
        return Err(Shut::Begun);
    }
    if now >= times.closes_at {
        return Err(Shut::Closed);
    }
    Ok(())
}

/// What is said of a slot in a list: `available`, `filling` or `full` while it can be booked; else `not_open`, `closed` or `past`.
pub fn slot_status(date: Date, today: Date, times: Times, now: i64, capacity: i64, booked: i64) -> &'static str {
    match may_claim(date, today, times, now, false) {
        Ok(()) => fullness(capacity, booked),
        Err(Shut::NotOpen) => "not_open",
        Err(Shut::Closed) => "closed",
        Err(Shut::Begun | Shut::Over) => "past",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::booking_slot::{Slot, Zone};
    use crate::time::HOUR_MS;

    fn date(text: &str) -> Date {
        Date::parse(text).unwrap()
    }

    fn times(closes_after_minutes: Option<i64>) -> Times {
        Times::new(10 * HOUR_MS, 11 * HOUR_MS, closes_after_minutes)
    }

    #[test]
    fn a_slot_is_booked_until_it_ends_unless_it_closes_earlier() {
        let today = date("1970-01-01");
        let ask = |closes, now, waits| may_claim(today, today, times(closes), now, waits);
        assert_eq!(ask(None, 11 * HOUR_MS - 1, false), Ok(()));
        assert_eq!(ask(None, 11 * HOUR_MS, false), Err(Shut::Over));
        assert_eq!(ask(Some(0), 10 * HOUR_MS - 1, false), Ok(()));
        assert_eq!(ask(Some(0), 10 * HOUR_MS, false), Err(Shut::Closed));
        assert_eq!(ask(Some(-60), 9 * HOUR_MS, false), Err(Shut::Closed));
        assert_eq!(ask(Some(90), 11 * HOUR_MS - 1, false), Ok(()), "it ends before it would close");
        assert_eq!(ask(None, 10 * HOUR_MS - 1, true), Ok(()));
        assert_eq!(ask(None, 10 * HOUR_MS, true), Err(Shut::Begun));
        assert_eq!(ask(Some(-60), 9 * HOUR_MS, true), Err(Shut::Closed));
    }

    #[test]
    fn the_last_day_that_can_be_booked_is_offered_and_the_next_is_not() {
        let (today, zone) = (date("2026-02-05"), Zone::parse("Asia/Kolkata").unwrap());
        for (ahead, status) in [(0, "available"), (HORIZON_DAYS, "available"), (HORIZON_DAYS + 1, "not_open")] {
            let date = today.plus_days(ahead);
            let (starts_at, ends_at) = Slot::parse("06:00-07:00").unwrap().moments(date, zone).unwrap();
            let now = zone.moment(today, 0);
            assert_eq!(slot_status(date, today, Times::new(starts_at, ends_at, None), now, 10, 0), status, "{ahead}");
        }
    }

    proptest! {
        #[test]
        fn what_is_offered_can_be_booked(ahead in 0..130_u64, closes in prop::option::of(-3_000..2_000_i64), now in 0..24 * HOUR_MS, booked in 0..12_i64) {
            let today = date("1970-01-01");
            let day = today.plus_days(ahead);
            let status = slot_status(day, today, times(closes), now, 10, booked);
            let bookable = may_claim(day, today, times(closes), now, false).is_ok();
            prop_assert_eq!(matches!(status, "available" | "filling"), bookable && booked < 10);
        }
    }
}
