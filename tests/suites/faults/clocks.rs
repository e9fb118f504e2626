//! A clock that ran ahead and was corrected: nothing waits for it to come there again, least of all an emergency.

use std::time::{Duration, Instant};

use gatehouse_tests::process::Process;
use gatehouse_tests::receiver::{Received, Receiver, WEBHOOK_SECRET};
use gatehouse_tests::{App, clock_at_start, eventually, unique};
use serde_json::json;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Ahead by less than what is held may be held.
const SHORTLY: Duration = Duration::from_secs(100);

fn webhook(origin: &str) -> [(&str, &str); 3] {
    [("webhook_origin", origin), ("webhook_path", "/hooks/in"), ("webhook_secret", WEBHOOK_SECRET)]
}

/// Writes an emergency without the route that would wake the dispatcher.
fn insert_emergency(app: &App) {
    let sql = "insert into emergencies (id, type, severity, reported_by, created_at, updated_at, updated_by)
               values (?1, 'fire', 'critical', 'test', ?2, ?2, 'test')";
    app.db().execute(sql, (unique("emergency"), app.now_ms())).unwrap();
}

fn delivered(receiver: &Receiver) -> usize {
    receiver.requests_to("/hooks").iter().filter(|request| request.accepted()).count()
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_corrected_clock_keeps_no_emergency_waiting_for_the_scheduled_run() {
    for ahead in [DAY, SHORTLY] {
        let receiver = Receiver::start().await;
        // The cron event of this second is no scheduled run: it looks for what cannot wait.
        let Some(app) = App::embedded_at("2026-11-25T05:00:01Z", &webhook(&receiver.origin())).await else { return };
        app.internal("/internal/dispatch").await.expect(200);
        app.advance(ahead);
        // One that nobody has seen, one that is to be repeated, one that a run had in hand when it was killed; and what that run held.
        receiver.respond_with(503);
        insert_emergency(&app);
        insert_emergency(&app);
        app.internal("/internal/dispatch").await.expect(200);
        insert_emergency(&app);
        let now = app.now_ms();
        let db = app.db();
        db.execute(
            "update messages set state = 'sending', lease_owner = 'dead', lease_until = ?1 + 20000, set_at = ?1
             where id = (select max(id) from messages)",
            [now],
        )
        .unwrap();
        for (name, length) in [("tick", 60_000), ("dispatch", 1_000), ("retry", 45_000)] {
            let sql = "insert or replace into leases (name, owner, lease_until, started_at) values (?1, 'dead', ?2 + ?3, ?2)";
            db.execute(sql, (name, now, length)).unwrap();
        }
        receiver.recover();
        app.set_back(ahead);
        receiver.clear();
        app.run_cron().await;
        assert_eq!(delivered(&receiver), 3, "{ahead:?} ahead");
        // Nor does the run of those that come next.
        assert_eq!(app.tick().await["skipped"], false, "{ahead:?} ahead");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn emergencies_of_a_day_ahead_are_told_soon_after_a_kill_and_a_corrected_clock() {
    let receiver = Receiver::start().await;
    let origin = receiver.origin();
    let variables = webhook(&origin);
    let directory = tempfile::tempdir().unwrap();
    let clock = clock_at_start();
    clock.advance(DAY);
    let server = Process::start_with_clock(directory.path(), &variables, &clock);
    let operator = server.app.operator().await;
    receiver.stall();
    for _ in 0..3 {
        operator.post("/api/emergency/", json!({"type": "fire"})).await.expect(201);
    }
    eventually("they are attempted", Duration::from_secs(5), async || (receiver.requests_to("/hooks").len() == 3).then_some(())).await;
    server.kill_9();
    receiver.recover();
    receiver.clear();
    clock.set_back(DAY);
    let server = Process::start_with_clock(directory.path(), &variables, &clock);
    let started = Instant::now();
    let all = async || (receiver.requests_to("/hooks").iter().filter(|request: &&Received| request.accepted()).count() >= 3).then_some(());
    eventually("all are told", Duration::from_secs(15), all).await;
    eprintln!("told {:?} after the start", started.elapsed());
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_run_of_a_day_ahead_makes_nobody_ready_for_a_day() {
    let Some(app) = App::embedded(&[]).await else { return };
    app.advance(DAY);
    app.tick().await;
    app.set_back(DAY);
    app.anonymous().get("/ready").await.expect(200);
    app.advance(Duration::from_secs(125));
    let late = app.anonymous().get("/ready").await.expect(503);
    assert_eq!(late["checks"]["scheduled_run"]["on_time"], false, "nothing has run since: {late}");
    app.tick().await;
    app.anonymous().get("/ready").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn limits_of_a_day_ahead_keep_nobody_out_for_a_day() {
    let Some(app) = App::embedded(&[]).await else { return };
    app.advance(DAY);
    let visitor = app.visitor().await;
    let id = visitor.get("/api/users/me").await.expect(200)["id"].as_str().unwrap().to_owned();
    let now = app.now_ms();
    let mut db = app.db();
    let transaction = db.transaction().unwrap();
    for number in 0..600 {
        let sql = "insert into emergencies (id, type, severity, reported_by, created_at, updated_at, updated_by)
                   values (?1, 'fire', 'low', ?2, ?3, ?3, 'test')";
        transaction.execute(sql, (unique(&format!("e{number}")), &id, now)).unwrap();
    }
    transaction.commit().unwrap();
    visitor.post("/api/emergency/", json!({"type": "fire"})).await.expect_problem(429);
    app.set_back(DAY);
    let visitor = app.with_token(&sign_in_again(&app, &id).await);
    visitor.post("/api/emergency/", json!({"type": "fire"})).await.expect(201);
}

/// A token of this user by the clock as it is now.
async fn sign_in_again(app: &App, id: &str) -> String {
    let email: String = app.db().query_row("select email from users where id = ?", [id], |row| row.get(0)).unwrap();
    app.login(&email, "a quiet gate at dawn 7").await.token().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn an_address_that_was_over_its_limit_a_day_ahead_is_let_in_again() {
    let Some(app) = App::embedded(&[]).await else { return };
    app.advance(DAY);
    let (email, password) = app.admin_credentials();
    let login = async || app.anonymous().post("/api/auth/login", json!({"email": email, "password": password})).await.status;
    assert_eq!(login().await, 200);
    // As if it had been asked a million times within this minute.
    let store = rusqlite::Connection::open(app.state_dir().join("key_value.db")).unwrap();
    store.busy_timeout(Duration::from_secs(10)).unwrap();
    let changed = store
        .execute(
            "update entries set value = cast((
                 select json_group_object(key, json_array(value ->> 0, 1000000)) from json_each(cast(entries.value as text))
             ) as blob) where key like 'limit:%'",
            [],
        )
        .unwrap();
    assert!(changed > 0);
    assert_eq!(login().await, 429);
    app.set_back(DAY);
    assert_eq!(login().await, 200);
}
