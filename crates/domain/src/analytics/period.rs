//! Hours, days, weeks and months by a site's own clock.

use chrono::{DateTime, Offset as _};
use strum::{EnumString, IntoStaticStr};

use super::QUARTER_MS;
use crate::booking_slot::{Date, Zone};
use crate::time::{DAY_MS, HOUR_MS, SECOND_MS};

/// A stretch of time, from its start to before its end, milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Its first moment.
    pub start: i64,
    /// The first moment after it.
    pub end: i64,
}

/// By what a range is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[derive(EnumString, IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Period {
    /// A quarter of an hour.
    Quarter,
    /// An hour of the site's clock. The hour that is there twice when the clocks go back is two.
    Hour,
    /// A day from midnight to midnight: 23 or 25 hours when the clocks change.
    Day,
    /// A week from Monday.
    Week,
    /// A calendar month.
    Month,
}

impl Period {
    /// Where the period begins that this moment belongs to, milliseconds.
    pub fn start_of(self, moment: i64, zone: Zone) -> i64 {
        let date = || Date::at(moment, zone);
        match self {
            Self::Quarter => moment - moment.rem_euclid(QUARTER_MS),
            Self::Hour => hour_of(moment, zone),
            Self::Day => zone.moment(date(), 0),
            Self::Week => zone.moment(monday_of(date()), 0),
            Self::Month => zone.moment(first_of_month(date()), 0),
        }
    }

    /// The first moment after the period of this one.
    fn end_of(self, moment: i64, zone: Zone) -> i64 {
        let date = || Date::at(moment, zone);
        match self {
            Self::Quarter => self.start_of(moment, zone).saturating_add(QUARTER_MS),
            Self::Hour => hour_of(hour_of(moment, zone).saturating_add(HOUR_MS), zone),
            Self::Day => zone.moment(date().plus_days(1), 0),
            Self::Week => zone.moment(monday_of(date()).plus_days(7), 0),
            Self::Month => zone.moment(first_of_month(first_of_month(date()).plus_days(31)), 0),
        }
    }

    /// The periods of a range, in order. Its first and its last one are as much of them as is in the range.
    pub fn spans(self, range: Span, zone: Zone) -> impl Iterator<Item = Span> {
        let mut at = range.start;
        std::iter::from_fn(move || {
            if at >= range.end {
                return None;
            }
            let end = self.end_of(at, zone).clamp(at.saturating_add(1), range.end);
            let span = Span { start: at, end };
            at = end;
            Some(span)
        })
    }
}

/// How far the clocks of the zone are ahead of UTC, milliseconds.
fn ahead(moment: i64, zone: Zone) -> i64 {
    let utc = DateTime::from_timestamp_millis(moment).unwrap_or_default();
    i64::from(utc.with_timezone(&zone.tz()).offset().fix().local_minus_utc()) * SECOND_MS
}

/// An hour during which the clocks change by a part of one is two, with the change between them.
fn hour_of(moment: i64, zone: Zone) -> i64 {
    let offset = ahead(moment, zone);
    let mut start = moment - moment.saturating_add(offset).rem_euclid(HOUR_MS);
    while start < moment && ahead(start, zone) != offset {
        start = start.saturating_add(QUARTER_MS).min(moment);
    }
    start
}

fn monday_of(date: Date) -> Date {
    Date::from_epoch_days(date.epoch_days() - (date.weekday() - 1)).unwrap_or(date)
}

fn first_of_month(date: Date) -> Date {
    let text = date.to_string();
    text.get(..8).and_then(|month| Date::parse(&format!("{month}01"))).unwrap_or(date)
}

/// An hour of the week by a site's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HourOfWeek {
    /// From 1, Monday, to 7, Sunday.
    pub weekday: i64,
    /// From 0 to 23.
    pub hour: i64,
}

impl HourOfWeek {
    /// That of a moment.
    pub fn of(moment: i64, zone: Zone) -> Self {
        let local = moment.saturating_add(ahead(moment, zone));
        // 1970-01-01 was a Thursday.
        Self { weekday: (local.div_euclid(DAY_MS) + 3).rem_euclid(7) + 1, hour: local.rem_euclid(DAY_MS) / HOUR_MS }
    }
}

