//! The trail and the histories say what was: fields before and after, also of what is deleted, and who by name.

use gatehouse_tests::{App, Client, unique};
use serde_json::{Value, json};

use super::items;

/// The newest line of this subject.
async fn newest(admin: &Client, entity: &str, subject: &str) -> Value {
    items(admin, &format!("?entity={entity}&subject={subject}")).await.into_iter().next().expect("a line")
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}"))
}

fn change(from: impl Into<Value>, to: impl Into<Value>) -> Value {
    json!({"from": from.into(), "to": to.into()})
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_broadcast_keeps_its_old_words_zones_and_end() {
    let app = App::start().await;
    let (admin, operator) = (app.admin().await, app.operator().await);
    let me = operator.get("/api/users/me").await.expect(200);
    let place = app.place(0).await;
    let (soon, later) = (app.time(3600), app.time(7200));
    let body = json!({"site": place.site, "zones": ["B1"], "severity": "warning", "message": "Gate 2 is closed", "expires_at": soon});
    let alert = operator.post("/api/alerts/", body).await.expect(201);
    let path = format!("/api/alerts/{}", text(&alert, "id"));
    operator.patch(&path, json!({"message": "Gate 3 is closed", "zones": [], "expires_at": later})).await.expect(200);
    let changes = json!({
        "message": change("Gate 2 is closed", "Gate 3 is closed"), "zones": change(json!(["B1"]), json!([])), "expires_at": change(soon, later),
    });
    let step = operator.get(&path).await.expect(200)["history"][1].clone();
    assert_eq!((&step["action"], &step["detail"]["changes"]), (&json!("updated"), &changes));
    assert_eq!((&step["actor"], &step["actor_name"]), (&me["id"], &me["name"]));
    assert_eq!(newest(&admin, "alerts", text(&alert, "id")).await["detail"]["changes"], changes);
    operator.patch(&format!("{path}/acknowledge"), json!({})).await.expect(200);

    // What is deleted is still told, with its last words.
    operator.delete(&path).await.expect(204);
    operator.get(&path).await.expect_problem(404);
    let history = operator.get(&format!("{path}/history")).await.expect(200)["items"].clone();
    let actions: Vec<_> = history.as_array().unwrap().iter().map(|step| text(step, "action")).collect();
    assert_eq!(actions, ["created", "updated", "acknowledged", "deleted"]);
    assert_eq!(history[2]["detail"]["changes"], json!({"status": change("active", "acknowledged")}));
    assert_eq!(history[3]["detail"]["changes"]["message"], change("Gate 3 is closed", Value::Null));
    assert_eq!(history[1]["detail"]["changes"], changes);
    let line = newest(&admin, "alerts", text(&alert, "id")).await;
    assert_eq!((&line["action"], &line["detail"]["changes"]["message"]), (&json!("deleted"), &change("Gate 3 is closed", Value::Null)));
    operator.get("/api/alerts/nobody/history").await.expect_problem(404);
    app.visitor().await.get(&format!("{path}/history")).await.expect_problem(403);
    for sql in [
        "delete from alert_steps",
        "update alert_steps set actor = 'nobody'",
        "delete from audit_changes",
        "update audit_changes set changes = ''",
    ] {
        assert!(app.db().execute(sql, []).unwrap_err().to_string().contains("append-only"), "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_names_its_fields_before_and_after() {
    let app = App::start().await;
    let (admin, operator) = (app.admin().await, app.operator().await);
    let place = app.place(2).await;
    let site = &place.site;
    let changes = async |entity: &str, subject: &str| newest(&admin, entity, subject).await["detail"]["changes"].clone();

    let tariff = json!({"currency": "INR", "per_hour": 4000});
    admin.patch(&format!("/api/sites/{site}"), json!({"name": "Renamed", "tariff": tariff})).await.expect(200);
    let seen = changes("sites", site).await;
    assert_eq!(seen["name"], change("A car park", "Renamed"));
    assert_eq!((&seen["tariff"]["from"], &seen["tariff"]["to"]["per_hour"]), (&json!({}), &json!(4000)));
    assert_eq!(seen.as_object().unwrap().len(), 2, "what stays is not named: {seen}");

    admin.patch(&format!("/api/sites/{site}/zones/B1"), json!({"capacity": 40})).await.expect(200);
    assert_eq!(changes("zones", &format!("{site}/B1")).await, json!({"capacity": change(Value::Null, 40)}));
    admin.patch(&format!("/api/spots/{}", place.spots[0]), json!({"kind": "ev"})).await.expect(200);
    assert_eq!(changes("spots", &place.spots[0]).await, json!({"kind": change("standard", "ev")}));

    let device = app.new_device(&place, Some(0)).await;
    admin.patch(&format!("/api/devices/{device}"), json!({"name": "By the lift", "is_active": false})).await.expect(200);
    assert_eq!(changes("devices", &device).await, json!({"name": change(Value::Null, "By the lift"), "is_active": change(true, false)}));
    admin.delete(&format!("/api/devices/{device}")).await.expect(204);
    let gone = newest(&admin, "devices", &device).await;
    assert_eq!((&gone["action"], &gone["detail"]["changes"]["name"]), (&json!("deleted"), &change("By the lift", Value::Null)));

    let button = app.new_device(&place, None).await;
    admin.patch(&format!("/api/devices/{button}"), json!({"is_panic_button": true})).await.expect(200);
    assert_eq!(changes("devices", &button).await, json!({"is_panic_button": change(false, true)}));

    let (email, _) = app.new_user("visitor", json!({})).await;
    let found = admin.get(&format!("/v0/api/users/users/?email={email}")).await.expect(200);
    let user = text(&found["items"][0], "id");
    admin.patch(&format!("/v0/api/users/users/{user}/"), json!({"role": "operator", "phone": "+911234567890"})).await.expect(200);
    assert_eq!(changes("users", user).await, json!({"role": change("visitor", "operator"), "phone": change(Value::Null, "+911234567890")}));

    let resource = json!({"temple_id": site, "type": "ambulance", "name": "One", "location": {"lat": 1.0, "lng": 2.0}});
    let resource = operator.post("/api/resources/", resource).await.expect(201);
    operator.patch(&format!("/api/resources/{}", text(&resource, "id")), json!({"location": null, "notes": "Gearbox"})).await.expect(200);
    let wanted = json!({"location": change(json!({"lat": 1.0, "lng": 2.0}), Value::Null), "notes": change(Value::Null, "Gearbox")});
    assert_eq!(changes("resources", text(&resource, "id")).await, wanted);

    let camera = unique("CAM").to_uppercase();
    operator.post("/api/cameras/", json!({"camera_id": camera, "location": "Gate 1"})).await.expect(201);
    operator.put(&format!("/api/cameras/{camera}"), json!({"location": "Gate 2"})).await.expect(200);
    assert_eq!(changes("cameras", &camera).await, json!({"location": change("Gate 1", "Gate 2")}));
    operator.delete(&format!("/api/cameras/{camera}")).await.expect(204);
    assert_eq!(changes("cameras", &camera).await["location"], change("Gate 2", Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_terms_of_a_slot_are_one_line_that_names_them() {
    let app = App::start().await;
    let (admin, temple) = (app.admin().await, unique("temple"));
    let site = json!({
        "slug": temple, "name": "A temple", "kind": "temple", "latitude": 20.9, "longitude": 70.4, "time_zone": "Asia/Kolkata", "capacity": 10,
    });
    admin.post("/api/sites", site).await.expect(201);
    let template = json!({"weekday": "monday", "start": "06:00", "end": "07:00", "capacity": 10});
    let made = admin.post(&format!("/api/sites/{temple}/slots"), template).await.expect(201);
    let made = if made["items"].is_array() { made["items"][0].clone() } else { made };
    let id = text(&made, "id");
    admin.patch(&format!("/api/sites/{temple}/slots/{id}"), json!({"bookings_per_person": 3})).await.expect(200);
    let lines = items(&admin, &format!("?entity=slot_templates&subject={id}")).await;
    assert_eq!(lines.iter().map(|line| text(line, "action")).collect::<Vec<_>>(), ["updated", "created"]);
    assert_eq!(lines[0]["detail"]["changes"], json!({"bookings_per_person": change(1, 3)}));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_the_trail() {
    let app = App::start().await;
    let (email, password) = app.new_user("visitor", json!({})).await;
    let client = app.login(&email, &password).await;
    let secret = "another fine evening";
    client.patch("/api/users/me", json!({"password": secret, "current_password": password, "name": "Asha"})).await.expect(200);
    let db = app.db();
    let mut lines = db
        .prepare("select coalesce(l.detail, '') || coalesce(c.changes, '') from audit_log l left join audit_changes c on c.line = l.id")
        .unwrap();
    let lines: Vec<String> = lines.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert!(lines.iter().any(|line| line.contains("Asha")));
    assert!(lines.iter().all(|line| !line.contains("argon2") && !line.contains(secret) && !line.contains("hash")));
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_by_people_are_in_the_trail_and_counts_by_devices_are_not() {
    let app = App::start().await;
    let (admin, operator) = (app.admin().await, app.operator().await);
    let me = operator.get("/api/users/me").await.expect(200)["id"].clone();
    let place = app.place(0).await;
    let device = app.device(&app.new_device(&place, None).await).await;
    let lot = unique("lot");
    operator
        .post("/api/parking-data/add/", json!({"parking_lot": lot, "available_spots": 9, "timestamp": app.time(-60), "site": place.site}))
        .await
        .expect(201);
    device.post("/api/parking-data/add/", json!({"parking_lot": lot, "available_spots": 8})).await.expect(201);
    let lines = items(&admin, &format!("?entity=parking_lots&subject={lot}")).await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!((&lines[0]["actor"], &lines[0]["action"], &lines[0]["detail"]["available_spots"]), (&me, &json!("counted"), &json!(9)));

    let update = format!("/api/crowd/temple/{}/update", place.site);
    operator.post(&update, json!({"zone": "B1", "count": 12, "timestamp": app.time(-60)})).await.expect(201);
    device.post(&update, json!({"zone": "B1", "count": 13, "timestamp": app.time(-50)})).await.expect(201);
    let counts = json!([{"zone": "B1", "count": 14, "timestamp": app.time(-40)}, {"zone": "B1", "count": 15, "timestamp": app.time(-30)}]);
    operator.post(&update, counts).await.expect(200);
    let one = items(&admin, &format!("?entity=crowd&subject={}/B1", place.site)).await;
    assert_eq!((one.len(), &one[0]["detail"]["count"], &one[0]["actor"]), (1, &json!(12), &me));
    let many = items(&admin, &format!("?entity=crowd&subject={}", place.site)).await;
    assert_eq!((many.len(), &many[0]["detail"]), (1, &json!({"accepted": 2, "zones": ["B1"]})));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_has_a_uuid_a_time_and_its_actors_name() {
    let app = App::start().await;
    let (admin, operator) = (app.admin().await, app.operator().await);
    let alert = operator.post("/api/alerts/", json!({"severity": "info", "message": "x"})).await.expect(201);
    let line = newest(&admin, "alerts", text(&alert, "id")).await;
    assert_eq!(uuid::Uuid::parse_str(text(&line, "id")).map(|id| id.get_version_num()), Ok(7));
    assert!(chrono::DateTime::parse_from_rfc3339(text(&line, "at")).is_ok());
    assert_eq!(line["actor_name"], "Somebody");
    let path = format!("/api/event-logs/{}", text(&line, "id").to_uppercase());
    assert_eq!(admin.get(&path).await.expect(200), line);
    let other = uuid::Uuid::now_v7();
    admin.get(&format!("/api/event-logs/{other}")).await.expect_problem(404);
    let lines = items(&admin, "?limit=500").await;
    assert!(lines.iter().all(|line| line["actor_name"].as_str().is_some_and(|name| !name.is_empty())));

    let incident = json!({"temple_id": app.place(0).await.site, "type": "fire", "title": "Fire"});
    let incident = operator.post("/api/incidents/", incident).await.expect(201);
    let path = format!("/api/incidents/{}", text(&incident, "id"));
    operator.patch(&path, json!({"title": "Smoke"})).await.expect(200);
    operator.delete(&path).await.expect(204);
    let history = operator.get(&format!("{path}/history")).await.expect(200)["items"].clone();
    let titles: Vec<_> = history.as_array().unwrap().iter().map(|step| text(&step["incident"], "title")).collect();
    assert_eq!(titles, ["Fire", "Smoke", "Smoke"], "a delete does not take the history along");
    assert!(history.as_array().unwrap().iter().all(|step| step["actor_name"] == "Somebody"));
    operator.get("/api/incidents/nobody/history").await.expect_problem(404);
}
