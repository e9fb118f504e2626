//! The change of an account's address by a code that is sent to the new one.

use std::time::Duration;

use gatehouse_tests::receiver::{Receiver, SENDGRID_KEY};
use gatehouse_tests::{App, Client, unique};
use serde_json::{Value, json};

const ME: &str = "/api/users/me";
const CONFIRM: &str = "/api/users/me/email/confirm";

fn new_address() -> String {
    format!("{}@example.com", unique("moved"))
}

/// A visitor's address and password, and a caller signed in as them.
async fn visitor(app: &App) -> (String, String, Client) {
    let (email, password) = app.new_user("visitor", json!({})).await;
    let client = app.login(&email, &password).await;
    (email, password, client)
}

/// What the newest code for this address says; none when nothing was sent to it.
fn code_for(app: &App, email: &str) -> Option<String> {
    let sql = "select payload ->> 'message' from outbox where topic = 'account.email_code' and mail_to = ? order by id desc limit 1";
    let message: String = app.db().query_row(sql, [email], |row| row.get(0)).ok()?;
    Some(message.split(' ').next().expect("a word").to_owned())
}

fn another(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().expect("digits") + 1) % 1_000_000)
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_new_address_is_confirmed_by_the_code_that_is_mailed_to_it_and_the_old_one_is_told() {
    let receiver = Receiver::start().await;
    let origin = receiver.origin();
    let variables = [
        ("sendgrid_origin", origin.as_str()),
        ("sendgrid_api_key", SENDGRID_KEY),
        ("mail_from", "gate@example.com"),
        ("mail_to", "control@example.com"),
        ("webhook_origin", origin.as_str()),
        ("webhook_path", "/hooks/in"),
    ];
    let Some(app) = App::embedded(&variables).await else { return };
    let (old, password, client) = visitor(&app).await;
    let new = new_address();
    let waiting = client.patch(ME, json!({"email": new.to_uppercase(), "name": "Asha"})).await.expect(200);
    assert_eq!((&waiting["email"], &waiting["name"]), (&json!(old), &json!("Asha")), "the address is not changed yet");
    assert_eq!(waiting["pending_email"]["email"], json!(new));
    assert_eq!(client.get(ME).await.expect(200), waiting);
    app.anonymous().post("/api/auth/login", json!({"email": new, "password": password})).await.expect_problem(401);

    app.tick().await;
    let mails = |to: &str| -> Vec<Value> {
        let all = receiver.requests().into_iter().filter(|request| request.path == "/v3/mail/send").map(|request| request.json());
        all.filter(|mail| mail["personalizations"][0]["to"][0]["email"] == to).collect()
    };
    let mail = mails(&new).pop().expect("a mail to the new address");
    let text = mail["content"][0]["value"].as_str().expect("a text");
    let code = text.split(|c: char| !c.is_ascii_digit()).find(|word| word.len() == 6).expect("six digits").to_owned();
    assert!(mails(&old).is_empty() && mails("control@example.com").is_empty());

    client.post(CONFIRM, json!({"code": another(&code)})).await.expect_invalid(&["code"]);
    let changed = client.post(CONFIRM, json!({"code": code})).await.expect(200);
    assert_eq!(changed["email"], json!(new));
    client.post(CONFIRM, json!({"code": code})).await.expect_invalid(&["code"]);
    assert_eq!(client.get(ME).await.expect(200)["pending_email"], Value::Null);
    app.login(&new, &password).await;
    app.anonymous().post("/api/auth/login", json!({"email": old, "password": password})).await.expect_problem(401);

    app.tick().await;
    let told = mails(&old);
    assert_eq!(told.len(), 1);
    assert!(told[0]["content"][0]["value"].as_str().expect("a text").contains(&new));
    // Codes and addresses are for nobody else: no program is told.
    assert!(receiver.requests().iter().all(|request| !request.path.starts_with("/hooks")));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_not_told_whether_another_account_has_an_address() {
    let app = App::start().await;
    let (taken, _, _) = visitor(&app).await;
    let (_, _, client) = visitor(&app).await;
    let free = new_address();
    let mut answers = Vec::new();
    for email in [&taken, &free, &app.admin_credentials().0.to_owned()] {
        let mut answer = client.patch(ME, json!({"email": email})).await.expect(200);
        assert_eq!(answer["pending_email"]["email"], json!(email));
        answer["pending_email"] = json!(null);
        answers.push(answer);
        client.post(CONFIRM, json!({"code": "000000"})).await.expect_invalid(&["code"]);
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert!(code_for(&app, &free).is_some() && code_for(&app, &taken).is_none());
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_code_is_good_for_ten_minutes_five_tries_and_its_own_account() {
    let Some(app) = App::embedded(&[]).await else { return };
    let (email, password, client) = visitor(&app).await;
    let (_, _, stranger) = visitor(&app).await;
    let new = new_address();
    let ask = async |client: &Client| {
        client.patch(ME, json!({"email": new})).await.expect(200);
        code_for(&app, &new).expect("a code")
    };
    let first = ask(&client).await;
    stranger.post(CONFIRM, json!({"code": first})).await.expect_invalid(&["code"]);
    let second = ask(&client).await;
    if first != second {
        client.post(CONFIRM, json!({"code": first})).await.expect_invalid(&["code"]);
    }
    for _ in 0..5 {
        client.post(CONFIRM, json!({"code": another(&second)})).await.expect_invalid(&["code"]);
    }
    client.post(CONFIRM, json!({"code": second})).await.expect_invalid(&["code"]);
    for bad in [json!({}), json!({"code": "12345"}), json!({"code": 123456}), json!({"code": "12345x"})] {
        client.post(CONFIRM, bad).await.expect_invalid(&["code"]);
    }
    app.anonymous().post(CONFIRM, json!({"code": second})).await.expect_problem(401);

    let third = ask(&client).await;
    app.advance(Duration::from_secs(601));
    client.post(CONFIRM, json!({"code": third})).await.expect_invalid(&["code"]);
    assert_eq!(client.get(ME).await.expect(200)["pending_email"], Value::Null);

    // The present address gives a change up.
    let fourth = ask(&client).await;
    assert_eq!(client.patch(ME, json!({"email": email})).await.expect(200)["pending_email"], Value::Null);
    client.post(CONFIRM, json!({"code": fourth})).await.expect_invalid(&["code"]);
    ask(&client).await;
    // Five in an hour, and nothing else of such a request is done.
    let refused = client.patch(ME, json!({"email": new_address(), "name": "Nobody"})).await;
    refused.expect_problem(429);
    assert!(refused.header("retry-after").parse::<u32>().is_ok());
    assert_eq!(client.get(ME).await.expect(200)["name"], "Somebody");
    app.advance(Duration::from_secs(3600));
    let client = app.login(&email, &password).await;
    let code = ask(&client).await;
    client.post(CONFIRM, json!({"code": code})).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn who_finds_a_session_open_cannot_take_the_account_with_it() {
    let Some(app) = App::embedded(&[("access_token_seconds", "7200")]).await else { return };
    let (_, password, client) = visitor(&app).await;
    let new = new_address();
    let with = |current: &str| json!({"email": new, "current_password": current});
    client.patch(ME, json!({"email": new_address()})).await.expect(200);
    app.advance(Duration::from_secs(901));
    for bad in [json!({"email": new}), with("a guess at the gate 1")] {
        client.patch(ME, bad).await.expect_invalid(&["current_password"]);
    }
    assert_eq!(code_for(&app, &new), None);
    // What is no new address goes on as before.
    client.patch(ME, json!({"name": "Asha"})).await.expect(200);
    client.patch(ME, with(&password)).await.expect(200);
    let code = code_for(&app, &new).expect("a code");
    assert_eq!(client.post(CONFIRM, json!({"code": code})).await.expect(200)["email"], json!(new));
    // Guesses count as failed logins.
    for _ in 0..10 {
        client.patch(ME, json!({"email": new_address(), "current_password": "a guess at the gate 2"})).await;
    }
    client.patch(ME, json!({"email": new_address(), "current_password": password})).await.expect_problem(429);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_accounts_that_confirm_one_address_one_gets_it() {
    let app = App::start().await;
    let (_, _, one) = visitor(&app).await;
    let (_, _, two) = visitor(&app).await;
    let new = new_address();
    one.patch(ME, json!({"email": new})).await.expect(200);
    let first = code_for(&app, &new).expect("a code");
    two.patch(ME, json!({"email": new})).await.expect(200);
    let second = code_for(&app, &new).expect("a code");
    let (a, b) = tokio::join!(one.post(CONFIRM, json!({"code": first})), two.post(CONFIRM, json!({"code": second})));
    let mut statuses = [a.status, b.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn the_scheduled_run_forgets_old_codes() {
    let Some(app) = App::embedded(&[]).await else { return };
    let (_, _, client) = visitor(&app).await;
    client.patch(ME, json!({"email": new_address()})).await.expect(200);
    app.advance(Duration::from_secs(25 * 3600));
    app.internal("/internal/tick/auth").await.expect(200);
    let left: i64 = app.db().query_row("select count(*) from email_changes", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0);
}
