//! Moments: integer milliseconds inside, RFC 3339 in UTC outside (docs/reference/rules.md).

use chrono::{DateTime, Datelike, Timelike};

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

/// Reads an RFC 3339 moment, with `Z` or any offset and any fraction, as milliseconds in UTC.
///
/// A fraction finer than a millisecond is cut off. `None` for anything else, for a moment without an offset, and
/// for years outside 1970–9999.
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    let ms = DateTime::parse_from_rfc3339(text).ok()?.timestamp_millis();
    (0..=MAX_MS).contains(&ms).then_some(ms)
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
