//! Refresh tokens rotate; a reused one revokes its family, save for 10 s in which a lost answer may be asked for again.

use std::time::Duration;

use gatehouse_tests::{App, Response};
use reqwest::Method;
use serde_json::{Value, json};

use super::{PASSWORD, login, registered, text};

async fn refresh(app: &App, token: &str) -> Response {
    app.anonymous().post("/api/auth/refresh", json!({"refresh": token})).await
}

/// A new sign-in's refresh token.
async fn sign_in(app: &App) -> (String, String) {
    let email = registered(app).await;
    let session = login(app, &email, PASSWORD).await.expect(200);
    (text(&session, "refresh").to_owned(), text(&session, "access").to_owned())
}

async fn rotate(app: &App, token: &str) -> String {
    text(&refresh(app, token).await.expect(200), "refresh").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_answers_as_a_sign_in_does_and_rotates() {
    let app = App::start().await;
    let (first, access) = sign_in(&app).await;
    let session = refresh(&app, &first).await.expect(200);
    let mut fields: Vec<_> = session.as_object().expect("an object").keys().collect();
    fields.sort();
    assert_eq!(fields, ["access", "access_token", "expires_in", "refresh", "token_type", "user"]);
    let second = text(&session, "refresh").to_owned();
    assert_ne!(second, first);
    assert_ne!(text(&session, "access"), access);
    app.with_token(text(&session, "access")).get("/api/users/me").await.expect(200);

    let by_alias = app.anonymous().post("/api/auth/refresh/", json!({"refresh_token": second})).await.expect(200);
    // A stale access token beside it does not matter.
    let stale = app.with_token("stale").post("/api/auth/refresh", json!({"refresh": by_alias["refresh"]})).await;
    stale.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_refresh_token_is_refused() {
    let app = App::start().await;
    let (_, access) = sign_in(&app).await;
    let anonymous = app.anonymous();
    refresh(&app, "never given").await.expect_problem(401);
    refresh(&app, &access).await.expect_problem(401);
    refresh(&app, &"x".repeat(513)).await.expect_invalid(&["refresh"]);
    anonymous.post("/api/auth/refresh", json!({})).await.expect_invalid(&["refresh"]);
    anonymous.post("/api/auth/refresh", json!({"refresh": 5})).await.expect_invalid(&["refresh"]);
    anonymous.post("/api/auth/refresh", json!({"refresh": ""})).await.expect_invalid(&["refresh"]);
    anonymous.send_bytes(Method::POST, "/api/auth/refresh", "application/json", "nonsense").await.expect_problem(400);
    // The token itself is no access token.
    let (first, _) = sign_in(&app).await;
    app.with_token(&first).get("/api/users/me").await.expect_problem(401);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn only_a_digest_is_stored() {
    let Some(app) = App::embedded(&[]).await else { return };
    let (token, _) = sign_in(&app).await;
    let digest: Vec<u8> = <sha2::Sha256 as sha2::Digest>::digest(token.as_bytes()).to_vec();
    let sql = "select count(*) from refresh_tokens where token_hash = ?";
    assert_eq!(app.db().query_row(sql, [digest], |row| row.get::<_, i64>(0)), Ok(1));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_lost_answer_may_be_asked_for_again_within_ten_seconds() {
    let Some(app) = App::embedded(&[]).await else { return };
    let (first, _) = sign_in(&app).await;
    let lost = rotate(&app, &first).await;
    app.advance(Duration::from_secs(8));
    let again = rotate(&app, &first).await;
    assert_eq!(again, lost, "a family is one chain");
    // The family lives on.
    let third = rotate(&app, &again).await;
    rotate(&app, &third).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_reused_token_revokes_its_whole_family_and_no_other() {
    let Some(app) = App::embedded(&[]).await else { return };
    let email = registered(&app).await;
    let stolen = text(&login(&app, &email, PASSWORD).await.expect(200), "refresh").to_owned();
    let other = text(&login(&app, &email, PASSWORD).await.expect(200), "refresh").to_owned();
    let second = rotate(&app, &stolen).await;
    let third = rotate(&app, &second).await;
    app.advance(Duration::from_secs(11));
    refresh(&app, &stolen).await.expect_problem(401);
    for token in [&stolen, &second, &third] {
        refresh(&app, token).await.expect_problem(401);
    }
    rotate(&app, &other).await;
    let reason: String = app.db().query_row("select reason from revoked_families", [], |row| row.get(0)).expect("one family");
    assert_eq!(reason, "reuse");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_refresh_token_expires() {
    let Some(app) = App::embedded(&[("refresh_token_seconds", "3600")]).await else { return };
    let (first, _) = sign_in(&app).await;
    app.advance(Duration::from_secs(3500));
    let second = rotate(&app, &first).await;
    app.advance(Duration::from_secs(3601));
    refresh(&app, &second).await.expect_problem(401);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn refreshes_side_by_side_stay_in_one_family() {
    let Some(app) = App::embedded(&[]).await else { return };
    let (first, _) = sign_in(&app).await;
    let answers = futures::future::join_all((0..12).map(|_| refresh(&app, &first))).await;
    let mut successors: Vec<_> = answers.iter().map(|answer| text(&answer.expect(200), "refresh").to_owned()).collect();
    let families =
        || -> i64 { app.db().query_row("select count(distinct family) from refresh_tokens", [], |row| row.get(0)).expect("a count") };
    assert_eq!(families(), 1);
    successors.sort();
    successors.dedup();
    assert_eq!(successors.len(), 1, "a token that is used twice has one successor");

    // Reuse later ends it.
    app.advance(Duration::from_secs(11));
    let answers = futures::future::join_all((0..6).map(|_| refresh(&app, &first))).await;
    answers.iter().for_each(|answer| drop(answer.expect_problem(401)));
    for token in &successors {
        refresh(&app, token).await.expect_problem(401);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_refresh_beside_a_sign_out_does_not_outlive_it() {
    let Some(app) = App::embedded(&[]).await else { return };
    for _ in 0..6 {
        let (token, _) = sign_in(&app).await;
        let anonymous = app.anonymous();
        let (refreshed, out) = tokio::join!(refresh(&app, &token), anonymous.post("/api/auth/logout", json!({"refresh": token})));
        out.expect(204);
        if refreshed.status == 200 {
            refresh(&app, text(&refreshed.json(), "refresh")).await.expect_problem(401);
        } else {
            refreshed.expect_problem(401);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_revokes_the_family() {
    let app = App::start().await;
    for path in ["/api/auth/logout", "/v0/api/users/auth/logout/"] {
        let (first, access) = sign_in(&app).await;
        let second = rotate(&app, &first).await;
        let answer = app.with_token(&access).post(path, json!({"refresh": second})).await;
        assert_eq!(answer.expect(204), Value::Null);
        refresh(&app, &second).await.expect_problem(401);
        refresh(&app, &first).await.expect_problem(401);
        // Again, with any token of the family, without an access token, with a stale one: nothing is told.
        app.anonymous().post(path, json!({"refresh": first})).await.expect(204);
        app.anonymous().post(path, json!({"refresh_token": "never given"})).await.expect(204);
        app.with_token("stale").post(path, json!({"refresh": second})).await.expect(204);
        app.anonymous().post(path, json!({"refresh": 5})).await.expect_invalid(&["refresh"]);
        app.anonymous().post(path, json!({})).await.expect_problem(401);
        app.anonymous().send(Method::POST, path, None).await.expect_problem(401);
        app.with_token("stale").send(Method::POST, path, None).await.expect_problem(401);
        app.anonymous().send_bytes(Method::POST, path, "application/json", "{").await.expect_problem(400);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_with_an_access_token_alone_revokes_every_family_of_its_holder() {
    let app = App::start().await;
    let (email, bystander) = (registered(&app).await, sign_in(&app).await);
    let one = login(&app, &email, PASSWORD).await.expect(200);
    let two = login(&app, &email, PASSWORD).await.expect(200);
    let answer = app.with_token(text(&one, "access")).send(Method::POST, "/api/auth/logout", None).await;
    answer.expect(204);
    refresh(&app, text(&one, "refresh")).await.expect_problem(401);
    refresh(&app, text(&two, "refresh")).await.expect_problem(401);
    rotate(&app, &bystander.0).await;
    login(&app, &email, PASSWORD).await.expect(200);
}
