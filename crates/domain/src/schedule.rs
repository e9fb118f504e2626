//! When scheduled work is due, and from when on it is late (docs/reference/rules.md#scheduled-work).

use crate::time::{MINUTE_MS, SECOND_MS};

/// How often each component does its scheduled work, milliseconds.
pub const PERIOD_MS: i64 = 30 * SECOND_MS;

/// A component whose last good run is longer ago than this is late, milliseconds: three runs in a row were not good or did not come.
pub const LATE_MS: i64 = 2 * MINUTE_MS;

/// Whether a component is late whose last good run is so many milliseconds ago.
pub const fn is_late(age_ms: i64) -> bool {
    age_ms > LATE_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_is_after_two_minutes() {
        assert!(!is_late(LATE_MS) && is_late(LATE_MS + 1));
        assert!(!is_late(-1), "a clock that was set back makes nobody late");
    }

    #[test]
    fn some_runs_may_fail_before_it_is_late() {
        assert_eq!(LATE_MS / PERIOD_MS, 4);
    }
}
