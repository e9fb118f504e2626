//! As of when the silence of devices is judged, in SQL. `?1` is the present time.

use const_format::concatcp;
use domain::health::{HEALTHY_MS, OFFLINE_MS};
use domain::watch::GAP_MS;

/// `domain::watch::Watch::judged_at`: the present time, except that a gap of the scheduled runs is no device's silence.
pub const JUDGED_AT: &str =
    concatcp!("coalesce((select coalesce(gap_from, iif(?1 - run_at > ", GAP_MS, ", run_at, ?1)) from device_watch), ?1)");

/// A heartbeat at or after this moment makes a device healthy.
pub const HEALTHY_SINCE: &str = concatcp!("(", JUDGED_AT, " - ", HEALTHY_MS, ")");

/// One before this moment makes it offline.
pub const OFFLINE_BEFORE: &str = concatcp!("(", JUDGED_AT, " - ", OFFLINE_MS, ")");

/// The moment at which judging stands still during a gap, as a text; an empty one while silence is judged as of the present time.
pub const STANDSTILL: &str =
    concatcp!("coalesce((select coalesce(gap_from, iif(?1 - run_at > ", GAP_MS, ", run_at, '')) from device_watch), '')");
