//! What cannot wait does not wait for the scheduled run when it is to be repeated: after a failure, after a kill, after a clock was set back.

use std::time::{Duration, Instant};

use gatehouse_tests::process::Process;
use gatehouse_tests::receiver::Receiver;
use gatehouse_tests::{channels, eventually};
use serde_json::json;

use super::{dispatch, insert_alerts, messages, only, with_webhook};

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_lone_urgent_message_is_repeated_after_five_seconds_without_a_scheduled_run() {
    let receiver = Receiver::start().await;
    let Some(app) = with_webhook(&receiver).await else { return };
    receiver.respond_with(500);
    let raise = json!({"alert_type": "intrusion", "severity": "critical", "message": "A gate is open"});
    app.operator().await.post("/api/alerts/", raise).await.expect(201);
    let first = eventually("it is attempted", Duration::from_secs(5), async || receiver.requests_to("/hooks").pop()).await;
    receiver.recover();
    let second = eventually("it is repeated", Duration::from_secs(15), async || receiver.requests_to("/hooks").into_iter().nth(1)).await;
    let pause = second.at - first.at;
    assert!((Duration::from_secs(2)..Duration::from_secs(7)).contains(&pause), "{pause:?}");
    eventually("it is delivered", Duration::from_secs(2), async || (only(&app).state == "sent").then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn what_was_urgent_when_it_was_killed_goes_out_soon_after_a_restart() {
    let receiver = Receiver::start().await;
    let origin = receiver.origin();
    let variables = channels::webhook(&origin);
    let directory = tempfile::tempdir().unwrap();
    let server = Process::start_with_cron(directory.path(), &variables);
    let operator = server.app.operator().await;
    receiver.stall();
    let raise = json!({"alert_type": "intrusion", "severity": "critical", "message": "A gate is open"});
    operator.post("/api/alerts/", raise).await.expect(201);
    eventually("it is attempted", Duration::from_secs(5), async || receiver.requests_to("/hooks").pop()).await;
    let killed = Instant::now();
    server.kill_9();
    receiver.recover();

    let server = Process::start_with_cron(directory.path(), &variables);
    let started = Instant::now();
    // One that the run before had not even seen, and one that it had in hand: that one waits for the lease of the dead.
    insert_alerts(&server.app, 1);
    eventually("what nobody had in hand is told", Duration::from_secs(10), async || {
        messages(&server.app).iter().any(|message| message.state == "sent").then_some(())
    })
    .await;
    eprintln!("told {:?} after the start", started.elapsed());
    eventually("what the dead run had in hand is told", Duration::from_secs(40), async || {
        messages(&server.app).iter().all(|message| message.state == "sent").then_some(())
    })
    .await;
    let late = killed.elapsed();
    eprintln!("told {late:?} after the kill");
    assert!(late < started.duration_since(killed) + Duration::from_secs(35), "{late:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_clock_set_back_keeps_no_message_and_no_run_waiting() {
    let receiver = Receiver::start().await;
    let Some(app) = with_webhook(&receiver).await else { return };
    receiver.respond_with(500);
    insert_alerts(&app, 2);
    assert_eq!(dispatch(&app).await["retried"], 2);
    receiver.recover();
    // As if all of it had been stored an hour later than now: the one is queued, the other in the hands of a run.
    let db = app.db();
    db.execute(
        "update messages set next_attempt_at = next_attempt_at + 3600000, set_at = set_at + 3600000, first_at = first_at + 3600000",
        [],
    )
    .unwrap();
    let hour_ahead = app.now_ms() + 3_600_000;
    db.execute(
        "update messages set state = 'sending', lease_owner = 'x', lease_until = ?1 + 20000 where id = (select max(id) from messages)",
        [hour_ahead],
    )
    .unwrap();
    db.execute("insert or replace into leases (name, owner, lease_until, started_at) values ('tick', 'x', ?1 + 60000, ?1)", [hour_ahead])
        .unwrap();
    db.execute(
        "insert or replace into leases (name, owner, lease_until, started_at) values ('dispatch', 'x', ?1 + 1000, ?1)",
        [hour_ahead],
    )
    .unwrap();
    let tick = app.tick().await;
    assert_eq!((&tick["skipped"], &tick["dispatch"]["sent"]), (&json!(false), &json!(2)), "{tick}");

    // A held alert of a group likewise.
    let raise = |subject: &str| {
        let sql = "insert into system_alerts (alert_type, subject, severity, message, at) values ('x', ?1, 'critical', 'm', ?2)";
        app.db().execute(sql, (subject, app.now_ms())).unwrap();
    };
    raise("a");
    dispatch(&app).await;
    raise("b");
    dispatch(&app).await;
    assert_eq!(messages(&app).len(), 3, "it is held for a moment");
    db.execute("update outbox set due_at = due_at + 3600000 where expanded_at is null", []).unwrap();
    db.execute("update alert_groups set told_at = told_at + 3600000", []).unwrap();
    dispatch(&app).await;
    assert_eq!(messages(&app).len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_receiver_that_has_moved_is_tried_again_and_not_followed() {
    for status in [307, 308] {
        let (receiver, elsewhere) = (Receiver::start().await, Receiver::start().await);
        let Some(app) = with_webhook(&receiver).await else { return };
        receiver.redirect(status, &format!("{}/hooks/in", elsewhere.origin()));
        insert_alerts(&app, 1);
        assert_eq!(dispatch(&app).await["retried"], 1, "{status}");
        let waiting = only(&app);
        assert_eq!(waiting.state, "queued");
        let error = waiting.last_error.unwrap_or_default();
        assert!(error.contains(&status.to_string()) && error.contains("configure its new address"), "{error}");
        assert!(elsewhere.requests().is_empty(), "what is signed goes where it was configured to go, and nowhere else");
        receiver.recover();
        app.advance(Duration::from_secs(6));
        assert_eq!(dispatch(&app).await["sent"], 1);
    }
}
