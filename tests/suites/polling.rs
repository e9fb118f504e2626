//! What screens poll (docs/reference/rules.md#headers): what is kept of an answer is what would be made now, for everybody and at each moment, and
//! a tag tells that nothing has changed.

#[path = "polling/world.rs"]
mod world;

use std::time::Duration;

use gatehouse_tests::{App, Client, Response};
use serde_json::{Value, json};
use world::World;

/// How many items of the list have this value in this field.
fn count(list: &Value, field: &str, value: &str) -> usize {
    list["items"].as_array().expect("items").iter().filter(|item| item[field] == value).count()
}

fn versions(app: &App) -> Vec<(String, i64)> {
    let db = app.db();
    let mut rows = db.prepare("select topic, version from versions order by topic").unwrap();
    let versions = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    versions.map(Result::unwrap).collect()
}

/// The topics whose versions differ.
fn raised(before: &[(String, i64)], after: &[(String, i64)]) -> Vec<String> {
    let differ = before.iter().zip(after).filter(|(before, after)| before != after);
    differ.map(|(before, _)| before.0.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn what_is_kept_is_what_would_be_made_now() {
    let Some(app) = App::embedded(&[("access_token_seconds", "86400")]).await else { return };
    let world = World::create(&app).await;
    let mut dice = world::Dice(7);
    for step in 0..120 {
        let done = world.change(&app, &mut dice).await;
        world.check(&app, &format!("step {step}: {done}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_after_an_acknowledged_write_sees_it_while_others_write() {
    let app = App::start().await;
    let reader = app.operator().await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let place = app.place(2).await;
        let device = app.new_device(&place, Some(0)).await;
        let (sender, reader, now) = (app.device(&device).await, reader.clone(), app.now_ms());
        tasks.spawn(async move {
            for turn in 0..25_i64 {
                let is_occupied = turn % 2 == 0;
                let at = chrono::DateTime::from_timestamp_millis(now + turn).unwrap().to_rfc3339();
                let event = json!({"device_code": device, "is_occupied": is_occupied, "timestamp": at});
                sender.post("/api/parking-log/", event).await.expect(201);
                let overview = reader.get("/api/dashboard/overview").await.expect(200);
                let zones = overview["by_zone"].as_array().unwrap();
                let own = zones.iter().find(|zone| zone["site"] == json!(place.site)).expect("its zone");
                assert_eq!(own["occupied"], json!(i64::from(is_occupied)), "turn {turn}: {own}");
                let list = |path: &str| format!("{path}?site={}", place.site);
                let spots = reader.get(&list("/api/spots")).await.expect(200);
                assert_eq!(count(&spots, "status", "occupied"), usize::from(is_occupied), "turn {turn}");
                let devices = reader.get(&list("/api/devices/")).await.expect(200);
                assert_eq!(devices["items"][0]["occupied"], json!(is_occupied), "turn {turn}");
                let offers = reader.get(&list("/api/spots/available")).await.expect(200);
                assert_eq!(offers["items"].as_array().unwrap().len(), 2 - usize::from(is_occupied), "turn {turn}");
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.expect("each reader sees what was written before");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn what_lapses_by_the_clock_alone_is_not_shown_longer() {
    let Some(app) = App::embedded(&[("access_token_seconds", "86400")]).await else { return };
    let world = World::create(&app).await;
    let (spot, site) = (&world.place.spots[0], &world.place.site);
    let body = json!({"spot_id": spot, "start": app.time(60), "end": app.time(3_600), "vehicle_plate": "GJ01AB1234"});
    world.driver.post("/api/reservations", body).await.expect(201);
    let expires = app.time(300);
    let body = json!({"site": site, "severity": "info", "message": "a lift is slow", "is_public": true, "expires_at": expires});
    world.operator.post("/api/alerts/", body).await.expect(201);
    let reserved = async || world.get(&format!("/api/dashboard/overview?site={site}")).await["reserved"].as_i64().unwrap();
    let alerts = async || world.get(&format!("/api/alerts/?site={site}&status=resolved")).await["items"].as_array().unwrap().len();
    assert_eq!((reserved().await, alerts().await), (0, 0));
    // Its time comes.
    app.advance(Duration::from_secs(61));
    assert_eq!((reserved().await, alerts().await), (1, 0));
    app.advance(Duration::from_secs(240));
    assert_eq!((reserved().await, alerts().await), (1, 1), "the alert is over");
    // It was not paid.
    app.advance(Duration::from_secs(600));
    assert_eq!(reserved().await, 0);
    let own = world.driver.get("/api/reservations").await.expect(200);
    assert_eq!(count(&own, "status", "expired"), 1, "{own}");
    world.check(&app, "at the end").await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_clock_that_is_set_back_shows_nothing_of_the_time_ahead() {
    let Some(app) = App::embedded(&[("access_token_seconds", "86400")]).await else { return };
    let place = app.place(1).await;
    let device = app.new_device(&place, Some(0)).await;
    app.device(&device).await.post("/api/telemetry/", app.reading(&device, 0)).await.expect(201);
    let path = format!("/api/dashboard/overview?site={}", place.site);
    let devices = async || app.admin().await.get(&path).await.expect(200)["devices"].clone();
    app.advance(Duration::from_secs(700));
    assert_eq!(devices().await["offline"], 1);
    app.set_back(Duration::from_secs(650));
    assert_eq!(devices().await["healthy"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_what_is_kept_for_another() {
    let app = App::start().await;
    let world = World::create(&app).await;
    let other = app.visitor().await;
    let body = json!({"spot_id": world.place.spots[0], "start": app.time(60), "end": app.time(3_600), "vehicle_plate": "GJ01AB1234"});
    let made = world.driver.post("/api/reservations", body).await.expect(201);
    let path = format!("/api/reservations?site={}", world.place.site);
    let found = async |client: &Client| client.get(&path).await.expect(200)["items"].as_array().unwrap().len();
    for _ in 0..2 {
        assert_eq!((found(&world.operator).await, found(&world.driver).await, found(&other).await), (1, 1, 0), "{made}");
    }
    let body = json!({"site": world.place.site, "severity": "info", "message": "mind the step", "is_public": true, "vehicle_id": "GJ05"});
    let alert = world.operator.post("/api/alerts/", body).await.expect(201);
    let path = format!("/api/alerts/active?site={}", world.place.site);
    let shown = async |client: &Client| {
        let page = client.get(&path).await.expect(200);
        page["items"].as_array().unwrap().iter().find(|it| it["id"] == alert["id"]).expect("the alert").clone()
    };
    for _ in 0..2 {
        assert_eq!(shown(&world.operator).await["vehicle_id"], "GJ05");
        assert!(shown(&app.anonymous()).await.get("vehicle_id").is_none());
        assert!(shown(&other).await.get("created_by").is_none());
    }
    app.anonymous().get("/api/dashboard/overview").await.expect_problem(401);
    world.driver.get("/api/devices/").await.expect_problem(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_tells_that_nothing_has_changed() {
    let app = App::start().await;
    let world = World::create(&app).await;
    let ask = async |path: &str, tag: &str| -> Response { world.operator.header("if-none-match", tag).get(path).await };
    for path in world.paths(&app) {
        let first = world.operator.get(&path).await;
        first.expect(200);
        let tag = first.header("etag").to_owned();
        assert!(tag.starts_with("W/\""), "{path}: {tag}");
        if path.contains("/available?site") {
            // Its period begins now, which is another moment each time.
            continue;
        }
        let again = ask(&path, &tag).await;
        assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, tag.as_str()), "{path}");
        ask(&path, "W/\"0\"").await.expect(200);
    }
    // What nobody polls is not hashed.
    for path in [format!("/api/spots/{}", world.place.spots[0]), "/health".to_owned(), "/api/users/me".to_owned()] {
        let answer = world.operator.get(&path).await;
        answer.expect(200);
        assert_eq!(answer.header("etag"), "", "{path}");
    }
    let path = format!("/api/spots?site={}", world.place.site);
    let tag = world.get_response(&path).await.header("etag").to_owned();
    let spot = format!("/api/spots/{}", world.place.spots[0]);
    app.admin().await.patch(&spot, json!({"kind": "vip"})).await.expect(200);
    ask(&path, &tag).await.expect(200);
    app.admin().await.patch(&spot, json!({"kind": "standard"})).await.expect(200);
    let again = ask(&path, &tag).await.expect(200);
    assert_ne!(again["items"][0]["updated_at"], Value::Null, "a change back is a change: the spot says when it last changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_is_compressed_for_those_who_take_it() {
    let app = App::start().await;
    let place = app.place(12).await;
    let path = format!("/api/spots?site={}", place.site);
    let plain = app.anonymous().get(&path).await;
    assert!(plain.body.len() > 1024);
    for _ in 0..2 {
        let packed = app.anonymous().header("accept-encoding", "gzip").get(&path).await;
        assert_eq!((packed.header("content-encoding"), packed.header("vary")), ("gzip", "accept-encoding, origin"));
        assert_eq!(packed.header("etag"), plain.header("etag"), "one document in two forms, under a weak tag");
        let mut unpacked = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(packed.body.as_slice()), &mut unpacked).expect("gzip");
        assert_eq!(unpacked, plain.body);
        assert_eq!(app.anonymous().header("accept-encoding", "identity").get(&path).await.body, plain.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_reading_that_turns_nothing_raises_no_version() {
    let Some(app) = App::embedded(&[]).await else { return };
    let place = app.place(1).await;
    let device = app.new_device(&place, Some(0)).await;
    let sender = app.device(&device).await;
    let read = async |occupied: bool, at_s: i64| -> Vec<String> {
        let mut reading = app.reading(&device, at_s);
        reading["occupied"] = json!(occupied);
        let before = versions(&app);
        sender.post("/api/telemetry/", reading).await.expect(201);
        raised(&before, &versions(&app))
    };
    assert_eq!(read(false, 0).await, ["devices", "spots"], "a first heartbeat, and what a spot is");
    assert!(read(false, 1).await.is_empty());
    assert_eq!(read(true, 2).await, ["spots"]);
    assert!(read(true, 3).await.is_empty());
    app.advance(Duration::from_secs(60));
    assert!(read(true, 4).await.is_empty(), "a heartbeat in time");
    app.advance(Duration::from_secs(95));
    assert_eq!(read(true, 5).await, ["devices"], "a heartbeat that was awaited");
}
