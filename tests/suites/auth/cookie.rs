//! The session of a page of this origin: its refresh token is in a cookie that no script reads.

use gatehouse_tests::{App, Client, Response};
use serde_json::{Value, json};

/// The cookie of a session in an answer, as it is sent back; none when the answer sets none.
fn session_cookie(answer: &Response) -> Option<String> {
    let mut all = answer.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok());
    let set = all.find(|cookie| cookie.contains("gatehouse_session="))?;
    for attribute in ["Path=/;", "HttpOnly", "SameSite=Strict"] {
        assert!(set.contains(attribute), "{set}");
    }
    assert!(!set.contains("Domain"), "{set}");
    set.split(';').next().map(str::to_owned)
}

/// A page of this origin that sends this cookie.
fn page(app: &App, cookie: &str) -> Client {
    app.anonymous().header("sec-fetch-site", "same-origin").header("cookie", cookie)
}

async fn sign_in(app: &App) -> (Client, String, Value) {
    let (email, password) = app.new_user("visitor", json!({})).await;
    let body = json!({ "email": email, "password": password, "cookie": true });
    let answer = app.anonymous().header("sec-fetch-site", "same-origin").post("/api/auth/login", body).await;
    let cookie = session_cookie(&answer).expect("a cookie");
    let session = answer.expect(200);
    (page(app, &cookie), cookie, session)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_goes_on_by_its_cookie_alone() {
    let app = App::start().await;
    let (client, cookie, session) = sign_in(&app).await;
    assert!(session.get("refresh").is_none() && session["access"].is_string(), "{session}");
    let secure = cookie.starts_with("__Host-");
    assert!(secure || !app.base_url().contains("127.0.0.1"), "{cookie}");

    // Without a body, and with an empty one; each time the cookie is another.
    let first = client.post("/api/auth/refresh", json!({})).await;
    let next = session_cookie(&first).expect("another cookie");
    assert_ne!(next, cookie);
    let session = first.expect(200);
    assert!(session.get("refresh").is_none(), "{session}");
    app.with_token(session["access"].as_str().unwrap()).get("/api/users/me").await.expect(200);

    // A token in the body goes before, and its answer has the next one.
    let (email, password) = app.new_user("visitor", json!({})).await;
    let other = app.anonymous().post("/api/auth/login", json!({ "email": email, "password": password })).await;
    assert_eq!(session_cookie(&other), None, "who asks for none gets none");
    let other = other.expect(200);
    let answer = page(&app, &next).post("/api/auth/refresh", json!({ "refresh": other["refresh"] })).await;
    assert_eq!(session_cookie(&answer), None);
    assert!(answer.expect(200)["refresh"].is_string());

    // The session ends with the cookie.
    let ended = page(&app, &next).post("/api/auth/logout", json!({ "cookie": true })).await;
    ended.expect(204);
    assert!(session_cookie(&ended).is_some_and(|cookie| cookie.ends_with('=')), "it is deleted");
    page(&app, &next).post("/api/auth/refresh", json!({})).await.expect_problem(401);
    app.with_token(session["access"].as_str().unwrap()).get("/api/users/me").await.expect_problem(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_origin_neither_gets_nor_uses_it() {
    let app = App::start().await;
    let (_, cookie, _) = sign_in(&app).await;
    let (email, password) = app.new_user("visitor", json!({})).await;
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-site", "none"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
    ] {
        let client = app.anonymous().header(name, value).header("cookie", &cookie);
        assert_eq!(client.post("/api/auth/refresh", json!({})).await.expect_problem(403)["reason"], "wrong_origin", "{name}: {value}");
        client.post("/api/auth/logout", json!({ "cookie": true })).await.expect_problem(403);
        let body = json!({ "email": email, "password": password, "cookie": true });
        let answer = client.post("/api/auth/login", body).await;
        assert_eq!(session_cookie(&answer), None, "{name}: {value}");
        answer.expect_problem(403);
    }
    // None of it has spent or ended anything.
    page(&app, &cookie).post("/api/auth/refresh", json!({})).await.expect(200);
    app.anonymous().header("origin", app.base_url()).header("cookie", &cookie).post("/api/auth/refresh", json!({})).await.expect(200);
}
