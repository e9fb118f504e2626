//! The guests' wall clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use wasmtime_wasi::HostWallClock;

/// The time that components see: the system's, plus an offset for tests. Clones share the offset.
#[derive(Clone, Debug, Default)]
pub struct Clock(Arc<AtomicI64>);

impl Clock {
    /// A clock without an offset.
    pub fn new() -> Self {
        Self::default()
    }

    /// A clock that shows this time since 1970 now, and goes on from there.
    pub fn starting_at(since_epoch: Duration) -> Self {
        Self(Arc::new(AtomicI64::new(nanos(since_epoch).saturating_sub(nanos(system_time())))))
    }

    /// Moves the components' time forward. Timers and the cron schedule keep the system's time.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(nanos(by), Ordering::Relaxed);
    }

    /// Moves the components' time back, as a clock that ran ahead is corrected.
    pub fn set_back(&self, by: Duration) {
        self.0.fetch_sub(nanos(by), Ordering::Relaxed);
    }

    /// The time since 1970 in UTC.
    pub fn since_epoch(&self) -> Duration {
        let nanos = nanos(system_time()).saturating_add(self.0.load(Ordering::Relaxed));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or_default())
    }
}

fn system_time() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// Enough for three centuries.
fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

impl HostWallClock for Clock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        self.since_epoch()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_moves_and_clones_move_with_it() {
        let (clock, other) = (Clock::new(), Clock::new());
        let copy = clock.clone();
        copy.advance(Duration::from_secs(600));
        let ahead = clock.since_epoch() - other.since_epoch();
        assert!(ahead >= Duration::from_secs(599) && ahead <= Duration::from_secs(601));
        clock.set_back(Duration::from_secs(1200));
        let behind = other.since_epoch() - clock.since_epoch();
        assert!(behind >= Duration::from_secs(599) && behind <= Duration::from_secs(601));
    }

    #[test]
    fn it_can_start_at_any_time() {
        let moment = Duration::from_secs(1_770_201_000);
        let passed = Clock::starting_at(moment).since_epoch() - moment;
        assert!(passed <= Duration::from_secs(1));
    }
}
