//! Recording: begun and ended at the relay by schedules and people, exactly once, and mended after an outage.
//!
//! The row of a recording is what counts: at most one of a camera is open, by an index. The relay is told first, which it may be told twice; a row
//! that cannot be written then is written by the next run. What schedules ask for and is not recorded is noted as a gap.

use std::collections::BTreeMap;

use const_format::concatcp;
use domain::booking_slot::Zone;
use domain::camera::Quality;
use domain::camera::address::{self, Use};
use domain::camera::schedule::{Span, is_due};
use domain::time::{DAY_MS, HOUR_MS, not_ahead};
use kit::caller::{Principal, SYSTEM};
use kit::db::{Database, DbError, Executor as _, Fetch as _};
use kit::row::FromRow;
use kit::{Answer, Problem, host, params};

use crate::credentials::Keys;
use crate::model::Stored;
use crate::relay::{Relay, path_name};
use crate::{gaps, schedules, settings};

/// How far back a run looks for what it has missed, milliseconds.
const LOOKED_BACK_MS: i64 = 24 * HOUR_MS;

/// A schedule's recording is ended after so long, and another begun, milliseconds: what goes on is never removed, and a schedule may have no end.
const LONGEST_MS: i64 = DAY_MS;

/// Why a camera cannot be recorded, as gaps name it.
pub type Reason = &'static str;

/// The address of a camera's stream with its credentials, for the relay alone; or why there is none.
pub async fn source(camera: &Stored, quality: Quality) -> Answer<Result<String, Reason>> {
    let url = match quality {
        Quality::Main => camera.rtsp_url.as_deref(),
        Quality::Sub => camera.rtsp_url_sub.as_deref(),
    };
    let Some(url) = url else { return Ok(Err("no_address")) };
    let is_allowed = match address::parse(url, Use::Rtsp) {
        Ok(parsed) => settings::networks().await?.allow(&parsed.host),
        Err(_) => false,
    };
    if !is_allowed {
        return Ok(Err("not_allowed"));
    }
    // Of a camera whose credentials none of the keys opens nothing is asked; the others are recorded all the same.
    let Ok(credentials) = camera.credentials(&Keys::load().await?) else { return Ok(Err("not_allowed")) };
    let source = match credentials {
        Some(credentials) => address::with_userinfo(url, &credentials.username, &credentials.password),
        None => Some(url.to_owned()),
    };
    Ok(source.ok_or("no_address"))
}

/// Whether a camera's stream is recorded now.
pub fn is_recorded(camera_id: &str, quality: Quality) -> Answer<bool> {
    Database
        .exists("select 1 from camera_recordings where camera_id = ?1 and ended_at is null and quality = ?2", params![camera_id, quality])
}

/// A recording that is under way.
#[derive(FromRow)]
pub struct Open {
    /// Its id.
    pub id: String,
    camera_id: String,
    is_scheduled: bool,
    quality: Quality,
    started_at: i64,
    stop_at: Option<i64>,
}

impl Open {
    /// Whether a schedule asked for it.
    pub fn is_scheduled(&self) -> bool {
        self.is_scheduled
    }
}

const OPEN: &str = "select id, camera_id, is_scheduled, quality, started_at, stop_at from camera_recordings where ended_at is null";

/// The camera's recording that is under way.
pub fn open_of(camera_id: &str) -> Answer<Option<Open>> {
    Database.fetch_optional(concatcp!(OPEN, " and camera_id = ?"), params![camera_id])
}

/// What is to be recorded.
pub struct Wish<'a> {
    /// The schedule that asks for it; none when a person does.
    pub schedule: Option<&'a str>,
    /// What it is called.
    pub name: &'a str,
    /// Which of the camera's streams.
    pub quality: Quality,
    /// When it is to end by itself.
    pub stop_at: Option<i64>,
    /// Who asks.
    pub by: &'a str,
}

