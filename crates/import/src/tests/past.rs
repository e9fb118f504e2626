//! What is moved in of a time that the application has summed up already.

use rusqlite::Connection;

use super::{NOW, State, slots};

/// The telemetry of [`slots`] begins at 10:30 UTC on 2025-02-04, with two readings that say whether the spot is taken.
const FIRST: &str = "unixepoch('2025-02-04 10:30:00') * 1000";

/// As after a scheduled run: all is rolled up until now.
fn rolled_up(state: &State) -> Connection {
    let files = slots(state);
    let places: Vec<&str> = ["--from", "s2", "--site", "city"].into_iter().chain(files[..3].iter().map(String::as_str)).collect();
    state.run(&places).unwrap();
    let db = Connection::open(state.path("default.db")).unwrap();
    db.execute_batch(&format!(
        "update rollup_progress set up_to = {NOW} - {NOW} % 900000;
         update device_state set rolled_up_to = {NOW} - {NOW} % 300000"
    ))
    .unwrap();
    db
}

#[test]
fn what_is_older_than_the_roll_ups_is_rolled_up_before_anything_removes_it() {
    let state = State::new();
    drop(rolled_up(&state));
    state.run(&["--from", "s2", "--site", "city", &state.path("telemetry.csv").to_string_lossy()]).unwrap();
    let late = format!("select count(*) from reading_late where start in ({FIRST}, {FIRST} + 300000)");
    assert_eq!(state.count(&late), 2, "the five minutes of each reading are waited for");
    // Nothing was summed up of occupancy before: the sums begin with the first event, however old it is.
    assert_eq!(state.count(&format!("select up_to = {FIRST} from rollup_progress where name = 'occupancy'")), 1);
    assert_eq!(state.count("select count(*) from occupancy_late"), 0);
}

#[test]
fn sums_of_occupancy_that_are_there_are_corrected_and_not_made_anew() {
    let state = State::new();
    rolled_up(&state)
        .execute_batch(&format!(
            "insert into occupancy_quarters (site, zone, kind, start, occupied_ms, known_ms, arrivals, departures)
             values ('city', 'B1', 'standard', {FIRST} + 900000, 1, 1, 0, 0)"
        ))
        .unwrap();
    state.run(&["--from", "s2", "--site", "city", &state.path("telemetry.csv").to_string_lossy()]).unwrap();
    assert_eq!(state.count("select count(*) from occupancy_quarters"), 1);
    assert_eq!(state.count(&format!("select up_to > {FIRST} from rollup_progress where name = 'occupancy'")), 1);
    assert_eq!(state.count(&format!("select count(*) from occupancy_late where at in ({FIRST}, {FIRST} + 300000)")), 2);
}

#[test]
fn sums_that_the_application_makes_during_an_import_are_made_anew() {
    let state = State::new();
    let db = rolled_up(&state);
    let store = crate::store::Store::open(&state.path("default.db"), crate::source::Source::S2, NOW).unwrap();
    let device: i64 = db.query_row("select id from devices", [], |row| row.get(0)).unwrap();
    store.occupancy_stored(device, NOW - 900_000_000).unwrap();
    db.execute_batch(&format!(
        "insert into occupancy_quarters (site, zone, kind, start, occupied_ms, known_ms, arrivals, departures)
         values ('city', 'B1', 'standard', {NOW} - {NOW} % 900000 - 900000, 1, 1, 0, 0);
         update rollup_progress set up_to = {NOW} - {NOW} % 900000 where name = 'occupancy'"
    ))
    .unwrap();
    store.occupancy_stored(device, NOW - 1_800_000_000).unwrap();
    let from = NOW - 1_800_000_000 - (NOW - 1_800_000_000) % 900_000;
    assert_eq!(state.count(&format!("select up_to = {from} from rollup_progress where name = 'occupancy'")), 1);
    assert_eq!(state.count("select (select count(*) from occupancy_quarters) + (select count(*) from occupancy_late)"), 0);
}
