//! A password that was forgotten (docs/reference/rules.md#forgotten-passwords), and sessions that their owner or an administrator ends.
//! Anyone can run it: `cargo test --release --workspace --test reset`.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures::future::join_all;
use gatehouse_tests::receiver::Receiver;
use gatehouse_tests::{App, Client, channels, eventually, unique};
use serde_json::{Value, json};

#[path = "reset/sessions.rs"]
mod sessions;
#[path = "reset/silence.rs"]
mod silence;

const REQUEST: &str = "/v0/api/mail/request-password-reset";
const VERIFY: &str = "/v0/api/mail/verify-otp";
const RESET: &str = "/v0/api/mail/reset-password";
const NEW: &str = "another fine evening by the sea";

/// The tests are the proxy: they come from this machine.
const BEHIND_A_PROXY: [(&str, &str); 1] = [("trusted_proxies", "127.0.0.0/8")];

async fn ask(client: &Client, email: &str) -> Value {
    client.post(REQUEST, json!({"email": email})).await.expect(200)
}

/// What the newest code for this address says; none when nothing was sent to it.
fn code_for(app: &App, email: &str) -> Option<String> {
    let sql = "select payload ->> 'message' from outbox where topic = 'account.reset_code' and mail_to = ? order by id desc limit 1";
    let message: String = app.db().query_row(sql, [email], |row| row.get(0)).ok()?;
    Some(message.split(' ').next().expect("a word").to_owned())
}

async fn sent_code(app: &App, email: &str) -> String {
    ask(&app.anonymous(), email).await;
    code_for(app, email).expect("a code")
}

fn another(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().expect("digits") + 1) % 1_000_000)
}