/// What the clocks of a zone show at a moment, with how far they are ahead of UTC: `2026-03-29T03:00:00+02:00`.
pub fn local_time(moment: i64, zone: Zone) -> String {
    let utc = DateTime::from_timestamp_millis(moment).unwrap_or_default();
    utc.with_timezone(&zone.tz()).to_rfc3339_opts(chrono::SecondsFormat::Secs, false)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::parse_rfc3339;

    fn zone(name: &str) -> Zone {
        Zone::parse(name).unwrap()
    }

    fn moment(text: &str) -> i64 {
        parse_rfc3339(text).unwrap()
    }

    fn spans(period: Period, from: &str, to: &str, name: &str) -> Vec<Span> {
        period.spans(Span { start: moment(from), end: moment(to) }, zone(name)).collect()
    }

    #[test]
    fn hours_are_those_of_the_site_s_clock() {
        let india = spans(Period::Hour, "2026-02-04T18:30:00Z", "2026-02-05T18:30:00Z", "Asia/Kolkata");
        assert_eq!(india.len(), 24);
        assert!(india.iter().all(|span| span.end - span.start == HOUR_MS && span.start.rem_euclid(HOUR_MS) == HOUR_MS / 2));
        let part = spans(Period::Hour, "2026-02-04T18:00:00Z", "2026-02-04T19:00:00Z", "Asia/Kolkata");
        assert_eq!(part.iter().map(|span| span.end - span.start).collect::<Vec<_>>(), [HOUR_MS / 2, HOUR_MS / 2]);
    }

    #[test]
    fn a_day_on_which_the_clocks_change_has_an_hour_less_or_more() {
        let forward = spans(Period::Hour, "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", "Europe/Berlin");
        assert_eq!(forward.len(), 23);
        let hours: Vec<_> = forward.iter().take(4).map(|span| HourOfWeek::of(span.start, zone("Europe/Berlin")).hour).collect();
        assert_eq!(hours, [0, 1, 3, 4]);
        let back = spans(Period::Hour, "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", "Europe/Berlin");
        let hours: Vec<_> = back.iter().take(5).map(|span| HourOfWeek::of(span.start, zone("Europe/Berlin")).hour).collect();
        assert_eq!((back.len(), hours), (25, vec![0, 1, 2, 2, 3]));
        let days = spans(Period::Day, "2026-03-27T23:00:00Z", "2026-03-30T22:00:00Z", "Europe/Berlin");
        assert_eq!(days.iter().map(|span| (span.end - span.start) / HOUR_MS).collect::<Vec<_>>(), [24, 23, 24]);
    }

    #[test]
    fn clocks_that_change_by_half_an_hour_divide_it() {
        // Lord Howe goes back from 02:00 to 01:30 on 2026-04-05, at 15:00 in UTC of the day before.
        let back = spans(Period::Hour, "2026-04-04T14:00:00Z", "2026-04-04T16:30:00Z", "Australia/Lord_Howe");
        let lengths: Vec<_> = back.iter().map(|span| (span.end - span.start) / QUARTER_MS).collect();
        assert_eq!(lengths, [4, 2, 4]);
    }

    #[test]
    fn weeks_begin_on_monday_and_months_with_their_first_day() {
        let weeks = spans(Period::Week, "2026-02-04T00:00:00Z", "2026-02-17T00:00:00Z", "UTC");
        let starts: Vec<_> = weeks.iter().map(|span| local_time(span.start, zone("UTC"))).collect();
        assert_eq!(starts, ["2026-02-04T00:00:00+00:00", "2026-02-09T00:00:00+00:00", "2026-02-16T00:00:00+00:00"]);
        let months = spans(Period::Month, "2026-01-31T23:00:00Z", "2026-04-01T00:00:00Z", "Europe/Berlin");
        assert_eq!(
            months.iter().map(|span| local_time(span.start, zone("Europe/Berlin"))).collect::<Vec<_>>(),
            ["2026-02-01T00:00:00+01:00", "2026-03-01T00:00:00+01:00", "2026-04-01T00:00:00+02:00"]
        );
        assert_eq!(Period::Month.start_of(moment("2026-12-31T12:00:00Z"), zone("UTC")), moment("2026-12-01T00:00:00Z"));
    }

    #[test]
    fn the_hour_of_the_week_is_that_on_the_wall() {
        assert_eq!(HourOfWeek::of(moment("2026-02-04T18:29:00Z"), zone("Asia/Kolkata")), HourOfWeek { weekday: 3, hour: 23 });
        assert_eq!(HourOfWeek::of(moment("2026-02-04T18:30:00Z"), zone("Asia/Kolkata")), HourOfWeek { weekday: 4, hour: 0 });
        assert_eq!(HourOfWeek::of(0, zone("UTC")), HourOfWeek { weekday: 4, hour: 0 });
    }

    proptest! {
        #[test]
        fn periods_cover_a_range_without_gap_or_overlap(quarter in 1_800_000_i64..2_300_000, length in 0_i64..2_000, which in 0_usize..6, by in 0_usize..5) {
            let zone = zone(["UTC", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Havana"][which]);
            let period = [Period::Quarter, Period::Hour, Period::Day, Period::Week, Period::Month][by];
            let range = Span { start: quarter * QUARTER_MS, end: (quarter + length) * QUARTER_MS };
            let mut at = range.start;
            for span in period.spans(range, zone) {
                prop_assert_eq!(span.start, at);
                prop_assert!(span.end > span.start && span.end % QUARTER_MS == 0);
                prop_assert_eq!(period.start_of(span.end - 1, zone), period.start_of(span.start, zone));
                at = span.end;
            }
            prop_assert_eq!(at, range.end);
        }

        #[test]
        fn nothing_panics(moment: i64, end: i64) {
            let zone = zone("Europe/Berlin");
            for period in [Period::Quarter, Period::Hour, Period::Day, Period::Week, Period::Month] {
                let _ = (period.start_of(moment.clamp(-1 << 50, 1 << 50), zone), HourOfWeek::of(moment, zone), local_time(moment, zone));
                let _ = period.spans(Span { start: moment.clamp(-1 << 50, 1 << 50), end }, zone).take(3).count();
            }
        }
    }
}
