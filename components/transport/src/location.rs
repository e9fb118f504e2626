//! `/api/transport/shuttles/{id}/location`: where a shuttle is, and when it reaches each stop.

use axum::extract::Path;
use axum::response::IntoResponse;
use domain::reading::check_timestamp;
use domain::role::Role;
use domain::time::format_rfc3339;
use domain::transit::{Place, distance, is_plausible};
use http::StatusCode;
use kit::caller::{Caller, Sender};
use kit::db::{self, DbError, Transaction};
use kit::fields::Fields;
use kit::request::{JsonBytes, Now};
use kit::serve::Quiet;
use kit::{Answer, Problem, params};
use serde::Serialize;

use crate::eta::{Eta, Way};
use crate::shuttles::Shuttle;

#[derive(Serialize)]
struct StopEta {
    stop_id: String,
    name: String,
    /// Null when the shuttle has passed it and does not come round again, or when nothing is known.
    #[serde(flatten)]
    eta: Option<Eta>,
}

#[derive(Serialize)]
struct Answered {
    shuttle_id: String,
    #[serde(flatten)]
    shuttle: Shuttle,
    /// The stops of its route in the order of travel.
    stops: Vec<StopEta>,
    as_of: String,
}

/// GET: public. The shuttle with its position, `location` null until there is one, and its arrival at each stop.
pub async fn detail(Now(now): Now, Path(id): Path<String>) -> Answer<impl IntoResponse> {
    let shuttle = Shuttle::find(&id, now)?;
    let mut stops = Vec::new();
    if let Some(route) = &shuttle.route_id
        && let Some(way) = Way::find(route)?
    {
        let approach = if shuttle.is_active && way.is_active { way.approach(&shuttle.id, now)? } else { None };
        let rows = db::run("select id, name, along_m, offset_s from transport_stops where route = ? order by position", params![&way.id])?;
        for row in rows.iter() {
            let eta = match &approach {
                Some(approach) => approach.arrival(&way.line, row.real(2)?, now).map(|estimate| Eta::of(&estimate, now)),
                None if shuttle.is_active => way.scheduled(row.opt_int(3)?, now, 1).first().map(|at| Eta::scheduled(*at, now)),
                None => None,
            };
            stops.push(StopEta { stop_id: row.text(0)?.to_owned(), name: row.text(1)?.to_owned(), eta });
        }
    }
    Ok(axum::Json(Answered { shuttle_id: shuttle.id.clone(), shuttle, stops, as_of: format_rfc3339(now) }))
}

/// A stored position.
#[derive(Serialize)]
struct Stored {
    shuttle_id: String,
    lat: f64,
    lng: f64,
    speed_kmh: Option<f64>,
    heading: Option<f64>,
    passengers: Option<i64>,
    timestamp: String,
    received_at: String,
    /// Whether a newer position was there already, so that this one did not move the shuttle.
    late: bool,
}

/// POST or PATCH by an operator, or by the shuttle's own device: `{lat, lng, timestamp, speed_kmh?, heading?, passengers?}` → 201 (PATCH:
/// 200), durable. A repeat is 409; a late one is stored and never moves the shuttle back; 422 for one that the shuttle cannot have got to.
pub async fn send(
    caller: Caller<Sender>,
    method: http::Method,
    Now(now): Now,
    Path(id): Path<String>,
    JsonBytes(body): JsonBytes,
) -> Answer<impl IntoResponse> {
    let mut fields = Fields::parse(&body)?;
    let lat = fields.alias("lat", "latitude").number("lat", -90.0..=90.0);
    let lng = fields.alias("lng", "longitude").number("lng", -180.0..=180.0);
    let speed_kmh = fields.alias("speed_kmh", "speed").opt_number("speed_kmh", 0.0..=200.0);
    let heading = fields.opt_number("heading", 0.0..=360.0);
    let passengers = fields.opt_int("passengers", 0..=1000);
    let timestamp = fields.text("timestamp", 1..=64);
    let mut errors = domain::FieldErrors::new();
    let at = check_timestamp(Some(&timestamp), now, &mut errors).unwrap_or(now);
    for (field, reason) in errors {
        if !fields.errors().contains_key(field) {
            fields.refuse(field, reason);
        }
    }
    fields.finish()?;

    let device = caller.0.device.as_deref().filter(|_| caller.0.role == Role::Device);
    let (shuttle, late) = db::transaction(|transaction| {
        let (shuttle, newest) = sender_of(transaction, &id, device)?;
        if let Some((then, before)) = newest
            && !is_plausible(before, Place { lat, lng }, at.saturating_sub(then))
        {
            let (metres, seconds) = (distance(before, Place { lat, lng }).round(), at.saturating_sub(then) / 1000);
            let reason =
                format!("is {metres} m from where the shuttle was {} s {}", seconds.abs(), if seconds < 0 { "later" } else { "before" });
            return Err(Problem::invalid_field("lat", format!("{reason}: no shuttle goes so fast")));
        }
        // The trigger that tells of a device's life knows it by this.
        let sent_by = device.map_or_else(|| caller.0.id.clone(), |code| format!("device:{code}"));
        let stored = transaction.run(
            "insert into shuttle_positions (shuttle, at, received_at, lat, lng, speed_kmh, heading, passengers, sent_by)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![&shuttle, at, now, lat, lng, speed_kmh, heading, passengers, sent_by],
        );
        match stored {
            Err(DbError::Unique(_)) => Err(Problem::conflict("this shuttle's position of that time is stored already")),
            Err(other) => Err(other.into()),
            Ok(_) => Ok((shuttle, newest.is_some_and(|(then, _)| at < then))),
        }
    })?;
    let answer = Stored {
        shuttle_id: shuttle,
        lat,
        lng,
        speed_kmh,
        heading,
        passengers,
        timestamp: format_rfc3339(at),
        received_at: format_rfc3339(now),
        late,
    };
    let status = if method == http::Method::PATCH { StatusCode::OK } else { StatusCode::CREATED };
    let mut response = (status, axum::Json(answer)).into_response();
    response.extensions_mut().insert(Quiet);
    Ok(response)
}

/// The shuttle's id and its newest position, for one who may send: 404 when it is not there or not in service, 403 for another's device.
fn sender_of(transaction: &Transaction, id: &str, device: Option<&str>) -> Answer<(String, Option<(i64, Place)>)> {
    let rows = transaction.run(
        "select s.id, s.is_active, s.device_code is ?2, exists (select 1 from devices d where d.code = s.device_code and d.is_active = 1),
            p.at, p.lat, p.lng
         from shuttles s left join shuttle_state p on p.shuttle = s.id where s.id = ?1",
        params![id, device],
    )?;
    let row = rows.first().ok_or_else(|| Problem::not_found("shuttle"))?;
    if device.is_some() && !row.bool(2)? {
        return Err(Problem::forbidden("a device sends only its own shuttle's position"));
    }
    if !row.bool(1)? || (device.is_some() && !row.bool(3)?) {
        return Err(Problem::not_found("active shuttle"));
    }
    let newest = match (row.opt_int(4)?, row.opt_real(5)?, row.opt_real(6)?) {
        (Some(at), Some(lat), Some(lng)) => Some((at, Place { lat, lng })),
        _ => None,
    };
    Ok((row.text(0)?.to_owned(), newest))
}
