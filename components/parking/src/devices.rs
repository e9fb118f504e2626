//! Devices: the sensors, with how they are and what they last said (docs/reference/rules.md#devices).

pub mod create;
pub mod delete;
mod effects;
pub mod judged_at;
mod placement;
pub mod update;

use axum::Json;
use axum::extract::Path;
use const_format::concatcp;
use domain::health::Health;
use domain::reading::ElectricalState;
use kit::caller::{Caller, Operator};
use kit::db::{Database, Executor, Fetch as _, Row};
use kit::input::{Code, Input, Slug, Timestamp};
use kit::page::{Listing, Page};
use kit::request::Now;
use kit::row::FromRow;
use kit::select::Select;
use kit::{Answer, Problem, params};
use serde::Serialize;
use utoipa::ToSchema;

use judged_at::{HEALTHY_SINCE, JUDGED_AT, OFFLINE_BEFORE};

/// A device.
#[derive(Serialize, FromRow, ToSchema)]
pub struct Device {
    /// The device's code.
    device_code: String,
    /// The site's slug.
    site: String,
    /// The zone's code.
    zone: String,
    /// The spot that it stands on.
    spot_id: Option<String>,
    /// The name that people read; null for none.
    name: Option<String>,
    /// The version of its firmware; null when nobody has said.
    firmware: Option<String>,
    /// Whether what it sends is taken.
    is_active: bool,
    /// Whether it raises emergencies for its own site.
    is_panic_button: bool,
    /// How it is, by when it last sent something.
    #[row(with = health)]
    health: Health,
    /// When something of it was last received.
    last_seen_at: Option<Timestamp>,
    /// The newest reading's own time.
    last_reading_at: Option<Timestamp>,
    /// Charge, 0 to 1.
    battery: Option<f64>,
    /// Null before the first reading.
    #[row(with = electrical_state)]
    electrical_state: Option<ElectricalState>,
    /// Volts.
    voltage: Option<f64>,
    /// Amperes.
    current: Option<f64>,
    /// The last that it measured, -1 to 1; null before the first reading.
    power_factor: Option<f64>,
    /// Watts.
    power_w: Option<f64>,
    /// Whether somebody stands on its spot; null before it has measured there.
    occupied: Option<bool>,
    /// When it was made.
    created_at: Timestamp,
    /// When it last changed.
    updated_at: Timestamp,
}

/// `?1` is the present time.
const SELECT: &str = concatcp!(
    "select d.code as device_code, d.site, d.zone, d.spot_id, d.name, d.firmware, d.is_active, d.is_panic_button, ",
    JUDGED_AT,
    " as judged_at, t.last_seen_at, t.last_reading_at, t.battery, t.electrical, t.voltage, t.current, t.power_factor, t.power_w, t.occupied,
        d.created_at, d.updated_at
     from devices d join device_state t on t.device_id = d.id"
);

fn health(row: &Row) -> Result<Health, Problem> {
    Ok(Health::at(row.get("last_seen_at")?, row.get("judged_at")?))
}

fn electrical_state(row: &Row) -> Result<Option<ElectricalState>, Problem> {
    let has_reading = row.get::<Option<i64>>("last_reading_at")?.is_some();
    let flags = row.get("electrical")?;
    Ok(has_reading.then(|| domain::reading::electrical_state(flags)))
}

/// The device of this internal id.
fn find(db: &dyn Executor, id: i64, now: i64) -> Answer<Device> {
    db.fetch_optional(concatcp!(SELECT, " where d.id = ?2"), params![now, id])?.ok_or_else(not_found)
}

/// 404.
pub fn not_found() -> Problem {
    Problem::not_found("device")
}

/// Which devices.
#[derive(Input)]
pub struct Filters {
    /// Only those of this site, by its slug.
    site: Option<Slug>,
    /// Only those of this zone, by its code.
    zone: Option<Code>,
    /// Only those that are so.
    health: Option<Health>,
    /// Only those whose data is taken, or only the others.
    is_active: Option<bool>,
}

/// A health as a condition on the heartbeat, by the same ages as [`Health::at`]. `?1` is the present time.
const fn by_health(health: Health) -> &'static str {
    match health {
        Health::Healthy => concatcp!("t.last_seen_at >= ", HEALTHY_SINCE),
        Health::Warning => concatcp!("t.last_seen_at < ", HEALTHY_SINCE, " and t.last_seen_at >= ", OFFLINE_BEFORE),
        Health::Offline => concatcp!("t.last_seen_at < ", OFFLINE_BEFORE),
        Health::Unknown => "t.last_seen_at is null",
    }
}

/// Lists devices by `device_code`.
#[utoipa::path(get, path = "/api/devices")]
pub async fn list(_: Caller<Operator>, Now(now): Now, listing: Listing<Filters>) -> Answer<Page<Device>> {
    let filters = &listing.filters;
    let mut select = Select::new(concatcp!(SELECT, " where d.code > coalesce(?, '')"), params![now, listing.after_text(0)])
        .and_if("d.site = ?", filters.site.as_deref())
        .and_if("d.zone = ?", filters.zone.as_deref())
        .and_if("d.is_active = ?", filters.is_active);
    if let Some(health) = filters.health {
        select = select.and(by_health(health), Vec::new());
    }
    let devices = select.fetch(&Database, "d.code", listing.fetch())?;
    Ok(listing.page(devices, |device: &Device| [device.device_code.clone()]))
}

/// Returns a device, whose code may be in any case of its letters.
#[utoipa::path(get, path = "/api/devices/{code}")]
pub async fn read(_: Caller<Operator>, Now(now): Now, Path(code): Path<String>) -> Answer<Json<Device>> {
    let device = Database.fetch_optional(concatcp!(SELECT, " where d.code = ?2"), params![now, code])?;
    device.map(Json).ok_or_else(not_found)
}
