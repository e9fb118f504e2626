//! Whether cameras are there: the scheduled run looks for a picture of some of them, and an alert tells once of each that is gone, and of its return.
//! The picture is a recording's thumbnail, where it has none yet.

use domain::alert::Severity;
use domain::camera::Failure;
use domain::camera::presence::{Presence, Tries};
use domain::time::MINUTE_MS;
use futures::future::join_all;
use futures::lock::Mutex;
use kit::caller::SYSTEM;
use kit::db::{self, Database, Executor as _, Fetch as _};
use kit::row::FromRow;
use kit::system_alerts::{self, SystemAlert};
use kit::{Answer, Problem, host, params};

use crate::credentials::{Keys, Sealed};
use crate::{client, mjpeg, thumbnails};

/// Cameras that one run tries, those first that were not for the longest time.
const BATCH: i64 = 16;

/// A recording that began no longer ago than this goes first, so that its thumbnail is of its beginning, milliseconds.
const BEGINS_MS: i64 = 2 * MINUTE_MS;

/// What is wrong with a camera that has no pictures.
pub const ALERT_TYPE: &str = "camera_offline";

#[derive(FromRow)]
struct Camera {
    camera_id: String,
    name: String,
    site: Option<String>,
    url: String,
    credentials: Option<Vec<u8>>,
    credentials_key: Option<String>,
    presence: Option<Presence>,
    in_a_row: Option<i64>,
    was_good: Option<bool>,
    /// A recording that goes on and has no thumbnail yet.
    unpictured: Option<String>,
}

const DUE: &str =
    "select c.camera_id, coalesce(c.name, c.location) as name, c.site, coalesce(c.snapshot_url, c.mjpeg_url) as url, c.credentials,
        c.credentials_key, p.presence, p.in_a_row, p.was_good, r.id as unpictured
     from cameras c left join camera_presence p on p.camera_id = c.camera_id
         left join camera_recordings r on r.camera_id = c.camera_id and r.ended_at is null
             and not exists (select 1 from recording_thumbnails t where t.recording_id = r.id)
     where c.is_active = 1 and coalesce(c.snapshot_url, c.mjpeg_url) is not null
     order by coalesce(r.started_at > ?2, 0) desc, coalesce(p.checked_at, 0), c.camera_id limit ?1";

/// Tries some cameras; how many turned.
pub async fn run(now: i64) -> Answer<usize> {
    let cameras: Vec<Camera> = Database.fetch_all(DUE, params![BATCH, now - BEGINS_MS])?;
    if cameras.is_empty() {
        return Ok(0);
    }
    let keys = Keys::load().await?;
    // All are asked at once, and their pictures taken one after another: together they may be larger than what a component has.
    let turn = Mutex::new(());
    let results = join_all(cameras.iter().map(|camera| attempt(camera, &keys, &turn))).await;
    let mut turned = 0;
    for (camera, result) in cameras.iter().zip(results) {
        if let (Some(recording), Ok(Some(small))) = (&camera.unpictured, &result) {
            thumbnails::keep(recording, small, now)?;
        }
        turned += usize::from(note(camera, result.err(), now)?);
    }
    Ok(turned)
}

/// Tries a camera; a small picture where one is wanted.
async fn attempt(camera: &Camera, keys: &Keys, turn: &Mutex<()>) -> Result<Option<Vec<u8>>, Failure> {
    let sealed = camera.credentials.clone().zip(camera.credentials_key.clone()).map(|(bytes, key)| Sealed { bytes, key });
    // Credentials that do not open are as wrong ones.
    let credentials = sealed.map(|sealed| keys.open(&camera.camera_id, &sealed)).transpose().map_err(|_| Failure::Unauthorised)?;
    let opened = client::get(&camera.url, credentials.as_ref()).await?;
    let _turn = turn.lock().await;
    let (picture, _) = mjpeg::picture(opened).await?;
    Ok(camera.unpictured.as_ref().and_then(|_| thumbnails::small(&picture)))
}

/// Notes a try; whether the camera turned by it.
fn note(camera: &Camera, failure: Option<Failure>, now: i64) -> Answer<bool> {
    let before = Tries {
        presence: camera.presence.unwrap_or_default(),
        in_a_row: camera.in_a_row.unwrap_or_default(),
        was_good: camera.was_good.unwrap_or_default(),
    };
    let after = before.with(failure.is_none());
    let has_turned = before.presence != after.presence;
    db::transaction(|db| {
        // Two runs at once count each try; only one of them turns the camera.
        let noted = db.run(
            "insert into camera_presence (camera_id, presence, since, checked_at, seen_at, in_a_row, was_good, failure)
             select c.camera_id, ?2, ?3, ?3, iif(?5, ?3, null), ?4, ?5, ?6 from cameras c where c.camera_id = ?1
             on conflict (camera_id) do update set presence = excluded.presence,
                since = iif(camera_presence.presence = excluded.presence, camera_presence.since, excluded.since), checked_at = excluded.checked_at,
                seen_at = coalesce(excluded.seen_at, camera_presence.seen_at), in_a_row = excluded.in_a_row, was_good = excluded.was_good,
                failure = excluded.failure
             where camera_presence.presence = ?7
             returning 1",
            params![&camera.camera_id, after.presence, now, after.in_a_row, after.was_good, failure, before.presence],
        )?;
        if noted.is_empty() || !has_turned {
            return Ok(false);
        }
        match after.presence {
            Presence::Offline => {
                let message = format!("The camera {} has no picture: {}.", camera.name, failure.map_or("", Failure::sentence));
                let (subject, site) = (camera.camera_id.as_str(), camera.site.as_deref());
                let alert = SystemAlert { alert_type: ALERT_TYPE, severity: Severity::Warning, subject, site, zone: None, message };
                system_alerts::raise(db, &alert, now)?;
            }
            _ => system_alerts::resolve_type(db, ALERT_TYPE, &camera.camera_id, SYSTEM, now)?,
        }
        Ok::<_, Problem>(true)
    })
    .inspect_err(|problem| host::log("warn", "a camera's presence is not noted", serde_json::json!({ "cause": problem.cause() })))
}
