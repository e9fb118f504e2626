//! Readings in bulk, each accepted or rejected on its own.

use gatehouse_tests::{App, Client, Response};
use reqwest::Method;
use serde_json::{Value, json};

const PATH: &str = "/api/telemetry/bulk/";

async fn ndjson(caller: &Client, body: String) -> Response {
    caller.send_bytes(Method::POST, PATH, "application/x-ndjson", body).await
}

fn stored(app: &App, code: &str) -> i64 {
    let sql = "select count(*) from readings where device_id = (select id from devices where code = ?)";
    app.db().query_row(sql, [code], |row| row.get(0)).expect("a count")
}

fn counts(answer: &Value) -> [i64; 3] {
    ["accepted", "duplicate", "rejected"].map(|name| answer[name].as_i64().expect("a count"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_5000_with_every_kind_of_bad_line() {
    let app = App::start().await;
    let place = app.place(0).await;
    let (own, other, inactive) =
        (app.new_device(&place, None).await, app.new_device(&place, None).await, app.new_device(&place, None).await);
    app.admin().await.patch(&format!("/api/devices/{inactive}"), json!({"is_active": false})).await.expect(200);
    let operator = app.operator().await;
    operator.post("/api/telemetry/", app.reading(&own, -9000)).await.expect(201);
    let stored_before = operator.get(&format!("/api/telemetry/?device={own}")).await.expect(200)["items"][0]["timestamp"].clone();

    let mut batch: Vec<Value> = (0..5000_i64).map(|n| app.reading(if n % 2 == 0 { &own } else { &other }, n - 6000)).collect();
    batch[10] = json!("no object");
    batch[11] = Value::Null;
    batch[12] = json!([1, 2]);
    batch[13] = json!({});
    batch[14]["voltage"] = json!("230");
    batch[15]["voltage"] = json!(501);
    batch[16]["timestamp"] = json!(app.time(3600));
    batch[17]["timestamp"] = json!("yesterday");
    batch[18]["device_code"] = json!("NOBODY-KNOWS-IT");
    batch[19]["device_code"] = json!(inactive);
    batch[20]["current"] = json!(-1);
    batch[20]["power_factor"] = json!(2);
    batch[21]["battery"] = json!(7);
    batch[22]["occupied"] = json!("yes");
    batch[23]["timestamp"] = stored_before;
    batch[23]["device_code"] = json!(own);
    batch[25] = batch[24].clone();
    batch[26] = batch[24].clone();
    batch[26]["device_code"] = json!(own.to_lowercase());
    batch[26]["voltage"] = json!(1.0);

    let answer = operator.post(PATH, Value::Array(batch)).await.expect(200);
    assert_eq!(counts(&answer), [4984, 3, 13]);
    let errors = answer["errors"].as_array().unwrap();
    let indexes: Vec<_> = errors.iter().map(|error| error["index"].as_u64().unwrap()).collect();
    assert_eq!(indexes, (10..23).collect::<Vec<_>>());
    assert!(errors.iter().all(|error| error["reason"].is_string()));
    let named = |index: usize| -> Vec<&str> {
        let error = &errors[index - 10];
        error["errors"].as_object().map(|errors| errors.keys().map(String::as_str).collect()).unwrap_or_default()
    };
    assert_eq!(named(13), ["current", "device_code", "power_factor", "timestamp", "voltage"]);
    assert_eq!(named(14), ["voltage"]);
    assert_eq!(named(15), ["voltage"]);
    assert_eq!(named(16), ["timestamp"]);
    assert_eq!(named(17), ["timestamp"]);
    assert_eq!(named(20), ["current", "power_factor"]);
    assert_eq!(named(21), ["battery"]);
    assert_eq!(named(22), ["occupied"]);
    assert_eq!(stored(&app, &own) + stored(&app, &other), 4985);
    assert_eq!(stored(&app, &inactive), 0);

    // All of it again: nothing is stored twice, nothing overwritten.
    let again: Vec<Value> = (100..5000_i64).map(|n| app.reading(if n % 2 == 0 { &own } else { &other }, n)).collect();
    let late: Vec<Value> = again
        .into_iter()
        .enumerate()
        .map(|(n, mut reading)| {
            reading["timestamp"] = json!(format!("2026-02-04T{:02}:{:02}:{:02}Z", n / 3600, n / 60 % 60, n % 60));
            reading
        })
        .collect();
    assert_eq!(counts(&operator.post(PATH, Value::Array(late.clone())).await.expect(200)), [4900, 0, 0]);
    assert_eq!(counts(&operator.post(PATH, Value::Array(late)).await.expect(200)), [0, 4900, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_5000_are_too_many_and_nothing_of_them_is_stored() {
    let app = App::start().await;
    let code = app.new_device(&app.place(0).await, None).await;
    let operator = app.operator().await;
    let batch: Vec<Value> = (0..5001).map(|n| app.reading(&code, -n)).collect();
    let lines: String = batch.iter().map(|reading| format!("{reading}\n")).collect();
    operator.post(PATH, Value::Array(batch)).await.expect_problem(413);
    ndjson(&operator, lines).await.expect_problem(413);
    assert_eq!(stored(&app, &code), 0);
    // It is the count that matters, not the bytes, as long as they are within what is read at all.
    let spacious = format!("[{}{}]", app.reading(&code, 0), " ".repeat(3 * 1024 * 1024));
    assert_eq!(counts(&operator.send_bytes(Method::POST, PATH, "application/json", spacious).await.expect(200)), [1, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn ndjson_with_blank_lines_windows_ends_and_nonsense() {
    let app = App::start().await;
    let code = app.new_device(&app.place(0).await, None).await;
    let device = app.device(&code).await;
    let reading = |plus_s: i64| app.reading(&code, plus_s).to_string();
    let not_a_number = reading(-3).replace("230.0", "NaN");
    let body = format!("\r\n{}\r\n\r\n{{\"device_code\": \n[]\r\n   \n{not_a_number}\n{}", reading(-1), reading(-2));
    let answer = ndjson(&device, body).await.expect(200);
    assert_eq!(counts(&answer), [2, 0, 3]);
    let indexes: Vec<_> = answer["errors"].as_array().unwrap().iter().map(|error| error["index"].as_u64().unwrap()).collect();
    assert_eq!(indexes, [1, 2, 3]);
    assert!(answer["errors"][2]["errors"]["voltage"].is_array(), "{answer}");

    // Told by its first character when the media type does not tell.
    let two = format!("{}\n{}\n", reading(-10), reading(-11));
    assert_eq!(counts(&device.send_bytes(Method::POST, PATH, "application/json", two).await.expect(200)), [2, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_as_a_whole_is_refused_as_a_whole() {
    let app = App::start().await;
    let code = app.new_device(&app.place(0).await, None).await;
    let device = app.device(&code).await;
    let good = app.reading(&code, 0).to_string();
    for body in [String::new(), " \n".to_owned(), "nonsense".to_owned(), format!("[{good},"), format!("[{good}]]"), "7".to_owned()] {
        device.send_bytes(Method::POST, PATH, "application/json", body).await.expect_problem(400);
    }
    device.send_bytes(Method::POST, PATH, "text/csv", good.clone()).await.expect_problem(415);
    assert_eq!(stored(&app, &code), 0);
    assert_eq!(counts(&device.post(PATH, json!([])).await.expect(200)), [0, 0, 0]);
    // Python's encoder writes NaN: the readings beside it are not lost.
    let with_nan = format!("[{good},{}]", good.replace("2.5", "NaN"));
    let answer = device.send_bytes(Method::POST, PATH, "application/json", with_nan).await.expect(200);
    assert_eq!(counts(&answer), [1, 0, 1]);
    assert!(answer["errors"][0]["errors"]["current"].is_array(), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_devices_readings_are_rejected_one_by_one() {
    let app = App::start().await;
    let place = app.place(0).await;
    let (own, other) = (app.new_device(&place, None).await, app.new_device(&place, None).await);
    let batch = json!([app.reading(&own, -1), app.reading(&other, -1), app.reading("NOBODY-KNOWS-IT", -1), app.reading(&own, -2)]);
    let answer = app.device(&own).await.post(PATH, batch.clone()).await.expect(200);
    assert_eq!(counts(&answer), [2, 0, 2]);
    assert_eq!(answer["errors"][0]["index"], 1);
    assert_eq!(answer["errors"][0]["reason"], answer["errors"][1]["reason"], "whether another device exists is not told");
    assert_eq!(stored(&app, &other), 0);
    app.anonymous().post(PATH, batch.clone()).await.expect_problem(401);
    app.visitor().await.post(PATH, batch).await.expect_problem(403);
    app.operator().await.get(PATH).await.expect_problem(405);
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_side_by_side_store_each_reading_once() {
    let app = App::start().await;
    let code = app.new_device(&app.place(0).await, None).await;
    let device = app.device(&code).await;
    let batch = Value::Array((0..200).map(|n| app.reading(&code, -n)).collect());
    let calls: Vec<_> = (0..8)
        .map(|_| {
            let (device, batch) = (device.clone(), batch.clone());
            tokio::spawn(async move { counts(&device.post(PATH, batch).await.expect(200)) })
        })
        .collect();
    let (mut accepted, mut duplicate) = (0, 0);
    for call in calls {
        let [a, d, rejected] = call.await.unwrap();
        accepted += a;
        duplicate += d;
        assert_eq!((a + d, rejected), (200, 0));
    }
    assert_eq!((accepted, duplicate, stored(&app, &code)), (200, 1400, 200));
}

#[tokio::test(flavor = "multi_thread")]
async fn anomalies_and_occupancy_within_a_batch_are_not_lost() {
    let app = App::start().await;
    let code = app.new_device(&app.place(1).await, Some(0)).await;
    let operator = app.operator().await;
    let batch: Vec<Value> = [(230.0, true), (301.0, true), (301.0, false), (230.0, false), (230.0, true)]
        .into_iter()
        .zip(-10..)
        .map(|((voltage, occupied), plus_s)| {
            let mut reading = app.reading(&code, plus_s);
            reading["voltage"] = json!(voltage);
            reading["occupied"] = json!(occupied);
            reading
        })
        .collect();
    assert_eq!(counts(&operator.post(PATH, Value::Array(batch)).await.expect(200)), [5, 0, 0]);
    let page = operator.get("/api/alerts/?alert_type=voltage_out_of_range&order=desc&limit=500").await.expect(200);
    let raised: Vec<_> = page["items"].as_array().unwrap().iter().filter(|alert| alert["subject"] == code.as_str()).collect();
    assert_eq!(raised.len(), 1, "{page}");
    assert_eq!((&raised[0]["alert_type"], &raised[0]["status"]), (&json!("voltage_out_of_range"), &json!("resolved")));
    let log = operator.get(&format!("/api/parking-log/?device={code}")).await.expect(200);
    let turns: Vec<_> = log["items"].as_array().unwrap().iter().map(|event| event["is_occupied"].as_bool().unwrap()).collect();
    assert_eq!(turns, [true, false, true]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_which_nothing_can_be_read_is_no_success() {
    let app = App::start().await;
    let operator = app.operator().await;
    for body in ["\u{1f}\u{8b}\u{8}\n", "device,voltage\nA,230\n"] {
        ndjson(&operator, body.to_owned()).await.expect_problem(400);
    }
}
