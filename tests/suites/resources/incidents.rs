//! Past incidents: every version of each is kept.

use gatehouse_tests::App;
use serde_json::{Value, json};

use super::{id, listed, temple};

fn incident(temple: &str) -> Value {
    json!({
        "temple_id": temple, "type": "fire", "severity": "high", "title": "Fire in the kitchen", "description": "Oil", "actions": "Put out",
        "occurred_at": "2026-02-04T10:30:00.000Z",
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_keeps_every_version() {
    let app = App::start().await;
    let (operator, other) = (app.operator().await, app.operator().await);
    let temple = temple(&app).await;
    let made = operator.post("/api/incidents/", incident(&temple)).await.expect(201);
    for (field, value) in incident(&temple).as_object().unwrap() {
        assert_eq!(&made[field], value, "{field}");
    }
    assert_eq!((&made["status"], &made["emergency_id"]), (&json!("open"), &Value::Null));
    let path = format!("/api/incidents/{}", id(&made));
    let changed = other.patch(&path, json!({"status": "closed", "severity": "critical", "actions": null})).await.expect(200);
    assert_eq!((&changed["status"], &changed["severity"], &changed["actions"]), (&json!("closed"), &json!("critical"), &Value::Null));
    assert_eq!(changed["title"], made["title"]);

    let shown = operator.get(&path).await.expect(200);
    let history = shown["history"].as_array().unwrap();
    let me = |caller: &Value| caller["id"].clone();
    let (first, second) = (operator.get("/api/users/me").await.expect(200), other.get("/api/users/me").await.expect(200));
    assert_eq!((&history[0]["action"], &history[0]["actor"]), (&json!("created"), &me(&first)));
    assert_eq!((&history[1]["action"], &history[1]["actor"]), (&json!("updated"), &me(&second)));
    assert_eq!((&history[0]["incident"]["severity"], &history[1]["incident"]["severity"]), (&json!("high"), &json!("critical")));

    operator.delete(&path).await.expect(204);
    for answer in [operator.get(&path).await, operator.delete(&path).await, operator.patch(&path, json!({"title": "x"})).await] {
        answer.expect_problem(404);
    }
    assert!(listed(&operator, &format!("/api/incidents/?temple_id={temple}")).await.is_empty());
    let versions = "select count(*) from incident_history where incident_id = ?";
    let versions: i64 = app.db().query_row(versions, [id(&made)], |row| row.get(0)).unwrap();
    assert_eq!(versions, 3);
    for sql in ["update incident_history set actor = 'nobody'", "delete from incident_history"] {
        assert!(app.db().execute(sql, []).unwrap_err().to_string().contains("append-only"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn incidents_are_checked_filtered_and_for_operators() {
    let app = App::start().await;
    let operator = app.operator().await;
    let (here, there) = (temple(&app).await, temple(&app).await);
    operator.post("/api/incidents/", json!({})).await.expect_invalid(&["temple_id", "title", "type"]);
    let bad = json!({
        "temple_id": [], "type": "A Fire", "severity": "purple", "title": "", "description": 1, "actions": 2, "status": "asleep",
        "emergency_id": 3, "occurred_at": app.time(400),
    });
    let all = ["actions", "description", "emergency_id", "occurred_at", "severity", "status", "temple_id", "title", "type"];
    operator.post("/api/incidents/", bad).await.expect_invalid(&all);
    let mut elsewhere = incident("atlantis");
    elsewhere["emergency_id"] = json!("nobody");
    operator.post("/api/incidents/", elsewhere).await.expect_invalid(&["emergency_id", "temple_id"]);

    let sos = json!({"temple_id": here, "type": "fire", "description": "Smoke", "location": {"lat": 20.9, "lng": 70.4}});
    let emergency = operator.post("/api/emergency/", sos).await.expect(201);
    let mut ids = Vec::new();
    for day in 1..=5 {
        let mut body = incident(if day == 5 { &there } else { &here });
        body["occurred_at"] = json!(format!("2026-02-0{day}T10:30:00Z"));
        body["type"] = json!(if day % 2 == 0 { "fire" } else { "theft" });
        if day == 2 {
            body["emergency_id"] = emergency["id"].clone();
        }
        ids.push(id(&operator.post("/api/incidents/", body).await.expect(201)).to_owned());
    }
    ids.reverse();
    let own_of = async |filters: &str| -> Vec<String> {
        listed(&operator, &format!("/api/incidents/?limit=500&{filters}")).await.into_iter().filter(|it| ids.contains(it)).collect()
    };
    assert_eq!(own_of("").await, ids);
    assert_eq!(listed(&operator, &format!("/api/incidents/?temple_id={here}")).await, ids[1..]);
    assert_eq!(own_of("type=fire&severity=high&status=open").await, [ids[1].clone(), ids[3].clone()]);
    assert_eq!(listed(&operator, &format!("/api/incidents/?emergency_id={}", id(&emergency))).await, [ids[3].clone()]);
    assert_eq!(own_of("from=2026-02-02T00:00:00Z&to=2026-02-04T00:00:00Z").await, ids[2..4]);
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = operator.get(&format!("/api/incidents/?limit=2{cursor}")).await.expect(200);
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| id(item).to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    seen.retain(|it| ids.contains(it));
    assert_eq!(seen, ids);
    operator.get("/api/incidents/?colour=red").await.expect_invalid(&["colour"]);
    operator.get("/api/incidents/?from=soon").await.expect_invalid(&["from"]);

    let path = format!("/api/incidents/{}", ids[0]);
    for (caller, status) in [(app.anonymous(), 401), (app.visitor().await, 403)] {
        caller.get("/api/incidents/").await.expect_problem(status);
        caller.get(&path).await.expect_problem(status);
        caller.post("/api/incidents/", incident(&here)).await.expect_problem(status);
        caller.patch(&path, json!({"title": "x"})).await.expect_problem(status);
        caller.delete(&path).await.expect_problem(status);
    }
}
