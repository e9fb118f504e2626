//! Search (docs/reference/search.md): devices, spots, bookings and people, by how their names begin, for whom they are.

use gatehouse_tests::{App, unique};
use serde_json::{Value, json};

fn ids(found: &Value, kind: &str) -> Vec<String> {
    let of_kind = found["items"].as_array().unwrap().iter().filter(|item| item["kind"] == kind);
    of_kind.map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

fn encode(text: &str) -> String {
    text.replace('%', "%25").replace('+', "%2B").replace('@', "%40").replace(' ', "%20")
}

#[tokio::test(flavor = "multi_thread")]
async fn things_are_found_by_how_their_names_begin() {
    let app = App::start().await;
    let place = app.place(2).await;
    let device = app.new_device(&place, Some(0)).await;
    let operator = app.operator().await;
    let find = async |q: &str| operator.get(&format!("/api/search?q={}", encode(q))).await.expect(200);
    let found = find(&device.to_lowercase()).await;
    assert_eq!(ids(&found, "device"), std::slice::from_ref(&device), "{found}");
    let item = &found["items"].as_array().unwrap().iter().find(|item| item["kind"] == "device").unwrap();
    assert_eq!((&item["site"], &item["detail"]), (&json!(place.site), &json!(place.zone)));
    assert!(ids(&find(&place.spots[1]).await, "spot").contains(&place.spots[1]));
    // By its name, too.
    let name = unique("Turnstile");
    app.admin().await.patch(&format!("/api/devices/{device}"), json!({"name": name})).await.expect(200);
    assert_eq!(ids(&find(&name.to_uppercase()).await, "device"), std::slice::from_ref(&device));
    assert!(ids(&find(&name[3..]).await, "device").is_empty(), "in the middle of a name is not its beginning");
    // What stands for many in other searches stands for itself.
    for literal in ["%%", "__", "'; drop table devices; --", "\u{10ffff}\u{10ffff}"] {
        assert_eq!(find(literal).await, json!({"items": [], "has_more": false}), "{literal}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_is_found_by_its_code() {
    let app = App::start().await;
    let admin = app.admin().await;
    let temple = unique("temple");
    let site = json!({
        "slug": temple, "name": "A temple", "kind": "temple", "latitude": 20.9, "longitude": 70.4, "time_zone": "Asia/Kolkata", "capacity": 500,
    });
    admin.post("/api/sites", site).await.expect(201);
    let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let slots = json!({"weekdays": days, "start": "06:00", "end": "07:00", "capacity": 10});
    admin.post(&format!("/api/sites/{temple}/slots"), slots).await.expect(201);
    let tomorrow = app.time(24 * 3600)[..10].to_owned();
    let wanted = json!({"temple_id": temple, "date": tomorrow, "slot": "06:00-07:00", "party_size": 2});
    let booking = app.visitor().await.post("/api/bookings/", wanted).await.expect(201);
    let code = booking["booking_code"].as_str().unwrap();
    let operator = app.operator().await;
    for typed in [code.to_owned(), code.to_lowercase(), code.replace('-', ""), code[..6].to_owned()] {
        let found = operator.get(&format!("/api/search?q={typed}")).await.expect(200);
        assert!(ids(&found, "booking").contains(&booking["id"].as_str().unwrap().to_owned()), "{typed}: {found}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_found_by_administrators_alone() {
    let app = App::start().await;
    let name = unique("Lakshmi");
    let digits: String = format!("{:09}", app.now_ms() % 1_000_000_000);
    let (email, _) = app.new_user("visitor", json!({"name": name, "phone": format!("+919{digits}")})).await;
    let (admin, operator) = (app.admin().await, app.operator().await);
    for typed in [name.to_lowercase(), email.clone(), format!("+919{digits}"), format!("919{digits}")] {
        let path = format!("/api/search?q={}", encode(&typed));
        let found = admin.get(&path).await.expect(200);
        assert_eq!(ids(&found, "person").len(), 1, "{typed}: {found}");
        let unseen = operator.get(&path).await.expect(200);
        assert!(ids(&unseen, "person").is_empty() && !unseen.to_string().contains(&email), "{typed}: {unseen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_bounded_and_for_who_works_here() {
    let app = App::start().await;
    let operator = app.operator().await;
    for (query, field) in [("", "q"), ("q=a", "q"), ("q=%20a%20", "q"), ("q=abc&colour=red", "colour")] {
        operator.get(&format!("/api/search?{query}")).await.expect_invalid(&[field]);
    }
    operator.get(&format!("/api/search?q={}", "a".repeat(65))).await.expect_invalid(&["q"]);
    app.visitor().await.get("/api/search?q=pa").await.expect_problem(403);
    app.anonymous().get("/api/search?q=pa").await.expect_problem(401);
    let place = app.place(25).await;
    let found = operator.get(&format!("/api/search?q={}", place.site)).await.expect(200);
    assert_eq!((found["items"].as_array().unwrap().len(), &found["has_more"]), (20, &json!(true)), "{found}");
}
