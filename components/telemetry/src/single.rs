//! POST `/api/telemetry/`: one reading.

use std::borrow::Cow;

use axum::Extension;
use axum::response::Response;
use domain::reading::{self, Flags, Reading};
use domain::time::format_rfc3339;
use http::StatusCode;
use kit::caller::{Caller, Sender};
use kit::db::{self, DbError};
use kit::request::{JsonBytes, Now, RequestId};
use kit::{Answer, Problem, outbox, params};
use serde::Serialize;

use crate::{body, quiet_json};

/// A reading as answers give it.
#[derive(Debug, Serialize)]
pub struct Stored<'a> {
    pub device_code: Cow<'a, str>,
    pub timestamp: String,
    pub voltage: f64,
    pub current: f64,
    pub power_factor: f64,
    /// Watts.
    pub power_w: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub occupied: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub battery: Option<f64>,
    pub received_at: String,
    /// `Normal`, `Warning` or `Critical`, see [`reading::electrical_state`].
    pub electrical_state: &'static str,
}

/// 201 with the reading, durable. 403 for another's device, 404 for one that is unknown or inactive, 409 for a repeat.
pub async fn send(
    caller: Caller<Sender>,
    Now(now): Now,
    Extension(RequestId(request_id)): Extension<RequestId>,
    JsonBytes(bytes): JsonBytes,
) -> Answer {
    let reading = body::reading(&bytes, now)?;
    if !caller.0.may_send_for(&reading.device_code) {
        return Err(not_yours());
    }
    let flags = reading::judge(&reading);
    store(&reading, flags, now)?;
    if flags & reading::VOLTAGE_RAISE != 0 {
        outbox::wake_dispatcher(request_id);
    }
    answer(&reading, flags, now)
}

/// 403: the caller is a device, and this is another's data.
pub fn not_yours() -> Problem {
    Problem::forbidden("a device sends only its own data")
}

/// Without `returning` and without a look before: what the table refuses says why.
fn store(reading: &Reading, flags: Flags, now: i64) -> Result<(), Problem> {
    let stored = db::run(
        "insert into readings
            (device_id, at, received_at, voltage, current, power_factor, power_w, battery, occupied, flags)
         values ((select id from devices where code = ? and is_active = 1), ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            reading.device_code.as_str(),
            reading.at,
            now,
            reading.voltage,
            reading.current,
            reading.power_factor,
            reading.power_w(),
            reading.battery,
            reading.occupied,
            flags
        ],
    );
    match stored {
        Ok(_) => Ok(()),
        Err(DbError::NotNull(column)) if column == "readings.device_id" => Err(Problem::not_found("active device")),
        Err(DbError::Unique(columns)) if columns == "readings.device_id, readings.at" => {
            Err(Problem::conflict("this device's reading of that time is stored already"))
        }
        Err(error) => Err(error.into()),
    }
}

fn answer(reading: &Reading, flags: Flags, now: i64) -> Answer<Response> {
    let stored = Stored {
        device_code: Cow::Borrowed(&reading.device_code),
        timestamp: format_rfc3339(reading.at),
        voltage: reading.voltage,
        current: reading.current,
        power_factor: reading.power_factor,
        power_w: reading.power_w(),
        occupied: reading.occupied,
        battery: reading.battery,
        received_at: format_rfc3339(now),
        electrical_state: reading::electrical_state(flags).into_str(),
    };
    quiet_json(StatusCode::CREATED, &stored, 320)
}
