//! The guests' wall clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use wasmtime_wasi::HostWallClock;

/// The time that components see: the system's, plus an offset for tests. Clones share the offset.
#[derive(Clone, Debug, Default)]
pub struct Clock(Arc<AtomicU64>);

impl Clock {
    /// A clock without an offset.
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves the components' time forward. Timers and the cron schedule keep the system's time.
    pub fn advance(&self, by: Duration) {
        let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.0.fetch_add(nanos, Ordering::Relaxed);
    }

    /// How far it has been moved forward.
    pub fn offset(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }

    /// The time since 1970 in UTC.
    pub fn since_epoch(&self) -> Duration {
        let real = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        real.unwrap_or_default() + self.offset()
    }
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
        assert_eq!(clock.offset(), Duration::from_secs(600));
        let ahead = clock.since_epoch() - other.since_epoch();
        assert!(ahead >= Duration::from_secs(599) && ahead <= Duration::from_secs(601));
    }
}
