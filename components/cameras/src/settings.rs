//! Variables, parsed once an instance.

use std::sync::OnceLock;

use domain::camera::address::Networks;
use kit::{Problem, config, host};

/// How many may watch one camera at once, unless `camera_viewers` says otherwise.
const DEFAULT_VIEWERS: i64 = 8;

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

/// How many may watch one camera at once: `camera_viewers`.
pub async fn viewers() -> Result<i64, Problem> {
    config::number("camera_viewers", DEFAULT_VIEWERS).await
}
