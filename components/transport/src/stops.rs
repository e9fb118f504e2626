//! What comes to a stop, and when.

use axum::Json;
use axum::extract::Path;
use const_format::concatcp;
use kit::db::{Database, Fetch as _};
use kit::input::Timestamp;
use kit::request::Now;
use kit::row::FromRow;
use kit::{Answer, Problem, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::eta::Eta;
use crate::line::RouteLine;
use crate::shuttles::{SELECT_SHUTTLES, Shuttle, ShuttleRow};

/// The most shuttles of one answer.
const MAX_SHUTTLES: i64 = 50;
/// How many times of the timetable.
const SCHEDULED: usize = 3;

/// What comes to a stop.
#[derive(Serialize, ToSchema)]
pub struct StopArrivals {
    /// The stop's code.
    stop_id: String,
    /// The stop's name.
    stop_name: String,
    /// The route's code.
    route_id: String,
    /// The route's name.
    route_name: String,
    /// When this was true.
    as_of: Timestamp,
    /// The soonest first. By the timetable only where no shuttle's position can be used; empty when nothing is known to come.
    arrivals: Vec<ExpectedArrival>,
    /// The timetable's next times, whatever the shuttles do.
    scheduled: Vec<Timestamp>,
    /// Active shuttles of the route whose position cannot be used: stale, off the route, or never reported.
    without_position: Vec<String>,
}

/// One arrival. The shuttle's fields are null for the timetable's.
#[derive(Serialize, ToSchema)]
struct ExpectedArrival {
    /// The shuttle's code.
    shuttle_id: Option<String>,
    /// The shuttle's name.
    shuttle_name: Option<String>,
    #[serde(flatten)]
    eta: Eta,
    /// How many are on board; null also when it has not said.
    passengers: Option<i64>,
    /// How many passengers it takes.
    capacity: Option<i64>,
    /// How many places are free; null also when it has not said how many are on board.
    free_places: Option<i64>,
    /// When the shuttle last reported its position.
    position_at: Option<Timestamp>,
}

impl ExpectedArrival {
    fn by_shuttle(shuttle: Shuttle, eta: Eta) -> Self {
        Self {
            shuttle_id: Some(shuttle.id),
            shuttle_name: Some(shuttle.name),
            eta,
            passengers: shuttle.passengers,
            capacity: Some(shuttle.capacity),
            free_places: shuttle.free_places,
            position_at: shuttle.location.map(|location| location.timestamp),
        }
    }

    fn by_timetable(eta: Eta) -> Self {
        Self { shuttle_id: None, shuttle_name: None, eta, passengers: None, capacity: None, free_places: None, position_at: None }
    }
}

#[derive(FromRow)]
struct Stop {
    id: String,
    name: String,
    route: String,
    along_m: f64,
    offset_s: Option<i64>,
}

/// Returns what comes to a stop, the soonest first.
#[utoipa::path(get, path = "/api/transport/stops/{id}/eta")]
pub async fn arrivals(Now(now): Now, Path(id): Path<String>) -> Answer<Json<StopArrivals>> {
    let not_found = || Problem::not_found("stop");
    let stop: Option<Stop> =
        Database.fetch_optional("select id, name, route, along_m, offset_s from transport_stops where id = ?", params![&id])?;
    let stop = stop.ok_or_else(not_found)?;
    let route = RouteLine::find(&stop.route)?.ok_or_else(not_found)?;
    let scheduled = route.scheduled(stop.offset_s, now, SCHEDULED);

    let (mut estimates, mut without_position) = (Vec::new(), Vec::new());
    for shuttle in shuttles(&route, now)? {
        match route.approach(&shuttle.id, now)? {
            None => without_position.push(shuttle.id),
            Some(approach) => estimates.extend(approach.arrival(&route.line, stop.along_m, now).map(|estimate| (estimate, shuttle))),
        }
    }
    estimates.sort_by_key(|(estimate, _)| estimate.at);
    let mut arrivals: Vec<ExpectedArrival> =
        estimates.into_iter().map(|(estimate, shuttle)| ExpectedArrival::by_shuttle(shuttle, Eta::estimated(&estimate, now))).collect();
    if arrivals.is_empty() {
        arrivals.extend(scheduled.iter().map(|at| ExpectedArrival::by_timetable(Eta::scheduled(*at, now))));
    }
    Ok(Json(StopArrivals {
        stop_id: stop.id,
        stop_name: stop.name,
        route_id: route.id,
        route_name: route.name,
        as_of: Timestamp(now),
        arrivals,
        scheduled: scheduled.into_iter().map(Timestamp).collect(),
        without_position,
    }))
}

/// The shuttles in service of a route in service.
fn shuttles(route: &RouteLine, now: i64) -> Answer<Vec<Shuttle>> {
    if !route.is_active {
        return Ok(Vec::new());
    }
    let rows: Vec<ShuttleRow> = Database.fetch_all(
        concatcp!(SELECT_SHUTTLES, " where s.route = ?1 and s.is_active = 1 order by s.id limit ?2"),
        params![&route.id, MAX_SHUTTLES],
    )?;
    Ok(rows.into_iter().map(|row| Shuttle::new(row, now)).collect())
}
