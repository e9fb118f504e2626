//! Pilgrim assistance: users, slots, bookings, crowds, emergencies and broadcasts out of MongoDB.

use serde_json::{Value, json};

use super::mongo::{date, dump, id, lines};
use super::{BCRYPT, Move, items, refused};

/// A week after the tests' clock starts.
fn day(moved: &Move) -> String {
    moved.app.time(7 * 86_400)[..10].to_owned()
}

fn collections(day: &str) -> Vec<(&'static str, Vec<Value>)> {
    let user = |number: u32, email: &str, role: &str| {
        json!({"_id": id(number), "email": email, "name": "Asha", "phone": "+919876543210", "role": role, "hashed_password": BCRYPT,
            "created_at": date("2025-01-01T00:00:00Z")})
    };
    let slot = json!({"_id": id(10), "temple_id": "somnath", "date": day, "time_slot": "06:00-07:00", "capacity": 6, "booked": 4});
    let booking = |number: u32, party: i64, status: &str, date_text: &str| {
        json!({"_id": id(number), "user_id": id(1), "temple_id": "somnath", "date": date_text, "time_slot": "06:00-07:00",
            "number_of_visitors": party, "visitors": ["Asha", {"name": "Ravi", "age": 40}], "status": status,
            "created_at": date("2025-06-01T00:00:00Z")})
    };
    let emergency = |number: u32, status: &str, resolved: Value| {
        json!({"_id": id(number), "temple_id": "somnath", "type": "medical", "description": "An old man fell", "user_id": id(1),
            "location": {"lat": 20.888, "lng": 70.401}, "severity": "critical", "status": status,
            "created_at": date("2023-01-01T10:00:00Z"), "resolved_at": resolved})
    };
    let alert = json!({"_id": id(40), "temple_id": "somnath", "zones": ["mainDarshan"], "severity": "critical", "message": "The gate is closed",
        "created_at": date("2024-01-01T10:00:00Z"), "expires_at": date("2024-01-01T12:00:00Z")});
    let crowd =
        json!({"_id": id(50), "temple_id": "somnath", "zone": "mainDarshan", "count": 900, "timestamp": date("2025-06-01T10:00:00Z")});
    vec![
        (
            "users",
            vec![
                user(1, "asha@temple.example", "pilgrim"),
                user(2, "desk@temple.example", "authority"),
                user(3, "x@temple.example", "dragon"),
            ],
        ),
        ("slots", vec![slot]),
        (
            "bookings",
            vec![
                booking(20, 4, "confirmed", day),
                booking(21, 3, "confirmed", day),
                booking(22, 2, "waitlisted", "2025-06-02"),
                booking(23, 2, "cancelled", day),
            ],
        ),
        ("emergencies", vec![emergency(30, "resolved", date("2023-01-01T11:00:00Z")), emergency(31, "reported", Value::Null)]),
        ("alerts", vec![alert]),
        ("crowd", vec![crowd]),
    ]
}

async fn client_finds_its_data(moved: &Move, day: &str) {
    let asha = moved.sign_in("/api/auth/login", "asha@temple.example").await;
    let mine = asha.get("/api/bookings/my-bookings").await.expect(200);
    let mut statuses: Vec<_> = items(&mine).iter().map(|booking| booking["status"].as_str().unwrap()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, ["cancelled", "confirmed", "expired"], "{mine}");
    let confirmed = items(&mine).iter().find(|booking| booking["status"] == "confirmed").unwrap();
    assert_eq!((&confirmed["date"], &confirmed["slot"], &confirmed["party_size"]), (&json!(day), &json!("06:00-07:00"), &json!(4)));
    assert_eq!(confirmed["visitors"], json!([{"name": "Asha"}, {"name": "Ravi", "age": 40}]));
    let booking = asha.get(&format!("/api/bookings/{}", confirmed["id"].as_str().unwrap())).await.expect(200);
    assert!(booking["ticket"].is_string(), "a booking to come has a ticket: {booking}");
    let slots = moved.app.anonymous().get(&format!("/api/bookings/temple/somnath/slots?date={day}")).await.expect(200);
    assert!(slots.to_string().contains("06:00-07:00"), "{slots}");
    let desk = moved.sign_in("/api/auth/login", "desk@temple.example").await;
    let emergencies = desk.get("/api/emergency/temple/somnath").await.expect(200);
    assert_eq!(items(&emergencies).len(), 1, "{emergencies}");
    assert_eq!((&items(&emergencies)[0]["status"], &items(&emergencies)[0]["type"]), (&json!("resolved"), &json!("medical")));
    let active = desk.get("/api/emergency/active").await.expect(200);
    assert!(items(&active).is_empty(), "{active}");
    let alerts = desk.get("/api/alerts/?site=somnath").await.expect(200);
    assert_eq!((&items(&alerts)[0]["message"], &items(&alerts)[0]["status"]), (&json!("The gate is closed"), &json!("resolved")));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn an_export_moves_in_and_its_clients_find_their_data() {
    let moved = Move::start(&["--from", "s3"]).await;
    let day = day(&moved);
    let inputs: Vec<_> = collections(&day).iter().map(|(name, records)| moved.file(&format!("{name}.json"), lines(records))).collect();
    let report = moved.move_in(&inputs, &[]).await;
    assert_eq!(refused(&report, "users"), ["unknown_role"]);
    assert_eq!(refused(&report, "bookings"), ["slot_is_full"]);
    assert_eq!(refused(&report, "emergencies"), ["still_open"]);
    assert_eq!(report.of("slots").unwrap().unmapped.get("booked"), Some(&1));
    client_finds_its_data(&moved, &day).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_dump_moves_in_and_its_clients_find_their_data() {
    let moved = Move::start(&["--from", "s3"]).await;
    let day = day(&moved);
    let inputs: Vec<_> = collections(&day).iter().map(|(name, records)| moved.file(&format!("{name}.bson"), dump(records))).collect();
    let report = moved.move_in(&inputs, &[]).await;
    assert_eq!(refused(&report, "emergencies"), ["still_open"]);
    client_finds_its_data(&moved, &day).await;
    let closed = moved.move_in(&inputs, &["--close-open"]).await;
    assert_eq!(closed.of("emergencies").map(|moved| moved.written), Some(1));
}
