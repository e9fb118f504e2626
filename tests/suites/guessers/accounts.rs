//! Accounts do not come without end, and one that nobody reads the mail of books nothing where that is asked for.

use std::time::Duration;

use futures::future::join_all;
use gatehouse_tests::{App, Response};
use serde_json::json;

use super::{BEHIND_A_PROXY, PASSWORD, at, login, new_address, registered};

async fn register(app: &App, address: &str) -> Response {
    at(app, address).post("/api/auth/register", json!({"email": new_address(), "password": PASSWORD, "name": "Asha Patel"})).await
}

fn accounts(app: &App) -> i64 {
    app.db().query_row("select count(*) from users", [], |row| row.get(0)).expect("a count")
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn one_address_registers_so_many_accounts_in_an_hour() {
    let variables = [BEHIND_A_PROXY[0], ("registrations_per_hour", "5")];
    let Some(app) = App::embedded(&variables).await else { return };
    // The first request makes the schema.
    app.admin().await;
    let before = accounts(&app);
    // However many come at the same time.
    let answers = join_all((0..12).map(|_| register(&app, "203.0.113.9"))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 5);
    for refused in answers.iter().filter(|answer| answer.status != 201) {
        refused.expect_problem(429);
        assert_eq!(refused.header("retry-after"), "3600");
    }
    assert_eq!(accounts(&app), before + 5, "what was refused made nothing");
    register(&app, "198.51.100.7").await.expect(201);
    app.advance(Duration::from_secs(3_601));
    register(&app, "203.0.113.9").await.expect(201);
    app.internal("/internal/tick/auth").await.expect(200);
    let counted: i64 = app.db().query_row("select count(*) from registrations", [], |row| row.get(0)).expect("a count");
    assert_eq!(counted, 1, "what does not count any more is removed");

    let Some(app) = App::embedded(&[("registrations_per_hour", "0")]).await else { return };
    for _ in 0..3 {
        registered(&app.anonymous()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn nothing_is_hashed_for_an_address_that_has_an_account() {
    let Some(app) = App::embedded(&[]).await else { return };
    let taken = registered(&app.anonymous()).await;
    let quickest = async |email: &dyn Fn() -> String, status: u16| {
        let mut quickest = Duration::MAX;
        for _ in 0..8 {
            let body = json!({"email": email(), "password": PASSWORD, "name": "Asha Patel"});
            let began = std::time::Instant::now();
            assert_eq!(app.anonymous().post("/api/auth/register", body).await.status, status);
            quickest = quickest.min(began.elapsed());
        }
        quickest
    };
    let (refused, made) = (quickest(&|| taken.to_uppercase(), 409).await, quickest(&new_address, 201).await);
    assert!(refused * 2 < made, "a refusal took {refused:?}, an account {made:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn where_addresses_are_to_be_confirmed_nobody_books_or_reserves_before() {
    const CONFIRM: &str = "/api/users/me/email/confirm";
    let Some(app) = App::embedded(&[("confirm_email", "true")]).await else { return };
    let place = app.place(1).await;
    let email = registered(&app.anonymous()).await;
    let session = login(&app.anonymous(), &email, PASSWORD).await.expect(200);
    let visitor = app.with_token(session["access"].as_str().expect("a token"));
    let day = &app.time(86_400)[..10];
    let booking = json!({"temple_id": "somnath", "date": day, "slot": "06:00-07:00", "party_size": 1});
    let stay = json!({"spot_id": place.spots[0], "start": app.time(3_600), "end": app.time(7_200), "vehicle_plate": "GJ01AB1234"});
    for (path, body) in [("/api/bookings/", &booking), ("/api/bookings/waitlist", &booking), ("/api/reservations", &stay)] {
        let refused = visitor.post(path, body.clone()).await.expect_problem(403);
        assert_eq!(refused["reason"], "email_unconfirmed", "{path}");
    }
    let code = || -> String {
        let sql = "select payload ->> 'message' from outbox where topic = 'account.email_code' and mail_to = ? order by id desc limit 1";
        let message: String = app.db().query_row(sql, [&email], |row| row.get(0)).expect("a code was mailed");
        message.split(' ').next().expect("a word").to_owned()
    };
    let first = code();
    // A new one makes the first void.
    let sent = visitor.post("/api/users/me/email/code", json!({})).await.expect(202);
    assert_eq!(sent["email"], email);
    if code() != first {
        visitor.post(CONFIRM, json!({"code": first})).await.expect_invalid(&["code"]);
    }
    assert!(visitor.get("/api/users/me").await.expect(200)["email_confirmed_at"].is_null());
    visitor.post(CONFIRM, json!({"code": code()})).await.expect(200);
    assert!(visitor.get("/api/users/me").await.expect(200)["email_confirmed_at"].is_string());
    visitor.post("/api/reservations", stay.clone()).await.expect(201);
    assert_ne!(visitor.post("/api/bookings/", booking.clone()).await.status, 403);
    // Whom an administrator made, and staff, need no code.
    let other = app.visitor().await;
    assert_eq!(other.post("/api/reservations", stay.clone()).await.expect_problem(409)["reason"], "taken");
    assert_eq!(app.operator().await.post("/api/reservations", stay).await.expect_problem(409)["reason"], "taken");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn codes_that_are_asked_for_again_and_again_are_refused() {
    let Some(app) = App::embedded(&[]).await else { return };
    let visitor = app.visitor().await;
    for _ in 0..5 {
        visitor.post("/api/users/me/email/code", json!({})).await.expect(202);
    }
    visitor.post("/api/users/me/email/code", json!({})).await.expect_problem(429);
    app.anonymous().post("/api/users/me/email/code", json!({})).await.expect_problem(401);
}
