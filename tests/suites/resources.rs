//! Resources (docs/reference/resources.md), their maintenance and availability; and past incidents.

use std::time::Duration;

use futures::future::join_all;
use gatehouse_tests::{App, Client, unique};
use reqwest::Method;
use serde_json::{Value, json};

#[path = "resources/incidents.rs"]
mod incidents;

fn ambulance(temple: &str) -> Value {
    json!({
        "temple_id": temple, "type": "ambulance", "name": unique("Ambulance"), "capacity": 2, "contact": "+911234567890",
        "location": {"lat": 20.888, "lng": 70.4013}, "notes": "with a defibrillator",
    })
}

async fn create(operator: &Client, temple: &str) -> Value {
    operator.post("/api/resources/", ambulance(temple)).await.expect(201)
}

fn id(document: &Value) -> &str {
    document["id"].as_str().expect("an id")
}

fn path(resource: &Value) -> String {
    format!("/api/resources/{}", id(resource))
}

async fn temple(app: &App) -> String {
    app.place(0).await.site
}

async fn listed(caller: &Client, path: &str) -> Vec<String> {
    let page = caller.get(path).await.expect(200);
    page["items"].as_array().expect("items").iter().map(|item| id(item).to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resource_is_made_changed_and_retired() {
    let app = App::start().await;
    let operator = app.operator().await;
    let temple = temple(&app).await;
    let body = ambulance(&temple);
    let made = operator.post("/api/resources/", body.clone()).await.expect(201);
    for (field, value) in body.as_object().unwrap() {
        assert_eq!(&made[field], value, "{field}");
    }
    assert_eq!((&made["status"], &made["emergency_id"]), (&json!("available"), &Value::Null));
    operator.post("/api/resources/", body.clone()).await.expect_problem(409);
    let path = path(&made);
    assert_eq!(operator.get(&path).await.expect(200), made);

    let changed = json!({"name": "A2", "status": "out_of_service", "notes": null, "location": {"lat": 1, "lng": 2}});
    let changed = operator.patch(&path, changed).await.expect(200);
    assert_eq!((&changed["name"], &changed["status"], &changed["notes"]), (&json!("A2"), &json!("out_of_service"), &Value::Null));
    assert_eq!((&changed["location"]["lng"], &changed["contact"]), (&json!(2.0), &json!("+911234567890")));
    operator.patch(&path, json!({"temple_id": "elsewhere"})).await.expect_invalid(&["temple_id"]);
    operator.patch("/api/resources/nobody", json!({"name": "x"})).await.expect_problem(404);

    operator.delete(&path).await.expect(204);
    operator.delete(&path).await.expect_problem(404);
    operator.get(&path).await.expect_problem(404);
    operator.patch(&path, json!({"name": "x"})).await.expect_problem(404);
    // Its name is free again.
    let mut again = body;
    again["name"] = json!("a2");
    operator.post("/api/resources/", again).await.expect(201);
    let actions: String = app
        .db()
        .query_row("select group_concat(action) from audit_log where entity = 'resources' and subject = ?", [id(&made)], |row| row.get(0))
        .unwrap();
    assert_eq!(actions, "created,updated,deleted");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_named_and_strangers_are_kept_out() {
    let app = App::start().await;
    let operator = app.operator().await;
    let temple = temple(&app).await;
    let made = create(&operator, &temple).await;
    operator.post("/api/resources/", json!({})).await.expect_invalid(&["name", "temple_id", "type"]);
    let bad = json!({
        "temple_id": 1, "type": "Fire Engine!", "name": "", "status": "assigned", "capacity": -1, "contact": [], "location": 7, "notes": 9,
    });
    let all = ["capacity", "contact", "location", "name", "notes", "status", "temple_id", "type"];
    operator.post("/api/resources/", bad).await.expect_invalid(&all);
    operator.post("/api/resources/", ambulance("atlantis")).await.expect_invalid(&["temple_id"]);
    operator.send_bytes(Method::POST, "/api/resources/", "application/json", "{").await.expect_problem(400);
    operator.get("/api/resources/?colour=red").await.expect_invalid(&["colour"]);
    operator.get("/api/resources/?status=asleep").await.expect_invalid(&["status"]);
    assert_eq!(listed(&operator, &format!("/api/resources/?temple_id={temple}")).await.len(), 1);

    let path = path(&made);
    let device = app.device(&app.new_device(&app.place(0).await, None).await).await;
    for (caller, status) in [(app.anonymous(), 401), (app.visitor().await, 403), (device, 403)] {
        for read in
            ["/api/resources/", "/api/resources/availability", &path, &format!("{path}/maintenance"), &format!("{path}/availability")]
        {
            caller.get(read).await.expect_problem(status);
        }
        caller.post("/api/resources/", ambulance(&temple)).await.expect_problem(status);
        caller.patch(&path, json!({"name": "x"})).await.expect_problem(status);
        caller.delete(&path).await.expect_problem(status);
        caller.post(&format!("{path}/maintenance"), json!({})).await.expect_problem(status);
        caller.delete(&format!("{path}/maintenance/x")).await.expect_problem(status);
    }
    assert_eq!(operator.get(&path).await.expect(200), made);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_filtered_and_paged() {
    let app = App::start().await;
    let operator = app.operator().await;
    let (here, there) = (temple(&app).await, temple(&app).await);
    for number in 0..7 {
        let mut body = ambulance(&here);
        body["type"] = json!(if number < 2 { "security" } else { "ambulance" });
        operator.post("/api/resources/", body).await.expect(201);
    }
    let other = create(&operator, &there).await;
    operator.patch(&path(&other), json!({"status": "out_of_service"})).await.expect(200);
    let here_now = listed(&operator, &format!("/api/resources/?temple_id={here}")).await;
    assert_eq!(here_now.len(), 7);
    assert_eq!(listed(&operator, &format!("/api/resources/?temple_id={here}&type=security")).await.len(), 2);
    assert_eq!(listed(&operator, &format!("/api/resources/?temple_id={there}&status=out_of_service")).await, [id(&other)]);
    let window = json!({"start": app.time(-60), "end": app.time(600)});
    operator.post(&format!("/api/resources/{}/maintenance", here_now[0]), window).await.expect(201);
    assert_eq!(listed(&operator, &format!("/api/resources/?temple_id={here}&status=maintenance")).await, [here_now[0].clone()]);
    assert_eq!(listed(&operator, &format!("/api/resources/?temple_id={here}&status=available")).await.len(), 6);

    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = operator.get(&format!("/api/resources/?temple_id={here}&limit=3{cursor}")).await.expect(200);
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| id(item).to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, here_now);
}

#[tokio::test(flavor = "multi_thread")]
async fn maintenance_never_overlaps() {
    let app = App::start().await;
    let operator = app.operator().await;
    let temple = temple(&app).await;
    let resource = create(&operator, &temple).await;
    let calendar = format!("{}/maintenance", path(&resource));
    let window = |from: i64, to: i64| json!({"start": app.time(from), "end": app.time(to), "reason": "service"});
    operator.post(&calendar, json!({})).await.expect_invalid(&["end", "start"]);
    operator.post(&calendar, json!({"start": "soon", "end": 7, "reason": ""})).await.expect_invalid(&["end", "reason", "start"]);
    operator.post(&calendar, window(200, 100)).await.expect_invalid(&["end"]);
    operator.post(&calendar, window(-200, -100)).await.expect_invalid(&["end"]);
    operator.post(&calendar, window(100, 100 + 93 * 86_400)).await.expect_invalid(&["end"]);
    operator.post("/api/resources/nobody/maintenance", window(100, 200)).await.expect_problem(404);

    // Many who want overlapping hours at once: one gets in.
    let answers = join_all((0..16).map(|number| operator.post(&calendar, window(3600 + number, 7200 + number)))).await;
    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!((statuses[0], &statuses[1..]), (201, &[409; 15][..]));
    let first = answers.iter().find(|answer| answer.status == 201).unwrap().json();
    let edge = json!({"start": first["end"], "end": app.time(9000)});
    let second = operator.post(&calendar, edge).await.expect(201);
    assert_eq!(listed(&operator, &calendar).await, [id(&first), id(&second)]);
    assert_eq!(listed(&operator, &format!("{calendar}?from={}", app.time(8000))).await, [id(&second)]);
    assert_eq!(listed(&operator, &format!("{calendar}?to={}", app.time(4000))).await, [id(&first)]);
    assert_eq!(listed(&operator, &format!("{calendar}?limit=1")).await, [id(&first)]);

    let one = format!("{calendar}/{}", id(&second));
    operator.patch(&one, json!({"start": app.time(5000)})).await.expect_problem(409);
    operator.patch(&one, json!({"end": app.time(4000)})).await.expect_invalid(&["end"]);
    let moved = operator.patch(&one, json!({"start": app.time(10_000), "end": app.time(11_000), "reason": null})).await.expect(200);
    assert_eq!(moved["reason"], Value::Null);
    operator.patch(&format!("{calendar}/nobody"), json!({"reason": "x"})).await.expect_problem(404);
    operator.delete(&one).await.expect(204);
    operator.delete(&one).await.expect_problem(404);
    assert_eq!(listed(&operator, &calendar).await, [id(&first)]);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn maintenance_that_is_over_stays_as_it_was() {
    let Some(app) = App::embedded(&[]).await else { return };
    let operator = app.operator().await;
    let temple = temple(&app).await;
    let resource = create(&operator, &temple).await;
    let calendar = format!("{}/maintenance", path(&resource));
    let window = async |from: i64, to: i64| {
        let made = operator.post(&calendar, json!({"start": app.time(from), "end": app.time(to)})).await.expect(201);
        format!("{calendar}/{}", id(&made))
    };
    let (first, later) = (window(10, 100).await, window(1000, 2000).await);
    // No window is moved to where nobody can keep to it.
    operator.patch(&first, json!({"start": app.time(-100), "end": app.time(-50)})).await.expect_invalid(&["end"]);
    app.advance(Duration::from_secs(200));
    operator.patch(&first, json!({"end": app.time(300)})).await.expect_problem(409);
    let told = operator.patch(&first, json!({"reason": "New brakes"})).await.expect(200);
    assert_eq!(told["reason"], "New brakes");
    // Nor does one begin under a crew that is out.
    let sos = json!({"temple_id": temple, "type": "medical", "description": "A fall", "location": {"lat": 20.9, "lng": 70.4}});
    let emergency = operator.post("/api/emergency/", sos).await.expect(201);
    operator.patch(&format!("/api/emergency/{}/assign", id(&emergency)), json!({"resource_id": id(&resource)})).await.expect(200);
    operator.patch(&later, json!({"start": app.time(-1)})).await.expect_problem(409);
    operator.patch(&later, json!({"start": app.time(600)})).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_is_not_free() {
    let app = App::start().await;
    let operator = app.operator().await;
    let temple = temple(&app).await;
    let (serviced, sent, idle, broken) = (
        create(&operator, &temple).await,
        create(&operator, &temple).await,
        create(&operator, &temple).await,
        create(&operator, &temple).await,
    );
    let (start, end) = (app.time(3600), app.time(7200));
    operator.post(&format!("{}/maintenance", path(&serviced)), json!({"start": start, "end": end})).await.expect(201);
    operator.patch(&path(&broken), json!({"status": "out_of_service"})).await.expect(200);
    let sos = json!({"temple_id": temple, "type": "medical", "description": "A fall", "location": {"lat": 20.9, "lng": 70.4}});
    let emergency = operator.post("/api/emergency/", sos).await.expect(201);
    operator.patch(&format!("/api/emergency/{}/assign", id(&emergency)), json!({"resource_id": id(&sent)})).await.expect(200);

    let (from, to) = (app.time(1), app.time(10_000));
    let page = operator.get(&format!("/api/resources/availability?temple_id={temple}&from={from}&to={to}")).await.expect(200);
    let of = |resource: &Value| {
        let items = page["items"].as_array().unwrap();
        items.iter().find(|item| item["resource_id"] == resource["id"]).expect("the resource").clone()
    };
    assert_eq!((&of(&idle)["available"], &of(&idle)["busy"]), (&json!(true), &json!([])));
    let shown = of(&serviced);
    assert_eq!(shown["available"], false);
    assert_eq!(shown["busy"], json!([{"from": start, "to": end, "reason": "maintenance"}]));
    assert_eq!(shown["free"], json!([{"from": from, "to": start}, {"from": end, "to": to}]));
    assert_eq!(of(&sent)["busy"], json!([{"from": from, "to": to, "reason": "assigned"}]));
    assert_eq!((&of(&broken)["busy"][0]["reason"], &of(&broken)["free"]), (&json!("out_of_service"), &json!([])));
    // A resource that is at an emergency now does not go to the workshop now.
    let now = json!({"start": app.time(-5), "end": app.time(60)});
    operator.post(&format!("{}/maintenance", path(&sent)), now).await.expect_problem(409);

    let one = operator.get(&format!("{}/availability?from={from}&to={start}", path(&serviced))).await.expect(200);
    assert_eq!((&one["available"], &one["resource_id"]), (&json!(true), &serviced["id"]));
    operator.get(&format!("{}/availability", path(&idle))).await.expect(200);
    operator.get("/api/resources/nobody/availability").await.expect_problem(404);
    operator.get(&format!("/api/resources/availability?from={to}&to={from}")).await.expect_invalid(&["to"]);
    operator.get("/api/resources/availability?from=soon").await.expect_invalid(&["from"]);
    operator.get("/api/resources/availability?colour=red").await.expect_invalid(&["colour"]);
    operator.get("/api/resources/availability?from=2001-01-01T00:00:00Z&to=2020-01-01T00:00:00Z").await.expect_invalid(&["to"]);
}
