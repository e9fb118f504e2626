//! Parking security: users, lot counts, cameras and alerts out of MongoDB.

use serde_json::{Value, json};

use super::mongo::{date, dump, id, lines, list};
use super::{DJANGO, Move, items, refused};

fn users() -> Vec<Value> {
    vec![json!({
        "_id": id(1), "username": "guard", "email": "guard@lots.example", "password": DJANGO, "is_superuser": false, "is_staff": true,
        "is_active": true, "date_joined": date("2024-01-01T00:00:00Z"), "last_login": date("2025-06-01T00:00:00Z"),
    })]
}

fn counts() -> Vec<Value> {
    let count = |number: u32, lot: &str, free: i64, at: &str| json!({"_id": id(number), "parking_lot": lot, "available_spots": free, "timestamp": date(at)});
    vec![
        count(10, "North", 40, "2025-06-01T10:00:00Z"),
        count(11, "North", 2, "2025-06-01T12:00:00Z"),
        count(12, "North", 30, "2025-06-01T11:00:00Z"),
        count(13, "South", 7, "2025-06-01T10:00:00Z"),
        count(14, "South", -1, "2025-06-01T11:00:00Z"),
    ]
}

fn cameras() -> Vec<Value> {
    vec![json!({
        "_id": id(20), "camera_id": "CAM-1", "location": "Gate 2", "is_active": true, "installation_date": "2024-02-03",
        "last_maintenance_date": date("2025-03-04T00:00:00Z"),
    })]
}

fn alerts() -> Vec<Value> {
    let alert = |number: u32, severity: &str| {
        json!({
            "_id": id(number), "vehicle_id": "GJ01AB1234", "timestamp": date("2025-06-01T10:00:00Z"), "alert_type": "intrusion",
            "location": "Gate 2", "severity": severity, "camera": "North", "camera_id": "CAM-1",
        })
    };
    vec![alert(30, "high"), alert(31, "low"), alert(32, "purple")]
}

/// What a client of the parking security server asks for.
async fn client_finds_its_data(moved: &Move) {
    let guard = moved.sign_in("/api/auth/login/", "guard@lots.example").await;
    let north = moved.app.anonymous().get("/api/parking-data/?parking_lot=North").await.expect(200);
    assert_eq!(north["available_spots"], json!(2), "{north}");
    assert!(north["timestamp"].as_str().is_some_and(|at| at.starts_with("2025-06-01T12:00:00")), "{north}");
    let cameras = guard.get("/api/cameras/").await.expect(200);
    assert_eq!(items(&cameras).len(), 1, "{cameras}");
    let camera = guard.get("/api/cameras/CAM-1").await.expect(200);
    assert_eq!((&camera["installation_date"], &camera["last_maintenance_date"]), (&json!("2024-02-03"), &json!("2025-03-04")));
    let alerts = guard.get("/api/alerts/?vehicle_id=GJ01AB1234").await.expect(200);
    let severities: Vec<_> = items(&alerts).iter().map(|alert| alert["severity"].as_str().unwrap()).collect();
    assert_eq!(severities.len(), 2, "{alerts}");
    assert!(severities.contains(&"critical") && severities.contains(&"info"), "{alerts}");
    assert!(items(&alerts).iter().all(|alert| alert["status"] == "resolved" && alert["camera_id"] == "CAM-1"), "{alerts}");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn an_export_moves_in_and_its_clients_find_their_data() {
    let moved = Move::start(&["--from", "s1"]).await;
    let inputs = [
        moved.file("users.json", lines(&users())),
        moved.file("parking_data.json", list(&counts())),
        moved.file("cameras.json", lines(&cameras())),
        moved.file("alerts.json", lines(&alerts())),
        moved.file("sessions.json", lines(&[json!({"_id": 1})])),
    ];
    let report = moved.move_in(&inputs, &[]).await;
    assert_eq!(refused(&report, "lot_counts"), ["refused_by_the_database"]);
    assert_eq!(refused(&report, "alerts"), ["unknown_severity"]);
    assert_eq!(report.of("users").unwrap().unmapped.get("last_login"), Some(&1));
    assert_eq!(report.unmapped_tables.get("sessions"), Some(&1));
    client_finds_its_data(&moved).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_dump_moves_in_and_its_clients_find_their_data() {
    let moved = Move::start(&["--from", "s1"]).await;
    let folder = moved.path("dump");
    std::fs::create_dir(&folder).unwrap();
    for (name, records) in [("users", users()), ("parking_data", counts()), ("cameras", cameras()), ("alerts", alerts())] {
        moved.file(&format!("dump/{name}.bson"), dump(&records));
        moved.file(&format!("dump/{name}.metadata.json"), "{\"indexes\": []}");
    }
    let report = moved.move_in(&[folder.to_string_lossy().into_owned()], &[]).await;
    assert_eq!(refused(&report, "alerts"), ["unknown_severity"]);
    client_finds_its_data(&moved).await;
}
