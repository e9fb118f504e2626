//! What is no longer true is not told, and who was told of a trouble is told of its end.

use std::collections::BTreeSet;
use std::time::Duration;

use gatehouse_tests::receiver::Receiver;
use gatehouse_tests::{App, channels, eventually};
use serde_json::json;

use super::{dispatch, insert_alerts, messages};

/// The webhook at one receiver, SMS at another.
async fn with_webhook_and_sms(webhook: &Receiver, sms: &Receiver) -> Option<App> {
    let (webhook, sms) = (webhook.origin(), sms.origin());
    let mut variables = [channels::webhook(&webhook).to_vec(), channels::sms(&sms).to_vec()].concat();
    variables.push(("sms_to", "+911234567890"));
    let app = App::embedded(&variables).await?;
    dispatch(&app).await;
    Some(app)
}

fn resolve_all(app: &App) {
    app.db()
        .execute(
            "update alerts set status = 'resolved', resolved_at = ?1, resolved_by = 'x', updated_at = ?1, updated_by = 'x'",
            [app.now_ms()],
        )
        .unwrap();
}

/// The causes of the messages of this channel in this state.
fn subjects(app: &App, topic: &str, state: &str) -> BTreeSet<String> {
    let db = app.db();
    let sql =
        "select o.subject from messages m join outbox o on o.id = m.outbox_id where o.topic = ? and m.state = ? and m.channel = 'sms'";
    let mut statement = db.prepare(sql).unwrap();
    statement.query_map([topic, state], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn what_has_ended_before_its_attempt_is_not_told() {
    let (webhook, sms) = (Receiver::start().await, Receiver::start().await);
    let Some(app) = with_webhook_and_sms(&webhook, &sms).await else { return };
    insert_alerts(&app, 70);
    dispatch(&app).await;
    assert_eq!((webhook.requests().len(), sms.requests().len()), (70, 60));
    let (told, waiting) = (subjects(&app, "alert.critical", "sent"), subjects(&app, "alert.critical", "queued"));
    assert_eq!((told.len(), waiting.len()), (60, 10));
    resolve_all(&app);
    sms.clear();
    app.advance(Duration::from_secs(61));
    assert_eq!(dispatch(&app).await["dropped"], 10);
    assert_eq!(subjects(&app, "alert.critical", "dropped"), waiting);
    let reasons: BTreeSet<_> = messages(&app).into_iter().filter(|message| message.state == "dropped").map(|it| it.last_error).collect();
    assert_eq!(reasons, BTreeSet::from([Some("the alert had ended before it was told".to_owned())]));
    let dropped = app.admin().await.get("/api/dispatch/messages?state=dropped").await.expect(200);
    assert_eq!(dropped["items"].as_array().unwrap().len(), 10);
    assert!(sms.requests().iter().all(|sms| sms.form()["Body"].contains("Over: A gate is open")), "nothing but ends");

    // Its end is told to whom it was told, by and by, and to nobody else.
    for _ in 0..3 {
        app.advance(Duration::from_secs(61));
        dispatch(&app).await;
    }
    assert_eq!(subjects(&app, "alert.resolved", "sent"), told);
    assert_eq!(subjects(&app, "alert.resolved", "queued").len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn an_end_is_told_to_nobody_who_was_not_told_of_the_trouble() {
    let (webhook, sms) = (Receiver::start().await, Receiver::start().await);
    let Some(app) = with_webhook_and_sms(&webhook, &sms).await else { return };
    let place = app.place(0).await;
    webhook.respond_with(400);
    let operator = app.operator().await;
    let sos = json!({
        "temple_id": place.site, "type": "medical", "description": "Help at the steps", "location": {"lat": 20.8881, "lng": 70.4014},
    });
    let emergency = operator.post("/api/emergency/", sos).await.expect(201);
    eventually("both are attempted", Duration::from_secs(5), async || {
        let ended = messages(&app).iter().filter(|message| message.state == "dead" || message.state == "sent").count();
        (ended == 2).then_some(())
    })
    .await;
    webhook.recover();
    webhook.clear();
    let path = format!("/api/emergency/{}", emergency["id"].as_str().unwrap());
    for step in ["acknowledge", "in-progress", "resolve"] {
        operator.patch(&format!("{path}/{step}"), json!({})).await.expect(200);
    }
    dispatch(&app).await;
    let told = sms.requests();
    assert_eq!(told.len(), 2);
    let body = told[1].form()["Body"].clone();
    assert!(body.contains("Over: SOS, medical: Help at the steps"), "{body}");
    assert!(webhook.requests().is_empty(), "it never took the SOS");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_change_is_told_as_it_is_now() {
    let (webhook, sms) = (Receiver::start().await, Receiver::start().await);
    let Some(app) = with_webhook_and_sms(&webhook, &sms).await else { return };
    sms.respond_with(503);
    insert_alerts(&app, 1);
    dispatch(&app).await;
    app.db().execute("update alerts set message = 'Both gates are open', updated_by = 'x'", []).unwrap();
    sms.recover();
    app.advance(Duration::from_secs(6));
    dispatch(&app).await;
    assert!(sms.requests()[1].form()["Body"].contains("Both gates are open"));
    let id: String = app.db().query_row("select id from alerts", [], |row| row.get(0)).unwrap();
    app.operator().await.delete(&format!("/api/alerts/{id}")).await.expect(204);
    dispatch(&app).await;
    assert!(sms.requests()[2].form()["Body"].contains("Over: Both gates are open"), "a trouble that is deleted is over");
}
