//! Mails that administrators send (docs/reference/mail.md), to a double of SendGrid that takes what its API takes.
//! Anyone can run it: `cargo test --release --workspace --test mail`.

use std::time::Duration;

use gatehouse_tests::receiver::Receiver;
use gatehouse_tests::sendgrid::{BUSY, Events, REFUSED};
use gatehouse_tests::{App, Client, channels, eventually, unique};
use serde_json::{Value, json};

#[path = "mail/bulk.rs"]
mod bulk;
#[path = "mail/reports.rs"]
mod reports;
#[path = "mail/templates.rs"]
mod templates;
#[path = "mail/unsubscribe.rs"]
mod unsubscribe;

const SEND: &str = "/v0/api/mail/auth/send-email";
const BULK: &str = "/v0/api/mail/auth/send-bulk-email";
const MESSAGES: &str = "/v0/api/mail/messages";
const TEMPLATES: &str = "/v0/api/mail/templates";
const SUPPRESSIONS: &str = "/v0/api/mail/suppressions";
const ORIGIN: &str = "https://gate.example.org";

/// The application with mail and its webhook for programs, both at the receiver, and the event webhook's key.
async fn with_mail(receiver: &Receiver) -> Option<App> {
    let (origin, key) = (receiver.origin(), Events::new(1).public_key());
    let mut variables = channels::mail(&origin).to_vec();
    variables.extend(channels::webhook(&origin));
    variables.extend([("public_origin", ORIGIN), ("sendgrid_webhook_public_key", &key)]);
    App::embedded(&variables).await
}

fn address(name: &str) -> String {
    format!("{}@example.org", unique(name))
}

fn words(to: &str) -> Value {
    json!({"to": to, "subject": "Your lost bag", "text": "It was found at the north gate."})
}

async fn dispatch(app: &App) {
    app.internal("/internal/dispatch").await.expect(200);
}

/// The mails that SendGrid took for this address.
fn taken(receiver: &Receiver, to: &str) -> Vec<Value> {
    let all = receiver.requests_to("/v3/mail/send").into_iter().filter(|request| request.accepted()).map(|request| request.json());
    all.filter(|mail| mail["personalizations"][0]["to"][0]["email"] == to).collect()
}

fn id(value: &Value) -> String {
    value["id"].as_str().expect("an id").to_owned()
}

async fn mail(admin: &Client, id: &str) -> Value {
    admin.get(&format!("{MESSAGES}/{id}")).await.expect(200)
}

