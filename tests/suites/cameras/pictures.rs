//! Live pictures: tickets, viewers, sessions, and their end.

use std::time::Duration;

use gatehouse_tests::camera::Camera;
use gatehouse_tests::{App, eventually};
use reqwest::Method;
use serde_json::{Value, json};

use super::support::{HERE, Live, allow, path, register, ticketed, user};

const SESSIONS: &str = "/v0/api/cctv/streams";

/// A stream asks every 5 s whether it may go on.
const ENDS: Duration = Duration::from_secs(25);

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_ticket_shows_one_stream_of_one_camera() {
    let Some(app) = App::embedded(&HERE).await else { return };
    let camera = Camera::start().await;
    let admin = app.admin().await;
    let id = register(&admin, json!({ "mjpeg_url": camera.url("/video") })).await;
    let (visitor, visitor_id, _) = user(&app, "visitor").await;
    allow(&admin, &id, &visitor_id, json!({})).await;
    let (address, anonymous) = (ticketed(&visitor, &id).await, app.anonymous());
    // A look at the headers spends nothing.
    assert_eq!(anonymous.send(Method::HEAD, &address, None).await.status, 200);
    // Nor is it a way to further tickets.
    let asked = anonymous.header("accept", "application/json").send(Method::HEAD, &address, None).await;
    assert_eq!((asked.status, asked.header("content-type")), (200, "multipart/x-mixed-replace"));
    Live::open(&anonymous, &address).await.pictures(3).await;
    anonymous.get(&address).await.expect_problem(401);
    let unused = ticketed(&visitor, &id).await;
    let feed = unused.split_once("ticket=").unwrap().1;
    anonymous.get(&format!("/api/events?ticket={feed}")).await.expect_problem(401);
    let events = visitor.post("/api/events/ticket", json!({})).await.expect(201);
    anonymous.get(&format!("{}/stream/?ticket={}", path(&id), events["ticket"].as_str().unwrap())).await.expect_problem(401);
    Live::open(&anonymous, &unused).await.pictures(1).await;
    let late = ticketed(&visitor, &id).await;
    app.advance(Duration::from_secs(61));
    anonymous.get(&late).await.expect_problem(401);
    visitor.get(&format!("{}/stream/?quality=huge", path(&id))).await.expect_invalid(&["quality"]);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn so_many_watch_at_once_and_an_administrator_ends_them() {
    let variables = [HERE[0], HERE[1], ("camera_viewers", "2")];
    let Some(app) = App::embedded(&variables).await else { return };
    let camera = Camera::start().await;
    let admin = app.admin().await;
    let id = register(&admin, json!({ "mjpeg_url": camera.url("/video") })).await;
    let stream = format!("{}/stream/", path(&id));
    let (mut first, mut second) = (Live::open(&admin, &stream).await, Live::open(&admin, &stream).await);
    first.pictures(1).await;
    let refused = admin.get(&stream).await;
    refused.expect_problem(429);
    assert_eq!(refused.header("retry-after"), "10");
    let active = admin.get(&format!("{SESSIONS}/active/?camera_id={id}")).await.expect(200);
    let sessions = active["items"].as_array().unwrap();
    assert_eq!(sessions.len(), 2, "{active}");
    for session in sessions {
        assert_eq!((&session["is_active"], &session["protocol"], &session["ended_at"]), (&json!(true), &json!("mjpeg"), &Value::Null));
    }
    let session = sessions[1]["id"].as_str().unwrap();
    admin.delete(&format!("{SESSIONS}/{session}")).await.expect(204);
    admin.delete(&format!("{SESSIONS}/{session}")).await.expect(204);
    admin.delete(&format!("{SESSIONS}/none")).await.expect_problem(404);
    assert!(first.ends(ENDS).await, "it goes on after an administrator has ended it");
    second.pictures(1).await;
    // There is room again.
    let mut third = Live::open(&admin, &stream).await;
    third.pictures(2).await;
    // Who leaves makes room too.
    drop(third);
    eventually("the session of who left is over", ENDS, async || {
        let active = admin.get(&format!("{SESSIONS}/active/?camera_id={id}")).await.expect(200);
        (active["items"].as_array().map(Vec::len) == Some(1)).then_some(())
    })
    .await;
    let all = admin.get(&format!("{SESSIONS}/?camera_id={id}")).await.expect(200);
    let ends: Vec<_> = all["items"].as_array().unwrap().iter().map(|session| session["ended_because"].as_str()).collect();
    assert_eq!(ends, [Some("left"), None, Some("ended")]);
    assert!(all["items"][0]["bytes"].as_i64().is_some_and(|bytes| bytes > 0));
    assert!(all["items"][2]["ended_by"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn one_person_leaves_places_to_others() {
    let variables = [HERE[0], HERE[1], ("camera_viewers", "3"), ("camera_viewers_per_person", "2")];
    let Some(app) = App::embedded(&variables).await else { return };
    let camera = Camera::start().await;
    let admin = app.admin().await;
    let id = register(&admin, json!({ "mjpeg_url": camera.url("/video") })).await;
    let (visitor, visitor_id, _) = user(&app, "visitor").await;
    allow(&admin, &id, &visitor_id, json!({})).await;
    let stream = format!("{}/stream/", path(&id));
    let mut own = [Live::open(&admin, &stream).await, Live::open(&admin, &stream).await];
    own[0].pictures(1).await;
    admin.get(&stream).await.expect_problem(429);
    Live::open(&visitor, &stream).await.pictures(1).await;
    own[1].pictures(1).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_stream_ends_with_the_right_to_see_it() {
    let Some(app) = App::embedded(&HERE).await else { return };
    let camera = Camera::start().await;
    let admin = app.admin().await;
    let id = register(&admin, json!({ "mjpeg_url": camera.url("/video") })).await;
    let silent = register(&admin, json!({ "mjpeg_url": camera.url("/silent") })).await;
    let (leaver, leaver_id, session) = user(&app, "visitor").await;
    let (refused, refused_id, _) = user(&app, "visitor").await;
    let (stayer, stayer_id, _) = user(&app, "operator").await;
    let stream = format!("{}/stream/", path(&id));
    let rules = [allow(&admin, &id, &leaver_id, json!({})).await, allow(&admin, &id, &refused_id, json!({})).await];
    allow(&admin, &id, &stayer_id, json!({})).await;
    let ticket = ticketed(&leaver, &id).await;
    let mut ending = [Live::open(&leaver, &stream).await, Live::open(&app.anonymous(), &ticket).await, Live::open(&refused, &stream).await];
    let unused = ticketed(&leaver, &id).await;
    let mut staying = Live::open(&stayer, &stream).await;
    let mut quiet = Live::open(&admin, &format!("{}/stream/", path(&silent))).await;
    app.anonymous().post("/api/auth/logout", json!({ "refresh": session["refresh"] })).await.expect(204);
    admin.delete(&format!("/v0/api/cctv/camera-access/{}", rules[1])).await.expect(204);
    app.anonymous().get(&unused).await.expect_problem(401);
    let ended = futures::future::join_all(ending.iter_mut().map(|live| live.ends(ENDS))).await;
    assert_eq!(ended, [true, true, true]);
    staying.pictures(1).await;
    assert!(quiet.ends(Duration::from_secs(60)).await, "a camera that is silent holds a stream for ever");
    drop(staying);
    eventually("the camera is left alone", ENDS, async || (camera.open() == 0).then_some(())).await;
}

/// Nothing piles up between a camera that sends as much as is taken and a client that takes nothing.
#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_slow_client_slows_the_camera_down() {
    let Some(app) = App::embedded(&HERE).await else { return };
    let camera = Camera::start().await;
    let admin = app.admin().await;
    let id = register(&admin, json!({ "mjpeg_url": camera.url("/flood") })).await;
    let mut live = Live::open(&admin, &format!("{}/stream/", path(&id))).await;
    live.pictures(1).await;
    // What fits the buffers of two connections goes out, and then nothing does.
    let settled = eventually("the camera waits", Duration::from_secs(20), async || {
        let before = camera.sent();
        tokio::time::sleep(Duration::from_millis(700)).await;
        (camera.sent() == before).then_some(before)
    })
    .await;
    assert!(settled < 32 * 1024 * 1024, "{settled} bytes were taken for a client that takes nothing");
    live.pictures(100).await;
    assert!(camera.sent() > settled, "it goes on when the client does");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_session_whose_instance_is_gone_is_over() {
    let Some(app) = App::embedded(&HERE).await else { return };
    let admin = app.admin().await;
    let id = register(&admin, json!({})).await;
    let ago = |ms: i64| app.now_ms() - ms;
    let day = 24 * 60 * 60 * 1000;
    for (session, seen, ended) in [("a", ago(61_000), None), ("b", ago(1_000), None), ("c", ago(91 * day), Some(ago(91 * day)))] {
        app.db()
            .execute(
                "insert into camera_sessions (id, camera_id, user_id, quality, protocol, started_at, last_seen_at, ended_at)
                 values (?1, ?2, 'u', 'main', 'mjpeg', ?3, ?3, ?4)",
                rusqlite::params![session, id, seen, ended],
            )
            .unwrap();
    }
    let run = app.internal("/internal/tick/cameras").await.expect(200);
    assert_eq!((&run["lost_sessions"], &run["old_sessions"]), (&json!(1), &json!(1)), "{run}");
    let all = admin.get(&format!("{SESSIONS}/?camera_id={id}")).await.expect(200);
    let states: Vec<_> =
        all["items"].as_array().unwrap().iter().map(|it| (it["id"].as_str().unwrap(), it["ended_because"].as_str())).collect();
    assert_eq!(states, [("b", None), ("a", Some("lost"))]);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_camera_that_is_gone_and_comes_back_is_told_once() {
    let Some(app) = App::embedded(&HERE).await else { return };
    let camera = Camera::start().await;
    let admin = app.admin().await;
    let id = register(&admin, json!({ "snapshot_url": camera.url("/snapshot") })).await;
    let other = register(&admin, json!({ "rtsp_url": "rtsp://192.168.1.9/" })).await;
    let turned = async || app.internal("/internal/tick/cameras").await.expect(200)["turned"].clone();
    let alerts = async || {
        let listed = admin.get("/api/alerts/?alert_type=camera_offline").await.expect(200);
        listed["items"].as_array().unwrap().iter().map(|it| (it["subject"].clone(), it["status"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(turned().await, 1, "one that is there");
    let seen = admin.get(&path(&id)).await.expect(200);
    assert_eq!((&seen["is_online"], seen["last_seen"].is_string()), (&json!(true), true));
    camera.go_dark(true);
    assert_eq!((turned().await, turned().await), (json!(0), json!(0)));
    assert!(alerts().await.is_empty(), "a try or two that are lost say nothing");
    assert_eq!((turned().await, turned().await), (json!(1), json!(0)));
    assert_eq!(alerts().await, [(json!(id), json!("active"))]);
    assert_eq!(admin.get(&path(&id)).await.expect(200)["is_online"], false);
    camera.go_dark(false);
    assert_eq!((turned().await, turned().await, turned().await), (json!(0), json!(1), json!(0)));
    assert_eq!(alerts().await, [(json!(id), json!("resolved"))]);
    assert_eq!(admin.get(&path(&other)).await.expect(200)["is_online"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn many_large_pictures_are_looked_at_in_one_run() {
    let Some(app) = App::embedded(&HERE).await else { return };
    let camera = Camera::start().await;
    let admin = app.admin().await;
    for _ in 0..16 {
        register(&admin, json!({ "snapshot_url": camera.url("/large") })).await;
    }
    // Together they are nearly as much as a component has.
    assert_eq!(app.internal("/internal/tick/cameras").await.expect(200)["turned"], 16);
}
