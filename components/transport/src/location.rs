//! Where a shuttle is, and when it reaches each stop.

use axum::extract::Path;
use axum::{Extension, Json};
use domain::role::Role;
use domain::time::is_ahead;
use domain::transit::{Basis, MAX_PASSENGERS, MAX_REPORTED_KMH, Place, distance, is_plausible};
use kit::api::Created;
use kit::caller::{Caller, Principal, Sender};
use kit::db::{self, Database, DbError, Executor, Fetch as _};
use kit::input::{DeviceTime, Input, Int, Number, Timestamp};
use kit::request::{Body, Now};
use kit::row::FromRow;
use kit::serve::Quiet;
use kit::{Answer, Problem, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::eta::Eta;
use crate::line::RouteLine;
use crate::shuttles::{Shuttle, not_found};

/// A shuttle with its arrivals.
#[derive(Serialize, ToSchema)]
pub struct ShuttleArrivals {
    /// The shuttle's code.
    shuttle_id: String,
    #[serde(flatten)]
    shuttle: Shuttle,
    /// The stops of its route in the order of travel.
    stops: Vec<StopArrival>,
    /// When this was true.
    as_of: Timestamp,
}

/// When a shuttle reaches a stop. Without an `eta` when it has passed the stop and does not come round again, when it drives against the
/// direction of its route, or when nothing is known.
#[derive(Serialize, ToSchema)]
struct StopArrival {
    /// The stop's code.
    stop_id: String,
    /// The stop's name.
    name: String,
    /// When it is expected there; null, as the rest, when nothing is to be expected.
    eta: Option<Timestamp>,
    /// Seconds from now.
    in_s: Option<i64>,
    /// Metres to go; null also when it is the timetable's.
    distance_m: Option<i64>,
    /// What it rests on.
    basis: Option<Basis>,
}

impl StopArrival {
    fn new(stop: Stop, eta: Option<Eta>) -> Self {
        let (distance_m, basis) = (eta.as_ref().and_then(|eta| eta.distance_m), eta.as_ref().map(|eta| eta.basis));
        let (eta, in_s) = (eta.as_ref().map(|eta| eta.eta), eta.as_ref().map(|eta| eta.in_s));
        Self { stop_id: stop.id, name: stop.name, eta, in_s, distance_m, basis }
    }
}

#[derive(FromRow)]
struct Stop {
    id: String,
    name: String,
    along_m: f64,
    offset_s: Option<i64>,
}

/// Returns a shuttle with its position, and its arrival at each stop of its route.
#[utoipa::path(get, path = "/api/transport/shuttles/{id}/location")]
pub async fn read(Now(now): Now, Path(id): Path<String>) -> Answer<Json<ShuttleArrivals>> {
    let shuttle = Shuttle::find(&id, now)?;
    let stops = arrivals(&shuttle, now)?;
    Ok(Json(ShuttleArrivals { shuttle_id: shuttle.id.clone(), shuttle, stops, as_of: Timestamp(now) }))
}

fn arrivals(shuttle: &Shuttle, now: i64) -> Answer<Vec<StopArrival>> {
    let Some(route) = &shuttle.route_id else { return Ok(Vec::new()) };
    let Some(route) = RouteLine::find(route)? else { return Ok(Vec::new()) };
    let approach = if shuttle.is_active && route.is_active { route.approach(&shuttle.id, now)? } else { None };
    let stops: Vec<Stop> = Database
        .fetch_all("select id, name, along_m, offset_s from transport_stops where route = ? order by position", params![&route.id])?;
    let arrival = |stop: Stop| {
        let eta = match &approach {
            Some(approach) => approach.arrival(&route.line, stop.along_m, now).map(|estimate| Eta::estimated(&estimate, now)),
            None if shuttle.is_active => route.scheduled(stop.offset_s, now, 1).first().map(|at| Eta::scheduled(*at, now)),
            None => None,
        };
        StopArrival::new(stop, eta)
    };
    Ok(stops.into_iter().map(arrival).collect())
}

/// The highest speed that a shuttle can report, km/h.
const MAX_KMH: i64 = MAX_REPORTED_KMH as i64;

/// Where a shuttle is, or was.
#[derive(Input)]
#[input(
    example = r#"{"lat": 20.8886, "lng": 70.4024, "speed_kmh": 18.5, "heading": 240, "passengers": 21, "timestamp": "2026-02-04T10:30:00Z"}"#
)]
pub struct NewPosition {
    /// Degrees (WGS 84).
    #[input(alias("latitude"))]
    lat: Number<-90, 90>,
    /// Degrees (WGS 84).
    #[input(alias("longitude"))]
    lng: Number<-180, 180>,
    /// How fast it is, kilometres per hour.
    #[input(alias("speed"))]
    speed_kmh: Option<Number<0, MAX_KMH>>,
    /// Degrees from north, clockwise.
    heading: Option<Number<0, 360>>,
    /// May exceed the capacity.
    passengers: Option<Int<0, MAX_PASSENGERS>>,
    /// When it was there: at most five minutes ahead of the server's clock.
    timestamp: DeviceTime,
}

/// A stored position.
#[derive(Serialize, ToSchema)]
pub struct StoredPosition {
    /// The shuttle's code.
    shuttle_id: String,
    /// Latitude, degrees.
    lat: f64,
    /// Longitude, degrees.
    lng: f64,
    /// How fast it was, kilometres per hour; null when that was not sent.
    speed_kmh: Option<f64>,
    /// Where it headed, degrees clockwise from north; null when that was not sent.
    heading: Option<f64>,
    /// How many were on board; null when that was not sent.
    passengers: Option<i64>,
    /// When it was, by the device's clock.
    timestamp: Timestamp,
    /// When it came in.
    received_at: Timestamp,
    /// Whether a newer position was there already, so that this one did not move the shuttle.
    late: bool,
}

