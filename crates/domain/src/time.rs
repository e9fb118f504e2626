//! Moments: integer milliseconds inside, RFC 3339 in UTC outside (docs/reference/rules.md).

use chrono::{DateTime, Datelike, Timelike, Utc};

/// One second in milliseconds.
pub const SECOND_MS: i64 = 1_000;
/// One minute in milliseconds.
pub const MINUTE_MS: i64 = 60 * SECOND_MS;
/// One hour in milliseconds.
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
/// One day in milliseconds.
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// The last moment that can be written with a four-digit year: 9999-12-31T23:59:59.999Z.
pub const MAX_MS: i64 = 253_402_300_799_999;

/// 2000-01-01T00:00:00Z: no device's clock is right before it.
pub const YEAR_2000_MS: i64 = 946_684_800_000;

/// How far ahead of the clock a time may lie that was measured or stored before: five minutes, in milliseconds. Clocks of devices and of
/// several hosts differ by less; a stored time that lies further ahead was written before the clock was set back.
pub const AHEAD_TOLERANCE_MS: i64 = 5 * MINUTE_MS;

/// Whether a stored time lies further ahead than [`AHEAD_TOLERANCE_MS`]: the clock was set back since.
pub const fn is_ahead(stored: i64, now: i64) -> bool {
    stored > now.saturating_add(AHEAD_TOLERANCE_MS)
}

/// A stored time as it counts now: one that lies further ahead than [`AHEAD_TOLERANCE_MS`] is taken as now.
pub const fn not_ahead(stored: i64, now: i64) -> i64 {
    if is_ahead(stored, now) { now } else { stored }
}

/// Whether what was measured at this time is newer than the newest that is known. A newest that lies too far ahead ([`is_ahead`]) stands
/// in the way of nothing: it would, until the clock has caught up with it.
pub const fn is_newer(at: i64, newest: Option<i64>, now: i64) -> bool {
    match newest {
        Some(newest) => at > newest || is_ahead(newest, now),
        None => true,
    }
}

/// Reads an RFC 3339 moment, with `Z` or any offset and any fraction, as milliseconds in UTC.
///
/// A fraction finer than a millisecond is cut off. A leap second is read where one may be inserted, at the end of June and of December in
/// UTC; it counts as the last millisecond before it ends the day, so that it is never the same as a moment of the next day. `None` for
/// anything else, for a moment without an offset, and for years outside 1970–9999.
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    let moment = DateTime::parse_from_rfc3339(text).ok()?.to_utc();
    // chrono reads a second 60 as the 59th with a fraction of one or more.
    let is_leap = moment.nanosecond() >= NANOSECONDS;
    if is_leap && !may_be_leap(&moment) {
        return None;
    }
    let ms = if is_leap { moment.timestamp() * SECOND_MS + (SECOND_MS - 1) } else { moment.timestamp_millis() };
    (0..=MAX_MS).contains(&ms).then_some(ms)
}

/// Nanoseconds in a second.
const NANOSECONDS: u32 = 1_000_000_000;

/// Whether the second after this one may be a leap second: all that there were came at the end of June or December, at midnight UTC.
fn may_be_leap(moment: &DateTime<Utc>) -> bool {
    (moment.hour(), moment.minute(), moment.second()) == (23, 59, 59) && matches!((moment.month(), moment.day()), (6, 30) | (12, 31))
}

/// Writes a moment as `2026-02-04T10:30:00Z`, with `.123` before the `Z` only when there are milliseconds.
///
/// A value outside 1970–9999 is written as the nearest moment inside.
pub fn format_rfc3339(ms: i64) -> String {
    let at = DateTime::from_timestamp_millis(ms.clamp(0, MAX_MS)).unwrap_or_default();
    let mut text = String::with_capacity(24);
    push_digits(&mut text, at.year().unsigned_abs(), 4);
    for (separator, value) in [('-', at.month()), ('-', at.day()), ('T', at.hour()), (':', at.minute()), (':', at.second())] {
        text.push(separator);
        push_digits(&mut text, value, 2);
    }
    let millis = at.timestamp_subsec_millis();
    if millis != 0 {
        text.push('.');
        push_digits(&mut text, millis, 3);
    }
    text.push('Z');
    text
}

/// As [`format_rfc3339`], with the milliseconds also when they are zero: `2026-02-04T10:30:00.000Z`.
pub fn format_rfc3339_millis(ms: i64) -> String {
    let mut text = format_rfc3339(ms);
    if !text.contains('.') {
        text.insert_str(text.len() - 1, ".000");
    }
    text
}

