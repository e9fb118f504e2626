//! A device that an account has used before is not shut out by what others try.

use std::time::Duration;

use gatehouse_tests::{App, Client};
use serde_json::json;

use super::{BEHIND_A_PROXY, PASSWORD, WRONG, at, guess_until_locked, login, registered};

/// Signs in, and keeps the cookie as a browser does: the caller with it, and what else `Set-Cookie` says.
async fn known(client: &Client, email: &str) -> (Client, String) {
    known_by(client, email, PASSWORD).await
}

/// The same with another password.
async fn known_by(client: &Client, email: &str, password: &str) -> (Client, String) {
    let answer = login(client, email, password).await;
    answer.expect(200);
    let (cookie, attributes) = answer.header("set-cookie").split_once(';').expect("a cookie");
    (client.header("cookie", &format!("theme=dark; {cookie}")), attributes.to_owned())
}

/// As many failures of the account as shut it to new devices, less one, each from an address of its own.
fn fail_from_everywhere(app: &App, email: &str) {
    let (db, now) = (app.db(), app.now_ms());
    for number in 1..100 {
        let failure = (email, format!("192.0.2.{number}"), now - 1_000);
        db.execute("insert into login_failures (account, address, at) values (?, ?, ?)", failure).expect("SQL");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn who_shares_an_address_with_a_guesser_signs_in_on_a_known_device() {
    let Some(app) = App::embedded(&[]).await else { return };
    let email = registered(&app.anonymous()).await;
    let (browser, attributes) = known(&app.anonymous(), &email).await;
    assert_eq!(attributes, " Path=/api; Max-Age=15552000; HttpOnly; SameSite=Strict");
    guess_until_locked(&app.anonymous(), &email).await;
    login(&app.anonymous(), &email, PASSWORD).await.expect_problem(429);
    login(&browser, &email, PASSWORD).await.expect(200);
    // A device that is stolen has ten guesses too, and they are not the address's.
    let other = registered(&app.anonymous()).await;
    let (stolen, _) = known(&app.anonymous(), &other).await;
    guess_until_locked(&stolen, &other).await;
    login(&app.anonymous(), &other, PASSWORD).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_cookie_is_for_its_own_account_and_cannot_be_made_up() {
    let Some(app) = App::embedded(&[]).await else { return };
    let (email, mine) = (registered(&app.anonymous()).await, registered(&app.anonymous()).await);
    let answer = login(&app.anonymous(), &email, PASSWORD).await;
    let (name, value) = answer.header("set-cookie").split(';').next().and_then(|it| it.split_once('=')).expect("a cookie");
    let of_mine = login(&app.anonymous(), &mine, PASSWORD).await;
    let (_, value_of_mine) = of_mine.header("set-cookie").split(';').next().and_then(|it| it.split_once('=')).expect("a cookie");
    guess_until_locked(&app.anonymous(), &email).await;
    for forged in [value_of_mine, &value[1..], &"A".repeat(value.len()), ""] {
        let liar = app.anonymous().header("cookie", &format!("{name}={forged}"));
        login(&liar, &email, PASSWORD).await.expect_problem(429);
    }
    login(&app.anonymous().header("cookie", &format!("{name}={value}")), &email, PASSWORD).await.expect(200);
    // It is known for 180 days.
    app.advance(Duration::from_secs(180 * 86_400));
    guess_until_locked(&app.anonymous(), &email).await;
    login(&app.anonymous().header("cookie", &format!("{name}={value}")), &email, PASSWORD).await.expect_problem(429);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn guesses_from_everywhere_shut_an_account_to_new_devices_alone() {
    let Some(app) = App::embedded(&BEHIND_A_PROXY).await else { return };
    let home = at(&app, "198.51.100.7");
    let email = registered(&home).await;
    let (phone, _) = known(&home, &email).await;
    fail_from_everywhere(&app, &email);
    login(&at(&app, "203.0.113.1"), &email, WRONG).await.expect_problem(401);
    // That was the hundredth.
    let shut = login(&at(&app, "203.0.113.2"), &email, PASSWORD).await;
    shut.expect_problem(429);
    let seconds: i64 = shut.header("retry-after").parse().expect("seconds");
    assert!((3_590..=3_600).contains(&seconds), "{seconds}");
    login(&home, &email, PASSWORD).await.expect(200);
    login(&phone.header("x-forwarded-for", "203.0.113.3"), &email, PASSWORD).await.expect(200);
    // An account that does not exist is shut just so.
    fail_from_everywhere(&app, "nobody@example.com");
    login(&at(&app, "203.0.113.1"), "nobody@example.com", WRONG).await.expect_problem(401);
    login(&at(&app, "203.0.113.2"), "nobody@example.com", WRONG).await.expect_problem(429);
    app.advance(Duration::from_secs(3_601));
    login(&at(&app, "203.0.113.2"), &email, PASSWORD).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn where_a_session_was_refreshed_is_known_as_well() {
    let Some(app) = App::embedded(&BEHIND_A_PROXY).await else { return };
    let email = registered(&at(&app, "198.51.100.7")).await;
    let session = login(&at(&app, "198.51.100.7"), &email, PASSWORD).await.expect(200);
    let abroad = at(&app, "198.51.100.99");
    abroad.post("/api/auth/refresh", json!({"refresh": session["refresh"]})).await.expect(200);
    fail_from_everywhere(&app, &email);
    login(&at(&app, "203.0.113.1"), &email, WRONG).await.expect_problem(401);
    login(&at(&app, "203.0.113.2"), &email, PASSWORD).await.expect_problem(429);
    login(&abroad, &email, PASSWORD).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_new_password_and_the_end_of_all_sessions_forget_devices() {
    const NEW: &str = "another fine evening by the sea";
    let Some(app) = App::embedded(&BEHIND_A_PROXY).await else { return };
    let home = at(&app, "198.51.100.7");
    let email = registered(&home).await;
    // Somebody who got the password signs in with it: that device is known from then on, by its cookie and by its address.
    let thief = at(&app, "203.0.113.9");
    let (thiefs_phone, _) = known(&thief, &email).await;
    let session = login(&home, &email, PASSWORD).await.expect(200);
    let owner = app.with_token(session["access"].as_str().expect("a token")).header("x-forwarded-for", "198.51.100.7");
    owner.patch("/api/users/me", json!({"current_password": PASSWORD, "password": NEW})).await.expect(200);
    fail_from_everywhere(&app, &email);
    login(&at(&app, "203.0.113.1"), &email, WRONG).await.expect_problem(401);
    for device in [&thief, &thiefs_phone, &home] {
        login(device, &email, NEW).await.expect_problem(429);
    }

    app.advance(Duration::from_secs(3_601));
    // A device that signs in with the new one is known, until all sessions are ended.
    let (phone, _) = known_by(&home, &email, NEW).await;
    fail_from_everywhere(&app, &email);
    login(&at(&app, "203.0.113.1"), &email, WRONG).await.expect_problem(401);
    let session = login(&phone, &email, NEW).await.expect(200);
    app.with_token(session["access"].as_str().expect("a token")).post("/api/auth/logout", json!({})).await.expect(204);
    for device in [&phone, &home] {
        login(device, &email, NEW).await.expect_problem(429);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn guesses_at_many_accounts_shut_an_address_for_a_minute_to_unknown_devices_alone() {
    let Some(app) = App::embedded(&BEHIND_A_PROXY).await else { return };
    let venue = at(&app, "203.0.113.9");
    let email = registered(&venue).await;
    let (phone, _) = known(&venue, &email).await;
    let guesses = (0..80).map(|number| {
        let venue = venue.clone();
        async move { login(&venue, &format!("guest{number}@example.com"), WRONG).await.status }
    });
    let statuses = futures::future::join_all(guesses).await;
    let count = |status| statuses.iter().filter(|it| **it == status).count();
    assert_eq!((count(401), count(429)), (60, 20), "no more than sixty learn anything");
    let shut = login(&venue, &email, PASSWORD).await;
    shut.expect_problem(429);
    let seconds: i64 = shut.header("retry-after").parse().expect("seconds");
    assert!((1..=60).contains(&seconds), "{seconds}");
    login(&phone, &email, PASSWORD).await.expect(200);
    login(&at(&app, "198.51.100.7"), &email, PASSWORD).await.expect(200);
    app.advance(Duration::from_secs(61));
    login(&venue, &email, PASSWORD).await.expect(200);
}
