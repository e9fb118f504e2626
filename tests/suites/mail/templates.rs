//! Templates: written, looked at, filled for each recipient.

use super::*;

fn template(name: &str) -> Value {
    json!({
        "name": name, "subject": "{{ temple }} opens at {{ opens }}", "text": "Dear {{ name }}, {{ temple }} opens at {{ opens }}.",
        "html": "<p>Dear {{ name }}, <b>{{ temple }}</b> opens at {{ opens }}.</p>",
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_are_made_changed_looked_at_and_deleted() {
    let app = App::start().await;
    let admin = app.user("admin").await;
    let name = unique("hours");
    let path = format!("{TEMPLATES}/{name}");
    let made = admin.post(TEMPLATES, template(&name)).await.expect(201);
    admin.post(TEMPLATES, template(&name)).await.expect_problem(409);
    assert_eq!(admin.get(&path).await.expect(200), made);
    let listed = admin.get(&format!("{TEMPLATES}/?limit=500")).await.expect(200);
    assert!(listed["items"].as_array().expect("items").contains(&made));

    let values = json!({"name": "<Asha>", "variables": {"temple": "Somnath & Co", "opens": "7"}});
    let shown = admin.post(&format!("{path}/preview"), values).await.expect(200);
    assert_eq!(shown["subject"], "Somnath & Co opens at 7");
    assert!(shown["text"].as_str().expect("a text").starts_with("Dear <Asha>, Somnath & Co opens at 7."), "{shown}");
    assert!(shown["html"].as_str().expect("HTML").starts_with("<p>Dear &lt;Asha&gt;, <b>Somnath &amp; Co</b> opens at 7.</p>"), "{shown}");
    let missing = admin.post(&format!("{path}/preview"), json!({})).await.expect_invalid(&["variables"]);
    assert_eq!(missing["errors"]["variables"].as_array().map(Vec::len), Some(3), "each part is named: {missing}");

    let changed = admin.patch(&path, json!({"name": name, "html": null, "subject": "Hours"})).await.expect(200);
    assert_eq!((&changed["html"], &changed["subject"], &changed["text"]), (&Value::Null, &json!("Hours"), &made["text"]));
    admin.patch(&path, json!({"name": "another"})).await.expect_invalid(&["name"]);
    admin
        .patch(&path, json!({"text": "{% for %}", "html": "{{ a | }}", "created_at": "2026-01-01T00:00:00Z"}))
        .await
        .expect_invalid(&["created_at"]);
    admin.patch(&path, json!({"text": "{% for %}", "html": "{{ a | }}"})).await.expect_invalid(&["html", "text"]);
    for bad in ["{% autoescape false %}{{ a }}{% endautoescape %}", "{{ a", "{% include 'x' %}"] {
        let body = json!({"name": unique("bad"), "subject": "s", "text": "t", "html": bad});
        admin.post(TEMPLATES, body).await.expect_invalid(&["html"]);
    }
    admin.post(TEMPLATES, json!({"name": "No Slug", "subject": "", "text": ""})).await.expect_invalid(&["name", "subject", "text"]);
    let endless = json!({"name": unique("endless"), "subject": "s", "text": "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}"});
    let endless = admin.post(TEMPLATES, endless).await.expect(201);
    admin
        .post(&format!("{TEMPLATES}/{}/preview", endless["name"].as_str().expect("a name")), json!({}))
        .await
        .expect_invalid(&["variables"]);

    admin.delete(&path).await.expect(204);
    admin.delete(&path).await.expect_problem(404);
    for answer in [admin.get(&path).await, admin.patch(&path, json!({})).await, admin.post(&format!("{path}/preview"), json!({})).await] {
        answer.expect_problem(404);
    }
    let db = app.db();
    let mut trail = db.prepare("select action from audit_log where entity = 'mail_templates' and subject = ? order by id").expect("SQL");
    let trail: Vec<String> = trail.query_map([&name], |row| row.get(0)).expect("rows").map(Result::unwrap).collect();
    assert_eq!(trail, ["created", "updated", "deleted"]);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_mail_keeps_the_words_that_it_was_sent_with() {
    let receiver = Receiver::start().await;
    let Some(app) = with_mail(&receiver).await else { return };
    let admin = app.user("admin").await;
    let (name, to) = (unique("hours"), address("asha"));
    admin.post(TEMPLATES, template(&name)).await.expect(201);
    receiver.respond_with(503);
    let values = json!({"to": to, "name": "Asha", "template": name, "variables": {"temple": "<Somnath>", "opens": 7}});
    let made = admin.post(SEND, values).await.expect(201);
    assert_eq!((&made["template"], &made["subject"]), (&json!(name), &json!("{{ temple }} opens at {{ opens }}")));
    eventually("the first attempt", Duration::from_secs(5), async || {
        mail(&admin, &id(&made)).await["error"].as_str().filter(|error| error.contains("503")).map(drop)
    })
    .await;
    admin.delete(&format!("{TEMPLATES}/{name}")).await.expect(204);
    receiver.recover();
    app.advance(Duration::from_secs(60));
    dispatch(&app).await;
    let admin = app.user("admin").await;
    reaches(&admin, &id(&made), "sent").await;
    let sent = taken(&receiver, &to);
    assert_eq!(sent[0]["subject"], "<Somnath> opens at 7");
    assert_eq!(sent[0]["content"][0]["value"], "Dear Asha, <Somnath> opens at 7.");
    assert_eq!(sent[0]["content"][1]["value"], "<p>Dear Asha, <b>&lt;Somnath&gt;</b> opens at 7.</p>");
    // A value that is missing is told at once, and nothing is sent.
    admin.post(TEMPLATES, template(&name)).await.expect(201);
    let lacking = json!({"to": to, "template": name, "variables": {"temple": "Somnath"}});
    admin.post(SEND, lacking).await.expect_invalid(&["variables"]);
    assert_eq!(taken(&receiver, &to).len(), 1);
}
