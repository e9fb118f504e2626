//! `/api/transport/routes`: lines with stops and a timetable.

use axum::extract::Path;
use axum::response::IntoResponse;
use http::StatusCode;
use kit::caller::{Caller, Operator};
use kit::db::{self, DbError, Row, Transaction};
use kit::fields::Fields;
use kit::page::{Listing, Page};
use kit::request::{JsonBytes, Now, Query};
use kit::{Answer, Problem, params};
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::list::{Select, id, site_exists};
use crate::route::{self, Stop};

/// Kilometres an hour, where a route does not say.
const TYPICAL_KMH: f64 = 20.0;

macro_rules! select {
    () => {
        "select r.id, r.site, r.name, r.polyline, r.length_m, r.is_loop, r.typical_kmh, r.departures, r.is_active, r.created_at, r.updated_at,
            (select json_group_array(json(stop)) from (
                select json_object('id', id, 'name', name, 'lat', lat, 'lng', lng, 'along_m', round(along_m, 1), 'offset_s', offset_s) as stop
                from transport_stops where route = r.id order by position))
         from transport_routes r"
    };
}

#[derive(Serialize)]
pub struct Route {
    id: String,
    temple_id: String,
    name: String,
    /// `[[latitude, longitude], …]`, in the direction of travel.
    polyline: Box<RawValue>,
    length_m: f64,
    is_loop: bool,
    typical_kmh: f64,
    /// Times of the site's day at which a shuttle leaves, each day.
    departures: Box<RawValue>,
    /// In the order of travel; `offset_s` is the timetable's, from the departure.
    stops: Box<RawValue>,
    is_active: bool,
    created_at: String,
    updated_at: String,
}

impl Route {
    fn of(row: &Row) -> Answer<Self> {
        Ok(Self {
            id: row.text(0)?.to_owned(),
            temple_id: row.text(1)?.to_owned(),
            name: row.text(2)?.to_owned(),
            polyline: row.json(3)?,
            length_m: (row.real(4)? * 10.0).round() / 10.0,
            is_loop: row.bool(5)?,
            typical_kmh: row.real(6)?,
            departures: row.json(7)?,
            stops: row.json(11)?,
            is_active: row.bool(8)?,
            created_at: row.time(9)?,
            updated_at: row.time(10)?,
        })
    }

    fn find(id: &str) -> Answer<Self> {
        let rows = db::run(concat!(select!(), " where r.id = ?"), params![id])?;
        Self::of(rows.first().ok_or_else(|| Problem::not_found("route"))?)
    }
}

/// GET: public. Filters `temple_id` (or `site`) and `is_active`.
pub async fn list(Query(query): Query) -> Answer<Page<Route>> {
    let listing = Listing::parse(&query, &["temple_id", "site", "is_active"])?;
    let active = listing.bool("is_active")?;
    let rows = Select::after(concat!(select!(), " where r.id > coalesce(?, '')"), listing.after_text(0))
        .and_if("r.site = ?", listing.filter("temple_id").or_else(|| listing.filter("site")))
        .and_if("r.is_active = ?", active)
        .run("r.id", listing.fetch())?;
    listing.page(rows, |row| Ok(json!([row.text(0)?])), Route::of)
}

/// GET of one.
pub async fn detail(Path(id): Path<String>) -> Answer<impl IntoResponse> {
    Ok(axum::Json(Route::find(&id)?))
}

fn write_stops(transaction: &Transaction, route: &str, stops: &[Stop]) -> Result<(), Problem> {
    for (position, stop) in stops.iter().enumerate() {
        let position = i64::try_from(position).unwrap_or(i64::MAX);
        let written = transaction.run(
            "insert into transport_stops (id, route, position, name, lat, lng, along_m, offset_s) values (?, ?, ?, ?, ?, ?, ?, ?)",
            params![&stop.id, route, position, &stop.name, stop.place.lat, stop.place.lng, stop.along_m, stop.offset_s],
        );
        match written {
            Err(DbError::Unique(columns)) if columns == "transport_stops.id" => {
                return Err(Problem::conflict(format!("another route has a stop with the id {}", stop.id)));
            }
            other => other?,
        };
    }
    Ok(())
}

