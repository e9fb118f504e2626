//! The hours of an access rule: days of the week and a stretch of the day, by the clock of the camera's site.

use crate::booking_slot::{DAY_MINUTES, WEEKDAYS, Zone, parse_minute};

/// All days of the week.
pub const EVERY_DAY: i64 = 127;

/// When an access rule holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    /// The days on which a stretch begins; bit 0 is Monday.
    pub days: i64,
    /// When it begins, minutes since midnight.
    pub from: u16,
    /// When it ends, minutes since midnight, at most 1440. Before `from`, it is the next day's.
    pub until: u16,
}

impl Hours {
    /// Whether they include this moment (milliseconds), by the clocks of the zone. Includes the beginning and not the end.
    pub fn include(self, moment: i64, zone: Zone) -> bool {
        let (date, time) = zone.wall(moment);
        let minute = parse_minute(&time).unwrap_or_default();
        let has = |weekday: i64| self.days & (1 << (weekday - 1)) != 0;
        let (today, yesterday) = (date.weekday(), (date.weekday() + 5) % 7 + 1);
        if self.from < self.until {
            return has(today) && (self.from..self.until).contains(&minute);
        }
        (has(today) && minute >= self.from) || (has(yesterday) && minute < self.until)
    }

    /// Whether they leave nothing out.
    pub const fn are_all(self) -> bool {
        self.days == EVERY_DAY && self.from == 0 && self.until == DAY_MINUTES
    }
}

/// The bits of these days, as they are named; none when one is not a day.
pub fn days_of<S: AsRef<str>>(names: &[S]) -> Option<i64> {
    names.iter().try_fold(0, |days, name| Some(days | (1 << WEEKDAYS.iter().position(|day| *day == name.as_ref())?)))
}

/// The names of the days of these bits, Monday first.
pub fn day_names(days: i64) -> Vec<&'static str> {
    WEEKDAYS.iter().enumerate().filter(|(bit, _)| days & (1 << bit) != 0).map(|(_, name)| *name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        crate::time::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn hours_are_by_the_clock_of_the_site() {
        let zone = Zone::parse("Asia/Kolkata").unwrap();
        let hours = Hours { days: days_of(&["wednesday"]).unwrap(), from: 8 * 60, until: 18 * 60 };
        // 2026-11-25 is a Wednesday.
        for (moment, included) in [
            ("2026-11-25T02:29:59Z", false),
            ("2026-11-25T02:30:00Z", true),
            ("2026-11-25T12:29:59Z", true),
            ("2026-11-25T12:30:00Z", false),
            ("2026-11-26T05:00:00Z", false),
        ] {
            assert_eq!(hours.include(at(moment), zone), included, "{moment}");
        }
    }

    #[test]
    fn a_night_belongs_to_the_day_on_which_it_begins() {
        let zone = Zone::parse("UTC").unwrap();
        let hours = Hours { days: days_of(&["sunday"]).unwrap(), from: 22 * 60, until: 6 * 60 };
        // 2026-11-29 is a Sunday.
        for (moment, included) in [
            ("2026-11-29T05:00:00Z", false),
            ("2026-11-29T22:00:00Z", true),
            ("2026-11-30T05:59:00Z", true),
            ("2026-11-30T06:00:00Z", false),
            ("2026-11-30T22:00:00Z", false),
        ] {
            assert_eq!(hours.include(at(moment), zone), included, "{moment}");
        }
        let all = Hours { days: EVERY_DAY, from: 0, until: DAY_MINUTES };
        assert!(all.are_all() && all.include(at("2026-11-30T23:59:59Z"), zone));
    }

    #[test]
    fn days_have_names() {
        assert_eq!(days_of(&["monday", "sunday", "monday"]), Some(65));
        assert_eq!(day_names(65), ["monday", "sunday"]);
        assert_eq!(days_of(&["someday"]), None);
        assert_eq!(day_names(EVERY_DAY).len(), 7);
    }
}
