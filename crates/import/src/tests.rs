//! Whole imports into a database with the schema of the migrations.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde_json::json;

use crate::{Args, Report, run};

mod past;

const NOW: i64 = 1_795_000_000_000;

/// A state directory with a database as `gatehouse up` makes it, and a car park.
struct State(tempfile::TempDir);

impl State {
    fn new() -> Self {
        let state = Self(tempfile::tempdir().unwrap());
        let db = Connection::open(state.path("default.db")).unwrap();
        let table = "create table schema_migrations (version integer primary key, name text, checksum text, applied_at integer)";
        db.execute_batch(table).unwrap();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
        let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.retain(|file| file.extension().is_some_and(|it| it == "sql"));
        files.sort();
        for file in files {
            db.execute_batch(&std::fs::read_to_string(&file).unwrap()).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        }
        db.execute_batch(
            "insert into sites (slug, name, kind, latitude, longitude, time_zone, capacity, created_at, updated_at, updated_by)
             values ('city', 'City', 'car_park', 1, 2, 'Asia/Kolkata', 10, 1, 1, 'system')",
        )
        .unwrap();
        state
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, content: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path.to_string_lossy().into_owned()
    }

    fn run(&self, words: &[&str]) -> anyhow::Result<Report> {
        let state_dir = self.0.path().to_string_lossy().into_owned();
        let words = words.iter().copied().chain(["--state-dir", &state_dir]);
        run(&Args { now_ms: Some(NOW), ..Args::parse_from(words)? })
    }

    fn count(&self, sql: &str) -> i64 {
        Connection::open(self.path("default.db")).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
    }
}

fn reasons(report: &Report, kind: &str) -> Vec<String> {
    report.of(kind).unwrap().refused.keys().cloned().collect()
}

const USERS: &str = "id,username,email,password,is_superuser,is_staff,date_joined,last_login\n\
     1,asha,asha@example.com,$2b$04$abcdefghijklmnopqrstuuwT01IYgJgrjJveBAXzy2200kvT2RKmm,f,t,2025-01-01 00:00:00+00,2025-01-02 00:00:00+00\n\
     2,ravi,,!,f,f,2025-01-01 00:00:00+00,\n";

fn slots(state: &State) -> Vec<String> {
    vec![
        state.file("zones_zone.csv", "id,zone_code,name\n1,B1,Basement\n"),
        state.file("slots_slot.csv", "id,slot_code,zone_id,status\n10,B1-1,1,occupied\n11,B1-2,1,dragon\n"),
        state.file("devices_device.csv", "id,device_code,slot_id,is_active\n7,DEV-1,10,t\n"),
        state.file(
            "telemetry.csv",
            "id,device_id,voltage,current,power_factor,is_occupied,timestamp\n\
             1,7,400,5,0.9,t,2025-02-04 10:30:00+00\n2,7,230,5,0.9,f,2025-02-04 10:35:00+00\n\
             3,7,230,5,0.9,f,2025-02-04 10:40:00\n4,7,900,5,0.9,f,2025-02-04 10:45:00+00\n5,8,230,5,0.9,f,2025-02-04 10:45:00+00\n",
        ),
        state.file("auth_user.csv", USERS),
    ]
}