/// Stores where a shuttle is.
///
/// A device sends only its own shuttle's position. A late position is stored and does not move the shuttle back. One that the shuttle cannot
/// have got to since its newest is a 422.
#[utoipa::path(
    post,
    path = "/api/transport/shuttles/{id}/location",
    responses((status = 409, description = "This shuttle's position of that time is stored already."))
)]
pub async fn create(
    caller: Caller<Sender>,
    Now(now): Now,
    Path(id): Path<String>,
    Body(new): Body<NewPosition>,
) -> Answer<(Extension<Quiet>, Created<StoredPosition>)> {
    Ok((Extension(Quiet), Created(store(&caller.0, &id, &new, now)?)))
}

/// Stores where a shuttle is, as POST does, and answers 200.
#[utoipa::path(
    patch,
    path = "/api/transport/shuttles/{id}/location",
    responses((status = 409, description = "This shuttle's position of that time is stored already."))
)]
pub async fn update(
    caller: Caller<Sender>,
    Now(now): Now,
    Path(id): Path<String>,
    Body(new): Body<NewPosition>,
) -> Answer<(Extension<Quiet>, Json<StoredPosition>)> {
    Ok((Extension(Quiet), Json(store(&caller.0, &id, &new, now)?)))
}

const INSERT: &str = "insert into shuttle_positions (shuttle, at, received_at, lat, lng, speed_kmh, heading, passengers, sent_by)
     values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

fn store(caller: &Principal, id: &str, new: &NewPosition, now: i64) -> Answer<StoredPosition> {
    let device = caller.device.as_deref().filter(|_| caller.role == Role::Device);
    let (at, place) = (new.timestamp.0, Place { lat: *new.lat, lng: *new.lng });
    db::transaction(|db| {
        let shuttle = ShuttleState::find(db, id, device)?;
        // One that lies too far ahead was stored before the clock was set back: nothing is judged by it.
        let newest = shuttle.newest().filter(|(then, _)| !is_ahead(*then, now));
        if let Some((then, before)) = newest
            && !is_plausible(before, place, at.saturating_sub(then))
        {
            let (metres, seconds) = (distance(before, place).round(), at.saturating_sub(then) / 1000);
            let when = if seconds < 0 { "later" } else { "before" };
            let reason = format!("is {metres} m from where the shuttle was {} s {when}: no shuttle goes so fast", seconds.abs());
            return Err(Problem::invalid_field("lat", reason));
        }
        // The trigger that notes a device's heartbeat knows it by this.
        let sent_by = device.map_or_else(|| caller.id.clone(), |code| format!("device:{code}"));
        let params = params![&shuttle.id, at, now, place.lat, place.lng, new.speed_kmh, new.heading, new.passengers, sent_by];
        match db.run(INSERT, params) {
            Err(DbError::Unique(_)) => return Err(Problem::conflict("this shuttle's position of that time is stored already")),
            other => other?,
        };
        Ok(StoredPosition {
            shuttle_id: shuttle.id,
            lat: place.lat,
            lng: place.lng,
            speed_kmh: new.speed_kmh.map(|speed| *speed),
            heading: new.heading.map(|heading| *heading),
            passengers: new.passengers.map(|passengers| *passengers),
            timestamp: Timestamp(at),
            received_at: Timestamp(now),
            late: newest.is_some_and(|(then, _)| at < then),
        })
    })
}

/// A shuttle whose position is sent, with its newest.
#[derive(FromRow)]
struct ShuttleState {
    id: String,
    is_active: bool,
    is_senders: bool,
    is_device_active: bool,
    at: Option<i64>,
    lat: Option<f64>,
    lng: Option<f64>,
}

const STATE: &str = "select s.id, s.is_active, s.device_code is ?2 as is_senders,
        exists (select 1 from devices d where d.code = s.device_code and d.is_active = 1) as is_device_active, p.at, p.lat, p.lng
     from shuttles s left join shuttle_state p on p.shuttle = s.id where s.id = ?1";

impl ShuttleState {
    /// For one who may send: returns 404 if it is not there or not in service, 403 for another's device.
    fn find(db: &dyn Executor, id: &str, device: Option<&str>) -> Answer<Self> {
        let shuttle: Option<Self> = db.fetch_optional(STATE, params![id, device])?;
        let shuttle = shuttle.ok_or_else(not_found)?;
        if device.is_some() && !shuttle.is_senders {
            return Err(Problem::forbidden("a device sends only its own shuttle's position"));
        }
        if !shuttle.is_active || (device.is_some() && !shuttle.is_device_active) {
            return Err(Problem::not_found("active shuttle"));
        }
        Ok(shuttle)
    }

    /// When and where it was last.
    fn newest(&self) -> Option<(i64, Place)> {
        let place = self.lat.zip(self.lng).map(|(lat, lng)| Place { lat, lng });
        self.at.zip(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_and_the_names_of_older_clients_are_taken() {
        let now = 1_772_323_200_000;
        assert!(kit::input::parse::<NewPosition>(NewPosition::example().unwrap().as_bytes(), now).is_ok());
        let old = br#"{"latitude": 20, "longitude": 70, "speed": 12, "timestamp": "2026-02-04T10:30:00Z"}"#;
        assert_eq!(kit::input::parse::<NewPosition>(old, now).unwrap().speed_kmh.map(|speed| *speed), Some(12.0));
    }
}
