//! Zones, spots and the sensors on them.

use domain::device_code::is_device_code;
use domain::spot;
use rusqlite::params;

use super::CREATED;
use crate::context::{ACTOR, Context};
use crate::failure::{Failure, Outcome, Refusal};
use crate::row::{Row, missing};
use crate::source::Entity;

/// A zone. One of this code that the site has already stands for it.
pub fn zone(row: &mut Row, cx: &mut Context<'_>) -> Result<Outcome, Failure> {
    let code = row.needed_text(&["zone_code", "code"])?;
    if !is_device_code(&code) {
        return Err(Refusal::of("bad_code", code).into());
    }
    let site = cx.site(row, &["site", "site_id", "temple_id", "temple"])?;
    let name = row.text(&["name", "zone_name"])?.unwrap_or_else(|| code.clone());
    let (capacity, area) = (row.int(&["capacity", "total_slots"])?, row.float(&["area_m2", "area"])?);
    let created = row.created(CREATED)?;
    if let Some(code) = cx.store.find::<String>("select code from zones where site = ?1 and code = ?2", [&site, &code])? {
        return Ok(Outcome::Joined(format!("{site}/{code}")));
    }
    cx.store.run(
        "insert into zones (site, code, name, area_m2, capacity, position, created_at, updated_at, updated_by)
         values (?1, ?2, ?3, ?4, ?5, (select count(*) from zones where site = ?1), ?6, ?7, ?8)",
        params![site, code, name, area, capacity, created, cx.now(), ACTOR],
    )?;
    Ok(Outcome::Created(format!("{site}/{code}")))
}

/// Whether a spot is offered: that it is taken or reserved just now is said by its sensor and its reservations.
fn spot_status(word: &str) -> Option<spot::Status> {
    match word.to_ascii_lowercase().replace([' ', '-'], "_").as_str() {
        "available" | "free" | "occupied" | "reserved" | "in_service" | "active" => Some(spot::Status::InService),
        "out_of_service" | "maintenance" | "disabled" | "inactive" => Some(spot::Status::OutOfService),
        _ => None,
    }
}

/// A spot; S2's slot.
pub fn spot(row: &mut Row, cx: &mut Context<'_>) -> Result<Outcome, Failure> {
    let id = row.needed_text(&["slot_code", "spot_id", "spot_code", "spot_number", "code"])?;
    if !spot::is_new_id(&id) {
        return Err(Refusal::of("bad_code", id).into());
    }
    let kind = row.text(&["kind", "spot_type", "slot_type", "type"])?;
    let kind = match kind.map(|word| word.to_ascii_lowercase().replace([' ', '-'], "_")) {
        Some(word) => word.parse().map_err(|_| Refusal::of("unknown_kind", word))?,
        None => spot::Kind::default(),
    };
    let status = match row.text(&["status"])? {
        Some(word) => spot_status(&word).ok_or_else(|| Refusal::of("unknown_status", word))?,
        None => spot::Status::InService,
    };
    let status = if row.bool(&["is_active"])? == Some(false) { spot::Status::OutOfService } else { status };
    // Whether it is taken comes from its sensor.
    row.bool(&["is_occupied", "occupied", "is_available"])?;
    let (site, zone) = cx.place(row)?;
    let created = row.created(CREATED)?;
    if let Some(there) = cx.store.find::<String>("select site from spots where spot_id = ?1", [&id])? {
        // The same id at another site is another spot, which two spots cannot have.
        return if there == site {
            Ok(Outcome::Joined(id))
        } else {
            Err(Refusal::of("id_is_taken", format!("{id} is a spot of {there}")).into())
        };
    }
    cx.store.run(
        "insert into spots (spot_id, site, zone, kind, status, created_at, updated_at, updated_by) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![id, site, zone, kind.into_str(), status.into_str(), created, cx.now(), ACTOR],
    )?;
    Ok(Outcome::Created(id))
}

/// A device, on a spot or in a zone. What it has measured follows with its readings.
pub fn device(row: &mut Row, cx: &mut Context<'_>) -> Result<Outcome, Failure> {
    let names = ["device_code", "sensor_id", "sensor_code", "device_id", "code"];
    let code = row.text(&names)?.ok_or_else(|| missing(&names))?;
    if !is_device_code(&code) {
        return Err(Refusal::of("bad_code", code).into());
    }
    let spot = spot_of(row, cx)?;
    let (site, zone) = match &spot {
        Some(spot) => {
            let at = |column: &str| cx.store.find::<String>(&format!("select {column} from spots where spot_id = ?1"), [spot]);
            at("site")?.zip(at("zone")?).ok_or_else(|| Refusal::of("unknown_spot", spot))?
        }
        None => cx.place(row)?,
    };
    if spot.is_some() {
        // The spot's own is what counts.
        row.take(&["zone_id", "zone", "zone_code"]);
    }
    let (name, firmware) = (row.text(&["name", "device_name"])?, row.text(&["firmware", "firmware_version"])?);
    let is_active = row.bool(&["is_active", "active"])?.unwrap_or(true);
    let created = row.created(&["created_at", "installed_at", "installation_date", "created"])?;
    if let Some(there) = cx.store.find::<String>("select site from devices where code = ?1", [&code])? {
        return if there == site {
            Ok(Outcome::Joined(code))
        } else {
            Err(Refusal::of("id_is_taken", format!("{code} is a device of {there}")).into())
        };
    }
    let is_taken = "select code from devices where spot_id = ?1 and is_active = 1";
    if is_active
        && let Some(spot) = &spot
        && let Some(other) = cx.store.find::<String>(is_taken, [spot])?
    {
        return Err(Refusal::of(
            "spot_has_a_device",
            format!("{code} on {spot}: {other} is there, and one alone says whether it is taken"),
        )
        .into());
    }
    cx.store.run(
        "insert into devices (code, site, zone, spot_id, name, firmware, is_active, created_at, updated_at, updated_by)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        params![code, site, zone, spot, name, firmware, is_active, created, cx.now(), ACTOR],
    )?;
    Ok(Outcome::Created(code))
}

/// The spot that a record names, by its old id or by its own.
pub fn spot_of(row: &mut Row, cx: &Context<'_>) -> Result<Option<String>, Failure> {
    let Some(named) = row.text(&["slot_id", "spot_id", "slot", "spot", "slot_code", "parking_spot_id"])? else { return Ok(None) };
    if let Some(id) = cx.store.mapped(Entity::Spots, &named)? {
        return Ok(Some(id));
    }
    let known: Option<String> = cx.store.find("select spot_id from spots where spot_id = ?1", [&named])?;
    known.map(Some).ok_or_else(|| Refusal::of("unknown_spot", named).into())
}
