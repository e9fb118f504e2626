//! Waiting for the writers' lock.

use std::time::{Duration, Instant};

use super::DbError;
use crate::host;

/// How long a statement is tried again while other writers hold the database. With the host's own wait of up to five seconds for the
/// last attempt, it stays within the time that a request has.
const TRIED_FOR: Duration = Duration::from_secs(16);

/// The longest pause between two attempts, milliseconds.
const MAX_PAUSE_MS: u64 = 200;

/// Runs it until it is not refused because other writers hold the database, or the time is up.
///
/// SQLite's own wait is not fair: who waits asks at intervals, who comes just then goes first. Of many writers some never get their turn
/// within its time; with a new attempt after a pause of random length they do.
pub fn retry<T>(mut attempt: impl FnMut() -> Result<T, DbError>) -> Result<T, DbError> {
    let mut began = None;
    let mut longest_ms = 4;
    loop {
        match attempt() {
            Err(DbError::Busy) if began.get_or_insert_with(Instant::now).elapsed() < TRIED_FOR => {
                std::thread::sleep(pause(longest_ms));
                longest_ms = (2 * longest_ms).min(MAX_PAUSE_MS);
            }
            done => return done,
        }
    }
}

/// From one millisecond to the longest, by chance: those that failed together do not come back together.
fn pause(longest_ms: u64) -> Duration {
    let chance = host::random::<4>().map_or(longest_ms, |bytes| u64::from(u32::from_le_bytes(bytes)));
    Duration::from_millis(1 + chance % longest_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_as_busy_is_run_again_and_nothing_else_is() {
        let mut attempts = 0;
        let done = retry(|| {
            attempts += 1;
            if attempts < 4 { Err(DbError::Busy) } else { Ok(attempts) }
        });
        assert!(matches!(done, Ok(4)));
        let mut attempts = 0;
        let refused = retry(|| {
            attempts += 1;
            Err::<(), _>(DbError::Foreign)
        });
        assert!(matches!(refused, Err(DbError::Foreign)) && attempts == 1);
    }

    #[test]
    fn pauses_are_bounded_and_differ() {
        let pauses: std::collections::BTreeSet<_> = (0..200).map(|_| pause(MAX_PAUSE_MS)).collect();
        assert!(pauses.len() > 20 && pauses.iter().all(|pause| (1..=200).contains(&pause.as_millis())));
    }
}