/// POST: `{id?, temple_id, name, polyline, stops, is_loop?, typical_kmh?, departures?}` → 201.
pub async fn create(caller: Caller<Operator>, Now(now): Now, JsonBytes(body): JsonBytes) -> Answer<impl IntoResponse> {
    let mut fields = Fields::parse(&body)?;
    let id = id(&mut fields, "id", "route_id", now)?;
    let site = fields.alias("temple_id", "site").text("temple_id", 1..=64);
    let name = fields.text("name", 1..=100);
    let is_loop = fields.opt_bool("is_loop").unwrap_or(false);
    let typical = fields.opt_number("typical_kmh", 1.0..=150.0).unwrap_or(TYPICAL_KMH);
    let departures = route::departures(&mut fields).unwrap_or_else(|| "[]".to_owned());
    let had = (fields.has("polyline"), fields.has("stops"));
    let line = route::polyline(&mut fields, is_loop);
    let stops = route::stops(&mut fields, line.as_ref().map(|(line, _)| line), now)?;
    for (field, had, read) in [("polyline", had.0, line.is_some()), ("stops", had.1, stops.is_some())] {
        fields.check(read || had, field, "is required");
        let missing = had && !read && !fields.errors().keys().any(|name| name.starts_with(field));
        fields.check(!missing, field, "is required");
    }
    fields.finish()?;
    let (Some((line, polyline)), Some(stops)) = (line, stops) else { return Err(Problem::invalid_field("stops", "is required")) };

    let route = db::transaction(|transaction| {
        let rows = transaction.run(
            "insert into transport_routes (id, site, name, polyline, length_m, is_loop, typical_kmh, departures, created_at, updated_at, updated_by)
             select ?1, slug, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10 from sites where slug = ?2 returning id",
            params![&id, &site, name, polyline, line.length(), is_loop, typical, departures, now, caller.0.id],
        )?;
        if rows.is_empty() {
            return Err(Problem::invalid_field("temple_id", "is not a temple"));
        }
        write_stops(transaction, &id, &stops)?;
        let rows = transaction.run(concat!(select!(), " where r.id = ?"), params![&id])?;
        Route::of(rows.first().ok_or_else(|| Problem::not_found("route"))?)
    })?;
    Ok((StatusCode::CREATED, axum::Json(route)))
}

/// PATCH: what is not sent stays. A new `polyline` needs its `stops` with it; a list of stops replaces the one before.
pub async fn change(
    caller: Caller<Operator>,
    Now(now): Now,
    Path(id): Path<String>,
    JsonBytes(body): JsonBytes,
) -> Answer<impl IntoResponse> {
    let rows = db::run("select polyline, is_loop, id, site from transport_routes where id = ?", params![&id])?;
    let row = rows.first().ok_or_else(|| Problem::not_found("route"))?;
    let (stored, id, old_site) = (row.text(0)?.to_owned(), row.text(2)?.to_owned(), row.text(3)?.to_owned());
    let mut fields = Fields::parse(&body)?;
    let site = fields.alias("temple_id", "site").opt_text("temple_id", 1..=64);
    fields.check(site.is_none_or(|site| site == old_site), "temple_id", "cannot be changed");
    let sent_id = fields.alias("id", "route_id").opt_text("id", 1..=64);
    fields.check(sent_id.is_none_or(|sent| sent.eq_ignore_ascii_case(&id)), "id", "cannot be changed");
    let name = fields.opt_text("name", 1..=100);
    let typical = fields.opt_number("typical_kmh", 1.0..=150.0);
    let departures = route::departures(&mut fields);
    let is_active = fields.opt_bool("is_active");
    let is_loop = fields.opt_bool("is_loop").unwrap_or(row.bool(1)?);
    fields.check(!fields.has("polyline") || fields.has("stops"), "stops", "must be sent with a new polyline");
    fields.check(is_loop == row.bool(1)? || fields.has("polyline"), "is_loop", "changes only with the polyline");
    let line = route::polyline(&mut fields, is_loop);
    let measure = line.as_ref().map(|(line, _)| line.clone()).or_else(|| route::line(&stored, is_loop));
    let stops = route::stops(&mut fields, measure.as_ref(), now)?;
    fields.finish()?;
    let (length, polyline) = line.map(|(line, text)| (line.length(), text)).unzip();

    let route = db::transaction(|transaction| {
        transaction.run(
            "update transport_routes set name = coalesce(?2, name), typical_kmh = coalesce(?3, typical_kmh),
                departures = coalesce(?4, departures), is_active = coalesce(?5, is_active), polyline = coalesce(?6, polyline),
                length_m = coalesce(?7, length_m), is_loop = ?8, updated_at = ?9, updated_by = ?10
             where id = ?1",
            params![&id, name, typical, departures, is_active, polyline, length, is_loop, now, caller.0.id],
        )?;
        if let Some(stops) = &stops {
            transaction.run("delete from transport_stops where route = ?", params![&id])?;
            write_stops(transaction, &id, stops)?;
        }
        let rows = transaction.run(concat!(select!(), " where r.id = ?"), params![&id])?;
        Route::of(rows.first().ok_or_else(|| Problem::not_found("route"))?)
    })?;
    Ok(axum::Json(route))
}

/// DELETE: takes the route out of service; what was recorded on it stays. 204.
pub async fn remove(caller: Caller<Operator>, Now(now): Now, Path(id): Path<String>) -> Answer<impl IntoResponse> {
    let rows = db::run(
        "update transport_routes set is_active = 0, updated_at = ?2, updated_by = ?3 where id = ?1 returning id",
        params![id, now, caller.0.id],
    )?;
    if rows.is_empty() { Err(Problem::not_found("route")) } else { Ok(StatusCode::NO_CONTENT) }
}

/// 422 for `temple_id` when there is no such site.
pub fn known_site(site: &str) -> Result<(), Problem> {
    if site_exists(site)? { Ok(()) } else { Err(Problem::invalid_field("temple_id", "is not a temple")) }
}
