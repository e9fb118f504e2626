//! Streams at the relay that nobody asks for: of cameras that are gone, and recorded ones whose recording could not be noted, or has ended.

use std::collections::BTreeSet;

use domain::camera::Quality;
use kit::db::{Database, Fetch as _};
use kit::row::FromRow;
use kit::{Answer, host, params};

use crate::relay::{Failure, Relay, SetUp, path_name};

#[derive(FromRow)]
struct Camera {
    camera_id: String,
    recorded: Option<Quality>,
}

/// Has the relay record what is recorded, and forget who is gone; how many streams it was told of. What it does not do now, the next run asks again.
pub async fn run(relay: &Relay) -> Answer<usize> {
    // The relay is asked first: what is begun meanwhile has its row, when it is looked for.
    let Ok(paths) = relay.set_up().await else { return Ok(0) };
    if paths.is_empty() {
        return Ok(0);
    }
    let cameras: Vec<Camera> = Database.fetch_all(
        "select c.camera_id, (select r.quality from camera_recordings r where r.camera_id = c.camera_id and r.ended_at is null) as recorded
         from cameras c where c.rtsp_url is not null or c.rtsp_url_sub is not null",
        params![],
    )?;
    let mut known = BTreeSet::new();
    let mut recorded = BTreeSet::new();
    for Camera { camera_id, recorded: quality } in &cameras {
        known.extend([Quality::Main, Quality::Sub].map(|quality| path_name(camera_id, quality)));
        recorded.extend(quality.map(|quality| path_name(camera_id, quality)));
    }
    let (mut told, mut refused) = (0, 0);
    for SetUp { name, record } in &paths {
        let done = match (known.contains(name), *record && !recorded.contains(name)) {
            (false, _) => relay.forget(name).await,
            (true, true) => relay.stop(name).await,
            (true, false) => continue,
        };
        match done {
            Ok(()) => told += 1,
            Err(Failure::Away) => break,
            // The others are told all the same.
            Err(Failure::Refused(_)) => refused += 1,
        }
    }
    if refused > 0 {
        host::log("warn", "the relay refuses to end streams that nobody asks for", serde_json::json!({ "streams": refused }));
    }
    Ok(told)
}

/// Has the relay forget a camera's streams, and send away who looks at them. Where it cannot be told, the next run tells it.
pub async fn forget(camera_id: &str) {
    let Ok(Some(relay)) = Relay::configured().await else { return };
    for quality in [Quality::Main, Quality::Sub] {
        if relay.forget(&path_name(camera_id, quality)).await == Err(Failure::Away) {
            return;
        }
    }
}
