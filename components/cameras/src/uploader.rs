//! Uploads of recordings: in pieces, each run some of them, on from where the session stands.
//!
//! The relay's playback cannot begin in the middle, so that what was sent already is read again, and its checksum with it: the whole is compared
//! with what the bucket says of its object, whoever sent which part of it.

use bytes::{Bytes, BytesMut};
use domain::time::{HOUR_MS, MINUTE_MS, SECOND_MS};
use kit::db::{Database, Executor as _, Fetch as _};
use kit::row::FromRow;
use kit::{Answer, clock, config, host, params};

use crate::credentials::{Keys, Sealed};
use crate::gcs::{Bucket, Failure, GRAIN, Object, Progress, checksum};
use crate::relay::Relay;

/// A piece, bytes.
const PIECE: usize = 8 * GRAIN as usize;

/// How long a run works on uploads, milliseconds: the next one comes half a minute after it.
const RUN_MS: u64 = 12_000;

/// For how long nobody else works on one, milliseconds: longer than a run and its longest exchange.
const LEASE_MS: i64 = 2 * MINUTE_MS;

/// After so many attempts in a row that did not get on, one is given up until somebody asks again.
const MOST_ATTEMPTS: i64 = 12;

/// After it was begun anew so often, too.
const MOST_RESTARTS: i64 = 5;

#[derive(FromRow)]
struct Transfer {
    id: String,
    object: String,
    session: Option<Vec<u8>>,
    session_key: Option<String>,
    attempts: i64,
    restarts: i64,
    relay_path: String,
    span_started_at: i64,
    duration_ms: i64,
}

/// Why one has not come to its end.
enum Stop {
    /// The run's time is over; it goes on with the next.
    Later,
    /// It is to be tried again after a pause.
    Retry(String),
    /// It is to be begun anew.
    Anew(String),
    /// It is given up.
    GiveUp(String),
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

const TAKE: &str = "update recording_transfers set state = 'uploading', lease_until = ?1 + ?2, started_at = coalesce(started_at, ?1), updated_at = ?1
     where id = (
         select id from recording_transfers indexed by recording_transfers_due
         where state in ('pending', 'uploading') and next_attempt_at <= ?1 and (lease_until is null or lease_until < ?1 or lease_until > ?1 + 2 * ?2)
         order by next_attempt_at limit 1
     )
     returning id, object, session, session_key, attempts, restarts, span_started_at,
         (select r.relay_path from camera_recordings r where r.id = recording_id) as relay_path,
         (select s.duration_ms from recording_spans s where s.recording_id = recording_transfers.recording_id and s.started_at = span_started_at)
             as duration_ms";

/// Uploads what waits, for as long as a run may; how many objects are whole.
pub async fn run(relay: &Relay, now: i64) -> Answer<usize> {
    let Some(bucket) = Bucket::configured().await? else { return Ok(0) };
    let keys = Keys::load().await?;
    let limit = u64::try_from(config::number("gcs_bytes_per_second", 0).await?).unwrap_or_default();
    let started = clock::now_ms();
    let mut completed = 0;
    while clock::now_ms().saturating_sub(started) < RUN_MS {
        let at = now + i64::try_from(clock::now_ms().saturating_sub(started)).unwrap_or_default();
        let Some(transfer) = Database.fetch_optional::<Transfer>(TAKE, params![at, LEASE_MS])? else { break };
        let mut work = Work { relay, bucket: &bucket, keys: &keys, transfer: &transfer, started, limit, at, got_on: false };
        let outcome = work.upload().await;
        completed += usize::from(outcome.is_ok());
        let (at, got_on) = (work.at, work.got_on);
        settle(&transfer, outcome, got_on, at)?;
    }
    Ok(completed)
}

struct Work<'a> {
    relay: &'a Relay,
    bucket: &'a Bucket,
    keys: &'a Keys,
    transfer: &'a Transfer,
    started: u64,
    limit: u64,
    at: i64,
    /// Whether the bucket has more than before.
    got_on: bool,
}

/// An object that is whole.
struct Whole {
    bytes: u64,
    crc32c: String,
}

