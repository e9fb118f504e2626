//! Somebody who watches a camera: counted while they do, and asked every few seconds whether they still may.

use const_format::{concatcp, formatcp};
use domain::camera::{Level, Quality};
use domain::time::{AHEAD_TOLERANCE_MS, SECOND_MS};
use http::StatusCode;
use kit::caller::Principal;
use kit::db::{Database, Executor as _, Fetch as _};
use kit::{Answer, Problem, host, params};
use strum::IntoStaticStr;

use crate::model::Stored;
use crate::permission;
use crate::settings::Viewers;

/// A session that was not seen for so long is not live, milliseconds: its instance is gone.
pub const LIVE_MS: i64 = 30 * SECOND_MS;

/// The same for one through the relay, which says less often that it goes on.
pub const RELAY_LIVE_MS: i64 = 60 * SECOND_MS;

/// A condition: of a session that goes on at `?1`. `?2` is how far ahead a time may lie.
pub const LIVE: &str = formatcp!(
    "ended_at is null and last_seen_at > ?1 - iif(protocol = 'relay', {RELAY_LIVE_MS}, {LIVE_MS}) and last_seen_at <= ?1 + ?2
        and (protocol = 'mjpeg' or used_at is not null)"
);

/// A condition: that the account `?4` may watch the camera `?3` besides who does; `?5` and `?6` are how many may, in all and of one person.
pub const HAS_ROOM: &str = concatcp!(
    "(select count(*) from camera_sessions where ",
    LIVE,
    " and camera_id = ?3) < ?5 and (select count(*) from camera_sessions where ",
    LIVE,
    " and camera_id = ?3 and user_id = ?4) < ?6"
);

/// When to come back where too many watch, seconds.
const RETRY_S: i64 = 10;

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum End {
    /// Who watched has left.
    Left,
    /// Who watched may not any more: signed out, another rule, another hour.
    NotAllowed,
    /// The camera has gone silent, or closed the connection.
    Camera,
    /// It has lasted as long as one may.
    TooLong,
}

/// A session that is under way. It is noted as ended when it is dropped.
pub struct Session {
    id: String,
    camera_id: String,
    holder: Principal,
    /// How many bytes were sent.
    pub bytes: u64,
    /// Why it ends, when it is dropped now.
    pub end: End,
}

const INSERT: &str = concatcp!(
    "insert into camera_sessions (camera_id, user_id, id, quality, protocol, address, started_at, last_seen_at)
     select ?3, ?4, ?7, ?8, 'mjpeg', ?9, ?1, ?1 where ",
    HAS_ROOM,
    " returning 1"
);

impl Session {
    /// Begins one, unless as many watch the camera already as may.
    pub fn begin(camera: &Stored, holder: Principal, quality: Quality, address: &str, most: Viewers, now: i64) -> Answer<Self> {
        let id = host::new_id(now)?;
        let Viewers { in_all, a_person } = most;
        let params = params![now, AHEAD_TOLERANCE_MS, &camera.camera_id, &holder.id, in_all, a_person, &id, quality, address];
        if !Database.exists(INSERT, params)? {
            let detail = format!("as many watch this camera already as may: {a_person} times one person, {in_all} in all");
            return Err(Problem::too_many(detail, RETRY_S));
        }
        Ok(Self { id, camera_id: camera.camera_id.clone(), holder, bytes: 0, end: End::Left })
    }

    /// Notes that it goes on; whether it may. A database that does not answer ends nothing: it is asked again.
    pub fn goes_on(&mut self, now: i64) -> bool {
        let touched = Database.exists(
            "update camera_sessions set last_seen_at = ?2, bytes = ?3 where id = ?1 and ended_at is null returning 1",
            params![&self.id, now, i64::try_from(self.bytes).unwrap_or(i64::MAX)],
        );
        if touched.is_ok_and(|touched| !touched) {
            return false;
        }
        let holder = match self.holder.current() {
            Ok(holder) => holder,
            Err(problem) if problem.status() == StatusCode::UNAUTHORIZED => {
                self.end = End::NotAllowed;
                return false;
            }
            Err(_) => return true,
        };
        let refused = permission::require(&self.camera_id, &holder, Level::View, now).and_then(permission::require_active).err();
        let may = refused.is_none_or(|problem| problem.status().is_server_error());
        if !may {
            self.end = End::NotAllowed;
        }
        may
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let because: &'static str = self.end.into();
        // One that an administrator has ended is ended; one that cannot be noted now is not live soon, and the scheduled run ends it.
        let _ = Database.run(
            "update camera_sessions set ended_at = ?2, ended_because = ?3, bytes = ?4 where id = ?1 and ended_at is null",
            params![&self.id, host::now_ms(), because, i64::try_from(self.bytes).unwrap_or(i64::MAX)],
        );
    }
}
