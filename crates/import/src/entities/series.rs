//! Readings, occupancy and counts: what something measured, and when. The time of receipt is not in the old databases: it is taken as the measured one.

use domain::reading::{self, ELECTRICAL_CRITICAL, ELECTRICAL_WARNING, RawReading};
use domain::time::format_rfc3339_millis;
use rusqlite::params;

use crate::context::{ACTOR, Context};
use crate::failure::{Failure, Outcome, Refusal};
use crate::row::Row;
use crate::source::Entity;

const TIME: &[&str] = &["timestamp", "recorded_at", "time", "created_at"];

/// The device that a record names, by its old id or by its code: its id and its code here.
fn device_of(row: &mut Row, cx: &Context<'_>) -> Result<(i64, String), Failure> {
    let named = row.needed_text(&["device_code", "device_id", "device", "sensor_id", "sensor"])?;
    let code = cx.store.mapped(Entity::Devices, &named)?.unwrap_or(named);
    let id = cx.store.find("select id from devices where code = ?1", [&code])?;
    let id = id.ok_or_else(|| Refusal::of("unknown_device", &code))?;
    Ok((id, code))
}

/// An electrical reading.
pub fn reading(row: &mut Row, cx: &mut Context<'_>) -> Result<Outcome, Failure> {
    let (device, code) = device_of(row, cx)?;
    let at = row.needed_past(TIME)?;
    let time = format_rfc3339_millis(at);
    let raw = RawReading {
        device_code: Some(&code),
        voltage: Some(row.needed_float(&["voltage"])?),
        current: Some(row.needed_float(&["current"])?),
        power_factor: Some(row.needed_float(&["power_factor"])?),
        occupied: row.bool(&["occupied", "is_occupied"])?,
        battery: row.float(&["battery"])?,
        timestamp: Some(&time),
    };
    let judged = reading::check(&raw, cx.now()).map_err(|errors| {
        let faults: Vec<_> = errors.iter().map(|(field, why)| format!("{field} {why}")).collect();
        Refusal::of("out_of_range", faults.join(", "))
    })?;
    // What was out of its range years ago is no alarm of today: the bits that raise one stay out.
    let flags = reading::judge(&judged) & (ELECTRICAL_WARNING | ELECTRICAL_CRITICAL);
    let stored = cx.store.run(
        "insert into readings (device_id, at, received_at, voltage, current, power_factor, power_w, battery, occupied, flags)
         values (?1, ?2, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) on conflict do nothing",
        params![device, at, judged.voltage, judged.current, judged.power_factor, judged.power_w(), judged.battery, judged.occupied, flags],
    )?;
    if stored == 0 {
        let same = "select 1 from readings where device_id = ?1 and at = ?2 and voltage = ?3 and current = ?4 and power_factor = ?5";
        let is_same = cx.store.exists(same, params![device, at, judged.voltage, judged.current, judged.power_factor])?;
        return if is_same {
            Ok(Outcome::Repeated)
        } else {
            Err(Refusal::of("another_reading_of_this_time", format!("{code} {time}")).into())
        };
    }
    cx.store.reading_stored(device, at)?;
    if let Some(occupied) = judged.occupied {
        note_occupancy(cx, device, at, occupied)?;
    }
    let newest = cx.store.touch(device);
    newest.readings += 1;
    newest.reading_at = newest.reading_at.max(Some(at));
    if let Some(occupied) = judged.occupied {
        newest.occupied = newest.occupied.max(Some((at, occupied)));
    }
    Ok(Outcome::Stored)
}

/// An occupancy event; how many rows it made. Whether the spot turned is seen from the event before, which a dump has before it.
fn note_occupancy(cx: &Context<'_>, device: i64, at: i64, occupied: bool) -> Result<usize, Failure> {
    let stored = cx.store.run(
        "insert into occupancy_log (device_id, at, received_at, occupied, changed)
         values (?1, ?2, ?2, ?3, coalesce((select occupied from occupancy_log where device_id = ?1 and at < ?2 order by at desc limit 1) <> ?3, 1))
         on conflict do nothing",
        params![device, at, occupied],
    )?;
    if stored > 0 {
        cx.store.occupancy_stored(device, at)?;
    }
    Ok(stored)
}

