//! Emergencies (docs/reference/emergencies.md), from the report to the end: who may see which fields, and which resources are assigned.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use futures::future::join_all;
use gatehouse_tests::process::{Process, serve_if_asked};
use gatehouse_tests::{App, Client};
use reqwest::Method;
use serde_json::{Value, json};

#[path = "emergency/assignment.rs"]
mod assignment;
#[path = "emergency/called_off.rs"]
mod called_off;
#[path = "emergency/migration.rs"]
mod migration;
#[path = "emergency/notifications.rs"]
mod notifications;
#[path = "emergency/panic_buttons.rs"]
mod panic_buttons;
#[path = "emergency/tolerance.rs"]
mod tolerance;

#[tokio::test(flavor = "multi_thread")]
async fn server_process() {
    serve_if_asked().await;
}

/// What a pilgrim's phone sends.
fn emergency_body(temple: &str) -> Value {
    json!({
        "temple_id": temple, "type": "medical", "description": "An old man has fallen near the steps",
        "location": {"lat": 20.8881, "lng": 70.4014},
    })
}

async fn report(caller: &Client, temple: &str) -> Value {
    caller.post("/api/emergency/", emergency_body(temple)).await.expect(201)
}

fn id(document: &Value) -> &str {
    document["id"].as_str().expect("an id")
}

fn path(emergency: &Value) -> String {
    format!("/api/emergency/{}", id(emergency))
}

async fn temple(app: &App) -> String {
    app.place(0).await.site
}

/// How many rows of this table tell of an emergency at the temple.
fn told_of(app: &App, table: &str, column: &str, temple: &str) -> i64 {
    let sql = format!("select count(*) from {table} where {column} ->> '$.temple_id' = ?");
    app.db().query_row(&sql, [temple], |row| row.get(0)).expect("a count")
}

async fn my_id(caller: &Client) -> Value {
    caller.get("/api/users/me").await.expect(200)["id"].clone()
}

