//! One reading.

use const_format::concatcp;
use domain::reading::{self, Flags, Reading};
use kit::caller::{Principal, SESSION_LIVES};
use kit::db::{Database, DbError, Executor as _};
use kit::input::Timestamp;
use kit::row::{FromRow, Row};
use kit::{Problem, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{Stored, no_device, not_yours};

/// A reading as it was stored.
#[derive(Debug, Serialize, FromRow, ToSchema)]
pub struct StoredReading {
    /// The device's code.
    pub device_code: String,
    /// The device's own time.
    #[row(column = "at")]
    pub timestamp: Timestamp,
    /// Volts.
    pub voltage: f64,
    /// Amperes.
    pub current: f64,
    /// -1 to 1.
    pub power_factor: f64,
    /// Watts.
    pub power_w: f64,
    /// Whether the device's spot is taken, from devices that can tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub occupied: Option<bool>,
    /// The battery's charge, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub battery: Option<f64>,
    /// When it came in.
    pub received_at: Timestamp,
    /// `Critical` outside 180 to 250 V, `Warning` below a power factor of 0.8.
    #[row(with = electrical_state)]
    #[schema(value_type = reading::ElectricalState)]
    pub electrical_state: &'static str,
}

fn electrical_state(row: &Row) -> Result<&'static str, Problem> {
    Ok(reading::electrical_state(row.get("flags")?).into_str())
}

/// Stores a reading of a device for this sender, in one statement: what it gives is durable. 403 for another's device, 404 for an unknown or
/// inactive one, 409 for a reading that is stored already.
pub fn store(sender: &Principal, reading: Reading, now: i64) -> Result<Stored<StoredReading>, Problem> {
    if !sender.may_send_for(&reading.device_code) {
        return Err(not_yours());
    }
    let flags = reading::judge(&reading);
    insert(&reading, flags, sender, now)?;
    let power_w = reading.power_w();
    let answer = StoredReading {
        device_code: reading.device_code,
        timestamp: Timestamp(reading.at),
        voltage: reading.voltage,
        current: reading.current,
        power_factor: reading.power_factor,
        power_w,
        occupied: reading.occupied,
        battery: reading.battery,
        received_at: Timestamp(now),
        electrical_state: reading::electrical_state(flags).into_str(),
    };
    Ok(Stored { answer, is_urgent: flags & reading::VOLTAGE_RAISE != 0 })
}

/// Without `returning` and without a look before: what the table refuses says why.
fn insert(reading: &Reading, flags: Flags, sender: &Principal, now: i64) -> Result<(), Problem> {
    let stored = Database.run(
        concatcp!(
            "insert into readings
                (device_id, at, received_at, voltage, current, power_factor, power_w, battery, occupied, flags)
             values ((select id from devices where code = ? and is_active = 1 and ",
            SESSION_LIVES,
            "), ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        ),
        params![
            reading.device_code.as_str(),
            sender.session.as_deref(),
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
        Err(DbError::NotNull(column)) if column == "readings.device_id" => Err(no_device(sender)),
        Err(DbError::Unique(columns)) if columns == "readings.device_id, readings.at" => {
            Err(Problem::conflict("this device's reading of that time is stored already"))
        }
        Err(error) => Err(error.into()),
    }
}
