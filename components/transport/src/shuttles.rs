//! `/api/transport/shuttles`: the vehicles.

use axum::extract::Path;
use axum::response::IntoResponse;
use domain::transit::STALE_MS;
use http::StatusCode;
use kit::caller::{Caller, Operator};
use kit::db::{self, Row};
use kit::fields::Fields;
use kit::page::{Listing, Page};
use kit::request::{JsonBytes, Now, Query};
use kit::{Answer, Problem, params};
use serde::Serialize;
use serde_json::json;

use crate::list::{Select, id};
use crate::routes::known_site;

/// The shuttle `s` with its newest position `p`.
#[macro_export]
macro_rules! select_shuttles {
    () => {
        "select s.id, s.site, s.route, s.name, s.plate, s.capacity, s.is_active, s.updated_at,
            p.lat, p.lng, p.speed_kmh, p.heading, p.passengers, p.at
         from shuttles s left join shuttle_state p on p.shuttle = s.id"
    };
}

/// Where a shuttle was last.
#[derive(Serialize)]
pub struct Location {
    pub lat: f64,
    pub lng: f64,
    pub speed_kmh: Option<f64>,
    pub heading: Option<f64>,
    pub timestamp: String,
    pub age_s: i64,
    /// Whether it is too old to be relied on (two minutes).
    pub stale: bool,
}

#[derive(Serialize)]
pub struct Shuttle {
    pub id: String,
    pub temple_id: String,
    pub route_id: Option<String>,
    pub name: String,
    pub plate: Option<String>,
    pub capacity: i64,
    /// Null until it was told.
    pub passengers: Option<i64>,
    pub free_places: Option<i64>,
    /// Per cent of the capacity; more than 100 when overloaded.
    pub load_percent: Option<f64>,
    /// Null until the first position.
    pub location: Option<Location>,
    pub is_active: bool,
    pub updated_at: String,
}

impl Shuttle {
    pub fn of(row: &Row, now: i64) -> Answer<Self> {
        let capacity = row.int(5)?;
        let passengers = row.opt_int(12)?;
        let location = match (row.opt_real(8)?, row.opt_real(9)?, row.opt_int(13)?) {
            (Some(lat), Some(lng), Some(at)) => {
                let age = now.saturating_sub(at).max(0);
                let (speed_kmh, heading) = (row.opt_real(10)?, row.opt_real(11)?);
                Some(Location { lat, lng, speed_kmh, heading, timestamp: row.time(13)?, age_s: age / 1000, stale: age > STALE_MS })
            }
            _ => None,
        };
        #[expect(clippy::cast_precision_loss, reason = "passengers and places of one vehicle")]
        let load = |passengers: i64| (passengers as f64 * 1000.0 / capacity.max(1) as f64).round() / 10.0;
        Ok(Self {
            id: row.text(0)?.to_owned(),
            temple_id: row.text(1)?.to_owned(),
            route_id: row.opt_text(2)?.map(str::to_owned),
            name: row.text(3)?.to_owned(),
            plate: row.opt_text(4)?.map(str::to_owned),
            capacity,
            passengers,
            free_places: passengers.map(|passengers| (capacity - passengers).max(0)),
            load_percent: passengers.map(load),
            location,
            is_active: row.bool(6)?,
            updated_at: row.time(7)?,
        })
    }

    /// 404 when there is none.
    pub fn find(id: &str, now: i64) -> Answer<Self> {
        let rows = db::run(concat!(select_shuttles!(), " where s.id = ?"), params![id])?;
        Self::of(rows.first().ok_or_else(|| Problem::not_found("shuttle"))?, now)
    }
}

/// GET: public. Filters `temple_id` (or `site`), `route_id` and `is_active`.
pub async fn list(Now(now): Now, Query(query): Query) -> Answer<Page<Shuttle>> {
    let listing = Listing::parse(&query, &["temple_id", "site", "route_id", "is_active"])?;
    let active = listing.bool("is_active")?;
    let rows = Select::after(concat!(select_shuttles!(), " where s.id > coalesce(?, '')"), listing.after_text(0))
        .and_if("s.site = ?", listing.filter("temple_id").or_else(|| listing.filter("site")))
        .and_if("s.route = ?", listing.filter("route_id"))
        .and_if("s.is_active = ?", active)
        .run("s.id", listing.fetch())?;
    listing.page(rows, |row| Ok(json!([row.text(0)?])), |row| Shuttle::of(row, now))
}

/// GET of one: public.
pub async fn detail(Now(now): Now, Path(id): Path<String>) -> Answer<impl IntoResponse> {
    Ok(axum::Json(Shuttle::find(&id, now)?))
}

/// The fields that may be changed.
struct Sent {
    name: Option<String>,
    plate: Option<String>,
    capacity: Option<i64>,
    route: Option<String>,
    device_code: Option<String>,
}

