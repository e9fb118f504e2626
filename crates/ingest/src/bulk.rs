//! Readings in bulk.

use std::collections::HashMap;

use const_format::concatcp;
use domain::reading::{self, Flags, Reading};
use kit::caller::{Principal, SESSION_LIVES};
use kit::db::{Database, Fetch as _};
use kit::row::FromRow;
use kit::tally::Tally;
use kit::{Problem, params};

use crate::Stored;
use crate::batch::Parsed;
use crate::body::Refused;

const NO_DEVICE: &str = "there is no such active device";

/// Stores readings for this sender, each judged by itself; what was accepted is durable.
pub fn store(sender: &Principal, parsed: Vec<Parsed>, now: i64) -> Result<Stored<Tally>, Problem> {
    let mut tally = Tally::default();
    let mut readings = Vec::with_capacity(parsed.len());
    for (index, parsed) in parsed.into_iter().enumerate() {
        match parsed {
            Ok(reading) if sender.may_send_for(&reading.device_code) => readings.push((index, reading)),
            Ok(_) => tally.reject(index, "a device sends only its own data"),
            Err(Refused::NotJson(error)) => tally.reject(index, format!("not JSON: {error}")),
            Err(Refused::NotObject) => tally.reject(index, "a reading is an object"),
            Err(Refused::Fields(errors)) => tally.reject_fields(index, errors),
        }
    }
    let flags = insert(&readings, sender, now, &mut tally)?;
    let is_urgent = tally.accepted > 0 && flags & reading::VOLTAGE_RAISE != 0;
    Ok(Stored { answer: tally, is_urgent })
}

/// Stores the readings in one statement, and tallies what became of each; the flags of all of them together.
fn insert(readings: &[(usize, Reading)], sender: &Principal, now: i64, tally: &mut Tally) -> Result<Flags, Problem> {
    let ids = device_ids(readings, sender)?;
    let mut all_flags = 0;
    let mut sent = Vec::with_capacity(readings.len());
    let mut rows = Vec::with_capacity(readings.len() * 96 + 2);
    rows.push(b'[');
    for (index, reading) in readings {
        let Some(id) = ids.get(reading.device_code.as_str()) else {
            tally.reject(*index, NO_DEVICE);
            continue;
        };
        if !sent.is_empty() {
            rows.push(b',');
        }
        sent.push(*index);
        let flags = reading::judge(reading);
        all_flags |= flags;
        let row = (
            id,
            reading.at,
            reading.voltage,
            reading.current,
            reading.power_factor,
            reading.power_w(),
            reading.battery,
            reading.occupied.map(u8::from),
            flags,
        );
        serde_json::to_writer(&mut rows, &row).map_err(Problem::internal)?;
    }
    rows.push(b']');
    if sent.is_empty() {
        return Ok(all_flags);
    }
    let rows = String::from_utf8(rows).map_err(Problem::internal)?;
    let inserted = Database.run_counted(
        "insert into readings
            (device_id, at, received_at, voltage, current, power_factor, power_w, battery, occupied, flags)
         select r.value ->> 0, r.value ->> 1, ?2, r.value ->> 2, r.value ->> 3, r.value ->> 4, r.value ->> 5, r.value ->> 6,
            r.value ->> 7, r.value ->> 8
         from json_each(?1) r
         where exists (select 1 from devices where id = r.value ->> 0 and is_active = 1)
         on conflict do nothing",
        params![&rows, now],
    )?;
    tally.accepted = usize::try_from(inserted).unwrap_or(usize::MAX);
    if tally.accepted < sent.len() {
        let missing = not_stored(rows)?;
        tally.duplicate = sent.len().saturating_sub(tally.accepted).saturating_sub(missing.len());
        for position in missing {
            if let Some(index) = sent.get(position) {
                tally.reject(*index, NO_DEVICE);
            }
        }
    }
    Ok(all_flags)
}

/// An active device among those of the readings.
#[derive(FromRow)]
struct ActiveDevice {
    sent_code: String,
    id: i64,
}

/// The row ids of the active devices among the readings', by the code as it was sent. 401 when the sender's session has ended.
fn device_ids(readings: &[(usize, Reading)], sender: &Principal) -> Result<HashMap<String, i64>, Problem> {
    let mut codes: Vec<&str> = Vec::new();
    let mut last = "";
    for (_, reading) in readings {
        // Batches are mostly runs of one device's readings.
        if reading.device_code != last {
            last = &reading.device_code;
            codes.push(last);
        }
    }
    codes.sort_unstable();
    codes.dedup();
    if codes.is_empty() {
        return Ok(HashMap::new());
    }
    let codes = serde_json::to_string(&codes).map_err(Problem::internal)?;
    let devices: Vec<ActiveDevice> = Database.fetch_all(
        concatcp!(
            "select c.value as sent_code, d.id from json_each(?) c cross join devices d on d.code = c.value where d.is_active = 1 and ",
            SESSION_LIVES
        ),
        params![codes, sender.session.as_deref()],
    )?;
    if devices.is_empty() {
        sender.current()?;
    }
    Ok(devices.into_iter().map(|device| (device.sent_code, device.id)).collect())
}

/// A row that is not in the table.
#[derive(FromRow)]
struct NotStored {
    position: i64,
}

/// The positions of those rows that are not in the table after all: a device was switched off between the two statements. They are
/// no duplicates.
fn not_stored(rows: String) -> Result<Vec<usize>, Problem> {
    let missing: Vec<NotStored> = Database.fetch_all(
        "select r.key as position from json_each(?) r
         where not exists (select 1 from readings where device_id = r.value ->> 0 and at = r.value ->> 1)",
        params![rows],
    )?;
    missing.into_iter().map(|row| usize::try_from(row.position).map_err(Problem::internal)).collect()
}
