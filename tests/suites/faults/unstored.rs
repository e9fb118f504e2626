//! An emergency that cannot be stored is told all the same, and its reporter whom to call.

use gatehouse_tests::disk::SmallDisk;
use gatehouse_tests::receiver::{NTFY_TOKEN, Receiver, WEBHOOK_SECRET};
use gatehouse_tests::{App, Client, Response};
use serde_json::{Value, json};

const WHOM_TO_CALL: &str = "Call the temple's guards, 02876 231 200.";

fn variables(origin: &str) -> Vec<(&str, &str)> {
    vec![
        ("webhook_origin", origin),
        ("webhook_path", "/hooks/in"),
        ("webhook_secret", WEBHOOK_SECRET),
        ("ntfy_origin", origin),
        ("ntfy_topic", "guards"),
        ("ntfy_token", NTFY_TOKEN),
        ("emergency_fallback_text", WHOM_TO_CALL),
    ]
}

fn sos(description: &str) -> Value {
    json!({"temple_id": "somnath", "type": "medical", "description": description, "location": {"lat": 20.8881, "lng": 70.4014}, "accuracy_m": 9})
}

#[track_caller]
fn expect_unstored(answer: &Response, told: bool) {
    let problem = answer.expect_problem(503);
    assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0));
    assert_eq!(
        (&problem["reason"], &problem["told"], &problem["whom_to_call"]),
        (&json!("not_stored"), &json!(told), &json!(WHOM_TO_CALL))
    );
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.ends_with(WHOM_TO_CALL)), "{problem}");
}

/// Reports until there is no room for it.
async fn report_until_full(reporter: &Client) -> Response {
    for _ in 0..2_000 {
        let answer = reporter.post("/api/emergency/", sos("before")).await;
        if answer.status != 201 {
            return answer;
        }
    }
    panic!("it takes everything")
}

fn unstored(receiver: &Receiver) -> Vec<Value> {
    let requests = receiver.requests_to("/hooks").into_iter().filter(|request| request.header("webhook-id").starts_with("unstored-"));
    requests
        .map(|request| {
            assert!(request.accepted(), "its signature verifies: {:?}", request.answered);
            let mut message = request.json();
            message["webhook_id"] = request.header("webhook-id").into();
            message
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn on_a_full_disk_the_control_room_is_told_and_the_reporter_whom_to_call() {
    let Some(disk) = SmallDisk::mount(32) else { return };
    let receiver = Receiver::start().await;
    let Some(app) = App::embedded_in(disk.path(), &variables(&receiver.origin())).await else { return };
    let operator = app.operator().await;
    let admin = app.admin().await;
    let further = json!({"phone": "+919876543210"});
    let (email, password) = app.new_user("visitor", further).await;
    let visitor = app.login(&email, &password).await;
    let place = app.place(0).await;
    let button = app.new_device(&place, None).await;
    admin.patch(&format!("/api/devices/{button}"), json!({"is_panic_button": true, "name": "By the lift"})).await.expect(200);
    let button = app.device(&button).await;
    disk.fill();
    expect_unstored(&report_until_full(&operator).await, true);
    receiver.clear();

    let report = || visitor.header("idempotency-key", "sos-1");
    for _ in 0..2 {
        expect_unstored(&report().post("/api/emergency/", sos("An old man has fallen")).await, true);
    }
    let told = unstored(&receiver);
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0]["webhook_id"], told[1]["webhook_id"], "receivers drop the repeat");
    assert_eq!(told[0]["topic"], "emergency.reported");
    let emergency = &told[0]["emergency"];
    assert_eq!((&emergency["stored"], &emergency["id"]), (&json!(false), &Value::Null), "{emergency}");
    for (field, value) in [
        ("temple_id", json!("somnath")),
        ("type", json!("medical")),
        ("severity", json!("critical")),
        ("description", json!("An old man has fallen")),
        ("location", json!({"lat": 20.8881, "lng": 70.4014})),
        ("location_approximate", json!(false)),
        ("reporter_phone", json!("+919876543210")),
        ("status", json!("reported")),
    ] {
        assert_eq!(emergency[field], value, "{field} of {emergency}");
    }
    let pushed: Vec<String> =
        receiver.requests_to("/guards").iter().map(|request| String::from_utf8_lossy(&request.body).into_owned()).collect();
    assert!(pushed.iter().all(|text| text.contains("NOT STORED") && text.contains("An old man has fallen")), "{pushed:?}");
    assert_eq!(pushed.len(), 2);

    receiver.clear();
    expect_unstored(&button.post("/api/emergency/", json!({"type": "security"})).await, true);
    let told = unstored(&receiver);
    assert_eq!(
        (&told[0]["emergency"]["temple_id"], told[0]["emergency"]["place"].as_str().unwrap().starts_with("By the lift")),
        (&json!(place.site), true)
    );

    // What is wrong with a report, and who may not report, is said as ever.
    visitor.post("/api/emergency/", json!({})).await.expect_invalid(&["type"]);
    app.anonymous().post("/api/emergency/", sos("x")).await.expect_problem(401);
    receiver.respond_with(500);
    expect_unstored(&visitor.post("/api/emergency/", sos("Nobody hears it")).await, false);
    receiver.recover();

    disk.make_room();
    let stored = report().post("/api/emergency/", sos("An old man has fallen")).await.expect(201);
    assert_eq!(report().post("/api/emergency/", sos("An old man has fallen")).await.expect(201)["id"], stored["id"]);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn when_the_database_is_gone_who_reports_is_known_by_their_token() {
    let receiver = Receiver::start().await;
    let Some(app) = App::embedded(&variables(&receiver.origin())).await else { return };
    let visitor = app.visitor().await;
    visitor.post("/api/emergency/", sos("before")).await.expect(201);
    let database = app.state_dir().join("default.db");
    std::fs::remove_file(&database).unwrap();
    receiver.clear();
    expect_unstored(&visitor.post("/api/emergency/", sos("A fire in the kitchen")).await, true);
    let told = unstored(&receiver);
    assert_eq!((told.len(), &told[0]["emergency"]["description"]), (1, &json!("A fire in the kitchen")));
    assert!(!database.exists(), "nothing has made it anew");
    let stranger = app.with_token("eyJhbGciOiJFZERTQSJ9.e30.c2lnbmF0dXJl");
    stranger.post("/api/emergency/", sos("A joke")).await.expect_problem(401);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn one_reporter_cannot_flood_the_control_room_with_what_is_not_stored() {
    let receiver = Receiver::start().await;
    let Some(app) = App::embedded(&variables(&receiver.origin())).await else { return };
    let (visitor, another) = (app.visitor().await, app.visitor().await);
    visitor.post("/api/emergency/", sos("before")).await.expect(201);
    std::fs::remove_file(app.state_dir().join("default.db")).unwrap();
    receiver.clear();
    for _ in 0..30 {
        visitor.post("/api/emergency/", sos("again")).await.expect_problem(503);
    }
    let told = unstored(&receiver).len();
    assert!((10..30).contains(&told), "{told}");
    expect_unstored(&another.post("/api/emergency/", sos("A real one")).await, true);
}
