//! Tickets for streams, and streams that end with their session.

use std::time::Duration;

use gatehouse_tests::{App, Client, unique};
use reqwest::Method;
use serde_json::{Value, json};

use super::feed::{Feed, SOON};
use super::raise;

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_opens_one_stream_within_one_minute() {
    let app = App::start().await;
    let operator = app.operator().await;
    let ticket = async |caller: &Client| {
        let answer = caller.post("/api/events/ticket", json!({})).await.expect(201);
        assert!(answer["expires_at"].is_string());
        answer["ticket"].as_str().expect("a ticket").to_owned()
    };
    let anonymous = app.anonymous();
    let used = ticket(&operator).await;
    let mut feed = Feed::open(&anonymous, &format!("?ticket={used}")).await;
    let secret = unique("secret");
    raise(&operator, &secret, json!({ "is_public": false })).await;
    feed.message(&secret).await;
    anonymous.get(&format!("/api/events?ticket={used}")).await.expect_problem(401);
    anonymous.get("/api/events?ticket=no-such-ticket").await.expect_problem(401);
    anonymous.post("/api/events/ticket", json!({})).await.expect_problem(401);
    let kept: i64 =
        app.db().query_row("select count(*) from event_tickets where ticket_hash = cast(? as blob)", [&used], |row| row.get(0)).unwrap();
    assert_eq!(kept, 0, "a ticket is kept as it is");

    // A visitor's shows what a visitor may see.
    let visitors = ticket(&app.visitor().await).await;
    let mut feed = Feed::open(&anonymous, &format!("?channels=alerts&ticket={visitors}")).await;
    let (secret, open) = (unique("secret"), unique("open"));
    raise(&operator, &secret, json!({ "is_public": false })).await;
    raise(&operator, &open, json!({})).await;
    assert_eq!(feed.event(SOON).await.unwrap().data["message"], json!(open));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn tickets_that_nobody_uses_do_not_pile_up() {
    let Some(app) = App::embedded(&[]).await else { return };
    let operator = app.operator().await;
    for _ in 0..5 {
        new_ticket(&operator).await;
    }
    app.advance(Duration::from_secs(120));
    for _ in 0..3 {
        new_ticket(&operator).await;
    }
    let kept: i64 = app.db().query_row("select count(*) from event_tickets", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 3, "each new one takes two of old away");
}

/// A caller with an access token, and the answer of the login.
async fn signed_in(app: &App, role: &str) -> (Client, Value) {
    let (email, password) = app.new_user(role, json!({})).await;
    let session = app.anonymous().post("/api/auth/login", json!({ "email": email, "password": password })).await.expect(200);
    (app.with_token(session["access"].as_str().expect("a token")), session)
}

/// A field of text.
pub fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}"))
}

/// A ticket of this caller.
pub async fn new_ticket(caller: &Client) -> String {
    let answer = caller.post("/api/events/ticket", json!({})).await.expect(201);
    answer["ticket"].as_str().expect("a ticket").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_its_session_or_when_its_holder_sees_less() {
    let app = App::start().await;
    let admin = app.admin().await;
    let (leaver, session) = signed_in(&app, "operator").await;
    let (dismissed, dismissal) = signed_in(&app, "operator").await;
    let (demoted, demotion) = signed_in(&app, "operator").await;
    let (visitor, visit) = signed_in(&app, "visitor").await;
    let stayer = app.operator().await;
    let ticket = new_ticket(&leaver).await;
    let mut ending = [
        ("a token", Feed::open(&leaver, "?channels=crowd").await),
        ("a ticket", Feed::open(&app.anonymous(), &format!("?channels=crowd&ticket={ticket}")).await),
        ("a dismissal", Feed::open(&dismissed, "?channels=crowd").await),
        ("a demotion", Feed::open(&demoted, "?channels=crowd").await),
        ("a visitor", Feed::open(&visitor, "?channels=crowd").await),
    ];
    let mut staying = [Feed::open(&stayer, "?channels=crowd").await, Feed::open(&app.anonymous(), "?channels=crowd").await];
    for session in [&session, &visit] {
        app.anonymous().post("/api/auth/logout", json!({ "refresh": session["refresh"] })).await.expect(204);
    }
    let user = |session: &Value| format!("/v0/api/users/users/{}/", session["user"]["id"].as_str().expect("an id"));
    admin.delete(&user(&dismissal)).await.expect(204);
    admin.patch(&user(&demotion), json!({ "role": "visitor" })).await.expect(200);
    let ended =
        futures::future::join_all(ending.iter_mut().map(|(what, feed)| async move { (*what, feed.ends(Duration::from_secs(18)).await) }))
            .await;
    assert!(ended.iter().all(|(_, ended)| *ended), "{ended:?}");
    for feed in &mut staying {
        assert!(!feed.ends(Duration::from_millis(200)).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_of_an_ended_session_is_refused() {
    let app = App::start().await;
    let (leaver, session) = signed_in(&app, "operator").await;
    let (dismissed, dismissal) = signed_in(&app, "operator").await;
    let tickets = [new_ticket(&leaver).await, new_ticket(&dismissed).await];
    app.anonymous().post("/api/auth/logout", json!({ "refresh": session["refresh"] })).await.expect(204);
    let user = dismissal["user"]["id"].as_str().expect("an id");
    app.admin().await.delete(&format!("/v0/api/users/users/{user}/")).await.expect(204);
    for ticket in tickets {
        app.anonymous().get(&format!("/api/events?ticket={ticket}")).await.expect_problem(401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_at_the_headers_spends_no_ticket() {
    let app = App::start().await;
    let answer = app.operator().await.post("/api/events/ticket", json!({})).await.expect(201);
    let (path, anonymous) = (format!("?ticket={}", answer["ticket"].as_str().unwrap()), app.anonymous());
    for _ in 0..2 {
        let head = anonymous.send(Method::HEAD, &format!("/api/events{path}"), None).await;
        assert_eq!((head.status, head.header("content-type")), (200, "text/event-stream"));
    }
    assert_eq!(anonymous.send(Method::HEAD, "/api/events?ticket=no-such-ticket", None).await.status, 401);
    Feed::open(&anonymous, &path).await;
    assert_eq!(anonymous.send(Method::HEAD, &format!("/api/events{path}"), None).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_ticket_ends_after_a_minute() {
    let Some(app) = App::embedded(&[]).await else { return };
    let operator = app.operator().await;
    let answer = operator.post("/api/events/ticket", json!({})).await.expect(201);
    app.advance(Duration::from_secs(61));
    let ticket = answer["ticket"].as_str().unwrap();
    app.anonymous().get(&format!("/api/events?ticket={ticket}")).await.expect_problem(401);
}
