//! Mails, forgotten passwords, sessions and decoys on libSQL.

use gatehouse_tests::App;
use gatehouse_tests::sendgrid::{Events, event};
use serde_json::json;

use crate::assert_understood;

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn what_is_written_of_mails_codes_and_visitors_passes_the_parser_of_the_client() {
    let key = Events::new(1).public_key();
    let variables = [("public_origin", "https://gate.example.org"), ("sendgrid_webhook_public_key", key.as_str())];
    let Some(app) = App::embedded_on_libsql(&variables).await else { return };
    let (admin, anonymous) = (app.admin().await, app.anonymous());

    let (email, _) = app.new_user("visitor", json!({})).await;
    anonymous.post("/v0/api/mail/request-password-reset", json!({"email": email})).await.expect(200);
    let sql = "select payload ->> 'message' from outbox where topic = 'account.reset_code' and mail_to = ?";
    let message: String = app.db().query_row(sql, [&email], |row| row.get(0)).expect("a code");
    let code = message.split(' ').next().expect("a word");
    anonymous.post("/v0/api/mail/verify-otp", json!({"email": email, "otp": code})).await.expect(200);
    let new = json!({"email": email, "otp": code, "new_password": "another fine evening by the sea"});
    anonymous.post("/v0/api/mail/reset-password", new).await.expect(200);
    let visitor = app.login(&email, "another fine evening by the sea").await;
    let own = visitor.get("/api/users/me/sessions").await.expect(200)["items"][0]["id"].as_str().expect("an id").to_owned();
    let user = visitor.get("/api/users/me").await.expect(200)["id"].as_str().expect("an id").to_owned();
    admin.get(&format!("/v0/api/users/users/{user}/sessions")).await.expect(200);
    visitor.delete(&format!("/api/users/me/sessions/{own}")).await.expect(204);
    admin.delete(&format!("/v0/api/users/users/{user}/sessions")).await.expect(204);

    let template = json!({"name": "hours", "subject": "Hours", "text": "From {{ opens }} on."});
    admin.post("/v0/api/mail/templates", template).await.expect(201);
    admin.patch("/v0/api/mail/templates/hours", json!({"html": "<p>{{ opens }}"})).await.expect(200);
    let body = json!({"template": "hours", "variables": {"opens": 7}, "recipients": ["a@example.org", "b@example.org"]});
    let bulk = admin.post("/v0/api/mail/auth/send-bulk-email", body).await.expect(201);
    assert_eq!(bulk["accepted"], 2);
    let one =
        admin.post("/v0/api/mail/auth/send-email", json!({"to": "a@example.org", "template": "hours", "variables": {"opens": 7}})).await;
    let one = one.expect(201)["id"].as_str().expect("an id").to_owned();
    admin.delete("/v0/api/mail/templates/hours").await.expect(204);
    app.internal("/internal/dispatch").await.expect(200);
    let report = json!([event("bounce", "e-1", "a@example.org", &one, app.now_ms() / 1000)]);
    assert_eq!(Events::new(1).report(&app, &report).await.expect(200)["recorded"], 1);
    let detail = admin.get(&format!("/v0/api/mail/messages/{one}")).await.expect(200);
    assert_eq!((&detail["status"], detail["events"].as_array().map(Vec::len)), (&json!("bounced"), Some(1)));
    for filter in ["status=failed", "email=a@example.org", "order=asc"] {
        admin.get(&format!("/v0/api/mail/messages?{filter}")).await.expect(200);
    }
    admin.post("/v0/api/mail/suppressions", json!({"email": "c@example.org"})).await.expect(201);
    admin.get("/v0/api/mail/suppressions?reason=manual").await.expect(200);
    admin.delete("/v0/api/mail/suppressions/c@example.org").await.expect(204);

    anonymous.get("/wp-login.php").await;
    anonymous.get("/admin/login").await;
    let visits: i64 = app.db().query_row("select json_array_length(tried) from decoy_visits", [], |row| row.get(0)).expect("a visitor");
    assert_eq!(visits, 2);
    app.advance(std::time::Duration::from_secs(100 * 86_400));
    app.tick().await;
    let left: i64 = app
        .db()
        .query_row(
            "select (select count(*) from mail_messages) + (select count(*) from decoy_visits) + (select count(*) from password_resets)",
            [],
            |row| row.get(0),
        )
        .expect("a count");
    assert_eq!(left, 0);
    assert_understood(&app.libsql().take_statements());
}
