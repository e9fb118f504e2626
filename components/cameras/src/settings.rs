//! Variables, parsed once an instance.

use std::sync::OnceLock;

use domain::camera::address::Networks;
use kit::{Problem, config, host};

/// How many may watch one camera at once, unless `camera_viewers` says otherwise.
const DEFAULT_VIEWERS: i64 = 8;

/// How many of those places one person may have, unless `camera_viewers_per_person` says otherwise.
const DEFAULT_VIEWERS_PER_PERSON: i64 = 4;

/// How many recordings may be downloaded at once, unless `camera_downloads` says otherwise.
const DEFAULT_DOWNLOADS: i64 = 16;

/// How many of them by one person, unless `camera_downloads_per_person` says otherwise.
const DEFAULT_DOWNLOADS_PER_PERSON: i64 = 4;

/// Where cameras may be: `camera_networks`.
pub async fn networks() -> Result<&'static Networks, Problem> {
    static NETWORKS: OnceLock<Networks> = OnceLock::new();
    if let Some(networks) = NETWORKS.get() {
        return Ok(networks);
    }
    let text = config::get("camera_networks").await?;
    Ok(NETWORKS.get_or_init(|| {
        let (networks, bad) = Networks::parse(&text);
        for value in bad {
            let message = "a variable has a value that is not understood, and is as if that were not there";
            host::log("error", message, serde_json::json!({ "variable": "camera_networks", "value": value }));
        }
        networks
    }))
}

/// How many places there are to watch one camera: of all people, and of one.
#[derive(Clone, Copy, Debug)]
pub struct Viewers {
    /// `camera_viewers`.
    pub in_all: i64,
    /// `camera_viewers_per_person`.
    pub a_person: i64,
}

/// How many may watch one camera at once.
pub async fn viewers() -> Result<Viewers, Problem> {
    Ok(Viewers {
        in_all: config::number("camera_viewers", DEFAULT_VIEWERS).await?,
        a_person: config::number("camera_viewers_per_person", DEFAULT_VIEWERS_PER_PERSON).await?,
    })
}

/// How many recordings may be downloaded at once: `camera_downloads`.
pub async fn downloads() -> Result<i64, Problem> {
    config::number("camera_downloads", DEFAULT_DOWNLOADS).await
}

/// How many of them by one person: `camera_downloads_per_person`.
pub async fn downloads_per_person() -> Result<i64, Problem> {
    config::number("camera_downloads_per_person", DEFAULT_DOWNLOADS_PER_PERSON).await
}