#[test]
fn slot_monitoring_moves_in_once_and_is_reported() {
    let state = State::new();
    let files = slots(&state);
    let words: Vec<&str> = ["--from", "s2", "--site", "city"].into_iter().chain(files.iter().map(String::as_str)).collect();
    let dry: Vec<&str> = words.iter().copied().chain(["--dry-run"]).collect();
    let tried = state.run(&dry).unwrap();
    assert_eq!(state.count("select (select count(*) from imported) + (select count(*) from zones where site = 'city')"), 0);
    let done = state.run(&words).unwrap();
    assert_eq!(Report { is_dry_run: false, ..tried }, done, "a dry run says what happens");
    let written: Vec<_> = done.moved.iter().map(|moved| (moved.kind.as_str(), moved.written)).collect();
    assert_eq!(written, [("users", 1), ("zones", 1), ("spots", 1), ("devices", 1), ("telemetry", 2)]);
    assert_eq!(reasons(&done, "users"), ["no_address"]);
    assert_eq!(reasons(&done, "spots"), ["unknown_status"]);
    assert_eq!(reasons(&done, "telemetry"), ["out_of_range", "time_without_zone", "unknown_device"]);
    assert_eq!(done.of("users").unwrap().unmapped.get("last_login"), Some(&1));
    let text = done.to_string();
    assert!(text.contains("refused 1: no_address") && text.contains("last_login (1)") && !text.contains("$2b$"), "{text}");
    // The state of the device is that of its newest reading; it is known to be silent, and nobody is told.
    let state_of = "select health = 'offline' and occupied = 0 and voltage = 230 and readings = 2 and alarms = 0 from device_state";
    assert_eq!(state.count(state_of), 1);
    assert_eq!(state.count("select count(*) from outbox"), 0);
    assert_eq!(state.count("select count(*) from alerts"), 0);
    assert_eq!(state.count("select count(*) from events"), 0);
    assert_eq!(state.count("select count(*) from occupancy_log where changed = 1"), 2);
    assert_eq!(state.count("select free from zone_counts where site = 'city'"), 1);
    assert_eq!(
        state.count("select count(*) from users where email = 'asha@example.com' and role = 'operator' and password_hash like '$2b$%'"),
        1
    );
    let again = state.run(&words).unwrap();
    assert_eq!(again.written(), 0);
    assert_eq!(state.count("select count(*) from imported"), 4);
}

#[test]
fn a_live_device_keeps_its_heartbeat_and_its_state() {
    let state = State::new();
    let files = slots(&state);
    let places: Vec<&str> = ["--from", "s2", "--site", "city"].into_iter().chain(files[..3].iter().map(String::as_str)).collect();
    state.run(&places).unwrap();
    let db = Connection::open(state.path("default.db")).unwrap();
    db.execute_batch(&format!(
        "insert into readings (device_id, at, received_at, voltage, current, power_factor, power_w, occupied, flags)
         select id, {NOW}, {NOW}, 231, 1, 1, 231, 1, 0 from devices"
    ))
    .unwrap();
    let before: String =
        db.query_row("select json_array(last_seen_at, health, occupied, voltage) from device_state", [], |row| row.get(0)).unwrap();
    state.run(&["--from", "s2", "--site", "city", &files[3]]).unwrap();
    let after: String =
        db.query_row("select json_array(last_seen_at, health, occupied, voltage) from device_state", [], |row| row.get(0)).unwrap();
    assert_eq!(before, after);
    assert_eq!(state.count("select readings from device_state"), 3);
}

#[test]
fn an_old_emergency_calls_nobody_and_an_open_one_is_refused() {
    let state = State::new();
    let users = state.file(
        "users.json",
        &json!({"_id": {"$oid": "65a1b2c3d4e5f60718293a4b"}, "email": "p@example.com", "role": "pilgrim",
        "hashed_password": "$2b$04$abcdefghijklmnopqrstuuwT01IYgJgrjJveBAXzy2200kvT2RKmm"})
        .to_string(),
    );
    let emergency = |id: i64, status: &str, resolved: Option<&str>| {
        json!({"_id": id, "temple_id": "somnath", "type": "medical", "description": "fell", "location": {"lat": 20.8, "lng": 70.4},
            "status": status, "user_id": {"$oid": "65a1b2c3d4e5f60718293a4b"}, "created_at": {"$date": "2023-01-01T10:00:00Z"},
            "resolved_at": resolved.map(|at| json!({"$date": at}))})
        .to_string()
    };
    let lines = [emergency(1, "resolved", Some("2023-01-01T11:00:00Z")), emergency(2, "reported", None)].join("\n");
    let emergencies = state.file("emergencies.json", &lines);
    let report = state.run(&["--from", "s3", &users, &emergencies]).unwrap();
    assert_eq!(reasons(&report, "emergencies"), ["still_open"]);
    assert_eq!(state.count("select count(*) from emergencies where status = 'resolved' and resolved_at = 1672570800000"), 1);
    let closed = state.run(&["--from", "s3", &users, &emergencies, "--close-open"]).unwrap();
    assert_eq!((closed.written(), closed.refused()), (1, 0));
    for table in ["outbox", "messages", "events"] {
        assert_eq!(state.count(&format!("select count(*) from {table}")), 0, "{table}");
    }
}