/// An occupancy event.
pub fn occupancy(row: &mut Row, cx: &mut Context<'_>) -> Result<Outcome, Failure> {
    let (device, code) = device_of(row, cx)?;
    let at = row.needed_past(TIME)?;
    let occupied = row.bool(&["is_occupied", "occupied"])?.ok_or_else(|| Refusal::missing("is_occupied"))?;
    if note_occupancy(cx, device, at, occupied)? == 0 {
        let same = "select 1 from occupancy_log where device_id = ?1 and at = ?2 and occupied = ?3";
        return if cx.store.exists(same, params![device, at, occupied])? {
            Ok(Outcome::Repeated)
        } else {
            Err(Refusal::of("another_event_of_this_time", format!("{code} {}", format_rfc3339_millis(at))).into())
        };
    }
    let newest = cx.store.touch(device);
    newest.occupied = newest.occupied.max(Some((at, occupied)));
    Ok(Outcome::Stored)
}

/// A count of a lot's free spots.
pub fn lot_count(row: &mut Row, cx: &mut Context<'_>) -> Result<Outcome, Failure> {
    let lot = row.needed_text(&["parking_lot"])?;
    let free = row.int(&["available_spots"])?.ok_or_else(|| Refusal::missing("available_spots"))?;
    let at = row.needed_past(TIME)?;
    let site = match &cx.args.site {
        Some(_) => Some(cx.site(row, &["site"])?),
        None => None,
    };
    // Received now, so that the newest time wins whatever order they come in.
    let stored = cx.store.run(
        "insert into lot_counts (parking_lot, at, available_spots, received_at, sent_by) values (?1, ?2, ?3, ?4, ?5) on conflict do nothing",
        params![lot, at, free, cx.now(), ACTOR],
    )?;
    if stored == 0 {
        let same = "select 1 from lot_counts where parking_lot = ?1 and at = ?2 and available_spots = ?3";
        return if cx.store.exists(same, params![lot, at, free])? {
            Ok(Outcome::Repeated)
        } else {
            Err(Refusal::of("another_count_of_this_time", format!("{lot} {}", format_rfc3339_millis(at))).into())
        };
    }
    if let Some(site) = site {
        cx.store.run("update lots set site = ?2 where parking_lot = ?1 and site is null", [&lot, &site])?;
    }
    Ok(Outcome::Stored)
}

/// A count of people in a zone. The present state of the zone stays as it is: it is told by counts that come in.
pub fn crowd(row: &mut Row, cx: &mut Context<'_>) -> Result<Outcome, Failure> {
    let site = cx.site(row, &["temple_id", "temple", "site"])?;
    let named = row.needed_text(&["zone", "zone_code", "zone_id"])?;
    let zone: Option<String> = cx.store.find("select code from zones where site = ?1 and code = ?2", [&site, &named])?;
    let zone = zone.ok_or_else(|| Refusal::of("unknown_zone", format!("{site}/{named}")))?;
    let count = row.int(&["count", "current_count", "people_count"])?.ok_or_else(|| Refusal::missing("count"))?;
    let at = row.needed_past(TIME)?;
    let stored = cx.store.run(
        "insert into crowd_readings (site, zone, at, received_at, count, sent_by) values (?1, ?2, ?3, ?3, ?4, ?5) on conflict do nothing",
        params![site, zone, at, count, ACTOR],
    )?;
    if stored == 0 {
        let same = "select 1 from crowd_readings where site = ?1 and zone = ?2 and at = ?3 and count = ?4";
        return if cx.store.exists(same, params![site, zone, at, count])? {
            Ok(Outcome::Repeated)
        } else {
            Err(Refusal::of("another_count_of_this_time", format!("{site}/{zone} {}", format_rfc3339_millis(at))).into())
        };
    }
    Ok(Outcome::Stored)
}