impl Work<'_> {
    async fn upload(&mut self) -> Result<Whole, Stop> {
        let (session, at_bucket) = match self.kept_session()? {
            Some(session) => {
                let progress = self.bucket.stands(&session, self.at).await?;
                (session, progress)
            }
            None => {
                let session = self.bucket.begin(&self.transfer.object, self.at).await?;
                self.keep(&session)?;
                (session, Progress::Has(0))
            }
        };
        let mut has = match at_bucket {
            Progress::Has(bytes) => bytes,
            // Whole already, or cut short by whoever asked: its checksum tells.
            Progress::Done(object) => return self.compare_by_reading(&object).await,
        };
        let stretch = (self.transfer.span_started_at, self.transfer.span_started_at + self.transfer.duration_ms);
        let opened = self
            .relay
            .open(&self.transfer.relay_path, stretch)
            .await
            .map_err(|_| Stop::Retry("the relay does not play it back".to_owned()))?;
        let (mut body, mut crc, mut read) = (opened.body, 0_u32, 0_u64);
        let mut piece = BytesMut::new();
        let mut is_end = false;
        loop {
            while piece.len() < PIECE && !is_end {
                match body.next().await {
                    Some(Ok(bytes)) => {
                        crc = crc32c::crc32c_append(crc, &bytes);
                        let skipped = usize::try_from(has.saturating_sub(read)).unwrap_or(usize::MAX).min(bytes.len());
                        read += bytes.len() as u64;
                        piece.extend_from_slice(bytes.get(skipped..).unwrap_or_default());
                    }
                    Some(Err(_)) => return Err(Stop::Retry("the relay broke off".to_owned())),
                    None => is_end = true,
                }
            }
            if is_end && read < has {
                return Err(Stop::Anew("the bucket has more than there is".to_owned()));
            }
            // What is no whole piece goes with what comes after it, unless nothing does.
            let length = if is_end && piece.len() <= PIECE { piece.len() } else { PIECE };
            let is_last = is_end && length == piece.len();
            let sent: Bytes = piece.get(..length).map(Bytes::copy_from_slice).unwrap_or_default();
            let progress = self.bucket.piece(&session, has, sent, is_last.then_some(read), self.at).await?;
            match progress {
                Progress::Done(object) if is_last => return compared(&object, read, crc),
                Progress::Done(_) => return Err(Stop::Anew("the bucket ended the upload early".to_owned())),
                Progress::Has(now_has) => {
                    // It may have kept less than it was sent: the rest is sent again.
                    let kept = now_has.checked_sub(has).and_then(|kept| usize::try_from(kept).ok()).filter(|kept| *kept <= length);
                    let Some(kept) = kept else { return Err(Stop::Retry("the bucket has lost what it had".to_owned())) };
                    if kept == 0 && !is_last {
                        return Err(Stop::Retry("the bucket takes nothing".to_owned()));
                    }
                    let _ = piece.split_to(kept);
                    has = now_has;
                    if is_last && kept == 0 {
                        return Err(Stop::Retry("the bucket does not end the upload".to_owned()));
                    }
                    self.note(has)?;
                    self.hold_back(kept).await;
                }
            }
            if clock::now_ms().saturating_sub(self.started) >= RUN_MS {
                return Err(Stop::Later);
            }
        }
    }

    /// Compares an object that is there with the file, which is read for that.
    async fn compare_by_reading(&self, object: &Object) -> Result<Whole, Stop> {
        let stretch = (self.transfer.span_started_at, self.transfer.span_started_at + self.transfer.duration_ms);
        let opened = self
            .relay
            .open(&self.transfer.relay_path, stretch)
            .await
            .map_err(|_| Stop::Retry("the relay does not play it back".to_owned()))?;
        let (mut body, mut crc, mut read) = (opened.body, 0_u32, 0_u64);
        while let Some(bytes) = body.next().await {
            let bytes = bytes.map_err(|_| Stop::Retry("the relay broke off".to_owned()))?;
            crc = crc32c::crc32c_append(crc, &bytes);
            read += bytes.len() as u64;
        }
        compared(object, read, crc)
    }

    fn kept_session(&self) -> Result<Option<String>, Stop> {
        let Some((bytes, key)) = self.transfer.session.as_ref().zip(self.transfer.session_key.as_ref()) else { return Ok(None) };
        let sealed = Sealed { bytes: bytes.clone(), key: key.clone() };
        // One that does not open, after a key that was lost, is begun anew.
        self.keys
            .open(&self.transfer.id, &sealed)
            .map(|session| Some(session.password))
            .map_err(|_| Stop::Anew("the session cannot be opened".to_owned()))
    }

    fn keep(&self, session: &str) -> Result<(), Stop> {
        let credentials = crate::credentials::Credentials { username: String::new(), password: session.to_owned() };
        let sealed = self.keys.seal(&self.transfer.id, &credentials).map_err(|problem| Stop::Retry(problem.detail().to_owned()))?;
        let kept = Database.run(
            "update recording_transfers set session = ?2, session_key = ?3, sent_bytes = 0 where id = ?1",
            params![&self.transfer.id, sealed.bytes, sealed.key],
        );
        kept.map(drop).map_err(|_| Stop::Retry("the session cannot be kept".to_owned()))
    }

    /// Notes what the bucket has, and that somebody is at work.
    fn note(&mut self, has: u64) -> Result<(), Stop> {
        self.at = host::now_ms().max(self.at);
        self.got_on = true;
        let noted = Database.run(
            "update recording_transfers set sent_bytes = ?2, error = null, lease_until = ?3, updated_at = ?4 where id = ?1",
            params![&self.transfer.id, i64::try_from(has).unwrap_or(i64::MAX), self.at + LEASE_MS, self.at],
        );
        noted.map(drop).map_err(|_| Stop::Retry("progress cannot be noted".to_owned()))
    }

    /// Waits as long as so many bytes are to take.
    async fn hold_back(&self, bytes: usize) {
        if let Some(pause) = (bytes as u64).saturating_mul(1000).checked_div(self.limit) {
            clock::sleep_ms(pause).await;
        }
    }
}

