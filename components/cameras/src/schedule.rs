//! What time does to cameras: sessions whose instance is gone are over, old ones are forgotten, and credentials of an old key are sealed anew.

use const_format::formatcp;
use domain::time::{DAY_MS, HOUR_MS, MINUTE_MS};
use kit::Problem;
use kit::caller::SYSTEM;
use kit::scheduled::{Step, Work, run_steps};
use serde::Serialize;
use utoipa::ToSchema;

use crate::recorder::Done;
use crate::relay::Relay;
use crate::session::RELAY_LIVE_MS;
use crate::{index, presence, recorder, relay_sessions, reseal, retention, sizes, strays, uploader};

/// How long it can be looked up who has watched, milliseconds.
const SESSIONS_KEPT_MS: i64 = 90 * DAY_MS;

/// Connections at the relay are asked after by each run, as many as it has time for: a session that has some is over only when several runs did not come
/// to it, milliseconds.
const UNASKED_MS: i64 = 5 * MINUTE_MS;

/// A download that was not seen for so long is over, milliseconds.
const DOWNLOAD_LOST_MS: i64 = HOUR_MS;

/// What a scheduled run did.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = CamerasRun)]
pub struct Summary {
    /// Sessions that were over without anybody having said so.
    pub lost_sessions: usize,
    /// Sessions of long ago that were removed.
    pub old_sessions: usize,
    /// Downloads that were over without anybody having said so.
    pub lost_downloads: usize,
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
    /// Stretches of recordings whose size became known, or was estimated.
    pub sized: usize,
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
        "select 1 from recording_spans indexed by recording_spans_unsized where bytes is null and estimated_bytes is null",
        REMOVE_OLD.due,
        REMOVE_LOST_DOWNLOADS.due,
    ];

    async fn run(now: i64) -> Result<Self, Problem> {
        let relay = Relay::configured().await?;
        // Each step is done whatever became of those before it: a recording must not go on because a session could not be ended. The first that failed
        // is what the run reports.
        let looked_after = match &relay {
            Some(relay) => relay_sessions::run(relay, now).await,
            None => Ok(()),
        };
        let sessions = run_steps([END_LOST, REMOVE_OLD, REMOVE_LOST_DOWNLOADS], now);
        let resealed = reseal::run().await;
        let recorded = recorder::run(now).await;
        let turned = presence::run(now).await;
        let at_relay = match &relay {
            Some(relay) => [
                strays::run(relay).await,
                index::run(relay, now).await,
                retention::run(relay, SYSTEM, now).await,
                sizes::run(relay, now).await,
                uploader::run(relay, now).await,
            ],
            None => [Ok(0), Ok(0), Ok(0), Ok(0), Ok(0)],
        };
        looked_after?;
        let [lost_sessions, old_sessions, lost_downloads] = sessions?;
        let (resealed, Done { begun, ended, gaps }, turned) = (resealed?, recorded?, turned?);
        let [strays, compared, removed, sized, uploaded] = at_relay;
        let (strays, compared, removed, sized, uploaded) = (strays?, compared?, removed?, sized?, uploaded?);
        Ok(Self {
            lost_sessions,
            old_sessions,
            lost_downloads,
            resealed,
            begun,
            ended,
            gaps,
            compared,
            sized,
            removed,
            uploaded,
            turned,
            strays,
        })
    }
}

const END_LOST: Step = Step {
    change: "update camera_sessions set ended_at = last_seen_at, ended_because = 'lost' where id in",
    due: formatcp!(
        "select id from camera_sessions indexed by camera_sessions_live where ended_at is null and last_seen_at < ?1 - iif(relay_connections = '[]', {RELAY_LIVE_MS}, {UNASKED_MS})
         limit ?2"
    ),
};

const REMOVE_OLD: Step = Step {
    change: "delete from camera_sessions where id in",
    due: formatcp!(
        "select id from camera_sessions indexed by camera_sessions_over where ended_at < ?1 - {SESSIONS_KEPT_MS} order by ended_at limit ?2"
    ),
};

const REMOVE_LOST_DOWNLOADS: Step = Step {
    change: "delete from recording_downloads where id in",
    due: formatcp!(
        "select id from recording_downloads where last_seen_at < ?1 - {DOWNLOAD_LOST_MS} or last_seen_at > ?1 + {DOWNLOAD_LOST_MS} limit ?2"
    ),
};
