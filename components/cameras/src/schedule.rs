//! What time does to cameras: sessions whose instance is gone are over, old ones are forgotten, and credentials of an old key are sealed anew.

use const_format::formatcp;
use domain::time::DAY_MS;
use kit::caller::SYSTEM;
use kit::db::{Database, Executor as _, Fetch as _};
use kit::row::FromRow;
use kit::scheduled::{Step, Work, run_steps};
use kit::{Problem, host, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::credentials::{Keys, Sealed};
use crate::recorder::Done;
use crate::relay::Relay;
use crate::session::RELAY_LIVE_MS;
use crate::{index, presence, recorder, relay_sessions, retention, strays, uploader};

/// How long it can be looked up who has watched, milliseconds.
const SESSIONS_KEPT_MS: i64 = 90 * DAY_MS;

/// Credentials that one run seals anew.
const RESEALED: i64 = 100;

/// What a scheduled run did.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = CamerasRun)]
pub struct Summary {
    /// Sessions that were over without anybody having said so.
    pub lost_sessions: usize,
    /// Sessions of long ago that were removed.
    pub old_sessions: usize,
    /// Credentials that were sealed with the newest key.
    pub resealed: usize,
    /// Recordings that began.
    pub begun: usize,
    /// Recordings that ended.
    pub ended: usize,
    /// Gaps that were noted: what schedules asked for and is not recorded.
    pub gaps: usize,
    /// Recordings that were compared with what the relay has.
    pub compared: usize,
    /// Recordings that were past their time or too much.
    pub removed: usize,
    /// Objects that were uploaded whole.
    pub uploaded: usize,
    /// Cameras that turned offline or came back.
    pub turned: usize,
    /// Streams that the relay had been told of, and that nobody asks for.
    pub strays: usize,
}

impl Work for Summary {
    const COMPONENT: &'static str = "cameras";

    const DUE: &'static [&'static str] = &[
        // Cameras are looked at in each run, and so is what they have.
        "select 1 from cameras where is_active = 1 and coalesce(snapshot_url, mjpeg_url) is not null",
        "select 1 from cameras where coalesce(rtsp_url, rtsp_url_sub) is not null",
        "select 1 from cameras where credentials is not null or retention_days is not null or retention_bytes is not null",
        "select 1 from recording_schedules where is_active = 1",
        "select 1 from recording_gaps indexed by recording_gaps_open where ended_at is null",
        "select 1 from camera_recordings indexed by camera_recordings_unsettled where is_settled = 0",
        "select 1 from camera_recordings indexed by camera_recordings_going where removing_at is not null",
        "select 1 from recording_transfers indexed by recording_transfers_due where state in ('pending', 'uploading')",
        "select 1 from camera_sessions indexed by camera_sessions_live where ended_at is null",
        "select 1 from camera_sessions indexed by camera_sessions_at_relay where relay_connections <> '[]'",
        REMOVE_OLD.due,
    ];

    async fn run(now: i64) -> Result<Self, Problem> {
        let relay = Relay::configured().await?;
        // Each step is done whatever became of those before it: a recording must not go on because a session could not be ended. The first that failed
        // is what the run reports.
        let looked_after = match &relay {
            Some(relay) => relay_sessions::run(relay, now).await.map(drop),
            None => Ok(()),
        };
        let sessions = run_steps([END_LOST, REMOVE_OLD], now);
        let resealed = reseal().await;
        let recorded = recorder::run(now).await;
        let turned = presence::run(now).await;
        let at_relay = match &relay {
            Some(relay) => [
                strays::run(relay).await,
                index::run(relay, now).await,
                retention::run(relay, SYSTEM, now).await,
                uploader::run(relay, now).await,
            ],
            None => [Ok(0), Ok(0), Ok(0), Ok(0)],
        };
        looked_after?;
        let [lost_sessions, old_sessions] = sessions?;
        let (resealed, Done { begun, ended, gaps }, turned) = (resealed?, recorded?, turned?);
        let [strays, compared, removed, uploaded] = at_relay;
        let (strays, compared, removed, uploaded) = (strays?, compared?, removed?, uploaded?);
        Ok(Self { lost_sessions, old_sessions, resealed, begun, ended, gaps, compared, removed, uploaded, turned, strays })
    }
}

const END_LOST: Step = Step {
    change: "update camera_sessions set ended_at = last_seen_at, ended_because = 'lost' where id in",
    due: formatcp!(
        "select id from camera_sessions indexed by camera_sessions_live where ended_at is null and last_seen_at < ?1 - {RELAY_LIVE_MS} limit ?2"
    ),
};

const REMOVE_OLD: Step = Step {
    change: "delete from camera_sessions where id in",
    due: formatcp!(
        "select id from camera_sessions indexed by camera_sessions_over where ended_at < ?1 - {SESSIONS_KEPT_MS} order by ended_at limit ?2"
    ),
};

#[derive(FromRow)]
struct Old {
    camera_id: String,
    credentials: Vec<u8>,
    credentials_key: String,
}

/// Seals anew what is sealed with another key than the newest. What none of the keys opens stays as it is, and the log says so.
async fn reseal() -> Result<usize, Problem> {
    let keys = Keys::load().await?;
    let old: Vec<Old> = Database.fetch_all(
        "select camera_id, credentials, credentials_key from cameras indexed by cameras_by_credentials_key
         where credentials_key is not null and credentials_key <> ?1 limit ?2",
        params![keys.id(), RESEALED],
    )?;
    let mut resealed = 0;
    for Old { camera_id, credentials, credentials_key } in old {
        let sealed = Sealed { bytes: credentials, key: credentials_key };
        let new = match keys.open(&camera_id, &sealed) {
            Ok(open) => keys.seal(&camera_id, &open)?,
            Err(problem) => {
                let fields = serde_json::json!({ "camera_id": camera_id, "cause": problem.cause() });
                host::log("error", "credentials cannot be opened", fields);
                continue;
            }
        };
        // Whoever has changed them meanwhile goes before.
        Database.run(
            "update cameras set credentials = ?2, credentials_key = ?3 where camera_id = ?1 and credentials = ?4",
            params![camera_id, new.bytes, new.key, sealed.bytes],
        )?;
        resealed += 1;
    }
    Ok(resealed)
}
