//! Ten failures in 15 minutes lock the account-and-address pair for 15 minutes; the lock outlives a restart.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use gatehouse_tests::App;
use serde_json::json;

use super::{PASSWORD, address, login, registered};

const WRONG: &str = "seven lanterns by the sea";
const MINUTE: Duration = Duration::from_secs(60);

async fn fail_logins(app: &App, email: &str, times: usize) {
    for _ in 0..times {
        login(app, email, WRONG).await.expect_problem(401);
    }
}

/// The status of a sign-in from another address of this machine.
async fn login_from_elsewhere(app: &App, email: &str) -> u16 {
    let http = reqwest::Client::builder().local_address(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2))).build().expect("a client");
    let request = http.post(format!("{}/api/auth/login", app.base_url())).json(&json!({"email": email, "password": PASSWORD}));
    request.send().await.expect("an answer").status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn ten_failures_lock_the_pair_even_for_the_right_password() {
    let Some(app) = App::embedded(&[]).await else { return };
    let (email, other) = (registered(&app).await, registered(&app).await);
    fail_logins(&app, &email, 9).await;
    login(&app, &email, PASSWORD).await.expect(200);
    // The success cleared the nine.
    fail_logins(&app, &email, 10).await;
    for password in [WRONG, PASSWORD] {
        let locked = login(&app, &email.to_uppercase(), password).await;
        locked.expect_problem(429);
        let seconds: i64 = locked.header("retry-after").parse().expect("seconds");
        assert!((840..=900).contains(&seconds), "{seconds}");
    }
    // The pair, not the account and not the address.
    login(&app, &other, PASSWORD).await.expect(200);
    assert_eq!(login_from_elsewhere(&app, &email).await, 200);
    login(&app, &email, PASSWORD).await.expect_problem(429);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_client_does_not_choose_its_address() {
    let Some(app) = App::embedded(&[]).await else { return };
    let email = registered(&app).await;
    fail_logins(&app, &email, 10).await;
    for header in ["spin-client-addr", "x-forwarded-for", "forwarded", "x-real-ip"] {
        let liar = app.anonymous().header(header, "203.0.113.9:4711");
        liar.post("/api/auth/login", json!({"email": email, "password": PASSWORD})).await.expect_problem(429);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn an_unknown_account_locks_just_so() {
    let Some(app) = App::embedded(&[]).await else { return };
    let email = address();
    fail_logins(&app, &email, 10).await;
    login(&app, &email, WRONG).await.expect_problem(429);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn the_lock_ends_after_fifteen_minutes_and_outlives_a_restart() {
    let Some(app) = App::embedded(&[]).await else { return };
    let email = registered(&app).await;
    fail_logins(&app, &email, 10).await;
    let app = app.restart().await;
    login(&app, &email, PASSWORD).await.expect_problem(429);
    app.advance(14 * MINUTE);
    login(&app, &email, PASSWORD).await.expect_problem(429);
    app.advance(MINUTE + Duration::from_secs(1));
    login(&app, &email, PASSWORD).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn failures_spread_wider_than_fifteen_minutes_lock_nothing() {
    let Some(app) = App::embedded(&[]).await else { return };
    let email = registered(&app).await;
    fail_logins(&app, &email, 9).await;
    app.advance(15 * MINUTE);
    fail_logins(&app, &email, 9).await;
    login(&app, &email, PASSWORD).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn guesses_at_once_do_not_slip_past_the_lock() {
    let Some(app) = App::embedded(&[]).await else { return };
    let email = registered(&app).await;
    let answers = futures::future::join_all((0..30).map(|_| login(&app, &email, WRONG))).await;
    let count = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((count(401), count(429)), (10, 20));
    login(&app, &email, PASSWORD).await.expect_problem(429);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn an_owner_who_signs_in_many_times_at_once_is_not_locked_out() {
    let Some(app) = App::embedded(&[]).await else { return };
    let email = registered(&app).await;
    for answer in futures::future::join_all((0..24).map(|_| login(&app, &email, PASSWORD))).await {
        answer.expect(200);
    }
}
