//! Health, readiness, metrics and unknown routes (docs/reference/operations.md).

use std::collections::BTreeMap;
use std::time::Duration;

use gatehouse_tests::App;
use gatehouse_tests::process::{Process, serve_if_asked};
use reqwest::Method;
use serde_json::json;

/// The components with scheduled work of their own, beside heartbeat.
const SCHEDULED: [&str; 11] =
    ["alerts", "auth", "booking", "cameras", "crowd", "mail", "parking", "payments", "reservations", "telemetry", "transport"];

#[tokio::test(flavor = "multi_thread")]
async fn server_process() {
    serve_if_asked().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn requests_side_by_side_are_logged_in_whole_lines() {
    const CLIENTS: usize = 32;
    const REQUESTS: usize = 25;
    // Builds the components where they are stale: a progress line is none of the log.
    let Some(built) = App::embedded(&[]).await else { return };
    built.stop().await;
    let directory = tempfile::tempdir().unwrap();
    let process = Process::start(directory.path(), &[]);
    let long = format!("/api/spots/{}", "x".repeat(6_000));
    // Refusals are logged: of several components, with texts that need escapes, and longer than the host takes in one write.
    let paths = ["/api/nothing/%0A%22", "/console/nothing", "/api/alerts/none", long.as_str(), "/api/bookings/my-bookings"];
    let clients = (0..CLIENTS).map(|client| {
        let caller = process.app.anonymous();
        async move {
            for request in 0..REQUESTS {
                let caller = caller.header("x-request-id", &format!("line-{client}-{request}"));
                caller.get(paths[(client + request) % paths.len()]).await;
            }
        }
    });
    futures::future::join_all(clients).await;
    let path = process.log_path().to_owned();
    process.kill_9();

    let text = std::fs::read_to_string(path).unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect();
    let logged: std::collections::BTreeSet<_> = lines.iter().filter_map(|line| line["request_id"].as_str()).collect();
    assert_eq!(logged.iter().filter(|id| id.starts_with("line-")).count(), CLIENTS * REQUESTS);
    assert!(text.lines().all(|line| line.len() < 4096));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_process_says_that_it_is_there() {
    let app = App::start().await;
    assert_eq!(app.anonymous().get("/health").await.expect(200), json!({ "status": "ok" }));
    app.anonymous().get("/health/").await.expect(200);
    app.anonymous().send(Method::POST, "/health", None).await.expect_problem(405);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_root_leads_to_the_console_and_what_nobody_serves_is_a_problem() {
    let app = App::start().await;
    let answer = app.anonymous().get("/").await;
    assert_eq!(answer.status, 307);
    assert_eq!(answer.header("location"), "/console/");
    for path in ["/nothing", "/api/nothing/here", "/metrics/nothing", "/%ff"] {
        app.anonymous().get(path).await.expect_problem(404);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn readiness_tells_what_is_amiss() {
    let Some(app) = App::embedded(&[]).await else { return };
    let anonymous = app.anonymous();
    // No run has been due yet.
    let fresh = anonymous.get("/ready").await.expect(200);
    assert_eq!(fresh["status"], "ready");
    let checks = &fresh["checks"];
    assert_eq!((&checks["database"], &checks["key_value"]), (&json!("ok"), &json!("ok")));
    assert_eq!(checks["migrations"]["current"], checks["migrations"]["latest"]);
    assert_eq!(checks["scheduled_run"]["last_finished_at"], json!(null));

    app.advance(Duration::from_secs(125));
    let never = anonymous.get("/ready").await;
    assert_eq!(never.header("retry-after"), "30");
    let never = never.expect(503);
    assert_eq!(never["status"], "not_ready");
    assert_eq!(never["checks"]["scheduled_run"]["on_time"], false);
    assert_eq!(never["checks"]["database"], "ok");

    app.tick().await;
    let ticked = anonymous.get("/ready").await.expect(200);
    assert!(ticked["checks"]["scheduled_run"]["age_s"].as_i64().is_some_and(|age| (0..10).contains(&age)), "{ticked}");
    app.advance(Duration::from_secs(100));
    anonymous.get("/ready").await.expect(200);
    app.advance(Duration::from_secs(21));
    anonymous.get("/ready").await.expect(503);
    app.tick().await;
    anonymous.get("/ready").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_component_whose_scheduled_work_stops_is_named() {
    let Some(app) = App::embedded(&[]).await else { return };
    let anonymous = app.anonymous();
    let run_all_but = async |stopped: &str| {
        for name in SCHEDULED.into_iter().filter(|name| *name != stopped) {
            app.internal(&format!("/internal/tick/{name}")).await.expect(200);
        }
    };
    app.tick().await;
    let ready = anonymous.get("/ready").await.expect(200);
    assert_eq!(ready["checks"]["scheduled_run"]["late"], json!([]));

    for stopped in ["transport", "auth"] {
        app.advance(Duration::from_secs(100));
        run_all_but(stopped).await;
        // Heartbeat's alone would ask all of them.
        app.db().execute("update leases set finished_at = ? where name = 'tick'", [app.now_ms()]).unwrap();
        anonymous.get("/ready").await.expect(200);
        app.advance(Duration::from_secs(25));
        let late = anonymous.get("/ready").await.expect(503);
        let check = &late["checks"]["scheduled_run"];
        assert_eq!((&check["late"], &check["on_time"]), (&json!([stopped]), &json!(false)), "{late}");
        assert!(check["age_s"].as_i64().is_some_and(|age| (121..200).contains(&age)), "{late}");

        app.internal(&format!("/internal/tick/{stopped}")).await.expect(200);
        anonymous.get("/ready").await.expect(200);
        app.tick().await;
    }

    app.advance(Duration::from_secs(125));
    run_all_but("").await;
    let late = anonymous.get("/ready").await.expect(503);
    assert_eq!(late["checks"]["scheduled_run"]["late"], json!(["heartbeat"]));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn an_application_that_awaits_its_demo_is_not_ready_before_it_is_whole() {
    let Some(app) = App::embedded(&[("await_demo", "true")]).await else { return };
    let anonymous = app.anonymous();
    let waiting = anonymous.get("/ready").await.expect(503);
    assert_eq!((&waiting["status"], &waiting["checks"]["demo"]), (&json!("not_ready"), &json!("pending")));
    anonymous.send(Method::POST, "/internal/setup/demo", None).await.expect_problem(401);
    for _ in 0..2 {
        assert_eq!(app.internal("/internal/setup/demo").await.status, 204);
        assert_eq!(anonymous.get("/ready").await.expect(200)["checks"]["demo"], "ok");
    }
    let app = app.restart().await;
    app.anonymous().get("/ready").await.expect(200);
}

/// The samples by name and labels; panics where a line is not in the format.
fn parse(text: &str) -> BTreeMap<String, f64> {
    let mut samples = BTreeMap::new();
    let mut ended = false;
    for line in text.lines() {
        assert!(!ended, "a line after the end: {line}");
        if let Some(comment) = line.strip_prefix("# ") {
            ended = comment == "EOF";
            let kind = comment.split(' ').next().unwrap();
            assert!(["HELP", "TYPE", "UNIT", "EOF"].contains(&kind), "{line}");
            continue;
        }
        let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
        assert!(name.starts_with("gatehouse_"), "{line}");
        let value = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
        assert!(samples.insert(name.to_owned(), value).is_none(), "twice: {line}");
    }
    assert!(ended, "no end");
    samples
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_follow_what_happens() {
    let app = App::start().await;
    let operator = app.operator().await;
    let place = app.place(2).await;
    let code = app.new_device(&place, Some(0)).await;
    let read = async || {
        let answer = app.anonymous().header("accept", "application/openmetrics-text;version=1.0.0,*/*;q=0.1").get("/metrics").await;
        assert_eq!(answer.status, 200);
        assert!(answer.header("content-type").starts_with("application/openmetrics-text"), "{}", answer.header("content-type"));
        parse(&answer.text())
    };
    let before = read().await;
    let mut reading = app.reading(&code, 0);
    reading["occupied"] = json!(true);
    app.device(&code).await.post("/api/telemetry/", reading).await.expect(201);
    operator.post("/api/alerts/", json!({ "severity": "critical", "message": "measured" })).await.expect(201);
    let driver = app.visitor().await;
    let stay = json!({"spot_id": place.spots[1], "start": app.time(3600), "end": app.time(7200), "vehicle_plate": "GJ01AB1234"});
    driver.post("/api/reservations", stay).await.expect(201);
    let sos = json!({"temple_id": place.site, "type": "medical", "description": "He fell", "location": {"lat": 23.0, "lng": 72.5}});
    driver.post("/api/emergency/", sos).await.expect(201);
    app.tick().await;
    let after = read().await;
    let rose = |name: &str| after[name] - before[name];
    assert!(rose("gatehouse_readings_total") >= 1.0);
    // Where there are more devices, others fall silent meanwhile.
    assert!(after["gatehouse_devices{health=\"healthy\"}"] >= 1.0);
    assert!(rose("gatehouse_spots{status=\"occupied\"}") >= 1.0);
    assert!(rose("gatehouse_alerts_open{severity=\"critical\"}") >= 1.0);
    assert!(rose("gatehouse_emergencies_open{status=\"reported\"}") >= 1.0);
    assert!(rose("gatehouse_reservations_total") >= 1.0);
    assert!(rose("gatehouse_reservations_live{status=\"confirmed\"}") >= 1.0);
    for name in ["bookings_total", "bookings_waiting", "people_inside", "crowd_zones{level=\"low\"}", "payments_open{state=\"open\"}"] {
        assert!(after[&format!("gatehouse_{name}")] >= 0.0, "{name}");
    }
    assert!(rose("gatehouse_events_total") >= 2.0);
    assert!(rose("gatehouse_outbox_total") >= 1.0);
    assert!(rose("gatehouse_scheduled_runs_total") >= 1.0);
    assert!(after["gatehouse_scheduled_run_age_seconds"] < 60.0);
    let now = Duration::from_millis(u64::try_from(app.now_ms()).unwrap()).as_secs_f64();
    for component in SCHEDULED.into_iter().chain(["heartbeat"]) {
        let last = after[&format!("gatehouse_scheduled_run_last_success_timestamp_seconds{{component=\"{component}\"}}")];
        assert!((now - last).abs() < 60.0, "{component}: {last} at {now}");
    }
    assert!(after["gatehouse_schema_version"] >= 1.0);
    for state in ["queued", "sending", "dead"] {
        assert!(after.contains_key(&format!("gatehouse_messages{{state=\"{state}\"}}")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_the_classic_text_of_prometheus_unless_asked_otherwise() {
    let app = App::start().await;
    let answer = app.anonymous().get("/metrics").await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").starts_with("text/plain; version=0.0.4"), "{}", answer.header("content-type"));
    let text = answer.text();
    assert!(text.lines().any(|line| line == "# TYPE gatehouse_readings_total counter"), "{text}");
    assert!(text.lines().any(|line| line.starts_with("gatehouse_readings_total ")), "{text}");
    assert!(!text.contains("# EOF"), "{text}");
}
