//! Occupancy by quarter of an hour.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::occupancy::{QUARTER_MS, Said, by_quarter};
use futures::future::join_all;
use gatehouse_tests::{App, Client, Place, rfc3339};
use serde_json::json;

use crate::fleet::run_telemetry;

/// What each spot's sensor said, in the order of time.
type Log = BTreeMap<i64, bool>;

async fn say(sender: &Client, device: &str, log: &mut Log, at: i64, is_occupied: bool) {
    let event = json!({"device_code": device, "is_occupied": is_occupied, "timestamp": rfc3339(at)});
    sender.post("/api/parking-log/", event).await.expect(201);
    log.insert(at, is_occupied);
}

/// Occupied, known, arrivals and departures of each quarter, of all spots of a place.
type Sums = BTreeMap<i64, [i64; 4]>;

fn stored(app: &App, place: &Place) -> Sums {
    let db = app.db();
    let sql = "select start, sum(occupied_ms), sum(known_ms), sum(arrivals), sum(departures) from occupancy_quarters
               where site = ? and zone = ? and kind = 'standard' group by start";
    let mut statement = db.prepare(sql).unwrap();
    let rows =
        statement.query_map([&place.site, &place.zone], |row| Ok((row.get(0)?, [row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?])));
    rows.unwrap().map(Result::unwrap).filter(|(_, sums)| *sums != [0; 4]).collect()
}

fn expected(logs: &[Log], up_to: i64) -> Sums {
    let mut all = Sums::new();
    for log in logs {
        let said = log.iter().map(|(at, is_occupied)| Said { at: *at, is_occupied: *is_occupied });
        for (start, sums) in by_quarter(None, said, 0, up_to) {
            let entry = all.entry(start).or_default();
            for (entry, more) in entry.iter_mut().zip([sums.occupied_ms, sums.known_ms, sums.arrivals, sums.departures]) {
                *entry += more;
            }
        }
    }
    all
}

