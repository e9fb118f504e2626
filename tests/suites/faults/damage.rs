//! Pages of the database's file that were overwritten: it is found, said, and nothing is built on it.

use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::Duration;

use gatehouse_tests::receiver::{Receiver, WEBHOOK_SECRET};
use gatehouse_tests::{App, Response, eventually};
use serde_json::json;

/// Overwrites the first page of a table with zeros; nothing of it may be in the log.
fn zero(database: &Path, table: &str) {
    let db = rusqlite::Connection::open(database).unwrap();
    db.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(())).unwrap();
    let (page, size): (i64, i64) = db
        .query_row("select rootpage, (select page_size from pragma_page_size) from sqlite_schema where name = ?", [table], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    drop(db);
    let mut file = std::fs::OpenOptions::new().write(true).open(database).unwrap();
    file.seek(SeekFrom::Start(u64::try_from((page - 1) * size).unwrap())).unwrap();
    file.write_all(&vec![0; usize::try_from(size).unwrap()]).unwrap();
}

/// Ends what stands in the log alone. The file's locks are this process's: nothing is opened and closed beside SQLite while it runs.
fn checkpoint(app: &App) {
    app.db().query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(())).unwrap();
}

#[track_caller]
fn expect_damaged(answer: &Response) {
    assert_eq!(answer.expect_problem(503)["reason"], "database_damaged");
    assert!(!answer.header("retry-after").is_empty());
}

async fn until_not_ready(app: &App) {
    let ready = eventually("it says so", Duration::from_secs(10), async || {
        let ready = app.anonymous().get("/ready").await;
        (ready.json()["checks"]["writable"] == "database_damaged").then_some(ready)
    })
    .await;
    assert_eq!(ready.status, 503);
    assert!(!ready.header("retry-after").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn damage_is_found_at_the_start() {
    let Some(app) = App::embedded(&[]).await else { return };
    let place = app.place(1).await;
    let device = app.new_device(&place, Some(0)).await;
    let operator = app.operator().await;
    let event = |seconds: i64| json!({"device_code": device, "is_occupied": true, "timestamp": app.time(seconds)});
    operator.post("/api/parking-log/", event(-5)).await.expect(201);
    let later = event(0);
    let database = app.state_dir().join("default.db");
    let app = app.restart_after(|| zero(&database, "occupancy_log")).await;
    until_not_ready(&app).await;
    let operator = app.with_token(operator.token());
    expect_damaged(&operator.post("/api/parking-log/", later).await);
    expect_damaged(&operator.post("/api/alerts/", json!({"severity": "info", "message": "m"})).await);
    expect_damaged(&operator.get("/api/parking-log/").await);
    operator.get("/api/sites").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn damage_is_found_by_the_scheduled_runs() {
    let Some(app) = App::embedded(&[]).await else { return };
    let checked = async || -> i64 {
        let mut checked = 0;
        // A run checks for half a second at most.
        for _ in 0..50 {
            let run = app.tick().await["integrity"].clone();
            assert_eq!((&run["damaged"], &run["unknown"]), (&json!(0), &json!(0)), "{run}");
            if run["checked"] == 0 {
                break;
            }
            checked += run["checked"].as_i64().unwrap();
        }
        checked
    };
    // The first request makes the schema.
    app.admin().await;
    let tables: i64 = app
        .db()
        .query_row("select count(*) from sqlite_schema where type = 'table' and name not like 'sqlite%'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(checked().await, tables);
    app.anonymous().get("/ready").await.expect(200);
    assert_eq!(checked().await, 0, "not before an hour is over");
    app.advance(Duration::from_secs(3600));
    assert_eq!(checked().await, tables);

    checkpoint(&app);
    let database = app.state_dir().join("default.db");
    let page: i64 = app.db().query_row("select rootpage from sqlite_schema where name = 'occupancy_log'", [], |row| row.get(0)).unwrap();
    // By another program: were it opened and closed here, the locks of this process would be gone.
    let zeroed = std::process::Command::new("dd")
        .args(["if=/dev/zero", "bs=4096", "count=1", "conv=notrunc", "status=none"])
        .arg(format!("of={}", database.display()))
        .arg(format!("seek={}", page - 1))
        .status()
        .unwrap();
    assert!(zeroed.success());
    app.advance(Duration::from_secs(3600));
    for _ in 0..50 {
        app.internal("/internal/tick").await;
        if app.anonymous().get("/ready").await.json()["checks"]["writable"] == "database_damaged" {
            break;
        }
    }
    until_not_ready(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn who_reports_an_emergency_to_a_damaged_database_is_known_by_their_token() {
    let receiver = Receiver::start().await;
    let origin = receiver.origin();
    let variables = [("webhook_origin", origin.as_str()), ("webhook_path", "/hooks/in"), ("webhook_secret", WEBHOOK_SECRET)];
    let Some(app) = App::embedded(&variables).await else { return };
    let visitor = app.visitor().await;
    let database = app.state_dir().join("default.db");
    let app = app.restart_after(|| zero(&database, "users")).await;
    let visitor = app.with_token(visitor.token());
    expect_damaged(&visitor.get("/api/users/me").await);
    let problem = visitor.post("/api/emergency/", json!({"type": "fire", "temple_id": "somnath"})).await.expect_problem(503);
    assert_eq!((&problem["reason"], &problem["told"]), (&json!("not_stored"), &json!(true)), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("call 112"), "{problem}");
    let told = receiver.requests_to("/hooks").pop().expect("it was told");
    assert_eq!(told.json()["emergency"]["temple_id"], "somnath");
    visitor.post("/api/emergency/", json!({})).await.expect_invalid(&["type"]);
    app.with_token("eyJhbGciOiJFZERTQSJ9.e30.c2lnbmF0dXJl").post("/api/emergency/", json!({"type": "fire"})).await.expect_problem(401);
    app.anonymous().post("/api/emergency/", json!({"type": "fire"})).await.expect_problem(401);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn what_is_no_database_is_no_start() {
    let Some(app) = App::embedded(&[]).await else { return };
    let state = app.stop_keeping_state().await;
    std::fs::write(state.path().join("default.db"), "not a database, far from it; ".repeat(1_000)).unwrap();
    let error = super::secrets::start(state.path()).await.err().expect("it does not start");
    let words = format!("{error:#}");
    assert!(words.contains("default.db") && words.contains("file is not a database") && words.contains("backup"), "{words}");
}
