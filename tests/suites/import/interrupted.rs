//! An import that is killed in the middle, and run again.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use super::{DJANGO, Move, args};

const WORDS: &str = "GATEHOUSE_TEST_IMPORT";
const NOW: &str = "GATEHOUSE_TEST_IMPORT_NOW";
const READINGS: i64 = 40_000;

/// Imports in a process of its own when the test below has started it; otherwise returns at once.
#[tokio::test(flavor = "multi_thread")]
async fn import_process() {
    let Ok(words) = std::env::var(WORDS) else { return };
    let words: Vec<String> = serde_json::from_str(&words).expect("a list of texts");
    let now = std::env::var(NOW).expect("a time").parse().expect("milliseconds");
    let args = gatehouse_import::Args { now_ms: Some(now), ..gatehouse_import::Args::parse_from(words).expect("good options") };
    tokio::task::spawn_blocking(move || gatehouse_import::run(&args)).await.expect("no panic").expect("an import");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn kill_9_in_the_middle_and_again_is_the_whole() {
    let moved = Move::start(&["--from", "s2", "--site", "campus", "--batch", "50"]).await;
    let site = json!({"slug": "campus", "name": "Campus", "kind": "campus", "latitude": 23.0, "longitude": 72.5, "time_zone": "Asia/Kolkata", "capacity": 3, "low_spots": 0});
    moved.app.admin().await.post("/api/sites", site).await.expect(201);
    let readings: String = (0..READINGS)
        .map(|number| {
            let at = chrono::DateTime::from_timestamp(1_750_000_000 + number * 60, 0).expect("a time").format("%Y-%m-%d %H:%M:%S+00");
            format!("{number},7,{},5.2,0.92,{},{at}\n", 220 + number % 10, if number / 7 % 2 == 0 { "t" } else { "f" })
        })
        .collect();
    let inputs = [
        moved.file("auth_user.csv", format!("id,email,password,is_superuser,is_staff\n1,staff@slots.example,{DJANGO},f,t\n")),
        moved.file("zone.csv", "id,zone_code,name\n1,B1,Basement\n"),
        moved.file("slot.csv", "id,slot_code,zone_id,status\n10,B1-S001,1,available\n"),
        moved.file("device.csv", "id,device_code,slot_id,is_active\n7,PARK-B1-S001,10,t\n"),
        moved.file("telemetry.csv", format!("id,device_id,voltage,current,power_factor,occupied,timestamp\n{readings}")),
    ];
    let state_dir = moved.app.state_dir().to_string_lossy().into_owned();
    let words: Vec<&str> = moved.words.iter().chain(&inputs).map(String::as_str).chain(["--state-dir", &state_dir]).collect();
    let count = |sql: &str| moved.app.db().query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a row");

    let mut stored = 0;
    for _ in 0..2 {
        let mut child = Command::new(std::env::current_exe().expect("this program has a path"))
            .args(["--exact", "interrupted::import_process", "--nocapture"])
            .env(WORDS, serde_json::to_string(&words).expect("texts are JSON"))
            .env(NOW, moved.app.now_ms().to_string())
            .stdout(Stdio::null())
            .spawn()
            .expect("this program runs again");
        let deadline = Instant::now() + Duration::from_secs(120);
        while count("select count(*) from readings") < stored + 1_000 {
            assert!(child.try_wait().expect("a child can be asked").is_none(), "it ended before it was killed");
            assert!(Instant::now() < deadline, "nothing is stored");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        child.kill().expect("the child is ours to kill");
        child.wait().expect("the child is ours to wait for");
        stored = count("select count(*) from readings");
        assert!(stored < READINGS, "it was killed in the middle");
        // What a device is known by has gone along with its readings.
        assert_eq!(count("select readings from device_state"), stored);
    }

    let report = moved.run(&inputs, &[]).await;
    let telemetry = report.of("telemetry").expect("telemetry");
    assert_eq!((telemetry.already, telemetry.written), (u64::try_from(stored).unwrap(), u64::try_from(READINGS - stored).unwrap()));
    assert_eq!(count("select count(*) from readings"), READINGS);
    assert_eq!(count("select readings from device_state"), READINGS);
    assert_eq!(count("select max(at) = (select last_reading_at from device_state) from readings"), 1);
    assert_eq!(count("select count(*) from imported"), 4, "the account, the zone, the slot and the device");
    assert_eq!(count("select count(*) from (select 1 from occupancy_log group by device_id, at having count(*) > 1)"), 0);
    // The same as what is done in one go.
    let whole = Move::start(&["--from", "s2", "--site", "campus"]).await;
    let site = json!({"slug": "campus", "name": "Campus", "kind": "campus", "latitude": 23.0, "longitude": 72.5, "time_zone": "Asia/Kolkata", "capacity": 3, "low_spots": 0});
    whole.app.admin().await.post("/api/sites", site).await.expect(201);
    let args = args(&whole.app, whole.app.state_dir(), whole.words.iter().chain(&inputs).map(String::as_str));
    tokio::task::spawn_blocking(move || gatehouse_import::run(&args)).await.expect("no panic").expect("an import");
    let summary =
        "select json_array((select sum(at % 1000003 * voltage) from readings), (select count(*) from occupancy_log where changed = 1),
        (select json_array(occupied, occupied_at, voltage, health) from device_state))";
    let of = |moved: &Move| moved.app.db().query_row(summary, [], |row| row.get::<_, String>(0)).expect("a row");
    assert_eq!(of(&moved), of(&whole));
}
