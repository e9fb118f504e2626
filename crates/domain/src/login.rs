//! The lock on an account-and-address pair (docs/reference/rules.md).

use crate::time::MINUTE_MS;

/// So many failures within [`FAILURE_WINDOW_MS`] lock the pair.
pub const MAX_FAILURES: usize = 10;
/// The span over which failures are counted: 15 minutes, in milliseconds.
pub const FAILURE_WINDOW_MS: i64 = 15 * MINUTE_MS;
/// How long a lock lasts from the failure that set it: 15 minutes, in milliseconds.
pub const LOCK_MS: i64 = 15 * MINUTE_MS;

/// Until when the pair is locked at `now`, in milliseconds; `None` if it is not.
///
/// `failures` are the times of failed logins, oldest first. A failure during a lock does not count, so that no one can
/// keep an owner out for ever by trying on. Reach back twice 15 minutes or more for an exact answer.
pub fn lock_until(failures: &[i64], now: i64) -> Option<i64> {
    let mut counted: Vec<i64> = Vec::with_capacity(failures.len());
    let mut locked_until = i64::MIN;
    for &at in failures {
        if at < locked_until {
            continue;
        }
        counted.push(at);
        let tenth_last = counted.len().checked_sub(MAX_FAILURES);
        if let Some(first) = tenth_last.and_then(|index| counted.get(index))
            && at.saturating_sub(*first) < FAILURE_WINDOW_MS
        {
            locked_until = at.saturating_add(LOCK_MS);
            counted.clear();
        }
    }
    (now < locked_until).then_some(locked_until)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn every(step: i64, count: i64) -> Vec<i64> {
        (0..count).map(|i| i * step).collect()
    }

    #[test]
    fn the_tenth_failure_locks_for_fifteen_minutes() {
        assert_eq!(lock_until(&every(1_000, 9), 8_000), None);
        let failures = every(1_000, 10);
        let until = 9_000 + LOCK_MS;
        assert_eq!(lock_until(&failures, 9_000), Some(until));
        assert_eq!(lock_until(&failures, until - 1), Some(until));
        assert_eq!(lock_until(&failures, until), None);
    }

    #[test]
    fn ten_failures_spread_wider_than_the_window_lock_nothing() {
        assert_eq!(lock_until(&every(FAILURE_WINDOW_MS / 9, 10), FAILURE_WINDOW_MS), None);
        assert!(lock_until(&every(FAILURE_WINDOW_MS / 9 - 1, 10), FAILURE_WINDOW_MS).is_some());
    }

    #[test]
    fn trying_on_does_not_lengthen_a_lock() {
        let mut failures = every(1_000, 10);
        let until = lock_until(&failures, 9_000);
        failures.extend((10..400).map(|i| i * 1_000));
        assert_eq!(lock_until(&failures, 400_000), until);
    }

    #[test]
    fn ten_more_after_a_lock_lock_again() {
        let mut failures = every(1_000, 10);
        let over = 9_000 + LOCK_MS;
        failures.extend((0..9).map(|i| over + i));
        assert_eq!(lock_until(&failures, over + 8), None);
        failures.push(over + 9);
        assert_eq!(lock_until(&failures, over + 9), Some(over + 9 + LOCK_MS));
    }

    proptest! {
        #[test]
        fn a_lock_lies_ahead_and_lasts_no_longer_than_it_may(mut failures in prop::collection::vec(0..3_600_000_i64, 0..60)) {
            failures.sort_unstable();
            let now = failures.last().copied().unwrap_or(0);
            if let Some(until) = lock_until(&failures, now) {
                prop_assert!(failures.len() >= MAX_FAILURES);
                prop_assert!(until > now && until <= now + LOCK_MS);
            }
        }

        #[test]
        fn no_history_panics(failures in prop::collection::vec(any::<i64>(), 0..40), now: i64) {
            lock_until(&failures, now);
        }
    }
}
