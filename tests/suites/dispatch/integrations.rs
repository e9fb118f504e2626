//! What an administrator sees of the channels, test messages, and dead letters that are replayed together.

use std::time::Duration;

use gatehouse_tests::receiver::{NTFY_TOKEN, Receiver, SENDGRID_KEY, TWILIO_TOKEN, WEBHOOK_SECRET};
use gatehouse_tests::{App, channels, eventually};
use serde_json::{Value, json};

use super::{dispatch, insert_alerts, messages, with_webhook};

const CHANNELS: &str = "/api/dispatch/channels";
const REPLAY: &str = "/api/dispatch/messages/replay";

async fn channel(app: &App, name: &str) -> Value {
    let listed = app.admin().await.get(CHANNELS).await.expect(200);
    let found = listed["items"].as_array().unwrap().iter().find(|channel| channel["channel"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {listed}")).clone()
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn channels_are_shown_without_what_they_are_configured_with() {
    let receiver = Receiver::start().await;
    let origin = receiver.origin();
    let Some(app) = App::embedded(&channels::every(&origin, "+911234567890")).await else { return };
    let listed = app.admin().await.get(CHANNELS).await.expect(200);
    let names: Vec<_> = listed["items"].as_array().unwrap().iter().map(|channel| channel["channel"].as_str().unwrap()).collect();
    assert_eq!(names, ["webhook", "sms", "mail", "chat", "ntfy"]);
    for shown in listed["items"].as_array().unwrap() {
        assert_eq!((&shown["is_set_up"], &shown["tells_control_room"]), (&json!(true), &json!(true)), "{shown}");
    }
    let text = listed.to_string();
    for secret in [TWILIO_TOKEN, SENDGRID_KEY, NTFY_TOKEN, WEBHOOK_SECRET, "xyz", &origin, "+911234567890", "ops@example.com"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    app.operator().await.get(CHANNELS).await.expect_problem(403);
    app.anonymous().get(CHANNELS).await.expect_problem(401);
    app.anonymous().post("/internal/dispatch/channels", json!({})).await.expect_problem(401);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_test_message_goes_through_its_channel_alone_and_once_a_minute() {
    let receiver = Receiver::start().await;
    let Some(app) = with_webhook(&receiver).await else { return };
    let admin = app.admin().await;
    let test = format!("{CHANNELS}/webhook/test");
    app.operator().await.post(&test, json!({})).await.expect_problem(403);
    admin.post(&format!("{CHANNELS}/pigeon/test"), json!({})).await.expect_problem(404);
    let unset = admin.post(&format!("{CHANNELS}/sms/test"), json!({})).await.expect_problem(409);
    assert_eq!(unset["reason"], "not_set_up");
    let asked = admin.post(&test, json!({})).await.expect(202);
    eventually("it is sent without a scheduled run", Duration::from_secs(20), async || {
        messages(&app).iter().any(|message| message.state == "sent").then_some(())
    })
    .await;
    let sent = receiver.requests();
    assert_eq!(sent.len(), 1, "{sent:#?}");
    assert!(sent[0].accepted());
    assert_eq!(sent[0].json()["topic"], "channel.test");
    let shown = channel(&app, "webhook").await;
    assert_eq!((&shown["tested_at"], &shown["last_deliveries"][0]["topic"]), (&asked["at"], &json!("channel.test")));
    assert_eq!((&shown["last_deliveries"][0]["outcome"], &shown["last_deliveries"][0]["http_status"]), (&json!("sent"), &json!(204)));
    let again = admin.post(&test, json!({})).await;
    again.expect_problem(429);
    assert_eq!(again.header("retry-after"), "60");
    let lines = admin.get("/api/event-logs?entity=channels&subject=webhook").await.expect(200);
    assert_eq!((&lines["items"][0]["action"], lines["items"].as_array().unwrap().len()), (&json!("tested"), 1));
    app.advance(Duration::from_secs(61));
    receiver.respond_with(400);
    app.admin().await.post(&test, json!({})).await.expect(202);
    let failed = eventually("the failure is shown", Duration::from_secs(20), async || {
        let shown = channel(&app, "webhook").await;
        (shown["last_deliveries"].as_array().unwrap().len() == 2).then_some(shown)
    })
    .await;
    assert_eq!((&failed["last_deliveries"][0]["outcome"], &failed["last_deliveries"][0]["http_status"]), (&json!("dead"), &json!(400)));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn dead_letters_are_replayed_together_and_what_is_over_is_not_sent() {
    let receiver = Receiver::start().await;
    let Some(app) = with_webhook(&receiver).await else { return };
    receiver.respond_with(400);
    let alerts = insert_alerts(&app, 3);
    assert_eq!(dispatch(&app).await["dead"], 3);
    let admin = app.admin().await;
    app.operator().await.post(REPLAY, json!({})).await.expect_problem(403);
    admin.post(REPLAY, json!({"channel": 7})).await.expect_invalid(&["channel"]);
    // Misspelt, it would mean all of them.
    admin.post(REPLAY, json!({"chanel": "sms", "topic": "alert.critical"})).await.expect_invalid(&["chanel"]);
    assert_eq!(messages(&app).iter().filter(|message| message.state == "dead").count(), 3);
    for none in [json!({"channel": "sms"}), json!({"topic": "emergency.reported"})] {
        assert_eq!(admin.post(REPLAY, none).await.expect(202), json!({"replayed": 0, "has_more": false}));
    }
    let listed = admin.get("/api/dispatch/messages?state=dead&topic=alert.critical").await.expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 3);
    assert_eq!(admin.get("/api/dispatch/messages?state=dead&topic=mail.message").await.expect(200)["items"], json!([]));

    let operator = app.operator().await;
    operator.post(&format!("/api/alerts/{}/resolve", alerts[0]), json!({})).await.expect(200);
    receiver.recover();
    receiver.clear();
    let replayed = admin.post(REPLAY, json!({"channel": "webhook", "topic": "alert.critical"})).await.expect(202);
    assert_eq!(replayed, json!({"replayed": 3, "has_more": false}));
    assert_eq!(admin.post(REPLAY, json!({})).await.expect(202)["replayed"], 0, "they are no dead letters any more");
    eventually("what is true is sent", Duration::from_secs(20), async || {
        dispatch(&app).await;
        let states: Vec<_> = messages(&app).into_iter().map(|message| message.state).filter(|state| state != "queued").collect();
        (states.iter().filter(|state| *state == "sent").count() >= 2 && states.contains(&"dropped".to_owned())).then_some(())
    })
    .await;
    let told: Vec<_> = receiver.requests().iter().map(|request| request.json()["alert"]["id"].clone()).collect();
    assert!(!told.iter().any(|id| *id == alerts[0].as_str()), "{told:?}");
    for open in &alerts[1..] {
        assert_eq!(told.iter().filter(|id| **id == open.as_str()).count(), 1, "{told:?}");
    }
}
