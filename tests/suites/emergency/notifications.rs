//! Notifications of an emergency: sent at once, without personal data to the public, escalated until somebody acknowledges.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::future::join_all;
use gatehouse_tests::receiver::{Received, Receiver};
use gatehouse_tests::{AT_ONCE, App, Client, channels, eventually};
use reqwest::Method;
use serde_json::{Value, json};

use super::{emergency_body, id, path, report, temple};

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_receiver_has_it_at_once() {
    let receiver = Receiver::start().await;
    let Some(app) = App::with_webhook(&receiver).await else { return };
    let visitor = app.visitor().await;
    let temple = temple(&app).await;
    // The dispatcher's first call compiles nothing, but its instance is made.
    app.internal("/internal/dispatch").await.expect(200);
    let mut body = emergency_body(&temple);
    body["severity"] = json!("low");
    let emergency = visitor.post("/api/emergency/", body).await.expect(201);
    let answered = Instant::now();
    // Accepted: its signature verifies.
    let accepted = async || receiver.requests_to("/hooks").into_iter().find(Received::accepted);
    let told = eventually("the receiver has it", AT_ONCE, accepted).await;
    assert!(told.at.saturating_duration_since(answered) < AT_ONCE);
    let message = told.json();
    assert_eq!(message["topic"], "emergency.reported");
    assert_eq!(message["emergency"]["id"], emergency["id"]);
    assert_eq!(message["emergency"]["location"], emergency_body(&temple)["location"]);
    assert_eq!(message["emergency"]["description"], emergency_body(&temple)["description"]);
    assert!(message.get("alert").is_none());
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_receiver_that_stalls_delays_neither_answers_nor_the_attempts_of_others() {
    let receiver = Receiver::start().await;
    receiver.stall();
    let Some(app) = App::with_webhook(&receiver).await else { return };
    let (operator, temple) = (app.operator().await, temple(&app).await);
    report(&operator, &temple).await;
    // Thirty a second for seven seconds: no attempt has ended by then, and none ever ends well.
    let reports = (0..200_u64).map(|number| {
        let (operator, temple) = (&operator, &temple);
        async move {
            tokio::time::sleep(Duration::from_millis(35 * number)).await;
            let began = Instant::now();
            let emergency = report(operator, temple).await;
            (id(&emergency).to_owned(), Instant::now(), began.elapsed())
        }
    });
    let answered = join_all(reports).await;
    let slowest = answered.iter().map(|(_, _, took)| *took).max().unwrap();
    let attempted = || -> HashMap<String, Instant> {
        let told = receiver.requests_to("/hooks");
        told.iter().rev().map(|told| (told.json()["emergency"]["id"].as_str().unwrap().to_owned(), told.at)).collect()
    };
    eventually("all are attempted", Duration::from_secs(5), async || (attempted().len() == 201).then_some(())).await;
    let attempted = attempted();
    let longest = answered.iter().map(|(id, at, _)| attempted[id].saturating_duration_since(*at)).max().unwrap();
    eprintln!("with a receiver that stalls: slowest 201 {slowest:?}, longest from a 201 to the first attempt {longest:?}");
    assert!(longest < AT_ONCE, "{longest:?}");
    assert!(slowest < AT_ONCE, "{slowest:?}");
    // And the application still does everything else.
    app.visitor().await.get("/api/users/me").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn in_a_crowd_of_reports_each_is_attempted_at_once() {
    let receiver = Receiver::start().await;
    let Some(app) = App::with_webhook(&receiver).await else { return };
    // A control room that writes down what it is told by telephone: a visitor is not taken that many.
    let (visitor, temple) = (app.operator().await, temple(&app).await);
    let first = report(&visitor, &temple).await;
    let arrived = || -> HashMap<String, Instant> {
        let told = receiver.requests_to("/hooks");
        told.iter().map(|told| (told.json()["emergency"]["id"].as_str().unwrap().to_owned(), told.at)).collect()
    };
    eventually("the first is told", Duration::from_secs(5), async || arrived().contains_key(id(&first)).then_some(())).await;
    // Forty a second for five seconds, far more than one contact is otherwise sent in a minute.
    let reports = (0..200_u64).map(|number| {
        let (visitor, temple) = (&visitor, &temple);
        async move {
            tokio::time::sleep(Duration::from_millis(25 * number)).await;
            let emergency = report(visitor, temple).await;
            (id(&emergency).to_owned(), Instant::now())
        }
    });
    let answered = join_all(reports).await;
    eventually("all are told", Duration::from_secs(5), async || (arrived().len() == 201).then_some(())).await;
    let arrived = arrived();
    // An attempt may come in before its caller has read the answer.
    let mut waits: Vec<_> = answered.iter().map(|(id, at)| arrived[id].saturating_duration_since(*at)).collect();
    waits.sort_unstable();
    eprintln!("from the 201 to the first attempt: median {:?}, p99 {:?}, longest {:?}", waits[100], waits[198], waits[199]);
    assert!(waits[199] < AT_ONCE, "{:?}", waits[199]);
}

/// The next event of this channel, as JSON.
async fn next_event(stream: &mut (impl futures::Stream<Item = reqwest::Result<bytes::Bytes>> + Unpin), buffer: &mut String) -> Value {
    loop {
        if let Some((frame, rest)) = buffer.split_once("\n\n") {
            let (frame, rest) = (frame.to_owned(), rest.to_owned());
            *buffer = rest;
            if frame.contains("event: emergency\n") {
                let data = frame.lines().find_map(|line| line.strip_prefix("data: ")).expect("data");
                return serde_json::from_str(data).expect("JSON");
            }
            continue;
        }
        let chunk = tokio::time::timeout(Duration::from_secs(20), stream.next()).await.expect("an event in time");
        buffer.push_str(std::str::from_utf8(&chunk.expect("the stream goes on").expect("bytes")).expect("whole characters"));
    }
}

async fn feed(caller: &Client, temple: &str) -> futures::stream::BoxStream<'static, reqwest::Result<bytes::Bytes>> {
    let mut stream =
        caller.request(Method::GET, &format!("/api/events?channels=emergency&site={temple}")).send().await.unwrap().bytes_stream().boxed();
    stream.next().await.expect("a greeting").expect("bytes");
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn the_public_hears_the_bare_facts_and_operators_all_of_it() {
    let app = App::start().await;
    let (visitor, operator) = (app.visitor().await, app.operator().await);
    let temple = temple(&app).await;
    let (mut public, mut full) = (feed(&app.anonymous(), &temple).await, feed(&operator, &temple).await);
    let (mut public_buffer, mut full_buffer) = (String::new(), String::new());
    let mut strange = emergency_body(&temple);
    strange["type"] = json!("Ramesh Patel has fallen");
    let emergency = visitor.post("/api/emergency/", strange).await.expect(201);

    let bare = |status: &str| json!({"id": id(&emergency), "temple_id": temple, "type": "other", "severity": "high", "status": status});
    assert_eq!(next_event(&mut public, &mut public_buffer).await, bare("reported"));
    let told = next_event(&mut full, &mut full_buffer).await;
    assert_eq!(
        (&told["description"], &told["reported_type"]),
        (&emergency_body(&temple)["description"], &json!("Ramesh Patel has fallen"))
    );

    let ambulance = json!({"temple_id": temple, "type": "ambulance", "name": "A1"});
    let ambulance = operator.post("/api/resources/", ambulance).await.expect(201);
    let path = path(&emergency);
    operator.patch(&format!("{path}/assign"), json!({"resource_id": ambulance["id"]})).await.expect(200);
    operator.patch(&format!("{path}/acknowledge"), json!({})).await.expect(200);
    // An assignment is no bare fact: the next that the public hears is the step.
    assert_eq!(next_event(&mut public, &mut public_buffer).await, bare("acknowledged"));
    let told = next_event(&mut full, &mut full_buffer).await;
    assert_eq!((&told["status"], &told["resources"][0]["name"]), (&json!("reported"), &json!("A1")));
    assert_eq!(next_event(&mut full, &mut full_buffer).await["status"], "acknowledged");
}

/// The application with every channel pointed at the receiver.
async fn with_every_channel(receiver: &Receiver) -> Option<App> {
    let origin = receiver.origin();
    App::embedded(&channels::every(&origin, "+911234567890")).await
}

/// What each channel was sent, as its reader sees it: SMS, mail, chat, push and the webhook's emergency.
struct Sent {
    sms: String,
    mail: String,
    subject: String,
    chat: String,
    push: String,
    webhook: Value,
}

async fn sent(receiver: &Receiver) -> Sent {
    let five = async || (receiver.requests().iter().filter(|told| told.accepted()).count() == 5).then_some(());
    eventually("every channel has it", Duration::from_secs(5), five).await;
    let to = |path: &str| receiver.requests_to(path).remove(0);
    let (mail, chat) = (to("/v3/mail/send").json(), to("/chat").json());
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    Sent {
        sms: to("/2010").form()["Body"].clone(),
        mail: text(&mail["content"][0]["value"]),
        subject: text(&mail["subject"]),
        chat: text(&chat["text"]),
        push: String::from_utf8(to(channels::PATHS[4]).body.to_vec()).expect("a text"),
        webhook: to("/hooks").json()["emergency"].clone(),
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn where_it_is_and_whom_to_call_come_first_on_every_channel_and_long_words_cut_off_neither() {
    let receiver = Receiver::start().await;
    let Some(app) = with_every_channel(&receiver).await else { return };
    let temple = temple(&app).await;
    let (email, password) = app.new_user("visitor", json!({"name": "Asha Patel", "phone": "+91 98765 43210"})).await;
    let mut body = emergency_body(&temple);
    body["description"] = json!("My father fell at the steps. ".repeat(24).trim());
    assert!(body["description"].as_str().unwrap().len() > 680);
    app.login(&email, &password).await.post("/api/emergency/", body.clone()).await.expect(201);
    let sent = sent(&receiver).await;
    let first =
        format!("[critical] {temple} 20.888100,70.401400 (approximate), call +919876543210 (Asha Patel). SOS, medical: My father fell");
    for (channel, text) in [("sms", &sent.sms), ("mail", &sent.mail), ("chat", &sent.chat), ("push", &sent.push)] {
        assert!(text.starts_with(&first), "{channel}: {text}");
    }
    assert!(sent.sms.chars().count() <= 612 && sent.sms.ends_with('…'), "{}", sent.sms);
    assert!(sent.mail.contains(body["description"].as_str().unwrap()), "{}", sent.mail);
    assert_eq!((&sent.webhook["reporter_name"], &sent.webhook["reporter_phone"]), (&json!("Asha Patel"), &json!("+919876543210")));
    assert_eq!(sent.webhook["description"], body["description"]);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn what_a_visitor_writes_arrives_as_text_on_every_channel() {
    let receiver = Receiver::start().await;
    let Some(app) = with_every_channel(&receiver).await else { return };
    let temple = temple(&app).await;
    let words = "<!channel> <http://evil.example|Acknowledge here>\r\nBcc: all@example.com\n@here [Acknowledge](http://evil.example) *R&D*";
    let (email, password) = app.new_user("visitor", json!({"name": "<@U123> *Asha*"})).await;
    let body = json!({"temple_id": temple, "type": "<!here>", "description": words, "location": "<http://evil.example|the gate>"});
    app.login(&email, &password).await.post("/api/emergency/", body).await.expect(201);
    let sent = sent(&receiver).await;
    assert!(!sent.chat.contains(['<', '>', '*']) && !sent.chat.contains("@here") && !sent.chat.contains("]("), "{}", sent.chat);
    assert!(sent.chat.contains("&lt;!channel&gt; &lt;http://evil.example|Acknowledge here&gt; Bcc: all@example.com"), "{}", sent.chat);
    assert!(sent.chat.contains("R&amp;D"), "{}", sent.chat);
    let one_line = "<!channel> <http://evil.example|Acknowledge here> Bcc: all@example.com @here [Acknowledge](http://evil.example) *R&D*";
    for (channel, text) in [("sms", &sent.sms), ("mail", &sent.mail), ("push", &sent.push)] {
        assert!(text.contains(one_line), "{channel}: {text}");
    }
    assert!(!sent.subject.contains(['\r', '\n']) && sent.subject.starts_with("[high] SOS, other (<!here>)"), "{}", sent.subject);
    let push = receiver.requests_to(channels::PATHS[4]).remove(0);
    assert_eq!((push.header("markdown"), push.header("actions"), push.header("click")), ("no", "", ""));
    let mail = receiver.requests_to("/v3/mail/send").remove(0).json();
    assert_eq!((mail["content"].as_array().unwrap().len(), &mail["content"][0]["type"]), (1, &json!("text/plain")));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn what_nobody_acknowledges_climbs_each_rung_once() {
    let receiver = Receiver::start().await;
    let origin = receiver.origin();
    let mut variables = [channels::sms(&origin).to_vec(), channels::push(&origin).to_vec()].concat();
    variables.extend([("escalation_minutes", "5"), ("escalation_contacts", "sms:+911111111111 | sms:+912222222222")]);
    let Some(app) = App::embedded(&variables).await else { return };
    let temple = temple(&app).await;
    let mut mild = emergency_body(&temple);
    mild["severity"] = json!("low");
    let emergency = app.visitor().await.post("/api/emergency/", mild).await.expect(201);
    app.tick().await;
    let told = || receiver.requests_to(channels::PATHS[4]).iter().filter(|told| told.accepted()).count();
    let sent = || -> Vec<_> { receiver.requests_to("/2010").iter().filter(|sms| sms.accepted()).map(|sms| sms.form()).collect() };
    assert_eq!((told(), sent().len()), (1, 0), "the ground floor has it");

    app.advance(Duration::from_secs(290));
    app.tick().await;
    assert!(sent().is_empty(), "not before five minutes");
    app.advance(Duration::from_secs(11));
    join_all((0..4).map(|_| app.tick())).await;
    app.tick().await;
    assert_eq!(sent().len(), 1, "once, however many runs there are");
    assert_eq!(sent()[0]["To"], "+911111111111");
    assert!(sent()[0]["Body"].contains("rung 1") && sent()[0]["Body"].contains("SOS, medical: An old man has fallen"));

    app.advance(Duration::from_secs(300));
    app.tick().await;
    assert_eq!(sent().len(), 2);
    app.advance(Duration::from_secs(3600));
    app.tick().await;
    assert_eq!((sent().len(), told()), (2, 1), "not above the top");

    let operator = app.operator().await;
    let shown = operator.get(&path(&emergency)).await.expect(200);
    assert_eq!(shown["escalation"], 2);
    let actions: Vec<_> = shown["history"].as_array().unwrap().iter().map(|step| step["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["reported", "escalated", "escalated"]);

    // Acknowledged in time, it stays on the ground.
    let answered = operator.post("/api/emergency/", emergency_body(&temple)).await.expect(201);
    operator.patch(&format!("{}/acknowledge", path(&answered)), json!({})).await.expect(200);
    app.advance(Duration::from_secs(1200));
    app.tick().await;
    assert_eq!(app.operator().await.get(&path(&answered)).await.expect(200)["escalation"], 0);
    assert_eq!(sent().len(), 2);
}
