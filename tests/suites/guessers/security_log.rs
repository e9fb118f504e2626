//! Whoever watches the log sees attacks, and neither passwords nor names.

use gatehouse_tests::process::Process;
use reqwest::Method;
use serde_json::{Value, json};

use super::{BEHIND_A_PROXY, PASSWORD, WRONG, at, guess_until_locked, login, new_address, registered};

/// The newest security line of this event, whose reason has these words.
fn find<'a>(lines: &'a [Value], event: &str, reason: &str) -> &'a Value {
    let found = lines.iter().rfind(|line| line["event"] == event && line["reason"].as_str().is_some_and(|it| it.contains(reason)));
    found.unwrap_or_else(|| panic!("no {event} for {reason} in {lines:#?}"))
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn failed_sign_ins_refused_roles_and_what_was_revoked_are_security_events() {
    let directory = tempfile::tempdir().expect("a directory");
    let process = Process::start(directory.path(), &BEHIND_A_PROXY);
    let (app, guesser) = (&process.app, at(&process.app, "203.0.113.9"));
    let email = registered(&at(app, "198.51.100.7")).await;
    let session = login(&at(app, "198.51.100.7"), &email, PASSWORD).await.expect(200);
    let user = session["user"]["id"].as_str().expect("an id");
    let token = session["access"].as_str().expect("a token");
    login(&guesser, &email, WRONG).await.expect_problem(401);
    let unknown = new_address();
    guess_until_locked(&guesser, &unknown).await;
    let visitor = app.with_token(token).header("x-forwarded-for", "198.51.100.7");
    visitor.get("/v0/api/users/users/").await.expect_problem(403);
    visitor.patch("/api/users/me", json!({"password": "another fine evening", "current_password": WRONG})).await.expect_problem(422);
    let refresh = json!({"refresh": session["refresh"]});
    app.anonymous().post("/api/auth/logout", refresh.clone()).await.expect(204);
    visitor.get("/api/users/me").await.expect_problem(401);
    visitor.post("/api/auth/refresh", refresh).await.expect_problem(401);

    let place = app.place(0).await;
    let code = app.new_device(&place, None).await;
    let admin = app.admin().await;
    let credential = admin.post(&format!("/api/devices/{code}/credentials"), json!({})).await.expect(201);
    let (id, key) = (credential["id"].as_str().expect("an id"), credential["key"].as_str().expect("a key"));
    admin.send(Method::DELETE, &format!("/api/devices/{code}/credentials/{id}"), None).await.expect(204);
    let device = app.with_token(key).header("x-forwarded-for", "198.51.100.50");
    device.post("/api/telemetry/", app.reading(&code, 0)).await.expect_problem(401);
    app.with_token("ghd_invented").post("/api/telemetry/", app.reading(&code, 0)).await.expect_problem(401);

    let log = process.log();
    for secret in [email.as_str(), &unknown, PASSWORD, WRONG, token, key] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
    let lines: Vec<Value> =
        log.lines().filter_map(|line| serde_json::from_str(line).ok()).filter(|line: &Value| line["message"] == "security").collect();
    let of = |event: &str, reason: &str| find(&lines, event, reason);
    let failed = of("authn_login_fail", "wrong_password");
    assert_eq!(
        (failed["account"].as_str(), failed["address"].as_str(), failed["status"].as_u64()),
        (Some(user), Some("203.0.113.9"), Some(401))
    );
    assert!(failed["request_id"].is_string() && failed["ts"].is_string() && failed["path"] == "/api/auth/login");
    let nobody = of("authn_login_fail", "unknown_account")["account"].as_str().expect("a pseudonym");
    assert!(nobody.starts_with("name:"), "{nobody}");
    assert_eq!(of("authn_login_lock", "source")["account"], nobody, "the same name has the same pseudonym");
    let refused = of("authz_fail", "role");
    assert_eq!((refused["account"].as_str(), refused["address"].as_str()), (Some(user), Some("198.51.100.7")));
    assert_eq!(of("authn_password_change_fail", "wrong_password")["account"], user);
    let ended: Vec<_> = lines.iter().filter(|line| line["reason"] == "session_ended").map(|line| line["path"].clone()).collect();
    assert_eq!(ended, ["/api/users/me", "/api/auth/refresh"]);
    let revoked = of("authn_token_reuse", "revoked_key");
    assert_eq!((revoked["account"].as_str(), revoked["address"].as_str()), (Some(&*format!("device:{code}")), Some("198.51.100.50")));
    of("authn_login_fail", "unknown_key");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_flood_of_refusals_does_not_flood_the_security_log() {
    let directory = tempfile::tempdir().expect("a directory");
    let process = Process::start(directory.path(), &[]);
    let visitor = process.app.visitor().await;
    for _ in 0..600 {
        visitor.get("/v0/api/users/users/").await.expect_problem(403);
    }
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    visitor.get("/v0/api/users/users/").await.expect_problem(403);
    let log = process.log();
    let lines: Vec<Value> =
        log.lines().filter_map(|line| serde_json::from_str(line).ok()).filter(|line: &Value| line["event"] == "authz_fail").collect();
    let left_out: u64 = lines.iter().filter_map(|line| line["left_out"].as_u64()).sum();
    assert!(lines.len() < 601 && left_out > 0, "{} lines, {left_out} left out", lines.len());
    assert_eq!(lines.len() as u64 + left_out, 601, "each is written or counted");
}
