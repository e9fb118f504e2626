//! Who goes: suggestions, assignment, release.

use std::time::Duration;

use futures::future::join_all;
use gatehouse_tests::{App, Client, unique};
use serde_json::{Value, json};

use super::{id, path, report, temple};

async fn resource(operator: &Client, temple: &str, kind: &str, lat: Option<f64>) -> Value {
    let mut body = json!({"temple_id": temple, "type": kind, "name": unique(kind)});
    if let Some(lat) = lat {
        body["location"] = json!({"lat": lat, "lng": 70.4014});
    }
    operator.post("/api/resources/", body).await.expect(201)
}

async fn suggested(operator: &Client, emergency: &Value) -> Vec<String> {
    let answer = operator.get(&format!("{}/suggestions", path(emergency))).await.expect(200);
    answer["items"].as_array().unwrap().iter().map(|item| item["resource_id"].as_str().unwrap().to_owned()).collect()
}

fn sent(resource: &Value) -> Value {
    json!({"resource_id": resource["id"]})
}

#[tokio::test(flavor = "multi_thread")]
async fn the_nearest_that_helps_and_is_free_is_suggested() {
    let app = App::start().await;
    let operator = app.operator().await;
    let (here, there) = (temple(&app).await, temple(&app).await);
    let emergency = report(&app.visitor().await, &here).await;
    assert!(suggested(&operator, &emergency).await.is_empty());
    let far = resource(&operator, &here, "ambulance", Some(20.95)).await;
    let near = resource(&operator, &here, "ambulance", Some(20.889)).await;
    let guard = resource(&operator, &here, "security", Some(20.8881)).await;
    // It has no place of its own: it stands at the temple, 20.9 70.4.
    let hall = resource(&operator, &here, "facility", None).await;
    resource(&operator, &there, "ambulance", Some(20.8881)).await;
    assert_eq!(suggested(&operator, &emergency).await, [id(&near), id(&far), id(&guard), id(&hall)]);
    let shown = operator.get(&path(&emergency)).await.expect(200);
    assert_eq!(shown["suggested"].as_array().unwrap().len(), 3);
    assert_eq!(shown["suggested"][0]["resource_id"], near["id"]);
    assert_eq!(shown["suggested"][0]["distance_m"], 100.0);

    operator.patch(&format!("/api/resources/{}", id(&near)), json!({"status": "out_of_service"})).await.expect(200);
    assert_eq!(suggested(&operator, &emergency).await[0], id(&far));
    let window = json!({"start": app.time(-60), "end": app.time(3600), "reason": "tyres"});
    operator.post(&format!("/api/resources/{}/maintenance", id(&far)), window).await.expect(201);
    assert_eq!(suggested(&operator, &emergency).await[0], id(&guard));
    for busy in [&near, &far] {
        operator.patch(&format!("{}/assign", path(&emergency)), sent(busy)).await.expect_problem(409);
    }
    operator.get("/api/emergency/nobody/suggestions").await.expect_problem(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resource_is_at_one_emergency_and_free_when_that_is_over() {
    let app = App::start().await;
    let (visitor, operator) = (app.visitor().await, app.operator().await);
    let temple = temple(&app).await;
    let (first, second) = (report(&visitor, &temple).await, report(&visitor, &temple).await);
    let ambulance = resource(&operator, &temple, "ambulance", None).await;
    let assign = |emergency: &Value| format!("{}/assign", path(emergency));
    operator.patch(&assign(&first), json!({})).await.expect_invalid(&["resource_id"]);
    operator.patch(&assign(&first), json!({"resource_id": "nobody"})).await.expect_invalid(&["resource_id"]);
    operator.patch("/api/emergency/nobody/assign", sent(&ambulance)).await.expect_problem(404);

    let shown = operator.patch(&assign(&first), sent(&ambulance)).await.expect(200);
    assert_eq!((&shown["resources"][0]["resource_id"], &shown["resources"][0]["released_at"]), (&ambulance["id"], &Value::Null));
    assert_eq!(visitor.get(&path(&first)).await.expect(200)["resources"], json!([{"type": "ambulance"}]));
    let at = operator.get(&format!("/api/resources/{}", id(&ambulance))).await.expect(200);
    assert_eq!((&at["status"], &at["emergency_id"]), (&json!("assigned"), &first["id"]));
    for emergency in [&first, &second] {
        operator.patch(&assign(emergency), sent(&ambulance)).await.expect_problem(409);
    }
    operator.delete(&format!("/api/resources/{}", id(&ambulance))).await.expect_problem(409);

    // Sent elsewhere before the first is over.
    operator.patch(&format!("{}/release", path(&second)), sent(&ambulance)).await.expect_problem(409);
    operator.patch(&format!("{}/release", path(&first)), sent(&ambulance)).await.expect(200);
    operator.patch(&format!("{}/release", path(&first)), sent(&ambulance)).await.expect_problem(409);
    operator.patch("/api/emergency/nobody/release", sent(&ambulance)).await.expect_problem(404);
    operator.patch(&assign(&second), sent(&ambulance)).await.expect(200);
    for step in ["acknowledge", "in-progress", "resolve"] {
        operator.patch(&format!("{}/{step}", path(&second)), json!({})).await.expect(200);
    }
    let over = operator.get(&path(&second)).await.expect(200);
    assert!(over["resources"][0]["released_at"].is_string(), "{over}");
    assert_eq!(over["suggested"], json!([]));
    assert_eq!(operator.get(&format!("/api/resources/{}", id(&ambulance))).await.expect(200)["status"], "available");
    let problem = operator.patch(&assign(&second), sent(&ambulance)).await.expect_problem(409);
    assert_eq!(problem["detail"], "the emergency is resolved: nothing can be assigned to it");
    let history = operator.get(&path(&first)).await.expect(200)["history"].clone();
    let actions: Vec<_> = history.as_array().unwrap().iter().map(|step| step["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["reported", "assigned", "released"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_emergencies_that_ask_for_the_same_resource_one_gets_it() {
    let app = App::start().await;
    let operator = app.operator().await;
    let temple = temple(&app).await;
    let ambulances = [resource(&operator, &temple, "ambulance", None).await, resource(&operator, &temple, "ambulance", None).await];
    let emergencies = join_all((0..20).map(|_| report(&operator, &temple))).await;
    for _ in 0..3 {
        let asked: Vec<_> = emergencies
            .iter()
            .flat_map(|emergency| ambulances.iter().map(move |it| (format!("{}/assign", path(emergency)), sent(it))))
            .collect();
        let answers = join_all(asked.iter().map(|(path, body)| operator.patch(path, body.clone()))).await;
        let won: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
        assert!(answers.iter().all(|answer| [200, 409].contains(&answer.status)));
        assert_eq!(won.len(), 2);
        let live =
            "select count(*) from assignments a join emergencies e on e.id = a.emergency_id where e.site = ? and a.released_at is null";
        let live: i64 = app.db().query_row(live, [&temple], |row| row.get(0)).unwrap();
        assert_eq!(live, 2);
        tokio::time::sleep(Duration::from_millis(5)).await;
        for ((path, body), answer) in asked.iter().zip(&answers) {
            if answer.status == 200 {
                operator.patch(&path.replace("/assign", "/release"), body.clone()).await.expect(200);
            }
        }
    }
}