fn compared(object: &Object, read: u64, crc: u32) -> Result<Whole, Stop> {
    let crc32c = checksum(crc);
    if read == 0 {
        return Err(Stop::GiveUp("the file is empty".to_owned()));
    }
    if object.crc32c == crc32c && object.size == read.to_string() {
        Ok(Whole { bytes: read, crc32c })
    } else {
        Err(Stop::Anew("what is in the bucket is not what was sent".to_owned()))
    }
}

/// When the next attempt is, after so many that failed: longer each time, at most six hours, and not all at once.
fn next_attempt(attempts: i64, id: &str, now: i64) -> i64 {
    let doubled = (30 * SECOND_MS) << attempts.clamp(0, 10);
    let spread = i64::from(id.bytes().fold(0_u8, u8::wrapping_add)) * SECOND_MS / 16;
    now + doubled.min(6 * HOUR_MS) + spread
}

fn settle(transfer: &Transfer, outcome: Result<Whole, Stop>, got_on: bool, now: i64) -> Answer<()> {
    let (attempts, restarts) = (if got_on { 1 } else { transfer.attempts + 1 }, transfer.restarts + 1);
    match outcome {
        Ok(Whole { bytes, crc32c }) => {
            let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
            Database.run(
                "update recording_transfers set state = 'completed', completed_at = ?2, updated_at = ?2, sent_bytes = ?3, total_bytes = ?3, crc32c = ?4, session = null,
                    session_key = null, lease_until = null, error = null, attempts = 0
                 where id = ?1",
                params![&transfer.id, now, bytes, crc32c],
            )?;
            Database.run(
                "update recording_spans set bytes = ?3
                 where recording_id = (select recording_id from recording_transfers where id = ?1) and started_at = ?2",
                params![&transfer.id, transfer.span_started_at, bytes],
            )?;
        }
        Err(Stop::Later) => {
            Database.run(
                "update recording_transfers set lease_until = null, next_attempt_at = ?2, updated_at = ?2 where id = ?1",
                params![&transfer.id, now],
            )?;
        }
        Err(Stop::Retry(why)) if attempts >= MOST_ATTEMPTS => give_up(&transfer.id, &why, now)?,
        Err(Stop::Anew(why)) if restarts >= MOST_RESTARTS => give_up(&transfer.id, &why, now)?,
        Err(Stop::Retry(why)) => {
            Database.run(
                "update recording_transfers set lease_until = null, next_attempt_at = ?2, attempts = ?3, error = ?4, updated_at = ?5 where id = ?1",
                params![&transfer.id, next_attempt(attempts, &transfer.id, now), attempts, why, now],
            )?;
        }
        Err(Stop::Anew(why)) => {
            // The first time at once: a session may just have been too old.
            let next = if restarts == 1 { now } else { next_attempt(restarts, &transfer.id, now) };
            Database.run(
                "update recording_transfers set lease_until = null, next_attempt_at = ?2, restarts = ?3, error = ?4, session = null, session_key = null,
                    sent_bytes = 0, updated_at = ?5
                 where id = ?1",
                params![&transfer.id, next, restarts, why, now],
            )?;
        }
        Err(Stop::GiveUp(why)) => give_up(&transfer.id, &why, now)?,
    }
    Ok(())
}

fn give_up(id: &str, why: &str, now: i64) -> Answer<()> {
    Database.run(
        "update recording_transfers set state = 'failed', lease_until = null, next_attempt_at = ?2, updated_at = ?2, error = ?3, session = null, session_key = null
         where id = ?1",
        params![id, now, why],
    )?;
    Ok(())
}
