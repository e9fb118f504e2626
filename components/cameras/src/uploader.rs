//! Uploads of recordings: in pieces, each run some of them, on from where the session stands.
//!
//! The relay's playback cannot begin in the middle, so that what was sent already is read again, and its checksum with it: the whole is compared
//! with what the bucket says of its object, whoever sent which part of it.

use bytes::{Bytes, BytesMut};
use domain::time::MINUTE_MS;
use kit::db::{Database, Fetch as _};
use kit::row::FromRow;
use kit::{Answer, clock, host, params};

use crate::credentials::{Credentials, Keys, Sealed};
use crate::file::File;
use crate::gcs::{Bucket, Object, Progress, checksum};
use crate::pace::Pace;
use crate::relay::Relay;
use crate::upload_end::{Stop, Whole, settle};

/// How long a run works on uploads, milliseconds: the next one comes half a minute after it.
const RUN_MS: u64 = 12_000;

/// For how long nobody else works on one, milliseconds: longer than what is waited for between two renewals.
const LEASE_MS: i64 = 2 * MINUTE_MS;

/// How often whoever works on one says so while it reads, milliseconds.
const RENEWED_MS: u64 = 20_000;

/// How long the file of a stretch may take, milliseconds: a stretch is half an hour of pictures at most.
const READ_MS: u64 = 10 * 60 * 1000;

/// An upload that this run works on.
#[derive(FromRow)]
pub struct Transfer {
    /// Its id.
    pub id: String,
    /// Whose it is: this run's, until another takes it over.
    pub lease_owner: String,
    object: String,
    session: Option<Vec<u8>>,
    session_key: Option<String>,
    /// Attempts that failed since it last got on.
    pub attempts: i64,
    /// How often it was begun anew.
    pub restarts: i64,
    relay_path: String,
    /// Where its stretch begins.
    pub span_started_at: i64,
    duration_ms: i64,
}

const TAKE: &str = "update recording_transfers set state = 'uploading', lease_until = ?1 + ?2, lease_owner = ?3, started_at = coalesce(started_at, ?1),
        updated_at = ?1
     where id = (
         select id from recording_transfers indexed by recording_transfers_due
         where state in ('pending', 'uploading') and next_attempt_at <= ?1 and (lease_until is null or lease_until < ?1 or lease_until > ?1 + 2 * ?2)
         order by next_attempt_at limit 1
     )
     returning id, lease_owner, object, session, session_key, attempts, restarts, span_started_at,
         (select r.relay_path from camera_recordings r where r.id = recording_id) as relay_path,
         (select s.duration_ms from recording_spans s where s.recording_id = recording_transfers.recording_id and s.started_at = span_started_at)
             as duration_ms";

/// Uploads what waits, for as long as a run may; how many objects are whole.
pub async fn run(relay: &Relay, now: i64) -> Answer<usize> {
    let Some(bucket) = Bucket::configured().await? else { return Ok(0) };
    let (keys, pace) = (Keys::load().await?, Pace::configured().await?);
    let (started, now) = (clock::now_ms(), host::now_ms().max(now));
    let spent = || clock::now_ms().saturating_sub(started);
    let mut completed = 0;
    while spent() < RUN_MS {
        let at = now + i64::try_from(spent()).unwrap_or_default();
        // No file is read while nothing may be sent.
        match u64::try_from(pace.free_at(at)? - at) {
            Ok(0) | Err(_) => {}
            Ok(wait) if spent() + wait >= RUN_MS => break,
            Ok(wait) => {
                clock::sleep_ms(wait).await;
                continue;
            }
        }
        let Some(transfer) = Database.fetch_optional::<Transfer>(TAKE, params![at, LEASE_MS, host::new_id(at)?])? else { break };
        let mut work =
            Work { relay, bucket: &bucket, keys: &keys, transfer: &transfer, started, pace, at, renewed: clock::now_ms(), got_on: false };
        let outcome = work.upload().await;
        let is_whole = outcome.is_ok();
        let (at, got_on) = (host::now_ms().max(work.at), work.got_on);
        completed += usize::from(settle(&transfer, outcome, got_on, at)? && is_whole);
    }
    Ok(completed)
}

struct Work<'a> {
    relay: &'a Relay,
    bucket: &'a Bucket,
    keys: &'a Keys,
    transfer: &'a Transfer,
    started: u64,
    pace: Pace,
    at: i64,
    /// When the lease was renewed, by the monotonic clock.
    renewed: u64,
    /// Whether the bucket has more than before.
    got_on: bool,
}

