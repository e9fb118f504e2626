//! Waiting for SQLite's write lock.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::ErrorCode;

/// How long a statement waits for the write lock before it fails with "database is locked", as on Spin.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Held by the connection that writes, so that those of this process queue fairly instead of polling SQLite's lock.
pub type WriteLock = Arc<tokio::sync::Mutex<()>>;

/// Whether a statement failed because another connection holds the lock, and may succeed when it is run again. (A transaction whose
/// snapshot is outdated cannot.)
pub fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error, rusqlite::Error::SqliteFailure(it, _)
        if matches!(it.code, ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
            && it.extended_code != rusqlite::ffi::SQLITE_BUSY_SNAPSHOT)
}

/// Retries while a connection of another process holds the lock, for [`BUSY_TIMEOUT`] at most.
///
/// SQLite's own busy handler would block the thread.
pub struct BusyRetry {
    deadline: Instant,
}

impl BusyRetry {
    /// Starts the timeout.
    pub fn new() -> Self {
        Self { deadline: Instant::now() + BUSY_TIMEOUT }
    }

    /// Waits before the next attempt; returns `false` at once if the time is up.
    pub async fn wait(&self) -> bool {
        let retry = Instant::now() < self.deadline;
        if retry {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        retry
    }

    /// As [`BusyRetry::wait`], on a thread that may block.
    pub fn wait_blocking(&self) -> bool {
        let retry = Instant::now() < self.deadline;
        if retry {
            std::thread::sleep(Duration::from_micros(500));
        }
        retry
    }
}
