//! Slot monitoring: users, zones, slots, devices and telemetry out of Django and PostgreSQL.

use gatehouse_tests::postgres::Postgres;
use serde_json::json;

use super::{DJANGO, DJANGO_BCRYPT, Move, items, refused, table};

/// The site that the old system had no word for.
async fn site(moved: &Move) {
    let admin = moved.app.admin().await;
    let site = json!({"slug": "campus", "name": "Campus", "kind": "campus", "latitude": 23.0, "longitude": 72.5, "time_zone": "Asia/Kolkata", "capacity": 3, "low_spots": 0});
    admin.post("/api/sites", site).await.expect(201);
}

/// A few days before the tests' clock starts: readings are not kept for ever.
fn day(moved: &Move) -> String {
    moved.app.time(-5 * 86_400)[..10].to_owned()
}

const WORDS: [&str; 4] = ["--from", "s2", "--site", "campus"];

/// What a client of the slot monitoring server asks for.
async fn client_finds_its_data(moved: &Move) {
    let day = day(moved);
    let staff = moved.sign_in("/api/auth/login/", "staff@slots.example").await;
    let zones = staff.get("/api/zones/?site=campus").await.expect(200);
    assert_eq!((&items(&zones)[0]["zone_code"], &items(&zones)[0]["total"]), (&json!("B1"), &json!(2)), "{zones}");
    let slots = staff.get("/api/slots/?zone_code=b1&site=campus").await.expect(200);
    let states: Vec<_> = items(&slots).iter().map(|slot| (slot["slot_code"].as_str().unwrap(), slot["status"].as_str().unwrap())).collect();
    assert_eq!(states, [("B1-S001", "occupied"), ("B1-S002", "available")], "{slots}");
    let readings = staff.get(&format!("/api/telemetry/?device_code=park-b1-s001&start_date={day}&end_date={day}")).await.expect(200);
    assert_eq!(items(&readings).len(), 2, "{readings}");
    assert_eq!(items(&readings)[0]["voltage"], json!(220.5), "{readings}");
    let log = staff.get(&format!("/api/parking-log/?device_code=PARK-B1-S001&start_date={day}&end_date={day}")).await.expect(200);
    let events: Vec<_> = items(&log).iter().map(|event| event["is_occupied"].as_bool().unwrap()).collect();
    assert_eq!(events, [false, true], "{log}");
    let device = staff.get("/api/devices/PARK-B1-S001").await.expect(200);
    assert_eq!(device["health"], json!("offline"), "what has not spoken here is known to be silent: {device}");
    let overview = staff.get("/api/dashboard/overview/?site=campus").await.expect(200);
    let figures = [&overview["total_slots"], &overview["available_slots"], &overview["occupied_slots"], &overview["critical_devices"]];
    assert_eq!(figures, [&json!(2), &json!(1), &json!(1), &json!(1)], "{overview}");
    // The other kind of hash.
    moved.sign_in("/api/auth/login/", "boss@slots.example").await;
}

