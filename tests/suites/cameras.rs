//! Cameras (docs/reference/cameras.md): here those of docs/reference/clients.md#parking-security and their alerts, with pictures below.

#[path = "cameras/access.rs"]
mod access;
#[path = "cameras/addresses.rs"]
mod addresses;
#[path = "cameras/browser.rs"]
mod browser;
#[path = "cameras/console.rs"]
mod console;
#[path = "cameras/credentials.rs"]
mod credentials;
#[path = "cameras/downloads.rs"]
mod downloads;
#[path = "console/losing.rs"]
#[allow(dead_code, reason = "shared with the suites of the console")]
mod losing;
#[path = "cameras/pictures.rs"]
mod pictures;
#[path = "cameras/readme.rs"]
mod readme;
#[path = "cameras/real.rs"]
mod real;
#[path = "cameras/recordings.rs"]
mod recordings;
#[path = "cameras/relayed.rs"]
mod relayed;
#[path = "cameras/schedules.rs"]
mod schedules;
#[path = "cameras/studio.rs"]
mod studio;
#[path = "cameras/support.rs"]
mod support;
#[path = "cameras/transfers.rs"]
mod transfers;

use gatehouse_tests::{App, unique};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn server_process() {
    gatehouse_tests::process::serve_if_asked().await;
}

fn camera(id: &str) -> Value {
    json!({
        "camera_id": id, "location": "Gate 2", "is_active": true, "installation_date": "2024-11-04", "last_maintenance_date": "2026-01-12",
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_is_added_read_changed_and_removed() {
    let app = App::start().await;
    let operator = app.operator().await;
    let place = app.place(0).await;
    let id = unique("CAM").to_uppercase();
    let mut body = camera(&id);
    body["site"] = json!(place.site);
    let made = operator.post("/api/cameras/", body.clone()).await.expect(201);
    for field in ["camera_id", "location", "is_active", "installation_date", "last_maintenance_date", "site"] {
        assert_eq!(made[field], body[field], "{field}");
    }
    operator.post("/api/cameras", camera(&id.to_lowercase())).await.expect_problem(409);
    let path = format!("/api/cameras/{}", id.to_lowercase());
    assert_eq!(operator.get(&path).await.expect(200), made);
    let listed = operator.get(&format!("/api/cameras/?site={}&is_active=true", place.site)).await.expect(200);
    assert_eq!(listed["items"], json!([made]));
    let none = operator.get(&format!("/api/cameras/?site={}&is_active=false", place.site)).await.expect(200);
    assert_eq!(none["items"], json!([]));
    operator.get("/api/cameras/?colour=red").await.expect_invalid(&["colour"]);

    let changed =
        operator.patch(&path, json!({"is_active": false, "last_maintenance_date": "2026-02-01T10:00:00Z", "site": null})).await.expect(200);
    assert_eq!(
        (&changed["is_active"], &changed["last_maintenance_date"], &changed["site"]),
        (&json!(false), &json!("2026-02-01"), &Value::Null)
    );
    let put = operator.put(&path, camera(&id)).await.expect(200);
    assert_eq!((&put["is_active"], &put["location"]), (&json!(true), &json!("Gate 2")));
    operator.delete(&path).await.expect(204);
    operator.get(&path).await.expect_problem(404);
    operator.delete(&path).await.expect_problem(404);
    operator.patch(&path, json!({})).await.expect_problem(404);
    let trail: Vec<String> = {
        let db = app.db();
        let mut statement = db.prepare("select action from audit_log where entity = 'cameras' and subject = ? order by id").unwrap();
        let rows = statement.query_map([&id], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    assert_eq!((trail.first().map(String::as_str), trail.last().map(String::as_str)), (Some("created"), Some("deleted")));
}

#[tokio::test(flavor = "multi_thread")]
async fn its_alerts_go_with_it_and_others_stay() {
    let app = App::start().await;
    let operator = app.operator().await;
    let (id, other) = (unique("CAM").to_uppercase(), unique("CAM").to_uppercase());
    operator.post("/api/cameras/", camera(&id)).await.expect(201);
    let alert = |camera: &str| json!({"vehicle_id": "GJ01AB1234", "alert_type": "overspeed", "location": "Gate 2", "severity": "warning", "camera": "North", "camera_id": camera});
    let gone = operator.post("/api/alerts/", alert(&id)).await.expect(201);
    let stays = operator.post("/api/alerts/", alert(&other)).await.expect(201);
    operator.delete(&format!("/api/cameras/{id}")).await.expect(204);
    operator.get(&format!("/api/alerts/{}", gone["id"].as_str().unwrap())).await.expect_problem(404);
    operator.get(&format!("/api/alerts/{}", stays["id"].as_str().unwrap())).await.expect(200);
    let told: i64 = app
        .db()
        .query_row(
            "select count(*) from events where kind = 'alert_deleted' and data ->> 'id' = ?",
            [gone["id"].as_str().unwrap()],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(told, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_operators_and_every_bad_field_at_once() {
    let app = App::start().await;
    for (caller, status) in [(app.anonymous(), 401), (app.visitor().await, 403)] {
        caller.get("/api/cameras/").await.expect_problem(status);
        caller.get("/api/cameras/CAM-1").await.expect_problem(status);
        caller.post("/api/cameras/", camera("CAM-1")).await.expect_problem(status);
        caller.patch("/api/cameras/CAM-1", json!({})).await.expect_problem(status);
        caller.put("/api/cameras/CAM-1", camera("CAM-1")).await.expect_problem(status);
        caller.delete("/api/cameras/CAM-1").await.expect_problem(status);
    }
    let operator = app.operator().await;
    let bad = json!({"camera_id": "a b", "location": "", "is_active": "yes", "installation_date": "4.11.2024", "last_maintenance_date": 3, "site": 4});
    operator.post("/api/cameras/", bad).await.expect_invalid(&[
        "camera_id",
        "installation_date",
        "is_active",
        "last_maintenance_date",
        "location",
        "site",
    ]);
    operator.post("/api/cameras/", json!({})).await.expect_invalid(&["camera_id", "location"]);
    let mut backwards = camera(&unique("CAM"));
    backwards["last_maintenance_date"] = json!("2024-11-03");
    operator.post("/api/cameras/", backwards).await.expect_invalid(&["last_maintenance_date"]);
    let mut nowhere = camera(&unique("CAM"));
    nowhere["site"] = json!("no-such-site");
    operator.post("/api/cameras/", nowhere).await.expect_invalid(&["site"]);
    operator.send_bytes(reqwest::Method::POST, "/api/cameras/", "application/json", "{").await.expect_problem(400);
}
