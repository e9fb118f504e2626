//! What people and scheduled runs ask of cameras.

use std::time::Duration;

use gatehouse_tests::App;
use gatehouse_tests::camera::Camera;
use gatehouse_tests::relay::Relay;
use reqwest::Method;
use serde_json::json;

/// Asks for it.
pub async fn watch(app: &App, camera: &Camera, relay: &Relay) {
    let admin = app.admin().await;
    let body = json!({
        "camera_id": "CAM-1", "name": "Gate", "rtsp_url": "rtsp://192.168.1.9/x", "mjpeg_url": camera.url("/video"), "snapshot_url": camera.url("/snapshot"),
        "username": "keeper", "password": "of the gate", "retention_days": 1, "retention_bytes": 1_000,
    });
    admin.post("/v0/api/cctv/cameras", body).await.expect(201);
    let (email, _) = app.new_user("visitor", json!({})).await;
    let users = admin.get(&format!("/v0/api/users/users/?email={}", email.replace('@', "%40"))).await.expect(200);
    let rule = json!({ "camera_id": "CAM-1", "user_id": users["items"][0]["id"], "level": "view" });
    admin.post("/v0/api/cctv/camera-access", rule).await.expect(201);
    let begun = admin.post("/v0/api/cctv/cameras/CAM-1/start_recording", json!({ "duration_minutes": 1 })).await.expect(200);
    let recording = begun["recording_id"].as_str().unwrap();
    let shown = admin.header("accept", "application/json").get("/v0/api/cctv/cameras/CAM-1/stream").await.expect(200);
    assert!(relay.connects("rtsp", "cam/cam-1/main", shown["relay"]["token"].as_str().unwrap()).await);
    let ticket = shown["mjpeg"]["url"].as_str().unwrap();
    drop(app.anonymous().request(Method::GET, ticket).send().await.expect("a stream"));
    let run = async |minutes: u64| {
        app.advance(Duration::from_secs(60 * minutes));
        app.internal("/internal/tick/cameras").await.expect(200)
    };
    let always = json!({ "camera": "CAM-1", "name": "Always", "schedule_type": "continuous" });
    for minutes in [0, 2, 3] {
        run(minutes).await;
    }
    assert_eq!(admin.post("/v0/api/cctv/recordings/transfer-to-gcp", json!({})).await.expect(200)["initiated_transfers"], 1);
    assert_eq!(run(1).await["uploaded"], 1);
    let schedule = admin.post("/v0/api/cctv/schedules", always).await.expect(201);
    for path in [
        "cameras",
        "cameras/CAM-1",
        "cameras/CAM-1/recording_status",
        "cameras/CAM-1/timeline?from=2026-11-01T00:00:00Z&to=2026-11-26T00:00:00Z",
        "camera-access?camera_id=CAM-1",
        "streams?camera_id=CAM-1",
        "streams/active",
        "schedules?camera=CAM-1",
        "recordings",
        "recordings?camera=CAM-1&from=2026-11-01T00:00:00Z&to=2026-11-26T00:00:00Z",
        &format!("recordings/{recording}"),
        "recordings/gcp-transfers?transfer_status=completed",
        &format!("recordings/gcp-transfers?recording_id={recording}"),
    ] {
        admin.get(&format!("/v0/api/cctv/{path}")).await.expect(200);
    }
    admin.get(&format!("/v0/api/cctv/recordings/{recording}/thumbnail")).await.expect_problem(404);
    // More than its bytes; what goes on stays.
    let done = run(1).await;
    assert_eq!((&done["removed"], &done["begun"]), (&json!(1), &json!(1)), "{done}");
    run(60 * 25).await;
    relay.go_away(true);
    run(1).await;
    relay.go_away(false);
    admin.delete(&format!("/v0/api/cctv/schedules/{}", schedule["id"].as_str().unwrap())).await.expect(204);
    run(1).await;
}
