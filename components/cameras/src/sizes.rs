//! How many bytes stretches of recordings have: as the relay says when it is asked for one, or by what a part of it has. The relay lists no sizes.

use domain::camera::schedule::Span;
use domain::time::{HOUR_MS, SECOND_MS};
use kit::db::{Database, Executor as _, Fetch as _};
use kit::row::FromRow;
use kit::{Answer, clock, params};

use crate::file::File;
use crate::relay::{Failure, Relay};

/// Stretches that one run asks for.
const BATCH: i64 = 20;

/// How long a run asks, milliseconds.
const RUN_MS: u64 = 10_000;

/// How long a part that is read for an estimate is, milliseconds.
const SAMPLE_MS: i64 = 10 * SECOND_MS;

/// How long the reading of it may take, milliseconds.
const READ_MS: u64 = 10_000;

/// One whose size the relay did not tell is asked for again after so long, milliseconds.
const AGAIN_MS: i64 = HOUR_MS;

#[derive(FromRow)]
struct Unsized {
    recording_id: String,
    started_at: i64,
    duration_ms: i64,
    relay_path: String,
}

/// A size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    Known(u64),
    Estimated(u64),
}

const UNSIZED: &str = "select s.recording_id, s.started_at, s.duration_ms, r.relay_path
     from recording_spans s indexed by recording_spans_unsized cross join camera_recordings r on r.id = s.recording_id
     where s.bytes is null and s.estimated_bytes is null and (s.size_asked_at is null or s.size_asked_at < ?1 - ?2 or s.size_asked_at > ?1)
         and r.is_settled = 1 and r.removing_at is null
     order by s.size_asked_at limit ?3";

/// Notes the sizes of stretches that will not change any more; how many.
pub async fn run(relay: &Relay, now: i64) -> Answer<usize> {
    let due: Vec<Unsized> = Database.fetch_all(UNSIZED, params![now, AGAIN_MS, BATCH])?;
    let (mut sized, started) = (0, clock::now_ms());
    for Unsized { recording_id, started_at, duration_ms, relay_path } in due {
        if clock::now_ms().saturating_sub(started) >= RUN_MS {
            break;
        }
        let size = match measure(relay, &relay_path, (started_at, started_at + duration_ms)).await {
            Ok(size) => size,
            Err(Failure::Away) => break,
            // The others may be there all the same.
            Err(Failure::Refused(_)) => None,
        };
        let (known, estimated) = match size {
            Some(Size::Known(bytes)) => (stored(bytes), None),
            Some(Size::Estimated(bytes)) => (None, stored(bytes)),
            None => (None, None),
        };
        Database.run(
            "update recording_spans set bytes = coalesce(bytes, ?4), estimated_bytes = ?5, size_asked_at = ?6
             where recording_id = ?1 and started_at = ?2 and duration_ms = ?3",
            params![recording_id, started_at, duration_ms, known, estimated, now],
        )?;
        sized += usize::from(size.is_some());
    }
    Ok(sized)
}

fn stored(bytes: u64) -> Option<i64> {
    i64::try_from(bytes).ok().filter(|bytes| *bytes > 0)
}

async fn measure(relay: &Relay, path: &str, stretch: Span) -> Result<Option<Size>, Failure> {
    let part = sample(stretch);
    let mut file = File::open(relay, path, part, READ_MS).await?;
    // A relay that says how long a part is says it of the whole too. What is not read is not sent.
    if file.length.is_some() {
        drop(file);
        return Ok(File::open(relay, path, stretch, READ_MS).await?.length.map(Size::Known));
    }
    while let Some(piece) = file.next().await {
        if piece.is_err() {
            return Ok(None);
        }
    }
    Ok(scaled(file.read, part, stretch))
}

/// A part in the middle of a stretch.
fn sample((start, end): Span) -> Span {
    let from = start + ((end - start - SAMPLE_MS) / 2).max(0);
    (from, end.min(from + SAMPLE_MS))
}

/// What the whole has, if so many bytes are what a part of it has.
fn scaled(bytes: u64, part: Span, whole: Span) -> Option<Size> {
    if part == whole {
        return Some(Size::Known(bytes));
    }
    let length = |(start, end): Span| u128::try_from(end - start).ok().filter(|length| *length > 0);
    let scaled = u128::from(bytes) * length(whole)? / length(part)?;
    u64::try_from(scaled).ok().map(Size::Estimated)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_in_the_middle_stands_for_the_whole() {
        assert_eq!(sample((0, 60_000)), (25_000, 35_000));
        assert_eq!(sample((5_000, 9_000)), (5_000, 9_000));
        assert_eq!(scaled(1_000, (25_000, 35_000), (0, 60_000)), Some(Size::Estimated(6_000)));
        assert_eq!(scaled(1_000, (5_000, 9_000), (5_000, 9_000)), Some(Size::Known(1_000)));
        assert_eq!(scaled(1_000, (5, 5), (0, 9)), None);
        assert_eq!(scaled(u64::MAX, (0, 1), (0, i64::MAX)), None);
    }
}
