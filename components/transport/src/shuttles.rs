//! The vehicles.

mod request;

use axum::Json;
use axum::extract::Path;
use const_format::concatcp;
use domain::transit::STALE_MS;
use kit::api::{Created, NoContent};
use kit::caller::{Caller, Operator};
use kit::db::{Database, Executor as _, Fetch as _};
use kit::input::{Code, Input, Slug, Timestamp};
use kit::page::{Listing, Page};
use kit::problem::FieldErrors;
use kit::request::{Body, Now};
use kit::row::FromRow;
use kit::select::Select;
use kit::{Answer, Problem, host, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::change::Change;
use request::{NewShuttle, ShuttleChange};

/// A shuttle.
#[derive(Serialize, ToSchema)]
pub struct Shuttle {
    /// The shuttle's code.
    pub id: String,
    /// The temple's slug.
    pub temple_id: String,
    /// The code of the route that it serves; null for none.
    pub route_id: Option<String>,
    /// The name that people read.
    pub name: String,
    /// Its plate; null when nobody has said.
    plate: Option<String>,
    /// How many passengers it takes.
    pub capacity: i64,
    /// Null until it was reported.
    pub passengers: Option<i64>,
    /// How many places are free; null when it has not said how many are on board.
    pub free_places: Option<i64>,
    /// Per cent of the capacity; more than 100 when overloaded.
    load_percent: Option<f64>,
    /// Null until the first position.
    pub location: Option<ShuttleLocation>,
    /// Whether it is in use.
    pub is_active: bool,
    /// When it last changed.
    updated_at: Timestamp,
}

/// Where a shuttle was last.
#[derive(Serialize, ToSchema)]
pub struct ShuttleLocation {
    /// Latitude, degrees.
    lat: f64,
    /// Longitude, degrees.
    lng: f64,
    /// How fast it was, kilometres per hour; null when it has not said.
    speed_kmh: Option<f64>,
    /// Degrees from north, clockwise.
    heading: Option<f64>,
    /// When it was, by the device's clock.
    pub timestamp: Timestamp,
    /// How long ago that was, seconds.
    age_s: i64,
    /// Whether it is too old to be relied on (two minutes).
    stale: bool,
}

/// A shuttle with its newest position; [`Shuttle::new`] makes the view of it.
#[derive(FromRow)]
pub struct ShuttleRow {
    id: String,
    site: String,
    route: Option<String>,
    name: String,
    plate: Option<String>,
    capacity: i64,
    is_active: bool,
    updated_at: Timestamp,
    lat: Option<f64>,
    lng: Option<f64>,
    speed_kmh: Option<f64>,
    heading: Option<f64>,
    passengers: Option<i64>,
    at: Option<Timestamp>,
}

/// Selects [`ShuttleRow`]s: `s` is the shuttle, `p` its newest position.
pub const SELECT_SHUTTLES: &str = "select s.id, s.site, s.route, s.name, s.plate, s.capacity, s.is_active, s.updated_at,
        p.lat, p.lng, p.speed_kmh, p.heading, p.passengers, p.at
     from shuttles s left join shuttle_state p on p.shuttle = s.id";

impl Shuttle {
    /// The shuttle as it is now.
    pub fn new(row: ShuttleRow, now: i64) -> Self {
        let place = row.lat.zip(row.lng).zip(row.at);
        let location = place.map(|((lat, lng), timestamp)| {
            let age = now.saturating_sub(timestamp.0).max(0);
            let (speed_kmh, heading) = (row.speed_kmh, row.heading);
            ShuttleLocation { lat, lng, speed_kmh, heading, timestamp, age_s: age / 1000, stale: age > STALE_MS }
        });
        #[expect(clippy::cast_precision_loss, reason = "passengers and places of one vehicle")]
        let load = |passengers: i64| (passengers as f64 * 1000.0 / row.capacity.max(1) as f64).round() / 10.0;
        Self {
            id: row.id,
            temple_id: row.site,
            route_id: row.route,
            name: row.name,
            plate: row.plate,
            capacity: row.capacity,
            passengers: row.passengers,
            free_places: row.passengers.map(|passengers| (row.capacity - passengers).max(0)),
            load_percent: row.passengers.map(load),
            location,
            is_active: row.is_active,
            updated_at: row.updated_at,
        }
    }

    /// Returns 404 if there is none of this id.
    pub fn find(id: &str, now: i64) -> Answer<Self> {
        let row: Option<ShuttleRow> = Database.fetch_optional(concatcp!(SELECT_SHUTTLES, " where s.id = ?"), params![id])?;
        row.map(|row| Self::new(row, now)).ok_or_else(not_found)
    }
}

/// The refusal where there is no such shuttle.
pub fn not_found() -> Problem {
    Problem::not_found("shuttle")
}

/// Which shuttles.
#[derive(Input)]
pub struct ShuttleFilters {
    /// Only those of this temple, by its slug.
    #[input(alias("site"))]
    temple_id: Option<Slug>,
    /// Only those of this route, by its code.
    route_id: Option<Code>,
    /// Only those in use, or only the others.
    is_active: Option<bool>,
}

/// Lists shuttles by their id.
#[utoipa::path(get, path = "/api/transport/shuttles")]
pub async fn list(Now(now): Now, listing: Listing<ShuttleFilters>) -> Answer<Page<Shuttle>> {
    let filters = &listing.filters;
    let rows: Vec<ShuttleRow> = Select::new(concatcp!(SELECT_SHUTTLES, " where s.id > coalesce(?, '')"), params![listing.after_text(0)])
        .and_if("s.site = ?", filters.temple_id.as_ref())
        .and_if("s.route = ?", filters.route_id.as_ref())
        .and_if("s.is_active = ?", filters.is_active)
        .fetch(&Database, "s.id", listing.fetch())?;
    Ok(listing.page(rows, |row| [row.id.clone()]).map(|row| Shuttle::new(row, now)))
}

/// Returns a shuttle with its newest position.
#[utoipa::path(get, path = "/api/transport/shuttles/{id}")]
pub async fn read(Now(now): Now, Path(id): Path<String>) -> Answer<Json<Shuttle>> {
    Shuttle::find(&id, now).map(Json)
}

/// What a shuttle refers to, and whether it is there.
#[derive(FromRow)]
struct References {
    has_temple: bool,
    has_route: bool,
    has_device: bool,
}

const REFERENCES: &str = "select exists (select 1 from sites where slug = ?1) as has_temple,
        ?2 is null or exists (select 1 from transport_routes where id = ?2 and site = ?1) as has_route,
        ?3 is null or exists (select 1 from devices where code = ?3) as has_device";

/// Returns 422 naming the temple, the route and the device that are not there.
fn check_references(temple: &str, route: Option<&Code>, device: Option<&Code>) -> Answer<()> {
    let found: Option<References> = Database.fetch_optional(REFERENCES, params![temple, route, device])?;
    let found = found.ok_or_else(|| Problem::internal("a select without a row"))?;
    let judged = [
        ("temple_id", found.has_temple, "is not a temple"),
        ("route_id", found.has_route || !found.has_temple, "is not a route of this temple"),
        ("device_code", found.has_device, "is not a device"),
    ];
    let bad = judged.into_iter().filter(|(_, holds, _)| !holds);
    let errors: FieldErrors = bad.map(|(field, _, reason)| (field.to_owned(), vec![reason.to_owned()])).collect();
    if errors.is_empty() { Ok(()) } else { Err(Problem::invalid(errors)) }
}

// Routes and devices are referred to as they are written, whatever the case of what was sent.
const INSERT: &str = "insert into shuttles (id, site, route, name, plate, capacity, device_code, created_at, updated_at, updated_by)
     values (?1, ?2, (select id from transport_routes where id = ?3), ?4, ?5, ?6, (select code from devices where code = ?7), ?8, ?8, ?9)";

const UPDATE: &str =
    "update shuttles set name = coalesce(?2, name), capacity = coalesce(?3, capacity), is_active = coalesce(?4, is_active),
        plate = iif(?5, ?6, plate), route = iif(?7, (select id from transport_routes where id = ?8), route),
        device_code = iif(?9, (select code from devices where code = ?10), device_code), updated_at = ?11, updated_by = ?12
     where id = ?1";

/// Adds a shuttle.
#[utoipa::path(
    post,
    path = "/api/transport/shuttles",
    responses((status = 409, description = "There is a shuttle of this id already, or one in service with this device."))
)]
pub async fn create(caller: Caller<Operator>, Now(now): Now, Body(new): Body<NewShuttle>) -> Answer<Created<Shuttle>> {
    check_references(&new.temple_id, new.route_id.as_ref(), new.device_code.as_ref())?;
    let id = new.id.map_or_else(|| host::new_id(now), |id| Ok(id.to_string()))?;
    let params = params![&id, new.temple_id, new.route_id, new.name, new.plate, new.capacity, new.device_code, now, caller.0.id];
    Database.run(INSERT, params)?;
    Shuttle::find(&id, now).map(Created)
}

