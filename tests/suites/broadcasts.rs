//! Alerts to temples and zones (docs/reference/broadcasts.md): who may read them, where and how long they are active, and how they end.

use std::time::Duration;

use futures::StreamExt as _;
use gatehouse_tests::{App, Client, unique};
use reqwest::Method;
use serde_json::{Value, json};

fn id(alert: &Value) -> &str {
    alert["id"].as_str().expect("an id")
}

/// A temple with two zones.
async fn temple(app: &App) -> String {
    let place = app.place(0).await;
    let zone = json!({"code": "queue", "name": "Queue complex"});
    app.admin().await.post(&format!("/api/sites/{}/zones", place.site), zone).await.expect(201);
    place.site
}

async fn raise(operator: &Client, further: Value) -> Value {
    let mut body = json!({"severity": "warning", "message": unique("Gate 2 is closed")});
    let (Value::Object(fields), Value::Object(further)) = (&mut body, further) else { panic!("an object") };
    fields.extend(further);
    let raised = operator.post("/api/alerts/", body).await.expect(201);
    // Each in a millisecond of its own: which of two within one comes first is not told.
    tokio::time::sleep(Duration::from_millis(2)).await;
    raised
}

async fn active_alerts(caller: &Client, path: &str) -> Vec<String> {
    let page = caller.get(path).await.expect(200);
    page["items"].as_array().expect("items").iter().map(|alert| id(alert).to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_reads_what_is_in_force_and_operators_read_all_of_it() {
    let app = App::start().await;
    let (operator, visitor, anonymous) = (app.operator().await, app.visitor().await, app.anonymous());
    let (here, there) = (temple(&app).await, temple(&app).await);
    let whole = raise(&operator, json!({"site": here})).await;
    let zone = raise(&operator, json!({"site": here, "zones": ["queue"], "severity": "info"})).await;
    let everywhere = raise(&operator, json!({})).await;
    let elsewhere = raise(&operator, json!({"site": there})).await;
    let staff = raise(&operator, json!({"site": here, "is_public": false})).await;
    let camera = raise(&operator, json!({"site": here, "alert_type": "overspeed", "vehicle_id": "GJ01AB1234"})).await;

    // What others tell everybody is in force here as well.
    let own = [&whole, &zone, &everywhere, &elsewhere, &staff, &camera].map(|alert| id(alert).to_owned());
    let own_of = async |caller: &Client, path: &str| -> Vec<String> {
        active_alerts(caller, path).await.into_iter().filter(|alert| own.contains(alert)).collect()
    };
    let path = format!("/api/alerts/temple/{here}");
    let public = [id(&everywhere), id(&zone), id(&whole)];
    for caller in [&anonymous, &visitor] {
        assert_eq!(own_of(caller, &path).await, public);
        assert_eq!(own_of(caller, &format!("/api/alerts/active/?site={here}")).await, public);
        // A wish for what is not for them gives nothing.
        assert!(own_of(caller, &format!("{path}?is_public=false")).await.is_empty());
    }
    assert_eq!(own_of(&operator, &path).await, [id(&camera), id(&staff), id(&everywhere), id(&zone), id(&whole)]);
    assert_eq!(own_of(&operator, &format!("{path}?is_public=true")).await, public);
    assert_eq!(own_of(&operator, &format!("{path}?alert_type=overspeed")).await, [id(&camera)]);
    assert_eq!(own_of(&anonymous, &format!("{path}?zone=Queue")).await, public, "a zone's own, its site's, and everybody's");
    assert_eq!(own_of(&anonymous, &format!("{path}?zone=b1")).await, [id(&everywhere), id(&whole)]);
    assert_eq!(own_of(&anonymous, &format!("{path}?severity=info")).await, [id(&zone)]);
    let all = own_of(&anonymous, "/api/alerts/active?limit=500").await;
    assert!(all.contains(&id(&elsewhere).to_owned()) && !all.contains(&id(&staff).to_owned()));

    // The public document: nothing of who wrote it, nor of vehicles and cameras.
    let shown_to = async |caller: &Client| {
        let page = caller.get(&path).await.expect(200);
        page["items"].as_array().expect("items").iter().find(|alert| alert["id"] == zone["id"]).expect("the alert").clone()
    };
    let shown = shown_to(&anonymous).await;
    let mut fields: Vec<_> = shown.as_object().unwrap().keys().cloned().collect();
    fields.sort_unstable();
    assert_eq!(fields, ["alert_type", "expires_at", "id", "message", "severity", "site", "status", "timestamp", "zones"]);
    assert_eq!((&shown["message"], &shown["zones"]), (&zone["message"], &json!(["queue"])));
    let listed = operator.get(&format!("/api/alerts/?severity=info&site={here}")).await.expect(200);
    assert_eq!(shown_to(&operator).await, listed["items"][0]);

    // Page by page.
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = anonymous.get(&format!("{path}?limit=2{cursor}")).await.expect(200);
        seen.extend(page["items"].as_array().expect("items").iter().map(|alert| id(alert).to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    seen.retain(|alert| own.contains(alert));
    assert_eq!(seen, public);

    anonymous.get("/api/alerts/temple/atlantis").await.expect_problem(404);
    anonymous.get(&format!("{path}?colour=red")).await.expect_invalid(&["colour"]);
    anonymous.get(&format!("{path}?site={there}")).await.expect_invalid(&["site"]);
    anonymous.get(&format!("{path}?severity=purple")).await.expect_invalid(&["severity"]);
    anonymous.get(&format!("{path}?is_public=perhaps")).await.expect_invalid(&["is_public"]);
    app.with_token("no.such.token").get(&path).await.expect_problem(401);
    for method in [Method::POST, Method::DELETE, Method::PATCH] {
        anonymous.send(method, &path, Some(&json!({}))).await.expect_problem(405);
    }
    for caller in [&anonymous, &visitor] {
        let status = if caller.get("/api/users/me").await.status == 200 { 403 } else { 401 };
        caller.post("/api/alerts/", json!({"severity": "info", "message": "hello"})).await.expect_problem(status);
        caller.patch(&format!("/api/alerts/{}/acknowledge", id(&whole)), json!({})).await.expect_problem(status);
        caller.get(&format!("/api/alerts/{}", id(&whole))).await.expect_problem(status);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn it_is_over_from_the_second_in_which_it_expires() {
    let Some(app) = App::embedded(&[]).await else { return };
    let operator = app.operator().await;
    let temple = temple(&app).await;
    let path = format!("/api/alerts/temple/{temple}");
    let short = raise(&operator, json!({"site": temple, "expires_at": app.time(120)})).await;
    let also_short = raise(&operator, json!({"site": temple, "expires_at": app.time(120)})).await;
    let long = raise(&operator, json!({"site": temple, "expires_at": app.time(3600)})).await;
    let alert = format!("/api/alerts/{}", id(&short));
    let seen = operator.patch(&format!("{alert}/acknowledge"), json!({})).await.expect(200);
    assert_eq!(seen["status"], "acknowledged");
    assert_eq!(active_alerts(&app.anonymous(), &path).await, [id(&long), id(&also_short), id(&short)], "acknowledged is still in force");

    // No scheduled run in between.
    app.advance(Duration::from_secs(121));
    assert_eq!(active_alerts(&app.anonymous(), &path).await, [id(&long)]);
    assert_eq!(active_alerts(&operator, &format!("/api/alerts/?site={temple}&status=active")).await, [id(&long)]);
    assert_eq!(active_alerts(&operator, &format!("/api/alerts/?site={temple}&status=resolved")).await, [id(&also_short), id(&short)]);
    let shown = operator.get(&alert).await.expect(200);
    assert_eq!(
        (&shown["status"], &shown["resolved_by"], &shown["resolved_at"]),
        (&json!("resolved"), &json!("system"), &short["expires_at"])
    );
    let steps: Vec<_> = shown["history"].as_array().unwrap().iter().map(|step| step["action"].as_str().unwrap().to_owned()).collect();
    assert_eq!(steps, ["created", "acknowledged", "resolved"]);
    app.tick().await;
    assert_eq!(operator.get(&alert).await.expect(200)["history"], shown["history"], "the scheduled run does not do it again");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn the_scheduled_run_of_alerts_ends_what_is_due_once() {
    let Some(app) = App::embedded(&[]).await else { return };
    let operator = app.operator().await;
    let temple = temple(&app).await;
    let short = raise(&operator, json!({"site": temple, "expires_at": app.time(60)})).await;
    raise(&operator, json!({"site": temple, "expires_at": app.time(600)})).await;
    let run = async || app.internal("/internal/tick/alerts").await.expect(200)["expired"].clone();
    assert_eq!(run().await, 0);
    app.advance(Duration::from_secs(61));
    app.anonymous().send(Method::POST, "/internal/tick/alerts", None).await.expect_problem(401);
    assert_eq!(run().await, 1);
    assert_eq!(run().await, 0);
    let ended: String = app.db().query_row("select id from alerts where status = 'resolved'", [], |row| row.get(0)).unwrap();
    assert_eq!(ended, id(&short));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn what_has_expired_is_neither_acknowledged_nor_changed() {
    let Some(app) = App::embedded(&[]).await else { return };
    let operator = app.operator().await;
    let temple = temple(&app).await;
    let mut alerts = Vec::new();
    for _ in 0..3 {
        alerts.push(raise(&operator, json!({"site": temple, "expires_at": app.time(60)})).await);
    }
    app.advance(Duration::from_secs(61));
    operator.patch(&format!("/api/alerts/{}/acknowledge", id(&alerts[0])), json!({})).await.expect_problem(409);
    operator.patch(&format!("/api/alerts/{}/resolve", id(&alerts[1])), json!({})).await.expect_problem(409);
    operator.patch(&format!("/api/alerts/{}", id(&alerts[2])), json!({"expires_at": app.time(600)})).await.expect_problem(409);
    // One that is still in force lasts as long as is said last.
    let extended = raise(&operator, json!({"site": temple, "expires_at": app.time(60)})).await;
    operator.patch(&format!("/api/alerts/{}", id(&extended)), json!({"expires_at": app.time(600)})).await.expect(200);
    app.advance(Duration::from_secs(120));
    assert_eq!(active_alerts(&app.anonymous(), &format!("/api/alerts/temple/{temple}")).await, [id(&extended)]);
    operator.patch(&format!("/api/alerts/{}/resolve", id(&extended)), json!({})).await.expect(200);
    assert!(active_alerts(&app.anonymous(), &format!("/api/alerts/temple/{temple}")).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn the_public_hears_of_it_at_once_and_of_its_end() {
    let Some(app) = App::embedded(&[]).await else { return };
    let operator = app.operator().await;
    let temple = temple(&app).await;
    let request = app.anonymous().request(Method::GET, &format!("/api/events?channels=alerts&site={temple}"));
    let mut stream = request.send().await.unwrap().bytes_stream();
    let mut heard = String::new();
    let mut hear = async |wanted: &str| {
        while !heard.contains(wanted) {
            let chunk = tokio::time::timeout(Duration::from_secs(20), stream.next()).await.expect("an event in time");
            heard.push_str(std::str::from_utf8(&chunk.expect("the stream goes on").expect("bytes")).expect("text"));
        }
        std::mem::take(&mut heard)
    };
    hear("connected").await;
    raise(&operator, json!({"site": temple, "is_public": false, "message": "For staff"})).await;
    let alert = raise(&operator, json!({"site": temple, "expires_at": app.time(30), "message": "Rain"})).await;
    let told = hear("Rain").await;
    assert!(!told.contains("For staff") && !told.contains("created_by"), "{told}");
    app.advance(Duration::from_secs(31));
    // Whoever looks first brings it about.
    active_alerts(&app.anonymous(), "/api/alerts/active").await;
    operator.get("/api/alerts/").await.expect(200);
    let told = hear("\"resolved\"").await;
    assert!(told.contains(id(&alert)), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_read_of_what_is_in_force_goes_through_all_that_ever_was() {
    let app = App::start().await;
    app.anonymous().get("/api/alerts/active").await.expect(200);
    let database = app.db();
    let page = |index: &str, filters: &str| {
        format!(
            "select id, message from alerts indexed by {index}
             where id < coalesce(?, '~') and status <> 'resolved' and (expires_at is null or expires_at > ?) {filters}
             order by id desc limit ?"
        )
    };
    for statement in [
        page("alerts_in_force", "and (site is null or site = ?) and is_public = ?"),
        page("alerts_public_in_force", "and is_public = 1 and (site is null or site = ?)"),
        "select 1 from alerts indexed by alerts_to_expire where status <> 'resolved' and expires_at <= ? limit 1".to_owned(),
        "update alerts indexed by alerts_to_expire set status = 'resolved' where status <> 'resolved' and expires_at <= ?1".to_owned(),
        "select id from messages indexed by messages_first
         where state = 'queued' and attempts = 0 and next_attempt_at <= ?1 and priority = 3 order by next_attempt_at limit ?2"
            .to_owned(),
        "select id from messages indexed by messages_due
         where state in ('queued', 'sending') and next_attempt_at <= ?1 and (state = 'queued' or lease_until < ?1) and priority in (0, 1, 2, 3)
         order by priority desc, next_attempt_at limit ?2"
            .to_owned(),
        "select created_at from emergencies where reported_by = ?9 order by id desc limit 1 offset ?12".to_owned(),
    ] {
        let mut explained = database.prepare(&format!("explain query plan {statement}")).expect(&statement);
        let parameters = vec![rusqlite::types::Null; explained.parameter_count()];
        let steps = explained.query_map(rusqlite::params_from_iter(parameters), |row| row.get::<_, String>(3)).expect(&statement);
        let steps: Vec<_> = steps.map(|step| step.expect("a step")).collect();
        assert!(steps.iter().all(|step| !step.starts_with("SCAN")), "{statement}: {steps:#?}");
    }
}
