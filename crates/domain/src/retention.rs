//! How long is kept what is kept for so many days. What was measured goes by whole days of UTC, everything else by the moment.

use crate::rollup::floor;
use crate::time::DAY_MS;

/// How long what is kept so many days stays, milliseconds; 0 days keep it for ever, which is longer than there has been time.
pub const fn kept_ms(days: i64) -> i64 {
    if days <= 0 { i64::MAX / 2 } else { days.saturating_mul(DAY_MS) }
}

/// Up to which day what is kept so many days is removed at `now`; 0 when it is kept for ever.
pub const fn removed_before(now: i64, days: i64) -> i64 {
    let before = now.saturating_sub(kept_ms(days));
    if before <= 0 { 0 } else { floor(before, DAY_MS) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_removed_before_its_days_are_over() {
        let now = 100 * DAY_MS + 5;
        assert_eq!(removed_before(now, 90), 10 * DAY_MS);
        assert_eq!(removed_before(now, 0), 0);
        assert_eq!(removed_before(now, i64::MAX), 0, "longer than there has been time");
    }

    #[test]
    fn no_days_are_for_ever() {
        assert_eq!(kept_ms(1), DAY_MS);
        assert!(kept_ms(0) > 200_000 * DAY_MS && kept_ms(-3) > 200_000 * DAY_MS);
        assert!(1_800_000_000_000_i64.checked_sub(kept_ms(0)).is_some(), "SQLite's integers hold the difference");
        assert_eq!(kept_ms(i64::MAX), i64::MAX, "an absurd number is for ever as well");
    }
}
