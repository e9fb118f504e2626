//! Dispatch (docs/reference/dispatch.md): a message is delivered at least once, over every configured channel, and a failure
//! is retried, then laid aside where an administrator sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures::future::{join, join_all};
use gatehouse_tests::process::{Process, serve_if_asked};
use gatehouse_tests::receiver::{NTFY_TOKEN, Received, Receiver, SENDGRID_KEY, TWILIO_TOKEN, WEBHOOK_SECRET};
use gatehouse_tests::{AT_ONCE, App, channels, eventually};
use reqwest::Method;
use serde_json::{Value, json};

#[path = "dispatch/integrations.rs"]
mod integrations;
#[path = "dispatch/retries.rs"]
mod retries;
#[path = "dispatch/storms.rs"]
mod storms;
#[path = "dispatch/truth.rs"]
mod truth;

#[tokio::test(flavor = "multi_thread")]
async fn server_process() {
    serve_if_asked().await;
}

/// The application with its webhook and no other channel; its dispatcher has run.
async fn with_webhook(receiver: &Receiver) -> Option<App> {
    let app = App::with_webhook(receiver).await?;
    dispatch(&app).await;
    Some(app)
}

async fn dispatch(app: &App) -> Value {
    app.internal("/internal/dispatch").await.expect(200)
}

/// Writes critical alerts as people raise them, in one transaction, without the route that would wake the dispatcher.
fn insert_alerts(app: &App, count: usize) -> Vec<String> {
    let mut db = app.db();
    let ids: Vec<_> = (0..count).map(|_| gatehouse_tests::unique("alert")).collect();
    let transaction = db.transaction().unwrap();
    for id in &ids {
        transaction
            .execute(
                "insert into alerts (id, alert_type, severity, message, source, at, created_at, created_by, updated_at, updated_by)
                 values (?1, 'intrusion', 'critical', 'A gate is open', 'manual', ?2, ?2, 'test', ?2, 'test')",
                (id, app.now_ms()),
            )
            .unwrap();
    }
    transaction.commit().unwrap();
    ids
}

#[derive(Debug)]
struct Row {
    id: String,
    state: String,
    attempts: i64,
    next_attempt_at: i64,
    last_error: Option<String>,
}

fn messages(app: &App) -> Vec<Row> {
    let db = app.db();
    let mut statement = db.prepare("select id, state, attempts, next_attempt_at, last_error from messages order by id").unwrap();
    let rows = statement.query_map([], |row| {
        Ok(Row { id: row.get(0)?, state: row.get(1)?, attempts: row.get(2)?, next_attempt_at: row.get(3)?, last_error: row.get(4)? })
    });
    rows.unwrap().map(Result::unwrap).collect()
}

#[track_caller]
fn only(app: &App) -> Row {
    let mut rows = messages(app);
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.remove(0)
}

