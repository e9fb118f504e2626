//! Sessions are listed and ended one by one, by their owner and by administrators.

use super::*;

async fn session(app: &App, email: &str, password: &str) -> (Client, String) {
    let answer = app.anonymous().post("/api/auth/login", json!({"email": email, "password": password})).await.expect(200);
    (app.with_token(answer["access"].as_str().expect("a token")), answer["refresh"].as_str().expect("a token").to_owned())
}

async fn current(client: &Client) -> Value {
    let page = client.get("/api/users/me/sessions").await.expect(200);
    let items = page["items"].as_array().expect("items");
    let current: Vec<_> = items.iter().filter(|session| session["is_current"] == true).collect();
    assert_eq!(current.len(), 1, "{page}");
    current[0].clone()
}

fn count(page: &Value) -> usize {
    page["items"].as_array().expect("items").len()
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn an_owner_sees_their_sessions_and_ends_one() {
    let Some(app) = App::embedded(&BEHIND_A_PROXY).await else { return };
    let (email, password) = app.new_user("visitor", json!({})).await;
    let began = app.now_ms();
    let (first, refresh) = session(&app, &email, &password).await;
    app.advance(Duration::from_secs(60));
    let (second, _) = session(&app, &email, &password).await;
    let client = app.anonymous().header("x-forwarded-for", "203.0.113.9");
    let refreshed = client.post("/api/auth/refresh", json!({"refresh": refresh})).await.expect(200);
    let first_again = app.with_token(refreshed["access"].as_str().expect("a token"));

    let page = first.get("/api/users/me/sessions/").await.expect(200);
    assert_eq!(count(&page), 2);
    let own = current(&first).await;
    assert_eq!(own["address"], "203.0.113.9", "where it was last refreshed from");
    let ms = |time: &Value| chrono::DateTime::parse_from_rfc3339(time.as_str().expect("a time")).expect("a time").timestamp_millis();
    assert!((began..began + 30_000).contains(&ms(&own["started_at"])), "{own}");
    assert!(ms(&own["refreshed_at"]) >= began + 60_000 && ms(&own["expires_at"]) > ms(&own["refreshed_at"]), "{own}");
    assert_eq!(current(&first_again).await["id"], own["id"], "a session is one chain");
    let other = current(&second).await;
    assert_ne!(own["id"], other["id"]);
    assert_eq!(page["items"][0]["id"], other["id"], "the newest first");
    let newest = first.get("/api/users/me/sessions?limit=1").await.expect(200);
    let next =
        first.get(&format!("/api/users/me/sessions?limit=1&cursor={}", newest["next_cursor"].as_str().expect("more"))).await.expect(200);
    assert_eq!((&next["items"][0]["id"], &next["next_cursor"]), (&own["id"], &Value::Null));
    first.get("/api/users/me/sessions?shoe_size=9").await.expect_invalid(&["shoe_size"]);

    let path = |session: &Value| format!("/api/users/me/sessions/{}", session["id"].as_str().expect("an id"));
    let stranger = app.visitor().await;
    stranger.delete(&path(&own)).await.expect_problem(404);
    app.anonymous().delete(&path(&own)).await.expect_problem(401);
    app.anonymous().get("/api/users/me/sessions").await.expect_problem(401);
    second.delete(&path(&own)).await.expect(204);
    for client in [&first, &first_again] {
        client.get("/api/users/me").await.expect_problem(401);
    }
    app.anonymous().post("/api/auth/refresh", json!({"refresh": refreshed["refresh"]})).await.expect_problem(401);
    second.delete(&path(&own)).await.expect_problem(404);
    assert_eq!(count(&second.get("/api/users/me/sessions").await.expect(200)), 1);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn an_administrator_ends_sessions_of_those_not_above_them() {
    let Some(app) = App::embedded(&[]).await else { return };
    let (email, password) = app.new_user("operator", json!({})).await;
    let (first, _) = session(&app, &email, &password).await;
    let (second, _) = session(&app, &email, &password).await;
    let (third, _) = session(&app, &email, &password).await;
    let id = first.get("/api/users/me").await.expect(200)["id"].as_str().expect("an id").to_owned();
    let path = format!("/v0/api/users/users/{id}/sessions");
    let of_first = format!("{path}/{}", current(&first).await["id"].as_str().expect("an id"));

    for role in ["visitor", "operator", "developer"] {
        let caller = app.user(role).await;
        for answer in [caller.get(&path).await, caller.delete(&path).await, caller.delete(&of_first).await] {
            answer.expect_problem(403);
        }
    }
    app.anonymous().get(&path).await.expect_problem(401);
    let admin = app.user("admin").await;
    let page = admin.get(&path).await.expect(200);
    assert_eq!(count(&page), 3);
    assert!(page["items"].as_array().expect("items").iter().all(|session| session["is_current"] == false));
    admin.delete(&of_first).await.expect(204);
    first.get("/api/users/me").await.expect_problem(401);
    second.get("/api/users/me").await.expect(200);
    admin.delete(&of_first).await.expect_problem(404);
    admin.delete(&path).await.expect(204);
    for client in [&second, &third] {
        client.get("/api/users/me").await.expect_problem(401);
    }
    assert_eq!(count(&admin.get(&path).await.expect(200)), 0);
    session(&app, &email, &password).await;

    // Nobody manages someone above them, nor looks where they are.
    let root = app.admin().await;
    let root_id = root.get("/api/users/me").await.expect(200)["id"].as_str().expect("an id").to_owned();
    let of_root = format!("/v0/api/users/users/{root_id}/sessions");
    admin.get(&of_root).await.expect_problem(403);
    admin.delete(&of_root).await.expect_problem(403);
    admin.get("/v0/api/users/users/nobody/sessions").await.expect_problem(404);
    root.get("/api/users/me").await.expect(200);

    let db = app.db();
    let lines: i64 = db
        .query_row("select count(*) from audit_log where entity = 'users' and subject = ? and action = 'sessions_ended'", [&id], |row| {
            row.get(0)
        })
        .expect("a count");
    assert_eq!(lines, 2);
}
