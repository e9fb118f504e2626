//! A place for a download: so many at once, of one person and in all, and each is asked every few seconds whether it may go on.

use domain::camera::Level;
use domain::time::{AHEAD_TOLERANCE_MS, MINUTE_MS};
use http::StatusCode;
use kit::caller::Principal;
use kit::db::{Database, Executor as _, Fetch as _};
use kit::{Answer, Problem, host, params};

use crate::{permission, settings};

/// One that was not seen for so long holds no place, milliseconds: its client has paused, or its instance is gone.
pub const LIVE_MS: i64 = 2 * MINUTE_MS;

/// When to come back where too many download, seconds.
const RETRY_S: i64 = 10;

/// How many may download at once.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    in_all: i64,
    a_person: i64,
}

/// A place that is held. It is given back when it is dropped.
pub struct Place {
    id: String,
    recording_id: String,
    camera_id: String,
    holder: Principal,
    limits: Limits,
}

/// `?1` is now, `?2` how far ahead a time may lie; `?4` and `?6` are the download and its holder, `?7` and `?8` the limits. One that had its place
/// does not count itself. There is none of a recording that is being removed.
const TAKE: &str = "insert into recording_downloads (id, recording_id, user_id, started_at, last_seen_at)
     select ?4, r.id, ?6, ?1, ?1 from camera_recordings r
     where r.id = ?5 and r.removing_at is null
         and (select count(*) from recording_downloads where last_seen_at > ?1 - ?3 and last_seen_at <= ?1 + ?2 and id <> ?4) < ?7
         and (select count(*) from recording_downloads where last_seen_at > ?1 - ?3 and last_seen_at <= ?1 + ?2 and id <> ?4 and user_id = ?6) < ?8
     on conflict (id) do update set last_seen_at = excluded.last_seen_at
     returning 1";

impl Place {
    /// Takes one for a download of a recording of this camera, unless as many download as may.
    pub async fn take(recording_id: &str, camera_id: &str, holder: Principal, now: i64) -> Answer<Self> {
        let limits = Limits { in_all: settings::downloads().await?, a_person: settings::downloads_per_person().await? };
        let id = host::new_id(now)?;
        let place = Self { id, recording_id: recording_id.to_owned(), camera_id: camera_id.to_owned(), holder, limits };
        if place.hold(now)? {
            return Ok(place);
        }
        let Limits { in_all, a_person } = limits;
        let detail = format!("as many recordings are downloaded already as may be at once: {a_person} by one person, {in_all} in all");
        Err(Problem::too_many(detail, RETRY_S))
    }

    /// Says that it goes on, or takes the place anew where it was away for too long; whether there was one.
    fn hold(&self, now: i64) -> Answer<bool> {
        let Limits { in_all, a_person } = self.limits;
        let params = params![now, AHEAD_TOLERANCE_MS, LIVE_MS, &self.id, &self.recording_id, &self.holder.id, in_all, a_person];
        Database.exists(TAKE, params)
    }

    /// Whether the download may go on. A database that does not answer ends nothing: it is asked again.
    pub fn goes_on(&self, now: i64) -> bool {
        let refused = |problem: &Problem| !problem.status().is_server_error();
        let holder = match self.holder.current() {
            Ok(holder) => holder,
            Err(problem) => return problem.status() != StatusCode::UNAUTHORIZED,
        };
        if permission::require(&self.camera_id, &holder, Level::View, now).err().as_ref().is_some_and(refused) {
            return false;
        }
        self.hold(now).unwrap_or_else(|problem| !refused(&problem))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // One that cannot be given back now is not live soon, and the scheduled run removes it.
        let _ = Database.run("delete from recording_downloads where id = ?", params![&self.id]);
    }
}