// `format!` and chrono's own formatter cost several times as much, and lists write thousands of these.
fn push_digits(text: &mut String, value: u32, width: u32) {
    for place in (0..width).rev() {
        let digit = (value / 10_u32.pow(place)) % 10;
        text.push(char::from_digit(digit, 10).unwrap_or('0'));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn offsets_and_fractions_are_understood() {
        let noon = parse_rfc3339("2026-02-04T10:30:00Z");
        assert_eq!(noon, Some(1_770_201_000_000));
        assert_eq!(parse_rfc3339("2026-02-04T16:00:00+05:30"), noon);
        assert_eq!(parse_rfc3339("2026-02-04T10:30:00.0000000001Z"), noon);
        assert_eq!(parse_rfc3339("2026-02-04T10:30:00.123987Z"), noon.map(|ms| ms + 123));
    }

    #[test]
    fn what_is_not_rfc_3339_is_refused() {
        for text in [
            "",
            "now",
            "2026-02-04",
            "2026-02-04T10:30:00",
            "2026-02-30T10:30:00Z",
            "2026-02-04T25:30:00Z",
            "1969-12-31T23:59:59Z",
            "9999-12-31T23:59:59-01:00",
            "+12026-02-04T10:30:00Z",
            "2026-02-04T10:30:00Zz",
            "२०२६-02-04T10:30:00Z",
        ] {
            assert_eq!(parse_rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn leap_seconds_are_read_only_where_they_may_be() {
        let last = parse_rfc3339("2016-12-31T23:59:59.999Z");
        assert!(last.is_some());
        for text in ["2016-12-31T23:59:60Z", "2016-12-31T23:59:60.5Z", "2016-12-31T15:59:60-08:00", "2017-01-01T05:29:60+05:30"] {
            assert_eq!(parse_rfc3339(text), last, "{text}");
        }
        assert!(parse_rfc3339("2015-06-30T23:59:60Z").is_some());
        for text in [
            "2026-02-04T15:53:60Z",
            "2026-02-04T23:59:60Z",
            "2026-01-31T23:59:60Z",
            "2026-12-31T22:59:60Z",
            "2016-12-31T23:58:60Z",
            "2016-12-31T23:59:60+05:30",
            "2016-12-31T23:59:61Z",
            "9999-12-31T23:59:60-01:00",
        ] {
            assert_eq!(parse_rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn a_stored_time_too_far_ahead_is_taken_as_now() {
        let now = 1_770_201_000_000;
        for (stored, counts) in [(now - 1, now - 1), (now, now), (now + AHEAD_TOLERANCE_MS, now + AHEAD_TOLERANCE_MS)] {
            assert_eq!(not_ahead(stored, now), counts);
        }
        assert_eq!(not_ahead(now + AHEAD_TOLERANCE_MS + 1, now), now);
        assert_eq!(not_ahead(i64::MAX, i64::MAX), i64::MAX);
        assert!(is_newer(now, None, now) && is_newer(now, Some(now - 1), now) && !is_newer(now, Some(now), now));
        assert!(!is_newer(now, Some(now + AHEAD_TOLERANCE_MS), now) && is_newer(now, Some(now + HOUR_MS), now));
    }

    #[test]
    fn milliseconds_are_written_only_when_there_are_some() {
        assert_eq!(format_rfc3339(1_770_201_000_000), "2026-02-04T10:30:00Z");
        assert_eq!(format_rfc3339(1_770_201_000_007), "2026-02-04T10:30:00.007Z");
        assert_eq!(format_rfc3339_millis(1_770_201_000_000), "2026-02-04T10:30:00.000Z");
        assert_eq!(format_rfc3339_millis(1_770_201_000_007), "2026-02-04T10:30:00.007Z");
        assert_eq!(format_rfc3339(i64::MIN), "1970-01-01T00:00:00Z");
        assert_eq!(format_rfc3339(i64::MAX), "9999-12-31T23:59:59.999Z");
        assert_eq!(format_rfc3339(YEAR_2000_MS), "2000-01-01T00:00:00Z");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(ms in 0..=MAX_MS) {
            prop_assert_eq!(parse_rfc3339(&format_rfc3339(ms)), Some(ms));
        }

        #[test]
        fn written_times_sort_as_the_moments_do_in_whole_seconds(a in 0..=MAX_MS / 1000, b in 0..=MAX_MS / 1000) {
            prop_assert_eq!(a.cmp(&b), format_rfc3339(a * 1000).cmp(&format_rfc3339(b * 1000)));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            parse_rfc3339(&text);
        }
    }
}
