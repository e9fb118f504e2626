//! Telemetry (contract §3): readings one by one and in bulk, what was stored of them, and the log of occupancy.
//!
//! The hottest path of Gatehouse. A reading is one statement: `readings` refuses what is unknown or stored already, and triggers
//! keep the device's state, occupancy, alerts and the event feed (migrations/0005_telemetry.sql).

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use axum::routing::{get, post};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use kit::Problem;
use kit::serve::Quiet;
use serde::Serialize;

mod batch;
mod body;
mod buckets;
mod bulk;
mod list;
mod parking_log;
mod range;
mod single;

fn router() -> Router {
    Router::new()
        .route("/api/telemetry", get(list::readings).post(single::send))
        .route("/api/telemetry/bulk", post(bulk::send))
        .route("/api/parking-log", get(parking_log::list).post(parking_log::send))
}

kit::component!(router);

/// A JSON answer that is not logged: one line for each reading would be most of the log. `capacity` is about its length in bytes.
fn quiet_json(status: StatusCode, value: &impl Serialize, capacity: usize) -> Result<Response, Problem> {
    let mut json = Vec::with_capacity(capacity);
    serde_json::to_writer(&mut json, value).map_err(Problem::internal)?;
    let mut response = Response::new(Body::from(json));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.extensions_mut().insert(Quiet);
    Ok(response)
}
