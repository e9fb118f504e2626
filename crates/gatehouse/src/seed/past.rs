//! What people did before the first start: stays that they reserved and paid for, and visits to the temples. No route takes these for the past:
//! they come in as the data of a replaced system does, by the importer, into the database file. Nobody is told of them.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use chrono::DateTime;
use fastrand::Rng;
use gatehouse_import::Args;
use serde_json::{Value, json};

use super::darshan::SLOTS;
use super::pattern::{DAY_MS, HOUR_MS, LOCAL_OFFSET_MS, MINUTE_MS, rfc3339};
use super::places::{Spot, spots};

/// Those who reserved and came. They have no password: nobody signs in as them.
const PEOPLE: [&str; 16] = [
    "Asha Patel",
    "Ravi Shah",
    "Meera Joshi",
    "Kiran Desai",
    "Nirav Trivedi",
    "Leela Vyas",
    "Jignesh Solanki",
    "Hetal Rathod",
    "Bhavin Chauhan",
    "Pooja Parmar",
    "Dhruv Pandya",
    "Rekha Dave",
    "Manish Gohil",
    "Sonal Bhatt",
    "Amit Makwana",
    "Varsha Zala",
];

/// How many stays are reserved for a day.
const STAYS_A_DAY: i64 = 26;

/// Moves so many days up to the last midnight in; how many records. Those that are there already stay as they are.
pub(crate) async fn move_in(state_dir: &Path, now_ms: i64, seed: u64, days: u32) -> Result<u64> {
    let state_dir = state_dir.to_owned();
    tokio::task::spawn_blocking(move || -> Result<u64> {
        let directory = tempfile::Builder::new().prefix("demo-").tempdir_in(&state_dir)?;
        let mut written = 0;
        for (source, dumps) in [("s5", parking(now_ms, seed, days)), ("s3", pilgrims(now_ms, seed, days))] {
            let folder = directory.path().join(source);
            std::fs::create_dir(&folder)?;
            for (table, records) in dumps {
                let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
                std::fs::write(folder.join(format!("{table}.json")), lines)?;
            }
            let words = ["--from", source, "--merge-users", "--amounts", "minor"].map(std::ffi::OsString::from).into_iter();
            let words = words.chain([folder.into(), "--state-dir".into(), state_dir.clone().into()]);
            let args = Args { now_ms: Some(now_ms), is_quiet: true, ..Args::parse_from(words)? };
            let report = gatehouse_import::run(&args)?;
            ensure!(report.refused() == 0, "the past of the demo was refused: {report}");
            written += report.written();
        }
        Ok(written)
    })
    .await?
    .context("moving the past of the demo in")
}