fn dumpdata(day: &str) -> String {
    let record = |model: &str, key: i64, fields: serde_json::Value| json!({"model": model, "pk": key, "fields": fields});
    let user = |email: &str, hash: &str, is_superuser: bool| {
        json!({"username": email, "email": email, "password": hash, "is_superuser": is_superuser, "is_staff": true, "is_active": true,
            "date_joined": "2025-01-01T00:00:00Z", "groups": []})
    };
    let reading = |voltage: f64, at: &str| json!({"device": 7, "voltage": voltage, "current": 5.2, "power_factor": 0.92, "timestamp": format!("{day}T{at}")});
    let event = |is_occupied: bool, at: &str| json!({"device": 7, "is_occupied": is_occupied, "timestamp": format!("{day}T{at}")});
    json!([
        record("auth.user", 1, user("staff@slots.example", DJANGO, false)),
        record("auth.user", 2, user("boss@slots.example", DJANGO_BCRYPT, true)),
        record("parking.zone", 1, json!({"zone_code": "B1", "name": "Basement"})),
        record("parking.slot", 10, json!({"slot_code": "B1-S001", "zone": 1, "status": "occupied"})),
        record("parking.slot", 11, json!({"slot_code": "B1-S002", "zone": 1, "status": "available"})),
        record("devices.device", 7, json!({"device_code": "PARK-B1-S001", "slot": 10, "is_active": true, "firmware": "1.2"})),
        record("telemetry.telemetrydata", 1, reading(220.5, "10:30:00Z")),
        record("telemetry.telemetrydata", 2, reading(221.5, "10:35:00Z")),
        record("telemetry.telemetrydata", 3, reading(221.5, "10:40:00")),
        record("telemetry.parkinglog", 1, event(false, "10:30:00Z")),
        record("telemetry.parkinglog", 2, event(true, "10:36:00Z")),
        record("sessions.session", 1, json!({"session_data": "x"})),
    ])
    .to_string()
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn dumpdata_moves_in_and_its_clients_find_their_data() {
    let moved = Move::start(&WORDS).await;
    site(&moved).await;
    let inputs = [moved.file("everything.json", dumpdata(&day(&moved)))];
    let report = moved.move_in(&inputs, &[]).await;
    assert_eq!(refused(&report, "telemetry"), ["time_without_zone"]);
    assert_eq!(report.unmapped_tables.get("sessions_session"), Some(&1));
    client_finds_its_data(&moved).await;
    // Said the zone, the time is a time.
    let zoned = moved.move_in(&inputs, &["--time-zone", "UTC"]).await;
    assert_eq!((zoned.written(), zoned.refused()), (1, 0), "{zoned}");
}

fn tables(day: &str) -> String {
    let user = "id int primary key, username text, email text, password text, is_superuser bool, is_staff bool, is_active bool, date_joined timestamptz";
    [
        table(
            "auth_user",
            user,
            &[
                &format!("1, 'staff@slots.example', 'staff@slots.example', '{DJANGO}', false, true, true, '2025-01-01 00:00:00+00'"),
                &format!("2, 'boss@slots.example', 'boss@slots.example', '{DJANGO_BCRYPT}', true, true, true, '2025-01-01 00:00:00+00'"),
            ],
        ),
        table("parking_zone", "id int, zone_code text, name text", &["1, 'B1', E'Basement; it''s\\nbelow'"]),
        table(
            "parking_slot",
            "id int, slot_code text, zone_id int, status text",
            &["10, 'B1-S001', 1, 'occupied'", "11, 'B1-S002', 1, 'available'"],
        ),
        table("devices_device", "id int, device_code text, slot_id int, is_active bool, note text", &["7, 'PARK-B1-S001', 10, true, null"]),
        table(
            "telemetry_telemetrydata",
            "id int, device_id int, voltage double precision, current numeric(8,2), power_factor real, \"timestamp\" timestamptz",
            &[&format!("1, 7, 220.5, 5.20, 0.92, '{day} 16:00:00+05:30'"), &format!("2, 7, 221.5, 5.20, 0.92, '{day} 10:35:00+00'")],
        ),
        table(
            "telemetry_parkinglog",
            "id int, device_id int, is_occupied bool, \"timestamp\" timestamptz",
            &[&format!("1, 7, false, '{day} 10:30:00+00'"), &format!("2, 7, true, '{day} 10:36:00+00'")],
        ),
        table("django_session", "session_key text", &["'x'"]),
    ]
    .concat()
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn tables_as_csv_move_in_and_their_clients_find_their_data() {
    let Some(postgres) = Postgres::start().await else { return };
    let moved = Move::start(&WORDS).await;
    site(&moved).await;
    postgres.run(&tables(&day(&moved)));
    let names = ["auth_user", "parking_zone", "parking_slot", "devices_device", "telemetry_telemetrydata", "telemetry_parkinglog"];
    let inputs: Vec<String> = names.iter().map(|name| moved.path(&format!("{name}.csv")).to_string_lossy().into_owned()).collect();
    for (name, file) in names.iter().zip(&inputs) {
        postgres.csv(name, file.as_ref());
    }
    moved.move_in(&inputs, &[]).await;
    client_finds_its_data(&moved).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn inserts_move_in_and_their_clients_find_their_data() {
    let Some(postgres) = Postgres::start().await else { return };
    let moved = Move::start(&WORDS).await;
    site(&moved).await;
    postgres.run(&tables(&day(&moved)));
    let file = moved.path("slots.sql");
    postgres.dump(&file);
    let report = moved.move_in(&[file.to_string_lossy().into_owned()], &[]).await;
    assert_eq!((report.refused(), report.unmapped_tables.get("django_session")), (0, Some(&1)), "{report}");
    client_finds_its_data(&moved).await;
}
