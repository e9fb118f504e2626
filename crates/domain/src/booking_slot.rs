//! Slots of a day: when they begin and end by the site's own clock, and which moments those are (docs/reference/rules.md).
//!
//! A date is `2026-02-05`, a slot `06:00-07:00`, both by the clock on the site's wall. A slot ends on the day it begins, at 24:00 at
//! the latest.

use chrono::{Datelike, Days, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone};
use chrono_tz::Tz;
use serde::Serialize;
use utoipa::ToSchema;

use crate::time::{DAY_MS, HOUR_MS, MAX_MS, MINUTE_MS};

/// The minutes of a day.
pub const DAY_MINUTES: u16 = 24 * 60;
/// How many days ahead of today a slot can be booked.
pub const HORIZON_DAYS: u64 = 120;
/// The people that one slot may hold.
pub const MAX_CAPACITY: i64 = 100_000;
/// The slots that one day may have.
pub const MAX_SLOTS: usize = 96;

/// The days of a week as templates name them, Monday first.
pub const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// A calendar date, written `2026-02-05`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
#[schema(value_type = String, format = Date, examples("2026-02-05"))]
pub struct Date(NaiveDate);

impl Serialize for Date {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Date {
    /// Reads `2026-02-05`, ten characters, in the years 1970 to 9999.
    pub fn parse(text: &str) -> Option<Self> {
        let shaped =
            text.len() == 10 && text.bytes().enumerate().all(|(at, b)| if matches!(at, 4 | 7) { b == b'-' } else { b.is_ascii_digit() });
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| shaped)?;
        (1970..=9999).contains(&date.year()).then_some(Self(date))
    }

    /// The date on the wall of a zone at a moment.
    pub fn at(moment_ms: i64, zone: Zone) -> Self {
        Self(zone.local(moment_ms).date_naive())
    }

    /// How many days after 1970-01-01 it is.
    pub fn epoch_days(self) -> i64 {
        self.0.signed_duration_since(NaiveDate::default()).num_days()
    }

    /// The date so many days after 1970-01-01; none outside the years 1970 to 9999.
    pub fn from_epoch_days(days: i64) -> Option<Self> {
        let date = NaiveDate::default().checked_add_signed(chrono::TimeDelta::try_days(days)?)?;
        (1970..=9999).contains(&date.year()).then_some(Self(date))
    }

    /// From 1, Monday, to 7, Sunday.
    pub fn weekday(self) -> i64 {
        i64::from(self.0.weekday().number_from_monday())
    }

    /// The date so many days on; the last that there is when it would lie beyond.
    pub fn plus_days(self, days: u64) -> Self {
        Self(self.0.checked_add_days(Days::new(days)).unwrap_or(NaiveDate::MAX))
    }
}

impl std::fmt::Display for Date {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.0.year(), self.0.month(), self.0.day())
    }
}

/// A time zone, with its rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone(Tz);

impl Zone {
    /// By its IANA name.
    pub fn parse(name: &str) -> Option<Self> {
        name.parse().ok().map(Self)
    }

    /// The moment at which the clocks of the zone show this, milliseconds. Of two such moments, when clocks go back, the first; of
    /// none, when they go forward, the moment of the leap.
    pub fn moment(self, date: Date, minute: u16) -> i64 {
        let midnight = NaiveDateTime::new(date.0, NaiveTime::MIN);
        let local = |minutes: i64| midnight.checked_add_signed(chrono::TimeDelta::minutes(minutes)).unwrap_or(midnight);
        // No zone leaps by more than a day.
        for later in 0..=i64::from(DAY_MINUTES) {
            match self.0.from_local_datetime(&local(i64::from(minute) + later)) {
                LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => return at.timestamp_millis(),
                LocalResult::None => {}
            }
        }
        midnight.and_utc().timestamp_millis() + i64::from(minute) * MINUTE_MS
    }

    /// What the clocks of the zone show at a moment (milliseconds): the date, and the time such as `06:00`.
    pub fn wall(self, moment_ms: i64) -> (Date, String) {
        let local = self.local(moment_ms);
        (Date(local.date_naive()), local.format("%H:%M").to_string())
    }

    /// Its rules.
    pub(crate) fn tz(self) -> Tz {
        self.0
    }

    fn local(self, moment_ms: i64) -> chrono::DateTime<Tz> {
        let utc = chrono::DateTime::from_timestamp_millis(moment_ms.clamp(0, MAX_MS - DAY_MS)).unwrap_or_default();
        utc.with_timezone(&self.0)
    }