/// The mail when it stands there.
async fn reaches(admin: &Client, id: &str, status: &str) -> Value {
    eventually(&format!("{id} {status}"), Duration::from_secs(10), async || {
        let mail = mail(admin, id).await;
        (mail["status"] == status).then_some(mail)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_mail_is_taken_sent_at_once_and_its_way_is_seen() {
    let receiver = Receiver::start().await;
    let Some(app) = with_mail(&receiver).await else { return };
    let admin = app.user("admin").await;
    let to = address("asha");
    let body = json!({
        "to": to.to_uppercase(), "name": "Asha Patel", "subject": "Your lost bag", "message": "It was found.\r\nAt the north gate.",
        "html": "<p>It was found.</p>", "reply_to": "desk@example.org",
    });
    let made = admin.post(SEND, body).await.expect(201);
    assert_eq!((&made["email"], &made["kind"], &made["status"]), (&json!(to), &json!("single"), &json!("queued")));
    // Nobody waits for the scheduled run.
    let sent = reaches(&admin, &id(&made), "sent").await;
    assert_eq!((&sent["error"], &sent["events"]), (&Value::Null, &json!([])));
    let dispatched = admin.get(&format!("/api/dispatch/messages/{}", sent["dispatch_id"].as_str().expect("an id"))).await.expect(200);
    assert_eq!((&dispatched["topic"], &dispatched["contact"]), (&json!("mail.message"), &json!(to)));
    assert_eq!(dispatched["deliveries"][0]["http_status"], 202);

    let mails = taken(&receiver, &to);
    assert_eq!(mails.len(), 1);
    let mail = &mails[0];
    assert_eq!(mail["personalizations"][0]["to"][0]["name"], "Asha Patel");
    assert_eq!(mail["personalizations"][0]["custom_args"]["mail_id"], made["id"]);
    assert_eq!((&mail["subject"], &mail["reply_to"]["email"]), (&json!("Your lost bag"), &json!("desk@example.org")));
    assert_eq!(mail["content"][0], json!({"type": "text/plain", "value": "It was found.\nAt the north gate."}));
    assert_eq!(mail["content"][1], json!({"type": "text/html", "value": "<p>It was found.</p>"}));
    assert!(mail.get("headers").is_none(), "what is for one person has no way out");
    assert!(receiver.requests_to("/hooks").is_empty(), "no program is told what is for one person");
    assert!(taken(&receiver, "ops@example.com").is_empty(), "nor is the control room");

    let listed = admin.get(&format!("{MESSAGES}/?email={to}")).await.expect(200);
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(listed["items"][0]["id"], made["id"]);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_request_that_is_repeated_with_its_key_sends_once() {
    let receiver = Receiver::start().await;
    let Some(app) = with_mail(&receiver).await else { return };
    let admin = app.user("admin").await;
    let to = address("once");
    let keyed = admin.header("idempotency-key", &unique("mail"));
    let (first, again) = tokio::join!(keyed.post(SEND, words(&to)), keyed.post(SEND, words(&to)));
    assert_eq!(first.expect(201)["id"], again.expect(201)["id"]);
    keyed.post(SEND, words(&address("other"))).await.expect_invalid(&["Idempotency-Key"]);
    reaches(&admin, &id(&first.json()), "sent").await;
    dispatch(&app).await;
    assert_eq!(taken(&receiver, &to).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_admins_send_and_look() {
    let app = App::start().await;
    let routes = async |client: &Client| {
        vec![
            client.post(SEND, words("a@example.org")).await,
            client.post(BULK, json!({"recipients": ["a@example.org"], "subject": "x", "text": "y"})).await,
            client.get(MESSAGES).await,
            client.get(&format!("{MESSAGES}/x")).await,
            client.get(TEMPLATES).await,
            client.post(TEMPLATES, json!({"name": "x", "subject": "x", "text": "y"})).await,
            client.get(&format!("{TEMPLATES}/x")).await,
            client.patch(&format!("{TEMPLATES}/x"), json!({})).await,
            client.delete(&format!("{TEMPLATES}/x")).await,
            client.post(&format!("{TEMPLATES}/x/preview"), json!({})).await,
            client.get(SUPPRESSIONS).await,
            client.post(SUPPRESSIONS, json!({"email": "a@example.org"})).await,
            client.delete(&format!("{SUPPRESSIONS}/a@example.org")).await,
        ]
    };
    for answer in routes(&app.anonymous()).await {
        answer.expect_problem(401);
    }
    for role in ["visitor", "operator", "developer"] {
        for answer in routes(&app.user(role).await).await {
            answer.expect_problem(403);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_field_is_named() {
    let app = App::start().await;
    let admin = app.user("admin").await;
    admin.post(SEND, json!({})).await.expect_invalid(&["subject", "text", "to"]);
    let bad = json!({
        "to": "nobody", "name": "a\nb", "subject": "a\r\nBcc: x@example.org", "text": "\u{0}", "html": 5, "reply_to": "x", "variables": {},
    });
    admin.post(SEND, bad).await.expect_invalid(&["html", "name", "reply_to", "subject", "text", "to"]);
    let both = json!({"to": "a@example.org", "template": "none-such", "subject": "x"});
    admin.post(SEND, both).await.expect_invalid(&["subject"]);
    admin.post(SEND, json!({"to": "a@example.org", "template": "none-such"})).await.expect_invalid(&["template"]);
    let long = json!({"to": "a@example.org", "subject": "x".repeat(201), "text": "x".repeat(65_537)});
    admin.post(SEND, long).await.expect_invalid(&["subject", "text"]);
    admin.get(&format!("{MESSAGES}?status=lost&shoe_size=9")).await.expect_invalid(&["shoe_size", "status"]);
    admin.get(&format!("{MESSAGES}/none-such")).await.expect_problem(404);
    admin.get(SEND).await.expect_problem(405);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn what_fails_for_good_is_a_dead_letter_and_is_sent_when_it_is_replayed() {
    let receiver = Receiver::start().await;
    let Some(app) = with_mail(&receiver).await else { return };
    let admin = app.user("admin").await;
    let to = address("later");
    receiver.respond_with(401);
    let made = admin.post(SEND, words(&to)).await.expect(201);
    let failed = reaches(&admin, &id(&made), "failed").await;
    assert!(failed["error"].as_str().expect("why").contains("401"), "{failed}");
    receiver.recover();
    let dispatch_id = failed["dispatch_id"].as_str().expect("an id");
    admin.post(&format!("/api/dispatch/messages/{dispatch_id}/replay"), json!({})).await.expect(202);
    let sent = reaches(&admin, &id(&made), "sent").await;
    assert_eq!(sent["error"], Value::Null);
    assert_eq!(taken(&receiver, &to).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn without_a_mail_service_a_mail_says_so_and_many_need_a_way_out() {
    let Some(app) = App::embedded(&[]).await else { return };
    let admin = app.user("admin").await;
    let made = admin.post(SEND, words(&address("nobody"))).await.expect(201);
    dispatch(&app).await;
    let failed = reaches(&admin, &id(&made), "failed").await;
    assert!(failed["error"].as_str().expect("why").contains("sendgrid_api_key"), "{failed}");
    let bulk = json!({"recipients": ["a@example.org"], "subject": "x", "text": "y"});
    let refused = admin.post(BULK, bulk).await;
    assert!(refused.expect_problem(503)["detail"].as_str().expect("why").contains("public_origin"));
    assert!(!refused.header("retry-after").is_empty());
    let report = app.anonymous().post("/api/webhooks/sendgrid", json!([])).await;
    assert!(report.expect_problem(503)["detail"].as_str().expect("why").contains("sendgrid_webhook_public_key"));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn after_a_month_mails_are_gone_and_who_gets_none_is_not() {
    let receiver = Receiver::start().await;
    let Some(app) = with_mail(&receiver).await else { return };
    let admin = app.user("admin").await;
    let made = admin.post(SEND, words(&address("old"))).await.expect(201);
    reaches(&admin, &id(&made), "sent").await;
    let bounced = address("bounced");
    let at = app.now_ms() / 1000;
    let event = gatehouse_tests::sendgrid::event("bounce", &unique("event"), &bounced, &id(&made), at);
    Events::new(1).report(&app, &json!([event])).await.expect(200);
    app.advance(Duration::from_secs(31 * 86_400));
    let admin = app.user("admin").await;
    let young = admin.post(SEND, words(&address("young"))).await.expect(201);
    let run = app.internal("/internal/tick/mail").await.expect(200);
    assert_eq!(run["removed"], 3, "the mail, what was written, the event");
    admin.get(&format!("{MESSAGES}/{}", id(&made))).await.expect_problem(404);
    mail(&admin, &id(&young)).await;
    let listed = admin.get(&format!("{SUPPRESSIONS}?email={bounced}")).await.expect(200);
    assert_eq!(listed["items"][0]["reason"], "bounced");
    assert_eq!(app.internal("/internal/tick/mail").await.expect(200)["removed"], 0);
}
