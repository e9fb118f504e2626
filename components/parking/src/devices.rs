//! `/api/devices`: the sensors, with how they are and what they last said.

use axum::extract::Path;
use axum::response::IntoResponse;
use domain::health::{HEALTHY_MS, Health, OFFLINE_MS};
use kit::caller::{Caller, Operator};
use kit::db::{Row, Value};
use kit::page::{Listing, Page};
use kit::request::{Now, Query};
use kit::select::Select;
use kit::{Answer, Problem, db, params};
use serde::Serialize;
use serde_json::json;

macro_rules! select {
    () => {
        "select d.code, d.site, d.zone, d.spot_id, d.name, d.firmware, d.is_active, t.last_seen_at, t.last_reading_at,
            t.battery, t.electrical, t.voltage, t.current, t.power_factor, t.power_w, t.occupied, d.created_at, d.updated_at
         from devices d join device_state t on t.device_id = d.id"
    };
}

mod write;

pub use write::{change, create, remove};

const HEALTHS: [&str; 4] = ["healthy", "warning", "offline", "unknown"];

#[derive(Serialize)]
pub struct Device {
    device_code: String,
    site: String,
    zone: String,
    spot_id: Option<String>,
    name: Option<String>,
    firmware: Option<String>,
    is_active: bool,
    health: Health,
    last_seen_at: Option<String>,
    last_reading_at: Option<String>,
    battery: Option<f64>,
    /// `Normal`, `Warning` or `Critical` as S2 says it; null before the first reading.
    electrical_state: Option<&'static str>,
    voltage: Option<f64>,
    current: Option<f64>,
    power_factor: Option<f64>,
    power_w: Option<f64>,
    occupied: Option<bool>,
    created_at: String,
    updated_at: String,
}

impl Device {
    fn of(row: &Row, now: i64) -> Answer<Self> {
        let text = |index| Ok::<_, Problem>(row.opt_text(index)?.map(str::to_owned));
        let electrical = domain::reading::electrical_state(row.int(10)?);
        Ok(Self {
            device_code: row.text(0)?.to_owned(),
            site: row.text(1)?.to_owned(),
            zone: row.text(2)?.to_owned(),
            spot_id: text(3)?,
            name: text(4)?,
            firmware: text(5)?,
            is_active: row.bool(6)?,
            health: Health::at(row.opt_int(7)?, now),
            last_seen_at: row.opt_time(7)?,
            last_reading_at: row.opt_time(8)?,
            battery: row.opt_real(9)?,
            electrical_state: row.opt_int(8)?.map(|_| electrical.into_str()),
            voltage: row.opt_real(11)?,
            current: row.opt_real(12)?,
            power_factor: row.opt_real(13)?,
            power_w: row.opt_real(14)?,
            occupied: row.opt_int(15)?.map(|occupied| occupied != 0),
            created_at: row.time(16)?,
            updated_at: row.time(17)?,
        })
    }
}

/// A health as a condition on the heartbeat, by the same ages as [`Health::at`]: it is never stored that a device went silent.
fn by_health(health: &str, now: i64) -> (&'static str, Vec<Value>) {
    let (healthy_since, offline_before) = (now - HEALTHY_MS, now - OFFLINE_MS);
    match health {
        "healthy" => ("t.last_seen_at >= ?", params![healthy_since]),
        "warning" => ("t.last_seen_at < ? and t.last_seen_at >= ?", params![healthy_since, offline_before]),
        "offline" => ("t.last_seen_at < ?", params![offline_before]),
        _ => ("t.last_seen_at is null", Vec::new()),
    }
}

/// GET `/api/devices/`, filters `site`, `zone`, `health`, `is_active`.
pub async fn list(_: Caller<Operator>, Now(now): Now, Query(query): Query) -> Answer<Page<Device>> {
    let listing = Listing::parse(&query, &["site", "zone", "health", "is_active"])?;
    let mut select = Select::after(concat!(select!(), " where d.code > coalesce(?, '')"), vec![listing.after_text(0)])
        .and_if("d.site = ?", listing.filter("site"))
        .and_if("d.zone = ?", listing.filter("zone"))
        .and_if("d.is_active = ?", listing.bool("is_active")?);
    if let Some(health) = listing.choice("health", &HEALTHS)? {
        let (piece, params) = by_health(health, now);
        select = select.and(piece, params);
    }
    let rows = select.run("d.code", listing.fetch())?;
    listing.page(rows, |row| Ok(json!([row.text(0)?])), |row| Device::of(row, now))
}

/// GET `/api/devices/{code}`, in any case.
pub async fn detail(_: Caller<Operator>, Now(now): Now, Path(code): Path<String>) -> Answer<impl IntoResponse> {
    let rows = db::run(concat!(select!(), " where d.code = ?"), params![code])?;
    let row = rows.first().ok_or_else(|| Problem::not_found("device"))?;
    Ok(axum::Json(Device::of(row, now)?))
}