#[test]
fn an_address_that_is_taken_is_merged_only_when_that_is_said() {
    let state = State::new();
    let users = state.file("auth_user.csv", USERS);
    state.run(&["--from", "s2", &users]).unwrap();
    let other = state.run(&["--from", "s4", &users]).unwrap();
    assert_eq!(reasons(&other, "users"), ["address_is_taken", "no_address"]);
    let merged = state.run(&["--from", "s4", &users, "--merge-users", "--email-domain", "example.org", "--role", "user=visitor"]).unwrap();
    assert_eq!((merged.of("users").unwrap().joined, merged.written(), merged.refused()), (1, 1, 0));
    assert!(merged.of("users").unwrap().noted.contains_key("no_password"));
    assert_eq!(state.count("select count(distinct new_id) from imported where old_id = '1'"), 1);
}

#[test]
fn reservations_keep_their_spots_and_payments_their_amounts() {
    let state = State::new();
    let files = [
        state.file("spots.csv", "id,spot_id,zone,status\n1,C-1,B1,available\n"),
        state.file("zones.csv", "id,code,name\n9,B1,Basement\n"),
        state.file("users.csv", &USERS.replace("is_superuser,is_staff", "x,y")),
        state.file(
            "reservations.csv",
            "id,user_id,spot_id,start_time,end_time,vehicle_plate,status,amount\n\
             1,1,C-1,2027-01-01 10:00:00+00,2027-01-01 12:00:00+00,GJ 01 AB 1234,confirmed,120.50\n\
             2,1,C-1,2027-01-01 11:00:00+00,2027-01-01 13:00:00+00,GJ01AB9999,confirmed,60\n\
             3,1,C-1,2020-01-01 11:00:00+00,2020-01-01 13:00:00+00,GJ01AB9999,confirmed,60\n",
        ),
        state.file("payments.csv", "id,reservation_id,amount,status,payment_intent_id\n1,1,120.50,succeeded,pi_1\n2,1,3,failed,pi_2\n"),
    ];
    let words = ["--from", "s5", "--site", "city", "--currency", "inr"];
    let words: Vec<&str> = words.into_iter().chain(files.iter().map(String::as_str)).collect();
    let unsaid = state.run(&[&words[..], &["--dry-run"]].concat()).unwrap();
    assert_eq!(reasons(&unsaid, "reservations"), ["units_of_amounts"]);
    let report = state.run(&[&words[..], &["--amounts", "major"]].concat()).unwrap();
    assert_eq!(reasons(&report, "reservations"), ["overlaps"]);
    assert_eq!(reasons(&report, "payments"), ["brought_no_money"]);
    assert_eq!(
        state.count(
            "select count(*) from reservations where status = 'confirmed' and price = 12050 and paid = 12050 and plate = 'GJ01AB1234'"
        ),
        1
    );
    assert_eq!(state.count("select count(*) from reservations where status = 'completed'"), 1);
    assert_eq!(state.count("select count(*) from outbox"), 0);
}

#[test]
fn bookings_to_come_take_places_that_there_are() {
    let state = State::new();
    let users = state.file(
        "users.csv",
        &USERS.replace("is_superuser,is_staff", "x,role").replace(",f,t,", ",f,pilgrim,").replace(",f,f,", ",f,pilgrim,"),
    );
    let slots = state.file(
        "slots.json",
        &json!({"_id": 1, "temple_id": "somnath", "date": "2027-01-05", "time_slot": "06:00-07:00", "capacity": 5}).to_string(),
    );
    let booking = |id: i64, party: i64, slot: &str| {
        json!({"_id": id, "user_id": "1", "temple_id": "somnath", "date": "2027-01-05", "time_slot": slot, "number_of_visitors": party,
            "visitors": ["A"], "status": "confirmed", "booking_code": "K7P2-9QXM", "created_at": {"$date": "2026-10-01T00:00:00Z"}})
        .to_string()
    };
    let lines =
        [booking(1, 4, "06:00-07:00"), booking(2, 2, "06:00-07:00"), booking(3, 1, "06:00-07:00"), booking(4, 1, "08:00-09:00")].join("\n");
    let bookings = state.file("bookings.json", &lines);
    let report = state.run(&["--from", "s3", &users, &slots, &bookings]).unwrap();
    assert_eq!(reasons(&report, "bookings"), ["no_such_slot", "slot_is_full"]);
    assert_eq!(report.of("bookings").unwrap().written, 2);
    assert_eq!(state.count("select count(*) from bookings where code = 'K7P2-9QXM'"), 1, "one keeps the code");
    assert_eq!(report.of("bookings").unwrap().noted["new_code"].count, 1);
    assert_eq!(state.count("select count(*) from outbox"), 0);
}

