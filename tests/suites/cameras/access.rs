//! Who may do what with a camera.

use std::time::Duration;

use gatehouse_tests::camera::Camera;
use gatehouse_tests::{App, unique};
use serde_json::{Value, json};

use super::support::{CAMERAS, HERE, allow, path, register, ticketed, user};

const RULES: &str = "/v0/api/cctv/camera-access";

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn whoever_has_no_access_gets_nothing() {
    let Some(app) = App::embedded(&HERE).await else { return };
    let camera = Camera::start().await;
    let admin = app.admin().await;
    let id = register(&admin, json!({ "snapshot_url": camera.url("/snapshot"), "mjpeg_url": camera.url("/video") })).await;
    let (visitor, operator) = (app.visitor().await, app.operator().await);
    for stranger in [&visitor, &operator] {
        let listed = stranger.get(CAMERAS).await.expect(200);
        assert_eq!(listed["items"], json!([]));
        for what in ["", "/stream/", "/snapshot/"] {
            stranger.get(&format!("{}{what}", path(&id))).await.expect_problem(404);
            stranger.header("accept", "application/json").get(&format!("{}{what}", path(&id))).await.expect_problem(404);
        }
        stranger.post(&format!("{}/test_connection/", path(&id)), json!({})).await.expect_problem(404);
        stranger.post(CAMERAS, json!({ "name": "x" })).await.expect_problem(403);
        stranger.patch(&path(&id), json!({})).await.expect_problem(403);
        stranger.delete(&path(&id)).await.expect_problem(403);
        for administration in ["/v0/api/cctv/streams/", "/v0/api/cctv/streams/active/", RULES] {
            stranger.get(administration).await.expect_problem(403);
        }
        stranger.post(RULES, json!({})).await.expect_problem(403);
        stranger.delete("/v0/api/cctv/streams/x").await.expect_problem(403);
    }
    for what in ["", "/stream/", "/snapshot/", "/stream/?ticket=nonsense", "/snapshot/?ticket=nonsense"] {
        app.anonymous().get(&format!("{}{what}", path(&id))).await.expect_problem(401);
    }
    assert!(camera.requests().is_empty(), "nothing was asked of the camera");

    // Public ones are for staff alone.
    admin.patch(&path(&id), json!({ "is_public": true })).await.expect(200);
    visitor.get(&format!("{}/snapshot/", path(&id))).await.expect_problem(404);
    let seen = operator.get(&path(&id)).await.expect(200);
    assert_eq!((&seen["access"], &seen["addresses"], &seen["has_pictures"]), (&json!("view"), &Value::Null, &json!(true)));
    assert_eq!(operator.get(&format!("{}/snapshot/", path(&id))).await.status, 200);
    operator.post(&format!("{}/test_connection/", path(&id)), json!({})).await.expect_problem(403);
    assert_eq!(operator.get(CAMERAS).await.expect(200)["items"][0]["id"], json!(id));

    // One that is out of use shows nothing to anybody.
    admin.patch(&path(&id), json!({ "is_active": false })).await.expect(200);
    for what in ["/stream/", "/snapshot/"] {
        assert_eq!(operator.get(&format!("{}{what}", path(&id))).await.expect_problem(409)["reason"], "inactive");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_rule_opens_one_camera_to_one_person_in_its_hours() {
    let Some(app) = App::embedded(&HERE).await else { return };
    let camera = Camera::start().await;
    let (admin, place) = (app.admin().await, app.place(0).await);
    let fields = json!({ "site": place.site, "snapshot_url": camera.url("/snapshot"), "mjpeg_url": camera.url("/video") });
    let (id, other) = (register(&admin, fields.clone()).await, register(&admin, fields).await);
    let (visitor, visitor_id, _) = user(&app, "visitor").await;
    // The clock starts on a Wednesday at 10:30 by the site's clock.
    let rule = allow(&admin, &id.to_lowercase(), &visitor_id, json!({ "days": ["wednesday"], "from": "08:00", "until": "11:00" })).await;
    let snapshot = format!("{}/snapshot/", path(&id));
    assert_eq!(visitor.get(&snapshot).await.status, 200);
    visitor.get(&format!("{}/snapshot/", path(&other))).await.expect_problem(404);
    let listed = visitor.get(CAMERAS).await.expect(200);
    assert_eq!((listed["items"].as_array().map(Vec::len), &listed["items"][0]["id"]), (Some(1), &json!(id)));
    let ticket = ticketed(&visitor, &id).await;
    let elsewhere = ticket.replace(&id, &other);
    app.anonymous().get(&elsewhere).await.expect_problem(401);

    app.advance(Duration::from_secs(31 * 60));
    let admin = app.admin().await;
    let changed = admin.patch(&format!("{RULES}/{rule}"), json!({ "days": null })).await.expect(200);
    assert_eq!((changed["days"].as_array().map(Vec::len), &changed["from"]), (Some(7), &json!("08:00")));
    let (late, late_id, _) = user(&app, "visitor").await;
    let rule = allow(&admin, &id, &late_id, json!({ "from": "08:00", "until": "11:00" })).await;
    assert_eq!(late.get(&snapshot).await.expect_problem(403)["reason"], "outside_hours");
    admin.patch(&format!("{RULES}/{rule}"), json!({ "until": null, "level": "control" })).await.expect(200);
    assert_eq!(late.get(&snapshot).await.status, 200);
    assert_eq!(late.get(&path(&id)).await.expect(200)["access"], "control");
    admin.patch(&format!("{RULES}/{rule}"), json!({ "is_active": false })).await.expect(200);
    late.get(&snapshot).await.expect_problem(404);
    admin.delete(&format!("{RULES}/{rule}")).await.expect(204);
    admin.get(&format!("{RULES}/{rule}")).await.expect_problem(404);
    admin.delete(&path(&id)).await.expect(204);
    let left: i64 = app.db().query_row("select count(*) from camera_access", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0, "rules go with their camera");
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_name_every_bad_field_and_there_is_one_of_a_person_and_camera() {
    let app = App::start().await;
    let admin = app.admin().await;
    let id = register(&admin, json!({})).await;
    let (_, person, _) = user(&app, "operator").await;
    admin.post(RULES, json!({})).await.expect_invalid(&["camera_id", "level", "user_id"]);
    let bad = json!({ "camera_id": id, "user_id": person, "level": "owner", "days": ["someday"], "from": "8:00", "until": "25:00", "is_active": 1 });
    admin.post(RULES, bad).await.expect_invalid(&["days", "from", "is_active", "level", "until"]);
    let rule = |fields: Value| {
        let mut body = json!({ "camera_id": id, "user_id": person, "level": "view" });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        body
    };
    admin.post(RULES, rule(json!({ "from": "08:00", "until": "08:00" }))).await.expect_invalid(&["until"]);
    admin.post(RULES, rule(json!({ "from": "24:00" }))).await.expect_invalid(&["from"]);
    admin.post(RULES, rule(json!({ "days": [] }))).await.expect_invalid(&["days"]);
    admin.post(RULES, rule(json!({ "user_id": "nobody" }))).await.expect_invalid(&["user_id"]);
    admin.post(RULES, rule(json!({ "camera_id": unique("NO") }))).await.expect_invalid(&["camera_id"]);
    let made = admin.post(RULES, rule(json!({ "from": "22:00:00", "until": "06:00" }))).await.expect(201);
    assert_eq!((&made["from"], &made["until"], &made["user_name"]), (&json!("22:00"), &json!("06:00"), &json!("Somebody")));
    admin.post(RULES, rule(json!({}))).await.expect_problem(409);
    let address = format!("{RULES}/{}", made["id"].as_str().unwrap());
    admin.patch(&address, json!({ "until": "22:00" })).await.expect_invalid(&["until"]);
    admin.patch(&address, json!({ "camera_id": "CAM-2" })).await.expect_invalid(&["camera_id"]);
    let listed = admin.get(&format!("{RULES}/?camera_id={id}&user_id={person}")).await.expect(200);
    assert_eq!(listed["items"], json!([made]));
    admin.get(&format!("{RULES}/?colour=red")).await.expect_invalid(&["colour"]);
    admin.get(&format!("{RULES}/none")).await.expect_problem(404);
    admin.patch(&format!("{RULES}/none"), json!({})).await.expect_problem(404);
    admin.delete(&format!("{RULES}/none")).await.expect_problem(404);
}
