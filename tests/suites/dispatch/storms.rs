//! In a storm of alerts: who goes first, and what is told together.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use gatehouse_tests::receiver::{Received, Receiver};
use gatehouse_tests::{AT_ONCE, App, channels, eventually};
use reqwest::Method;
use serde_json::{Value, json};

use super::{dispatch, insert_alerts, messages, with_webhook};

/// Every channel, and a ladder of one rung.
async fn with_every_channel(receiver: &Receiver) -> Option<App> {
    let origin = receiver.origin();
    let mut variables = channels::every(&origin, "+911234567890");
    variables.extend([("escalation_minutes", "5"), ("escalation_contacts", "sms:+912222222222")]);
    let app = App::embedded(&variables).await?;
    dispatch(&app).await;
    Some(app)
}

/// Everything that a request says, in whatever form.
fn text(request: &Received) -> String {
    if request.path.starts_with("/2010") { request.form()["Body"].clone() } else { String::from_utf8_lossy(&request.body).into_owned() }
}

/// Raises alerts about devices of the site, as one scheduled run does: in one transaction.
fn silence(app: &App, site: &str, devices: std::ops::RangeInclusive<u32>) {
    let mut db = app.db();
    let transaction = db.transaction().unwrap();
    for device in devices {
        let subject = format!("PARK-B1-S{device:03}");
        transaction
            .execute(
                "insert into system_alerts (alert_type, subject, site, zones, severity, message, at)
                 values ('device_offline', ?1, ?2, '[\"B1\"]', 'critical', ?1 || ' has been silent for 10 minutes', ?3)",
                (&subject, site, app.now_ms()),
            )
            .unwrap();
    }
    transaction.commit().unwrap();
}

