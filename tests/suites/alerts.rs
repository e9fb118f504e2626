//! Alerts, their history, and what was sent about them.

use gatehouse_tests::{App, Client, unique};
use reqwest::Method;
use serde_json::{Value, json};

fn camera_alert() -> Value {
    json!({
        "vehicle_id": "GJ01AB1234", "timestamp": "2026-02-04T10:30:00Z", "alert_type": "overspeed", "location": "Gate 2",
        "severity": "warning", "camera": "North gate", "camera_id": "CAM-1",
    })
}

fn broadcast(message: &str) -> Value {
    json!({ "severity": "info", "message": message })
}

async fn raise(caller: &Client, body: Value) -> Value {
    caller.post("/api/alerts/", body).await.expect(201)
}

fn id(alert: &Value) -> &str {
    alert["id"].as_str().expect("an id")
}

fn path(alert: &Value) -> String {
    format!("/api/alerts/{}", id(alert))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_alert_of_the_old_system_is_taken_and_kept_private() {
    let app = App::start().await;
    let operator = app.operator().await;
    let alert = raise(&operator, camera_alert()).await;
    for (field, value) in camera_alert().as_object().unwrap() {
        if field != "timestamp" {
            assert_eq!(&alert[field], value, "{field}");
        }
    }
    assert!(alert["timestamp"].as_str().unwrap().starts_with("2026-02-04T10:30:00"));
    assert_eq!(alert["message"], "overspeed: vehicle GJ01AB1234 at Gate 2, camera North gate");
    assert_eq!(alert["status"], "active");
    assert_eq!(alert["source"], "manual");
    assert_eq!(alert["is_public"], false);

    let numbers = json!({ "vehicle_id": 4711, "alert_type": "parked", "location": 7, "severity": "low", "camera": 3, "camera_id": 9 });
    let alert = raise(&operator, numbers).await;
    assert_eq!(alert["severity"], "info");
    assert_eq!((&alert["vehicle_id"], &alert["location"], &alert["camera_id"]), (&json!("4711"), &json!("7"), &json!("9")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broadcast_is_for_the_public_and_names_its_zones() {
    let app = App::start().await;
    let operator = app.operator().await;
    let place = app.place(0).await;
    let alert = raise(
        &operator,
        json!({
            "site": place.site, "zones": ["b1"], "severity": "warning", "message": "The lower level is flooded",
            "expires_at": app.time(3600),
        }),
    )
    .await;
    assert_eq!(alert["is_public"], true);
    assert_eq!(alert["alert_type"], "broadcast");
    assert_eq!(alert["zones"], json!(["B1"]));
    assert_eq!(alert["site"], json!(place.site));

    let mut private = broadcast("Only for staff");
    private["is_public"] = json!(false);
    assert_eq!(raise(&operator, private).await["is_public"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_field_is_named_and_nothing_is_stored() {
    let app = App::start().await;
    let operator = app.operator().await;
    let place = app.place(0).await;
    operator.post("/api/alerts/", json!({})).await.expect_invalid(&["severity"]);
    operator.post("/api/alerts/", json!({ "severity": "info" })).await.expect_invalid(&["message"]);
    operator
        .post(
            "/api/alerts/",
            json!({
                "severity": "purple", "message": 3, "site": "", "zones": "B1", "timestamp": "yesterday", "expires_at": app.time(-10),
                "is_public": "yes", "camera": {}, "camera_id": [], "vehicle_id": "x".repeat(101), "location": true, "alert_type": "",
            }),
        )
        .await
        .expect_invalid(&[
            "alert_type",
            "camera",
            "camera_id",
            "expires_at",
            "is_public",
            "location",
            "message",
            "severity",
            "site",
            "timestamp",
            "vehicle_id",
            "zones",
        ]);
    let with = |field: &str, value: Value| {
        let mut body = broadcast("hello");
        body[field] = value;
        body
    };
    operator.post("/api/alerts/", with("timestamp", json!(app.time(320)))).await.expect_invalid(&["timestamp"]);
    operator.post("/api/alerts/", with("site", json!("no-such-site"))).await.expect_invalid(&["site"]);
    operator.post("/api/alerts/", with("zones", json!(["B1"]))).await.expect_invalid(&["zones"]);
    let mut elsewhere = with("site", json!(place.site));
    elsewhere["zones"] = json!(["B1", "B9"]);
    operator.post("/api/alerts/", elsewhere).await.expect_invalid(&["zones"]);
    operator.send_bytes(Method::POST, "/api/alerts/", "application/json", "{").await.expect_problem(400);
    operator.send_bytes(Method::POST, "/api/alerts/", "text/plain", "{}").await.expect_problem(415);
    operator.post("/api/alerts/", json!([])).await.expect_problem(422);
    let me = operator.get("/api/users/me").await.expect(200)["id"].clone();
    let stored: i64 = app.db().query_row("select count(*) from alerts where created_by = ?", [me.as_str()], |row| row.get(0)).unwrap();
    assert_eq!(stored, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_operators_see_and_handle_alerts_and_only_admins_what_was_sent() {
    let app = App::start().await;
    let operator = app.operator().await;
    let alert = raise(&operator, camera_alert()).await;
    let path = path(&alert);
    let place = app.place(0).await;
    let device = app.device(&app.new_device(&place, None).await).await;
    for (caller, status) in [(app.anonymous(), 401), (app.visitor().await, 403), (device, 403)] {
        caller.get("/api/alerts/").await.expect_problem(status);
        caller.get(&path).await.expect_problem(status);
        caller.post("/api/alerts/", camera_alert()).await.expect_problem(status);
        caller.patch(&path, json!({ "message": "x" })).await.expect_problem(status);
        caller.patch(&format!("{path}/acknowledge"), json!({})).await.expect_problem(status);
        caller.patch(&format!("{path}/resolve"), json!({})).await.expect_problem(status);
        caller.delete(&path).await.expect_problem(status);
        caller.get("/api/dispatch/messages").await.expect_problem(status);
    }
    operator.get("/api/dispatch/messages").await.expect_problem(403);
    operator.post("/api/dispatch/messages/x/replay", json!({})).await.expect_problem(403);
    assert_eq!(operator.get(&path).await.expect(200)["status"], "active");

    operator.delete(&path).await.expect(204);
    operator.get(&path).await.expect_problem(404);
    operator.delete(&path).await.expect_problem(404);
    let sql = "select actor from audit_log where entity = 'alerts' and action = 'deleted' and subject = ?";
    let actor: String = app.db().query_row(sql, [id(&alert)], |row| row.get(0)).unwrap();
    assert_eq!(actor, operator.get("/api/users/me").await.expect(200)["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_client_replaces_an_alert_with_put() {
    let app = App::start().await;
    let operator = app.operator().await;
    let path = path(&raise(&operator, camera_alert()).await);
    let mut changed = camera_alert();
    changed["location"] = json!("Gate 3");
    let alert = operator.put(&path, changed).await.expect(200);
    assert_eq!((&alert["location"], &alert["camera_id"]), (&json!("Gate 3"), &json!("CAM-1")));
    app.visitor().await.put(&path, camera_alert()).await.expect_problem(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_step_has_who_and_when_and_wrong_steps_are_refused() {
    let app = App::start().await;
    let (operator, other) = (app.operator().await, app.operator().await);
    let me = operator.get("/api/users/me").await.expect(200)["id"].clone();
    let them = other.get("/api/users/me").await.expect(200)["id"].clone();
    let alert = raise(&operator, camera_alert()).await;
    let path = path(&alert);

    let acknowledged = operator.send(Method::PATCH, &format!("{path}/acknowledge"), None).await.expect(200);
    assert_eq!((&acknowledged["status"], &acknowledged["acknowledged_by"]), (&json!("acknowledged"), &me));
    assert!(acknowledged["acknowledged_at"].is_string());
    other.patch(&format!("{path}/acknowledge"), json!({})).await.expect_problem(409);
    let resolved = other.post(&format!("{path}/resolve/"), json!({})).await.expect(200);
    assert_eq!((&resolved["status"], &resolved["resolved_by"]), (&json!("resolved"), &them));
    assert_eq!(resolved["acknowledged_by"], me);
    operator.patch(&format!("{path}/resolve"), json!({})).await.expect_problem(409);
    operator.patch(&format!("{path}/acknowledge"), json!({})).await.expect_problem(409);
    operator.patch(&path, json!({ "message": "too late" })).await.expect_problem(409);

    let detail = operator.get(&path).await.expect(200);
    let history: Vec<_> =
        detail["history"].as_array().unwrap().iter().map(|step| (step["action"].clone(), step["actor"].clone())).collect();
    assert_eq!(history, [(json!("created"), me.clone()), (json!("acknowledged"), me.clone()), (json!("resolved"), them)],);
    assert!(detail["history"].as_array().unwrap().iter().all(|step| step["at"].as_str().is_some_and(|at| at.ends_with('Z'))));

    // Straight from active to resolved.
    let alert = raise(&operator, camera_alert()).await;
    operator.patch(&format!("/api/alerts/{}/resolve", id(&alert)), json!({})).await.expect(200);

    for missing in ["/api/alerts/nobody", "/api/alerts/nobody/acknowledge", "/api/alerts/nobody/resolve"] {
        let method = if missing.ends_with("nobody") { Method::GET } else { Method::PATCH };
        operator.send(method, missing, None).await.expect_problem(404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_acknowledge_at_once_one_does() {
    let app = App::start().await;
    let operator = app.operator().await;
    let path = format!("{}/acknowledge", path(&raise(&operator, camera_alert()).await));
    let answers = futures::future::join_all((0..20).map(|_| operator.send(Method::PATCH, &path, None))).await;
    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses[0], 200);
    assert!(statuses[1..].iter().all(|status| *status == 409), "{statuses:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_changes_what_was_sent_and_is_kept_in_the_history() {
    let app = App::start().await;
    let operator = app.operator().await;
    let place = app.place(0).await;
    let alert = raise(&operator, camera_alert()).await;
    let path = path(&alert);
    let edited = operator
        .patch(&path, json!({ "severity": "critical", "location": null, "site": place.site, "zones": ["b1"], "camera_id": 12 }))
        .await
        .expect(200);
    assert_eq!(edited["severity"], "critical");
    assert_eq!(edited["location"], Value::Null);
    assert_eq!((&edited["site"], &edited["zones"]), (&json!(place.site), &json!(["B1"])));
    assert_eq!(edited["camera_id"], "12");
    assert_eq!(edited["message"], alert["message"]);
    // An edit of a field that nothing else depends on is a step as well.
    operator.patch(&path, json!({ "vehicle_id": "GJ02" })).await.expect(200);
    let history = operator.get(&path).await.expect(200)["history"].clone();
    let actions: Vec<_> = history.as_array().unwrap().iter().map(|step| step["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["created", "updated", "updated"]);
    // It became critical: that is sent, once.
    operator.patch(&path, json!({ "severity": "critical" })).await.expect(200);
    let sent: i64 = app.db().query_row("select count(*) from outbox where subject = ?", [id(&alert)], |row| row.get(0)).unwrap();
    assert_eq!(sent, 1);

    operator.patch(&path, json!({})).await.expect_invalid(&["body"]);
    operator.patch(&path, json!({ "status": "resolved" })).await.expect_invalid(&["status"]);
    // What is in the answer and cannot be sent is named, never ignored; null and the id of the path say nothing new.
    let sent_back = operator.get(&path).await.expect(200);
    let mut names = vec!["created_at", "created_by", "escalation", "history", "source", "status", "updated_at"];
    operator.put(&path, sent_back).await.expect_invalid(&names);
    names = vec!["acknowledged_by", "id", "resolved_at"];
    let other = json!({ "id": "another", "acknowledged_by": "me", "resolved_at": app.time(0), "message": "ours" });
    operator.patch(&path, other).await.expect_invalid(&names);
    let mut resolved = camera_alert();
    resolved["status"] = json!("resolved");
    operator.post("/api/alerts/", resolved).await.expect_invalid(&["status"]);
    operator.patch(&path, json!({ "message": null, "severity": null })).await.expect_invalid(&["message", "severity"]);
    operator.patch(&path, json!({ "site": "no-such-site", "zones": [] })).await.expect_invalid(&["site"]);
    operator.patch(&path, json!({ "site": null })).await.expect_invalid(&["zones"]);
    operator.patch(&path, json!({ "site": null, "zones": null })).await.expect(200);
    operator.patch("/api/alerts/nobody", json!({ "message": "x" })).await.expect_problem(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_makes_one_alert() {
    let app = App::start().await;
    let operator = app.operator().await;
    let key = unique("key");
    let keyed = operator.header("idempotency-key", &key);
    let message = unique("once");
    let answers = futures::future::join_all((0..20).map(|_| keyed.post("/api/alerts/", broadcast(&message)))).await;
    let first = answers[0].expect(201);
    for answer in &answers {
        assert_eq!(answer.expect(201), first);
    }
    assert_eq!(answers.iter().filter(|answer| answer.header("idempotent-replayed") != "true").count(), 1);
    let stored: i64 = app.db().query_row("select count(*) from alerts where message = ?", [&message], |row| row.get(0)).unwrap();
    assert_eq!(stored, 1);

    keyed.post("/api/alerts/", broadcast("another body")).await.expect_invalid(&["Idempotency-Key"]);
    // Another caller's key is another key; without one, each request is an alert.
    let other = app.operator().await.header("idempotency-key", &key);
    assert_ne!(raise(&other, broadcast(&message)).await["id"], first["id"]);
    assert_ne!(raise(&operator, broadcast(&message)).await["id"], first["id"]);
    // What was refused is not kept.
    let key = operator.header("idempotency-key", &unique("key"));
    key.post("/api/alerts/", json!({ "severity": "info", "message": "x", "site": "no-such-site" })).await.expect_problem(422);
    key.post("/api/alerts/", json!({ "severity": "info", "message": "x", "site": "no-such-site" })).await.expect_problem(422);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn what_was_accepted_is_answered_again_though_by_now_it_would_be_refused() {
    let Some(app) = App::embedded(&[]).await else { return };
    let keyed = app.operator().await.header("idempotency-key", &unique("key"));
    let body = json!({"severity": "info", "message": unique("once"), "expires_at": app.time(60)});
    let first = raise(&keyed, body.clone()).await;
    app.advance(std::time::Duration::from_secs(120));
    assert_eq!(keyed.post("/api/alerts/", body).await.expect(201), first);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_filtered_and_paged_newest_first() {
    let app = App::start().await;
    let operator = app.operator().await;
    let place = app.place(0).await;
    let camera_id = unique("CAM");
    let mut raised = Vec::new();
    for number in 0..23 {
        let mut alert = camera_alert();
        alert["camera_id"] = json!(camera_id);
        if number % 2 == 0 {
            alert["site"] = json!(place.site);
        }
        raised.push(id(&raise(&operator, alert).await).to_owned());
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = operator.get(&format!("/api/alerts/?camera_id={camera_id}&limit=5{cursor}")).await.expect(200);
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 5);
        seen.extend(items.iter().map(|item| id(item).to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    // Ids made within one millisecond are in no order of their own.
    let mut newest_first = seen.clone();
    newest_first.sort_unstable_by(|a, b| b.cmp(a));
    assert_eq!(seen, newest_first);
    raised.sort_unstable();
    seen.sort_unstable();
    assert_eq!(seen, raised);

    operator.patch(&format!("/api/alerts/{}/acknowledge", raised[0]), json!({})).await.expect(200);
    let count = async |filters: &str| {
        let page = operator.get(&format!("/api/alerts/?limit=500&camera_id={camera_id}{filters}")).await.expect(200);
        page["items"].as_array().unwrap().len()
    };
    assert_eq!(count(&format!("&site={}", place.site)).await, 12);
    assert_eq!(count("&status=acknowledged").await, 1);
    assert_eq!(count("&status=active").await, 22);
    assert_eq!(count("&severity=warning").await, 23);
    assert_eq!(count("&severity=critical").await, 0);
    assert_eq!(count("&alert_type=overspeed&source=manual").await, 23);
    assert_eq!(count("&source=system").await, 0);
    let mut other = camera_alert();
    other["camera_id"] = json!(camera_id);
    other["vehicle_id"] = json!("GJ05XY0001");
    other["location"] = json!("Gate 9");
    other["timestamp"] = json!(app.time(-60));
    raise(&operator, other).await;
    assert_eq!(count("&vehicle_id=GJ05XY0001").await, 1);
    assert_eq!(count("&location=Gate%209").await, 1);
    // The others say that they happened on a day of February 2026.
    assert_eq!(count(&format!("&to={}", app.time(-3600))).await, 23);
    assert_eq!(count(&format!("&from={}", app.time(-3600))).await, 1);
    operator.delete(&format!("/api/alerts/{}", latest(&operator, &camera_id).await)).await.expect(204);
    operator.get("/api/alerts/?from=yesterday&to=never").await.expect_invalid(&["from", "to"]);

    operator.get("/api/alerts/?colour=red&status=asleep").await.expect_invalid(&["colour", "status"]);
    operator.get("/api/alerts/?status=asleep").await.expect_invalid(&["status"]);

    // The other way round, page by page; a cursor of one order is none of the other.
    let first = operator.get(&format!("/api/alerts/?camera_id={camera_id}&limit=20&order=asc")).await.expect(200);
    let cursor = first["next_cursor"].as_str().expect("more");
    let rest = operator.get(&format!("/api/alerts/?camera_id={camera_id}&limit=20&order=asc&cursor={cursor}")).await.expect(200);
    let pages = [&first["items"], &rest["items"]].map(|items| items.as_array().unwrap().clone());
    let ascending: Vec<_> = pages.iter().flatten().map(|item| id(item).to_owned()).collect();
    assert_eq!(ascending, raised);
    operator.get(&format!("/api/alerts/?camera_id={camera_id}&limit=20&order=desc&cursor={cursor}")).await.expect_invalid(&["cursor"]);
    operator.get("/api/alerts/?order=newest").await.expect_invalid(&["order"]);
}

/// The id of a camera's newest alert.
async fn latest(operator: &Client, camera_id: &str) -> String {
    id(&operator.get(&format!("/api/alerts/?camera_id={camera_id}&limit=1")).await.expect(200)["items"][0]).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_and_the_outbox_say_what_the_routes_say() {
    let app = App::start().await;
    let operator = app.operator().await;
    let (place, camera) = (app.place(0).await, unique("CAM"));
    let body = json!({
        "alert_type": "flood", "severity": "critical", "message": "The lower level is flooded", "site": place.site, "zones": ["b1"],
        "vehicle_id": "GJ01AB1234", "location": "Gate 2", "camera": "North gate", "camera_id": camera, "is_public": true,
        "timestamp": "2026-02-04T10:30:00Z", "expires_at": app.time(3600),
    });
    let raised = raise(&operator, body).await;
    let path = path(&raised);
    let told = |sql: &str| -> (Value, Value) {
        let (data, public): (String, Option<String>) =
            app.db().query_row(sql, [id(&raised)], |row| Ok((row.get(0)?, row.get(1)?))).expect("it was told");
        let json = |text: String| serde_json::from_str(&text).expect("JSON");
        (json(data), public.map_or(Value::Null, json))
    };
    let feed = "select data, public_data from events where channel = 'alerts' and data ->> 'id' = ? order by id desc limit 1";
    assert_eq!(told("select payload, null from outbox where topic = 'alert.critical' and subject = ?").0, raised);
    for (step, is_active) in [(None, true), (Some("acknowledge"), true), (Some("resolve"), false)] {
        let answer = match step {
            None => raised.clone(),
            Some(step) => operator.patch(&format!("{path}/{step}"), json!({})).await.expect(200),
        };
        let (whole, public) = told(feed);
        assert_eq!(answer, whole, "{step:?}");
        let mut detail = operator.get(&path).await.expect(200);
        detail.as_object_mut().unwrap().remove("history");
        assert_eq!(detail, whole, "{step:?}");
        assert_eq!(operator.get(&format!("/api/alerts/?camera_id={camera}&limit=1")).await.expect(200)["items"][0], whole, "{step:?}");
        let active = app.anonymous().get(&format!("/api/alerts/temple/{}", place.site)).await.expect(200);
        let own: Vec<_> = active["items"].as_array().unwrap().iter().filter(|it| it["id"] == raised["id"]).collect();
        assert_eq!(own, if is_active { vec![&public] } else { vec![] }, "{step:?}");
    }
}

/// Writes a message in this state, as the dispatcher would have left it; its id.
fn insert_message(app: &App, alert: &Value, state: &str) -> String {
    let message = format!("0{}", &unique("m").replace('-', "0")[..11]);
    let outbox: i64 = app.db().query_row("select id from outbox where subject = ?", [id(alert)], |row| row.get(0)).unwrap();
    app.db()
        .execute(
            "insert into messages (id, outbox_id, channel, contact, priority, state, attempts, first_at, next_attempt_at, set_at, last_error,
                 created_at)
             values (?1, ?2, 'mail', ?1, 2, ?3, 2, 1000, 1000, 1000, 'HTTP 400', 1000)",
            (&message, outbox, state),
        )
        .unwrap();
    for (attempt, outcome) in [(1, "retry"), (2, "dead")] {
        app.db()
            .execute(
                "insert into deliveries (message_id, attempt, channel, contact, at, outcome, http_status, error, duration_ms)
                 values (?1, ?2, 'mail', ?1, 1000, ?3, 400, 'HTTP 400', 12)",
                (&message, attempt, outcome),
            )
            .unwrap();
    }
    message
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_sees_dead_letters_and_replays_them() {
    let app = App::start().await;
    let admin = app.admin().await;
    let mut critical = camera_alert();
    critical["severity"] = json!("critical");
    let alert = raise(&app.operator().await, critical).await;
    let (dead, sent) = (insert_message(&app, &alert, "dead"), insert_message(&app, &alert, "sent"));

    let listed = admin.get("/api/dispatch/messages?state=dead&channel=mail&limit=500").await.expect(200);
    let listed: Vec<_> = listed["items"].as_array().unwrap().clone();
    assert!(listed.iter().all(|message| message["state"] == "dead"));
    let one = listed.iter().find(|message| message["id"] == json!(dead)).expect("the dead letter");
    assert_eq!(one["alert_id"], alert["id"]);
    assert_eq!(one["topic"], "alert.critical");
    assert_eq!((&one["attempts"], &one["last_error"]), (&json!(2), &json!("HTTP 400")));
    admin.get("/api/dispatch/messages?state=lost").await.expect_invalid(&["state"]);
    admin.get("/api/dispatch/messages?contact=x").await.expect_invalid(&["contact"]);
    let ascending = admin.get("/api/dispatch/messages?state=dead&channel=mail&limit=500&order=asc").await.expect(200);
    assert_eq!(ascending["items"].as_array().unwrap().iter().rev().cloned().collect::<Vec<_>>(), listed);
    assert_eq!(admin.get("/api/dispatch/messages?channel=pigeon").await.expect(200)["items"], json!([]));
    let of_topic = async |filters: &str| -> Vec<Value> {
        let page = admin.get(&format!("/api/dispatch/messages?{filters}&limit=500")).await.expect(200);
        page["items"].as_array().unwrap().iter().map(|message| message["id"].clone()).collect()
    };
    for (filters, [has_dead, has_sent]) in [
        ("topic=alert.critical", [true, true]),
        ("topic=alert.critical&state=sent&channel=mail", [false, true]),
        ("topic=alert.critical&state=dead", [true, false]),
        ("topic=alert.warning", [false, false]),
    ] {
        let found = of_topic(filters).await;
        assert_eq!([found.contains(&json!(dead)), found.contains(&json!(sent))], [has_dead, has_sent], "{filters}");
    }

    let detail = admin.get(&format!("/api/dispatch/messages/{dead}")).await.expect(200);
    let outcomes: Vec<_> = detail["deliveries"].as_array().unwrap().iter().map(|it| it["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["retry", "dead"]);
    assert_eq!(detail["deliveries"][1]["http_status"], 400);

    admin.post(&format!("/api/dispatch/messages/{sent}/replay"), json!({})).await.expect_problem(409);
    admin.post("/api/dispatch/messages/nobody/replay", json!({})).await.expect_problem(404);
    admin.get("/api/dispatch/messages/nobody").await.expect_problem(404);
    let before = app.now_ms();
    let replayed = admin.post(&format!("/api/dispatch/messages/{dead}/replay"), json!({})).await.expect(202);
    assert_eq!(replayed["id"], json!(dead));
    let (first_at, replays): (i64, i64) = app
        .db()
        .query_row(
            "select first_at, (select count(*) from audit_log where entity = 'messages' and action = 'replayed' and subject = ?1)
             from messages where id = ?1",
            [&dead],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    assert!(first_at >= before);
    assert_eq!(replays, 1);
    // What was tried before stays on record.
    let detail = admin.get(&format!("/api/dispatch/messages/{dead}")).await.expect(200);
    assert!(detail["deliveries"].as_array().unwrap().len() >= 2);
    assert!(detail["attempts"].as_i64().unwrap() >= 2);
}
