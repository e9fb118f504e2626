//! Adding and changing routes.

use axum::Json;
use axum::extract::Path;
use domain::transit::Line;
use kit::api::{Created, NoContent};
use kit::caller::{Caller, Operator};
use kit::db::{self, Database, DbError, Executor, Fetch as _};
use kit::request::{Body, Now};
use kit::row::FromRow;
use kit::{Answer, Problem, host, params};

use super::read::{Route, find, not_found};
use super::request::{NewRoute, PlacedStop, RouteChange};
use crate::change::Change;
use crate::line::read_line;

/// Kilometres an hour, where a route does not say.
const TYPICAL_KMH: f64 = 20.0;

const INSERT: &str =
    "insert into transport_routes (id, site, name, polyline, length_m, is_loop, typical_kmh, departures, created_at, updated_at,
        updated_by)
     select ?1, slug, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10 from sites where slug = ?2 returning id";

const UPDATE: &str = "update transport_routes set name = coalesce(?2, name), typical_kmh = coalesce(?3, typical_kmh),
        departures = coalesce(?4, departures), is_active = coalesce(?5, is_active), polyline = coalesce(?6, polyline),
        length_m = coalesce(?7, length_m), is_loop = coalesce(?8, is_loop), updated_at = ?9, updated_by = ?10
     where id = ?1";

const INSERT_STOP: &str =
    "insert into transport_stops (id, route, position, name, lat, lng, along_m, offset_s) values (?, ?, ?, ?, ?, ?, ?, ?)";

fn write_stops(db: &dyn Executor, route: &str, stops: Vec<PlacedStop>, now: i64) -> Answer<()> {
    for (position, stop) in (0_i64..).zip(stops) {
        let id = stop.id.map_or_else(|| host::new_id(now), Ok)?;
        let params = params![&id, route, position, stop.name, stop.place.lat, stop.place.lng, stop.along_m, stop.offset_s];
        match db.run(INSERT_STOP, params) {
            Err(DbError::Unique(columns)) if columns == "transport_stops.id" => {
                return Err(Problem::conflict(format!("another route has a stop with the id {id}")));
            }
            other => other?,
        };
    }
    Ok(())
}

/// Adds a route with its stops.
#[utoipa::path(
    post,
    path = "/api/transport/routes",
    responses((status = 409, description = "There is a route of this id already, or another route has a stop of one of these ids."))
)]
pub async fn create(caller: Caller<Operator>, Now(now): Now, Body(new): Body<NewRoute>) -> Answer<Created<Route>> {
    let line = new.line().ok_or_else(|| Problem::internal("a polyline that was taken is no line"))?;
    let stops = new.stops.place(&line).map_err(Problem::invalid)?;
    let id = new.id.map_or_else(|| host::new_id(now), |id| Ok(id.to_string()))?;
    let params = params![
        &id,
        new.temple_id,
        new.name,
        &new.polyline,
        line.length(),
        new.is_loop.unwrap_or_default(),
        new.typical_kmh.map_or(TYPICAL_KMH, |kmh| *kmh),
        &new.departures,
        now,
        caller.0.id
    ];
    db::transaction(|db| {
        if !db.exists(INSERT, params)? {
            return Err(Problem::invalid_field("temple_id", "is not a temple"));
        }
        write_stops(db, &id, stops, now)?;
        find(db, &id).map(Created)
    })
}

/// A route, as far as a change is judged by it.
#[derive(FromRow)]
struct Stored {
    id: String,
    site: String,
    is_loop: bool,
    #[row(with = read_line)]
    line: Line,
}

/// Changes a route.
#[utoipa::path(
    patch,
    path = "/api/transport/routes/{id}",
    responses((status = 409, description = "Another route has a stop of one of these ids."))
)]
pub async fn update(caller: Caller<Operator>, Now(now): Now, Path(id): Path<String>, change: Change<RouteChange>) -> Answer<Json<Route>> {
    let stored: Option<Stored> =
        Database.fetch_optional("select id, site, is_loop, polyline from transport_routes where id = ?", params![id])?;
    let Stored { id, site, is_loop, line: stored } = stored.ok_or_else(not_found)?;
    let keys = [(["id", "route_id"], id.as_str()), (["temple_id", "site"], site.as_str())];
    let change = change.read(&keys, |change, at| change.check_against(&stored, is_loop, at))?;
    let line = change.line(is_loop);
    let stops = change.stops.map(|stops| stops.place(line.as_ref().unwrap_or(&stored))).transpose().map_err(Problem::invalid)?;
    let params = params![
        &id,
        change.name,
        change.typical_kmh,
        change.departures.as_ref(),
        change.is_active,
        change.polyline.as_ref(),
        line.as_ref().map(Line::length),
        change.is_loop,
        now,
        caller.0.id
    ];
    db::transaction(|db| {
        db.run(UPDATE, params)?;
        if let Some(stops) = stops {
            db.run("delete from transport_stops where route = ?", params![&id])?;
            write_stops(db, &id, stops, now)?;
        }
        find(db, &id).map(Json)
    })
}

/// Takes a route out of service; what was recorded on it stays.
#[utoipa::path(delete, path = "/api/transport/routes/{id}")]
pub async fn delete(caller: Caller<Operator>, Now(now): Now, Path(id): Path<String>) -> Answer<NoContent> {
    let found = Database.exists(
        "update transport_routes set is_active = 0, updated_at = ?2, updated_by = ?3 where id = ?1 returning id",
        params![id, now, caller.0.id],
    )?;
    if found { Ok(NoContent) } else { Err(not_found()) }
}