/// Why a recording has not begun.
pub enum NotBegun {
    /// There is one of the camera already.
    Open,
    /// It cannot be.
    Reason(Reason),
}

/// Begins a recording; its id.
pub async fn begin(relay: Option<&Relay>, camera: &Stored, wish: &Wish<'_>, now: i64) -> Answer<Result<String, NotBegun>> {
    let refused = |reason| Ok(Err(NotBegun::Reason(reason)));
    if !camera.is_active {
        return refused("inactive");
    }
    let source = match source(camera, wish.quality).await? {
        Ok(source) => source,
        Err(reason) => return refused(reason),
    };
    let Some(relay) = relay else { return refused("no_relay") };
    let path = path_name(&camera.camera_id, wish.quality);
    if let Err(failure) = relay.set_path(&path, &source, true).await {
        return refused(failure.word());
    }
    let id = host::new_id(now)?;
    let begun = Database.run(
        "insert into camera_recordings (id, camera_id, schedule_id, is_scheduled, name, quality, relay_path, started_at, stop_at, status, created_at,
            updated_at, updated_by)
         values (?1, ?2, ?3, ?3 is not null, ?4, ?5, ?6, ?7, ?8, 'recording', ?7, ?7, ?9)",
        params![&id, &camera.camera_id, wish.schedule, wish.name, wish.quality, path, now, wish.stop_at, wish.by],
    );
    match begun {
        Ok(_) => {
            gaps::close(&camera.camera_id, now)?;
            Ok(Ok(id))
        }
        Err(DbError::Unique(_)) => Ok(Err(NotBegun::Open)),
        // It was deleted meanwhile.
        Err(DbError::Foreign) => refused("inactive"),
        Err(error) => Err(error.into()),
    }
}

/// Ends a recording, at this moment or when it was to end. While the relay does not answer it stays open, and the next run ends it.
pub async fn end(relay: &Relay, open: &Open, by: &str, now: i64) -> Answer<Result<(), Reason>> {
    // Another run may have ended it and begun the next, which the relay must not be told to end.
    if !Database.exists("select 1 from camera_recordings where id = ? and ended_at is null", params![&open.id])? {
        return Ok(Ok(()));
    }
    if let Err(failure) = relay.stop(&path_name(&open.camera_id, open.quality)).await {
        return Ok(Err(failure.word()));
    }
    let at = open.stop_at.filter(|at| *at < now).unwrap_or(now).max(open.started_at);
    Database.run(
        "update camera_recordings set ended_at = ?2, status = 'completed', error = null, updated_at = ?3, updated_by = ?4
         where id = ?1 and ended_at is null",
        params![&open.id, at, now, by],
    )?;
    Ok(Ok(()))
}

fn fail(open: &Open, reason: Reason, now: i64) -> Answer<()> {
    Database.run(
        "update camera_recordings set ended_at = max(?2, started_at), status = 'failed', error = ?3, updated_at = ?2, updated_by = ?4
         where id = ?1 and ended_at is null",
        params![&open.id, now, reason, SYSTEM],
    )?;
    Ok(())
}

/// What a run did.
#[derive(Debug, Default)]
pub struct Done {
    /// Recordings that began.
    pub begun: usize,
    /// Recordings that ended.
    pub ended: usize,
    /// Gaps that were noted.
    pub gaps: usize,
}

#[derive(FromRow)]
struct LastRun {
    finished_at: Option<i64>,
}

