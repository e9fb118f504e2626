//! How long recordings are kept: by age and by bytes for each camera, oldest first; never one that goes on, is protected or waits to be uploaded.

use const_format::concatcp;
use domain::time::DAY_MS;
use kit::db::{Database, Executor as _, Fetch as _};
use kit::row::FromRow;
use kit::{Answer, host, params};

use crate::relay::{Failure, Relay};

/// Recordings that one run removes at most.
const BATCH: i64 = 50;

/// Recordings that may be removed.
const REMOVABLE: &str = "r.ended_at is not null and r.is_protected = 0
     and not exists (select 1 from recording_transfers t where t.recording_id = r.id and t.state in ('pending', 'uploading'))";

/// What could not be uploaded may be here alone: a person removes it, or asks for its upload again; time does not.
const NOT_GIVEN_UP: &str = " and not exists (select 1 from recording_transfers t where t.recording_id = r.id and t.state = 'failed')";

#[derive(FromRow)]
struct Going {
    relay_path: String,
    started_at: i64,
    ended_at: i64,
}

/// Removes a recording with its files; whether it could be. Once it is going nobody protects it or has it uploaded; one whose files the relay does not
/// remove now is gone on with by the next run.
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
            "update camera_recordings as r set removing_at = coalesce(removing_at, ?2), updated_at = ?2, updated_by = ?3 where r.id = ?1 and ",
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

const GOING: &str =
    "select id from camera_recordings indexed by camera_recordings_going where removing_at is not null order by removing_at limit ?1";

const TOO_OLD: &str = concatcp!(
    "select r.id from cameras c cross join camera_recordings r on r.camera_id = c.camera_id
     where c.retention_days is not null and r.started_at < ?1 - c.retention_days * ",
    DAY_MS,
    " and r.ended_at < ?1 - c.retention_days * ",
    DAY_MS,
    " and ",
    REMOVABLE,
    NOT_GIVEN_UP,
    " order by r.id limit ?2"
);

/// The oldest of those without which the camera is within its bytes.
const TOO_MUCH: &str = concatcp!(
    "select r.id from (
         select x.id, x.camera_id, x.ended_at, x.is_protected,
             sum((select coalesce(sum(s.bytes), 0) from recording_spans s where s.recording_id = x.id))
                 over (partition by x.camera_id order by x.id desc) as bytes
         from cameras y cross join camera_recordings x on x.camera_id = y.camera_id
         where y.retention_bytes is not null
     ) r join cameras c on c.camera_id = r.camera_id
     where r.bytes > c.retention_bytes and ",
    REMOVABLE,
    NOT_GIVEN_UP,
    " order by r.id limit ?1"
);

/// Removes what is past its time or too much; how many recordings.
pub async fn run(relay: &Relay, by: &str, now: i64) -> Answer<usize> {
    let mut old: Vec<Old> = Database.fetch_all(GOING, params![BATCH])?;
    old.extend(Database.fetch_all::<Old>(TOO_OLD, params![now, BATCH])?);
    old.extend(Database.fetch_all::<Old>(TOO_MUCH, params![BATCH])?);
    let mut removed = 0;
    for Old { id } in old {
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
