//! The lock on an account-and-address pair, and the cap on an account (docs/reference/rules.md#login-lock).

use crate::time::{DAY_MS, HOUR_MS, MINUTE_MS};

/// So many failures within [`FAILURE_WINDOW_MS`] lock the pair.
pub const MAX_FAILURES: usize = 10;
/// The span over which failures are counted: 15 minutes, in milliseconds.
pub const FAILURE_WINDOW_MS: i64 = 15 * MINUTE_MS;
/// How long a lock lasts from the failure that set it: 15 minutes, in milliseconds.
pub const LOCK_MS: i64 = 15 * MINUTE_MS;

/// So many failures of one account within [`ACCOUNT_WINDOW_MS`], wherever they come from, shut out devices that the account has not used
/// before (NIST SP 800-63B section 5.2.2 allows no more than 100 in a row).
pub const MAX_ACCOUNT_FAILURES: i64 = 100;
/// The span over which an account's failures are counted: an hour, in milliseconds.
pub const ACCOUNT_WINDOW_MS: i64 = HOUR_MS;

/// So many failures of one address within [`ADDRESS_WINDOW_MS`], whatever the accounts, shut it out on devices that their accounts do not know
/// by a cookie. Enough for a venue of thousands behind one address, of whom few mistype; and of the time in which passwords are hashed, guesses
/// from there get a thirtieth.
pub const MAX_ADDRESS_FAILURES: i64 = 60;
/// The span over which an address's failures are counted: a minute, in milliseconds.
pub const ADDRESS_WINDOW_MS: i64 = MINUTE_MS;

/// How long a device that has signed in to an account stays known to it by its cookie: 180 days, in milliseconds.
pub const KNOWN_DEVICE_MS: i64 = 180 * DAY_MS;

/// Until when an account is shut to devices that it does not know, at `now`; `None` when it is not. `failures` are how many it had within
/// [`ACCOUNT_WINDOW_MS`], `oldest` is when the first of them was.
pub fn shut_until(failures: i64, oldest: Option<i64>, now: i64) -> Option<i64> {
    (failures >= MAX_ACCOUNT_FAILURES).then(|| oldest.unwrap_or(now).saturating_add(ACCOUNT_WINDOW_MS))
}

/// The same of an address, by its failures within [`ADDRESS_WINDOW_MS`].
pub fn address_shut_until(failures: i64, oldest: Option<i64>, now: i64) -> Option<i64> {
    (failures >= MAX_ADDRESS_FAILURES).then(|| oldest.unwrap_or(now).saturating_add(ADDRESS_WINDOW_MS))
}

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

    #[test]
    fn a_hundred_failures_in_an_hour_shut_an_account_until_the_first_is_an_hour_old() {
        assert_eq!(shut_until(99, Some(5), 10), None);
        assert_eq!(shut_until(100, Some(5), 10), Some(5 + HOUR_MS));
        assert_eq!(shut_until(100, None, i64::MAX), Some(i64::MAX));
    }

    #[test]
    fn sixty_failures_in_a_minute_shut_an_address_until_the_first_is_a_minute_old() {
        assert_eq!(address_shut_until(59, Some(5), 10), None);
        assert_eq!(address_shut_until(60, Some(5), 10), Some(5 + MINUTE_MS));
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
