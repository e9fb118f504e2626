//! What was to be recorded and is not.

use domain::booking_slot::Zone;
use domain::camera::schedule::{Span, merged, missing, spans};
use domain::time::SECOND_MS;
use kit::db::{Database, Executor as _, Fetch as _};
use kit::row::FromRow;
use kit::{Answer, params};

use crate::recorder::Reason;
use crate::schedules;

/// A gap that is shorter is a run that came a moment late, milliseconds.
const LEAST_GAP_MS: i64 = 60 * SECOND_MS;

#[derive(FromRow)]
struct Open {
    camera_id: String,
}

/// The cameras of which something is missing now.
pub fn open_of_all() -> Answer<Vec<String>> {
    let open: Vec<Open> = Database.fetch_all("select camera_id from recording_gaps where ended_at is null", params![])?;
    Ok(open.into_iter().map(|open| open.camera_id).collect())
}

/// Notes that what is to be recorded is not, from now on; whether that is new.
pub fn open(camera_id: &str, reason: Reason, now: i64) -> Answer<bool> {
    Database.exists(
        "insert into recording_gaps (camera_id, started_at, reason) values (?1, ?2, ?3)
         on conflict (camera_id) where ended_at is null do nothing returning 1",
        params![camera_id, now, reason],
    )
}

/// Notes that nothing is missing any more.
pub fn close(camera_id: &str, now: i64) -> Answer<()> {
    Database.run(
        "update recording_gaps set ended_at = max(?2, started_at) where camera_id = ?1 and ended_at is null",
        params![camera_id, now],
    )?;
    Ok(())
}

#[derive(FromRow)]
struct Stretch {
    started_at: i64,
    ended_at: i64,
}

/// Notes what schedules asked for between two runs while nothing ran here: what neither a recording nor a gap covers. How many stretches.
pub fn note_missed(camera_id: &str, schedules: &[schedules::Stored], zone: Zone, (last, now): Span) -> Answer<usize> {
    if now - last < LEAST_GAP_MS {
        return Ok(0);
    }
    let wanted = schedules.iter().flat_map(|schedule| {
        // What it asked for before it was what it is, nobody knows.
        spans(&[schedule.schedule()], zone, last.max(schedule.changed_at()), now)
    });
    let wanted = merged(wanted.collect());
    let had: Vec<Stretch> = Database.fetch_all(
        "select started_at, coalesce(ended_at, ?3) as ended_at from camera_recordings
         where camera_id = ?1 and started_at < ?3 and coalesce(ended_at, ?3) > ?2
         union all
         select started_at, coalesce(ended_at, ?3) from recording_gaps where camera_id = ?1 and started_at < ?3 and coalesce(ended_at, ?3) > ?2",
        params![camera_id, last, now],
    )?;
    let had = merged(had.iter().map(|had| (had.started_at, had.ended_at)).collect());
    let mut noted = 0;
    for (start, end) in missing(&wanted, &had).into_iter().filter(|(start, end)| end - start >= LEAST_GAP_MS) {
        // Two runs at once find the same.
        let is_new = Database.exists(
            "insert into recording_gaps (camera_id, started_at, ended_at, reason) select ?1, ?2, ?3, 'not_running'
             where not exists (select 1 from recording_gaps where camera_id = ?1 and started_at < ?3 and coalesce(ended_at, ?3) > ?2)
             returning 1",
            params![camera_id, start, end],
        )?;
        noted += usize::from(is_new);
    }
    Ok(noted)
}