fn body(email: &str, otp: &str) -> Value {
    json!({"email": email, "otp": otp, "new_password": NEW})
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn the_code_that_is_mailed_sets_a_new_password_and_ends_every_session() {
    let receiver = Receiver::start().await;
    let origin = receiver.origin();
    let mut variables = channels::mail(&origin).to_vec();
    variables.extend(channels::webhook(&origin));
    let Some(app) = App::embedded(&variables).await else { return };
    let (email, password) = app.new_user("operator", json!({})).await;
    let session = app.anonymous().post("/api/auth/login", json!({"email": email, "password": password})).await.expect(200);
    let operator = app.with_token(session["access"].as_str().expect("a token"));
    let ticket = operator.post("/api/events/ticket", json!({})).await.expect(201)["ticket"].as_str().expect("a ticket").to_owned();

    ask(&app.anonymous(), &email.to_uppercase()).await;
    let mails = || -> Vec<Value> { receiver.requests_to("/v3/mail/send").iter().map(|mail| mail.json()).collect() };
    assert!(mails().is_empty(), "what is sent, is sent when nobody waits for an answer");
    // Nobody waits for the scheduled run with a code that is good for ten minutes: every few seconds there is a look for what is urgent.
    app.run_cron().await;
    let mail = eventually("the mail with the code", Duration::from_secs(5), async || mails().pop()).await;
    assert_eq!(mail["personalizations"][0]["to"][0]["email"], json!(email));
    let text = mail["content"][0]["value"].as_str().expect("a text");
    let code = text.split(|c: char| !c.is_ascii_digit()).find(|word| word.len() == 6).expect("six digits").to_owned();

    let verified = app.anonymous().post(VERIFY, json!({"email": email, "otp": code})).await.expect(200);
    assert_eq!(verified["verified"], true);
    operator.get("/api/users/me").await.expect(200);
    // By the names that other clients use.
    app.anonymous().post(RESET, json!({"email": email, "code": code, "password": NEW})).await.expect(200);
    for path in ["/api/users/me", "/api/dashboard/overview/", "/api/alerts/", "/api/events"] {
        operator.get(path).await.expect_problem(401);
    }
    app.anonymous().get(&format!("/api/events?ticket={ticket}")).await.expect_problem(401);
    app.anonymous().post("/api/auth/refresh", json!({"refresh": session["refresh"]})).await.expect_problem(401);
    app.anonymous().post("/api/auth/login", json!({"email": email, "password": password})).await.expect_problem(401);
    app.login(&email, NEW).await;
    app.anonymous().post(RESET, body(&email, &code)).await.expect_invalid(&["otp"]);

    app.tick().await;
    let told: Vec<_> = mails().into_iter().filter(|mail| mail["content"][0]["value"].to_string().contains("has a new password")).collect();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["personalizations"][0]["to"][0]["email"], json!(email));
    assert!(receiver.requests_to("/hooks").is_empty(), "codes are for nobody else");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_field_is_named() {
    let app = App::start().await;
    let client = app.anonymous();
    client.post(REQUEST, json!({})).await.expect_invalid(&["email"]);
    client.post(REQUEST, json!({"email": "nobody"})).await.expect_invalid(&["email"]);
    client.post(VERIFY, json!({"email": 1, "otp": "12345"})).await.expect_invalid(&["email", "otp"]);
    client
        .post(RESET, json!({"email": "a@example.com", "otp": 123456, "new_password": "short"}))
        .await
        .expect_invalid(&["new_password", "otp"]);
    client.post(RESET, json!({})).await.expect_invalid(&["email", "new_password", "otp"]);
    let own = json!({"email": "lanterns@example.com", "otp": "123456", "new_password": "lanterns@example.com"});
    client.post(RESET, own).await.expect_invalid(&["new_password"]);
    client.get(REQUEST).await.expect_problem(405);
    client.send_bytes(reqwest::Method::POST, REQUEST, "application/json", "{").await.expect_problem(400);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_code_is_good_for_ten_minutes_five_tries_one_use_and_its_own_address() {
    let Some(app) = App::embedded(&[]).await else { return };
    let client = app.anonymous();
    let (email, password) = app.new_user("visitor", json!({})).await;
    let (other, _) = app.new_user("visitor", json!({})).await;
    let refused = async |email: &str, code: &str| client.post(RESET, body(email, code)).await.expect_invalid(&["otp"]);

    let first = sent_code(&app, &email).await;
    let others = sent_code(&app, &other).await;
    if first != others {
        refused(&other, &first).await;
    }
    let second = sent_code(&app, &email).await;
    if first != second {
        refused(&email, &first).await;
    }
    for _ in 0..3 {
        client.post(VERIFY, json!({"email": email, "otp": another(&second)})).await.expect_invalid(&["otp"]);
    }
    // A look at a code is a try as well, and with one more the five are used up.
    client.post(VERIFY, json!({"email": email, "otp": second})).await;
    refused(&email, &second).await;

    let third = sent_code(&app, &email).await;
    app.advance(Duration::from_secs(601));
    refused(&email, &third).await;
    app.login(&email, &password).await;

    // A password that is made of the person's own name does not use the code up.
    let fourth = sent_code(&app, &email).await;
    let named = json!({"email": email, "otp": fourth, "new_password": "somebody somebody"});
    client.post(RESET, named).await.expect_invalid(&["new_password"]);
    // Of many at once one sets its password.
    let answers = join_all((0..4).map(|_| client.post(RESET, body(&email, &fourth)))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "{answers:?}");
    app.login(&email, NEW).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_code_is_void_when_its_account_has_another_address_or_is_dismissed() {
    let Some(app) = App::embedded(&[]).await else { return };
    let client = app.anonymous();
    let (email, _) = app.new_user("visitor", json!({})).await;
    let code = sent_code(&app, &email).await;
    let moved = format!("{}@example.com", unique("moved"));
    app.db().execute("update users set email = ?1 where email = ?2", [&moved, &email]).expect("SQL");
    client.post(RESET, body(&email, &code)).await.expect_invalid(&["otp"]);

    let (email, _) = app.new_user("visitor", json!({})).await;
    let code = sent_code(&app, &email).await;
    app.db().execute("update users set is_active = 0 where email = ?", [&email]).expect("SQL");
    client.post(RESET, body(&email, &code)).await.expect_invalid(&["otp"]);
    let before = code_for(&app, &email);
    ask(&client, &email).await;
    assert_eq!(code_for(&app, &email), before, "who is dismissed is sent nothing");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn codes_are_counted_by_address_and_by_network() {
    let Some(app) = App::embedded(&BEHIND_A_PROXY).await else { return };
    let at = |address: &str| app.anonymous().header("x-forwarded-for", address);
    let (email, _) = app.new_user("visitor", json!({})).await;
    let nobody = format!("{}@example.com", unique("nobody"));
    for address in [&email, &nobody] {
        // However many come at once, and from wherever.
        let clients: Vec<_> = (0..8).map(|number| at(&format!("203.0.113.{number}"))).collect();
        let answers = join_all(clients.iter().map(|client| client.post(REQUEST, json!({"email": address})))).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 5, "{address}");
        for refused in answers.iter().filter(|answer| answer.status != 200) {
            refused.expect_problem(429);
            assert_eq!(refused.header("retry-after"), "3600");
        }
    }
    // Ten in a day.
    for round in 1..4 {
        app.advance(Duration::from_secs(3_601));
        let answers = join_all((0..6).map(|_| async { at("203.0.113.99").post(REQUEST, json!({"email": email})).await.status })).await;
        let passed = answers.iter().filter(|status| **status == 200).count();
        assert_eq!(passed, if round == 1 { 5 } else { 0 }, "hour {round}");
    }
    let addresses: Vec<_> = (0..101).map(|number| format!("someone{number}@example.net")).collect();
    for (number, address) in addresses.iter().enumerate() {
        let answer = at("198.51.100.7").post(REQUEST, json!({"email": address})).await;
        assert_eq!(answer.status, if number < 100 { 200 } else { 429 }, "{number}");
    }
    ask(&at("198.51.100.8"), "someone100@example.net").await;

    app.advance(Duration::from_secs(25 * 3_600));
    app.internal("/internal/tick/auth").await.expect(200);
    let left: i64 = app.db().query_row("select count(*) from password_resets", [], |row| row.get(0)).expect("a count");
    assert_eq!(left, 0, "what does not count any more is removed");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_reset_lets_its_owner_in_who_was_locked_out_and_confirms_the_address() {
    let Some(app) = App::embedded(&[("confirm_email", "true")]).await else { return };
    let client = app.anonymous();
    let email = format!("{}@example.com", unique("owner"));
    let person = json!({"email": email, "password": "seven lanterns by the river", "name": "Asha Patel"});
    client.post("/api/auth/register", person).await.expect(201);
    for _ in 0..10 {
        client.post("/api/auth/login", json!({"email": email, "password": "seven lanterns by the sea"})).await.expect_problem(401);
    }
    client.post("/api/auth/login", json!({"email": email, "password": "seven lanterns by the river"})).await.expect_problem(429);
    let code = sent_code(&app, &email).await;
    client.post(RESET, body(&email, &code)).await.expect(200);
    let owner = app.login(&email, NEW).await;
    assert!(owner.get("/api/users/me").await.expect(200)["email_confirmed_at"].is_string());
    let detail: String = app
        .db()
        .query_row("select detail from audit_log where entity = 'users' and action = 'updated' order by id desc limit 1", [], |row| {
            row.get(0)
        })
        .expect("a line");
    assert!(detail.contains("\"password_changed\":1"), "{detail}");
}
