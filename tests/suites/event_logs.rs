//! The audit log: every change and who made it, for administrators, never changed.

use gatehouse_tests::{App, Client, unique};
use reqwest::Method;
use serde_json::{Value, json};

#[path = "event_logs/changes.rs"]
mod changes;

async fn items(caller: &Client, query: &str) -> Vec<Value> {
    let page = caller.get(&format!("/api/event-logs/{query}")).await.expect(200);
    page["items"].as_array().expect("items").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_is_there_with_who_made_it() {
    let app = App::start().await;
    let (admin, operator) = (app.admin().await, app.operator().await);
    let me = operator.get("/api/users/me").await.expect(200)["id"].as_str().unwrap().to_owned();
    let alert = operator.post("/api/alerts/", json!({"severity": "info", "message": "The gate is open"})).await.expect(201);
    let alert = alert["id"].as_str().unwrap().to_owned();
    operator.patch(&format!("/api/alerts/{alert}/acknowledge"), json!({})).await.expect(200);
    operator.delete(&format!("/api/alerts/{alert}")).await.expect(204);

    let lines = items(&admin, &format!("?entity=alerts&subject={alert}")).await;
    let actions: Vec<_> = lines.iter().map(|line| line["action"].as_str().unwrap()).collect();
    // A delete notes first who it is by.
    assert_eq!(actions, ["deleted", "updated", "created"]);
    assert!(lines.iter().all(|line| line["actor"] == json!(me) && line["at"].as_str().unwrap().ends_with('Z')));
    assert_eq!(lines.last().unwrap()["detail"]["severity"], "info");
    let id = lines[0]["id"].as_str().expect("an id");
    assert_eq!(admin.get(&format!("/api/event-logs/{id}")).await.expect(200), lines[0]);
    for missing in ["0", "1", "nobody", "99999999999999999999"] {
        admin.get(&format!("/api/event-logs/{missing}")).await.expect_problem(404);
    }

    assert_eq!(items(&admin, &format!("?actor={me}&action=created")).await.len(), 1);
    assert_eq!(items(&admin, &format!("?action=deleted&actor={me}")).await.len(), 1);
    assert!(items(&admin, "?actor=nobody").await.is_empty());
    assert!(items(&admin, &format!("?subject={alert}&to={}", app.time(-3600))).await.is_empty());
    assert!(items(&admin, &format!("?subject={alert}&from={}", app.time(3600))).await.is_empty());
    assert!(!items(&admin, &format!("?from={}&to={}", app.time(-3600), app.time(60))).await.is_empty());
    admin.get("/api/event-logs/?colour=red").await.expect_invalid(&["colour"]);
    admin.get("/api/event-logs/?from=yesterday").await.expect_invalid(&["from"]);
    admin.get("/api/event-logs/?format=xml").await.expect_invalid(&["format"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_administrators_read_it_and_nobody_changes_it() {
    let app = App::start().await;
    for (caller, status) in [(app.anonymous(), 401), (app.visitor().await, 403), (app.operator().await, 403)] {
        caller.get("/api/event-logs/").await.expect_problem(status);
        caller.get("/api/event-logs/1").await.expect_problem(status);
    }
    let admin = app.admin().await;
    let until_now = format!("?limit=500&to={}", app.time(0));
    let before = items(&admin, &until_now).await;
    for path in ["/api/event-logs/", "/api/event-logs/1"] {
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let refused = admin.send(method, path, Some(&json!({}))).await;
            refused.expect_problem(405);
        }
    }
    for sql in ["delete from audit_log", "delete from audit_log where id = 1", "update audit_log set actor = 'nobody'"] {
        assert!(app.db().execute(sql, []).unwrap_err().to_string().contains("append-only"), "{sql}");
    }
    assert_eq!(items(&admin, &until_now).await, before);
}

/// Writes `count` entries, some of them in the same millisecond, with words that CSV must quote.
fn insert_entries(app: &App, count: i64) -> String {
    let actor = unique("staged");
    app.db()
        .execute(
            "insert into audit_log (at, actor, action, entity, subject, detail)
             with recursive n (i) as (select 1 union all select i + 1 from n where i < ?1)
             select ?2 + i / 3, ?3, 'noted', 'tests', 'a \"quoted\", long' || char(10) || 'subject ' || i, json_object('number', i) from n",
            rusqlite::params![count, app.now_ms(), actor],
        )
        .unwrap();
    actor
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_meet_without_a_gap() {
    let app = App::start().await;
    let admin = app.admin().await;
    let actor = insert_entries(&app, 25);
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = admin.get(&format!("/api/event-logs/?actor={actor}&limit=4{cursor}")).await.expect(200);
        seen.extend(page["items"].as_array().unwrap().iter().map(|line| line["detail"]["number"].as_i64().unwrap()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, (1..=25).rev().collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_exported_as_csv_and_as_ndjson() {
    let app = App::start().await;
    let admin = app.admin().await;
    let actor = insert_entries(&app, 3);
    let wanted = items(&admin, &format!("?actor={actor}")).await;

    for answer in [
        admin.get(&format!("/api/event-logs/?actor={actor}&format=ndjson")).await,
        admin.header("accept", "application/x-ndjson").get(&format!("/api/event-logs/?actor={actor}")).await,
    ] {
        assert_eq!((answer.status, answer.header("content-type")), (200, "application/x-ndjson"));
        let lines: Vec<Value> = answer.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(lines, wanted);
        assert_eq!(answer.header("link"), "");
    }
    for answer in [
        admin.get(&format!("/api/event-logs/?actor={actor}&format=csv")).await,
        admin.header("accept", "text/csv").get(&format!("/api/event-logs?actor={actor}")).await,
    ] {
        assert_eq!((answer.status, answer.header("content-type")), (200, "text/csv; charset=utf-8"));
        let text = answer.text();
        assert!(text.starts_with("id,at,actor,action,entity,subject,detail,actor_name\n"), "{text}");
        let line = "noted,tests,\"a \"\"quoted\"\", long\nsubject 3\",\"{\"\"number\"\":3}\"";
        assert!(text.contains(&format!("{actor},{line},{actor}\n")), "{text}");
    }
    app.operator().await.get("/api/event-logs/?format=csv").await.expect_problem(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_line_of_a_spreadsheet_is_a_formula() {
    let app = App::start().await;
    let (admin, actor) = (app.admin().await, unique("formulas"));
    for subject in ["=cmd|' /C calc'!A0", "+1", "-1", "@sum(a1)", "  =1", "\tx"] {
        app.db()
            .execute(
                "insert into audit_log (at, actor, action, entity, subject) values (?, ?, 'noted', 'tests', ?)",
                (app.now_ms(), &actor, subject),
            )
            .unwrap();
    }
    let csv = admin.get(&format!("/api/event-logs/?actor={actor}&format=csv")).await;
    let subjects: Vec<_> = csv.text().lines().skip(1).map(|line| line.split(',').nth(5).unwrap().to_owned()).collect();
    assert_eq!(subjects, ["'\tx", "'  =1", "'@sum(a1)", "'-1", "'+1", "'=cmd|' /C calc'!A0"]);
    // As it is where nothing is reckoned.
    let ndjson = admin.get(&format!("/api/event-logs/?actor={actor}&format=ndjson")).await;
    assert!(ndjson.text().contains("\"=cmd|' /C calc'!A0\""), "{}", ndjson.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_export_leads_on_to_its_rest() {
    let app = App::start().await;
    let admin = app.admin().await;
    let actor = insert_entries(&app, 10_500);
    let first = admin.get(&format!("/api/event-logs/?actor={actor}&entity=tests&format=ndjson")).await;
    assert_eq!(first.text().lines().count(), 10_000);
    let link = first.header("link").to_owned();
    let next = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\"")).expect("the next address");
    let second = admin.get(next).await;
    assert_eq!((second.text().lines().count(), second.header("link")), (500, ""));
    let last: Value = serde_json::from_str(second.text().lines().last().unwrap()).unwrap();
    assert_eq!(last["detail"]["number"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_read_of_this_section_scans_a_table_that_grows() {
    let app = App::start().await;
    app.admin().await.get("/api/event-logs/").await.expect(200);
    let database = app.db();
    // As the components ask them.
    let trail = "select id, at, actor, coalesce((select p.name from user_contacts p where p.id = actor), actor) as actor_name, action, entity,
         subject, coalesce(
             (select json_set(coalesce(detail, '{}'), '$.changes', json(c.changes)) from audit_changes c where c.line = audit_log.id), detail
         ) as detail
         from audit_log where (at, id) < (coalesce(?, 9223372036854775807), coalesce(?, 9223372036854775807))";
    let down = "order by at desc, id desc limit 51";
    let emergencies =
        |filters: &str| format!("select id, description from emergencies where id < coalesce(?, '~') {filters} order by id desc limit 51");
    let incidents = "select id, title from incidents
         where deleted_at is null and (occurred_at, id) < (coalesce(?, 9223372036854775807), coalesce(?, '~'))";
    let ids = "select value from json_each(?)";
    let statements = [
        format!("{trail} {down}"),
        format!("{trail} and actor = ? {down}"),
        format!("{trail} and action = ? and at >= ? and at < ? {down}"),
        format!("{trail} and entity = ? {down}"),
        emergencies(""),
        emergencies("and site = ?"),
        emergencies("and reported_by = ?"),
        emergencies("and status in ('reported', 'acknowledged', 'in_progress')"),
        emergencies("and site = ? and status = ? and status in ('reported', 'acknowledged', 'in_progress')"),
        format!("{incidents} order by occurred_at desc, id desc limit 51"),
        format!("{incidents} and site = ? order by occurred_at desc, id desc limit 51"),
        "select type, severity, status, count(*) from emergencies where site = ? and created_at >= ? and created_at < ?
         group by type, severity, status"
            .to_owned(),
        "update emergencies indexed by emergencies_to_escalate set escalation = escalation + 1
         where status = 'reported' and created_at <= ?1 - ?2 and escalation < min(?3, (?1 - created_at) / ?2)"
            .to_owned(),
        "select r.id from resources r where r.retired_at is null and r.id > coalesce(?2, '') and r.site = ?
             and not exists (select 1 from resource_assignments a where a.resource_id = r.id and a.released_at is null)
             and not exists (select 1 from resource_maintenance m where m.resource_id = r.id and m.starts_at <= ?1 and m.ends_at > ?1)
         order by r.id limit 51"
            .to_owned(),
        "select r.id from deployable_resources r where r.site = ?2 and r.status = 'available'
             and not exists (select 1 from assignments a where a.resource_id = r.id and a.released_at is null)
             and not exists (select 1 from maintenance_windows m where m.resource_id = r.id and m.starts_at <= ?1 and m.ends_at > ?1)
         order by r.id limit ?3"
            .to_owned(),
        format!(
            "select resource_id, starts_at from resource_maintenance where resource_id in ({ids}) and starts_at < ?2 and ends_at > ?1
             union all
             select resource_id, assigned_at from resource_assignments
             where resource_id in ({ids}) and assigned_at < ?2 and (released_at is null or released_at > ?1)
             order by 2"
        ),
        format!(
            "select a.resource_id, r.name from assignments a join resource_names r on r.id = a.resource_id
             where a.emergency_id in ({ids}) order by a.id"
        ),
    ];
    for statement in statements {
        let mut explained = database.prepare(&format!("explain query plan {statement}")).expect(&statement);
        let parameters = vec![rusqlite::types::Null; explained.parameter_count()];
        let steps = explained.query_map(rusqlite::params_from_iter(parameters), |row| row.get::<_, String>(3)).expect(&statement);
        let steps: Vec<_> = steps.map(|step| step.expect("a step")).collect();
        for step in &steps {
            // The ids of a page are at most 501.
            let bounded = step.starts_with("SCAN json_each") || step.starts_with("SCAN CONSTANT ROW");
            assert!(!step.starts_with("SCAN") || bounded, "{statement}: {steps:#?}");
            assert!(!step.contains("AUTOMATIC"), "{statement}: {steps:#?}");
        }
        if statement.contains("from audit_log") || statement.contains("from incidents") {
            assert!(!steps.iter().any(|step| step.contains("TEMP B-TREE FOR ORDER BY")), "{statement}: {steps:#?}");
        }
    }
}
