//! A client of the CCTV management server, as its README words the requests.

use gatehouse_tests::camera::Camera;
use gatehouse_tests::gcs::{BUCKET, Gcs};
use gatehouse_tests::receiver::Receiver;
use gatehouse_tests::relay::Relay;
use gatehouse_tests::{App, channels};
use serde_json::json;

use super::support::Live;

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn every_endpoint_of_the_readme_answers() {
    let (camera, relay, bucket) = (Camera::start().await, Relay::start().await, Gcs::start().await);
    let (origin, storage, account) = (relay.origin(), bucket.origin(), bucket.service_account());
    let mails = Receiver::start().await;
    let sendgrid = mails.origin();
    let mut variables = channels::mail(&sendgrid).to_vec();
    variables.extend([
        ("public_origin", "https://gate.example.org"),
        ("camera_networks", "127.0.0.1, 192.168.1.0/24"),
        ("camera_origin", "http://127.0.0.0/8:*"),
        ("relay_api_origin", origin.as_str()),
        ("relay_playback_origin", origin.as_str()),
        ("gcs_bucket", BUCKET),
        ("gcs_origin", storage.as_str()),
        ("gcs_token_origin", storage.as_str()),
        ("gcs_service_account", account.as_str()),
    ]);
    let Some(app) = App::embedded(&variables).await else { return };
    relay.ask(app.base_url(), app.clock());
    let (email, password) = app.admin_credentials();
    let session = app.anonymous().post("/v0/api/users/auth/login/", json!({ "email": email, "password": password })).await.expect(200);
    let client = app.with_token(session["access"].as_str().unwrap());
    client.get("/v0/api/users/users/").await.expect(200);
    let new = json!({ "email": "dev@example.org", "password": "three lamps at the ghat 4", "name": "Dev", "role": "developer" });
    client.post("/v0/api/users/users/", new).await.expect(201);
    client.get("/v0/api/users/profile/").await.expect(200);

    let camera_body = json!({
        "name": "Front Door Camera", "description": "", "ip_address": "192.168.1.100", "port": 554, "username": "admin", "password": "password123",
        "rtsp_path": "/live/0/MAIN", "camera_type": "rtsp", "location": "Front Entrance", "auto_record": false, "record_quality": "medium",
        "max_recording_hours": 24, "is_public": false, "test_connection": true, "start_recording": false, "mjpeg_url": camera.url("/video"),
    });
    let made = client.post("/v0/api/cctv/cameras/register/", camera_body).await.expect(201);
    let id = made["camera"]["id"].as_str().unwrap().to_owned();
    let listed = client.get("/v0/api/cctv/cameras/").await.expect(200);
    assert_eq!((&listed["items"][0]["id"], &listed["items"][0]["status"]), (&json!(id), &json!("active")));
    Live::open(&client, &format!("/v0/api/cctv/cameras/{id}/stream/")).await.pictures(2).await;
    let begun = client.post(&format!("/v0/api/cctv/cameras/{id}/start_recording/"), json!({ "duration_minutes": 5 })).await.expect(200);
    let recording = begun["recording_id"].as_str().unwrap();
    client.send(reqwest::Method::POST, &format!("/v0/api/cctv/cameras/{id}/stop_recording/"), None).await.expect(200);
    let recordings = client.get("/v0/api/cctv/recordings/").await.expect(200);
    assert_eq!(recordings["items"][0]["id"], recording);
    client.get(&format!("/v0/api/cctv/recordings/{recording}/")).await.expect(200);
    let asked =
        client.post("/v0/api/cctv/recordings/transfer-to-gcp/", json!({ "recording_ids": [recording], "batch_size": 5 })).await.expect(200);
    assert_eq!((&asked["total_recordings"], &asked["failed_initiations"]), (&json!(1), &json!(1)), "there is nothing of it yet");

    let schedule = json!({
        "camera": id, "name": "Daily Morning Recording", "schedule_type": "daily", "start_time": "08:00:00", "end_time": "10:00:00",
        "days_of_week": [], "recording_quality": "main", "is_active": false,
    });
    let schedule = client.post("/v0/api/cctv/schedules/", schedule).await.expect(201);
    client.get("/v0/api/cctv/schedules/").await.expect(200);
    let activated =
        client.post(&format!("/v0/api/cctv/schedules/{}/activate/", schedule["id"].as_str().unwrap()), json!({})).await.expect(200);
    assert_eq!(activated["is_active"], true);
    client.post("/v0/api/mail/request-password-reset", json!({ "email": "dev@example.org" })).await.expect(200);
    let mail = json!({ "recipient": "dev@example.org", "subject": "Cameras", "message": "All of them are there." });
    assert_eq!(client.post("/v0/api/mail/auth/send-email", mail).await.expect(201)["status"], "queued");
    let mails = json!({ "recipients": ["dev@example.org"], "subject": "Cameras", "message": "All of them are there." });
    assert_eq!(client.post("/v0/api/mail/auth/send-bulk-email", mails).await.expect(201)["accepted"], 1);
    for documentation in ["/api/docs/swagger/", "/api/docs/redoc/", "/api/docs/schema/"] {
        assert_eq!(app.anonymous().get(documentation).await.status, 200, "{documentation}");
    }
    client.post("/v0/api/users/auth/logout/", json!({ "refresh": session["refresh"] })).await.expect(204);
    client.get("/v0/api/cctv/cameras/").await.expect_problem(401);
}
