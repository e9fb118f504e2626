//! A site's own time: hours of its day, and its daily timetable.

use chrono::{DateTime, Offset as _, TimeZone as _, Utc};
use chrono_tz::Tz;

use crate::time::{DAY_MS, MINUTE_MS, SECOND_MS};

/// How far the clocks of this zone are ahead of UTC at this moment, milliseconds. A zone that is not known counts as UTC.
pub fn offset_ms(zone: &str, at: i64) -> i64 {
    let (Ok(zone), Some(at)) = (zone.parse::<Tz>(), DateTime::<Utc>::from_timestamp_millis(at)) else { return 0 };
    i64::from(zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc()) * SECOND_MS
}

/// The hour of the site's day, 0 to 23.
pub fn hour_of_day(zone: &str, at: i64) -> usize {
    let local = at.saturating_add(offset_ms(zone, at)).rem_euclid(DAY_MS);
    usize::try_from(local / (60 * MINUTE_MS)).unwrap_or_default()
}

/// Reads `HH:MM`, 00:00 to 23:59, as minutes of the day.
pub fn parse_departure(text: &str) -> Option<i64> {
    let (hours, minutes) = text.split_once(':')?;
    let two = |part: &str, below: i64| {
        let digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse().ok().filter(|value: &i64| digits && *value < below)
    };
    Some(two(hours, 24)? * 60 + two(minutes, 60)?)
}

/// The next times at or after `now` at which a daily timetable has somebody at a stop, at most `most`: `departures` in minutes of the
/// site's day, `offset_s` seconds later at the stop. An hour that a change of the clocks skips or repeats is taken as its day began.
pub fn next_scheduled(zone: &str, departures: &[i64], offset_s: i64, now: i64, most: usize) -> Vec<i64> {
    let ride = offset_s.clamp(0, DAY_MS / SECOND_MS).saturating_mul(SECOND_MS);
    let today = now.saturating_add(offset_ms(zone, now)).div_euclid(DAY_MS);
    let mut times: Vec<i64> = Vec::new();
    for day in today.saturating_sub(1)..=today.saturating_add(1) {
        for departure in departures {
            let local = day.saturating_mul(DAY_MS).saturating_add(departure.saturating_mul(MINUTE_MS));
            // The offset of about then; exact but for the hours in which it changes.
            let offset = offset_ms(zone, local.saturating_sub(offset_ms(zone, local)));
            times.push(local.saturating_sub(offset).saturating_add(ride));
        }
    }
    times.retain(|at| *at >= now);
    times.sort_unstable();
    times.dedup();
    times.truncate(most);
    times
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_770_201_000_000; // 2026-02-04T10:30:00Z, 16:00 in India

    #[test]
    fn a_site_has_its_own_hours() {
        assert_eq!(hour_of_day("Asia/Kolkata", NOON), 16);
        assert_eq!(hour_of_day("UTC", NOON), 10);
        assert_eq!(hour_of_day("Mars/Olympus", NOON), 10);
        assert_eq!(hour_of_day("America/New_York", NOON), 5);
        for at in [i64::MIN, i64::MAX, -1] {
            assert!(hour_of_day("Asia/Kolkata", at) < 24);
        }
    }

    #[test]
    fn departures_are_two_digits_each() {
        assert_eq!(parse_departure("06:30"), Some(390));
        for text in ["6:30", "24:00", "12:60", "", ":", "+1:30", "06:30:00"] {
            assert_eq!(parse_departure(text), None, "{text}");
        }
    }

    #[test]
    fn a_timetable_goes_on_tomorrow() {
        let departures = [390, 990]; // 06:30 and 16:30
        let next = next_scheduled("Asia/Kolkata", &departures, 600, NOON, 2);
        assert_eq!(next, [NOON + 40 * MINUTE_MS, NOON + (14 * 60 + 40) * MINUTE_MS]);
        assert!(next_scheduled("Asia/Kolkata", &[], 0, NOON, 2).is_empty());
        next_scheduled("Asia/Kolkata", &[i64::MAX], i64::MAX, i64::MAX, 9);
    }
}