    /// The hours, counted since 1970 in UTC, that lie in this date for the most part; one that is half of one date and half of the next is the
    /// next one's. A day on which the clocks change has 23 or 25 of them.
    pub fn hours_of(self, date: Date) -> std::ops::Range<i64> {
        let first = |date| (self.moment(date, 0) + HOUR_MS / 2 - 1).div_euclid(HOUR_MS);
        first(date)..first(date.plus_days(1))
    }

    /// How many hours the clocks of the zone are ahead of UTC at a moment (milliseconds), as [`Self::hours_of`] counts: so many added to
    /// an hour since 1970 make the hour of the day, and the date, that it belongs to.
    pub fn hours_ahead(self, moment_ms: i64) -> i64 {
        let local = self.local(moment_ms);
        (i64::from(local.offset().fix().local_minus_utc()) * 1_000 + HOUR_MS / 2).div_euclid(HOUR_MS)
    }
}

/// When a slot begins and ends, in minutes since midnight by the site's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    starts: u16,
    ends: u16,
}

impl Slot {
    /// None unless it ends after it begins and by 24:00.
    pub fn new(starts: u16, ends: u16) -> Option<Self> {
        (starts < ends && ends <= DAY_MINUTES).then_some(Self { starts, ends })
    }

    /// Reads `06:00-07:00`.
    pub fn parse(text: &str) -> Option<Self> {
        let (starts, ends) = text.split_once('-')?;
        Self::new(parse_minute(starts.trim())?, parse_minute(ends.trim())?)
    }

    /// The minute in which it begins.
    pub fn starts(self) -> u16 {
        self.starts
    }

    /// The minute in which it is over.
    pub fn ends(self) -> u16 {
        self.ends
    }

    /// Whether both are under way at one time.
    pub fn overlaps(self, other: Self) -> bool {
        self.starts < other.ends && other.starts < self.ends
    }

    /// Its beginning and its end on a date, milliseconds. None on a date on which the clocks leap over all of it: there it lasts no time.
    pub fn moments(self, date: Date, zone: Zone) -> Option<(i64, i64)> {
        let (starts, ends) = (zone.moment(date, self.starts), zone.moment(date, self.ends));
        (starts < ends).then_some((starts, ends))
    }
}

impl std::fmt::Display for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", format_minute(self.starts), format_minute(self.ends))
    }
}

/// Reads `06:00` to `24:00` as minutes since midnight.
pub fn parse_minute(text: &str) -> Option<u16> {
    let digits = |part: &str| (part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse::<u16>().ok()).flatten();
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute) = (digits(hour)?, digits(minute)?);
    (hour < 24 && minute < 60 || (hour, minute) == (24, 0)).then_some(hour * 60 + minute)
}

