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
use kit::db::{Database, Executor, Fetch as _, Row, Value};
use kit::input::{Code, Input, Slug, Timestamp};
use kit::kept::{Kept, Made, Sources};
use kit::page::{Listing, Page};
use kit::request::Now;
use kit::row::FromRow;
use kit::select::Select;
use kit::{Answer, Problem, params};
use serde::Serialize;
use utoipa::ToSchema;

use judged_at::{HEALTHY_SINCE, JUDGED_AT, OFFLINE_BEFORE, STANDSTILL};

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
const COLUMNS: &str = concatcp!(
    "select d.code as device_code, d.site, d.zone, d.spot_id, d.name, d.firmware, d.is_active, d.is_panic_button, ",
    JUDGED_AT,
    " as judged_at, t.last_seen_at, t.last_reading_at, t.battery, t.electrical, t.voltage, t.current, t.power_factor, t.power_w, t.occupied,
        d.created_at, d.updated_at"
);

const FROM: &str = " from devices d join device_state t on t.device_id = d.id";

const SELECT: &str = concatcp!(COLUMNS, FROM);

fn health(row: &Row) -> Result<Health, Problem> {
    Ok(Health::at(row.get("last_seen_at")?, row.get("judged_at")?))
}

/// When the clock alone turns its health; never while judging stands still.
fn turns_at(row: &Row, now: i64) -> Result<Option<i64>, Problem> {
    let judged_at = row.get("judged_at")?;
    Ok(Health::turns_at(row.get("last_seen_at")?, judged_at).filter(|_| judged_at == now))
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

impl Filters {
    /// The page that is asked for: a statement with its parameters, of which the first is now.
    fn select(&self, start: &str, listing: &Listing<Self>, now: i64) -> (String, Vec<Value>) {
        let mut select = Select::new(format!("{start}{FROM} where d.code > coalesce(?2, '')"), params![now, listing.after_text(0)])
            .and_if("d.site = ?", self.site.as_deref())
            .and_if("d.zone = ?", self.zone.as_deref())
            .and_if("d.is_active = ?", self.is_active);
        if let Some(health) = self.health {
            select = select.and(by_health(health), Vec::new());
        }
        select.statement("d.code", listing.fetch())
    }
}

/// What each reading changes of a device raises no version, see migrations/0035_versions.sql: it is counted in `readings`, or moves `last_seen_at`
/// on. Both only rise, but for a clock that is set back, which raises one.
const HEARD: &str = "select t.readings, t.last_seen_at";

/// What a page of devices is made from.
fn sources(listing: &Listing<Filters>, now: i64) -> Sources {
    let (page, params) = listing.filters.select(HEARD, listing, now);
    let versions = concatcp!("select ", kit::versions!(Devices, Spots, Places), " || ' ' || ", STANDSTILL);
    Sources::new(format!("{versions} || ' ' || coalesce(sum(readings), 0) || ' ' || coalesce(sum(last_seen_at), 0) from ({page})"), params)
}

/// Lists devices by `device_code`.
#[utoipa::path(get, path = "/api/devices")]
pub async fn list(_: Caller<Operator>, Now(now): Now, listing: Listing<Filters>) -> Answer<Kept<Page<Device>>> {
    let make = || {
        let (page, params) = listing.filters.select(COLUMNS, &listing, now);
        let rows = Database.run(&page, params)?;
        let devices = rows.read()?;
        let turns = rows.iter().map(|row| turns_at(row, now)).collect::<Result<Vec<_>, _>>()?;
        Ok(Made::until(listing.page(devices, |device: &Device| [device.device_code.clone()]), turns))
    };
    if listing.filters.health.is_some() {
        // Which devices are on the page is for the heartbeats of all of them to say.
        return Kept::once(&make()?.value);
    }
    Kept::find(listing.request(), sources(&listing, now), now, make)
}

/// Returns a device, whose code may be in any case of its letters.
#[utoipa::path(get, path = "/api/devices/{code}")]
pub async fn read(_: Caller<Operator>, Now(now): Now, Path(code): Path<String>) -> Answer<Json<Device>> {
    let device = Database.fetch_optional(concatcp!(SELECT, " where d.code = ?2"), params![now, code])?;
    device.map(Json).ok_or_else(not_found)
}
