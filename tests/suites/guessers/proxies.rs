//! Behind a proxy every client has its own address, which it does not choose.

use gatehouse_tests::App;
use reqwest::Method;
use serde_json::json;

use super::{BEHIND_A_PROXY, PASSWORD, at, guess_until_locked, login, registered};

/// More than one address may make in a minute.
const FLOOD: usize = 700;

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn malformed_logins_shut_nobody_out() {
    let Some(app) = App::embedded(&BEHIND_A_PROXY).await else { return };
    let (attacker, owner) = (at(&app, "203.0.113.9"), at(&app, "198.51.100.7"));
    let email = registered(&owner).await;
    for number in 0..FLOOD {
        let body = if number % 2 == 0 { "{\"email\": 5}" } else { "{\"email\":" };
        let answer = attacker.send_bytes(Method::POST, "/api/auth/login", "application/json", body).await;
        answer.expect_problem(if number % 2 == 0 { 422 } else { 400 });
    }
    login(&owner, &email, PASSWORD).await.expect(200);
    // Not even those who share the address.
    login(&attacker, &email, PASSWORD).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn each_client_has_a_limit_of_its_own() {
    let Some(app) = App::embedded(&BEHIND_A_PROXY).await else { return };
    let (attacker, other) = (at(&app, "203.0.113.9"), at(&app, "198.51.100.7"));
    // Well-formed, and refused before anything costly is done.
    let (admin, _) = app.admin_credentials();
    let body = json!({"email": admin, "password": PASSWORD, "name": "Mallory"});
    let mut limited = false;
    // The count starts anew with each minute, so it may begin twice.
    for _ in 0..=2 * FLOOD {
        let answer = attacker.post("/api/auth/register", body.clone()).await;
        if answer.status == 429 {
            limited = true;
            break;
        }
        answer.expect_problem(409);
    }
    assert!(limited, "no limit was met");
    other.post("/api/auth/register", body).await.expect_problem(409);
    registered(&other).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn wrong_passwords_of_a_stranger_do_not_lock_the_owner_out() {
    let Some(app) = App::embedded(&BEHIND_A_PROXY).await else { return };
    let owner = at(&app, "198.51.100.7, 127.0.0.5");
    let email = registered(&owner).await;
    guess_until_locked(&at(&app, "203.0.113.9"), &email).await;
    login(&owner, &email, PASSWORD).await.expect(200);
    // What a client claims for itself stands to the left of what the proxy has seen.
    for claimed in ["198.51.100.7, 203.0.113.9", "127.0.0.1, 203.0.113.9", "nonsense\", 203.0.113.9, 127.0.0.1"] {
        login(&at(&app, claimed), &email, PASSWORD).await.expect_problem(429);
    }
    // Only the header that the proxies write is read.
    let liar = at(&app, "203.0.113.9").header("forwarded", "for=198.51.100.8");
    login(&liar, &email, PASSWORD).await.expect_problem(429);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_subscriber_of_ipv6_is_one_client() {
    let Some(app) = App::embedded(&BEHIND_A_PROXY).await else { return };
    let email = registered(&at(&app, "2001:db8:5::1")).await;
    guess_until_locked(&at(&app, "2001:db8:7:7::1"), &email).await;
    login(&at(&app, "2001:db8:7:7:a:b:c:d"), &email, PASSWORD).await.expect_problem(429);
    login(&at(&app, "2001:db8:7:8::1"), &email, PASSWORD).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn proxies_may_write_forwarded_instead() {
    let Some(app) = App::embedded(&[("trusted_proxies", "127.0.0.1"), ("proxy_header", "Forwarded")]).await else { return };
    let at = |element: &str| app.anonymous().header("forwarded", element);
    let email = registered(&at("for=198.51.100.7")).await;
    guess_until_locked(&at(r#"for="[2001:db8:7:7::1]:4711";proto=https"#), &email).await;
    login(&at(r#"for=198.51.100.7, for="[2001:db8:7:7::2]""#), &email, PASSWORD).await.expect_problem(429);
    login(&at("for=198.51.100.7;proto=http").header("x-forwarded-for", "2001:db8:7:7::1"), &email, PASSWORD).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn browsers_are_told_to_come_by_https_when_a_trusted_proxy_says_that_they_did() {
    const PATHS: [&str; 4] = ["/health", "/api/sites", "/console/", "/nothing-here"];
    let hsts = async |app: &App, proto: &str| {
        let mut values = Vec::new();
        for path in PATHS {
            let answer = app.anonymous().header("x-forwarded-proto", proto).get(path).await;
            values.push(answer.header("strict-transport-security").to_owned());
        }
        values
    };
    let year = vec!["max-age=31536000".to_owned(); PATHS.len()];
    let none = vec![String::new(); PATHS.len()];
    let Some(app) = App::embedded(&BEHIND_A_PROXY).await else { return };
    assert_eq!(hsts(&app, "https").await, year);
    assert_eq!(hsts(&app, "http").await, none);
    // Who is no proxy is not believed.
    let Some(app) = App::embedded(&[]).await else { return };
    assert_eq!(hsts(&app, "https").await, none);
    let Some(app) = App::embedded(&[("hsts", "always")]).await else { return };
    assert_eq!(hsts(&app, "http").await, year);
}
