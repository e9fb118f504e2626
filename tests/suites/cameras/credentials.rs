//! Names and passwords of cameras: used, and never shown.

use base64::Engine as _;
use gatehouse_tests::camera::real::{Asks, Motion};
use gatehouse_tests::camera::{Camera, PASSWORD, USERNAME};
use gatehouse_tests::gcs::{BUCKET, Gcs};
use gatehouse_tests::process::{Options, Process};
use gatehouse_tests::relay::Relay;
use gatehouse_tests::{App, clock_at_start};
use serde_json::json;

use super::studio::Studio;
use super::support::{CAMERAS, HERE, path, register};

const SECRET: &str = "hunter2-and-more";
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const RELAY_SECRET: &str = "what-the-relay-knows-and-nobody-else";
const NAME: &str = "keeper-of-the-gate";

/// Whether one of these texts is in these bytes.
fn holds<'a>(bytes: &[u8], secrets: &[&'a str]) -> Option<&'a str> {
    secrets.iter().find(|secret| bytes.windows(secret.len()).any(|window| window == secret.as_bytes())).copied()
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn no_credential_is_in_any_answer_event_log_or_row() {
    let directory = tempfile::Builder::new().prefix("gatehouse-cameras-").tempdir().unwrap();
    let (camera, relay, bucket) = (Camera::start().await, Relay::start().await, Gcs::start().await);
    let (origin, storage, account) = (relay.origin(), bucket.origin(), bucket.service_account());
    let variables = [
        HERE[0],
        HERE[1],
        ("log_level", "debug"),
        ("camera_key", KEY),
        ("relay_secret", RELAY_SECRET),
        ("relay_api_origin", &origin),
        ("relay_playback_origin", &origin),
        ("gcs_bucket", BUCKET),
        ("gcs_origin", &storage),
        ("gcs_token_origin", &storage),
        ("gcs_service_account", &account),
    ];
    let clock = clock_at_start();
    let server = Process::start_with(directory.path(), &variables, Options { clock: Some(clock.clone()), ..Options::default() });
    let app = &server.app;
    relay.ask(app.base_url(), clock);
    let admin = app.admin().await;
    let url = |path: &str| camera.url(path).replace("http://", &format!("http://{NAME}:{SECRET}@"));
    let rtsp = format!("rtsp://{NAME}:{SECRET}@192.168.1.9/stream1");
    let by_query = camera.url("/basic?u={username}&p={password}");
    let (one, other, third) = (path("CAM-A"), path("CAM-B"), path("CAM-C"));
    // As recorders take it: in the path of RTSP, and in base64.
    let both = base64::engine::general_purpose::STANDARD.encode(format!("{NAME}:{SECRET}"));
    let in_path = json!({
        "name": "C", "camera_id": "CAM-C", "rtsp_url": format!("rtsp://192.168.1.9:554/user={NAME}_password={SECRET}_channel=1_stream=0.sdp?real_stream"),
        "rtsp_url_sub": format!("rtsp://192.168.1.9/cam/realmonitor?channel=1&subtype=1&authbasic={both}"),
        "snapshot_url": camera.url(&format!("/error?u={NAME}&p={SECRET}")),
    });
    let mut answers = vec![
        admin
            .post(
                &format!("{CAMERAS}/register/"),
                json!({ "name": "A", "camera_id": "CAM-A", "rtsp_url": rtsp, "mjpeg_url": url("/basic") }),
            )
            .await,
        admin
            .post(CAMERAS, json!({ "name": "B", "camera_id": "CAM-B", "snapshot_url": by_query, "username": NAME, "password": SECRET }))
            .await,
        admin.get(CAMERAS).await,
        admin.get(&one).await,
        admin.post(&format!("{one}/test_connection/"), json!({})).await,
        admin.post(&format!("{other}/test_connection/"), json!({})).await,
        admin.get(&format!("{one}/snapshot/")).await,
        admin.get(&format!("{one}/stream/")).await,
        admin.header("accept", "application/json").get(&format!("{one}/stream/")).await,
        admin.patch(&one, json!({ "password": format!("{SECRET}!") })).await,
        admin.patch(&one, json!({ "mjpeg_url": format!("http://{NAME}:{SECRET}@127.0.0.1:99999/") })).await,
        admin.patch(&other, json!({ "snapshot_url": format!("http://{NAME}:{SECRET}@10.0.0.1/") })).await,
        admin.post(&format!("{one}/start_recording/"), json!({})).await,
        admin.get(&format!("{one}/recording_status/")).await,
        admin.post(CAMERAS, in_path).await,
        admin.get(&third).await,
        admin.post(&format!("{third}/test_connection/"), json!({})).await,
        admin.get(&format!("{third}/snapshot/")).await,
        admin.patch(&third, json!({ "mjpeg_url": format!("http://192.168.1.9/user={NAME}/pwd={SECRET}/video") })).await,
        admin.patch(&third, json!({ "mjpeg_url": format!("http://192.168.1.9/video?pwd={SECRET}") })).await,
        admin.post(&format!("{third}/start_recording/"), json!({})).await,
    ];
    assert_eq!(answers[0].status, 201, "{}", answers[0].text());
    assert_eq!(answers[3].expect(200)["addresses"]["has_credentials"], true);
    let shown = answers[15].expect(200)["addresses"].clone();
    assert_eq!(shown["rtsp_url"], "rtsp://192.168.1.9:554/user={username}_password={password}_channel=1_stream=0.sdp?real_stream");
    assert_eq!(shown["rtsp_url_sub"], "rtsp://192.168.1.9/cam/realmonitor?channel=1&subtype=1&authbasic={basic}");
    assert_eq!((&shown["has_credentials"], answers[18].status, answers[19].status), (&json!(true), 200, 422));
    let source = relay.path("cam/cam-c/main").unwrap()["source"].as_str().unwrap().to_owned();
    assert!(source.contains(&format!("/user={NAME}_password={SECRET}_channel=1")), "the relay needs it there too");
    assert!(camera.requests().iter().any(|head| head.contains(&format!("/error?u={NAME}&p={SECRET}"))));
    let recording = answers[12].expect(200)["recording_id"].as_str().unwrap().to_owned();
    assert!(relay.path("cam/cam-a/main").unwrap()["source"].as_str().unwrap().contains(SECRET), "the relay needs it");
    let ticks = async || {
        // Cameras that are gone, a relay that is away: what is said of faults.
        for is_away in [false, true, false, true, false] {
            camera.go_dark(is_away);
            relay.go_away(is_away);
            app.internal("/internal/tick/cameras").await.expect(200);
        }
    };
    ticks().await;
    answers.push(admin.post(&format!("{one}/stop_recording/"), json!({})).await);
    answers.push(admin.post("/v0/api/cctv/recordings/transfer-to-gcp/", json!({ "recording_ids": [recording] })).await);
    ticks().await;
    for listed in ["recordings/", "recordings/gcp-transfers/", "streams/", "schedules/", "camera-access/"] {
        answers.push(admin.get(&format!("/v0/api/cctv/{listed}")).await);
    }
    for listed in ["/api/event-logs/", "/api/alerts/", "/api/cameras/", "/metrics"] {
        answers.push(admin.get(listed).await);
    }
    assert!(camera.requests().iter().any(|head| head.contains(&format!("p={SECRET}"))), "the query names it where it is asked for");
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("{NAME}:{SECRET}"));
    let secrets = [SECRET, NAME, &basic, KEY, RELAY_SECRET, "PRIVATE KEY", "ya29."];
    for answer in &answers {
        let text = format!("{:?} {}", answer.headers, answer.text());
        assert_eq!(holds(text.as_bytes(), &secrets), None, "{}: {text}", answer.request);
    }
    server.kill_9();
    let mut seen = Vec::new();
    for file in std::fs::read_dir(directory.path()).unwrap().map(|file| file.unwrap().path()).filter(|file| file.is_file()) {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        // The file of secrets, and what the tests' process tells its parent, are not of the database.
        if name == "secrets.json" || name == "server-process.json" {
            continue;
        }
        assert_eq!(holds(&std::fs::read(&file).unwrap(), &secrets), None, "{}", file.display());
        seen.push(name);
    }
    assert!(["server-process.log", "default.db"].iter().all(|name| seen.iter().any(|seen| seen == name)), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_kept_password_goes_to_no_other_host() {
    let Some(app) = App::embedded(&HERE).await else { return };
    let admin = app.admin().await;
    let id = register(&admin, json!({ "snapshot_url": "http://127.0.0.1:9/x", "username": NAME, "password": SECRET })).await;
    admin.patch(&path(&id), json!({ "mjpeg_url": "http://127.0.0.1:10/y" })).await.expect(200);
    admin.patch(&path(&id), json!({ "mjpeg_url": "http://192.168.1.9/y" })).await.expect_invalid(&["mjpeg_url"]);
    admin.patch(&path(&id), json!({ "mjpeg_url": "http://192.168.1.9/y", "username": NAME })).await.expect_invalid(&["mjpeg_url"]);
    admin.patch(&path(&id), json!({ "mjpeg_url": "http://192.168.1.9/y", "username": NAME, "password": SECRET })).await.expect(200);
    let bare = register(&admin, json!({ "snapshot_url": "http://127.0.0.1:9/x", "username": NAME, "password": SECRET })).await;
    admin.patch(&path(&bare), json!({ "snapshot_url": null })).await.expect(200);
    admin.patch(&path(&bare), json!({ "mjpeg_url": "http://192.168.1.9/y" })).await.expect_invalid(&["mjpeg_url"]);
    let two = json!({ "rtsp_url": "rtsp://a:b@192.168.1.9/", "mjpeg_url": "http://a:c@192.168.1.9/" });
    admin.patch(&path(&id), two).await.expect_invalid(&["mjpeg_url"]);
    let cleared = admin.patch(&path(&id), json!({ "username": null })).await.expect(200);
    assert_eq!(cleared["addresses"]["has_credentials"], false);
    let kept: Option<Vec<u8>> = app.db().query_row("select credentials from cameras where camera_id = ?", [&id], |row| row.get(0)).unwrap();
    assert_eq!(kept, None);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn basic_and_digest_and_a_new_key() {
    let Some(app) = App::embedded(&HERE).await else { return };
    let (camera, by_basic, by_digest) = (Camera::start().await, Motion::start(Asks::Basic).await, Motion::start(Asks::Digest).await);
    let admin = app.admin().await;
    let credentials = json!({ "username": USERNAME, "password": PASSWORD });
    let mut addresses = vec![camera.url("/basic")];
    addresses.extend([&by_basic, &by_digest].into_iter().flatten().map(Motion::snapshot));
    let mut ids = Vec::new();
    for address in &addresses {
        let mut fields = credentials.clone();
        fields["snapshot_url"] = json!(address);
        ids.push(register(&admin, fields).await);
    }
    let works = async |app: &App| {
        let admin = app.admin().await;
        for id in &ids {
            let snapshot = admin.get(&format!("{}/snapshot/", path(id))).await;
            assert_eq!((snapshot.status, snapshot.header("content-type")), (200, "image/jpeg"), "{}", snapshot.text());
        }
    };
    works(&app).await;
    assert!(!camera.requests()[0].to_lowercase().contains("authorization"), "a password is sent when it is asked for");

    // A new key: the old one still opens, the scheduled run seals anew, and then the old one is not needed any more.
    let old = app.variable("camera_key").to_owned();
    let keys = |app: &App| -> Vec<String> {
        let db = app.db();
        let mut rows = db.prepare("select distinct credentials_key from cameras where credentials is not null").unwrap();
        rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let before = keys(&app);
    let new = KEY;
    let app = app.restart_with(&[HERE[0], HERE[1], ("camera_key", new), ("camera_old_keys", &old)]).await;
    works(&app).await;
    assert_eq!(keys(&app), before);
    let run = app.internal("/internal/tick/cameras").await.expect(200);
    assert_eq!(run["resealed"], json!(ids.len()), "{run}");
    assert_ne!(keys(&app), before);
    assert_eq!(app.internal("/internal/tick/cameras").await.expect(200)["resealed"], 0);
    let app = app.restart_with(&[HERE[0], HERE[1], ("camera_key", new)]).await;
    works(&app).await;
    // Without the key there is an error of ours, which tells nothing, and the run goes on.
    let app = app.restart_with(&[HERE[0], HERE[1], ("camera_key", &old)]).await;
    let (admin, address) = (app.admin().await, path(&ids[0]));
    admin.get(&format!("{address}/snapshot/")).await.expect_problem(500);
    assert_eq!(app.internal("/internal/tick/cameras").await.expect(200)["resealed"], 0);
    // The camera is changed all the same, and works again when name and password are entered again, both of them.
    admin.patch(&address, json!({ "location": "Gate 2" })).await.expect(200);
    admin.patch(&address, json!({ "password": PASSWORD })).await.expect_invalid(&["username"]);
    admin.patch(&address, json!({ "username": USERNAME })).await.expect_invalid(&["password"]);
    admin.patch(&address, json!({ "mjpeg_url": "http://192.168.1.9/" })).await.expect_invalid(&["mjpeg_url"]);
    admin.patch(&address, credentials).await.expect(200);
    assert_eq!(admin.get(&format!("{address}/snapshot/")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn an_address_from_before_is_not_shown_with_what_it_holds() {
    let Some(app) = App::embedded(&HERE).await else { return };
    let admin = app.admin().await;
    let id = register(&admin, json!({ "rtsp_url": "rtsp://192.168.1.9/x" })).await;
    let stored = format!("rtsp://192.168.1.9/user={NAME}&password={SECRET}");
    app.db().execute("update cameras set rtsp_url = ? where camera_id = ?", [&stored, &id]).unwrap();
    let shown = admin.get(&path(&id)).await;
    assert_eq!(holds(shown.text().as_bytes(), &[SECRET, NAME]), None, "{}", shown.text());
    // As it is shown it is not taken back.
    let address = shown.expect(200)["addresses"]["rtsp_url"].clone();
    admin.patch(&path(&id), json!({ "rtsp_url": address })).await.expect_invalid(&["rtsp_url"]);
    let sealed = admin.patch(&path(&id), json!({ "rtsp_url": stored })).await.expect(200)["addresses"].clone();
    assert_eq!(
        (&sealed["rtsp_url"], &sealed["has_credentials"]),
        (&json!("rtsp://192.168.1.9/user={username}&password={password}"), &json!(true))
    );
}

/// More of them than one run seals anew, before those that it can.
#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn credentials_that_nothing_opens_keep_no_others_from_being_sealed_anew() {
    let Some(app) = App::embedded(&HERE).await else { return };
    let id = register(&app.admin().await, json!({ "snapshot_url": "http://127.0.0.1:9/x", "username": NAME, "password": SECRET })).await;
    let old = app.variable("camera_key").to_owned();
    let lost = "with recursive n (n) as (select 1 union all select n + 1 from n where n < 150)
        insert into cameras (camera_id, location, credentials, credentials_key, created_at, updated_at, updated_by)
        select 'LOST-' || n, 'x', x'00', '00000000', 1, 1, 'test' from n";
    app.db().execute(lost, []).unwrap();
    let app = app.restart_with(&[HERE[0], HERE[1], ("camera_key", KEY), ("camera_old_keys", &old)]).await;
    assert_eq!(app.internal("/internal/tick/cameras").await.expect(200)["resealed"], 1);
    assert_eq!(app.internal("/internal/tick/cameras").await.expect(200)["resealed"], 0);
    assert_eq!(app.admin().await.get(&path(&id)).await.expect(200)["addresses"]["has_credentials"], true);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_camera_whose_key_is_lost_keeps_nothing_else_waiting() {
    let Some(studio) = Studio::start().await else { return };
    studio.schedule(json!({ "schedule_type": "continuous" })).await;
    let Studio { app, relay, camera } = studio;
    let origin = relay.origin();
    let variables = [HERE[0], HERE[1], ("relay_api_origin", &origin), ("relay_playback_origin", &origin), ("camera_key", KEY)];
    let app = app.restart_with(&variables).await;
    relay.ask(app.base_url(), app.clock());
    // The whole run is good, and says what is missing.
    assert_eq!(app.internal("/internal/tick/cameras").await.expect(200)["begun"], 0);
    let status = app.admin().await.get(&format!("{}/recording_status/", path(&camera))).await.expect(200);
    assert_eq!((&status["is_recording"], &status["missing_because"]), (&json!(false), &json!("not_allowed")));
}
