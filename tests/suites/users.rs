//! One's own profile, and the administration of users.

use gatehouse_tests::{App, Client, Response, unique};
use reqwest::Method;
use serde_json::{Value, json};

#[path = "users/email.rs"]
mod email;

const USERS: &str = "/v0/api/users/users/";
const PASSWORD: &str = "seven lanterns by the river";

/// A new user's id, e-mail and a caller signed in as them.
async fn new_signed_in(app: &App, role: &str) -> (String, String, Client) {
    let (email, password) = app.new_user(role, json!({})).await;
    let client = app.login(&email, &password).await;
    let id = client.get("/api/users/me").await.expect(200)["id"].as_str().expect("an id").to_owned();
    (id, email, client)
}

fn body(role: &str) -> Value {
    json!({"email": format!("{}@example.com", unique("new")), "password": PASSWORD, "name": "New Person", "role": role})
}

fn user(id: &str) -> String {
    format!("{USERS}{id}/")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_is_read_and_changed_by_its_owner() {
    let app = App::start().await;
    let (id, email, visitor) = new_signed_in(&app, "visitor").await;
    let me = visitor.get("/api/users/me").await.expect(200);
    assert_eq!(me["id"], id.as_str());
    assert_eq!(me["email"], email.as_str());
    assert_eq!(me["role"], "visitor");
    assert_eq!(me["is_active"], true);
    assert!(me.get("password_hash").is_none());
    assert_eq!(visitor.get("/v0/api/users/profile/").await.expect(200), me, "docs/reference/clients.md#cctv-management");

    let changed = visitor.patch("/api/users/me", json!({"name": "Asha", "phone": "+91 98765 43210"})).await.expect(200);
    assert_eq!((changed["name"].as_str(), changed["phone"].as_str()), (Some("Asha"), Some("+919876543210")));
    let kept = visitor.patch("/v0/api/users/profile/", json!({"name": "Asha Patel"})).await.expect(200);
    assert_eq!(kept["phone"], "+919876543210", "what is not sent stays");
    assert_eq!(visitor.patch("/api/users/me", json!({"phone": null})).await.expect(200)["phone"], Value::Null);
    assert_eq!(visitor.patch("/api/users/me", json!({})).await.expect(200)["name"], "Asha Patel");

    // Nobody changes their own role here, and nothing that was sent is ignored.
    let refused = visitor.patch("/api/users/me", json!({"role": "admin", "is_active": false, "id": id, "name": "Nobody"})).await;
    refused.expect_invalid(&["id", "is_active", "role"]);
    let same = visitor.get("/api/users/me").await.expect(200);
    assert_eq!((same["role"].as_str(), same["name"].as_str()), (Some("visitor"), Some("Asha Patel")));
    assert_eq!(same["is_active"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_says_how_they_read_the_console() {
    let app = App::start().await;
    let (id, _, visitor) = new_signed_in(&app, "visitor").await;
    let shown = |me: &Value| (me["language"].clone(), me["hour_cycle"].clone());
    assert_eq!(shown(&visitor.get("/api/users/me").await.expect(200)), (Value::Null, Value::Null));
    let changed = visitor.patch("/api/users/me", json!({"language": "gu", "hour_cycle": "h12"})).await.expect(200);
    assert_eq!(shown(&changed), (json!("gu"), json!("h12")));
    let kept = visitor.patch("/api/users/me", json!({"name": "Asha"})).await.expect(200);
    assert_eq!(shown(&kept), (json!("gu"), json!("h12")), "what is not sent stays");
    visitor.patch("/api/users/me", json!({"language": "tlh", "hour_cycle": 12})).await.expect_invalid(&["hour_cycle", "language"]);
    let cleared = visitor.patch("/api/users/me", json!({"language": null})).await.expect(200);
    assert_eq!(shown(&cleared), (Value::Null, json!("h12")));
    let lines = app.admin().await.get(&format!("/api/event-logs?entity=users&subject={id}")).await.expect(200);
    let changes: Vec<_> = lines["items"].as_array().unwrap().iter().map(|line| line["detail"]["changes"]["language"].clone()).collect();
    assert!(changes.contains(&json!({"from": null, "to": "gu"})), "{lines}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_is_nobody_elses() {
    let app = App::start().await;
    for path in ["/api/users/me", "/v0/api/users/profile/"] {
        app.anonymous().get(path).await.expect_problem(401);
        app.anonymous().patch(path, json!({"name": "X"})).await.expect_problem(401);
        app.with_token("nonsense").get(path).await.expect_problem(401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_field_of_a_profile_is_named() {
    let app = App::start().await;
    let (_, email, visitor) = new_signed_in(&app, "visitor").await;
    visitor.patch("/api/users/me", json!({"name": "", "phone": "call me"})).await.expect_invalid(&["name", "phone"]);
    visitor.patch("/api/users/me", json!({"name": 5, "phone": []})).await.expect_invalid(&["name", "phone"]);
    visitor.patch("/api/users/me", json!({"name": "two\nlines"})).await.expect_invalid(&["name"]);
    visitor.patch("/api/users/me", json!({"password": "short"})).await.expect_invalid(&["current_password", "password"]);
    visitor.patch("/api/users/me", json!({"password": email, "current_password": "x"})).await.expect_invalid(&["password"]);
    visitor.patch("/api/users/me", json!([])).await.expect_problem(422);
    visitor.send_bytes(Method::PATCH, "/api/users/me", "application/json", "{").await.expect_problem(400);
    assert_eq!(visitor.get("/api/users/me").await.expect(200)["name"], "Somebody", "what was refused changed nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_needs_the_old_one_and_revokes_all_tokens() {
    let app = App::start().await;
    let (email, password) = app.new_user("visitor", json!({})).await;
    let login = app.anonymous().post("/api/auth/login", json!({"email": email, "password": password})).await.expect(200);
    let visitor = app.with_token(login["access"].as_str().expect("a token"));

    let wrong = json!({"password": PASSWORD, "current_password": "not this one at all"});
    visitor.patch("/api/users/me", wrong.clone()).await.expect_invalid(&["current_password"]);
    app.login(&email, &password).await;
    visitor.patch("/api/users/me", json!({"password": PASSWORD, "current_password": password})).await.expect(200);
    app.anonymous().post("/api/auth/refresh", json!({"refresh": login["refresh"]})).await.expect_problem(401);
    app.anonymous().post("/api/auth/login", json!({"email": email, "password": password})).await.expect_problem(401);
    let visitor = app.login(&email, PASSWORD).await;

    // Guesses at the current password count as failed sign-ins.
    for _ in 0..10 {
        visitor.patch("/api/users/me", wrong.clone()).await.expect_problem(422);
    }
    visitor.patch("/api/users/me", json!({"password": "another fine evening", "current_password": PASSWORD})).await.expect_problem(429);
    app.anonymous().post("/api/auth/login", json!({"email": email, "password": PASSWORD})).await.expect_problem(429);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_creates_users_of_any_role_up_to_their_own() {
    let app = App::start().await;
    let (_, _, admin) = new_signed_in(&app, "admin").await;
    for role in ["visitor", "operator", "developer", "admin"] {
        let body = body(role);
        let created = admin.post(USERS, body.clone()).await.expect(201);
        assert_eq!(created["role"], role);
        assert_eq!(created["email"], body["email"]);
        assert!(created.get("password_hash").is_none() && created.get("password").is_none());
        let id = created["id"].as_str().expect("an id");
        assert_eq!(admin.get(&user(id)).await.expect(200), created);
        app.login(body["email"].as_str().expect("an address"), PASSWORD).await;
    }
    let without_role = json!({"email": format!("{}@example.com", unique("plain")), "password": PASSWORD, "name": "Plain"});
    assert_eq!(admin.post(USERS, without_role).await.expect(201)["role"], "visitor");

    let mut device = body("device");
    device["device_code"] = json!("PARK-B1-S005");
    let created = admin.post(USERS, device.clone()).await.expect(201);
    assert_eq!(created["device_code"], "PARK-B1-S005");

    let above = body("super_admin");
    admin.post(USERS, above.clone()).await.expect_problem(403);
    let answer = app.anonymous().post("/api/auth/login", json!({"email": above["email"], "password": PASSWORD})).await;
    answer.expect_problem(401);
    app.admin().await.post(USERS, above).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_field_of_a_new_user_is_named() {
    let app = App::start().await;
    let admin = app.admin().await;
    admin.post(USERS, json!({})).await.expect_invalid(&["email", "name", "password"]);
    let bad = json!({"email": "x", "name": "", "password": "qwertyuiop12", "phone": "x", "role": "root", "device_code": "a/b"});
    admin.post(USERS, bad).await.expect_invalid(&["device_code", "email", "name", "password", "phone", "role"]);
    admin.post(USERS, body("device")).await.expect_invalid(&["device_code"]);
    let mut operator = body("operator");
    operator["device_code"] = json!("PARK-B1-S005");
    admin.post(USERS, operator).await.expect_invalid(&["device_code"]);

    let first = body("visitor");
    admin.post(USERS, first.clone()).await.expect(201);
    let mut again = body("operator");
    again["email"] = json!(first["email"].as_str().expect("an address").to_uppercase());
    admin.post(USERS, again).await.expect_problem(409);
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_listed_in_pages_and_by_filter() {
    let app = App::start().await;
    let admin = app.admin().await;
    let mut made = Vec::new();
    for role in ["developer", "developer", "developer"] {
        made.push(admin.post(USERS, body(role)).await.expect(201));
    }
    let id = |user: &Value| user["id"].as_str().expect("an id").to_owned();
    admin.delete(&user(&id(&made[2]))).await.expect(204);

    let mut seen = Vec::new();
    let mut path = format!("{USERS}?role=developer&limit=2");
    loop {
        let page = admin.get(&path).await.expect(200);
        let items = page["items"].as_array().expect("items");
        assert!(items.len() <= 2);
        seen.extend(items.iter().map(id));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("{USERS}?role=developer&limit=2&cursor={cursor}");
    }
    for user in &made {
        assert_eq!(seen.iter().filter(|one| **one == id(user)).count(), 1, "each once");
    }

    let inactive = admin.get(&format!("{USERS}?is_active=false&limit=500")).await.expect(200);
    let inactive: Vec<_> = inactive["items"].as_array().expect("items").iter().map(id).collect();
    assert!(inactive.contains(&id(&made[2])) && !inactive.contains(&id(&made[0])));
    let email = made[0]["email"].as_str().expect("an address").to_uppercase();
    let found = admin.get(&format!("{USERS}?email={email}")).await.expect(200);
    assert_eq!(found["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(found["items"][0], made[0]);
    assert_eq!(found["next_cursor"], Value::Null);
    admin.get(&format!("{USERS}?role=root")).await.expect_invalid(&["role"]);
    admin.get(&format!("{USERS}?is_active=perhaps")).await.expect_invalid(&["is_active"]);
    admin.get(&format!("{USERS}?shoe_size=9&limit=0")).await.expect_invalid(&["limit", "shoe_size"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_admin_manages_users() {
    let app = App::start().await;
    let (victim, _, _) = new_signed_in(&app, "visitor").await;
    let all = async |client: &Client| -> Vec<Response> {
        vec![
            client.get(USERS).await,
            client.post(USERS, body("visitor")).await,
            client.get(&user(&victim)).await,
            client.patch(&user(&victim), json!({"role": "operator"})).await,
            client.delete(&user(&victim)).await,
        ]
    };
    for answer in all(&app.anonymous()).await {
        answer.expect_problem(401);
    }
    for role in ["visitor", "operator", "developer"] {
        for answer in all(&app.user(role).await).await {
            answer.expect_problem(403);
        }
    }
    let unchanged = app.admin().await.get(&user(&victim)).await.expect(200);
    assert_eq!((unchanged["role"].as_str(), unchanged["is_active"].as_bool()), (Some("visitor"), Some(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_one_raises_anyone_above_their_own_role_nor_manages_someone_above_them() {
    let app = App::start().await;
    let (admin_id, _, admin) = new_signed_in(&app, "admin").await;
    let (visitor_id, _, _) = new_signed_in(&app, "visitor").await;
    let (above, above_email, _) = new_signed_in(&app, "super_admin").await;
    admin.patch(&user(&visitor_id), json!({"role": "super_admin"})).await.expect_problem(403);
    admin.patch(&user(&admin_id), json!({"role": "super_admin"})).await.expect_problem(403);
    for change in [json!({"role": "visitor"}), json!({"is_active": false}), json!({"name": "Mine"}), json!({})] {
        admin.patch(&user(&above), change).await.expect_problem(403);
    }
    admin.delete(&user(&above)).await.expect_problem(403);
    app.login(&above_email, "a quiet gate at dawn 7").await;

    assert_eq!(admin.patch(&user(&visitor_id), json!({"role": "admin"})).await.expect(200)["role"], "admin");
    assert_eq!(admin.patch(&user(&visitor_id), json!({"role": "operator"})).await.expect(200)["role"], "operator");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demoted_admins_old_token_does_not_undo_it() {
    let app = App::start().await;
    let (id, _, demoted) = new_signed_in(&app, "admin").await;
    app.admin().await.patch(&user(&id), json!({"role": "visitor"})).await.expect(200);
    demoted.patch(&user(&id), json!({"role": "admin"})).await.expect_problem(403);
    demoted.post(USERS, body("admin")).await.expect_problem(403);
    app.admin().await.delete(&user(&id)).await.expect(204);
    demoted.post(USERS, body("visitor")).await.expect_problem(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_role_comes_with_the_next_refresh() {
    let app = App::start().await;
    let (email, password) = app.new_user("visitor", json!({})).await;
    let login = app.anonymous().post("/api/auth/login", json!({"email": email, "password": password})).await.expect(200);
    let id = login["user"]["id"].as_str().expect("an id");
    app.admin().await.patch(&user(id), json!({"role": "admin"})).await.expect(200);
    let fresh = app.anonymous().post("/api/auth/refresh", json!({"refresh": login["refresh"]})).await.expect(200);
    app.with_token(fresh["access"].as_str().expect("a token")).get(USERS).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_changed_field_by_field() {
    let app = App::start().await;
    let admin = app.admin().await;
    let (id, _, _) = new_signed_in(&app, "visitor").await;
    let changed = admin.patch(&user(&id), json!({"name": "Gate Two", "phone": "+441632960961"})).await.expect(200);
    assert_eq!((changed["name"].as_str(), changed["phone"].as_str()), (Some("Gate Two"), Some("+441632960961")));
    admin.patch(&user(&id), json!({"role": "device"})).await.expect_invalid(&["device_code"]);
    let device = admin.patch(&user(&id), json!({"role": "device", "device_code": "GATE-2"})).await.expect(200);
    assert_eq!((device["role"].as_str(), device["device_code"].as_str()), (Some("device"), Some("GATE-2")));
    let kept = admin.patch(&user(&id), json!({"phone": null})).await.expect(200);
    assert_eq!((kept["device_code"].as_str(), kept["phone"].as_str()), (Some("GATE-2"), None));
    let back = admin.patch(&user(&id), json!({"role": "operator"})).await.expect(200);
    assert_eq!(back["device_code"], Value::Null);
    let bad = json!({"name": "", "phone": 1, "role": "root", "is_active": "no", "device_code": "a b"});
    admin.patch(&user(&id), bad).await.expect_invalid(&["device_code", "is_active", "name", "phone", "role"]);
    admin.patch(&user("nobody"), json!({"name": "X"})).await.expect_problem(404);
    // Its owner alone changes an address or a password; an id may be repeated.
    let own = json!({"id": id, "email": "x@example.com", "password": PASSWORD, "created_at": "2026-01-01T00:00:00Z"});
    admin.patch(&user(&id), own).await.expect_invalid(&["created_at", "email", "password"]);
    admin.patch(&user(&id), json!({"id": id.to_uppercase(), "name": "Gate Two"})).await.expect(200);
    admin.patch(&user(&id), json!({"id": "another"})).await.expect_invalid(&["id"]);
    let mut inactive = body("visitor");
    inactive["is_active"] = json!(false);
    admin.post(USERS, inactive).await.expect_invalid(&["is_active"]);
    admin.get(&user("nobody")).await.expect_problem(404);
    admin.delete(&user("nobody")).await.expect_problem(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deactivated_user_neither_signs_in_nor_refreshes() {
    let app = App::start().await;
    let admin = app.admin().await;
    let (email, password) = app.new_user("operator", json!({})).await;
    let credentials = json!({"email": email, "password": password});
    let login = app.anonymous().post("/api/auth/login", credentials.clone()).await.expect(200);
    let id = login["user"]["id"].as_str().expect("an id");
    admin.delete(&user(id)).await.expect(204);
    admin.delete(&user(id)).await.expect(204);
    assert_eq!(admin.get(&user(id)).await.expect(200)["is_active"], false);

    app.anonymous().post("/api/auth/login", credentials.clone()).await.expect_problem(401);
    app.anonymous().post("/api/auth/refresh", json!({"refresh": login["refresh"]})).await.expect_problem(401);
    app.with_token(login["access"].as_str().expect("a token")).get("/api/users/me").await.expect_problem(401);

    admin.patch(&user(id), json!({"is_active": true})).await.expect(200);
    app.anonymous().post("/api/auth/login", credentials).await.expect(200);
    let old = app.anonymous().post("/api/auth/refresh", json!({"refresh": login["refresh"]})).await;
    old.expect_problem(401);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn who_is_dismissed_or_demoted_loses_their_rights_at_once() {
    let Some(app) = App::embedded(&[]).await else { return };
    let admin = app.admin().await;
    let reads = ["/api/alerts/", "/api/devices/", "/api/telemetry/", "/api/parking-log/"];
    let (id, _, operator) = new_signed_in(&app, "operator").await;
    for path in reads {
        operator.get(path).await.expect(200);
    }
    admin.patch(&user(&id), json!({"role": "visitor"})).await.expect(200);
    for path in reads {
        operator.get(path).await.expect_problem(403);
    }
    operator.get("/api/dashboard/overview/").await.expect(200);
    admin.patch(&user(&id), json!({"role": "operator"})).await.expect(200);
    operator.get("/api/alerts/").await.expect(200);

    let place = app.place(0).await;
    let device = app.new_device(&place, None).await;
    operator.post("/api/telemetry/", app.reading(&device, 0)).await.expect(201);
    admin.delete(&user(&id)).await.expect(204);
    for path in reads.into_iter().chain(["/api/dashboard/overview/", "/api/events"]) {
        operator.get(path).await.expect_problem(401);
    }
    operator.post("/api/events/ticket", json!({})).await.expect_problem(401);
    operator.post("/api/alerts/", json!({"severity": "info", "message": "x"})).await.expect_problem(401);
    // Also on the path of the readings, which looks the account up every few seconds only.
    operator.post("/api/telemetry/", app.reading(&device, 0)).await.expect_problem(401);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn the_last_super_admin_stays() {
    let Some(app) = App::embedded(&[]).await else { return };
    let (email, password) = app.admin_credentials();
    let login = app.anonymous().post("/api/auth/login", json!({"email": email, "password": password})).await.expect(200);
    let admin = app.with_token(login["access"].as_str().expect("a token"));
    let id = login["user"]["id"].as_str().expect("an id");
    admin.delete(&user(id)).await.expect_problem(409);
    admin.patch(&user(id), json!({"role": "admin"})).await.expect_problem(409);
    admin.patch(&user(id), json!({"is_active": false})).await.expect_problem(409);
    let (_, _, second) = new_signed_in(&app, "super_admin").await;
    admin.delete(&user(id)).await.expect(204);
    second.get(&user(id)).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn every_change_of_a_user_is_in_the_audit_log() {
    let Some(app) = App::embedded(&[]).await else { return };
    let admin = app.admin().await;
    let me = admin.get("/api/users/me").await.expect(200)["id"].as_str().expect("an id").to_owned();
    let created = admin.post(USERS, body("visitor")).await.expect(201);
    let id = created["id"].as_str().expect("an id");
    admin.patch(&user(id), json!({"role": "operator"})).await.expect(200);
    admin.patch(&user(id), json!({"role": "operator"})).await.expect(200);
    admin.delete(&user(id)).await.expect(204);
    let db = app.db();
    let mut trail = db
        .prepare("select action, detail ->> 'role', actor from audit_log where entity = 'users' and subject = ? order by id")
        .expect("SQL");
    let trail: Vec<(String, String, String)> =
        trail.query_map([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).expect("rows").map(|row| row.expect("a row")).collect();
    let steps: Vec<_> = trail.iter().map(|(action, role, _)| (action.as_str(), role.as_str())).collect();
    assert_eq!(steps, [("created", "visitor"), ("updated", "operator"), ("updated", "operator")], "no change, no line");
    assert!(trail.iter().all(|(_, _, actor)| *actor == me));
}