/// Changes a shuttle.
#[utoipa::path(
    patch,
    path = "/api/transport/shuttles/{id}",
    responses((status = 409, description = "Another shuttle in service has this device."))
)]
pub async fn update(
    caller: Caller<Operator>,
    Now(now): Now,
    Path(id): Path<String>,
    change: Change<ShuttleChange>,
) -> Answer<Json<Shuttle>> {
    let shuttle = Shuttle::find(&id, now)?;
    let change = change.read(&[(["id", "shuttle_id"], &shuttle.id), (["temple_id", "site"], &shuttle.temple_id)], |_, _| {})?;
    check_references(&shuttle.temple_id, change.route_id.as_ref().value(), change.device_code.as_ref().value())?;
    let params = params![
        &id,
        change.name,
        change.capacity,
        change.is_active,
        change.plate.is_sent(),
        change.plate,
        change.route_id.is_sent(),
        change.route_id,
        change.device_code.is_sent(),
        change.device_code,
        now,
        caller.0.id
    ];
    Database.run(UPDATE, params)?;
    Shuttle::find(&id, now).map(Json)
}

/// Takes a shuttle out of service; where it was stays.
#[utoipa::path(delete, path = "/api/transport/shuttles/{id}")]
pub async fn delete(caller: Caller<Operator>, Now(now): Now, Path(id): Path<String>) -> Answer<NoContent> {
    let found = Database.exists(
        "update shuttles set is_active = 0, updated_at = ?2, updated_by = ?3 where id = ?1 returning id",
        params![id, now, caller.0.id],
    )?;
    if found { Ok(NoContent) } else { Err(not_found()) }
}
