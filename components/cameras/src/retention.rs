//! How long recordings are kept: by age and by bytes for each camera, oldest first; never one that goes on, is protected or waits to be uploaded.

use const_format::concatcp;
use domain::time::DAY_MS;
use kit::db::{Database, Executor as _, Fetch as _};
use kit::row::FromRow;
use kit::{Answer, clock, host, params};

use crate::relay::{Failure, Relay};

/// Recordings that one run removes at most.
const BATCH: i64 = 50;

/// The same of those that are too much.
const MOST: usize = 50;

/// How long a run removes recordings, milliseconds: each may have many files.
const RUN_MS: u64 = 10_000;

/// Recordings that may be removed. Uploads are looked for by their recording, not among all of a state.
const REMOVABLE: &str = "r.ended_at is not null and r.is_protected = 0
     and not exists (select 1 from recording_transfers t where t.recording_id = r.id and +t.state in ('pending', 'uploading'))";

/// What could not be uploaded may be here alone: a person removes it, or asks for its upload again; time does not.
const NOT_GIVEN_UP: &str = " and not exists (select 1 from recording_transfers t where t.recording_id = r.id and +t.state = 'failed')";

#[derive(FromRow)]
struct Going {
    relay_path: String,
    started_at: i64,
    ended_at: i64,
}

/// Removes a recording with its files; whether it could be. Once it is going nobody protects it or has it uploaded; one whose files the relay does not
/// remove now is gone on with by the next run, after those that were not tried for longer.
pub async fn remove(relay: &Relay, id: &str, by: &str, now: i64) -> Answer<Result<bool, Failure>> {
    let going: Option<Going> = Database.fetch_optional(
        concatcp!("select r.relay_path, r.started_at, r.ended_at from camera_recordings r where r.id = ?1 and ", REMOVABLE),
        params![id],
    )?;
    let Some(Going { relay_path, started_at, ended_at }) = going else { return Ok(Ok(false)) };
    let files = match relay.files(&relay_path, (started_at, ended_at.saturating_add(1))).await {
        Ok(files) => files,
        Err(failure) => return Ok(Err(failure)),
    };
    // The trigger of the delete takes who and when from the row.
    let is_going = Database.exists(
        concatcp!(
            "update camera_recordings as r set removing_at = ?2, updated_at = ?2, updated_by = ?3 where r.id = ?1 and ",
            REMOVABLE,
            " returning 1"
        ),
        params![id, now, by],
    )?;
    if !is_going {
        return Ok(Ok(false));
    }
    for file in files {
        if let Err(failure) = relay.remove_file(&relay_path, &file).await {
            return Ok(Err(failure));
        }
    }
    Database.run("delete from camera_recordings where id = ?", params![id])?;
    Ok(Ok(true))
}

#[derive(FromRow)]
struct Old {
    id: String,
}

/// Those whose removal was begun, by when it was last tried.
const GOING: &str =
    "select id from camera_recordings indexed by camera_recordings_going where removing_at is not null order by removing_at limit ?1";

const TOO_OLD: &str = concatcp!(
    "select r.id from cameras c cross join camera_recordings r on r.camera_id = c.camera_id
     where c.retention_days is not null and r.started_at < ?1 - c.retention_days * ",
    DAY_MS,
    " and r.ended_at < ?1 - c.retention_days * ",
    DAY_MS,
    " and r.removing_at is null and ",
    REMOVABLE,
    NOT_GIVEN_UP,
    " order by r.id limit ?2"
);

/// Cameras that keep more than they may, and by how much. The sums are kept by triggers.
const TOO_FULL: &str =
    "select c.camera_id, st.bytes - c.retention_bytes as excess from cameras c join camera_storage st on st.camera_id = c.camera_id
     where c.retention_bytes is not null and st.bytes > c.retention_bytes";

/// Recordings of a camera, the oldest first, with whether each may go.
const OLDEST: &str = concatcp!(
    "select r.id, r.bytes, (r.removing_at is null and ",
    REMOVABLE,
    NOT_GIVEN_UP,
    ") as may_go from camera_recordings r where r.camera_id = ?1 and r.id > ?2 order by r.id limit ?3"
);

/// Recordings that are looked at in one statement.
const PAGE: i64 = 500;

#[derive(FromRow)]
struct TooFull {
    camera_id: String,
    excess: i64,
}

#[derive(FromRow)]
struct Oldest {
    id: String,
    bytes: i64,
    may_go: bool,
}

/// The oldest of those without which each camera is within its bytes; what may not go counts as what is above it. At most `most`.
fn too_much(most: usize) -> Answer<Vec<Old>> {
    let mut found = Vec::new();
    for TooFull { camera_id, mut excess } in Database.fetch_all::<TooFull>(TOO_FULL, params![])? {
        let mut after = String::new();
        while excess > 0 && found.len() < most {
            let page: Vec<Oldest> = Database.fetch_all(OLDEST, params![&camera_id, &after, PAGE])?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.id);
            for Oldest { id, bytes, may_go } in page {
                if excess <= 0 || found.len() >= most {
                    break;
                }
                excess -= bytes;
                if may_go {
                    found.push(Old { id });
                }
            }
        }
    }
    Ok(found)
}

/// Removes what is past its time or too much; how many recordings.
pub async fn run(relay: &Relay, by: &str, now: i64) -> Answer<usize> {
    let mut old: Vec<Old> = Database.fetch_all(GOING, params![BATCH])?;
    old.extend(Database.fetch_all::<Old>(TOO_OLD, params![now, BATCH])?);
    old.extend(too_much(MOST)?);
    let (mut removed, started) = (0, clock::now_ms());
    for Old { id } in old {
        // The others are the first of the next run.
        if clock::now_ms().saturating_sub(started) >= RUN_MS {
            break;
        }
        match remove(relay, &id, by, now).await? {
            Ok(gone) => removed += usize::from(gone),
            // The others would fail as well.
            Err(Failure::Away) => break,
            Err(failure) => {
                let fields = serde_json::json!({ "recording_id": id, "cause": failure.word() });
                host::log("warn", "a recording cannot be removed", fields);
            }
        }
    }
    Ok(removed)
}
