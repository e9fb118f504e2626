//! An access token is void with its session: after a logout, a new password, a dismissal, a refresh token that was used twice.

use std::time::Duration;

use gatehouse_tests::{App, Client};
use reqwest::Method;
use serde_json::{Value, json};

use super::{PASSWORD, login, registered, text};

/// Routes of several components, each with caches of its own.
const READS: [&str; 3] = ["/api/users/me", "/api/dashboard/overview/", "/api/bookings/my-bookings"];

async fn expect_all(client: &Client, status: u16) {
    for path in READS {
        let answer = client.get(path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
    }
}

/// Logs in, and uses the token, so that it is remembered wherever it can be.
async fn used_session(app: &App, email: &str) -> (Client, Value) {
    let session = login(app, email, PASSWORD).await.expect(200);
    let client = app.with_token(text(&session, "access"));
    expect_all(&client, 200).await;
    (client, session)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_ends_the_access_tokens_of_its_session_and_no_others() {
    let app = App::start().await;
    let email = registered(&app).await;
    let (first, session) = used_session(&app, &email).await;
    let (second, _) = used_session(&app, &email).await;
    let refreshed = app.anonymous().post("/api/auth/refresh", json!({"refresh": session["refresh"]})).await.expect(200);
    let successor = app.with_token(text(&refreshed, "access"));
    expect_all(&successor, 200).await;

    app.anonymous().post("/api/auth/logout", json!({"refresh": refreshed["refresh"]})).await.expect(204);
    expect_all(&first, 401).await;
    expect_all(&successor, 401).await;
    expect_all(&second, 200).await;

    // Without a refresh token all sessions end.
    let (third, _) = used_session(&app, &email).await;
    second.send(Method::POST, "/api/auth/logout", None).await.expect(204);
    expect_all(&second, 401).await;
    expect_all(&third, 401).await;
    used_session(&app, &email).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_ends_every_access_token() {
    let app = App::start().await;
    let email = registered(&app).await;
    let (first, _) = used_session(&app, &email).await;
    let (second, _) = used_session(&app, &email).await;
    first.patch("/api/users/me", json!({"password": "another fine evening", "current_password": PASSWORD})).await.expect(200);
    expect_all(&first, 401).await;
    expect_all(&second, 401).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dismissal_ends_access_tokens_for_good() {
    let app = App::start().await;
    let admin = app.admin().await;
    let email = registered(&app).await;
    let (client, session) = used_session(&app, &email).await;
    let user = format!("/v0/api/users/users/{}/", text(&session["user"], "id"));
    admin.delete(&user).await.expect(204);
    expect_all(&client, 401).await;
    admin.patch(&user, json!({"is_active": true})).await.expect(200);
    expect_all(&client, 401).await;
    used_session(&app, &email).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_stolen_refresh_token_ends_the_access_tokens_of_its_family() {
    let Some(app) = App::embedded(&[]).await else { return };
    let email = registered(&app).await;
    let (first, session) = used_session(&app, &email).await;
    let (other, _) = used_session(&app, &email).await;
    let refresh = json!({"refresh": session["refresh"]});
    let refreshed = app.anonymous().post("/api/auth/refresh", refresh.clone()).await.expect(200);
    let second = app.with_token(text(&refreshed, "access"));
    expect_all(&second, 200).await;
    app.advance(Duration::from_secs(11));
    app.anonymous().post("/api/auth/refresh", refresh).await.expect_problem(401);
    expect_all(&first, 401).await;
    expect_all(&second, 401).await;
    expect_all(&other, 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_session_sends_no_more_readings() {
    let app = App::start().await;
    let (email, password) = app.new_user("operator", json!({})).await;
    let place = app.place(0).await;
    let device = app.new_device(&place, None).await;
    let event = |plus: i64| json!({"device_code": device, "is_occupied": true, "timestamp": app.time(plus)});
    let send = async |client: &Client, from: i64, status: u16| {
        client.post("/api/telemetry/", app.reading(&device, from)).await.expect(status);
        let bulk = client.post("/api/telemetry/bulk/", json!([app.reading(&device, from - 1)])).await;
        bulk.expect(if status == 201 { 200 } else { status });
        client.post("/api/parking-log/", event(from)).await.expect(status);
    };
    let session = login(&app, &email, &password).await.expect(200);
    let client = app.with_token(text(&session, "access"));
    send(&client, -10, 201).await;
    app.anonymous().post("/api/auth/logout", json!({"refresh": session["refresh"]})).await.expect(204);
    // At once, although the path of the readings remembers who a caller is.
    send(&client, -20, 401).await;
    let stored: i64 = app
        .db()
        .query_row("select count(*) from readings r join devices d on d.id = r.device_id where d.code = ?", [&device], |row| row.get(0))
        .unwrap();
    assert_eq!(stored, 2, "what was refused changed nothing");

    // Of a session that lives, an unknown device is still an unknown device.
    let client = app.login(&email, &password).await;
    client.post("/api/telemetry/", app.reading("NO-SUCH-DEVICE", -30)).await.expect_problem(404);
    client.post("/api/telemetry/bulk/", json!([app.reading("NO-SUCH-DEVICE", -30)])).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn an_access_token_does_not_outlive_its_refresh_token() {
    let Some(app) = App::embedded(&[("refresh_token_seconds", "60")]).await else { return };
    let email = registered(&app).await;
    assert_eq!(login(&app, &email, PASSWORD).await.expect(200)["expires_in"], 60);
}
