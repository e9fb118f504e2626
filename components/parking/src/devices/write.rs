//! Adding, changing and removing devices.

use axum::extract::Path;
use axum::response::IntoResponse;
use domain::device_code::{CODE_RULE, is_device_code};
use http::StatusCode;
use kit::caller::{Admin, Caller};
use kit::db::{DbError, Transaction};
use kit::fields::Fields;
use kit::request::{JsonBytes, Now};
use kit::{Answer, Problem, db, params};

use super::Device;
use crate::place::unknown_zone;

/// Where a device stands: on a spot, or in a zone at large.
struct Stand {
    site: String,
    zone: String,
    spot_id: Option<String>,
}

impl Stand {
    fn on_spot(transaction: &Transaction, spot_id: &str, site: Option<&str>, zone: Option<&str>) -> Answer<Self> {
        let rows = transaction.run("select site, zone, spot_id from spots where spot_id = ?", params![spot_id])?;
        let row = rows.first().ok_or_else(|| Problem::invalid_field("spot_id", "is not a spot"))?;
        let stand = Self { site: row.text(0)?.to_owned(), zone: row.text(1)?.to_owned(), spot_id: Some(row.text(2)?.to_owned()) };
        let agrees = site.is_none_or(|site| site == stand.site) && zone.is_none_or(|zone| zone.eq_ignore_ascii_case(&stand.zone));
        if agrees { Ok(stand) } else { Err(Problem::invalid_field("spot_id", "is in another zone")) }
    }

    fn in_zone(transaction: &Transaction, site: &str, zone: &str) -> Answer<Self> {
        let rows = transaction.run("select site, code from zones where site = ? and code = ?", params![site, zone])?;
        let Some(row) = rows.first() else {
            let site = transaction.run("select 1 from sites where slug = ?", params![site])?;
            return Err(unknown_zone(!site.is_empty()));
        };
        Ok(Self { site: row.text(0)?.to_owned(), zone: row.text(1)?.to_owned(), spot_id: None })
    }
}

/// What a body says of a device, beside its code.
struct Sent {
    site: Option<String>,
    zone: Option<String>,
    spot_id: Option<String>,
    name: Option<String>,
    firmware: Option<String>,
    is_active: Option<bool>,
}

impl Sent {
    fn read(fields: &mut Fields) -> Self {
        Self {
            site: fields.opt_text("site", 1..=64),
            zone: fields.opt_text("zone", 1..=64),
            spot_id: fields.opt_text("spot_id", 1..=64),
            name: fields.opt_text("name", 1..=100),
            firmware: fields.opt_text("firmware", 1..=100),
            is_active: fields.opt_bool("is_active"),
        }
    }
}

/// A constraint that refused a device, in words.
fn refused(error: DbError) -> Problem {
    match error {
        DbError::Unique(columns) if columns.contains("spot_id") => Problem::conflict("another active device stands on this spot already"),
        DbError::Unique(_) => Problem::conflict("there is a device of this code already"),
        other => other.into(),
    }
}

fn read(transaction: &Transaction, id: i64, now: i64) -> Answer<Device> {
    let rows = transaction.run(concat!(select!(), " where d.id = ?"), params![id])?;
    Device::of(rows.first().ok_or_else(|| Problem::not_found("device"))?, now)
}

/// Tells the feed what a spot is after a device came to it or left it. When a sensor speaks, the schema's triggers tell it.
fn announce_spot(transaction: &Transaction, spot_id: &str, now: i64) -> Answer<()> {
    transaction.run("insert into spot_news (spot_id, at) select spot_id, ?2 from spots where spot_id = ?1", params![spot_id, now])?;
    Ok(())
}

/// A device that was put out of use has no anomaly: resolves the alerts about it, which nothing would end otherwise.
fn resolve_alerts(transaction: &Transaction, code: &str, actor: &str, now: i64) -> Answer<()> {
    transaction.run(
        "update alerts set status = 'resolved', resolved_at = ?2, resolved_by = ?3, updated_at = ?2, updated_by = ?3
         where source = 'system' and status <> 'resolved' and subject = ?1
             and alert_type in ('device_warning', 'device_offline', 'high_power', 'voltage_out_of_range')",
        params![code, now, actor],
    )?;
    Ok(())
}

/// POST `/api/devices/`: on a spot (`spot_id`, the rest follows) or in a zone (`site`, `zone`). `code` is read as `device_code`.
pub async fn create(caller: Caller<Admin>, Now(now): Now, JsonBytes(body): JsonBytes) -> Answer<impl IntoResponse> {
    let mut fields = Fields::parse(&body)?;
    let code = fields.alias("device_code", "code").text("device_code", 1..=64);
    fields.check(code.is_empty() || is_device_code(&code), "device_code", CODE_RULE);
    let sent = Sent::read(&mut fields);
    if sent.spot_id.is_none() {
        for (missing, field) in [(sent.site.is_none(), "site"), (sent.zone.is_none(), "zone")] {
            // A field that was sent and refused is named already.
            if missing && !fields.errors().contains_key(field) {
                fields.refuse(field, "is required");
            }
        }
    }
    fields.finish()?;

    let device = db::transaction(|transaction| {
        let (site, zone) = (sent.site.as_deref(), sent.zone.as_deref());
        let stand = match &sent.spot_id {
            Some(spot_id) => Stand::on_spot(transaction, spot_id, site, zone)?,
            None => Stand::in_zone(transaction, site.unwrap_or_default(), zone.unwrap_or_default())?,
        };
        let rows = transaction.run(
            "insert into devices (code, site, zone, spot_id, name, firmware, is_active, created_at, updated_at, updated_by)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9)
             returning id",
            params![
                code,
                stand.site,
                stand.zone,
                stand.spot_id,
                sent.name,
                sent.firmware,
                sent.is_active.unwrap_or(true),
                now,
                caller.0.id
            ],
        );
        let rows = rows.map_err(refused)?;
        let row = rows.first().ok_or_else(|| Problem::internal("the insert gave no row"))?;
        read(transaction, row.int(0)?, now)
    })?;
    Ok((StatusCode::CREATED, axum::Json(device)))
}

