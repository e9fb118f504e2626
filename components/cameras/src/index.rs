//! What there really is of a recording: the relay is asked, while it goes on and until a while after it has ended.

use domain::camera::schedule::Span;
use domain::time::{MINUTE_MS, not_ahead};
use kit::db::{self, Database, Executor as _, Fetch as _};
use kit::row::FromRow;
use kit::{Answer, Problem, clock, params};

use crate::relay::{Failure, Relay};

/// How often one that goes on is compared, milliseconds.
const EVERY_MS: i64 = 5 * MINUTE_MS;

/// How long after its end the relay may still be writing, milliseconds.
const SETTLES_MS: i64 = 2 * MINUTE_MS;

/// The longest stretch, milliseconds: what is longer is several, so that a file can be read and sent whole again.
const LONGEST_MS: i64 = 30 * MINUTE_MS;

/// Recordings that one run compares: many, since those that the relay refuses to list stay the first.
const BATCH: i64 = 500;

/// How long a run compares, milliseconds.
const RUN_MS: u64 = 10_000;

#[derive(FromRow)]
struct Unsettled {
    id: String,
    relay_path: String,
    started_at: i64,
    ended_at: Option<i64>,
}

/// Compares recordings with what the relay has; how many.
pub async fn run(relay: &Relay, now: i64) -> Answer<usize> {
    let due: Vec<Unsettled> = Database.fetch_all(
        "select id, relay_path, started_at, ended_at from camera_recordings indexed by camera_recordings_unsettled
         where is_settled = 0 and (checked_at is null or checked_at < ?1 - ?2 or checked_at > ?1 or checked_at < ended_at + ?3)
         order by checked_at limit ?4",
        params![now, EVERY_MS, SETTLES_MS, BATCH],
    )?;
    let (mut compared, started) = (0, clock::now_ms());
    for recording in due {
        if clock::now_ms().saturating_sub(started) >= RUN_MS {
            break;
        }
        let end = recording.ended_at.map_or(now, |end| not_ahead(end, now));
        let spans = match relay.spans(&recording.relay_path, (recording.started_at, end)).await {
            Ok(spans) => spans,
            Err(Failure::Away) => break,
            // The others may be there all the same.
            Err(Failure::Refused(_)) => continue,
        };
        let is_settled = recording.ended_at.is_some_and(|end| now >= end + SETTLES_MS);
        db::transaction(|db| {
            // One whose end has not moved keeps its size.
            let kept = serde_json::to_string(&split(&spans)).map_err(Problem::internal)?;
            db.run(
                "delete from recording_spans where recording_id = ?1 and not exists (
                     select 1 from json_each(?2) j where j.value ->> 0 = started_at and (j.value ->> 1) - (j.value ->> 0) = duration_ms)",
                params![&recording.id, &kept],
            )?;
            db.run(
                "insert into recording_spans (recording_id, started_at, duration_ms)
                 select ?1, value ->> 0, (value ->> 1) - (value ->> 0) from json_each(?2) where true
                 on conflict do nothing",
                params![&recording.id, &kept],
            )?;
            db.run(
                "update camera_recordings set checked_at = ?2, is_settled = ?3,
                    status = case when ?3 and not exists (select 1 from recording_spans where recording_id = ?1) then 'failed' else status end,
                    error = case when ?3 and not exists (select 1 from recording_spans where recording_id = ?1) then 'nothing_recorded' else error end,
                    updated_at = case when ?3 then ?2 else updated_at end
                 where id = ?1",
                params![&recording.id, now, is_settled],
            )?;
            Ok::<_, Problem>(())
        })?;
        compared += 1;
    }
    Ok(compared)
}

/// The stretches, those that are too long as several.
fn split(spans: &[Span]) -> Vec<Span> {
    let parts = spans.iter().flat_map(|(start, end)| {
        let starts = std::iter::successors(Some(*start), |at| Some(at.saturating_add(LONGEST_MS))).take_while(|at| at < end);
        starts.map(|at| (at, at.saturating_add(LONGEST_MS).min(*end)))
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_stretch_is_several_that_stay_where_they_are() {
        assert_eq!(split(&[(0, LONGEST_MS), (LONGEST_MS + 5, LONGEST_MS + 9)]), [(0, LONGEST_MS), (LONGEST_MS + 5, LONGEST_MS + 9)]);
        let longer = [(7, LONGEST_MS + 7), (LONGEST_MS + 7, 2 * LONGEST_MS + 7), (2 * LONGEST_MS + 7, 2 * LONGEST_MS + 8)];
        assert_eq!(split(&[(7, 2 * LONGEST_MS + 8)]), longer);
        assert_eq!(split(&[(7, 2 * LONGEST_MS + 7)]), longer[..2]);
        assert!(split(&[]).is_empty());
    }
}
