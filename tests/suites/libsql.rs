//! The application with its database at a libSQL server (docs/guide/spin.md#redis-and-libsql), and a key-value store that has gone.

use std::collections::BTreeMap;
use std::time::Duration;

use gatehouse_tests::libsql::Statement;
use gatehouse_tests::{App, Client, Place, eventually};
use reqwest::Method;
use serde_json::json;

#[path = "libsql/mail.rs"]
mod mail;
#[path = "libsql/statements.rs"]
mod statements;

/// None of these was refused by the client's own parser.
#[track_caller]
fn assert_understood(statements: &[Statement]) {
    let refused: BTreeMap<&str, &str> = statements
        .iter()
        .filter_map(|statement| Some((statement.sql.as_str(), statement.refused.as_deref()?)))
        // Asked of every SQLite, and allowed to be refused: libSQL is in WAL mode by itself, and sees to its file.
        .filter(|(sql, _)| !["pragma journal_mode = wal", "pragma auto_vacuum = incremental"].contains(sql))
        .collect();
    assert!(refused.is_empty(), "{refused:#?}");
}

async fn world(app: &App) -> (Client, Place, String) {
    let place = app.place(3).await;
    let device = app.new_device(&place, Some(0)).await;
    (app.operator().await, place, device)
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn every_statement_passes_the_parser_of_the_client() {
    let Some(app) = App::embedded_on_libsql(&[]).await else { return };
    let (operator, place, device) = world(&app).await;
    let admin = app.admin().await;
    let site = &place.site;
    operator.post("/api/telemetry/", app.reading(&device, -60)).await.expect(201);
    operator.post("/api/crowd/temple/somnath/update", json!({"zone": "museum", "count": 3, "timestamp": app.time(-60)})).await.expect(201);
    operator.post("/api/emergency/", json!({"temple_id": "somnath", "type": "medical"})).await.expect(201);
    // Every list and document of the API, as far as it takes no more than these names.
    let document = admin.get("/api/openapi.json").await.expect(200);
    let mut answered = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        if item.get("get").is_none() || path.starts_with("/api/events") {
            continue;
        }
        let mut target = path.clone();
        for (name, value) in [
            ("{site}", site.as_str()),
            ("{temple}", "somnath"),
            ("{temple_id}", "somnath"),
            ("{code}", device.as_str()),
            ("{device_code}", device.as_str()),
            ("{spot_id}", place.spots[0].as_str()),
            ("{zone}", place.zone.as_str()),
            ("{name}", "occupancy"),
        ] {
            target = target.replace(name, value);
        }
        while let Some(begin) = target.find('{') {
            let end = target[begin..].find('}').map_or(target.len(), |end| begin + end + 1);
            target.replace_range(begin..end, "019c2848-5c40-7000-8000-000000000001");
        }
        let answer = admin.get(&target).await;
        assert!(answer.status < 500, "{target}: {} {}", answer.status, answer.text());
        answered += usize::from(answer.status == 200);
    }
    assert!(answered > 30, "{answered}");
    app.tick().await;
    assert_understood(&app.libsql().take_statements());
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn bulk_counts_what_was_stored_though_nobody_counts_changes() {
    let Some(app) = App::embedded_on_libsql(&[]).await else { return };
    let (operator, _, device) = world(&app).await;
    let readings: Vec<_> = (1..=20).map(|number| app.reading(&device, -number)).collect();
    let told = operator.post("/api/telemetry/bulk/", json!(readings)).await.expect(200);
    assert_eq!((&told["accepted"], &told["duplicate"], &told["rejected"]), (&json!(20), &json!(0), &json!(0)));
    let again = operator.post("/api/telemetry/bulk/", json!(readings)).await.expect(200);
    assert_eq!((&again["accepted"], &again["duplicate"]), (&json!(0), &json!(20)));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_connection_whose_stream_expired_is_noticed_by_nobody() {
    let Some(app) = App::embedded_on_libsql(&[]).await else { return };
    let (operator, _, device) = world(&app).await;
    for number in 1..=3 {
        app.libsql().expire_streams();
        operator.get("/api/dashboard/overview/").await.expect(200);
        app.libsql().expire_streams();
        // What surely has not run is run once more, changes too.
        operator.post("/api/telemetry/", app.reading(&device, -number)).await.expect(201);
        app.libsql().expire_streams();
        operator.post("/api/alerts/", json!({"site": "somnath", "severity": "info", "message": "the gate is open"})).await.expect(201);
    }
    let stored: i64 = app.db().query_row("select count(*) from readings", [], |row| row.get(0)).unwrap();
    assert_eq!(stored, 3);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_server_that_is_away_is_a_503_and_one_that_is_back_is_used_at_once() {
    let Some(app) = App::embedded_on_libsql(&[]).await else { return };
    let (operator, _, device) = world(&app).await;
    operator.get("/api/dashboard/overview/").await.expect(200);
    operator.post("/api/telemetry/", app.reading(&device, -9)).await.expect(201);

    app.libsql().stop().await;
    let reading = operator.post("/api/telemetry/", app.reading(&device, -8)).await;
    assert!(!reading.header("retry-after").is_empty());
    reading.expect_problem(503);
    operator.get("/api/dashboard/overview/").await.expect_problem(503);
    let ready = app.anonymous().get("/ready").await.expect(503);
    assert_eq!(ready["checks"]["database"], "failed");

    app.libsql().resume().await;
    // Of each component's instances, all have lost their connections.
    let all = futures::future::join_all((0..48).map(|number| {
        let (operator, reading) = (operator.clone(), app.reading(&device, -20 - number));
        async move {
            let overview = operator.get("/api/dashboard/overview/").await;
            let sent = operator.post("/api/telemetry/", reading).await;
            (overview.status, sent.status)
        }
    }));
    let failed: Vec<_> = all.await.into_iter().filter(|statuses| *statuses != (200, 201)).collect();
    assert!(failed.is_empty(), "{failed:?}");
    // What it knows of changes may be a second old.
    eventually("it is ready", Duration::from_secs(5), async || (app.anonymous().get("/ready").await.status == 200).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_transaction_of_a_server_that_was_restarted_is_done_whole_or_not_at_all() {
    let Some(app) = App::embedded_on_libsql(&[]).await else { return };
    let (_, place, _) = world(&app).await;
    let visitor = app.visitor().await;
    let reserve = |plus_h: i64| {
        let (start, end) = (app.time(plus_h * 3600), app.time((plus_h + 1) * 3600));
        json!({"spot_id": place.spots[1], "start": start, "end": end, "vehicle_plate": "GJ01AB1234"})
    };
    for round in 1..=3 {
        app.libsql().stop().await;
        app.libsql().resume().await;
        let caller = visitor.header("idempotency-key", &format!("restart-{round}"));
        let body = reserve(24 + 2 * round);
        let made = caller.post("/api/reservations", body.clone()).await.expect(201);
        assert_eq!(caller.post("/api/reservations", body).await.expect(201)["id"], made["id"]);
    }
    let stored: i64 = app.db().query_row("select count(*) from reservations", [], |row| row.get(0)).unwrap();
    assert_eq!(stored, 3);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_key_value_store_that_hangs_stops_nobody() {
    let Some(app) = App::embedded(&[]).await else { return };
    let (email, password) = app.new_user("operator", json!({})).await;
    app.anonymous().get("/ready").await.expect(200);

    app.faults().hang_key_value(true);
    // Each would take as long as a request may, and be a 503 or 504 then, if it waited for the store.
    let logins = futures::future::join_all((0..24).map(|_| app.login(&email, &password)));
    for client in logins.await {
        client.get("/api/users/me").await.expect(200);
    }
    let ready = app.anonymous().get("/ready").await;
    assert!(!ready.header("retry-after").is_empty());
    assert_eq!(ready.expect(503)["checks"]["key_value"], "failed");
    app.anonymous().send(Method::GET, "/health", None).await.expect(200);
    assert_eq!(app.faults().hanging_key_value_calls(), 0, "calls that were given up are no burden on anybody");

    app.faults().hang_key_value(false);
    app.advance(std::time::Duration::from_secs(6));
    app.anonymous().get("/ready").await.expect(200);
    app.login(&email, &password).await;
}