/// PATCH `/api/devices/{code}`: what is not sent stays; null takes the name, the firmware, or the device off its spot. One that is
/// moved to another zone leaves its spot.
pub async fn change(
    caller: Caller<Admin>,
    Now(now): Now,
    Path(code): Path<String>,
    JsonBytes(body): JsonBytes,
) -> Answer<impl IntoResponse> {
    let mut fields = Fields::parse(&body)?;
    let new_code = fields.alias("device_code", "code").opt_text("device_code", 1..=64);
    fields.check(new_code.is_none_or(|new| new.eq_ignore_ascii_case(&code)), "device_code", "cannot be changed");
    let (has_spot, has_name, has_firmware) = (fields.has("spot_id"), fields.has("name"), fields.has("firmware"));
    let sent = Sent::read(&mut fields);
    fields.finish()?;

    // Reading, merging and writing inside one `begin immediate` is safe from other writers.
    let device = db::transaction(|transaction| {
        let rows = transaction.run("select id, code, site, zone, spot_id, is_active from devices where code = ?", params![code])?;
        let row = rows.first().ok_or_else(|| Problem::not_found("device"))?;
        let (id, code, old_spot) = (row.int(0)?, row.text(1)?, row.opt_text(4)?);
        let (old_site, old_zone, was_active) = (row.text(2)?, row.text(3)?, row.bool(5)?);

        let stand = match &sent.spot_id {
            Some(spot_id) => Stand::on_spot(transaction, spot_id, sent.site.as_deref(), sent.zone.as_deref())?,
            None => {
                let site = sent.site.as_deref().unwrap_or(old_site);
                let mut stand = Stand::in_zone(transaction, site, sent.zone.as_deref().unwrap_or(old_zone))?;
                if !has_spot && stand.site == old_site && stand.zone.eq_ignore_ascii_case(old_zone) {
                    stand.spot_id = old_spot.map(str::to_owned);
                }
                stand
            }
        };
        let is_active = sent.is_active.unwrap_or(was_active);
        let new_spot = stand.spot_id.clone();
        transaction
            .run(
                "update devices set site = ?2, zone = ?3, spot_id = ?4, name = iif(?5, ?6, name), firmware = iif(?7, ?8, firmware),
                    is_active = ?9, updated_at = ?10, updated_by = ?11
                 where id = ?1",
                params![
                    id,
                    stand.site,
                    stand.zone,
                    stand.spot_id,
                    has_name,
                    sent.name,
                    has_firmware,
                    sent.firmware,
                    is_active,
                    now,
                    &caller.0.id
                ],
            )
            .map_err(refused)?;
        if was_active && !is_active {
            resolve_alerts(transaction, code, &caller.0.id, now)?;
        }
        let moved = old_spot != new_spot.as_deref();
        if moved || was_active != is_active {
            for spot in old_spot.into_iter().chain(new_spot.as_deref().filter(|_| moved)) {
                announce_spot(transaction, spot, now)?;
            }
        }
        read(transaction, id, now)
    })?;
    Ok(axum::Json(device))
}

/// DELETE `/api/devices/{code}`: a device that ever reported is put out of use, and its history stays; another one is removed.
pub async fn remove(caller: Caller<Admin>, Now(now): Now, Path(code): Path<String>) -> Answer<impl IntoResponse> {
    db::transaction(|transaction| {
        let actor = &caller.0.id;
        let rows = transaction.run(
            "select id, code, spot_id, is_active,
                exists (select 1 from readings where device_id = devices.id)
                    or exists (select 1 from occupancy_log where device_id = devices.id)
             from devices where code = ?",
            params![code],
        )?;
        let row = rows.first().ok_or_else(|| Problem::not_found("device"))?;
        let (id, code, spot) = (row.int(0)?, row.text(1)?, row.opt_text(2)?);
        let (was_active, has_history) = (row.bool(3)?, row.bool(4)?);
        if !has_history {
            // Its state and its keys go with it.
            transaction.run("delete from devices where id = ?", params![id])?;
            transaction.run(
                "insert into audit_log (at, actor, action, entity, subject) values (?, ?, 'deleted', 'devices', ?)",
                params![now, actor, code],
            )?;
        } else if was_active {
            transaction.run("update devices set is_active = 0, updated_at = ?2, updated_by = ?3 where id = ?1", params![id, now, actor])?;
        } else {
            return Ok(());
        }
        resolve_alerts(transaction, code, actor, now)?;
        match spot.filter(|_| was_active) {
            Some(spot) => announce_spot(transaction, spot, now),
            None => Ok(()),
        }
    })?;
    Ok(StatusCode::NO_CONTENT)
}