/// Has every camera recorded that is to be, and no other.
pub async fn run(now: i64) -> Answer<Done> {
    let active: Vec<schedules::Stored> =
        Database.fetch_all(concatcp!(schedules::SELECT, "r.is_active = 1 order by r.camera_id, r.id"), params![])?;
    let open: Vec<Open> = Database.fetch_all(OPEN, params![])?;
    let mut cameras: BTreeMap<String, (Vec<schedules::Stored>, Option<Open>)> = BTreeMap::new();
    for schedule in active {
        cameras.entry(schedule.camera_id.clone()).or_default().0.push(schedule);
    }
    for open in open {
        let camera_id = open.camera_id.clone();
        cameras.entry(camera_id).or_default().1 = Some(open);
    }
    // What is missing of a camera that has neither any more is missing no longer.
    for camera_id in gaps::open_of_all()? {
        cameras.entry(camera_id).or_default();
    }
    let mut done = Done::default();
    if cameras.is_empty() {
        return Ok(done);
    }
    let relay = Relay::configured().await?;
    let last: Option<LastRun> = Database.fetch_optional("select finished_at from leases where name = 'cameras'", params![])?;
    let last = last.and_then(|last| last.finished_at).map_or(now, |at| not_ahead(at, now)).max(now - LOOKED_BACK_MS);
    let mut failure = None;
    for (camera_id, (schedules, open)) in cameras {
        // One camera that fails does not keep the others waiting.
        if let Err(problem) = settle(relay.as_ref(), &camera_id, &schedules, open, (last, now), &mut done).await {
            failure = failure.or(Some(problem));
        }
    }
    failure.map_or(Ok(done), Err)
}

async fn settle(
    relay: Option<&Relay>,
    camera_id: &str,
    schedules: &[schedules::Stored],
    open: Option<Open>,
    (last, now): Span,
    done: &mut Done,
) -> Answer<()> {
    let nobody = Principal { id: SYSTEM.to_owned(), role: domain::role::Role::Visitor, device: None, session: None };
    let Some(camera) = Stored::find(&Database, camera_id, &nobody)? else { return Ok(()) };
    let zone = camera.zone().ok_or_else(|| Problem::internal("the zone of a site is not known"))?;
    let due = wanted(schedules, zone, now);
    done.gaps += gaps::note_missed(camera_id, schedules, zone, (last, now))?;
    let goes_on = match &open {
        Some(open) if open.is_scheduled => {
            due.is_some_and(|due| due.quality == open.quality) && camera.is_active && now - open.started_at < LONGEST_MS
        }
        Some(open) => open.stop_at.is_none_or(|at| at > now) && camera.is_active,
        None => false,
    };
    match (open, relay) {
        (Some(open), Some(relay)) if goes_on => {
            // The relay forgets its paths when it is started anew: said again, it goes on.
            if let Ok(source) = source(&camera, open.quality).await? {
                let set = relay.set_path(&path_name(&open.camera_id, open.quality), &source, true).await;
                let error = set.err().map(super::relay::Failure::word);
                Database.run("update camera_recordings set error = ?2 where id = ?1 and error is not ?2", params![&open.id, error])?;
            }
            return Ok(());
        }
        (Some(open), Some(relay)) => {
            if end(relay, &open, SYSTEM, now).await?.is_ok() {
                done.ended += 1;
            } else {
                return Ok(());
            }
        }
        // Without a relay nothing is recorded.
        (Some(open), None) => {
            fail(&open, "no_relay", now)?;
            done.ended += 1;
        }
        (None, _) => {}
    }
    let Some(due) = due else { return gaps::close(camera_id, now) };
    let wish = Wish { schedule: Some(&due.id), name: &due.name, quality: due.quality, stop_at: None, by: SYSTEM };
    match begin(relay, &camera, &wish, now).await? {
        Ok(_) => done.begun += 1,
        Err(NotBegun::Open) => {}
        Err(NotBegun::Reason(reason)) => done.gaps += usize::from(gaps::open(camera_id, reason, now)?),
    }
    Ok(())
}

/// The schedule by which the camera is to be recorded now; of several, the first.
fn wanted(schedules: &[schedules::Stored], zone: Zone, now: i64) -> Option<&schedules::Stored> {
    schedules.iter().find(|schedule| is_due(&[schedule.schedule()], zone, now))
}
