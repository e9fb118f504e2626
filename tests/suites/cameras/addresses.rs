//! Where cameras may be: what the operator allows, and nothing else.

use gatehouse_tests::camera::Camera;
use gatehouse_tests::{App, unique};
use serde_json::{Value, json};

use super::support::{CAMERAS, HERE, path, register};

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn no_camera_is_where_the_operator_has_not_allowed_one() {
    let Some(app) = App::embedded(&[("camera_networks", "192.168.1.0/24, 0.0.0.0/0, cam.example.com")]).await else { return };
    let admin = app.admin().await;
    let hosts = [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0177.0.0.1",
        "0x7f000001",
        "localhost",
        "169.254.169.254",
        "2852039166",
        "0.0.0.0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:a9fe:a9fe]",
        "[fe80::1]",
        "other.example.com",
        "192.168.1.9@127.0.0.1",
    ];
    for host in hosts {
        for (field, address) in [("snapshot_url", format!("http://{host}:8081/x")), ("rtsp_url", format!("rtsp://{host}/x"))] {
            admin.post(CAMERAS, json!({ "name": "x", field: address })).await.expect_invalid(&[field]);
        }
    }
    let bad = json!({
        "name": "", "camera_id": "register", "rtsp_url": "http://192.168.1.9/", "rtsp_url_sub": "rtsp://127.0.0.1/", "snapshot_url": "file:///etc/passwd",
        "mjpeg_url": "http://192.168.1.9/?pwd=secret", "site": "A B", "is_active": "yes", "port": 0, "username": 4,
    });
    let problem = admin.post(CAMERAS, bad).await.expect_invalid(&[
        "is_active",
        "mjpeg_url",
        "name",
        "port",
        "rtsp_url",
        "site",
        "snapshot_url",
        "username",
    ]);
    assert!(!problem.to_string().contains("secret"), "{problem}");
    admin.post(CAMERAS, json!({ "name": "x", "camera_id": "Register" })).await.expect_invalid(&["camera_id"]);
    app.operator().await.post("/api/cameras/", json!({ "camera_id": "register", "location": "x" })).await.expect_invalid(&["camera_id"]);
    let both = json!({ "name": "x", "rtsp_url": "rtsp://127.0.0.1/", "mjpeg_url": "http://[::1]/" });
    admin.post(CAMERAS, both).await.expect_invalid(&["mjpeg_url", "rtsp_url"]);

    let made = admin.post(CAMERAS, json!({ "name": "Lane", "ip_address": "192.168.1.9", "rtsp_path": "/live/0/MAIN" })).await.expect(201);
    assert_eq!(made["addresses"]["rtsp_url"], "rtsp://192.168.1.9:554/live/0/MAIN");
    assert_eq!(
        (&made["addresses"]["ip_address"], &made["addresses"]["port"], &made["location"]),
        (&json!("192.168.1.9"), &json!(554), &json!("Lane"))
    );
    admin.post(CAMERAS, json!({ "name": "Lane", "ip_address": "127.0.0.1" })).await.expect_invalid(&["rtsp_url"]);
    admin.post(CAMERAS, json!({ "name": "Lane", "ip_address": "a b" })).await.expect_invalid(&["ip_address"]);
    let address = path(made["id"].as_str().unwrap());
    admin.patch(&address, json!({ "snapshot_url": "http://169.254.169.254/latest/" })).await.expect_invalid(&["snapshot_url"]);
    let changed =
        admin.patch(&address, json!({ "rtsp_url": null, "snapshot_url": "http://cam.example.com/x", "name": null })).await.expect(200);
    assert_eq!((&changed["addresses"]["rtsp_url"], &changed["name"]), (&Value::Null, &json!("Lane")));
}