fn outcomes(app: &App) -> Vec<(i64, String, Option<i64>)> {
    let db = app.db();
    let mut statement = db.prepare("select attempt, outcome, http_status from deliveries order by at, attempt").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

fn ids(requests: &[Received]) -> Vec<String> {
    requests.iter().map(|request| request.header("webhook-id").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn every_channel_sends_what_its_receiver_takes() {
    let receiver = Receiver::start().await;
    let origin = receiver.origin();
    let Some(app) = App::embedded(&channels::every(&origin, "+911234567890, +911234567891")).await else { return };
    dispatch(&app).await;
    insert_alerts(&app, 1);
    let summary = dispatch(&app).await;
    assert_eq!((&summary["queued"], &summary["sent"]), (&json!(6), &json!(6)), "{summary}");

    let requests = receiver.requests();
    assert!(requests.iter().all(Received::accepted), "{requests:#?}");
    let by_path: BTreeMap<_, _> = requests.iter().map(|request| (request.path.as_str(), request)).collect();

    let webhook = by_path["/hooks/in"];
    let body = webhook.json();
    assert_eq!(body["id"], webhook.header("webhook-id"));
    assert_eq!(body["topic"], "alert.critical");
    assert_eq!(body["alert"]["message"], "A gate is open");
    assert_eq!(body["alert"]["severity"], "critical");
    assert_eq!(webhook.header("idempotency-key"), webhook.header("webhook-id"));

    let sms: BTreeSet<_> = receiver.requests_to("/2010-04-01/").iter().map(|sms| sms.form()["To"].clone()).collect();
    assert_eq!(sms.into_iter().collect::<Vec<_>>(), ["+911234567890", "+911234567891"]);
    assert!(receiver.requests_to("/2010-04-01/")[0].form()["Body"].contains("A gate is open"));

    let mail = by_path["/v3/mail/send"].json();
    assert_eq!(mail["personalizations"][0]["to"][0]["email"], "ops@example.com");
    assert_eq!(mail["subject"], "[critical] A gate is open");
    assert!(by_path["/chat/T0/B0/xyz"].json()["text"].as_str().unwrap().contains("A gate is open"));
    assert_eq!(by_path["/gate-alerts"].header("priority"), "5");

    assert!(messages(&app).iter().all(|message| message.state == "sent" && message.attempts == 1));
    let shown = app.admin().await.get("/api/dispatch/messages").await.expect(200).to_string();
    for secret in [TWILIO_TOKEN, SENDGRID_KEY, NTFY_TOKEN, WEBHOOK_SECRET, "xyz"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_where_nothing_is_configured() {
    let app = App::start().await;
    dispatch(&app).await;
    let alerts = insert_alerts(&app, 3);
    let summary = dispatch(&app).await;
    assert_eq!((&summary["queued"], &summary["dead"]), (&json!(0), &json!(0)), "{summary}");
    for alert in alerts {
        let sql = "select expanded_at is null from outbox where subject = ?";
        let waits: bool = app.db().query_row(sql, [alert], |row| row.get(0)).unwrap();
        assert!(!waits);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_critical_alert_is_told_at_once() {
    let receiver = Receiver::start().await;
    let Some(app) = with_webhook(&receiver).await else { return };
    let operator = app.operator().await;
    let alert = operator
        .post("/api/alerts/", json!({"alert_type": "intrusion", "severity": "critical", "message": "A gate is open"}))
        .await
        .expect(201);
    let answered = Instant::now();
    let told = eventually("the webhook is called", Duration::from_secs(5), async || receiver.requests_to("/hooks").pop()).await;
    let late = told.at.saturating_duration_since(answered);
    assert!(late < AT_ONCE, "{late:?}");
    assert_eq!(told.json()["alert"]["id"], alert["id"]);

    operator.post("/api/alerts/", json!({"alert_type": "parking", "severity": "info", "message": "A spot is free"})).await.expect(201);
    app.tick().await;
    assert_eq!(receiver.requests_to("/hooks").len(), 1, "what is not critical is told to nobody");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_slow_receiver_does_not_delay_the_201() {
    let receiver = Receiver::start().await;
    let Some(app) = with_webhook(&receiver).await else { return };
    receiver.stall();
    let operator = app.operator().await;
    let began = Instant::now();
    for _ in 0..3 {
        operator
            .post("/api/alerts/", json!({"alert_type": "intrusion", "severity": "critical", "message": "A gate is open"}))
            .await
            .expect(201);
    }
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    receiver.recover();
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_refusal_is_a_dead_letter_that_an_admin_sees_and_replays() {
    let receiver = Receiver::start().await;
    let Some(app) = with_webhook(&receiver).await else { return };
    receiver.respond_with(400);
    insert_alerts(&app, 1);
    assert_eq!(dispatch(&app).await["dead"], 1);
    assert_eq!(dispatch(&app).await["dead"], 0, "it is not tried again by itself");
    let dead = only(&app);
    assert_eq!(dead.last_error.as_deref(), Some("the receiver answered 400"));

    let admin = app.admin().await;
    let list = admin.get("/api/dispatch/messages?state=dead").await.expect(200);
    assert_eq!(list["items"][0]["id"], dead.id, "{list}");
    app.operator().await.post(&format!("/api/dispatch/messages/{}/replay", dead.id), json!({})).await.expect_problem(403);

    receiver.recover();
    admin.post(&format!("/api/dispatch/messages/{}/replay", dead.id), json!({})).await.expect(202);
    eventually("it is delivered", Duration::from_secs(5), async || (only(&app).state == "sent").then_some(())).await;
    let told = ids(&receiver.requests_to("/hooks"));
    assert_eq!(told, [dead.id.clone(), dead.id.clone()], "the same message, so that the receiver knows it");
    assert_eq!(
        outcomes(&app).iter().map(|(attempt, outcome, _)| (*attempt, outcome.as_str())).collect::<Vec<_>>(),
        [(1, "dead"), (2, "sent")]
    );
    admin.post(&format!("/api/dispatch/messages/{}/replay", dead.id), json!({})).await.expect_problem(409);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_receiver_that_knows_another_secret_refuses() {
    let receiver = Receiver::start().await;
    let origin = receiver.origin();
    let Some(app) = App::embedded(&[("webhook_origin", &origin), ("webhook_path", "/hooks"), ("webhook_secret", "another")]).await else {
        return;
    };
    dispatch(&app).await;
    insert_alerts(&app, 1);
    assert_eq!(dispatch(&app).await["dead"], 1);
    assert_eq!(outcomes(&app), [(1, "dead".to_owned(), Some(401))]);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_receiver_that_stalls_gets_it_later() {
    let receiver = Receiver::start().await;
    let Some(app) = with_webhook(&receiver).await else { return };
    receiver.stall();
    insert_alerts(&app, 1);
    let began = Instant::now();
    assert_eq!(dispatch(&app).await["retried"], 1);
    let lasted = began.elapsed();
    assert!((Duration::from_secs(9)..Duration::from_secs(15)).contains(&lasted), "{lasted:?}");
    receiver.recover();
    assert_eq!(dispatch(&app).await["sent"], 0, "not before its pause is over");
    app.advance(Duration::from_secs(6));
    assert_eq!(dispatch(&app).await["sent"], 1);
    let told = ids(&receiver.requests_to("/hooks"));
    assert_eq!(told.len(), 2);
    assert_eq!(told[0], told[1]);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn half_an_answer_is_no_confirmation() {
    let receiver = Receiver::start().await;
    let Some(app) = with_webhook(&receiver).await else { return };
    receiver.truncate_responses();
    insert_alerts(&app, 1);
    assert_eq!(dispatch(&app).await["retried"], 1);
    assert_eq!(only(&app).last_error.as_deref(), Some("the receiver answered 200 and broke off"));
    receiver.recover();
    app.advance(Duration::from_secs(6));
    assert_eq!(dispatch(&app).await["sent"], 1);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn pauses_double_until_it_recovers() {
    let receiver = Receiver::start().await;
    let Some(app) = with_webhook(&receiver).await else { return };
    receiver.respond_with(500);
    insert_alerts(&app, 1);
    for (attempt, at_most_s) in [(1, 5), (2, 10), (3, 20), (4, 40)] {
        let before = app.now_ms();
        assert_eq!(dispatch(&app).await["retried"], 1);
        let row = only(&app);
        assert_eq!((row.state.as_str(), row.attempts), ("queued", attempt));
        let pause = row.next_attempt_at - before;
        assert!((at_most_s * 500..at_most_s * 1000 + 2000).contains(&pause), "attempt {attempt}: {pause} ms");
        app.advance(Duration::from_secs(at_most_s.unsigned_abs()));
    }
    receiver.recover();
    assert_eq!(dispatch(&app).await["sent"], 1);
    assert_eq!(receiver.requests_to("/hooks").len(), 5);
    let statuses: Vec<_> = outcomes(&app).into_iter().map(|(_, _, status)| status.unwrap()).collect();
    assert_eq!(statuses, [500, 500, 500, 500, 204], "each delivery's history is kept");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn retry_after_is_heeded() {
    let receiver = Receiver::start().await;
    let Some(app) = with_webhook(&receiver).await else { return };
    receiver.rate_limit(300);
    insert_alerts(&app, 1);
    assert_eq!(dispatch(&app).await["retried"], 1);
    receiver.recover();
    app.advance(Duration::from_secs(290));
    assert_eq!(dispatch(&app).await["sent"], 0);
    app.advance(Duration::from_secs(11));
    assert_eq!(dispatch(&app).await["sent"], 1);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn after_a_day_it_is_given_up() {
    let receiver = Receiver::start().await;
    let Some(app) = with_webhook(&receiver).await else { return };
    receiver.respond_with(503);
    insert_alerts(&app, 1);
    dispatch(&app).await;
    for _ in 0..23 {
        app.advance(Duration::from_secs(3600));
        dispatch(&app).await;
    }
    assert_eq!(only(&app).state, "queued");
    app.advance(Duration::from_secs(3600));
    dispatch(&app).await;
    let dead = only(&app);
    assert_eq!(dead.state, "dead");
    assert_eq!(dead.last_error.as_deref(), Some("the receiver answered 503; not delivered within 24 hours"));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn runs_at_once_send_each_message_once() {
    let receiver = Receiver::start().await;
    let Some(app) = with_webhook(&receiver).await else { return };
    insert_alerts(&app, 40);
    let ticks = join_all((0..4).map(|_| app.internal("/internal/tick")));
    let dispatches = join_all((0..4).map(|_| app.internal("/internal/dispatch")));
    let (ticks, dispatches) = join(ticks, dispatches).await;
    for answer in ticks.iter().chain(&dispatches) {
        answer.expect(200);
    }
    let told = ids(&receiver.requests_to("/hooks"));
    assert_eq!(told.len(), 40);
    assert_eq!(told.iter().collect::<BTreeSet<_>>().len(), 40);
    assert!(messages(&app).iter().all(|message| message.state == "sent" && message.attempts == 1));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_run_that_dies_before_it_has_written_down_sends_the_same_message_again() {
    let receiver = Receiver::start().await;
    let origin = receiver.origin();
    let variables = channels::webhook(&origin);
    let directory = tempfile::tempdir().unwrap();

    let server = Process::start(directory.path(), &variables);
    dispatch(&server.app).await;
    receiver.stall();
    insert_alerts(&server.app, 1);
    let run = server.app.anonymous().header("x-tick-secret", server.app.tick_secret());
    let run = tokio::spawn(async move { run.request(reqwest::Method::POST, "/internal/dispatch").send().await });
    eventually("the receiver has it", Duration::from_secs(5), async || receiver.requests_to("/hooks").pop()).await;
    server.kill_9();
    let _ = run.await;
    receiver.recover();

    let server = Process::start(directory.path(), &variables);
    // This process's clock cannot be moved: the lease is moved instead.
    let lease = |plus_ms: i64| server.app.db().execute("update messages set lease_until = ?", [server.app.now_ms() + plus_ms]).unwrap();
    lease(20_000);
    assert_eq!(dispatch(&server.app).await["sent"], 0, "its lease still runs");
    assert_eq!(only(&server.app).state, "sending");
    lease(-1);
    assert_eq!(dispatch(&server.app).await["sent"], 1);
    let told = ids(&receiver.requests_to("/hooks"));
    assert_eq!(told.len(), 2);
    assert_eq!(told[0], told[1], "the receiver can tell that it is the same");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_channel_that_cannot_work_as_configured_is_a_dead_letter_that_says_why() {
    let receiver = Receiver::start().await;
    let origin = receiver.origin();
    let Some(app) =
        App::embedded(&[("sendgrid_origin", &origin), ("sendgrid_api_key", SENDGRID_KEY), ("mail_to", "ops@example.com")]).await
    else {
        return;
    };
    dispatch(&app).await;
    insert_alerts(&app, 1);
    assert_eq!(dispatch(&app).await["dead"], 1);
    assert_eq!(only(&app).last_error.as_deref(), Some("mail_from is not set"));
    assert!(receiver.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn while_a_receiver_stalls_one_run_looks_out_for_what_comes_in() {
    let receiver = Receiver::start().await;
    let Some(app) = with_webhook(&receiver).await else { return };
    receiver.stall();
    let wake = async || {
        let caller = app.anonymous().header("x-tick-secret", app.tick_secret()).header("prefer", "respond-async");
        caller.send(Method::POST, "/internal/dispatch", None).await.expect(202)["watched"].clone()
    };
    app.anonymous().header("prefer", "respond-async").send(Method::POST, "/internal/dispatch", None).await.expect_problem(401);
    insert_alerts(&app, 1);
    let began = Instant::now();
    assert_eq!(wake().await, false);
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    eventually("the first is attempted", Duration::from_secs(2), async || (receiver.requests().len() == 1).then_some(())).await;
    // That run stays for its receiver's answer: who comes now leaves the work to it.
    eventually("a run looks out", Duration::from_secs(2), async || (wake().await == true).then_some(())).await;
    insert_alerts(&app, 12);
    eventually("it takes what comes in", Duration::from_secs(1), async || (receiver.requests().len() == 13).then_some(())).await;
    let told: BTreeSet<_> = ids(&receiver.requests()).into_iter().collect();
    assert_eq!(told.len(), 13, "each once");
    receiver.recover();
    // What it had at hand ends badly, since the receiver says so; it is tried again, and then nobody looks out any more.
    eventually("all is told", Duration::from_secs(20), async || {
        app.internal("/internal/dispatch").await.expect(200);
        messages(&app).iter().all(|message| message.state == "sent").then_some(())
    })
    .await;
    eventually("nobody looks out", Duration::from_secs(3), async || (wake().await == false).then_some(())).await;
}