/// Ends all of them, or one.
fn resolve(app: &App, subject: Option<&str>) {
    app.db()
        .execute(
            "update alerts set status = 'resolved', resolved_at = ?1, resolved_by = 'system', updated_at = ?1, updated_by = 'system'
             where status <> 'resolved' and (?2 is null or subject = ?2)",
            (app.now_ms(), subject),
        )
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn an_sos_is_attempted_on_every_channel_at_once_amid_a_storm() {
    let receiver = Receiver::start().await;
    let Some(app) = with_every_channel(&receiver).await else { return };
    let visitor = app.visitor().await;
    let place = app.place(0).await;
    insert_alerts(&app, 70);
    silence(&app, &place.site, 1..=180);
    // A run is at work on them when the SOS comes.
    app.anonymous()
        .header("x-tick-secret", app.tick_secret())
        .header("prefer", "respond-async")
        .send(Method::POST, "/internal/dispatch", None)
        .await
        .expect(202);
    let sos = json!({
        "temple_id": place.site, "type": "medical", "description": "An old man has fallen near the steps",
        "location": {"lat": 20.8881, "lng": 70.4014},
    });
    let reported = visitor.post("/api/emergency/", sos).await.expect(201);
    let answered = Instant::now();
    for channel in channels::PATHS {
        let told = eventually(channel, Duration::from_secs(5), async || {
            receiver.requests_to(channel).into_iter().find(|request| text(request).contains("An old man has fallen"))
        })
        .await;
        let late = told.at.saturating_duration_since(answered);
        assert!(late < AT_ONCE, "{channel}: {late:?}");
    }
    // The alerts by people have an allowance of their own, the machines' are one message.
    eventually("the storm has passed", Duration::from_secs(20), async || {
        let waiting = messages(&app).into_iter().filter(|message| message.state != "sent").count();
        // Ten on each of the four channels that people read.
        (waiting == 40).then_some(())
    })
    .await;
    let sms = receiver.requests_to("/2010-04-01/");
    assert_eq!(sms.len(), 60 + 1 + 1);
    let webhooks = receiver.requests_to("/hooks/in");
    assert_eq!(webhooks.len(), 70 + 1 + 1, "a program takes them all");

    // Five minutes later all of it climbs the ladder at once, the SOS first.
    receiver.clear();
    app.advance(Duration::from_secs(301));
    app.tick().await;
    let rung = || -> Vec<Received> {
        receiver.requests_to("/2010-04-01/").into_iter().filter(|sms| sms.form()["To"] == "+912222222222").collect()
    };
    let sos = rung().into_iter().find(|sms| text(sms).contains("An old man has fallen")).expect("the rung is told of the SOS");
    let first = rung().into_iter().map(|sms| sms.at).min().unwrap();
    assert!(sos.at.saturating_duration_since(first) < AT_ONCE);
    assert!(rung().len() <= 62, "and of the rest as much as a person can take: {}", rung().len());
    let shown = app.operator().await.get(&format!("/api/emergency/{}", reported["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(shown["escalation"], 1);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn an_sos_passes_alerts_that_wait_for_receivers_that_stall() {
    let receiver = Receiver::start().await;
    let Some(app) = with_every_channel(&receiver).await else { return };
    let visitor = app.visitor().await;
    let place = app.place(0).await;
    receiver.stall();
    insert_alerts(&app, 70);
    app.anonymous()
        .header("x-tick-secret", app.tick_secret())
        .header("prefer", "respond-async")
        .send(Method::POST, "/internal/dispatch", None)
        .await
        .expect(202);
    eventually("the run has its hands full", Duration::from_secs(5), async || (receiver.requests().len() >= 60).then_some(())).await;
    let sos = json!({
        "temple_id": place.site, "type": "medical", "description": "An old man has fallen near the steps",
        "location": {"lat": 20.8881, "lng": 70.4014},
    });
    visitor.post("/api/emergency/", sos).await.expect(201);
    let answered = Instant::now();
    for channel in channels::PATHS {
        let told = eventually(channel, Duration::from_secs(5), async || {
            receiver.requests_to(channel).into_iter().find(|request| text(request).contains("An old man has fallen"))
        })
        .await;
        let late = told.at.saturating_duration_since(answered);
        assert!(late < AT_ONCE, "{channel}: {late:?}");
    }
    receiver.recover();
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn devices_behind_one_switch_are_one_message_that_grows_and_ends_once() {
    let receiver = Receiver::start().await;
    let Some(app) = with_every_channel(&receiver).await else { return };
    let place = app.place(0).await;
    silence(&app, &place.site, 1..=180);
    dispatch(&app).await;
    for channel in channels::PATHS {
        let told = receiver.requests_to(channel);
        assert_eq!(told.len(), 1, "{channel}");
        if channel != "/hooks/in" {
            let words = "180 devices of A car park are offline, first PARK-B1-S001";
            assert!(text(&told[0]).contains(words), "{channel}: {}", text(&told[0]));
        }
    }
    let told = receiver.requests_to("/hooks/in").remove(0);
    assert!(told.accepted());
    let body = told.json();
    assert_eq!((&body["topic"], &body["alert"]["subject"]), (&json!("device.offline"), &json!("PARK-B1-S001")));
    assert_eq!((&body["group"]["total"], &body["group"]["open"], &body["group"]["site"]), (&json!(180), &json!(180), &json!(place.site)));
    let named: BTreeSet<_> = body["group"]["alerts"].as_array().unwrap().iter().map(|alert| alert["subject"].as_str().unwrap()).collect();
    assert_eq!(named.len(), 180);

    // Two more within the moment that the group holds still: one message, when it is over.
    silence(&app, &place.site, 181..=181);
    dispatch(&app).await;
    silence(&app, &place.site, 182..=182);
    dispatch(&app).await;
    assert_eq!(receiver.requests_to("/2010-04-01/").len(), 1);
    app.advance(Duration::from_secs(6));
    dispatch(&app).await;
    let sms = receiver.requests_to("/2010-04-01/");
    assert_eq!(sms.len(), 2);
    assert!(text(&sms[1]).contains("182 devices of A car park are offline"), "{}", text(&sms[1]));

    // Another site's is another matter.
    let elsewhere = app.place(0).await;
    silence(&app, &elsewhere.site, 201..=201);
    dispatch(&app).await;
    let sms = receiver.requests_to("/2010-04-01/");
    assert!(text(&sms[2]).contains("PARK-B1-S201 has been silent"), "{}", text(&sms[2]));
    resolve(&app, Some("PARK-B1-S201"));
    dispatch(&app).await;
    assert!(text(&receiver.requests_to("/2010-04-01/")[3]).contains("Over: PARK-B1-S201 has been silent"));

    // Its end is told when all of it is over, once.
    receiver.clear();
    resolve(&app, Some("PARK-B1-S007"));
    dispatch(&app).await;
    assert!(receiver.requests().is_empty());
    resolve(&app, None);
    dispatch(&app).await;
    for channel in channels::PATHS {
        let told = receiver.requests_to(channel);
        assert_eq!(told.len(), 1, "{channel}");
        if channel != "/hooks/in" {
            assert!(text(&told[0]).contains("Over: all 182 devices of A car park are back"), "{channel}: {}", text(&told[0]));
        }
    }
    assert_eq!(receiver.requests_to("/hooks/in")[0].json()["topic"], "alert.resolved");
    app.advance(Duration::from_secs(300));
    dispatch(&app).await;
    assert_eq!(receiver.requests_to("/2010-04-01/").len(), 1);

    // What is silent afterwards is another trouble.
    silence(&app, &place.site, 1..=2);
    dispatch(&app).await;
    assert!(text(&receiver.requests_to("/2010-04-01/")[1]).contains("2 devices of A car park are offline"));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn an_end_that_is_not_whole_says_what_is_left() {
    let receiver = Receiver::start().await;
    let Some(app) = with_every_channel(&receiver).await else { return };
    let place = app.place(0).await;
    silence(&app, &place.site, 1..=4);
    dispatch(&app).await;
    for device in ["PARK-B1-S001", "PARK-B1-S002", "PARK-B1-S004"] {
        resolve(&app, Some(device));
    }
    dispatch(&app).await;
    assert_eq!(receiver.requests_to("/2010-04-01/").len(), 1);
    app.advance(Duration::from_secs(125));
    dispatch(&app).await;
    let sms = receiver.requests_to("/2010-04-01/");
    assert_eq!(sms.len(), 2);
    assert!(text(&sms[1]).contains("3 of 4 devices of A car park are back, 1 not yet, first PARK-B1-S003"), "{}", text(&sms[1]));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_person_s_contact_gets_at_most_sixty_a_minute_of_what_people_raise() {
    let receiver = Receiver::start().await;
    let Some(app) = with_every_channel(&receiver).await else { return };
    insert_alerts(&app, 70);
    dispatch(&app).await;
    assert_eq!(receiver.requests_to("/2010-04-01/").len(), 60);
    let waiting: Vec<_> = messages(&app).into_iter().filter(|message| message.state == "queued").collect();
    assert_eq!(waiting.len(), 40, "ten on each of four channels");
    assert!(waiting.iter().all(|message| message.attempts == 0), "to be spared is no attempt: {waiting:?}");
    app.advance(Duration::from_secs(61));
    dispatch(&app).await;
    assert_eq!(receiver.requests_to("/2010-04-01/").len(), 70);
}

/// Writes what bookings have to tell, without the pilgrims.
fn insert_notices(app: &App, count: usize) {
    let mut db = app.db();
    let transaction = db.transaction().unwrap();
    for _ in 0..count {
        let id = gatehouse_tests::unique("booking");
        let payload = json!({"id": id, "severity": "info", "message": "a booking is confirmed"}).to_string();
        transaction
            .execute(
                "insert into outbox (topic, subject, recipient, payload, created_at) values ('booking.confirmed', ?1, 'nobody', ?2, ?3)",
                (&id, &payload, app.now_ms()),
            )
            .unwrap();
    }
    transaction.commit().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_program_takes_what_programs_can_take() {
    let receiver = Receiver::start().await;
    let Some(app) = with_webhook(&receiver).await else { return };
    insert_notices(&app, 300);
    let summary = dispatch(&app).await;
    assert_eq!((&summary["sent"], &summary["throttled"]), (&json!(300), &json!(0)), "{summary}");
    assert_eq!(receiver.requests_to("/hooks").len(), 300);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_program_that_asks_to_be_left_alone_is_by_all_that_can_wait() {
    let receiver = Receiver::start().await;
    let Some(app) = with_webhook(&receiver).await else { return };
    receiver.rate_limit(120);
    insert_notices(&app, 50);
    dispatch(&app).await;
    let asked = receiver.requests_to("/hooks").len();
    assert!(asked <= 16, "{asked}: what was on its way, and no more");
    insert_notices(&app, 5);
    app.advance(Duration::from_secs(100));
    dispatch(&app).await;
    assert_eq!(receiver.requests_to("/hooks").len(), asked);
    receiver.recover();
    app.advance(Duration::from_secs(25));
    assert_eq!(dispatch(&app).await["sent"], 55);
}

/// How long each message waits from now on, milliseconds.
fn pauses(app: &App) -> Vec<i64> {
    let now = app.now_ms();
    messages(app).into_iter().map(|message| message.next_attempt_at - now).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn no_receiver_makes_an_sos_wait_for_hours() {
    let receiver = Receiver::start().await;
    let Some(app) = with_webhook(&receiver).await else { return };
    let place = app.place(0).await;
    receiver.rate_limit(7200);
    insert_notices(&app, 1);
    dispatch(&app).await;
    assert!(pauses(&app)[0] > 7_100_000, "what can wait does: {:?}", pauses(&app));
    let sos: Value = json!({
        "temple_id": place.site, "type": "medical", "description": "Help", "location": {"lat": 20.8881, "lng": 70.4014},
    });
    app.visitor().await.post("/api/emergency/", sos).await.expect(201);
    eventually("it is attempted", Duration::from_secs(5), async || {
        messages(&app)
            .iter()
            .any(|message| message.attempts == 1 && message.state == "queued" && message.next_attempt_at < app.now_ms() + 31_000)
            .then_some(())
    })
    .await;
}
