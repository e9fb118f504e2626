//! The scheduled run (docs/reference/operations.md): device health, anomalies, escalation, clean-up, the dead-man's switch. Two at once do each
//! thing once.

#[path = "scheduled/clock.rs"]
mod clock;
#[path = "scheduled/flapping.rs"]
mod flapping;
#[path = "scheduled/watch.rs"]
mod watch;

use std::time::Duration;

use futures::future::join_all;
use gatehouse_tests::receiver::{Received, Receiver};
use gatehouse_tests::{App, Client, Place, cache_directory, channels, root, unique};
use reqwest::Method;
use serde_json::{Value, json};

/// Severity and status of the alerts of this kind about this subject, oldest first.
fn alerts(app: &App, alert_type: &str, subject: &str) -> Vec<(String, String)> {
    let db = app.db();
    let mut statement = db.prepare("select severity, status from alerts where alert_type = ? and subject = ? order by id").unwrap();
    let rows = statement.query_map([alert_type, subject], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

fn single(severity: &str, status: &str) -> Vec<(String, String)> {
    vec![(severity.to_owned(), status.to_owned())]
}

fn health(app: &App, device: &str) -> String {
    let sql = "select health from device_state join devices on id = device_id where code = ?";
    app.db().query_row(sql, [device], |row| row.get(0)).unwrap()
}

/// A device that has just sent its first reading, and the caller that sends for it.
async fn live_device(app: &App, place: &Place, spot: usize) -> (String, Client) {
    let code = app.new_device(place, Some(spot)).await;
    let sender = app.device(&code).await;
    sender.post("/api/telemetry/", app.reading(&code, 0)).await.expect(201);
    (code, sender)
}

async fn occupy(app: &App, sender: &Client, code: &str, occupied: bool) {
    let mut reading = app.reading(code, 0);
    reading["occupied"] = json!(occupied);
    sender.post("/api/telemetry/", reading).await.expect(201);
}

fn topics(receiver: &Receiver) -> Vec<String> {
    receiver.requests_to("/hooks").iter().map(|told| told.json()["topic"].as_str().unwrap().to_owned()).collect()
}

/// Lets this time pass with a scheduled run every 30 seconds, as the cron trigger makes them.
async fn pass(app: &App, seconds: u64) {
    app.advance(Duration::from_secs(seconds % 30));
    for _ in 0..seconds / 30 {
        app.tick().await;
        app.advance(Duration::from_secs(30));
    }
    app.tick().await;
}

async fn ticks_at_once(app: &App, count: usize) -> Vec<Value> {
    join_all((0..count).map(|_| app.tick())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_knows_the_secret_may_run_it() {
    let app = App::start().await;
    for path in ["/internal/tick", "/internal/dispatch"] {
        app.anonymous().send(Method::POST, path, None).await.expect_problem(401);
        app.anonymous().header("x-tick-secret", "").send(Method::POST, path, None).await.expect_problem(401);
        app.anonymous().header("x-tick-secret", "wrong").send(Method::POST, path, None).await.expect_problem(401);
        app.admin().await.send(Method::POST, path, None).await.expect_problem(401);
        app.with_token(app.tick_secret()).send(Method::POST, path, None).await.expect(200);
        app.internal(&format!("{path}/")).await.expect(200);
        let refused = app.anonymous().get(path).await;
        refused.expect_problem(405);
        assert_eq!(refused.header("allow"), "POST");
    }
    app.internal("/internal/elsewhere").await.expect_problem(404);
}

/// Moves the clock on to this second of a half minute: heartbeat's event of second 25 is the scheduled run.
fn until(clock: &gatehouse::Clock, second: u64) {
    clock.advance(Duration::from_secs((30 + second - clock.since_epoch().as_secs() % 30) % 30));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cron_trigger_runs_it() {
    gatehouse::tls::install();
    let state = tempfile::tempdir().unwrap();
    let clock = gatehouse_tests::clock_at_start();
    let app = gatehouse::App::builder()
        .manifest(root().join("spin.toml"))
        .state_dir(state.path())
        .cache_dir(cache_directory())
        .listen("127.0.0.1:0")
        .clock(clock.clone())
        .cron(false)
        .build_components(true)
        .start()
        .await
        .unwrap();
    let db = rusqlite::Connection::open(state.path().join("default.db")).unwrap();
    let runs = || -> i64 {
        db.query_row("select coalesce(sum(runs), 0) from leases where name = 'tick' and finished_at is not null", [], |row| row.get(0))
            .unwrap()
    };
    until(&clock, 0);
    app.run_cron().await.unwrap();
    assert_eq!(runs(), 0, "every five seconds it only looks for what cannot wait");
    until(&clock, 25);
    app.run_cron().await.unwrap();
    app.run_cron().await.unwrap();
    assert_eq!(runs(), 2);
    let others: i64 = db
        .query_row("select count(*) from leases where runs = 3 and finished_at is not null and name <> 'tick'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(others, 11, "each component notes its own");
    app.shutdown().await;
}

/// What heartbeat's cron event finds when one of the other components' cron events has not come for long.
#[tokio::test(flavor = "multi_thread")]
async fn the_dead_man_s_switch_is_not_told_while_a_component_is_late() {
    gatehouse::tls::install();
    let receiver = Receiver::start().await;
    let state = tempfile::tempdir().unwrap();
    let clock = gatehouse_tests::clock_at_start();
    let app = gatehouse::App::builder()
        .manifest(root().join("spin.toml"))
        .state_dir(state.path())
        .cache_dir(cache_directory())
        .listen("127.0.0.1:0")
        .clock(clock.clone())
        .cron(false)
        .build_components(true)
        .variable("dead_mans_switch_origin", receiver.origin())
        .variable("dead_mans_switch_path", "/switch/abc")
        .start()
        .await
        .unwrap();
    let pings = || receiver.requests_to("/switch/abc").len();
    until(&clock, 25);
    app.run_cron().await.unwrap();
    assert_eq!(pings(), 1);

    // As if the component's runs did not come: none is noted.
    let db = rusqlite::Connection::open(state.path().join("default.db")).unwrap();
    db.busy_timeout(Duration::from_secs(10)).unwrap();
    db.execute("update leases set finished_at = finished_at - 121000 where name = 'crowd'", []).unwrap();
    db.execute_batch(
        "create trigger stopped before update of finished_at on leases when new.name = 'crowd' begin select raise(ignore); end;",
    )
    .unwrap();
    until(&clock, 25);
    app.run_cron().await.unwrap();
    assert_eq!(pings(), 1);
    let runs: i64 = db.query_row("select runs from leases where name = 'tick'", [], |row| row.get(0)).unwrap();
    assert_eq!(runs, 2, "heartbeat's own run was good");

    db.execute_batch("drop trigger stopped").unwrap();
    until(&clock, 25);
    app.run_cron().await.unwrap();
    until(&clock, 25);
    app.run_cron().await.unwrap();
    assert!(pings() > 1, "told again when all have run");
    app.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_silent_device_is_told_once_and_resolved_when_it_speaks_again() {
    let receiver = Receiver::start().await;
    let Some(app) = App::with_webhook(&receiver).await else { return };
    let place = app.place(8).await;
    let (device, sender) = live_device(&app, &place, 0).await;

    app.advance(Duration::from_secs(115));
    app.tick().await;
    assert_eq!(health(&app, &device), "healthy");
    assert!(alerts(&app, "device_warning", &device).is_empty());

    app.advance(Duration::from_secs(6));
    app.tick().await;
    assert_eq!(health(&app, &device), "warning");
    app.tick().await;
    assert_eq!(alerts(&app, "device_warning", &device), single("warning", "active"));

    pass(&app, 440).await;
    assert_eq!(health(&app, &device), "warning", "600 s are not over");
    assert!(topics(&receiver).is_empty(), "a warning is told to nobody");

    app.advance(Duration::from_secs(40));
    ticks_at_once(&app, 2).await;
    for _ in 0..5 {
        app.tick().await;
        app.advance(Duration::from_secs(30));
    }
    ticks_at_once(&app, 4).await;
    assert_eq!(health(&app, &device), "offline");
    assert_eq!(alerts(&app, "device_offline", &device), single("critical", "active"));
    assert_eq!(alerts(&app, "device_warning", &device), single("warning", "resolved"));
    assert_eq!(topics(&receiver), ["device.offline"]);
    let told = receiver.requests_to("/hooks").remove(0);
    assert!(told.accepted(), "its signature verifies");
    let message = told.json()["alert"]["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with(&format!("{device} has been silent for 10 minutes (last seen 2")), "{message}");

    sender.post("/api/telemetry/", app.reading(&device, 0)).await.expect(201);
    assert_eq!(health(&app, &device), "healthy");
    assert_eq!(alerts(&app, "device_offline", &device), single("critical", "resolved"));

    pass(&app, 700).await;
    assert_eq!(alerts(&app, "device_offline", &device).len(), 2, "another silence is another alert");
    assert_eq!(alerts(&app, "device_warning", &device).len(), 2);
    let mut topics = topics(&receiver);
    topics.sort();
    assert_eq!(topics, ["alert.resolved", "device.offline", "device.offline"], "who was told of a trouble is told of its end");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn an_alert_resolved_by_hand_is_not_raised_again_in_the_same_silence() {
    let Some(app) = App::embedded(&[]).await else { return };
    let place = app.place(1).await;
    let (device, _) = live_device(&app, &place, 0).await;
    app.advance(Duration::from_secs(605));
    app.tick().await;
    app.db().execute("update alerts set status = 'resolved', resolved_at = 1 where subject = ?", [&device]).unwrap();
    app.advance(Duration::from_secs(60));
    app.tick().await;
    assert_eq!(alerts(&app, "device_offline", &device), single("critical", "resolved"));
    assert!(alerts(&app, "device_warning", &device).is_empty(), "what turns offline at once was never a warning");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_device_that_is_out_of_use_or_was_never_heard_raises_nothing() {
    let Some(app) = App::embedded(&[]).await else { return };
    let place = app.place(2).await;
    let (retired, _) = live_device(&app, &place, 0).await;
    let unheard = app.new_device(&place, Some(1)).await;
    app.admin().await.patch(&format!("/api/devices/{retired}"), json!({"is_active": false})).await.expect(200);
    app.advance(Duration::from_secs(3600));
    app.tick().await;
    for device in [&retired, &unheard] {
        assert!(alerts(&app, "device_offline", device).is_empty());
    }
    assert_eq!(health(&app, &unheard), "unknown");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn many_devices_fall_silent_at_once() {
    let receiver = Receiver::start().await;
    let Some(app) = App::with_webhook(&receiver).await else { return };
    let place = app.place(1).await;
    let (first, _) = live_device(&app, &place, 0).await;
    let now = app.now_ms();
    // Further devices of the same kind, 1,200 in all: more than one transaction of the run takes.
    let db = app.db();
    db.execute(
        "insert into devices (code, site, zone, created_at, updated_at, updated_by)
         with recursive n (i) as (select 1 union all select i + 1 from n where i < 1199)
         select printf('%s-%04d', ?1, i), ?2, ?3, ?4, ?4, 'test' from n",
        (&first, &place.site, &place.zone, now),
    )
    .unwrap();
    db.execute("update device_state set health = 'healthy', last_seen_at = ?1", [now]).unwrap();
    app.advance(Duration::from_secs(601));
    let turned: i64 = ticks_at_once(&app, 3).await.iter().filter_map(|tick| tick["health"]["offline"].as_i64()).sum();
    assert_eq!(turned, 1200);
    let raised: i64 = db.query_row("select count(*) from alerts where alert_type = 'device_offline'", [], |row| row.get(0)).unwrap();
    assert_eq!(raised, 1200);
    for _ in 0..3 {
        app.tick().await;
        app.advance(Duration::from_secs(31));
    }
    let told = receiver.requests_to("/hooks");
    assert!(told.len() <= 3, "the contact is told of all of them together: {}", told.len());
    assert_eq!(told.iter().map(|told| told.json()["group"]["open"].as_i64().unwrap()).max(), Some(1200));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn few_free_spots_are_an_anomaly_once_until_there_are_enough() {
    let Some(app) = App::embedded(&[]).await else { return };
    let place = app.place(8).await;
    let mut devices = Vec::new();
    for spot in 0..4 {
        devices.push(live_device(&app, &place, spot).await);
    }
    app.tick().await;
    assert!(alerts(&app, "low_spots", &place.site).is_empty());
    let step = Duration::from_secs(2);
    for (device, sender) in &devices {
        app.advance(step);
        occupy(&app, sender, device, true).await;
    }
    ticks_at_once(&app, 3).await;
    app.tick().await;
    assert_eq!(alerts(&app, "low_spots", &place.site), single("warning", "active"));

    app.advance(step);
    occupy(&app, &devices[0].1, &devices[0].0, false).await;
    app.tick().await;
    assert_eq!(alerts(&app, "low_spots", &place.site), single("warning", "active"), "five are the limit, not above it");

    app.advance(step);
    occupy(&app, &devices[1].1, &devices[1].0, false).await;
    app.tick().await;
    assert_eq!(alerts(&app, "low_spots", &place.site), single("warning", "resolved"));

    app.advance(step);
    occupy(&app, &devices[0].1, &devices[0].0, true).await;
    occupy(&app, &devices[1].1, &devices[1].0, true).await;
    app.tick().await;
    app.db().execute("update alerts set status = 'resolved', resolved_at = 1 where subject = ?", [&place.site]).unwrap();
    app.tick().await;
    let all = alerts(&app, "low_spots", &place.site);
    assert_eq!(all.len(), 2, "resolved by hand, it is not raised again while it lasts: {all:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_spot_that_flaps_is_an_anomaly_once_until_it_calms_down() {
    let Some(app) = App::embedded(&[]).await else { return };
    let place = app.place(1).await;
    let (device, sender) = live_device(&app, &place, 0).await;
    let spot = &place.spots[0];
    for change in 0..10 {
        app.advance(Duration::from_secs(2));
        occupy(&app, &sender, &device, change % 2 == 0).await;
    }
    app.tick().await;
    assert!(alerts(&app, "spot_flapping", spot).is_empty(), "ten changes are not more than ten");
    app.advance(Duration::from_secs(2));
    occupy(&app, &sender, &device, true).await;
    ticks_at_once(&app, 3).await;
    app.tick().await;
    assert_eq!(alerts(&app, "spot_flapping", spot), single("warning", "active"));
    app.advance(Duration::from_secs(310));
    app.tick().await;
    assert_eq!(alerts(&app, "spot_flapping", spot), single("warning", "resolved"));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn an_alert_ends_when_its_time_has_come() {
    let Some(app) = App::embedded(&[]).await else { return };
    let operator = app.operator().await;
    let broadcast = json!({"alert_type": "crowd", "severity": "info", "message": "The south gate is closed", "expires_at": app.time(60)});
    let alert = operator.post("/api/alerts/", broadcast).await.expect(201);
    let path = format!("/api/alerts/{}", alert["id"].as_str().unwrap());
    app.tick().await;
    assert_eq!(operator.get(&path).await.expect(200)["status"], "active");
    app.advance(Duration::from_secs(61));
    app.tick().await;
    let alert = operator.get(&path).await.expect(200);
    assert_eq!((&alert["status"], &alert["resolved_by"]), (&json!("resolved"), &json!("system")));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn what_nobody_acknowledges_climbs_the_ladder() {
    let receiver = Receiver::start().await;
    let origin = receiver.origin();
    let mut variables = [channels::sms(&origin).to_vec(), channels::push(&origin).to_vec()].concat();
    variables.extend([
        ("escalation_minutes", "5"),
        ("escalation_contacts", "sms:+911111111111 | sms:+912222222222, ntfy:night-shift | sms:+913333333333"),
    ]);
    let Some(app) = App::embedded(&variables).await else { return };
    let operator = app.operator().await;
    let raise = json!({"alert_type": "intrusion", "severity": "critical", "message": "A gate is open"});
    let alert = operator.post("/api/alerts/", raise.clone()).await.expect(201);
    app.tick().await;
    let told = |path: &str| receiver.requests_to(path).iter().filter(|told| told.accepted()).count();
    let numbers = || -> Vec<String> {
        receiver.requests_to("/2010").iter().filter(|sms| sms.accepted()).map(|sms| sms.form()["To"].clone()).collect()
    };
    assert_eq!((told(channels::PATHS[4]), numbers().len()), (1, 0), "the ground floor has it");

    app.advance(Duration::from_secs(290));
    app.tick().await;
    assert!(numbers().is_empty(), "not before five minutes");
    app.advance(Duration::from_secs(11));
    ticks_at_once(&app, 3).await;
    app.tick().await;
    assert_eq!(numbers(), ["+911111111111"]);
    assert!(receiver.requests_to("/2010")[0].form()["Body"].contains("rung 1"));

    app.advance(Duration::from_secs(300));
    app.tick().await;
    assert_eq!(numbers(), ["+911111111111", "+912222222222"]);
    assert_eq!((told("/night-shift"), told(channels::PATHS[4])), (1, 1));

    // The token is past its end by now.
    let operator = app.operator().await;
    let path = format!("/api/alerts/{}", alert["id"].as_str().unwrap());
    assert_eq!(operator.get(&path).await.expect(200)["escalation"], 2);
    operator.patch(&format!("{path}/acknowledge"), json!({})).await.expect(200);
    app.advance(Duration::from_secs(1200));
    app.tick().await;
    assert_eq!(numbers().len(), 2, "acknowledged, it climbs no further");

    // One that no run has seen for long climbs every rung, each with its own people, and not above the top.
    let operator = app.operator().await;
    operator.post("/api/alerts/", raise).await.expect(201);
    app.tick().await;
    app.advance(Duration::from_secs(7200));
    app.tick().await;
    app.tick().await;
    let mut all = numbers().split_off(2);
    all.sort();
    assert_eq!(all, ["+911111111111", "+912222222222", "+913333333333"]);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn the_dead_man_s_switch_is_told_once_a_good_run() {
    let receiver = Receiver::start().await;
    let origin = receiver.origin();
    let Some(app) = App::embedded(&[("dead_mans_switch_origin", &origin), ("dead_mans_switch_path", "/switch/abc")]).await else { return };
    let pings = || receiver.requests_to("/switch/abc").len();
    assert_eq!(app.tick().await["pinged"], true);
    assert_eq!(pings(), 1);
    let good = ticks_at_once(&app, 4).await.iter().filter(|tick| tick["skipped"] == false).count();
    assert_eq!(pings(), 1 + good);

    receiver.respond_with(500);
    assert_eq!(app.tick().await["pinged"], false, "its own trouble is not the run's");
    receiver.recover();

    app.db().execute("alter table login_failures rename to broken", []).unwrap();
    let before = pings();
    let problem = app.internal("/internal/tick").await.expect_problem(500);
    assert!(!problem.to_string().contains("login_failures"), "{problem}");
    assert_eq!(pings(), before, "a run that failed is not a good one");
    app.db().execute("alter table broken rename to login_failures", []).unwrap();
    assert_eq!(app.tick().await["pinged"], true, "and the next one is not held up");

    // What is for figures alone comes after it: the switch does not wait for it, nor for its troubles.
    app.db().execute("alter table table_sizes rename to broken", []).unwrap();
    let before = pings();
    app.internal("/internal/tick").await.expect_problem(500);
    assert_eq!(pings(), before + 1);
    app.db().execute("alter table broken rename to table_sizes", []).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_run_waits_for_one_at_work_but_not_for_one_that_died() {
    let Some(app) = App::embedded(&[]).await else { return };
    app.tick().await;
    let runs = || -> i64 { app.db().query_row("select runs from leases where name = 'tick'", [], |row| row.get(0)).unwrap() };
    let before = runs();
    app.db().execute("update leases set owner = 'dead', lease_until = ?", [app.now_ms() + 60_000]).unwrap();
    assert_eq!(app.tick().await["skipped"], true);
    app.advance(Duration::from_secs(61));
    assert_eq!(app.tick().await["skipped"], false);
    assert_eq!(runs(), before + 1);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn what_nobody_needs_any_more_is_removed() {
    let receiver = Receiver::start().await;
    let Some(app) = App::with_webhook(&receiver).await else { return };
    app.tick().await;
    let db = app.db();
    let now = app.now_ms();
    let day = 24 * 3600 * 1000_i64;
    for at in [now - 2 * day, now] {
        db.execute("insert into login_failures (account, address, at) values ('a', 'b', ?)", [at]).unwrap();
        db.execute(
            "insert into idempotency_keys (caller, key, request_hash, status, body, created_at) values ('c', ?1, x'00', 201, '{}', ?1)",
            [at],
        )
        .unwrap();
        db.execute(
            "insert into event_tickets (ticket_hash, user_id, role, expires_at) values (randomblob(32), 'u', 'operator', ?)",
            [at + 60_000],
        )
        .unwrap();
        db.execute("insert into revoked_families (family, revoked_at, reason) values (?1, ?1, 'logout')", [at]).unwrap();
    }
    // Seven thousand old events, of which the newest thousand stay.
    db.execute(
        "insert into events (channel, kind, data, at)
         with recursive n (i) as (select 1 union all select i + 1 from n where i < 7000) select 'alerts', 'alert', '{}', ? from n",
        [now - 2 * day],
    )
    .unwrap();
    let count = |table: &str| -> i64 { db.query_row(&format!("select count(*) from {table}"), [], |row| row.get(0)).unwrap() };
    let events = count("events");
    app.tick().await;
    assert_eq!(count("events"), events - 5000, "a bounded piece a run");
    app.tick().await;
    assert_eq!(count("events"), 1000);
    for table in ["login_failures", "idempotency_keys", "event_tickets", "revoked_families"] {
        assert_eq!(count(table), 1, "{table}");
    }

    db.execute(
        "insert into system_alerts (alert_type, subject, severity, message, at) values ('x', ?1, 'critical', 'm', ?2)",
        (unique("s"), now),
    )
    .unwrap();
    app.tick().await;
    assert!(receiver.requests_to("/hooks").iter().all(Received::accepted));
    assert_eq!((count("messages"), count("deliveries"), count("outbox")), (1, 1, 1));
    app.advance(Duration::from_secs(31 * 24 * 3600));
    app.tick().await;
    assert_eq!((count("messages"), count("deliveries"), count("outbox")), (0, 0, 0));
}
