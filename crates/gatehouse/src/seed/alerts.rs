//! Cameras and alerts.

use anyhow::Context as _;
use serde_json::{Value, json};

use super::api::Api;
use super::pattern::{DAY_MS, HOUR_MS, rfc3339};
use super::places;

/// Creates the cameras, which alerts refer to. Returns how many were new.
pub(super) async fn create_cameras(admin: &Api) -> anyhow::Result<usize> {
    let mut created = 0;
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
        created += usize::from(admin.create("/api/cameras/", &camera).await?);
    }
    Ok(created)
}

/// Creates a few alerts, of which one is resolved, unless the car park has some. Returns how many. None is critical, so that no
/// notifications are sent.
pub(super) async fn create_alerts(admin: &Api) -> anyhow::Result<usize> {
    let path = format!("/api/alerts/?site={}&limit=1", places::CITY_CENTRE);
    let present = admin.get(&path).await?.expect(&[200])?;
    if present["items"].as_array().is_some_and(|items| !items.is_empty()) {
        return Ok(0);
    }
    let now = admin.now_ms();
    let resolved = admin
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
    let id = resolved["id"].as_str().context("the alert has no id")?;
    admin.patch(&format!("/api/alerts/{id}/resolve"), &Value::Null).await?.expect(&[200])?;
    let open = [
        json!({
            "site": places::CITY_CENTRE, "zones": ["B1"], "severity": "info", "alert_type": "overstay",
            "message": "A vehicle has stood in B1 for more than a day", "location": "Basement 1, row C",
            "vehicle_id": "GJ01KR2210", "camera": "Basement 1 ramp", "camera_id": "CAM-B1-01", "timestamp": rfc3339(now - 2 * HOUR_MS),
        }),
        json!({
            "site": "somnath", "zones": ["mainDarshan"], "severity": "warning", "alert_type": "crowd", "is_public": true,
            "message": "Long queue at Somnath: about 90 minutes to darshan", "expires_at": rfc3339(now + DAY_MS / 2),
        }),
    ];
    for alert in &open {
        admin.post("/api/alerts/", alert).await?.expect(&[201])?;
    }
    Ok(open.len() + 1)
}