/// Writes minutes since midnight as `06:00`.
pub fn format_minute(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn date(text: &str) -> Date {
        Date::parse(text).unwrap()
    }

    fn zone(name: &str) -> Zone {
        Zone::parse(name).unwrap()
    }

    fn moment(text: &str) -> i64 {
        crate::time::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn a_slot_is_two_times_of_one_day() {
        let slot = Slot::parse("06:00-07:30").unwrap();
        assert_eq!((slot.starts(), slot.ends()), (360, 450));
        assert_eq!(slot.to_string(), "06:00-07:30");
        assert_eq!(Slot::parse("23:00-24:00").unwrap().to_string(), "23:00-24:00");
        for text in
            ["", "06:00", "07:00-06:00", "06:00-06:00", "6:00-7:00", "06:60-07:00", "23:00-24:01", "+6:00-07:00", "06:00-07:00-08:00"]
        {
            assert_eq!(Slot::parse(text), None, "{text}");
        }
    }

    #[test]
    fn each_hour_belongs_to_one_date_and_a_halved_one_to_the_later() {
        // Midnight in India is at half past an hour of UTC: that hour is the new day's.
        let india = zone("Asia/Kolkata").hours_of(date("2026-02-05"));
        assert_eq!(india.start * HOUR_MS, moment("2026-02-04T18:00:00Z"));
        assert_eq!(zone("Asia/Kathmandu").hours_of(date("2026-02-05")).start * HOUR_MS, moment("2026-02-04T18:00:00Z"));
        assert_eq!(zone("UTC").hours_of(date("2026-02-05")).start * HOUR_MS, moment("2026-02-05T00:00:00Z"));
        for (day, hours) in [("2026-03-28", 24), ("2026-03-29", 23), ("2026-10-25", 25), ("2028-02-29", 24), ("2026-12-31", 24)] {
            let (today, tomorrow) = (zone("Europe/Berlin").hours_of(date(day)), zone("Europe/Berlin").hours_of(date(day).plus_days(1)));
            assert_eq!((today.end - today.start, today.end), (hours, tomorrow.start), "{day}");
        }
    }

    #[test]
    fn the_hours_of_a_date_are_those_whose_clock_shows_it() {
        for name in ["Asia/Kolkata", "Asia/Kathmandu", "America/St_Johns", "UTC", "Europe/Berlin", "Pacific/Auckland", "America/New_York"] {
            for day in ["2026-02-05", "2026-03-28", "2026-03-30", "2026-06-21", "2026-10-24", "2026-10-26"] {
                let hours = zone(name).hours_of(date(day));
                let ahead = |hour: i64| zone(name).hours_ahead(hour * HOUR_MS + HOUR_MS / 2);
                assert_eq!((hours.start + ahead(hours.start)) % 24, 0, "{name} {day}");
                assert_eq!((hours.end - 1 + ahead(hours.end - 1)) % 24, 23, "{name} {day}");
            }
        }
    }

    #[test]
    fn slots_that_touch_do_not_overlap() {
        let slot = |text| Slot::parse(text).unwrap();
        assert!(!slot("06:00-07:00").overlaps(slot("07:00-08:00")));
        assert!(slot("06:00-07:00").overlaps(slot("06:30-06:45")));
        assert!(slot("06:00-07:00").overlaps(slot("05:00-06:01")));
    }

    #[test]
    fn a_date_is_that_of_the_site_s_wall() {
        let late = moment("2026-02-04T20:00:00Z");
        assert_eq!(Date::at(late, zone("Asia/Kolkata")).to_string(), "2026-02-05");
        assert_eq!(Date::at(late, zone("UTC")).to_string(), "2026-02-04");
        assert_eq!(date("2026-02-05").weekday(), 4);
        assert_eq!(date("2026-02-28").plus_days(1).to_string(), "2026-03-01");
        for text in ["2026-02-30", "2026-2-5", "26-02-05", "2026-02-05T00:00:00Z", "", "+026-02-05", "2026-02-0५"] {
            assert_eq!(Date::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_slot_s_moments_follow_the_site_s_clock() {
        let slot = Slot::parse("06:00-07:00").unwrap();
        let (starts, ends) = slot.moments(date("2026-02-05"), zone("Asia/Kolkata")).unwrap();
        assert_eq!((starts, ends), (moment("2026-02-05T00:30:00Z"), moment("2026-02-05T01:30:00Z")));
        let last = Slot::parse("23:00-24:00").unwrap().moments(date("2026-02-05"), zone("Asia/Kolkata")).unwrap();
        assert_eq!(last.1, moment("2026-02-05T18:30:00Z"));
    }

    #[test]
    fn a_slot_that_the_clocks_leap_over_is_not_there() {
        let berlin = zone("Europe/Berlin");
        // 02:00 to 03:00 is not there on 2026-03-29, and there twice on 2026-10-25.
        let moments = |slot| Slot::parse(slot).unwrap().moments(date("2026-03-29"), berlin);
        for slot in ["02:00-03:00", "02:00-02:30", "02:15-02:45"] {
            assert_eq!(moments(slot), None, "{slot}");
        }
        // What of a slot is there, is offered.
        assert_eq!(moments("02:30-03:30"), Some((moment("2026-03-29T01:00:00Z"), moment("2026-03-29T01:30:00Z"))));
        assert_eq!(moments("01:30-02:30"), Some((moment("2026-03-29T00:30:00Z"), moment("2026-03-29T01:00:00Z"))));
        assert_eq!(berlin.moment(date("2026-10-25"), 150), moment("2026-10-25T00:30:00Z"));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(starts in 0..DAY_MINUTES, length in 1..DAY_MINUTES) {
            if let Some(slot) = Slot::new(starts, starts + length) {
                prop_assert_eq!(Slot::parse(&slot.to_string()), Some(slot));
                let (from, to) = slot.moments(date("2026-02-05"), zone("Asia/Kolkata")).unwrap();
                prop_assert_eq!(to - from, i64::from(length) * MINUTE_MS);
            }
        }

        #[test]
        fn a_slot_lasts_some_time_or_is_not_there(day in 0..400_u64, starts in 0..DAY_MINUTES, length in 1..DAY_MINUTES, index in 0..4_usize) {
            let zone = zone(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"][index]);
            if let Some(slot) = Slot::new(starts, starts + length) {
                let moments = slot.moments(date("2026-01-01").plus_days(day), zone);
                prop_assert!(moments.is_none_or(|(from, to)| from < to));
                prop_assert!(moments.is_some() || length <= 60);
            }
        }

        #[test]
        fn nothing_panics(text in ".{0,20}", ms: i64, minute: u16, days: u64) {
            let _ = (Date::parse(&text), Slot::parse(&text), parse_minute(&text), Zone::parse(&text));
            let berlin = zone("Europe/Berlin");
            let date = Date::at(ms, berlin);
            berlin.moment(date.plus_days(days), minute);
        }
    }
}
