//! Every example of a body in the API document, sent to the running application at the time that the examples are of: none is refused as
//! unreadable or invalid.

use std::collections::BTreeMap;

use gatehouse_tests::stripe::Stripe;
use gatehouse_tests::{App, Client};
use reqwest::Method;
use serde_json::{Value, json};

/// When the examples are of.
const MOMENT: &str = "2026-02-04T10:31:00Z";
const TEMPLE: &str = "somnath";
const CAR_PARK: &str = "city-centre";
const SPOT: &str = "PARK-B1-S005";

/// What is refused as unreadable or invalid although the example is good, and why.
const REFUSED: [(&str, u16, &str); 10] = [
    ("/api/webhooks/stripe", 400, "an example cannot be signed"),
    ("/api/webhooks/stripe", 401, "an example cannot be signed"),
    ("/api/users/me/email/confirm", 422, "the code that is right goes by mail alone"),
    ("/v0/api/mail/verify-otp", 422, "the code that is right goes by mail alone"),
    ("/v0/api/mail/reset-password", 422, "the code that is right goes by mail alone"),
    ("/api/webhooks/sendgrid", 400, "an example cannot be signed"),
    ("/api/webhooks/sendgrid", 503, "there is no key that it could be signed with"),
    ("/api/emergency/{id}/assign", 422, "it names a resource of the reader's own"),
    ("/v0/api/cctv/camera-access", 422, "it names an account of the reader's own"),
    ("/v0/api/cctv/recordings/transfer-to-gcp", 503, "there is no bucket"),
];

/// The places that the examples name.
async fn create_world(admin: &Client) {
    let car_park = json!({
        "slug": CAR_PARK, "name": "City Centre", "kind": "car_park", "latitude": 20.9, "longitude": 70.4, "time_zone": "Asia/Kolkata",
        "capacity": 10,
    });
    admin.post("/api/sites", car_park).await.expect(201);
    // The temple is there, with its zones.
    for (site, zone) in [(TEMPLE, "sanctum"), (TEMPLE, "north-gate"), (CAR_PARK, "B1")] {
        let body = json!({"code": zone, "name": zone, "capacity": 500, "area_m2": 400});
        admin.post(&format!("/api/sites/{site}/zones"), body).await.expect(201);
    }
    admin.post("/api/spots", json!({"spot_id": SPOT, "site": CAR_PARK, "zone": "B1", "kind": "standard"})).await.expect(201);
    admin.post("/api/devices", json!({"device_code": SPOT, "site": CAR_PARK, "zone": "B1", "spot_id": SPOT})).await.expect(201);
    let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let slots = json!({"weekdays": days, "start": "06:00", "end": "07:00", "capacity": 50});
    admin.post(&format!("/api/sites/{TEMPLE}/slots"), slots).await.expect(201);
}

/// The id in the answer to the example of the list's own POST.
async fn created(admin: &Client, path: &str, examples: &BTreeMap<(String, String), Value>) -> String {
    let body = examples[&(path.to_owned(), "post".to_owned())].clone();
    let made = admin.post(path, body).await.expect(201);
    ["id", "slug"].iter().find_map(|name| made[name].as_str()).unwrap_or_else(|| panic!("{path}: {made}")).to_owned()
}

fn examples(document: &Value) -> BTreeMap<(String, String), Value> {
    let mut examples = BTreeMap::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            if let Some(example) = operation["requestBody"]["content"]["application/json"].get("example") {
                examples.insert((path.clone(), method.clone()), example.clone());
            }
        }
    }
    examples
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn every_example_of_a_body_is_taken() {
    let stripe = Stripe::start().await;
    let variables = [&stripe.variables()[..], &[("public_origin", "https://gate.example.org")]].concat();
    let Some(app) = App::embedded_at(MOMENT, &variables).await else { return };
    let admin = app.admin().await;
    create_world(&admin).await;
    let document = app.anonymous().get("/api/openapi.json").await.expect(200);
    let examples = examples(&document);
    assert!(examples.len() > 40, "{} examples", examples.len());
    let mut ids: BTreeMap<&str, String> = BTreeMap::new();
    for list in ["/api/alerts", "/api/emergency", "/api/resources", "/api/incidents", "/api/transport/shuttles", "/api/transport/routes"] {
        ids.insert(list, created(&admin, list, &examples).await);
    }
    let (user, _) = app.new_user("visitor", json!({})).await;
    let users = admin.get("/v0/api/users/users").await.expect(200);
    let user =
        users["items"].as_array().unwrap().iter().find(|item| item["email"] == user.as_str()).unwrap()["id"].as_str().unwrap().to_owned();

    let mut failures = Vec::new();
    for ((path, method), example) in &examples {
        let mut target = path.clone();
        for (name, value) in [
            ("{site}", TEMPLE),
            ("{temple}", TEMPLE),
            ("{temple_id}", TEMPLE),
            ("{date}", "2026-02-06"),
            ("{spot_id}", SPOT),
            ("{code}", SPOT),
            ("{device_code}", SPOT),
            ("{zone}", "mainDarshan"),
            ("{camera_id}", "CAM-GATE-1"),
        ] {
            target = target.replace(name, value);
        }
        let list = ids.iter().find(|(list, _)| path.starts_with(&format!("{list}/{{")));
        let id = if path.contains("/users/") { user.as_str() } else { list.map_or("019c2848-5c40-7000-8000-000000000001", |(_, id)| id) };
        if let Some(begin) = target.find('{') {
            let end = target[begin..].find('}').map_or(target.len(), |end| begin + end + 1);
            target.replace_range(begin..end, if path.starts_with("/api/crowd/temple/") { TEMPLE } else { id });
        }
        let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        let response = admin.send(method.clone(), &target, Some(example)).await;
        let expected = REFUSED.iter().any(|(refused, status, _)| refused == path && *status == response.status);
        let unreadable = [400, 413, 415, 422].contains(&response.status) || response.status >= 500;
        if unreadable && !expected {
            failures.push(format!("{method} {path}: {} {}", response.status, response.text()));
        }
    }
    assert!(failures.is_empty(), "{} of {} examples are refused:\n{}", failures.len(), examples.len(), failures.join("\n"));
}
