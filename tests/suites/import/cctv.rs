//! CCTV management: users, cameras, access rules, schedules and recordings out of PostgreSQL.

use gatehouse_tests::postgres::Postgres;
use serde_json::json;

use super::{DJANGO_BCRYPT, Move, items, refused, table};

const WORDS: [&str; 2] = ["--from", "s4"];
const SECRET: &str = "hunter2-and-more";

fn tables() -> String {
    [
        table(
            "users_user",
            "id uuid, email text, name text, password text, role text, is_active bool, created_at timestamptz",
            &[
                &format!("'0d9c1f0a-0000-4000-8000-000000000001', 'chief@cctv.example', 'Chief', '{DJANGO_BCRYPT}', 'admin', true, '2025-01-01 00:00:00+00'"),
                &format!("'0d9c1f0a-0000-4000-8000-000000000002', 'dev@cctv.example', 'Dev', '{DJANGO_BCRYPT}', 'developer', true, '2025-01-01 00:00:00+00'"),
            ],
        ),
        table(
            "cctv_camera",
            "id uuid, name text, ip_address inet, port int, rtsp_path text, username text, password text, location text, is_active bool, codec text",
            &[&format!("'0d9c1f0a-0000-4000-8000-00000000000a', 'North', '100.64.0.7', 554, '/live', 'keeper', '{SECRET}', 'Gate 2', true, 'h264'")],
        ),
        table(
            "cctv_cameraaccess",
            "id int, camera_id uuid, user_id uuid, access_level text, is_active bool",
            &["1, '0d9c1f0a-0000-4000-8000-00000000000a', '0d9c1f0a-0000-4000-8000-000000000002', 'control', true"],
        ),
        table(
            "cctv_recordingschedule",
            "id int, camera_id uuid, name text, schedule_type text, start_time time, end_time time, days_of_week jsonb, is_active bool",
            &[
                "1, '0d9c1f0a-0000-4000-8000-00000000000a', 'Nights', 'weekly', '22:00', '06:00', '[\"monday\", \"sunday\"]', true",
                "2, '0d9c1f0a-0000-4000-8000-00000000000a', 'Numbers', 'weekly', '22:00', '06:00', '[0, 6]', true",
            ],
        ),
        table(
            "cctv_recording",
            "id int, camera_id uuid, schedule_id int, name text, start_time timestamptz, end_time timestamptz, status text, file_size bigint, file_path text",
            &[
                "1, '0d9c1f0a-0000-4000-8000-00000000000a', 1, 'First', '2025-02-01 10:00:00+00', '2025-02-01 10:10:00+00', 'completed', 123456, '/data/1.mp4'",
                "2, '0d9c1f0a-0000-4000-8000-00000000000a', null, 'Now', '2025-02-01 10:00:00+00', null, 'recording', null, null",
            ],
        ),
    ]
    .concat()
}

async fn client_finds_its_data(moved: &Move) {
    let chief = moved.sign_in("/v0/api/users/auth/login/", "chief@cctv.example").await;
    // By the id that it always had.
    let camera = chief.get("/v0/api/cctv/cameras/0d9c1f0a-0000-4000-8000-00000000000a/").await.expect(200);
    assert_eq!((&camera["name"], &camera["location"]), (&json!("North"), &json!("Gate 2")), "{camera}");
    assert!(camera["addresses"].to_string().contains("rtsp://100.64.0.7:554/live"), "{camera}");
    let schedules = chief.get("/v0/api/cctv/schedules/").await.expect(200);
    assert_eq!(items(&schedules).len(), 1, "{schedules}");
    let schedule = &items(&schedules)[0];
    assert_eq!((&schedule["name"], &schedule["days_of_week"]), (&json!("Nights"), &json!(["monday", "sunday"])), "{schedule}");
    let recordings = chief.get("/v0/api/cctv/recordings/").await.expect(200);
    let recording = &items(&recordings)[0];
    assert_eq!(
        (&recording["name"], &recording["file_size"], &recording["duration_seconds"]),
        (&json!("First"), &json!(123_456), &json!(600.0))
    );
    // A developer has what the access rule gives.
    let developer = moved.sign_in("/v0/api/users/auth/login/", "dev@cctv.example").await;
    let camera = developer.get("/v0/api/cctv/cameras/0d9c1f0a-0000-4000-8000-00000000000a/").await.expect(200);
    assert_eq!((&camera["access"], &camera["addresses"]), (&json!("control"), &json!(null)), "{camera}");
    // The password is sealed with this installation's key.
    let sealed: Vec<u8> = moved.app.db().query_row("select credentials from cameras where name = 'North'", [], |row| row.get(0)).unwrap();
    assert!(!sealed.windows(SECRET.len()).any(|bytes| bytes == SECRET.as_bytes()));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_dump_of_inserts_moves_in_and_its_clients_find_their_data() {
    let Some(postgres) = Postgres::start().await else { return };
    let moved = Move::start(&WORDS).await;
    moved.app.admin().await;
    postgres.run(&tables());
    let (rows, schema) = (moved.path("rows.sql"), moved.path("schema.sql"));
    postgres.dump_apart(&rows, &schema);
    let inputs = [rows, schema].map(|file| file.to_string_lossy().into_owned());
    let report = moved.move_in(&inputs, &[]).await;
    assert_eq!((refused(&report, "schedules"), refused(&report, "recordings")), (vec!["unknown_days".into()], vec!["not_over".into()]));
    assert_eq!(report.of("cameras").unwrap().unmapped.get("codec"), Some(&1));
    assert!(!report.to_string().contains(SECRET));
    client_finds_its_data(&moved).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_server_moves_in_and_its_clients_find_their_data() {
    let Some(postgres) = Postgres::start().await else { return };
    let moved = Move::start(&WORDS).await;
    moved.app.admin().await;
    postgres.run(&tables());
    moved.move_in(&[postgres.address()], &[]).await;
    client_finds_its_data(&moved).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn tables_as_csv_move_in_and_their_clients_find_their_data() {
    let Some(postgres) = Postgres::start().await else { return };
    let moved = Move::start(&WORDS).await;
    moved.app.admin().await;
    postgres.run(&tables());
    let names = ["users_user", "cctv_camera", "cctv_cameraaccess", "cctv_recordingschedule", "cctv_recording"];
    let inputs: Vec<String> = names.iter().map(|name| moved.path(&format!("{name}.csv")).to_string_lossy().into_owned()).collect();
    for (name, file) in names.iter().zip(&inputs) {
        postgres.csv(name, file.as_ref());
    }
    moved.move_in(&inputs, &[]).await;
    client_finds_its_data(&moved).await;
}
