//! Recording schedules.

use gatehouse_tests::{App, Client, unique};
use serde_json::{Value, json};

use super::support::{CAMERAS, path, register};

const SCHEDULES: &str = "/v0/api/cctv/schedules";

/// A camera on a new site of this zone; its id.
async fn camera_in(admin: &Client, zone: &str) -> String {
    let site = unique("site");
    let body = json!({
        "slug": site, "name": "A car park", "kind": "car_park", "latitude": 52.5, "longitude": 13.4, "time_zone": zone, "capacity": 10,
    });
    admin.post("/api/sites", body).await.expect(201);
    register(admin, json!({ "site": site })).await
}

fn with(camera: &str, fields: Value) -> Value {
    let mut body =
        json!({ "camera": camera, "name": "Nights", "schedule_type": "daily", "start_time": "22:00:00", "end_time": "06:00:00" });
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_night_goes_over_midnight_and_both_changes_of_the_clocks() {
    // The clocks leap on 2027-03-28 at 01:00 UTC, and fall back on 2027-10-31.
    for (moment, start, end) in [
        ("2027-03-27T12:00:00Z", "2027-03-27T21:00:00Z", "2027-03-28T04:00:00Z"),
        ("2027-10-30T12:00:00Z", "2027-10-30T20:00:00Z", "2027-10-31T05:00:00Z"),
    ] {
        let Some(app) = App::embedded_at(moment, &[]).await else { return };
        let admin = app.admin().await;
        let camera = camera_in(&admin, "Europe/Berlin").await;
        let made = admin.post(SCHEDULES, with(&camera.to_lowercase(), json!({}))).await.expect(201);
        assert_eq!(made["next_window"], json!({ "start": start, "end": end }), "{made}");
        assert_eq!((&made["is_due"], &made["camera"], &made["camera_name"]), (&json!(false), &json!(camera), &json!("Front gate")));
        assert_eq!((&made["start_time"], &made["end_time"], &made["days_of_week"]), (&json!("22:00:00"), &json!("06:00:00"), &json!([])));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_is_made_read_changed_followed_and_removed() {
    let app = App::start().await;
    let admin = app.admin().await;
    let camera = camera_in(&admin, "Asia/Kolkata").await;
    let made =
        admin.post(SCHEDULES, with(&camera, json!({ "schedule_type": "weekly", "days_of_week": ["friday", "monday"] }))).await.expect(201);
    assert_eq!(made["days_of_week"], json!(["monday", "friday"]));
    let address = format!("{SCHEDULES}/{}", made["id"].as_str().unwrap());
    assert_eq!(admin.get(&address).await.expect(200)["id"], made["id"]);
    let listed = admin.get(&format!("{SCHEDULES}/?camera={camera}&schedule_type=weekly&is_active=true")).await.expect(200);
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
    admin.get(&format!("{SCHEDULES}/?colour=red")).await.expect_invalid(&["colour"]);

    let changed = admin.patch(&address, json!({ "schedule_type": "continuous", "name": "Always" })).await.expect(200);
    assert_eq!((&changed["schedule_type"], &changed["is_due"], &changed["name"]), (&json!("continuous"), &json!(true), &json!("Always")));
    admin.patch(&address, json!({ "schedule_type": "weekly" })).await.expect_invalid(&["days_of_week"]);
    let off = admin.post(&format!("{address}/deactivate/"), json!({})).await.expect(200);
    assert_eq!((&off["is_active"], &off["is_due"], &off["next_window"]), (&json!(false), &json!(false), &Value::Null));
    let on = admin.post(&format!("{address}/activate/"), json!({})).await.expect(200);
    assert_eq!((&on["is_active"], &on["is_due"]), (&json!(true), &json!(true)));
    admin.patch(&address, json!({ "camera": "CAM-2" })).await.expect_invalid(&["camera"]);
    admin.delete(&address).await.expect(204);
    admin.delete(&address).await.expect_problem(404);
    for what in ["", "/activate/", "/deactivate/"] {
        let answer = if what.is_empty() { admin.get(&address).await } else { admin.post(&format!("{address}{what}"), json!({})).await };
        answer.expect_problem(404);
    }
    admin.patch(&address, json!({})).await.expect_problem(404);
    let again = admin.post(SCHEDULES, with(&camera, json!({ "name": "Once more" }))).await.expect(201);
    admin.delete(&path(&camera)).await.expect(204);
    admin.get(&format!("{SCHEDULES}/{}", again["id"].as_str().unwrap())).await.expect_problem(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused_with_every_bad_field() {
    let app = App::start().await;
    let admin = app.admin().await;
    let camera = camera_in(&admin, "Asia/Kolkata").await;
    admin.post(SCHEDULES, json!({})).await.expect_invalid(&["camera", "name", "schedule_type"]);
    admin
        .post(SCHEDULES, json!({ "camera": camera, "name": "x", "schedule_type": "daily" }))
        .await
        .expect_invalid(&["end_time", "start_time"]);
    let bad = with(
        &camera,
        json!({
            "name": "", "schedule_type": "hourly", "start_time": "8:00", "end_time": "08:00:30", "start_date": "tomorrow", "end_date": 4,
            "days_of_week": ["someday"], "recording_quality": "huge", "is_active": "yes",
        }),
    );
    admin.post(SCHEDULES, bad).await.expect_invalid(&[
        "days_of_week",
        "end_date",
        "end_time",
        "is_active",
        "name",
        "recording_quality",
        "schedule_type",
        "start_date",
        "start_time",
    ]);
    for (fields, field) in [
        (json!({ "end_time": "22:00" }), "end_time"),
        (json!({ "start_time": "24:00" }), "start_time"),
        (json!({ "schedule_type": "weekly" }), "days_of_week"),
        (json!({ "schedule_type": "weekly", "days_of_week": [] }), "days_of_week"),
        (json!({ "schedule_type": "once" }), "start_date"),
        (json!({ "schedule_type": "once", "start_date": "2027-01-02", "end_date": "2027-01-01" }), "end_date"),
        (json!({ "schedule_type": "once", "start_date": "2027-01-02", "end_date": "2027-01-02" }), "end_time"),
        (json!({ "camera": unique("NO") }), "camera"),
    ] {
        admin.post(SCHEDULES, with(&camera, fields)).await.expect_invalid(&[field]);
    }
    let whole_days = with(&camera, json!({ "start_time": "00:00:00", "end_time": "23:59:59" }));
    assert_eq!(admin.post(SCHEDULES, whole_days).await.expect(201)["end_time"], "24:00:00");
    for (caller, status) in [(app.anonymous(), 401), (app.operator().await, 403)] {
        caller.get(SCHEDULES).await.expect_problem(status);
        caller.post(SCHEDULES, json!({})).await.expect_problem(status);
        caller.post(&format!("{SCHEDULES}/x/activate"), json!({})).await.expect_problem(status);
        caller.delete(&format!("{SCHEDULES}/x")).await.expect_problem(status);
    }
    assert!(admin.get(CAMERAS).await.expect(200)["items"].is_array());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_schedules_of_a_camera_are_not_at_odds() {
    let app = App::start().await;
    let admin = app.admin().await;
    let camera = camera_in(&admin, "Asia/Kolkata").await;
    let nights = admin.post(SCHEDULES, with(&camera, json!({}))).await.expect(201);
    let same = admin.post(SCHEDULES, with(&camera, json!({ "name": "The same" }))).await.expect_problem(409);
    assert_eq!((&same["reason"], &same["conflicts_with"]), (&json!("same"), &nights["id"]));
    // Two that record the same stream may overlap: it is recorded once.
    let more = with(&camera, json!({ "schedule_type": "weekly", "days_of_week": ["sunday"], "start_time": "20:00", "end_time": "23:00" }));
    admin.post(SCHEDULES, more).await.expect(201);
    let small = |fields: Value| {
        let mut body = with(&camera, json!({ "name": "Small", "recording_quality": "sub" }));
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        body
    };
    let refused = admin.post(SCHEDULES, small(json!({ "start_time": "05:00", "end_time": "07:00" }))).await.expect_problem(409);
    assert_eq!((&refused["reason"], &refused["conflicts_with"]), (&json!("other_quality"), &nights["id"]));
    assert!(refused["at"].as_str().is_some_and(|at| at.contains("T23:30:00Z")), "{refused}");
    let mornings = admin.post(SCHEDULES, small(json!({ "start_time": "06:00", "end_time": "07:00" }))).await.expect(201);
    let address = format!("{SCHEDULES}/{}", mornings["id"].as_str().unwrap());
    admin.patch(&address, json!({ "start_time": "05:59" })).await.expect_problem(409);
    assert_eq!(admin.get(&address).await.expect(200)["start_time"], "06:00:00", "what was refused changed nothing");
    // One that is not followed is at odds with none, until it is to be followed.
    let idle = admin.post(SCHEDULES, small(json!({ "is_active": false }))).await.expect(201);
    admin.post(&format!("{SCHEDULES}/{}/activate", idle["id"].as_str().unwrap()), json!({})).await.expect_problem(409);
    let other = camera_in(&admin, "Asia/Kolkata").await;
    admin.post(SCHEDULES, with(&other, json!({ "recording_quality": "sub" }))).await.expect(201);
}
