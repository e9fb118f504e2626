//! Telemetry, one reading at a time: what it changes, and what is read back.

use std::time::Duration;

use gatehouse_tests::receiver::Receiver;
use gatehouse_tests::{App, Client, eventually};
use reqwest::Method;
use serde_json::{Value, json};

const PATH: &str = "/api/telemetry/";

/// `base` with these fields in place of its own; null takes one away.
fn with(base: &Value, fields: Value) -> Value {
    let mut reading = base.clone();
    for (name, value) in fields.as_object().expect("fields") {
        if value.is_null() {
            reading.as_object_mut().expect("an object").remove(name);
        } else {
            reading[name] = value.clone();
        }
    }
    reading
}

async fn device_state(operator: &Client, code: &str) -> Value {
    operator.get(&format!("/api/devices/{code}")).await.expect(200)
}

async fn spot_occupied(app: &App, code: &str) -> Option<bool> {
    let sql = "select occupied from device_state where device_id = (select id from devices where code = ?)";
    app.db().query_row(sql, [code], |row| row.get(0)).expect("a state")
}

/// The alerts of this kind about the device, oldest first.
async fn alerts(operator: &Client, kind: &str, code: &str) -> Vec<Value> {
    let page = operator.get("/api/alerts/?limit=500").await.expect(200);
    let mut alerts = page["items"].as_array().expect("items").clone();
    alerts.retain(|alert| alert["alert_type"] == kind && alert["subject"] == code);
    alerts.sort_by_key(|alert| alert["id"].as_str().map(str::to_owned));
    alerts
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reading_is_stored_and_given_back() {
    let app = App::start().await;
    let code = app.new_device(&app.place(1).await, Some(0)).await;
    let device = app.device(&code).await;
    let reading = json!({
        "device_code": code, "voltage": 220.5, "current": 5.2, "power_factor": 0.92, "occupied": true, "battery": 0.87,
        "timestamp": app.time(-10),
    });
    let answer = device.post(PATH, reading.clone()).await;
    let stored = answer.expect(201);
    assert_eq!(answer.header("content-type"), "application/json");
    for field in ["device_code", "voltage", "current", "power_factor", "occupied", "battery", "timestamp"] {
        assert_eq!(stored[field], reading[field], "{field}");
    }
    assert!((stored["power_w"].as_f64().unwrap() - 220.5 * 5.2 * 0.92).abs() < 1e-9);
    assert_eq!(stored["electrical_state"], "Normal");
    assert!(stored["received_at"].is_string());

    let operator = app.operator().await;
    let page = operator.get(&format!("{PATH}?device={}", code.to_lowercase())).await.expect(200);
    assert_eq!(page, json!({"items": [stored], "next_cursor": null}));
    assert_eq!(device_state(&operator, &code).await["health"], "healthy");
    assert_eq!(spot_occupied(&app, &code).await, Some(true));

    // Optional fields may be left out or null; unknown ones are left alone; the code's case does not matter; no slash at the end.
    let bare = with(&app.reading(&code.to_lowercase(), -9), json!({"occupied": null, "firmware": "1.2"}));
    let stored = device.post("/api/telemetry", bare).await.expect(201);
    assert!(stored.get("occupied").is_none() && stored.get("battery").is_none());
    let nulls = format!(
        r#"{{"device_code":"{code}","voltage":0,"current":0,"power_factor":-1,"occupied":null,"battery":null,"timestamp":"{}"}}"#,
        app.time(-8)
    );
    device.send_bytes(Method::POST, PATH, "application/json; charset=utf-8", nulls).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_field_is_named_at_once() {
    let app = App::start().await;
    let code = app.new_device(&app.place(0).await, None).await;
    let device = app.device(&code).await;
    let good = app.reading(&code, 0);

    let all = ["current", "device_code", "power_factor", "timestamp", "voltage"];
    device.post(PATH, json!({})).await.expect_invalid(&all);
    device.post(PATH, json!({"voltage": null, "battery": null})).await.expect_invalid(&all);
    let every = json!({
        "device_code": 5, "voltage": "230", "current": [1], "power_factor": true, "occupied": "yes", "battery": "full", "timestamp": 1770201000,
    });
    let names = ["battery", "current", "device_code", "occupied", "power_factor", "timestamp", "voltage"];
    let problem = device.post(PATH, every).await.expect_invalid(&names);
    for name in names {
        assert_eq!(problem["errors"][name].as_array().unwrap().len(), 1, "{name} has one reason");
    }
    let beyond = json!({"voltage": 500.01, "current": 1000.01, "power_factor": -1.01, "battery": 1.01, "device_code": "a b", "timestamp": "2026-02-30T00:00:00Z"});
    device.post(PATH, with(&good, beyond)).await.expect_invalid(&[
        "battery",
        "current",
        "device_code",
        "power_factor",
        "timestamp",
        "voltage",
    ]);
    device.post(PATH, with(&good, json!({"voltage": -0.01, "current": -1}))).await.expect_invalid(&["current", "voltage"]);
    device.post(PATH, with(&good, json!({"timestamp": "1999-12-31T23:59:59Z"}))).await.expect_invalid(&["timestamp"]);
    device.post(PATH, with(&good, json!({"timestamp": "2026-02-04T10:30:00"}))).await.expect_invalid(&["timestamp"]);

    for number in ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1e400", "\"NaN\"", "501", "99999999999999999999999999"] {
        let body = good.to_string().replace("230.0", number);
        device.send_bytes(Method::POST, PATH, "application/json", body).await.expect_invalid(&["voltage"]);
    }
    for body in ["[]", "7", "null", "\"x\"", "[[]]"] {
        device.send_bytes(Method::POST, PATH, "application/json", body).await.expect_invalid(&["body"]);
    }
    for body in ["", "{", "{}}", "voltage=230", "\u{feff}{}"] {
        device.send_bytes(Method::POST, PATH, "application/json", body).await.expect_problem(400);
    }
    device.send_bytes(Method::POST, PATH, "application/json", vec![b'{', b'"', 0xff, b'"', b':', b'1', b'}']).await.expect_problem(400);
    device.send_bytes(Method::POST, PATH, "text/plain", good.to_string()).await.expect_problem(415);
    device.send(Method::DELETE, PATH, None).await.expect_problem(405);

    // What was refused changed nothing; what is odd and well-formed is taken.
    let operator = app.operator().await;
    assert_eq!(operator.get(&format!("{PATH}?device={code}")).await.expect(200)["items"], json!([]));
    let odd = good.to_string().replace("230.0", "2.3e2").replace("device_code", "device\\u005fcode");
    device.send_bytes(Method::POST, PATH, "application/json", odd).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_sends_only_its_own_data_and_an_operator_any() {
    let app = App::start().await;
    let place = app.place(0).await;
    let (own, other) = (app.new_device(&place, None).await, app.new_device(&place, None).await);
    let device = app.device(&own).await;
    app.anonymous().post(PATH, app.reading(&own, 0)).await.expect_problem(401);
    app.with_token("ghd_not-a-key").post(PATH, app.reading(&own, 0)).await.expect_problem(401);
    app.visitor().await.post(PATH, app.reading(&own, 0)).await.expect_problem(403);
    device.post(PATH, app.reading(&other, 0)).await.expect_problem(403);
    device.post(PATH, app.reading("NOBODY-KNOWS-IT", 0)).await.expect_problem(403);
    device.post(PATH, app.reading(&own, 0)).await.expect(201);

    let (email, password) = app.new_user("device", json!({"device_code": own})).await;
    let by_token = app.login(&email, &password).await;
    by_token.post(PATH, app.reading(&own, -1)).await.expect(201);
    by_token.post(PATH, app.reading(&other, -1)).await.expect_problem(403);

    let operator = app.operator().await;
    operator.post(PATH, app.reading(&own, -2)).await.expect(201);
    operator.post(PATH, app.reading(&other, -2)).await.expect(201);

    let list = format!("{PATH}?device={own}");
    app.anonymous().get(&list).await.expect_problem(401);
    app.visitor().await.get(&list).await.expect_problem(403);
    device.get(&list).await.expect_problem(403);
    assert_eq!(operator.get(&list).await.expect(200)["items"].as_array().unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_or_inactive_device_is_not_found() {
    let app = App::start().await;
    let code = app.new_device(&app.place(0).await, None).await;
    let operator = app.operator().await;
    operator.post(PATH, app.reading("NOBODY-KNOWS-IT", 0)).await.expect_problem(404);
    let device = app.device(&code).await;
    app.admin().await.patch(&format!("/api/devices/{code}"), json!({"is_active": false})).await.expect(200);
    operator.post(PATH, app.reading(&code, 0)).await.expect_problem(404);
    let own = device.post(PATH, app.reading(&code, 0)).await;
    assert!(matches!(own.status, 401 | 404), "{}", own.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_is_a_conflict_and_overwrites_nothing() {
    let app = App::start().await;
    let code = app.new_device(&app.place(0).await, None).await;
    let device = app.device(&code).await;
    let reading = with(&app.reading(&code, 0), json!({"timestamp": "2026-02-04T10:30:00Z"}));
    device.post(PATH, reading.clone()).await.expect(201);
    device.post(PATH, reading.clone()).await.expect_problem(409);
    // The same moment, written in another zone, with other values.
    let elsewhere = with(&reading, json!({"timestamp": "2026-02-04T16:00:00.000+05:30", "voltage": 99.0}));
    device.post(PATH, elsewhere).await.expect_problem(409);
    let operator = app.operator().await;
    let page = operator.get(&format!("{PATH}?device={code}")).await.expect(200);
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
    assert_eq!(page["items"][0]["voltage"], 230.0);
    assert!(alerts(&operator, "voltage_out_of_range", &code).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_send_the_same_reading_one_is_answered_201() {
    let app = App::start().await;
    let code = app.new_device(&app.place(0).await, None).await;
    let device = app.device(&code).await;
    let reading = app.reading(&code, 0);
    let calls = (0..32).map(|_| {
        let (device, reading) = (device.clone(), reading.clone());
        tokio::spawn(async move { device.post(PATH, reading).await.status })
    });
    let mut statuses = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        statuses.push(call.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses[0], 201);
    assert_eq!(statuses[1..], [409; 31]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_reading_is_stored_and_never_turns_the_state_back() {
    let app = App::start().await;
    let code = app.new_device(&app.place(1).await, Some(0)).await;
    let device = app.device(&code).await;
    let send = async |plus_s: i64, fields: Value| device.post(PATH, with(&app.reading(&code, plus_s), fields)).await.expect(201);
    send(-10, json!({"occupied": true, "voltage": 231.0})).await;
    send(-3600, json!({"occupied": false, "voltage": 20.0, "power_factor": 0.1})).await;
    assert_eq!(spot_occupied(&app, &code).await, Some(true));
    let operator = app.operator().await;
    assert!(alerts(&operator, "voltage_out_of_range", &code).await.is_empty(), "what is over raises nothing");
    let page = operator.get(&format!("{PATH}?device={code}")).await.expect(200);
    assert_eq!(page["items"][0]["voltage"], 20.0);
    let state = "select voltage from device_state join devices on devices.id = device_id where devices.code = ?";
    let voltage: f64 = app.db().query_row(state, [&code], |row| row.get(0)).unwrap();
    assert_eq!(voltage, 231.0);
    // Without `occupied` a newer reading leaves the spot as it was; a late one newer than that with it does turn it.
    send(-2, json!({})).await;
    assert_eq!(spot_occupied(&app, &code).await, Some(true));
    send(-5, json!({"occupied": false})).await;
    assert_eq!(spot_occupied(&app, &code).await, Some(false));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_clock_may_be_five_minutes_ahead_and_no_more() {
    let Some(app) = App::embedded(&[]).await else { return };
    app.advance(Duration::from_secs(3 * 24 * 3600));
    let code = app.new_device(&app.place(0).await, None).await;
    let device = app.device(&code).await;
    device.post(PATH, app.reading(&code, 298)).await.expect(201);
    // A second more than allowed, and some for the way.
    device.post(PATH, app.reading(&code, 330)).await.expect_invalid(&["timestamp"]);
    app.advance(Duration::from_secs(31));
    device.post(PATH, app.reading(&code, 299)).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leap_second_is_taken_only_where_there_may_be_one() {
    let app = App::start().await;
    let code = app.new_device(&app.place(1).await, Some(0)).await;
    let (device, operator) = (app.device(&code).await, app.operator().await);
    let reading = |timestamp: &str| with(&app.reading(&code, 0), json!({"timestamp": timestamp}));
    for never in ["2026-02-04T15:53:60Z", "2025-11-30T23:59:60Z", "2025-12-31T23:59:60+05:30"] {
        device.post(PATH, reading(never)).await.expect_invalid(&["timestamp"]);
        let tally = device.post("/api/telemetry/bulk/", json!([reading(never)])).await.expect(200);
        assert_eq!((&tally["rejected"], &tally["accepted"]), (&json!(1), &json!(0)), "{never}");
        let event = json!({"device_code": code, "is_occupied": true, "timestamp": never});
        device.post("/api/parking-log/", event).await.expect_invalid(&["timestamp"]);
        operator.get(&format!("{PATH}?device={code}&from={}", never.replace('+', "%2B"))).await.expect_invalid(&["from"]);
        let alert = json!({"alert_type": "x", "severity": "info", "message": "m", "timestamp": never});
        operator.post("/api/alerts/", alert).await.expect_invalid(&["timestamp"]);
    }
    device.post(PATH, reading("2026-02-04T15:54:00Z")).await.expect(201);
    // One that may be, and its neighbours: three readings.
    for second in ["2025-12-31T23:59:59Z", "2026-01-01T05:29:60+05:30", "2026-01-01T00:00:00Z"] {
        device.post(PATH, reading(second)).await.expect(201);
    }
    device.post(PATH, reading("2025-12-31T23:59:60Z")).await.expect_problem(409);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_electrical_state_is_that_of_the_old_system() {
    let app = App::start().await;
    let code = app.new_device(&app.place(0).await, None).await;
    let device = app.device(&code).await;
    let cases = [
        (180.0, 0.8, "Normal"),
        (250.0, 1.0, "Normal"),
        (179.9, 0.9, "Critical"),
        (250.1, 0.9, "Critical"),
        (230.0, 0.79, "Warning"),
        (230.0, -0.9, "Warning"),
        (170.0, 0.5, "Critical"),
    ];
    for (index, (voltage, power_factor, expected)) in cases.into_iter().enumerate() {
        let plus_s = index as i64 - 60;
        let reading = with(&app.reading(&code, plus_s), json!({"voltage": voltage, "power_factor": power_factor}));
        let stored = device.post(PATH, reading).await.expect(201);
        assert_eq!(stored["electrical_state"], expected, "{voltage} V, {power_factor}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_anomaly_is_raised_once_and_resolves_itself() {
    let app = App::start().await;
    let code = app.new_device(&app.place(0).await, None).await;
    let device = app.device(&code).await;
    let operator = app.operator().await;
    let mut at = -600;
    let mut send = async |fields: Value| {
        at += 1;
        device.post(PATH, with(&app.reading(&code, at), fields)).await.expect(201);
    };
    let watts = |watts: f64| json!({"voltage": 250.0, "power_factor": 1.0, "current": watts / 250.0});

    for (kind, severity, out, between, back) in [
        ("high_power", "warning", watts(1501.0), watts(1450.0), watts(1399.0)),
        ("voltage_out_of_range", "critical", json!({"voltage": 301.0}), json!({"voltage": 298.0}), json!({"voltage": 295.0})),
        ("voltage_out_of_range", "critical", json!({"voltage": 99.0}), json!({"voltage": 102.0}), json!({"voltage": 105.0})),
    ] {
        let before = alerts(&operator, kind, &code).await.len();
        send(between.clone()).await;
        assert_eq!(alerts(&operator, kind, &code).await.len(), before, "{kind}: not reached yet");
        for fields in [&out, &between, &out, &out] {
            send(fields.clone()).await;
        }
        let raised = alerts(&operator, kind, &code).await;
        assert_eq!(raised.len(), before + 1, "{kind}: raised once");
        assert_eq!((&raised[before]["severity"], &raised[before]["status"]), (&json!(severity), &json!("active")));
        send(between).await;
        assert_eq!(alerts(&operator, kind, &code).await[before]["status"], "active", "{kind}: hysteresis");
        send(back).await;
        assert_eq!(alerts(&operator, kind, &code).await[before]["status"], "resolved", "{kind}: over");
        send(out).await;
        assert_eq!(alerts(&operator, kind, &code).await.len(), before + 2, "{kind}: again");
        send(watts(100.0)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_dangerous_voltage_is_told_to_the_world_at_once() {
    let receiver = Receiver::start().await;
    let Some(app) = App::with_webhook(&receiver).await else { return };
    let place = app.place(0).await;
    let operator = app.operator().await;
    // No scheduled run: only the reading itself wakes the dispatcher.
    for (sent, bulk) in [(1, false), (2, true)] {
        let code = app.new_device(&place, None).await;
        operator.post(PATH, with(&app.reading(&code, -9), json!({"current": 20.0}))).await.expect(201);
        let dangerous = with(&app.reading(&code, 0), json!({"voltage": 301.0}));
        if bulk {
            operator.post("/api/telemetry/bulk/", json!([app.reading(&code, -1), dangerous])).await.expect(200);
        } else {
            operator.post(PATH, dangerous).await.expect(201);
        }
        let told = || async { (receiver.requests().len() >= sent).then(|| receiver.requests()) };
        // The bound is wide for a busy machine; without the wake nothing would come at all.
        let requests = eventually("the webhook is called", Duration::from_secs(10), told).await;
        assert_eq!(requests.len(), sent, "a warning wakes nobody");
        assert!(requests[sent - 1].json().to_string().contains(&code));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_device_all_readings_are_listed_one_device_after_the_other() {
    let app = App::start().await;
    let place = app.place(0).await;
    let operator = app.operator().await;
    let mut sent = Vec::new();
    for _ in 0..3 {
        let code = app.new_device(&place, None).await;
        for minute in 0..4 {
            let timestamp = format!("2021-03-04T10:0{minute}:00Z");
            operator.post(PATH, with(&app.reading(&code, 0), json!({"timestamp": timestamp}))).await.expect(201);
            if minute > 0 {
                sent.push((code.clone(), timestamp));
            }
        }
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let query = format!("start_date=2021-03-04T10:01:00Z&end_date=2021-03-04&limit=2{cursor}");
        let page = operator.get(&format!("{PATH}?{query}")).await.expect(200);
        for item in page["items"].as_array().unwrap() {
            seen.push((item["device_code"].as_str().unwrap().to_owned(), item["timestamp"].as_str().unwrap().to_owned()));
        }
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    // Other tests' readings of that day may stand between when a database is shared.
    seen.retain(|reading| sent.contains(reading));
    assert_eq!(seen, sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn readings_are_listed_by_time_and_paged() {
    let app = App::start().await;
    let code = app.new_device(&app.place(0).await, None).await;
    let operator = app.operator().await;
    for minute in [4, 0, 3, 1, 2] {
        let reading = with(&app.reading(&code, 0), json!({"timestamp": format!("2026-02-04T23:5{minute}:00Z")}));
        operator.post(PATH, reading).await.expect(201);
    }
    let reading = with(&app.reading(&code, 0), json!({"timestamp": "2026-02-05T00:00:00Z"}));
    operator.post(PATH, reading).await.expect(201);
    let times = async |query: &str| -> Vec<String> {
        let page = operator.get(&format!("{PATH}?device={code}&{query}")).await.expect(200);
        page["items"].as_array().unwrap().iter().map(|item| item["timestamp"].as_str().unwrap()[11..16].to_owned()).collect()
    };
    assert_eq!(times("").await, ["23:50", "23:51", "23:52", "23:53", "23:54", "00:00"]);
    assert_eq!(times("from=2026-02-04T23:51:00Z&to=2026-02-05T05:23:00%2B05:30").await, ["23:51", "23:52", "23:53"]);
    assert_eq!(times("from=2026-02-04&to=2026-02-04").await.len(), 5);
    assert_eq!(times("from=2026-02-05").await, ["00:00"]);

    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = operator.get(&format!("{PATH}?device={code}&limit=2{cursor}")).await.expect(200);
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["timestamp"].as_str().unwrap()[11..16].to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, ["23:50", "23:51", "23:52", "23:53", "23:54", "00:00"]);

    // docs/reference/clients.md#slot-monitoring: its parameter names, codes in any case.
    let page = operator.get(&format!("{PATH}?device_code={}&start_date=2026-02-04&end_date=2026-02-04", code.to_lowercase())).await;
    assert_eq!(page.expect(200)["items"].as_array().unwrap().len(), 5);

    operator.get(&format!("{PATH}?bucket=1h")).await.expect_invalid(&["device"]);
    operator.get(&format!("{PATH}?device=NOBODY-KNOWS-IT")).await.expect_problem(404);
    operator.get(&format!("{PATH}?device={code}&colour=red&limit=501")).await.expect_invalid(&["colour", "limit"]);
    operator.get(&format!("{PATH}?device={code}&from=yesterday&to=2026-02-30")).await.expect_invalid(&["from", "to"]);
    operator.get(&format!("{PATH}?device={code}&bucket=7m")).await.expect_invalid(&["bucket"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets_are_what_a_naive_computation_gives() {
    const WIDTHS: [(&str, i64); 3] = [("5m", 300_000), ("1h", 3_600_000), ("1d", 86_400_000)];
    let app = App::start().await;
    let code = app.new_device(&app.place(0).await, None).await;
    let operator = app.operator().await;
    // Uneven steps with gaps over three days.
    let start = 1_770_163_200_000_i64;
    let readings: Vec<(i64, [f64; 3])> = (0..700_i64)
        .map(|n| {
            let at = start + n * 371_000 + (n / 200) * 7_200_000;
            let wave = (n * 37 % 101) as f64;
            (at, [200.0 + wave / 3.0, wave / 10.0, 0.5 + wave / 250.0])
        })
        .collect();
    let rfc3339 = |ms: i64| chrono::DateTime::from_timestamp_millis(ms).unwrap().to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true);
    let body: Vec<Value> = readings
        .iter()
        .map(|(at, [v, i, pf])| json!({"device_code": code, "voltage": v, "current": i, "power_factor": pf, "timestamp": rfc3339(*at)}))
        .collect();
    let answer = operator.post("/api/telemetry/bulk/", Value::Array(body)).await.expect(200);
    assert_eq!(answer["accepted"], 700);

    let (from, to) = (start + 1_000_000, start + 250_000_000);
    for (name, width) in WIDTHS {
        let mut expected: Vec<(i64, Vec<[f64; 4]>)> = Vec::new();
        for (at, [v, i, pf]) in readings.iter().filter(|(at, _)| (from..=to).contains(at)) {
            let bucket = at - at % width;
            if expected.last().is_none_or(|(last, _)| *last != bucket) {
                expected.push((bucket, Vec::new()));
            }
            expected.last_mut().unwrap().1.push([*v, *i, *pf, v * i * pf]);
        }
        let mut got = Vec::new();
        let mut cursor = String::new();
        loop {
            let range = format!("from={}&to={}", rfc3339(from), rfc3339(to));
            let page = operator.get(&format!("{PATH}?device={code}&bucket={name}&{range}&limit=100{cursor}")).await.expect(200);
            let items = page["items"].as_array().unwrap().clone();
            assert!(items.len() <= 100);
            got.extend(items);
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(got.len(), expected.len(), "{name}");
        for (item, (bucket, values)) in got.iter().zip(&expected) {
            assert_eq!(item["from"], rfc3339(*bucket));
            assert_eq!(item["to"], rfc3339(*bucket + width));
            assert_eq!(item["count"], values.len());
            for (column, field) in ["voltage", "current", "power_factor", "power_w"].into_iter().enumerate() {
                let column: Vec<f64> = values.iter().map(|row| row[column]).collect();
                let mean = column.iter().sum::<f64>() / column.len() as f64;
                let (min, max) = (column.iter().copied().fold(f64::MAX, f64::min), column.iter().copied().fold(f64::MIN, f64::max));
                for (figure, expected) in [("min", min), ("mean", mean), ("max", max)] {
                    let got = item[field][figure].as_f64().unwrap();
                    assert!((got - expected).abs() < 1e-9, "{name} {field} {figure}: {got} is not {expected}");
                }
            }
        }
    }
}
