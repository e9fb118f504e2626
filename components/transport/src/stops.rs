//! GET `/api/transport/stops/{id}/eta`: what comes to a stop, and when.

use axum::extract::Path;
use axum::response::IntoResponse;
use domain::time::format_rfc3339;
use kit::request::Now;
use kit::{Answer, Problem, db, params};
use serde::Serialize;

use crate::eta::{Eta, Way};
use crate::select_shuttles;
use crate::shuttles::Shuttle;

/// The most shuttles of one answer.
const MAX_SHUTTLES: i64 = 50;
/// How many times of the timetable.
const SCHEDULED: usize = 3;

/// One arrival. The shuttle's fields are null for the timetable's.
#[derive(Serialize)]
struct Arrival {
    shuttle_id: Option<String>,
    shuttle_name: Option<String>,
    #[serde(flatten)]
    eta: Eta,
    passengers: Option<i64>,
    capacity: Option<i64>,
    free_places: Option<i64>,
    /// When the shuttle last told its position.
    position_at: Option<String>,
}

#[derive(Serialize)]
struct Arrivals {
    stop_id: String,
    stop_name: String,
    route_id: String,
    route_name: String,
    as_of: String,
    /// The soonest first. By the timetable only where no shuttle's position can be used; empty when nothing is known to come.
    arrivals: Vec<Arrival>,
    /// The timetable's next times, whatever the shuttles do.
    scheduled: Vec<String>,
    /// Active shuttles of the route whose position cannot be used: stale, off the route, or never told.
    without_position: Vec<String>,
}

/// Public. 404 for an unknown stop.
pub async fn arrivals(Now(now): Now, Path(id): Path<String>) -> Answer<impl IntoResponse> {
    let rows = db::run("select id, name, route, along_m, offset_s from transport_stops where id = ?", params![&id])?;
    let stop = rows.first().ok_or_else(|| Problem::not_found("stop"))?;
    let way = Way::find(stop.text(2)?)?.ok_or_else(|| Problem::not_found("stop"))?;
    let along_m = stop.real(3)?;
    let scheduled = way.scheduled(stop.opt_int(4)?, now, SCHEDULED);

    let shuttles = db::run(
        concat!(select_shuttles!(), " where s.route = ?1 and s.is_active = 1 order by s.id limit ?2"),
        params![&way.id, MAX_SHUTTLES],
    )?;
    let (mut live, mut without_position) = (Vec::new(), Vec::new());
    for row in shuttles.iter().filter(|_| way.is_active) {
        let shuttle = Shuttle::of(row, now)?;
        match way.approach(&shuttle.id, now)? {
            None => without_position.push(shuttle.id),
            Some(approach) => live.extend(approach.arrival(&way.line, along_m, now).map(|estimate| (estimate, shuttle))),
        }
    }
    live.sort_by_key(|(estimate, _)| estimate.at);
    let mut arrivals: Vec<Arrival> = Vec::with_capacity(live.len());
    for (estimate, shuttle) in live {
        arrivals.push(Arrival {
            shuttle_id: Some(shuttle.id),
            shuttle_name: Some(shuttle.name),
            eta: Eta::of(&estimate, now),
            passengers: shuttle.passengers,
            capacity: Some(shuttle.capacity),
            free_places: shuttle.free_places,
            position_at: shuttle.location.map(|location| location.timestamp),
        });
    }
    if arrivals.is_empty() {
        let by_timetable = |at: &i64| Arrival {
            shuttle_id: None,
            shuttle_name: None,
            eta: Eta::scheduled(*at, now),
            passengers: None,
            capacity: None,
            free_places: None,
            position_at: None,
        };
        arrivals.extend(scheduled.iter().map(by_timetable));
    }
    Ok(axum::Json(Arrivals {
        stop_id: stop.text(0)?.to_owned(),
        stop_name: stop.text(1)?.to_owned(),
        route_id: way.id,
        route_name: way.name,
        as_of: format_rfc3339(now),
        arrivals,
        scheduled: scheduled.into_iter().map(format_rfc3339).collect(),
        without_position,
    }))
}
