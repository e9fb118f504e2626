//! What a control room finds beside the sensors: lot counts from cameras, and a few alerts of which one is settled.

use anyhow::Context as _;
use fastrand::Rng;
use futures::{StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};

use super::api::{Api, now_ms};
use super::history::History;
use super::pattern::{DAY_MS, HOUR_MS, Sensor, rfc3339};
use super::{AT_ONCE, places};

/// Lots and how many vehicles they hold.
const LOTS: [(&str, f64); 2] = [("City Centre", 180.0), ("Station Road", 90.0)];
/// From one count of a lot to its next.
const STEP_MS: i64 = 2 * HOUR_MS;

/// A count of each lot every two hours of the history; how many were new. The latest goes first, as with readings.
pub(super) async fn lot_counts(admin: &Api, history: &History) -> anyhow::Result<usize> {
    let path = "/api/parking-data/add/";
    let mut made = 0;
    for (lot, capacity) in LOTS {
        let busy = Sensor::new(lot, 0);
        let (from, until) = history.span();
        let mut counts = (from.div_euclid(STEP_MS)..=until.div_euclid(STEP_MS)).rev().map(|step| {
            let at = step * STEP_MS;
            let noise = Rng::with_seed(step.cast_unsigned()).f64() * 0.1;
            // Never so few that it would be an alert.
            let free = (capacity * (1.0 - busy.occupied_share(at) - noise)).max(8.0).round() as i64;
            json!({"parking_lot": lot, "available_spots": free, "timestamp": rfc3339(at)})
        });
        if let Some(latest) = counts.next() {
            made += usize::from(admin.make(path, &latest).await?);
        }
        let late = futures::stream::iter(counts).map(|body| async move { admin.make(path, &body).await });
        let late: Vec<bool> = late.buffer_unordered(AT_ONCE).try_collect().await?;
        made += late.into_iter().filter(|made| *made).count();
    }
    Ok(made)
}

/// The parking security server's own sample: two lots of which one is nearly full, which is an alert by the rule for few spots.
const SAMPLE: [(&str, i64); 2] = [("Lot A", 10), ("Lot B", 2)];

/// Its counts, as of the end of the history; how many were new.
pub(super) async fn sample_lots(admin: &Api, history: &History) -> anyhow::Result<usize> {
    let (_, until) = history.span();
    let at = rfc3339(until.div_euclid(STEP_MS) * STEP_MS);
    let mut made = 0;
    for (lot, free) in SAMPLE {
        let count = json!({"parking_lot": lot, "available_spots": free, "timestamp": at});
        made += usize::from(admin.make("/api/parking-data/add/", &count).await?);
    }
    Ok(made)
}

/// Cameras, which alerts name; how many were new.
pub(super) async fn cameras(admin: &Api) -> anyhow::Result<usize> {
    let mut made = 0;
    for (camera_id, location, is_active) in [
        ("CAM-B1-01", "Basement 1, ramp", true),
        ("CAM-OUT-01", "Outside, entry lane", true),
        ("CAM-OUT-02", "Outside, exit lane", true),
        ("CAM-VIP-01", "VIP, lift lobby", false),
    ] {
        let camera = json!({
            "camera_id": camera_id, "site": places::CITY_CENTRE, "location": location, "is_active": is_active,
            "installation_date": "2024-11-04", "last_maintenance_date": "2026-01-12",
        });
        made += usize::from(admin.make("/api/cameras/", &camera).await?);
    }
    Ok(made)
}

/// A few alerts, unless the car park has some; how many. None is critical, so that nothing is sent to anyone.
pub(super) async fn alerts(admin: &Api) -> anyhow::Result<usize> {
    let path = format!("/api/alerts/?site={}&limit=1", places::CITY_CENTRE);
    let present = admin.get(&path).await?.expect(&[200])?;
    if present["items"].as_array().is_some_and(|items| !items.is_empty()) {
        return Ok(0);
    }
    let now = now_ms();
    let settled = admin
        .post(
            "/api/alerts/",
            &json!({
                "site": places::CITY_CENTRE, "zones": ["OUT"], "severity": "warning", "alert_type": "blocked_exit",
                "message": "A delivery van stands in the outer exit lane", "location": "Outside, exit lane",
                "vehicle_id": "GJ05BX4417", "camera": "Outside exit", "camera_id": "CAM-OUT-02", "timestamp": rfc3339(now - 5 * HOUR_MS),
            }),
        )
        .await?
        .expect(&[201])?;
    let id = settled["id"].as_str().context("the alert has no id")?;
    admin.patch(&format!("/api/alerts/{id}/resolve"), &Value::Null).await?.expect(&[200])?;
    let open = [
        json!({
            "site": places::CITY_CENTRE, "zones": ["B1"], "severity": "info", "alert_type": "overstay",
            "message": "A vehicle has stood in B1 for more than a day", "location": "Basement 1, row C",
            "vehicle_id": "GJ01KR2210", "camera": "Basement 1 ramp", "camera_id": "CAM-B1-01", "timestamp": rfc3339(now - 2 * HOUR_MS),
        }),
        json!({
            "site": "somnath", "zones": ["queue"], "severity": "warning", "alert_type": "crowd", "is_public": true,
            "message": "Long queue at Somnath: about 90 minutes to darshan", "expires_at": rfc3339(now + DAY_MS / 2),
        }),
    ];
    for alert in &open {
        admin.post("/api/alerts/", alert).await?.expect(&[201])?;
    }
    Ok(open.len() + 1)
}
