//! What becomes of an upload when a run stops working on it: only what is still that run's to say.

use const_format::concatcp;
use domain::time::{HOUR_MS, SECOND_MS};
use kit::db::{self, Database, Executor as _, Fetch as _};
use kit::{Answer, Problem, params};

use crate::gcs::Failure;
use crate::uploader::Transfer;

/// After so many attempts in a row that did not get on, one is given up until somebody asks again.
const MOST_ATTEMPTS: i64 = 12;

/// After it was begun anew so often, too.
const MOST_RESTARTS: i64 = 5;

/// An object that is whole.
pub struct Whole {
    /// Its size.
    pub bytes: u64,
    /// Its checksum, as the bucket writes it.
    pub crc32c: String,
}

/// Why one has not come to its end.
pub enum Stop {
    /// It goes on from this moment on: the run's time is over, or no more may be sent before.
    Later(i64),
    /// It is to be tried again after a pause.
    Retry(String),
    /// It is to be begun anew.
    Anew(String),
    /// It is given up.
    GiveUp(String),
    /// Another run has taken it over, and says what becomes of it.
    Lost,
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Away(why) => Self::Retry(why),
            Failure::Refused(why) => Self::GiveUp(why),
            Failure::Gone => Self::Anew("the bucket's session is gone".to_owned()),
        }
    }
}

/// When the next attempt is, after so many that failed: longer each time, at most six hours, and not all at once.
fn next_attempt(attempts: i64, id: &str, now: i64) -> i64 {
    let doubled = (30 * SECOND_MS) << attempts.clamp(0, 10);
    let spread = i64::from(id.bytes().fold(0_u8, u8::wrapping_add)) * SECOND_MS / 16;
    now + doubled.min(6 * HOUR_MS) + spread
}

/// Every statement is for the run whose upload it is: `?1` and `?2` are its id and owner.
const OWN: &str = " where id = ?1 and lease_owner = ?2 returning 1";

const COMPLETE: &str = concatcp!(
    "update recording_transfers set state = 'completed', completed_at = ?3, updated_at = ?3, sent_bytes = ?4, total_bytes = ?4, crc32c = ?5,
        session = null, session_key = null, lease_until = null, lease_owner = null, error = null, attempts = 0",
    OWN
);

const LATER: &str =
    concatcp!("update recording_transfers set lease_until = null, lease_owner = null, next_attempt_at = ?4, updated_at = ?3", OWN);

const RETRY: &str = concatcp!(
    "update recording_transfers set lease_until = null, lease_owner = null, next_attempt_at = ?4, attempts = ?5, error = ?6, updated_at = ?3",
    OWN
);

const ANEW: &str = concatcp!(
    "update recording_transfers set lease_until = null, lease_owner = null, next_attempt_at = ?4, restarts = ?5, error = ?6, session = null,
        session_key = null, sent_bytes = 0, updated_at = ?3",
    OWN
);

const GIVE_UP: &str = concatcp!(
    "update recording_transfers set state = 'failed', lease_until = null, lease_owner = null, next_attempt_at = ?3, updated_at = ?3, error = ?4,
        session = null, session_key = null",
    OWN
);

/// Notes what became of an upload; whether it was this run's to note.
pub fn settle(transfer: &Transfer, outcome: Result<Whole, Stop>, got_on: bool, now: i64) -> Answer<bool> {
    let (attempts, restarts) = (if got_on { 1 } else { transfer.attempts + 1 }, transfer.restarts + 1);
    let (id, owner) = (&transfer.id, &transfer.lease_owner);
    match outcome {
        Ok(Whole { bytes, crc32c }) => complete(transfer, i64::try_from(bytes).unwrap_or(i64::MAX), &crc32c, now),
        Err(Stop::Lost) => Ok(false),
        Err(Stop::Later(at)) => Database.exists(LATER, params![id, owner, now, at]),
        Err(Stop::Retry(why)) if attempts >= MOST_ATTEMPTS => give_up(transfer, &why, now),
        Err(Stop::Anew(why)) if restarts >= MOST_RESTARTS => give_up(transfer, &why, now),
        Err(Stop::Retry(why)) => Database.exists(RETRY, params![id, owner, now, next_attempt(attempts, id, now), attempts, why]),
        Err(Stop::Anew(why)) => {
            // The first time at once: a session may just have been too old.
            let next = if restarts == 1 { now } else { next_attempt(restarts, id, now) };
            Database.exists(ANEW, params![id, owner, now, next, restarts, why])
        }
        Err(Stop::GiveUp(why)) => give_up(transfer, &why, now),
    }
}

fn complete(transfer: &Transfer, bytes: i64, crc32c: &str, now: i64) -> Answer<bool> {
    db::transaction(|db| {
        if !db.exists(COMPLETE, params![&transfer.id, &transfer.lease_owner, now, bytes, crc32c])? {
            return Ok(false);
        }
        db.run(
            "update recording_spans set bytes = ?3
             where recording_id = (select recording_id from recording_transfers where id = ?1) and started_at = ?2",
            params![&transfer.id, transfer.span_started_at, bytes],
        )?;
        Ok::<_, Problem>(true)
    })
}

fn give_up(transfer: &Transfer, why: &str, now: i64) -> Answer<bool> {
    Database.exists(GIVE_UP, params![&transfer.id, &transfer.lease_owner, now, why])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_further_apart_each_time_and_never_more_than_six_hours() {
        let pauses: Vec<i64> = (0..30).map(|attempts| next_attempt(attempts, "a", 0)).collect();
        assert!(pauses.is_sorted() && pauses[0] >= 30 * SECOND_MS && pauses[29] <= 6 * HOUR_MS + 16 * SECOND_MS, "{pauses:?}");
    }
}
