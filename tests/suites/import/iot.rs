//! IoT parking: users, spots, sensors, reservations and payments out of PostgreSQL.

use gatehouse_tests::postgres::Postgres;
use serde_json::json;

use super::{BCRYPT, Move, items, refused, table};

const WORDS: [&str; 8] = ["--from", "s5", "--site", "mall", "--currency", "INR", "--amounts", "major"];

async fn site(moved: &Move) {
    let admin = moved.app.admin().await;
    let site = json!({"slug": "mall", "name": "Mall", "kind": "car_park", "latitude": 23.0, "longitude": 72.5, "time_zone": "Asia/Kolkata", "capacity": 3, "low_spots": 0});
    admin.post("/api/sites", site).await.expect(201);
    admin.post("/api/sites/mall/zones", json!({"code": "P1", "name": "Level 1"})).await.expect(201);
}

fn tables(moved: &Move) -> String {
    let (from, to) = (moved.app.time(7 * 86_400), moved.app.time(7 * 86_400 + 7_200));
    [
        table("users", "id int, email text, name text, password_hash text, role text, created_at timestamptz", &[&format!(
            "1, 'driver@iot.example', 'Driver', '{BCRYPT}', 'user', '2025-01-01 00:00:00+00'"
        )]),
        table("spots", "id int, spot_id text, level text, spot_type text, status text", &["1, 'C-1', 'P1', 'ev', 'reserved'", "2, 'C-2', 'P9', 'ev', 'free'"]),
        table("sensors", "id int, sensor_id text, spot_id int, is_active bool", &["1, 'SENSOR-1', 1, true"]),
        table(
            "reservations",
            "id int, user_id int, spot_id int, start_time timestamptz, end_time timestamptz, vehicle_plate text, status text, total_amount numeric(10,2)",
            &[
                &format!("1, 1, 1, '{from}', '{to}', 'GJ 01 AB 1234', 'confirmed', 120.50"),
                &format!("2, 1, 1, '{from}', '{to}', 'GJ01AB9999', 'confirmed', 60"),
                "3, 1, 1, '2025-01-01 10:00:00+00', '2025-01-01 12:00:00+00', 'GJ01AB1234', 'completed', 80",
            ],
        ),
        table(
            "payments",
            "id int, reservation_id int, amount numeric(10,2), status text, stripe_payment_intent_id text, created_at timestamptz",
            &["1, 1, 120.50, 'succeeded', 'pi_old_1', '2025-01-01 10:00:00+00'", "2, 3, 80, 'failed', 'pi_old_2', '2025-01-01 10:00:00+00'"],
        ),
        table("forecasts", "id int", &["1"]),
    ]
    .concat()
}

async fn client_finds_its_data(moved: &Move) {
    let anyone = moved.app.anonymous();
    let spot = anyone.get("/api/spots/C-1").await.expect(200);
    assert_eq!((&spot["kind"], &spot["zone"]), (&json!("ev"), &json!("P1")), "{spot}");
    let driver = moved.sign_in("/api/auth/login", "driver@iot.example").await;
    let mine = driver.get("/api/reservations").await.expect(200);
    assert_eq!(items(&mine).len(), 2, "{mine}");
    let coming = items(&mine).iter().find(|it| it["status"] == "confirmed").expect("the one to come");
    assert_eq!(
        (&coming["vehicle_plate"], &coming["price"], &coming["paid"]),
        (&json!("GJ01AB1234"), &json!(12_050), &json!(12_050)),
        "{coming}"
    );
    // Its spot is kept, for whoever asks.
    let (from, to) = (moved.app.time(7 * 86_400 + 600), moved.app.time(7 * 86_400 + 3_600));
    let another = json!({"spot_id": "C-1", "start": from, "end": to, "vehicle_plate": "GJ05XY0001"});
    driver.post("/api/reservations", another).await.expect_problem(409);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_server_moves_in_and_its_clients_find_their_data() {
    let Some(postgres) = Postgres::start().await else { return };
    let moved = Move::start(&WORDS).await;
    site(&moved).await;
    postgres.run(&tables(&moved));
    let report = moved.move_in(&[postgres.address()], &[]).await;
    assert_eq!(refused(&report, "spots"), ["unknown_zone"]);
    assert_eq!(
        (refused(&report, "reservations"), refused(&report, "payments")),
        (vec!["overlaps".into()], vec!["brought_no_money".into()])
    );
    assert_eq!(report.unmapped_tables.get("forecasts"), Some(&1));
    client_finds_its_data(&moved).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_dump_of_inserts_moves_in_and_its_clients_find_their_data() {
    let Some(postgres) = Postgres::start().await else { return };
    let moved = Move::start(&WORDS).await;
    site(&moved).await;
    postgres.run(&tables(&moved));
    let file = moved.path("iot.sql");
    postgres.dump(&file);
    moved.move_in(&[file.to_string_lossy().into_owned()], &[]).await;
    client_finds_its_data(&moved).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn tables_as_csv_move_in_and_their_clients_find_their_data() {
    let Some(postgres) = Postgres::start().await else { return };
    let moved = Move::start(&WORDS).await;
    site(&moved).await;
    postgres.run(&tables(&moved));
    let names = ["users", "spots", "sensors", "reservations", "payments"];
    let inputs: Vec<String> = names.iter().map(|name| moved.path(&format!("{name}.csv")).to_string_lossy().into_owned()).collect();
    for (name, file) in names.iter().zip(&inputs) {
        postgres.csv(name, file.as_ref());
    }
    moved.move_in(&inputs, &[]).await;
    client_finds_its_data(&moved).await;
}