fn up_to(app: &App) -> i64 {
    app.db().query_row("select up_to from rollup_progress where name = 'occupancy'", [], |row| row.get(0)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn quarters_hold_what_sensors_said_also_late() {
    let Some(app) = App::embedded(&[("access_token_seconds", "864000")]).await else { return };
    let place = app.place(3).await;
    let mut devices = Vec::new();
    for spot in 0..3 {
        devices.push(app.new_device(&place, Some(spot)).await);
    }
    let operator = app.operator().await;
    let mut logs = vec![Log::new(); 3];
    let mut dice = 7_u64;
    let mut throw = |sides: i64| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((dice >> 33) as i64) % sides
    };
    let mut late = Vec::new();
    for step in 0..60 {
        app.advance(Duration::from_secs(600));
        for (spot, device) in devices.iter().enumerate() {
            let (at, is_occupied) = (app.now_ms() - throw(300_000), throw(2) == 1);
            match throw(5) {
                0 => {}
                1 => late.push((spot, at, is_occupied)),
                _ => say(&operator, device, &mut logs[spot], at, is_occupied).await,
            }
        }
        if step % 7 == 6 {
            if step % 2 == 0 {
                for (spot, at, is_occupied) in late.drain(..) {
                    say(&operator, &devices[spot], &mut logs[spot], at, is_occupied).await;
                }
            }
            join_all((0..3).map(|_| app.internal("/internal/tick/telemetry"))).await.iter().for_each(|tick| {
                tick.expect(200);
            });
            run_telemetry(&app).await;
            assert_eq!(stored(&app, &place), expected(&logs, up_to(&app)), "step {step}");
        }
    }
    run_telemetry(&app).await;
    assert!(up_to(&app) > app.now_ms() - 3 * QUARTER_MS);
    assert!(stored(&app, &place).len() > 30);

    // A spot without a sensor in use is not known of.
    app.admin().await.patch(&format!("/api/devices/{}", devices[0]), json!({"is_active": false})).await.expect(200);
    let before = up_to(&app);
    app.advance(Duration::from_secs(3_600));
    run_telemetry(&app).await;
    let known = stored(&app, &place).range(before + QUARTER_MS..).map(|(_, sums)| sums[1]).max();
    assert_eq!(known, Some(2 * QUARTER_MS));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_sensor_that_was_offline_tells_of_the_past_as_if_it_had_not_been() {
    let Some(app) = App::embedded(&[]).await else { return };
    let place = app.place(2).await;
    let devices = [app.new_device(&place, Some(0)).await, app.new_device(&place, Some(1)).await];
    let operator = app.operator().await;
    let mut logs = vec![Log::new(); 2];
    let mut dice = 11_u64;
    let mut throw = |sides: usize| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(dice >> 33).unwrap() % sides
    };
    // Two days of readings, every ten minutes, of which each part comes in whenever it does: some before the sums of its time are made, most after.
    let now = app.now_ms();
    let mut parts: Vec<Vec<serde_json::Value>> = vec![Vec::new(); 12];
    for (spot, device) in devices.iter().enumerate() {
        for step in 1..288 {
            let (at, is_occupied) = (now - step * 600_000, throw(4) == 0);
            let mut reading = app.reading(device, 0);
            (reading["timestamp"], reading["occupied"]) = (json!(rfc3339(at)), json!(is_occupied));
            parts[throw(12)].push(reading);
            logs[spot].insert(at, is_occupied);
        }
        // The newest first: all that follows comes in late.
        let mut newest = app.reading(device, 0);
        (newest["timestamp"], newest["occupied"]) = (json!(rfc3339(now)), json!(true));
        operator.post("/api/telemetry/", newest).await.expect(201);
        logs[spot].insert(now, true);
    }
    let count = |sql: &str| -> i64 { app.db().query_row(sql, [], |row| row.get(0)).unwrap() };
    let told = count("select count(*) from events");
    for (number, mut part) in parts.into_iter().enumerate() {
        if number % 3 == 0 {
            part.reverse();
        }
        let answer = operator.post("/api/telemetry/bulk/", json!(part)).await.expect(200);
        assert_eq!(answer["accepted"], part.len(), "{answer}");
        if number % 4 == 1 {
            run_telemetry(&app).await;
        }
    }
    run_telemetry(&app).await;
    assert_eq!(stored(&app, &place), expected(&logs, up_to(&app)));
    assert_eq!(count("select count(*) from events"), told, "nobody is told of the past");
    let logged = count("select count(*) from occupancy_log");
    assert!((100..500).contains(&logged), "changes, not readings: {logged}");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn the_log_and_its_sums_are_removed_and_the_state_stays() {
    let variables =
        [("occupancy_days", "2"), ("occupancy_rollups_days", "4"), ("lot_counts_days", "3"), ("access_token_seconds", "864000")];
    let Some(app) = App::embedded(&variables).await else { return };
    let place = app.place(1).await;
    let device = app.new_device(&place, Some(0)).await;
    let operator = app.operator().await;
    let count = |table: &str| -> i64 { app.db().query_row(&format!("select count(*) from {table}"), [], |row| row.get(0)).unwrap() };
    let mut log = Log::new();
    for day in 0..8 {
        say(&operator, &device, &mut log, app.now_ms() - 1_000, day % 2 == 0).await;
        let lot = json!({"parking_lot": place.site, "available_spots": day, "timestamp": app.time(0)});
        operator.post("/api/parking-data/add/", lot).await.expect(201);
        app.advance(Duration::from_secs(24 * 3_600));
        run_telemetry(&app).await;
        app.internal("/internal/tick/parking").await.expect(200);
    }
    assert_eq!(count("occupancy_log"), 3, "two days, and the one before that says how the spot was");
    assert_eq!(count("lot_counts"), 3);
    let first: i64 = app.db().query_row("select min(start) from occupancy_quarters", [], |row| row.get(0)).unwrap();
    let kept_from = app.now_ms() - 4 * 24 * 3_600_000;
    assert!((kept_from - 24 * 3_600_000..=kept_from).contains(&first), "{first} {kept_from}");

    // Nothing more is said of the spot or the lot: what is known last stays.
    for _ in 0..2 {
        app.advance(Duration::from_secs(24 * 3_600));
        run_telemetry(&app).await;
        app.internal("/internal/tick/parking").await.expect(200);
    }
    app.advance(Duration::from_secs(10 * 24 * 3_600));
    let operator = app.admin().await;
    run_telemetry(&app).await;
    app.internal("/internal/tick/parking").await.expect(200);
    assert_eq!((count("occupancy_log"), count("lot_counts")), (1, 1));
    let latest = operator.get(&format!("/api/parking-data/?parking_lot={}", place.site)).await.expect(200);
    assert!(latest.to_string().contains("\"available_spots\":7"), "{latest}");
    let last: i64 = app
        .db()
        .query_row("select occupied_ms + known_ms from occupancy_quarters order by start desc limit 1", [], |row| row.get(0))
        .unwrap();
    assert_eq!(last, QUARTER_MS, "the spot is known to be free");
}