async fn listed(caller: &Client, path: &str) -> Vec<String> {
    let page = caller.get(path).await.expect(200);
    page["items"].as_array().expect("items").iter().map(|item| id(item).to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn anyone_signed_in_reports_and_follows_their_own_and_nobody_elses() {
    let app = App::start().await;
    let (visitor, other, operator) = (app.visitor().await, app.visitor().await, app.operator().await);
    let temple = temple(&app).await;
    let emergency = report(&visitor, &temple).await;
    for (field, value) in emergency_body(&temple).as_object().unwrap() {
        assert_eq!(&emergency[field], value, "{field}");
    }
    assert_eq!((&emergency["status"], &emergency["severity"]), (&json!("reported"), &json!("critical")));
    assert!(emergency["reported_at"].as_str().unwrap().ends_with('Z'));
    let path = path(&emergency);

    app.anonymous().post("/api/emergency/", emergency_body(&temple)).await.expect_problem(401);
    app.anonymous().get(&path).await.expect_problem(401);
    assert_eq!(visitor.get(&path).await.expect(200), emergency);
    other.get(&path).await.expect_problem(404);
    operator.patch(&format!("{path}/acknowledge"), json!({})).await.expect(200);
    let followed = visitor.get(&path).await.expect(200);
    assert_eq!(followed["status"], "acknowledged");
    assert!(followed["acknowledged_at"].is_string());
    // Who of the staff it was is not for the reporter.
    assert!(followed.get("acknowledged_by").is_none() && followed.get("history").is_none());

    assert_eq!(listed(&visitor, "/api/emergency/").await, [id(&emergency)]);
    assert!(listed(&other, "/api/emergency/").await.is_empty());
    assert_eq!(listed(&operator, &format!("/api/emergency/?temple_id={temple}")).await, [id(&emergency)]);

    let shown = operator.get(&path).await.expect(200);
    assert_eq!(shown["reported_by"], my_id(&visitor).await);
    assert_eq!(shown["reporter"]["name"], "Somebody");
    assert!(shown["suggested"].is_array());
    let steps: Vec<_> = shown["history"].as_array().unwrap().iter().map(|step| (step["action"].clone(), step["actor"].clone())).collect();
    assert_eq!(steps, [(json!("reported"), my_id(&visitor).await), (json!("acknowledged"), my_id(&operator).await)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_and_the_outbox_say_what_the_routes_say() {
    let app = App::start().await;
    let operator = app.operator().await;
    let temple = temple(&app).await;
    let reported = report(&operator, &temple).await;
    let path = path(&reported);
    let told = |sql: &str| -> Value {
        let text: String = app.db().query_row(sql, [id(&reported)], |row| row.get(0)).expect("it was told");
        serde_json::from_str(&text).expect("JSON")
    };
    let feed = "select data from events where channel = 'emergency' and data ->> 'id' = ? order by id desc limit 1";
    assert_eq!(told("select payload from outbox where topic = 'emergency.reported' and subject = ?"), reported);
    assert_eq!(told(feed), reported);
    let crew = json!({"temple_id": temple, "type": "ambulance", "name": "Ambulance"});
    let crew = operator.post("/api/resources/", crew).await.expect(201);
    let body = json!({"resource_id": crew["id"]});
    for step in ["assign", "acknowledge", "in-progress", "release", "assign", "resolve"] {
        let body = if ["assign", "release"].contains(&step) { body.clone() } else { json!({}) };
        let answer = operator.patch(&format!("{path}/{step}"), body).await.expect(200);
        let whole = told(feed);
        assert_eq!(answer, whole, "{step}");
        let mut detail = operator.get(&path).await.expect(200);
        for further in ["reporter", "history", "suggested"] {
            detail.as_object_mut().unwrap().remove(further);
        }
        assert_eq!(detail, whole, "{step}");
        assert_eq!(operator.get(&format!("/api/emergency/temple/{temple}")).await.expect(200)["items"], json!([whole]), "{step}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_says_nothing_is_refused_and_nothing_of_it_is_stored() {
    let app = App::start().await;
    let (visitor, operator) = (app.visitor().await, app.operator().await);
    let temple = temple(&app).await;
    visitor.post("/api/emergency/", json!({})).await.expect_invalid(&["type"]);
    visitor.post("/api/emergency/", json!({"temple_id": temple, "type": null})).await.expect_invalid(&["type"]);
    let with = |field: &str, value: Value| {
        let mut body = emergency_body(&temple);
        body[field] = value;
        body
    };
    visitor.send_bytes(Method::POST, "/api/emergency/", "application/json", "{").await.expect_problem(400);
    visitor.send_bytes(Method::POST, "/api/emergency/", "text/plain", "{}").await.expect_problem(415);
    visitor.post("/api/emergency/", json!([])).await.expect_problem(422);
    visitor.delete("/api/emergency/").await.expect_problem(405);
    assert!(listed(&operator, &format!("/api/emergency/temple/{temple}")).await.is_empty());
    assert_eq!(told_of(&app, "outbox", "payload", &temple), 0);

    // A word that nobody knows is no reason to turn somebody away.
    let strange = visitor.post("/api/emergency/", with("type", json!("An elephant"))).await.expect(201);
    assert_eq!((&strange["type"], &strange["severity"]), (&json!("other"), &json!("high")));
    let shown = operator.get(&path(&strange)).await.expect(200);
    assert_eq!(shown["reported_type"], "An elephant");
    let mut graver = with("type", json!("lost-child"));
    graver["severity"] = json!("URGENT");
    let graver = visitor.post("/api/emergency", graver).await.expect(201);
    assert_eq!((&graver["type"], &graver["severity"]), (&json!("missing_person"), &json!("critical")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_repeated_with_its_key_is_one_report() {
    let app = App::start().await;
    let visitor = app.visitor().await.header("idempotency-key", "sos-1");
    let temple = temple(&app).await;
    let answers = join_all((0..8).map(|_| visitor.post("/api/emergency/", emergency_body(&temple)))).await;
    let ids: BTreeSet<_> = answers.iter().map(|answer| id(&answer.expect(201)).to_owned()).collect();
    assert_eq!(ids.len(), 1);
    let mut another = emergency_body(&temple);
    another["description"] = json!("Two men");
    visitor.post("/api/emergency/", another).await.expect_invalid(&["Idempotency-Key"]);
    assert_eq!(listed(&visitor, "/api/emergency/").await.len(), 1);
    assert_eq!(told_of(&app, "outbox", "payload", &temple), 1);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_flood_of_one_reporter_is_refused_in_words_and_told_to_operators() {
    let Some(app) = App::embedded(&[]).await else { return };
    let (email, password) = app.new_user("visitor", json!({})).await;
    let visitor = app.login(&email, &password).await;
    let (operator, other) = (app.operator().await, app.visitor().await);
    let temple = temple(&app).await;
    let keyed = visitor.header("idempotency-key", "the first");
    let first = keyed.post("/api/emergency/", emergency_body(&temple)).await.expect(201);
    let mut answers = Vec::new();
    for _ in 0..25 {
        answers.extend(join_all((0..25).map(|_| visitor.post("/api/emergency/", emergency_body(&temple)))).await);
    }
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert_eq!((answers.iter().filter(|answer| answer.status == 201).count(), refused.len()), (599, 26));
    let problem = refused[0].expect_problem(429);
    assert!(problem["detail"].as_str().unwrap().starts_with("This report was not taken"), "{problem}");
    let wait: u64 = refused[0].header("retry-after").parse().expect("seconds");
    assert!((1..=600).contains(&wait), "{wait}");
    // Operators hear of it, once; nobody else's reports suffer, nor those that an operator writes down.
    let alerts = operator.get("/api/alerts/?alert_type=sos_flood").await.expect(200);
    assert_eq!(alerts["items"].as_array().unwrap().len(), 1, "{alerts}");
    assert_eq!((&alerts["items"][0]["subject"], &alerts["items"][0]["site"]), (&my_id(&visitor).await, &json!(temple)));
    assert_eq!(alerts["items"][0]["is_public"], false);
    report(&other, &temple).await;
    for _ in 0..12 {
        report(&operator, &temple).await;
    }
    // A report that was taken is answered again, whatever came since.
    assert_eq!(keyed.post("/api/emergency/", emergency_body(&temple)).await.expect(201), first);
    let taken: i64 = app.db().query_row("select count(*) from emergencies where type = 'medical'", [], |row| row.get(0)).unwrap();
    assert_eq!(taken, 600 + 1 + 12);
    app.advance(Duration::from_secs(wait + 1));
    let visitor = app.login(&email, &password).await;
    report(&visitor, &temple).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_operators_see_the_lists_and_take_steps() {
    let app = App::start().await;
    let visitor = app.visitor().await;
    let place = app.place(0).await;
    let device = app.device(&app.new_device(&place, None).await).await;
    let emergency = report(&visitor, &place.site).await;
    let path = path(&emergency);
    for (caller, status) in [(app.anonymous(), 401), (visitor.clone(), 403), (device, 403)] {
        for list in ["/api/emergency/active".to_owned(), format!("/api/emergency/temple/{}", place.site)] {
            caller.get(&list).await.expect_problem(status);
        }
        caller.get(&format!("/api/emergency/stats/temple/{}", place.site)).await.expect_problem(status);
        caller.get(&format!("{path}/suggestions")).await.expect_problem(status);
        for step in ["acknowledge", "in-progress", "resolve"] {
            caller.patch(&format!("{path}/{step}"), json!({})).await.expect_problem(status);
        }
        for step in ["assign", "release"] {
            caller.patch(&format!("{path}/{step}"), json!({"resource_id": "x"})).await.expect_problem(status);
        }
    }
    assert_eq!(visitor.get(&path).await.expect(200)["status"], "reported");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_step_has_who_and_when_and_no_other_move_is_made() {
    let app = App::start().await;
    let (operator, other) = (app.operator().await, app.operator().await);
    let temple = temple(&app).await;
    let emergency = report(&app.visitor().await, &temple).await;
    let path = path(&emergency);
    let refuse = async |steps: &[&str], status: &str| {
        for step in steps {
            let problem = operator.patch(&format!("{path}/{step}"), json!({})).await.expect_problem(409);
            assert!(problem["detail"].as_str().unwrap().starts_with(&format!("the emergency is {status}")), "{problem}");
        }
        assert_eq!(operator.get(&path).await.expect(200)["status"], status);
    };
    refuse(&["in-progress", "resolve"], "reported").await;
    let shown = operator.send(Method::PATCH, &format!("{path}/acknowledge/"), None).await.expect(200);
    assert_eq!((&shown["status"], &shown["acknowledged_by"]), (&json!("acknowledged"), &my_id(&operator).await));
    assert!(shown["acknowledged_at"].is_string() && shown["in_progress_at"].is_null());
    refuse(&["acknowledge", "resolve"], "acknowledged").await;
    let shown = other.patch(&format!("{path}/in-progress"), json!({})).await.expect(200);
    assert_eq!((&shown["status"], &shown["in_progress_by"]), (&json!("in_progress"), &my_id(&other).await));
    refuse(&["acknowledge", "in-progress"], "in_progress").await;
    operator.patch(&format!("{path}/resolve"), json!({"resolution": 7})).await.expect_invalid(&["resolution"]);
    let shown = operator.patch(&format!("{path}/resolve"), json!({"resolution": "Taken to hospital"})).await.expect(200);
    assert_eq!((&shown["status"], &shown["resolution"]), (&json!("resolved"), &json!("Taken to hospital")));
    assert_eq!((&shown["resolved_by"], &shown["acknowledged_by"]), (&my_id(&operator).await, &my_id(&operator).await));
    refuse(&["acknowledge", "in-progress", "resolve"], "resolved").await;

    let history = operator.get(&path).await.expect(200)["history"].clone();
    let actions: Vec<_> = history.as_array().unwrap().iter().map(|step| step["action"].as_str().unwrap().to_owned()).collect();
    assert_eq!(actions, ["reported", "acknowledged", "in_progress", "resolved"]);
    for step in ["acknowledge", "in-progress", "resolve"] {
        operator.patch(&format!("/api/emergency/nobody/{step}"), json!({})).await.expect_problem(404);
    }
    operator.get("/api/emergency/nobody").await.expect_problem(404);

    let changed = app.db().execute("update emergency_history set actor = 'nobody'", []);
    assert!(changed.unwrap_err().to_string().contains("append-only"));
    assert!(app.db().execute("delete from emergency_history", []).unwrap_err().to_string().contains("append-only"));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_take_a_step_at_once_one_does() {
    let app = App::start().await;
    let operator = app.operator().await;
    let temple = temple(&app).await;
    let path = path(&report(&operator, &temple).await);
    for step in ["acknowledge", "in-progress", "resolve"] {
        let step = format!("{path}/{step}");
        let answers = join_all((0..16).map(|_| operator.patch(&step, json!({})))).await;
        let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
        statuses.sort_unstable();
        assert_eq!((statuses[0], &statuses[1..]), (200, &[409; 15][..]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_filtered_and_paged() {
    let app = App::start().await;
    let operator = app.operator().await;
    let (here, there) = (temple(&app).await, temple(&app).await);
    let mut made = Vec::new();
    for number in 0..7 {
        let mut body = emergency_body(&here);
        body["type"] = json!(if number % 2 == 0 { "fire" } else { "medical" });
        made.push(operator.post("/api/emergency/", body).await.expect(201));
    }
    made.push(report(&operator, &there).await);
    let first = path(&made[0]);
    for step in ["acknowledge", "in-progress", "resolve"] {
        operator.patch(&format!("{first}/{step}"), json!({})).await.expect(200);
    }
    operator.patch(&format!("{}/acknowledge", path(&made[1])), json!({})).await.expect(200);

    let all = listed(&operator, &format!("/api/emergency/temple/{here}")).await;
    assert_eq!(all.len(), 7);
    let active = listed(&operator, &format!("/api/emergency/active?temple_id={here}")).await;
    assert_eq!(active, all.iter().filter(|it| *it != id(&made[0])).cloned().collect::<Vec<_>>());
    let everywhere = listed(&operator, "/api/emergency/active?limit=500").await;
    assert_eq!(made.iter().filter(|it| everywhere.iter().any(|listed| listed == id(it))).count(), 7);
    let count = async |filters: &str| listed(&operator, &format!("/api/emergency/temple/{here}?{filters}")).await.len();
    assert_eq!((count("status=resolved").await, count("status=acknowledged").await, count("status=reported").await), (1, 1, 5));
    assert_eq!((count("type=fire").await, count("type=fire&status=reported").await, count("severity=low").await), (4, 3, 0));

    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = operator.get(&format!("/api/emergency/temple/{here}?limit=3{cursor}")).await.expect(200);
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| id(item).to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, all);
    operator.get("/api/emergency/active?colour=red").await.expect_invalid(&["colour"]);
    operator.get("/api/emergency/active?status=asleep").await.expect_invalid(&["status"]);
    operator.get(&format!("/api/emergency/temple/{here}?temple_id={there}")).await.expect_invalid(&["temple_id"]);
    operator.get("/api/emergency/temple/atlantis").await.expect_problem(404);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn the_figures_of_a_temple_are_those_of_its_emergencies() {
    let Some(app) = App::embedded(&[]).await else { return };
    let operator = app.operator().await;
    let temple = temple(&app).await;
    let stats = format!("/api/emergency/stats/temple/{temple}");
    let empty = operator.get(&stats).await.expect(200);
    assert_eq!((&empty["total"], &empty["by_type"]["fire"]), (&json!(0), &json!(0)));
    assert_eq!(empty["time_to_acknowledge"], json!({"count": 0, "median_seconds": null, "p95_seconds": null}));

    // Acknowledged after about 10, 20, 30 and 100 seconds, the first two resolved a minute later.
    for (index, seconds) in [10, 20, 30, 100].into_iter().enumerate() {
        let mut body = emergency_body(&temple);
        body["type"] = json!(if index == 0 { "fire" } else { "security" });
        let path = path(&operator.post("/api/emergency/", body).await.expect(201));
        app.advance(Duration::from_secs(seconds));
        operator.patch(&format!("{path}/acknowledge"), json!({})).await.expect(200);
        if index < 2 {
            app.advance(Duration::from_secs(60));
            operator.patch(&format!("{path}/in-progress"), json!({})).await.expect(200);
            operator.patch(&format!("{path}/resolve"), json!({})).await.expect(200);
        }
    }
    report(&operator, &temple).await;
    let figures = operator.get(&stats).await.expect(200);
    assert_eq!((&figures["total"], &figures["active"]), (&json!(5), &json!(3)));
    assert_eq!(
        (&figures["by_type"]["fire"], &figures["by_type"]["security"], &figures["by_type"]["medical"]),
        (&json!(1), &json!(3), &json!(1))
    );
    assert_eq!((&figures["by_severity"]["critical"], &figures["by_severity"]["high"]), (&json!(2), &json!(3)));
    assert_eq!((&figures["by_status"]["resolved"], &figures["by_status"]["reported"]), (&json!(2), &json!(1)));
    let near = |figure: &Value, seconds: f64| {
        let figure = figure.as_f64().expect("a number");
        assert!((figure - seconds).abs() < 3.0, "{figure} is not about {seconds}");
    };
    assert_eq!((&figures["time_to_acknowledge"]["count"], &figures["time_to_resolve"]["count"]), (&json!(4), &json!(2)));
    near(&figures["time_to_acknowledge"]["median_seconds"], 25.0);
    near(&figures["time_to_acknowledge"]["p95_seconds"], 100.0);
    near(&figures["time_to_resolve"]["median_seconds"], 75.0);
    near(&figures["time_to_resolve"]["p95_seconds"], 80.0);

    let before = operator.get(&format!("{stats}?to={}", app.time(-86_400))).await.expect(200);
    assert_eq!(before["total"], 0);
    operator.get(&format!("{stats}?from=yesterday")).await.expect_invalid(&["from"]);
    operator.get(&format!("{stats}?from={}", app.time(60))).await.expect_invalid(&["from"]);
    operator.get(&format!("{stats}?from=2001-01-01T00:00:00Z")).await.expect_invalid(&["from"]);
    operator.get("/api/emergency/stats/temple/atlantis").await.expect_problem(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emergency_of_before_is_written_down_and_told_to_nobody() {
    let app = App::start().await;
    let admin = app.admin().await;
    let temple = temple(&app).await;
    let mut body = emergency_body(&temple);
    let times = [("reported_at", -7200), ("acknowledged_at", -7140), ("in_progress_at", -7000), ("resolved_at", -3600)];
    for (name, plus_s) in times {
        body[name] = json!(app.time(plus_s));
    }
    body["resolution"] = json!("Brought home");
    let stored = admin.header("idempotency-key", "old-1").post("/api/emergency/past", body.clone()).await.expect(201);
    let again = admin.header("idempotency-key", "old-1").post("/api/emergency/past", body.clone()).await.expect(201);
    assert_eq!(stored, again);
    for (name, _) in times {
        assert_eq!(stored[name], body[name], "{name}");
    }
    assert_eq!((&stored["status"], &stored["resolution"]), (&json!("resolved"), &json!("Brought home")));
    let shown = admin.get(&path(&stored)).await.expect(200);
    let actions: Vec<_> = shown["history"].as_array().unwrap().iter().map(|step| step["action"].as_str().unwrap().to_owned()).collect();
    assert_eq!(actions, ["reported", "acknowledged", "in_progress", "resolved"]);
    app.tick().await;
    for (table, column) in [("outbox", "payload"), ("events", "data")] {
        assert_eq!(told_of(&app, table, column, &temple), 0, "{table}");
    }
    let figures = admin.get(&format!("/api/emergency/stats/temple/{temple}")).await.expect(200);
    assert_eq!((&figures["total"], &figures["time_to_acknowledge"]["median_seconds"]), (&json!(1), &json!(60.0)));

    for (caller, status) in [(app.anonymous(), 401), (app.visitor().await, 403), (app.operator().await, 403)] {
        caller.post("/api/emergency/past", body.clone()).await.expect_problem(status);
    }
    let with = |field: &str, value: Value| {
        let mut body = body.clone();
        body[field] = value;
        body
    };
    admin.post("/api/emergency/past", emergency_body(&temple)).await.expect_invalid(&[
        "acknowledged_at",
        "in_progress_at",
        "reported_at",
        "resolved_at",
    ]);
    admin.post("/api/emergency/past", with("resolved_at", json!(app.time(600)))).await.expect_invalid(&["resolved_at"]);
    admin.post("/api/emergency/past", with("acknowledged_at", json!(app.time(-9000)))).await.expect_invalid(&["acknowledged_at"]);
    admin.post("/api/emergency/past", with("temple_id", json!("atlantis"))).await.expect_invalid(&["temple_id"]);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn kill_9_after_the_201_loses_no_emergency_and_nothing_that_is_to_be_sent() {
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeSet::new();
    for _ in 0..2 {
        let server = Process::start(directory.path(), &[]);
        let temple = temple(&server.app).await;
        // An operator: of a visitor only so many are taken.
        let visitor = server.app.operator().await;
        let heard = Mutex::new(Vec::new());
        let senders = (0..8).map(|_| async {
            loop {
                match visitor.request(Method::POST, "/api/emergency/").json(&emergency_body(&temple)).send().await {
                    Ok(answer) if answer.status() == 201 => {
                        if let Ok(emergency) = answer.json::<Value>().await {
                            heard.lock().unwrap().push(id(&emergency).to_owned());
                        }
                    }
                    Ok(answer) => panic!("{}", answer.status()),
                    Err(_) => return,
                }
            }
        });
        let killer = async {
            while heard.lock().unwrap().len() < 50 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            server.kill_9();
        };
        tokio::join!(join_all(senders), killer);
        acknowledged.extend(heard.into_inner().unwrap());
    }
    let server = Process::start(directory.path(), &[]);
    server.app.operator().await.get("/api/emergency/active").await.expect(200);
    let db = server.app.db();
    for sql in [
        "select id from emergencies",
        "select subject from outbox where topic = 'emergency.reported'",
        "select emergency_id from emergency_history",
        "select data ->> 'id' from events where channel = 'emergency'",
    ] {
        let mut statement = db.prepare(sql).unwrap();
        let kept: BTreeSet<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert!(acknowledged.is_subset(&kept), "{sql}: {} of {} are gone", acknowledged.difference(&kept).count(), acknowledged.len());
    }
}