impl Sent {
    fn read(fields: &mut Fields) -> Self {
        Self {
            name: fields.opt_text("name", 1..=100),
            plate: fields.opt_text("plate", 1..=20),
            capacity: fields.opt_int("capacity", 1..=500),
            route: fields.alias("route_id", "route").opt_text("route_id", 1..=64),
            device_code: fields.opt_text("device_code", 1..=64),
        }
    }

    /// 422 for a route of another temple or of none, and for an unknown device.
    fn check(&self, site: &str) -> Result<(), Problem> {
        let rows = db::run(
            "select ?1 is null or exists (select 1 from transport_routes where id = ?1 and site = ?2),
                ?3 is null or exists (select 1 from devices where code = ?3)",
            params![self.route.as_deref(), site, self.device_code.as_deref()],
        )?;
        let mut errors = kit::problem::FieldErrors::new();
        for (index, field, reason) in [(0, "route_id", "is not a route of this temple"), (1, "device_code", "is not a device")] {
            if !rows.first().map_or(Ok(true), |row| row.bool(index))? {
                errors.entry(field.to_owned()).or_default().push(reason.to_owned());
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(Problem::invalid(errors)) }
    }
}

/// POST: `{id?, temple_id, name, capacity, route_id?, plate?, device_code?}` → 201.
pub async fn create(caller: Caller<Operator>, Now(now): Now, JsonBytes(body): JsonBytes) -> Answer<impl IntoResponse> {
    let mut fields = Fields::parse(&body)?;
    let id = id(&mut fields, "id", "shuttle_id", now)?;
    let site = fields.alias("temple_id", "site").text("temple_id", 1..=64);
    let sent = Sent::read(&mut fields);
    for (field, missing) in [("name", sent.name.is_none()), ("capacity", sent.capacity.is_none())] {
        if missing && !fields.errors().contains_key(field) {
            fields.refuse(field, "is required");
        }
    }
    fields.finish()?;
    known_site(&site)?;
    sent.check(&site)?;
    db::run(
        "insert into shuttles (id, site, route, name, plate, capacity, device_code, created_at, updated_at, updated_by)
         values (?1, ?2, (select id from transport_routes where id = ?3), ?4, ?5, ?6, (select code from devices where code = ?7), ?8, ?8, ?9)",
        params![&id, site, sent.route, sent.name, sent.plate, sent.capacity, sent.device_code, now, caller.0.id],
    )?;
    Ok((StatusCode::CREATED, axum::Json(Shuttle::find(&id, now)?)))
}

/// PATCH: what is not sent stays; null takes away the route, the plate and the device.
pub async fn change(
    caller: Caller<Operator>,
    Now(now): Now,
    Path(id): Path<String>,
    JsonBytes(body): JsonBytes,
) -> Answer<impl IntoResponse> {
    let shuttle = Shuttle::find(&id, now)?;
    let mut fields = Fields::parse(&body)?;
    let site = fields.alias("temple_id", "site").opt_text("temple_id", 1..=64);
    fields.check(site.is_none_or(|site| site == shuttle.temple_id), "temple_id", "cannot be changed");
    let sent_id = fields.alias("id", "shuttle_id").opt_text("id", 1..=64);
    fields.check(sent_id.is_none_or(|sent| sent.eq_ignore_ascii_case(&id)), "id", "cannot be changed");
    let is_active = fields.opt_bool("is_active");
    let sent = Sent::read(&mut fields);
    let (has_plate, has_route, has_device) = (fields.has("plate"), fields.has("route_id"), fields.has("device_code"));
    fields.finish()?;
    sent.check(&shuttle.temple_id)?;
    db::run(
        "update shuttles set name = coalesce(?2, name), capacity = coalesce(?3, capacity), is_active = coalesce(?4, is_active),
            plate = iif(?5, ?6, plate), route = iif(?7, (select id from transport_routes where id = ?8), route),
            device_code = iif(?9, (select code from devices where code = ?10), device_code), updated_at = ?11, updated_by = ?12
         where id = ?1",
        params![
            &id,
            sent.name,
            sent.capacity,
            is_active,
            has_plate,
            sent.plate,
            has_route,
            sent.route,
            has_device,
            sent.device_code,
            now,
            caller.0.id
        ],
    )?;
    Ok(axum::Json(Shuttle::find(&id, now)?))
}

/// DELETE: takes it out of service; where it was stays. 204.
pub async fn remove(caller: Caller<Operator>, Now(now): Now, Path(id): Path<String>) -> Answer<impl IntoResponse> {
    let rows = db::run(
        "update shuttles set is_active = 0, updated_at = ?2, updated_by = ?3 where id = ?1 returning id",
        params![id, now, caller.0.id],
    )?;
    if rows.is_empty() { Err(Problem::not_found("shuttle")) } else { Ok(StatusCode::NO_CONTENT) }
}
