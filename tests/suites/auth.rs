//! Accounts and tokens (docs/reference/rules.md). Registration and sign-in here; tokens, refresh and the lock in the modules.

use gatehouse_tests::{App, Response, unique};
use reqwest::Method;
use serde_json::{Value, json};

#[path = "auth/access_tokens.rs"]
mod access_tokens;
#[path = "auth/cookie.rs"]
mod cookie;
#[path = "auth/lockout.rs"]
mod lockout;
#[path = "auth/refresh.rs"]
mod refresh;
#[path = "auth/sessions.rs"]
mod sessions;

const PASSWORD: &str = "seven lanterns by the river";

fn address() -> String {
    format!("{}@example.com", unique("pilgrim"))
}

async fn register(app: &App, body: Value) -> Response {
    app.anonymous().post("/api/auth/register", body).await
}

/// A registered visitor's address; the password is [`PASSWORD`].
async fn registered(app: &App) -> String {
    let email = address();
    register(app, json!({"email": email, "password": PASSWORD, "name": "Asha Patel"})).await.expect(201);
    email
}

async fn login(app: &App, email: &str, password: &str) -> Response {
    app.anonymous().post("/api/auth/login", json!({"email": email, "password": password})).await
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_oauth_client_logs_in_with_a_form_and_reads_its_access_token() {
    let app = App::start().await;
    let email = registered(&app).await;
    let form = |username: &str, password: &str| {
        format!("grant_type=password&scope=&username={}&password={}", username.replace('@', "%40"), password.replace(' ', "+"))
    };
    let send = async |path: &str, body: String| {
        app.anonymous().send_bytes(Method::POST, path, "application/x-www-form-urlencoded; charset=utf-8", body).await
    };
    for path in ["/api/auth/login", "/api/auth/login/", "/v0/api/users/auth/login/"] {
        let session = send(path, form(&email, PASSWORD)).await.expect(200);
        assert_eq!((&session["access_token"], text(&session, "token_type")), (&session["access"], "Bearer"), "{path}");
        app.with_token(text(&session, "access_token")).get("/api/users/me").await.expect(200);
        let next = app.anonymous().post("/api/auth/refresh", json!({"refresh": session["refresh"]})).await.expect(200);
        assert!(next["access_token"].is_string() && next["access_token"] == next["access"], "a refresh answers with the same names");
    }
    let wrong = send("/api/auth/login", form(&email, "seven lanterns")).await.expect_problem(401);
    assert_eq!(wrong["status"], 401);
    send("/api/auth/login", "username=&colour=red".to_owned()).await.expect_invalid(&["email", "password"]);
    // Only here: elsewhere a form is no body.
    send("/api/auth/refresh", "refresh=x".to_owned()).await.expect_problem(415);
}

#[tokio::test(flavor = "multi_thread")]
async fn anyone_registers_as_a_visitor() {
    let app = App::start().await;
    let email = address();
    let body =
        json!({"email": email.to_uppercase(), "password": PASSWORD, "name": "Asha Patel", "phone": "+91 98765 43210", "role": "admin"});
    let answer = register(&app, body).await;
    let user = answer.expect(201);
    let mut fields: Vec<_> = user.as_object().expect("an object").keys().collect();
    fields.sort();
    assert_eq!(fields, ["created_at", "email", "id", "name", "phone", "role"]);
    assert_eq!((text(&user, "email"), text(&user, "role"), text(&user, "phone")), (email.as_str(), "visitor", "+919876543210"));
    assert_eq!(uuid::Uuid::parse_str(text(&user, "id")).map(|id| id.get_version_num()), Ok(7));
    assert!(chrono::DateTime::parse_from_rfc3339(text(&user, "created_at")).is_ok());
    assert_eq!(answer.header("cache-control"), "no-store");
    login(&app, &email, PASSWORD).await.expect(200);

    let without_phone = json!({"email": address(), "password": PASSWORD, "name": "B"});
    let user = app.anonymous().post("/api/auth/register/", without_phone).await.expect(201);
    assert_eq!(user["phone"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_field_of_a_registration_is_named() {
    let app = App::start().await;
    register(&app, json!({})).await.expect_invalid(&["email", "name", "password"]);
    let bad = json!({"email": "nobody", "password": "short", "name": " ", "phone": "call me"});
    register(&app, bad).await.expect_invalid(&["email", "name", "password", "phone"]);
    let types = json!({"email": 1, "password": [], "name": {}, "phone": true});
    register(&app, types).await.expect_invalid(&["email", "name", "password", "phone"]);
    let nulls = json!({"email": null, "password": null, "name": null, "phone": null});
    register(&app, nulls).await.expect_invalid(&["email", "name", "password"]);
    for password in
        ["password1234", "qwertyuiop12", "aaaaaaaaaaaaaaa", "letmeinletmein", "Asha Patel 1234", "elevenchars", &"x y".repeat(400)]
    {
        let body = json!({"email": address(), "password": password, "name": "Asha Patel"});
        let problem = register(&app, body).await.expect_invalid(&["password"]);
        assert!(!problem.to_string().contains(password), "a password is never repeated");
    }
    register(&app, json!("text")).await.expect_problem(422);
    let anonymous = app.anonymous();
    anonymous.send_bytes(Method::POST, "/api/auth/register", "application/json", "{\"email\":").await.expect_problem(400);
    anonymous.send_bytes(Method::POST, "/api/auth/register", "application/json", "").await.expect_problem(400);
    anonymous.send_bytes(Method::POST, "/api/auth/register", "text/plain", "{}").await.expect_problem(415);
    let wrong_method = anonymous.get("/api/auth/register").await;
    wrong_method.expect_problem(405);
    assert_eq!(wrong_method.header("allow"), "POST");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_one_account_however_many_ask_at_once() {
    let app = App::start().await;
    let email = address();
    let all = (0..8).map(|number| {
        let email = if number % 2 == 0 { email.clone() } else { email.to_uppercase() };
        register(&app, json!({"email": email, "password": PASSWORD, "name": format!("Person {number}")}))
    });
    let mut statuses: Vec<_> = futures::future::join_all(all).await.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
    register(&app, json!({"email": email, "password": PASSWORD, "name": "Late"})).await.expect_problem(409);
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_gives_both_tokens() {
    let app = App::start().await;
    let email = registered(&app).await;
    let answer = login(&app, &email.to_uppercase(), PASSWORD).await;
    let session = answer.expect(200);
    let mut fields: Vec<_> = session.as_object().expect("an object").keys().collect();
    fields.sort();
    assert_eq!(fields, ["access", "access_token", "expires_in", "refresh", "token_type", "user"]);
    assert_eq!((text(&session, "token_type"), session["expires_in"].as_i64()), ("Bearer", Some(900)));
    assert_eq!((text(&session["user"], "email"), text(&session["user"], "role")), (email.as_str(), "visitor"));
    assert_eq!(answer.header("cache-control"), "no-store");
    let me = app.with_token(text(&session, "access")).get("/api/users/me").await.expect(200);
    assert_eq!(me["id"], session["user"]["id"]);

    let anonymous = app.anonymous();
    let by_name = json!({"username": email, "password": PASSWORD});
    assert!(
        anonymous.post("/api/auth/login/", by_name.clone()).await.expect(200)["access"].is_string(),
        "docs/reference/clients.md#slot-monitoring"
    );
    assert!(
        anonymous.post("/v0/api/users/auth/login/", by_name).await.expect(200)["refresh"].is_string(),
        "docs/reference/clients.md#cctv-management"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_sign_in_does_not_tell_why() {
    let app = App::start().await;
    let email = registered(&app).await;
    let refusals = [
        login(&app, &email, "seven lanterns by the sea").await,
        login(&app, &address(), PASSWORD).await,
        login(&app, "not an address", PASSWORD).await,
        login(&app, &email, "").await,
    ];
    let details: Vec<_> = refusals.iter().map(|answer| answer.expect_problem(401)["detail"].clone()).collect();
    assert!(details.iter().all(|detail| *detail == details[0]), "{details:?}");

    let anonymous = app.anonymous();
    for path in ["/api/auth/login", "/v0/api/users/auth/login/"] {
        anonymous.post(path, json!({})).await.expect_invalid(&["email", "password"]);
        anonymous.post(path, json!({"username": 5, "password": false})).await.expect_invalid(&["email", "password"]);
        anonymous.post(path, json!({"email": email, "password": "x".repeat(1025)})).await.expect_invalid(&["password"]);
        anonymous.send_bytes(Method::POST, path, "application/json", "[").await.expect_problem(400);
        anonymous.send_bytes(Method::POST, path, "application/x-www-form-urlencoded", "email=a").await.expect_invalid(&["password"]);
        anonymous.send_bytes(Method::POST, path, "text/plain", "email=a").await.expect_problem(415);
    }
    // A token that is stale does not stand in the way of signing in again.
    let answer = app.with_token("stale").post("/api/auth/login", json!({"email": email, "password": PASSWORD})).await;
    answer.expect(200);
}

/// The guard against telling accounts by the clock: an unknown address costs a hash as well.
#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_address_takes_as_long_as_a_known_one() {
    let app = App::start().await;
    let email = registered(&app).await;
    let unknown = address();
    let mut fastest = [std::time::Duration::MAX; 2];
    for round in 0..12 {
        let (index, email) = if round % 2 == 0 { (0, &email) } else { (1, &unknown) };
        let start = std::time::Instant::now();
        login(&app, email, "seven lanterns by the sea").await.expect_problem(401);
        fastest[index] = fastest[index].min(start.elapsed());
    }
    let [known, unknown] = fastest;
    assert!(unknown * 2 > known, "known {known:?}, unknown {unknown:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn the_first_administrator_is_made_once_by_the_right_password_only() {
    let Some(app) = App::embedded(&[("admin_email", "Root@Example.org")]).await else { return };
    let (_, password) = app.admin_credentials();
    let count = || -> i64 {
        let sql = "select count(*) from users where email = 'root@example.org'";
        app.db().query_row(sql, [], |row| row.get(0)).expect("a count")
    };
    login(&app, "root@example.org", "seven lanterns by the sea").await.expect_problem(401);
    login(&app, &address(), password).await.expect_problem(401);
    assert_eq!(count(), 0);
    // Nobody takes the address before its owner comes.
    let body = json!({"email": "root@example.org", "password": PASSWORD, "name": "Mallory"});
    register(&app, body).await.expect_problem(409);

    let answers = futures::future::join_all((0..6).map(|_| login(&app, "root@example.org", password))).await;
    for answer in &answers {
        assert_eq!(text(&answer.expect(200)["user"], "role"), "super_admin");
    }
    assert_eq!(count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn hashes_of_the_old_systems_sign_in_and_are_replaced() {
    let Some(app) = App::embedded(&[]).await else { return };
    let password = "correct horse gate 42 é";
    for old in [
        "$2b$04$abcdefghijklmnopqrstuuwT01IYgJgrjJveBAXzy2200kvT2RKmm",
        "pbkdf2_sha256$1000$saltsaltsaltsalt12$uUahjYiACtAl74FqQwPmG2Ph9MRwk1pU0zw+sRap/D8=",
        "bcrypt_sha256$$2b$04$abcdefghijklmnopqrstuuSmVurdERMLm27dH6FsZI/l9.usmLV3S",
    ] {
        let email = registered(&app).await;
        let stored = || -> String {
            app.db().query_row("select password_hash from users where email = ?", [&email], |row| row.get(0)).expect("a hash")
        };
        app.db().execute("update users set password_hash = ? where email = ?", [old, &email]).expect("SQL");
        login(&app, &email, PASSWORD).await.expect_problem(401);
        assert_eq!(stored(), old, "a wrong password replaces nothing");
        login(&app, &email, password).await.expect(200);
        let new = stored();
        assert!(new.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{new}");
        login(&app, &email, password).await.expect(200);
        assert_eq!(stored(), new, "replaced once");
        login(&app, &email, PASSWORD).await.expect_problem(401);
    }
    let email = registered(&app).await;
    app.db().execute("update users set password_hash = 'md5$x$y' where email = ?", [&email]).expect("SQL");
    login(&app, &email, "y").await.expect_problem(401);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn registrations_from_one_address_are_limited() {
    let Some(app) = App::embedded(&[]).await else { return };
    // Well-formed, and refused before anything costly is done.
    let body = json!({"email": app.admin_credentials().0, "password": PASSWORD, "name": "Mallory"});
    let (limit, mut limited) = (120, None);
    // The count starts anew with each minute, so it may begin twice.
    for passed in 0..=2 * limit {
        let answer = register(&app, body.clone()).await;
        if answer.status == 429 {
            assert!(passed >= limit, "only {passed} of {limit} passed");
            limited = Some(answer);
            break;
        }
        answer.expect_problem(409);
    }
    let answer = limited.expect("no more than the limit in a minute");
    answer.expect_problem(429);
    let seconds: i64 = answer.header("retry-after").parse().expect("seconds");
    assert!((1..=60).contains(&seconds), "{seconds}");
    app.advance(std::time::Duration::from_secs(60));
    register(&app, body).await.expect_problem(409);
}
