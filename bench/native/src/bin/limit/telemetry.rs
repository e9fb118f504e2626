//! Readings, one by one and in bulk.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse as _;
use bytes::Bytes;
use domain::reading::{RawReading, Reading, check, electrical_state, judge};
use domain::time::format_rfc3339;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use crate::server::{Answer, App, Refusal, failed, now_ms, refuse};
use crate::store::Refused;
use crate::token::Role;

#[derive(Deserialize)]
struct Incoming<'a> {
    #[serde(borrow)]
    device_code: Option<Cow<'a, str>>,
    voltage: Option<f64>,
    current: Option<f64>,
    power_factor: Option<f64>,
    occupied: Option<bool>,
    battery: Option<f64>,
    #[serde(borrow)]
    timestamp: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
struct Stored<'a> {
    device_code: &'a str,
    timestamp: String,
    voltage: f64,
    current: f64,
    power_factor: f64,
    power_w: f64,
    occupied: Option<bool>,
    battery: Option<f64>,
    received_at: String,
    electrical_state: &'static str,
}

pub fn judged(bytes: &[u8], now: i64) -> Result<Reading, Refusal> {
    let incoming: Incoming<'_> = serde_json::from_slice(bytes).map_err(|error| refuse(StatusCode::BAD_REQUEST, error.to_string()))?;
    let raw = RawReading {
        device_code: incoming.device_code.as_deref(),
        voltage: incoming.voltage,
        current: incoming.current,
        power_factor: incoming.power_factor,
        occupied: incoming.occupied,
        battery: incoming.battery,
        timestamp: incoming.timestamp.as_deref(),
    };
    check(&raw, now).map_err(|errors| refuse(StatusCode::UNPROCESSABLE_ENTITY, errors))
}

pub async fn single(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Answer {
    let now = now_ms();
    app.authorise(&headers, Role::Operator, now)?;
    let reading = judged(&body, now)?;
    let stored = Stored {
        device_code: &reading.device_code,
        timestamp: format_rfc3339(reading.at),
        voltage: reading.voltage,
        current: reading.current,
        power_factor: reading.power_factor,
        power_w: reading.power_w(),
        occupied: reading.occupied,
        battery: reading.battery,
        received_at: format_rfc3339(now),
        electrical_state: electrical_state(judge(&reading)).into_str(),
    };
    let answer = serde_json::to_vec(&stored).map_err(failed)?;
    match app.writer.single(reading, now).await {
        Ok(()) => Ok((StatusCode::CREATED, [(CONTENT_TYPE, "application/json")], answer).into_response()),
        Err(Refused::Unknown) => Err(refuse(StatusCode::NOT_FOUND, "no such active device")),
        Err(Refused::Repeat) => Err(refuse(StatusCode::CONFLICT, "stored already")),
        Err(Refused::Failed) => Err(failed("the database does not answer")),
    }
}

pub async fn bulk(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Answer {
    let now = now_ms();
    app.authorise(&headers, Role::Operator, now)?;
    let raw: Vec<&RawValue> = serde_json::from_slice(&body).map_err(|error| refuse(StatusCode::BAD_REQUEST, error.to_string()))?;
    let readings: Vec<Reading> = raw.iter().filter_map(|raw| judged(raw.get().as_bytes(), now).ok()).collect();
    let (sent, good) = (raw.len(), readings.len());
    let accepted = app.writer.bulk(readings, now).await.map_err(|_| failed("the database does not answer"))?;
    Ok(axum::Json(json!({"accepted": accepted, "duplicate": good - accepted, "rejected": sent - good})).into_response())
}