#[test]
fn a_camera_keeps_its_id_and_its_password_is_sealed() {
    let state = State::new();
    let key = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
    state.file("secrets.json", &json!({"camera_key": key}).to_string());
    let cameras = "id,name,ip_address,port,rtsp_path,username,password,is_active\n5,North,100.64.0.7,554,/live,admin,hunter2,t\n";
    let files = [
        state.file("cctv_camera.csv", cameras),
        state.file("cctv_schedule.csv", "id,camera_id,name,schedule_type,start_time,end_time,days_of_week\n1,5,Night,weekly,22:00:00,06:00:00,\"[\"\"monday\"\", \"\"Tue\"\"]\"\n2,5,Odd,weekly,22:00,06:00,\"[0, 1]\"\n"),
        state.file(
            "cctv_recording.csv",
            "id,camera_id,schedule_id,name,start_time,end_time,status,file_size,file_path\n\
             1,5,1,First,2026-01-01 10:00:00+00,2026-01-01 10:10:00+00,completed,1000,/data/a.mp4\n\
             2,5,,Second,2026-01-01 10:00:00+00,,recording,,\n",
        ),
    ];
    let words: Vec<&str> = ["--from", "s4"].into_iter().chain(files.iter().map(String::as_str)).collect();
    let report = state.run(&words).unwrap();
    assert_eq!(reasons(&report, "schedules"), ["unknown_days"]);
    assert_eq!(reasons(&report, "recordings"), ["not_over"]);
    assert_eq!(report.of("recordings").unwrap().unmapped.get("file_path"), Some(&1));
    assert_eq!(state.count("select count(*) from cameras where camera_id = '5' and rtsp_url = 'rtsp://100.64.0.7:554/live'"), 1);
    assert_eq!(state.count("select days from recording_schedules"), 3);
    assert_eq!(state.count("select sum(bytes) from recording_spans where duration_ms = 600000"), 1000);
    let db = Connection::open(state.path("default.db")).unwrap();
    let sealed: Vec<u8> = db.query_row("select credentials from cameras", [], |row| row.get(0)).unwrap();
    let opened = gatehouse_credentials::Key::parse(key).unwrap().open("5", &sealed).unwrap();
    assert_eq!((opened.username.as_str(), opened.password.as_str()), ("admin", "hunter2"));
    assert!(!report.to_string().contains("hunter2"));
}

#[test]
fn two_tables_of_one_kind_have_to_be_told_apart() {
    let state = State::new();
    let files = [state.file("auth_user.csv", USERS), state.file("old_users.csv", USERS)];
    let error = state.run(&["--from", "s2", &files[0], &files[1]]).unwrap_err().to_string();
    assert!(error.contains("--table users="), "{error}");
    let report = state.run(&["--from", "s2", &files[0], &files[1], "--table", "users=auth_user"]).unwrap();
    assert_eq!(report.unmapped_tables.get("old_users"), Some(&2));
    assert!(state.run(&["--from", "s2", &files[0], "--table", "users=nothing"]).is_err());
}

#[test]
fn a_database_has_to_be_there_and_of_this_release() {
    let state = State::new();
    let users = state.file("auth_user.csv", USERS);
    Connection::open(state.path("default.db")).unwrap().execute_batch("drop table imported").unwrap();
    assert!(state.run(&["--from", "s2", &users]).unwrap_err().to_string().contains("the tables of this release"));
    std::fs::remove_file(state.path("default.db")).unwrap();
    assert!(state.run(&["--from", "s2", &users]).unwrap_err().to_string().contains("gatehouse up"));
}