/// The file as it is read, with its checksum so far.
struct Source {
    file: File,
    crc: u32,
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
        let mut source = self.open().await?;
        let mut has = match at_bucket {
            Progress::Has(bytes) => bytes,
            // Whole already, or cut short by whoever asked: its checksum tells.
            Progress::Done(object) => return self.compare_by_reading(&object, source).await,
        };
        let size = self.pace.piece(self.transfer.attempts);
        let mut piece = BytesMut::new();
        let mut is_end = false;
        loop {
            while piece.len() < size && !is_end {
                let before = source.file.read;
                match self.read(&mut source).await? {
                    Some(bytes) => {
                        let skipped = usize::try_from(has.saturating_sub(before)).unwrap_or(usize::MAX).min(bytes.len());
                        piece.extend_from_slice(bytes.get(skipped..).unwrap_or_default());
                    }
                    None => is_end = true,
                }
            }
            let read = source.file.read;
            if is_end && read < has {
                return Err(Stop::Anew("the bucket has more than there is".to_owned()));
            }
            // What is no whole piece goes with what comes after it, unless nothing does.
            let length = if is_end && piece.len() <= size { piece.len() } else { size };
            let is_last = is_end && length == piece.len();
            let sent: Bytes = piece.get(..length).map(Bytes::copy_from_slice).unwrap_or_default();
            self.wait_for_leave(length).await?;
            let progress = self.bucket.piece(&session, has, sent, is_last.then_some(read), self.at).await?;
            match progress {
                Progress::Done(object) if is_last => return compared(&object, read, source.crc),
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
                }
            }
            if clock::now_ms().saturating_sub(self.started) >= RUN_MS {
                return Err(Stop::Later(self.at));
            }
        }
    }

    async fn open(&self) -> Result<Source, Stop> {
        let stretch = (self.transfer.span_started_at, self.transfer.span_started_at + self.transfer.duration_ms);
        let opened = File::open(self.relay, &self.transfer.relay_path, stretch, READ_MS).await;
        opened.map(|file| Source { file, crc: 0 }).map_err(|_| Stop::Retry("the relay does not play it back".to_owned()))
    }

    /// The next bytes of the file; none at its end. However long it takes, nobody else takes the upload over.
    async fn read(&mut self, source: &mut Source) -> Result<Option<Bytes>, Stop> {
        self.renew()?;
        let Some(bytes) = source.file.next().await else { return Ok(None) };
        let bytes = bytes.map_err(|broken| Stop::Retry(broken.sentence().to_owned()))?;
        source.crc = crc32c::crc32c_append(source.crc, &bytes);
        Ok(Some(bytes))
    }

    /// Compares an object that is there with the file, which is read for that.
    async fn compare_by_reading(&mut self, object: &Object, mut source: Source) -> Result<Whole, Stop> {
        while self.read(&mut source).await?.is_some() {}
        compared(object, source.file.read, source.crc)
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
        let credentials = Credentials { username: String::new(), password: session.to_owned() };
        let sealed = self.keys.seal(&self.transfer.id, &credentials).map_err(|problem| Stop::Retry(problem.detail().to_owned()))?;
        let kept = Database.exists(
            "update recording_transfers set session = ?3, session_key = ?4, sent_bytes = 0 where id = ?1 and lease_owner = ?2 returning 1",
            params![&self.transfer.id, &self.transfer.lease_owner, sealed.bytes, sealed.key],
        );
        held(kept.map_err(|_| Stop::Retry("the session cannot be kept".to_owned()))?)
    }

    /// Notes what the bucket has, and that somebody is at work.
    fn note(&mut self, has: u64) -> Result<(), Stop> {
        self.got_on = true;
        self.lease(Some(i64::try_from(has).unwrap_or(i64::MAX)))
    }

    /// Says that somebody is at work, unless that was said a moment ago.
    fn renew(&mut self) -> Result<(), Stop> {
        if clock::now_ms().saturating_sub(self.renewed) < RENEWED_MS { Ok(()) } else { self.lease(None) }
    }

    fn lease(&mut self, has: Option<i64>) -> Result<(), Stop> {
        self.at = host::now_ms().max(self.at);
        let noted = Database.exists(
            "update recording_transfers set lease_until = ?3, sent_bytes = coalesce(?4, sent_bytes), error = iif(?4 is null, error, null), updated_at = ?5
             where id = ?1 and lease_owner = ?2 returning 1",
            params![&self.transfer.id, &self.transfer.lease_owner, self.at + LEASE_MS, has, self.at],
        );
        self.renewed = clock::now_ms();
        held(noted.map_err(|_| Stop::Retry("progress cannot be noted".to_owned()))?)
    }

    /// Waits until so many bytes may be sent; where that is after the run, the upload waits without it.
    async fn wait_for_leave(&mut self, bytes: usize) -> Result<(), Stop> {
        let unknown = |_| Stop::Retry("the pace of uploads cannot be noted".to_owned());
        loop {
            self.renew()?;
            let now = host::now_ms().max(self.at);
            if self.pace.take(bytes, now).map_err(unknown)? {
                return Ok(());
            }
            let free_at = self.pace.free_at(now).map_err(unknown)?.max(now + 1);
            let wait = u64::try_from(free_at - now).unwrap_or_default();
            if clock::now_ms().saturating_sub(self.started) + wait >= RUN_MS {
                return Err(Stop::Later(free_at));
            }
            clock::sleep_ms(wait).await;
        }
    }
}

/// Whether what was to be noted was still this run's to note.
fn held(is_held: bool) -> Result<(), Stop> {
    if is_held { Ok(()) } else { Err(Stop::Lost) }
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
