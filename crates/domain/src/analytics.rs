//! Figures over time: stretches of a site's own clock, how they are summed up, and what a forecast says of free spots
//! (docs/reference/analytics.md).

mod durations;
mod free_spots;
mod period;
mod reserved_spots;

pub use durations::Durations;
pub use free_spots::FreeSpots;
pub use period::{HourOfWeek, Period, Span, local_time};
pub use reserved_spots::{Reserved, hours_of_stay};

use crate::booking_slot::{Date, Zone};
use crate::time::DAY_MS;

/// The quarters of an hour that all sums are made of: every time zone's hours begin with one.
pub const QUARTER_MS: i64 = 15 * crate::time::MINUTE_MS;

/// The longest range of an analysis, days: sums are kept as long.
pub const MAX_DAYS: i64 = 400;

/// One end of a range: a whole day by the site's clock, or a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// A date. As the end of a range, all of it is in the range.
    Day(Date),
    /// A moment, milliseconds. As the end of a range, it is the first that is not in it.
    Moment(i64),
}

impl Edge {
    /// Where a range begins that begins here, milliseconds.
    pub fn start(self, zone: Zone) -> i64 {
        match self {
            Self::Day(date) => zone.moment(date, 0),
            Self::Moment(at) => at,
        }
    }

    /// Where a range ends that ends here, milliseconds: the first moment after it.
    pub fn end(self, zone: Zone) -> i64 {
        match self {
            Self::Day(date) => zone.moment(date.plus_days(1), 0),
            Self::Moment(at) => at,
        }
    }
}

/// Why a range is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadRange {
    /// It ends before it begins.
    Backward,
    /// It is longer than so many days.
    TooLong(i64),
}

impl std::fmt::Display for BadRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Backward => f.write_str("is before the range's start"),
            Self::TooLong(days) => write!(f, "must lie at most {days} days after the range's start"),
        }
    }
}

/// The range between two edges by a site's clock, in whole quarters of an hour. Without a start it begins with the day so many days before
/// its last one; without an end it lasts until now.
pub fn range(from: Option<Edge>, to: Option<Edge>, zone: Zone, now: i64, days: i64, most_days: i64) -> Result<Span, BadRange> {
    let end = to.map_or(now, |to| to.end(zone));
    let start = from.map_or_else(
        || {
            let first = Date::at(end.saturating_sub(1), zone).epoch_days().saturating_sub(days.saturating_sub(1));
            Date::from_epoch_days(first).map_or(0, |date| zone.moment(date, 0))
        },
        |from| from.start(zone),
    );
    // Two dates of which the second is the one before the first enclose no time, and are no range.
    let is_swapped = matches!((from, to), (Some(Edge::Day(from)), Some(Edge::Day(to))) if to < from);
    if is_swapped || (end < start && to.is_some()) {
        return Err(BadRange::Backward);
    }
    // A start that lies ahead of now, without an end, is a range in which nothing has happened yet.
    let end = end.max(start);
    // A day more: of the hours by which the clocks change.
    if end.saturating_sub(start) >= most_days.saturating_add(1).saturating_mul(DAY_MS) {
        return Err(BadRange::TooLong(most_days));
    }
    let down = |at: i64| at - at.rem_euclid(QUARTER_MS);
    let up = if start == end { start } else { end.saturating_add(QUARTER_MS - 1) };
    Ok(Span { start: down(start), end: down(up) })
}

/// A part as per cent with one decimal; none of nothing.
pub fn percent(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0 && part.is_finite()).then(|| rounded(part / whole * 100.0, 1))
}

/// By how much per cent something has changed; none when there was nothing before.
pub fn change_percent(before: f64, after: f64) -> Option<f64> {
    percent(after - before, before)
}

/// With so many decimals.
pub fn rounded(value: f64, decimals: i32) -> f64 {
    let shift = 10_f64.powi(decimals);
    (value * shift).round() / shift
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{HOUR_MS, parse_rfc3339};

    fn zone(name: &str) -> Zone {
        Zone::parse(name).unwrap()
    }

    fn moment(text: &str) -> i64 {
        parse_rfc3339(text).unwrap()
    }

    fn day(text: &str) -> Option<Edge> {
        Date::parse(text).map(Edge::Day)
    }

    #[test]
    fn a_range_of_dates_is_of_whole_days_by_the_site_s_clock() {
        let span = range(day("2026-03-29"), day("2026-03-29"), zone("Europe/Berlin"), 0, 7, 400).unwrap();
        assert_eq!((span.start, span.end - span.start), (moment("2026-03-28T23:00:00Z"), 23 * HOUR_MS), "the clocks go forward");
        let span = range(day("2026-10-25"), day("2026-10-25"), zone("Europe/Berlin"), 0, 7, 400).unwrap();
        assert_eq!(span.end - span.start, 25 * HOUR_MS, "the clocks go back");
        let span = range(day("2026-02-04"), day("2026-02-05"), zone("Asia/Kolkata"), 0, 7, 400).unwrap();
        assert_eq!((span.start, span.end), (moment("2026-02-03T18:30:00Z"), moment("2026-02-05T18:30:00Z")));
    }

    #[test]
    fn without_ends_it_is_of_the_last_days_until_now() {
        let now = moment("2026-11-25T05:07:00Z");
        let span = range(None, None, zone("Asia/Kolkata"), now, 7, 400).unwrap();
        assert_eq!((span.start, span.end), (moment("2026-11-18T18:30:00Z"), moment("2026-11-25T05:15:00Z")));
        let ahead = range(day("2027-01-01"), None, zone("UTC"), now, 7, 400).unwrap();
        assert_eq!(ahead.start, ahead.end, "nothing has happened there");
    }

    #[test]
    fn a_range_that_is_backward_or_too_long_is_none_and_one_of_no_time_is_empty() {
        let utc = zone("UTC");
        let at = |text| Some(Edge::Moment(moment(text)));
        assert_eq!(range(day("2026-02-05"), day("2026-02-04"), utc, 0, 7, 400), Err(BadRange::Backward));
        assert_eq!(range(day("2025-01-01"), day("2026-02-05"), utc, 0, 7, 400), Err(BadRange::TooLong(400)));
        assert!(range(day("2025-01-01"), day("2026-02-04"), utc, 0, 7, 400).is_ok(), "400 days, both ends counted");
        let none = range(at("2026-02-05T10:07:00Z"), at("2026-02-05T10:07:00Z"), utc, 0, 7, 400).unwrap();
        assert_eq!(none.start, none.end);
        let part = range(at("2026-02-05T10:07:00Z"), at("2026-02-05T10:20:00Z"), utc, 0, 7, 400).unwrap();
        assert_eq!((part.start, part.end), (moment("2026-02-05T10:00:00Z"), moment("2026-02-05T10:30:00Z")), "whole quarters");
    }

    #[test]
    fn a_part_of_nothing_is_none() {
        assert_eq!(percent(1.0, 3.0), Some(33.3));
        assert_eq!((percent(1.0, 0.0), percent(f64::NAN, 1.0)), (None, None));
        assert_eq!((change_percent(4.0, 3.0), change_percent(0.0, 3.0)), (Some(-25.0), None));
    }
}