/// The variable allows it, the manifest does not; then the manifest does, and the variable does not any more.
#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn both_guards_stand() {
    let camera = Camera::start().await;
    let Some(app) = App::embedded(&[("camera_networks", "127.0.0.1")]).await else { return };
    let admin = app.admin().await;
    let id = register(&admin, json!({ "snapshot_url": camera.url("/snapshot") })).await;
    let test = format!("{}/test_connection/", path(&id));
    let tried = admin.post(&test, json!({})).await.expect(200);
    assert_eq!(tried["addresses"][0]["failure"], "not_allowed", "{tried}");
    let app = app.restart_with(&[("camera_networks", "192.168.1.0/24"), ("camera_origin", "http://127.0.0.0/8:*")]).await;
    let admin = app.admin().await;
    let tried = admin.post(&test, json!({})).await.expect(200);
    assert_eq!(tried["addresses"][0]["failure"], "not_allowed", "{tried}");
    assert_eq!(admin.get(&format!("{}/snapshot/", path(&id))).await.expect_problem(503)["reason"], "not_allowed");
    assert!(camera.requests().is_empty());
    let app = app.restart_with(&HERE).await;
    let tried = app.admin().await.post(&test, json!({})).await.expect(200);
    assert_eq!((&tried["success"], &tried["addresses"][0]["content_type"]), (&json!(true), &json!("image/jpeg")), "{tried}");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_test_says_what_failed() {
    let Some(app) = App::embedded(&HERE).await else { return };
    let (camera, elsewhere) = (Camera::start().await, Camera::start().await);
    let admin = app.admin().await;
    let redirect = format!("/redirect?to={}", elsewhere.url("/snapshot"));
    let closed = format!("http://127.0.0.1:{}/", gatehouse_tests::tools::free_port());
    let cases = [
        (camera.url("/snapshot"), None),
        (camera.url("/video"), None),
        (closed, Some("refused")),
        (camera.url("/close"), Some("refused")),
        (camera.url("/slow"), Some("slow")),
        (camera.url("/trickle"), Some("slow")),
        (camera.url("/basic"), Some("unauthorised")),
        (camera.url(&redirect), Some("redirected")),
        (camera.url("/error"), Some("answered")),
        (camera.url("/html"), Some("not_a_picture")),
    ];
    for (address, failure) in cases {
        let id = register(&admin, json!({ "snapshot_url": address, "username": "wrong", "password": "hunter2" })).await;
        let answer = admin.post(&format!("{}/test_connection/", path(&id)), json!({})).await;
        let tried = answer.expect(200);
        assert_eq!(
            (&tried["success"], tried["addresses"][0]["failure"].as_str()),
            (&json!(failure.is_none()), failure),
            "{address}: {tried}"
        );
        assert!(!answer.text().contains("hunter2") && !answer.text().contains("wrong"));
        let snapshot = admin.get(&format!("{}/snapshot/", path(&id))).await;
        match failure {
            None => assert_eq!((snapshot.status, snapshot.header("content-type")), (200, "image/jpeg")),
            Some(failure) => assert_eq!(snapshot.expect_problem(503)["reason"], failure),
        }
    }
    assert!(elsewhere.requests().is_empty(), "a redirect was followed");
    let only_rtsp = register(&admin, json!({ "rtsp_url": "rtsp://192.168.1.9/stream1" })).await;
    let tried = admin.post(&format!("{}/test_connection/", path(&only_rtsp)), json!({})).await.expect(200);
    assert_eq!((&tried["success"], &tried["addresses"][0]["success"]), (&json!(false), &Value::Null));
    let bare = register(&admin, json!({})).await;
    for what in ["/snapshot/", "/stream/"] {
        assert_eq!(admin.get(&format!("{}{what}", path(&bare))).await.expect_problem(409)["reason"], "no_address");
    }
    admin.post(&format!("{}/test_connection/", path(&bare)), json!({})).await.expect_problem(409);
    admin.post(&format!("{}/test_connection/", path(&unique("NO"))), json!({})).await.expect_problem(404);
}
