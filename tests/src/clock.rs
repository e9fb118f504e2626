//! The application's clock in tests, and moments as its answers and requests have them.

use std::sync::LazyLock;
use std::time::Duration;

/// Where the application's clock starts: a Wednesday at 10:30 in India, with no change of clocks near. Another moment (RFC 3339) is taken from
/// the environment's `GATEHOUSE_TEST_MOMENT`.
const MOMENT: &str = "2026-11-25T05:00:00Z";

/// A clock that starts at the fixed moment.
pub fn clock_at_start() -> gatehouse::Clock {
    clock_at(&std::env::var("GATEHOUSE_TEST_MOMENT").unwrap_or_else(|_| MOMENT.to_owned()))
}

/// A clock that starts at this moment (RFC 3339).
pub fn clock_at(moment: &str) -> gatehouse::Clock {
    let moment = chrono::DateTime::parse_from_rfc3339(moment).expect("a moment").timestamp_millis();
    gatehouse::Clock::starting_at(Duration::from_millis(u64::try_from(moment).expect("a moment after 1970")))
}

/// How far a clock that starts now at the fixed moment is ahead of the machine's, seconds: for programs of their own, which have no [`gatehouse::Clock`].
pub fn seconds_ahead() -> f64 {
    clock_at_start().since_epoch().as_secs_f64() - gatehouse::Clock::new().since_epoch().as_secs_f64()
}

/// The clock of what is shared by more than one start of the application: it goes on where another begins anew.
pub static SHARED_CLOCK: LazyLock<gatehouse::Clock> = LazyLock::new(clock_at_start);

/// A moment, milliseconds since 1970, as RFC 3339 with its milliseconds.
pub fn rfc3339(ms: i64) -> String {
    chrono::DateTime::from_timestamp_millis(ms).expect("a time in this era").to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