/// Records by the tables that they are of.
type Dumps = Vec<(&'static str, Vec<Value>)>;

fn people(role: &str) -> Vec<Value> {
    let person = |name: &&str| {
        json!({
            "id": id_of(name), "email": format!("{}@demo.gatehouse.example", id_of(name)), "name": name, "role": role,
            "created_at": "2025-01-01T00:00:00Z",
        })
    };
    PEOPLE.iter().map(person).collect()
}

fn id_of(name: &str) -> String {
    name.to_ascii_lowercase().replace(' ', ".")
}

/// The days before today, by the clock of the demo's places, each with its number, its date and its midnight.
fn days_before(now_ms: i64, days: u32) -> impl Iterator<Item = (i64, String, i64)> {
    let today = (now_ms + LOCAL_OFFSET_MS).div_euclid(DAY_MS);
    (today - i64::from(days)..today).map(|day| {
        let date = DateTime::from_timestamp_millis(day * DAY_MS).unwrap_or_default().format("%Y-%m-%d").to_string();
        (day, date, day * DAY_MS - LOCAL_OFFSET_MS)
    })
}

/// What is drawn of a day is the same each time.
fn dice(seed: u64, of: &str, day: i64) -> Rng {
    let of = of.bytes().fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    Rng::with_seed(of ^ day.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// Stays in the car park, with what was paid for them.
fn parking(now_ms: i64, seed: u64, days: u32) -> Dumps {
    let spots: Vec<Spot> = spots().into_iter().filter(Spot::is_offered).collect();
    let (mut stays, mut payments) = (Vec::new(), Vec::new());
    for (day, date, midnight) in days_before(now_ms, days) {
        let mut dice = dice(seed, "parking", day);
        for number in 0..STAYS_A_DAY {
            // A spot of its own each: seven and how many there are have no divisor in common, and a day has fewer stays than spots.
            let at = usize::try_from((day * 31 + number * 7).rem_euclid(spots.len() as i64)).unwrap_or_default();
            let Some(spot) = spots.get(at) else { continue };
            let person = dice.usize(0..PEOPLE.len());
            let start = midnight + 8 * HOUR_MS + dice.i64(0..40) * 15 * MINUTE_MS;
            let half_hours = dice.i64(2..=12);
            let made = start - dice.i64(2..=96) * 30 * MINUTE_MS;
            let amount = (spot.per_hour() * half_hours / 2).to_string();
            let status = if dice.u8(0..100) < 6 { "no_show" } else { "completed" };
            let id = format!("stay-{date}-{number}");
            payments.push(json!({
                "id": format!("payment-{date}-{number}"), "reservation_id": id, "amount": amount, "currency": "INR", "status": "succeeded",
                "payment_intent_id": format!("pi_demo_{date}_{number}"), "created_at": rfc3339(made), "paid_at": rfc3339(made + 2 * MINUTE_MS),
            }));
            stays.push(json!({
                "id": id, "user_id": id_of(PEOPLE[person]), "spot_id": spot.spot_id(), "start_time": rfc3339(start),
                "end_time": rfc3339(start + half_hours * 30 * MINUTE_MS), "vehicle_plate": format!("GJ01DE{}", 4_100 + person * 7),
                "status": status, "total_amount": amount, "currency": "INR", "created_at": rfc3339(made),
            }));
        }
    }
    vec![("users", people("user")), ("reservations", stays), ("payments", payments)]
}

/// Visits to the temples, by those who had booked.
fn pilgrims(now_ms: i64, seed: u64, days: u32) -> Dumps {
    let mut bookings = Vec::new();
    for (day, date, midnight) in days_before(now_ms, days) {
        // 1 January 1970 was a Thursday.
        let is_weekend = (day + 3).rem_euclid(7) >= 5;
        for (temple, slots, _) in SLOTS {
            let mut dice = dice(seed, temple, day);
            for slot in slots {
                let Some(start) = minute_of(slot) else { continue };
                let start = midnight + start * MINUTE_MS;
                let groups = if is_weekend { dice.usize(9..=PEOPLE.len()) } else { dice.usize(4..=11) };
                let first = dice.usize(0..PEOPLE.len());
                for number in 0..groups {
                    let name = PEOPLE[(first + number) % PEOPLE.len()];
                    let came = start + dice.i64(0..30) * MINUTE_MS;
                    let made = start - dice.i64(6..=240) * 30 * MINUTE_MS;
                    let mut booking = json!({
                        "id": format!("visit-{temple}-{date}-{slot}-{number}"), "user_id": id_of(name), "temple_id": temple, "date": date,
                        "time_slot": slot, "number_of_visitors": dice.i64(1..=8), "created_at": rfc3339(made),
                    });
                    match dice.u8(0..100) {
                        0..5 => (booking["status"], booking["cancelled_at"]) = (json!("cancelled"), json!(rfc3339(made + HOUR_MS))),
                        5..12 => booking["status"] = json!("no_show"),
                        _ => {
                            booking["status"] = json!("exited");
                            booking["checked_in_at"] = json!(rfc3339(came));
                            booking["exited_at"] = json!(rfc3339(came + dice.i64(20..60) * MINUTE_MS));
                        }
                    }
                    bookings.push(booking);
                }
            }
        }
    }
    vec![("users", people("pilgrim")), ("bookings", bookings)]
}

/// When a slot begins, minutes after midnight.
fn minute_of(slot: &str) -> Option<i64> {
    let (hour, minute) = slot.get(..5)?.split_once(':')?;
    Some(hour.parse::<i64>().ok()? * 60 + minute.parse::<i64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 4 February 2026, 16:00 in India.
    const NOW: i64 = 1_770_201_000_000;

    fn of<'a>(dumps: &'a Dumps, table: &str) -> &'a [Value] {
        dumps.iter().find(|(name, _)| *name == table).map(|(_, records)| records.as_slice()).unwrap()
    }

    #[test]
    fn the_same_days_are_the_same_and_lie_in_the_past() {
        let (parked, came) = (parking(NOW, 1, 3), pilgrims(NOW, 1, 3));
        assert_eq!((&parked, &came), (&parking(NOW + HOUR_MS, 1, 3), &pilgrims(NOW + HOUR_MS, 1, 3)));
        assert_ne!(parked, parking(NOW, 2, 3));
        let stays = of(&parked, "reservations");
        assert_eq!((stays.len(), of(&parked, "payments").len()), (78, 78));
        assert!(stays.iter().all(|stay| stay["end_time"].as_str() <= Some("2026-02-03T18:30:00.000Z")), "{stays:?}");
        assert!(stays.iter().any(|stay| stay["start_time"].as_str() > Some("2026-02-03")));
        let visits = of(&came, "bookings");
        assert!(visits.len() > 3 * 27 * 4 && visits.iter().all(|visit| visit["date"].as_str() < Some("2026-02-04")));
        assert!(visits.iter().any(|visit| visit["status"] == "no_show") && visits.iter().any(|visit| visit["status"] == "cancelled"));
    }

    #[test]
    fn no_two_stays_of_a_day_are_on_one_spot_and_nobody_books_a_slot_twice() {
        let parked = parking(NOW, 1, 1);
        let spots: std::collections::HashSet<_> = of(&parked, "reservations").iter().map(|stay| stay["spot_id"].to_string()).collect();
        assert_eq!(spots.len(), 26);
        let came = pilgrims(NOW, 1, 1);
        let visits = of(&came, "bookings");
        let key = |visit: &Value| ["temple_id", "time_slot", "user_id"].map(|field| visit[field].to_string());
        assert_eq!(visits.iter().map(key).collect::<std::collections::HashSet<_>>().len(), visits.len());
    }
}
