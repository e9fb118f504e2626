//! The parking log (docs/reference/rules.md): occupancy events of devices that tell only whether a spot is taken.

use std::time::Duration;

use gatehouse_tests::App;
use reqwest::Method;
use serde_json::{Value, json};

const PATH: &str = "/api/parking-log/";

fn event(app: &App, code: &str, is_occupied: bool, plus_s: i64) -> Value {
    json!({"device_code": code, "is_occupied": is_occupied, "timestamp": app.time(plus_s)})
}

fn occupied(app: &App, code: &str) -> Option<bool> {
    let sql = "select occupied from device_state where device_id = (select id from devices where code = ?)";
    app.db().query_row(sql, [code], |row| row.get(0)).expect("a state")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_turns_the_spot_and_a_late_one_does_not_turn_it_back() {
    let app = App::start().await;
    let code = app.new_device(&app.place(1).await, Some(0)).await;
    let device = app.device(&code).await;
    let sent = event(&app, &code, true, -10);
    let stored = device.post(PATH, sent.clone()).await.expect(201);
    for field in ["device_code", "is_occupied", "timestamp"] {
        assert_eq!(stored[field], sent[field], "{field}");
    }
    assert!(stored["received_at"].is_string());
    assert_eq!(occupied(&app, &code), Some(true));
    device.post(PATH, event(&app, &code, false, -60)).await.expect(201);
    assert_eq!(occupied(&app, &code), Some(true), "the newest timestamp wins");
    device.post(PATH, event(&app, &code, false, -5)).await.expect(201);
    assert_eq!(occupied(&app, &code), Some(false));

    let operator = app.operator().await;
    assert_eq!(operator.get(&format!("/api/devices/{code}")).await.expect(200)["health"], "healthy");
    let turned = "select count(*) from events where kind = 'spot' and data like '%' || ? || '%'";
    let spot: String = app.db().query_row("select spot_id from devices where code = ?", [&code], |row| row.get(0)).unwrap();
    let events: i64 = app.db().query_row(turned, [spot], |row| row.get(0)).unwrap();
    assert_eq!(events, 2, "the feed tells of each turn");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_field_is_named_at_once() {
    let app = App::start().await;
    let code = app.new_device(&app.place(0).await, None).await;
    let device = app.device(&code).await;
    let all = ["device_code", "is_occupied", "timestamp"];
    device.post(PATH, json!({})).await.expect_invalid(&all);
    device.post(PATH, json!({"device_code": 1, "is_occupied": "true", "timestamp": 5})).await.expect_invalid(&all);
    device.post(PATH, json!({"device_code": "a/b", "is_occupied": 1, "timestamp": "today"})).await.expect_invalid(&all);
    device.post(PATH, event(&app, &code, true, 330)).await.expect_invalid(&["timestamp"]);
    device.post(PATH, json!([])).await.expect_invalid(&["body"]);
    device.send_bytes(Method::POST, PATH, "application/json", "{").await.expect_problem(400);
    device.send_bytes(Method::POST, PATH, "text/plain", "{}").await.expect_problem(415);
    assert_eq!(occupied(&app, &code), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rules_are_those_of_readings() {
    let app = App::start().await;
    let place = app.place(0).await;
    let (own, other) = (app.new_device(&place, None).await, app.new_device(&place, None).await);
    let device = app.device(&own).await;
    let operator = app.operator().await;
    app.anonymous().post(PATH, event(&app, &own, true, 0)).await.expect_problem(401);
    app.visitor().await.post(PATH, event(&app, &own, true, 0)).await.expect_problem(403);
    device.post(PATH, event(&app, &other, true, 0)).await.expect_problem(403);
    operator.post(PATH, event(&app, &other, true, 0)).await.expect(201);
    operator.post(PATH, event(&app, "NOBODY-KNOWS-IT", true, 0)).await.expect_problem(404);

    let sent = event(&app, &own, true, -5);
    device.post(PATH, sent.clone()).await.expect(201);
    let mut other_way = sent;
    other_way["is_occupied"] = json!(false);
    device.post(PATH, other_way).await.expect_problem(409);
    assert_eq!(occupied(&app, &own), Some(true));

    app.admin().await.patch(&format!("/api/devices/{other}"), json!({"is_active": false})).await.expect(200);
    operator.post(PATH, event(&app, &other, true, 5)).await.expect_problem(404);
    device.get(PATH).await.expect_problem(403);
    app.anonymous().get(PATH).await.expect_problem(401);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_clock_may_be_five_minutes_ahead_and_no_more() {
    let Some(app) = App::embedded(&[]).await else { return };
    app.advance(Duration::from_secs(24 * 3600));
    let code = app.new_device(&app.place(0).await, None).await;
    let device = app.device(&code).await;
    device.post(PATH, event(&app, &code, true, 298)).await.expect(201);
    device.post(PATH, event(&app, &code, true, 330)).await.expect_invalid(&["timestamp"]);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_sensor_that_is_moved_says_nothing_of_its_new_spot_before_it_has_measured_there() {
    let Some(app) = App::embedded(&[]).await else { return };
    let place = app.place(2).await;
    let code = app.new_device(&place, Some(0)).await;
    let device = app.device(&code).await;
    let status = async |spot: usize| {
        let spot = app.anonymous().get(&format!("/api/spots/{}", place.spots[spot])).await.expect(200);
        spot["status"].as_str().unwrap().to_owned()
    };
    device.post(PATH, event(&app, &code, true, -20)).await.expect(201);
    let mut reading = app.reading(&code, -15);
    reading["occupied"] = json!(true);
    device.post("/api/telemetry/", reading).await.expect(201);
    assert_eq!(status(0).await, "occupied");
    let moved = json!({"spot_id": place.spots[1]});
    let moved = app.admin().await.patch(&format!("/api/devices/{code}"), moved).await.expect(200);
    assert_eq!((status(0).await, status(1).await, &moved["occupied"]), ("free".to_owned(), "free".to_owned(), &Value::Null));
    // What it measured on the old spot and sends only now.
    device.post(PATH, event(&app, &code, true, -10)).await.expect(201);
    let mut late = app.reading(&code, -9);
    late["occupied"] = json!(true);
    device.post("/api/telemetry/", late).await.expect(201);
    assert_eq!((status(1).await, occupied(&app, &code)), ("free".to_owned(), None));
    app.advance(Duration::from_secs(5));
    device.post(PATH, event(&app, &code, true, 0)).await.expect(201);
    assert_eq!((status(0).await, status(1).await), ("free".to_owned(), "occupied".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_paged_by_time_and_device() {
    let app = App::start().await;
    let place = app.place(0).await;
    let (a, b) = (app.new_device(&place, None).await, app.new_device(&place, None).await);
    let operator = app.operator().await;
    // A day of its own, so that other tests' events are not in the way; both devices at the same moments.
    for minute in 0..4 {
        for code in [&a, &b] {
            let sent = json!({"device_code": code, "is_occupied": minute % 2 == 0, "timestamp": format!("2009-02-04T10:3{minute}:00Z")});
            operator.post(PATH, sent).await.expect(201);
        }
    }
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = operator.get(&format!("{PATH}?from=2009-02-04&to=2009-02-04&limit=3{cursor}")).await.expect(200);
        let items = page["items"].as_array().unwrap().clone();
        assert!(items.len() <= 3);
        seen.extend(items.into_iter().filter(|item| [&a, &b].iter().any(|code| item["device_code"] == code.as_str())));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen.len(), 8);
    let times: Vec<_> = seen.iter().map(|event| event["timestamp"].as_str().unwrap().to_owned()).collect();
    assert!(times.is_sorted());
    assert_ne!(seen[0]["device_code"], seen[1]["device_code"]);

    for device in [format!("device={a}"), format!("device_code={}", a.to_lowercase())] {
        let page =
            operator.get(&format!("{PATH}?{device}&start_date=2009-02-04T10:31:00Z&end_date=2009-02-04T10:32:00Z")).await.expect(200);
        let states: Vec<_> = page["items"].as_array().unwrap().iter().map(|event| event["is_occupied"].as_bool().unwrap()).collect();
        assert_eq!(states, [false, true]);
        let first = operator.get(&format!("{PATH}?{device}&limit=3")).await.expect(200);
        let next = first["next_cursor"].as_str().expect("a second page");
        let second = operator.get(&format!("{PATH}?{device}&limit=3&cursor={next}")).await.expect(200);
        assert_eq!(second["items"].as_array().unwrap().len(), 1);
    }
    operator.get(&format!("{PATH}?device=NOBODY-KNOWS-IT")).await.expect_problem(404);
    operator.get(&format!("{PATH}?zone=B1&from=x")).await.expect_problem(422);
}
