//! What events carry is what the AsyncAPI document says that they carry: triggers of the schema write it, and types describe it.

use std::collections::{BTreeMap, BTreeSet};

use gatehouse_tests::{App, unique};
use serde_json::{Value, json};

use super::feed::{Feed, SOON};
use super::raise;

/// The fields that a schema names, and those of them that must be there.
fn fields(document: &Value, schema: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let schema = &document["components"]["schemas"][schema];
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
    (schema["properties"].as_object().expect("properties").keys().cloned().collect(), required.collect())
}

/// The schemas that the payload of an event refers to.
fn payload(document: &Value, kind: &str) -> Vec<String> {
    let payload = &document["components"]["messages"][format!("sse_{kind}")]["payload"];
    let references = payload["anyOf"].as_array().cloned().unwrap_or_else(|| vec![payload.clone()]);
    references.iter().map(|it| it["$ref"].as_str().expect("a reference").rsplit('/').next().expect("a name").to_owned()).collect()
}

/// Has each kind of event happen.
async fn happen(app: &App) {
    let (admin, operator) = (app.admin().await, app.operator().await);
    let alert = raise(&operator, "mind the step", json!({ "site": "somnath" })).await;
    admin.delete(&format!("/api/alerts/{}", alert["id"].as_str().expect("an id"))).await.expect(204);
    operator.post("/api/emergency/", json!({ "temple_id": "somnath", "type": "medical" })).await.expect(201);
    let zone = unique("Z").to_uppercase();
    admin.post("/api/sites/somnath/zones", json!({ "code": zone, "name": "A yard", "capacity": 1000, "area_m2": 400 })).await.expect(201);
    let count = json!({ "zone": zone, "count": 450, "timestamp": app.time(0) });
    operator.post("/api/crowd/temple/somnath/update", count).await.expect(201);
    let shuttle = unique("S").to_uppercase();
    let body = json!({ "id": shuttle, "temple_id": "somnath", "name": "Shuttle", "capacity": 20 });
    operator.post("/api/transport/shuttles", body).await.expect(201);
    let position = json!({ "lat": 20.888, "lng": 70.401, "timestamp": app.time(0) });
    operator.post(&format!("/api/transport/shuttles/{shuttle}/location"), position).await.expect(201);
    let place = app.place(1).await;
    let code = app.new_device(&place, Some(0)).await;
    let mut reading = app.reading(&code, 0);
    reading["occupied"] = json!(true);
    app.device(&code).await.post("/api/telemetry/", reading).await.expect(201);
    let lot = json!({ "parking_lot": unique("lot"), "available_spots": 30, "timestamp": app.time(0) });
    operator.post("/api/parking-data/add/", lot).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_carry_what_the_document_says() {
    let app = App::start().await;
    let document = app.anonymous().get("/api/asyncapi.json").await.expect(200);
    let mut feeds = [Feed::open(&app.operator().await, "").await, Feed::open(&app.anonymous(), "").await];
    happen(&app).await;
    let kinds = ["alert", "alert_deleted", "emergency", "crowd", "shuttle", "spot", "lot", "device"];
    for (feed, is_operators) in feeds.iter_mut().zip([true, false]) {
        let wanted: BTreeSet<&str> = kinds.into_iter().filter(|kind| is_operators || *kind != "device").collect();
        let mut seen: BTreeMap<String, Value> = BTreeMap::new();
        while !wanted.iter().all(|kind| seen.contains_key(*kind)) {
            let event = feed.event(SOON).await.unwrap_or_else(|| panic!("of {wanted:?} only {:?} came", seen.keys()));
            let kind = event.event.expect("a kind");
            let has: BTreeSet<_> = event.data.as_object().expect("an object").keys().cloned().collect();
            let fits = payload(&document, &kind).iter().any(|schema| {
                let (known, required) = fields(&document, schema);
                has.is_subset(&known) && required.is_subset(&has)
            });
            assert!(fits, "{kind} is none of {:?}: {}", payload(&document, &kind), event.data);
            seen.insert(kind, event.data);
        }
    }
}
