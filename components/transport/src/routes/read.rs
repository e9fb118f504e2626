//! Reading routes.

use std::collections::HashMap;

use axum::Json;
use axum::extract::Path;
use const_format::concatcp;
use kit::db::{Database, Executor, Fetch as _, Row};
use kit::input::{Input, Slug, Timestamp};
use kit::page::{Listing, Page};
use kit::row::{self, FromRow};
use kit::select::Select;
use kit::{Answer, Problem, params};
use serde::Serialize;
use utoipa::ToSchema;

/// A route with its stops.
#[derive(Serialize, FromRow, ToSchema)]
pub struct Route {
    /// The route's code.
    id: String,
    /// The temple's slug.
    #[row(column = "site")]
    temple_id: String,
    /// The name that people read.
    name: String,
    /// `[[latitude, longitude], …]`, in the direction of travel.
    #[schema(value_type = Vec<Vec<f64>>)]
    polyline: row::Json<Vec<[f64; 2]>>,
    /// How long it is, metres.
    #[row(with = read_length)]
    length_m: f64,
    /// Whether its end is its beginning.
    is_loop: bool,
    /// How fast shuttles are on it, kilometres per hour.
    typical_kmh: f64,
    /// Times of the site's day at which a shuttle leaves, each day.
    #[schema(value_type = Vec<String>)]
    departures: row::Json<Vec<String>>,
    /// In the order of travel.
    #[row(with = no_stops)]
    stops: Vec<RouteStop>,
    /// Whether it is served.
    is_active: bool,
    /// When it was made.
    created_at: Timestamp,
    /// When it last changed.
    updated_at: Timestamp,
}

/// A stop of a route.
#[derive(Serialize, FromRow, ToSchema)]
pub struct RouteStop {
    #[serde(skip)]
    route: String,
    /// The stop's code.
    id: String,
    /// The name that people read.
    name: String,
    /// Latitude, degrees.
    lat: f64,
    /// Longitude, degrees.
    lng: f64,
    /// Metres from the route's start, along it.
    along_m: f64,
    /// When it is reached by the timetable, seconds after the departure.
    offset_s: Option<i64>,
}

/// To a decimetre.
fn read_length(row: &Row) -> Answer<f64> {
    Ok((row.get::<f64>("length_m")? * 10.0).round() / 10.0)
}

/// They are read for all routes at once.
fn no_stops(_: &Row) -> Answer<Vec<RouteStop>> {
    Ok(Vec::new())
}

const SELECT: &str = "select id, site, name, polyline, length_m, is_loop, typical_kmh, departures, is_active, created_at, updated_at
     from transport_routes";

const STOPS: &str = "select route, id, name, lat, lng, round(along_m, 1) as along_m, offset_s from transport_stops
     where route in (select value from json_each(?)) order by route, position";

/// The routes with their stops.
fn with_stops(db: &dyn Executor, mut routes: Vec<Route>) -> Answer<Vec<Route>> {
    let ids: Vec<&str> = routes.iter().map(|route| route.id.as_str()).collect();
    let stops: Vec<RouteStop> = db.fetch_all(STOPS, params![serde_json::to_string(&ids).map_err(Problem::internal)?])?;
    let mut by_route: HashMap<String, Vec<RouteStop>> = HashMap::new();
    for stop in stops {
        by_route.entry(stop.route.to_ascii_lowercase()).or_default().push(stop);
    }
    for route in &mut routes {
        route.stops = by_route.remove(&route.id.to_ascii_lowercase()).unwrap_or_default();
    }
    Ok(routes)
}

/// Returns 404 if there is no such route.
pub fn find(db: &dyn Executor, id: &str) -> Answer<Route> {
    let route = db.fetch_all(concatcp!(SELECT, " where id = ?"), params![id])?;
    with_stops(db, route)?.pop().ok_or_else(not_found)
}

/// The refusal where there is no such route.
pub fn not_found() -> Problem {
    Problem::not_found("route")
}

/// Which routes.
#[derive(Input)]
pub struct RouteFilters {
    /// Only those of this temple, by its slug.
    #[input(alias("site"))]
    temple_id: Option<Slug>,
    /// Only those that are served, or only the others.
    is_active: Option<bool>,
}

/// Lists routes by their id.
#[utoipa::path(get, path = "/api/transport/routes")]
pub async fn list(listing: Listing<RouteFilters>) -> Answer<Page<Route>> {
    let filters = &listing.filters;
    let routes = Select::new(concatcp!(SELECT, " where id > coalesce(?, '')"), params![listing.after_text(0)])
        .and_if("site = ?", filters.temple_id.as_ref())
        .and_if("is_active = ?", filters.is_active)
        .fetch(&Database, "id", listing.fetch())?;
    Ok(listing.page(with_stops(&Database, routes)?, |route| [route.id.clone()]))
}

/// Returns a route with its stops.
#[utoipa::path(get, path = "/api/transport/routes/{id}")]
pub async fn read(Path(id): Path<String>) -> Answer<Json<Route>> {
    find(&Database, &id).map(Json)
}
