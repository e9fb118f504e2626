//! One reading of a device: what is accepted, and what it says (docs/reference/rules.md).

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use crate::time::{AHEAD_TOLERANCE_MS, YEAR_2000_MS, format_rfc3339, parse_rfc3339};
use crate::{FieldErrors, device_code};

/// The highest voltage that is accepted, in volts; the lowest is 0.
pub const MAX_VOLTAGE: f64 = 500.0;
/// The highest current that is accepted, in amperes; the lowest is 0.
pub const MAX_CURRENT: f64 = 1_000.0;

/// A power factor below this is an electrical `Warning`.
pub const WARNING_POWER_FACTOR: f64 = 0.8;
/// Below this many volts a device is electrically `Critical`.
pub const CRITICAL_VOLTAGE_LOW: f64 = 180.0;
/// Above this many volts a device is electrically `Critical`.
pub const CRITICAL_VOLTAGE_HIGH: f64 = 250.0;
/// More than this many watts raises `high_power`.
pub const POWER_RAISE_W: f64 = 1_500.0;
/// Less than this many watts clears `high_power`.
pub const POWER_CLEAR_W: f64 = 1_400.0;
/// Volts outside these raise `voltage_out_of_range`.
pub const VOLTAGE_RAISE_V: (f64, f64) = (100.0, 300.0);
/// Volts inside these, both included, clear `voltage_out_of_range`.
pub const VOLTAGE_CLEAR_V: (f64, f64) = (105.0, 295.0);

/// What one reading says, as bits that the database can keep and compare.
pub type Flags = i64;

/// The power factor is below 0.8.
pub const ELECTRICAL_WARNING: Flags = 1;
/// The voltage is outside 180–250 V.
pub const ELECTRICAL_CRITICAL: Flags = 2;
/// The power is above 1,500 W.
pub const POWER_RAISE: Flags = 4;
/// The power is below 1,400 W.
pub const POWER_CLEAR: Flags = 8;
/// The voltage is outside 100–300 V.
pub const VOLTAGE_RAISE: Flags = 16;
/// The voltage is inside 105–295 V.
pub const VOLTAGE_CLEAR: Flags = 32;

/// A reading as it came in: every field may be missing, none is judged yet.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RawReading<'a> {
    /// `device_code`.
    pub device_code: Option<&'a str>,
    /// `voltage`, in volts.
    pub voltage: Option<f64>,
    /// `current`, in amperes.
    pub current: Option<f64>,
    /// `power_factor`, −1 to 1.
    pub power_factor: Option<f64>,
    /// `occupied`, optional.
    pub occupied: Option<bool>,
    /// `battery`, 0 to 1, optional.
    pub battery: Option<f64>,
    /// `timestamp`, RFC 3339.
    pub timestamp: Option<&'a str>,
}

/// A reading that passed [`check`].
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The device's code, well-formed; whether the device exists is not known here.
    pub device_code: String,
    /// Volts, 0–500.
    pub voltage: f64,
    /// Amperes, 0–1,000.
    pub current: f64,
    /// −1 to 1.
    pub power_factor: f64,
    /// Whether the device's spot is taken, when the device can tell.
    pub occupied: Option<bool>,
    /// The battery's charge, 0–1, when the device has one.
    pub battery: Option<f64>,
    /// The device's own time of the reading, in milliseconds.
    pub at: i64,
}

impl Reading {
    /// Active power in watts: volts times amperes times power factor. Negative when the device feeds back.
    pub fn power_w(&self) -> f64 {
        power_w(self.voltage, self.current, self.power_factor)
    }
}

/// Active power in watts of a voltage (V), a current (A) and a power factor.
pub fn power_w(voltage: f64, current: f64, power_factor: f64) -> f64 {
    voltage * current * power_factor
}

/// Judges a reading as it came in at `now_ms`; the error names every bad field.
///
/// Refused are: a missing field, a malformed device code, a value outside its physical range (voltage 0–500 V, current
/// 0–1,000 A, power factor −1–1, battery 0–1) or not finite, a timestamp that is not RFC 3339, more than
/// [`AHEAD_TOLERANCE_MS`] ahead, or before the year 2000.
pub fn check(raw: &RawReading<'_>, now_ms: i64) -> Result<Reading, FieldErrors> {
    let mut errors = FieldErrors::new();
    let device_code = check_device_code(raw.device_code, &mut errors);
    let voltage = check_range("voltage", raw.voltage, 0.0, MAX_VOLTAGE, &mut errors);
    let current = check_range("current", raw.current, 0.0, MAX_CURRENT, &mut errors);
    let power_factor = check_range("power_factor", raw.power_factor, -1.0, 1.0, &mut errors);
    if raw.battery.is_some() {
        check_range("battery", raw.battery, 0.0, 1.0, &mut errors);
    }
    let at = check_timestamp(raw.timestamp, now_ms, &mut errors);
    match (device_code, voltage, current, power_factor, at) {
        (Some(code), Some(voltage), Some(current), Some(power_factor), Some(at)) if errors.is_empty() => {
            Ok(Reading { device_code: code.to_owned(), voltage, current, power_factor, occupied: raw.occupied, battery: raw.battery, at })
        }
        _ => Err(errors),
    }
}

/// Judges a timestamp that a device sent, by the rule of [`check`]; `field` is always `timestamp`.
pub fn check_timestamp(text: Option<&str>, now_ms: i64, errors: &mut FieldErrors) -> Option<i64> {
    let Some(text) = text else {
        errors.push(("timestamp", "is required".to_owned()));
        return None;
    };
    let Some(at) = parse_rfc3339(text) else {
        errors.push(("timestamp", "must be an RFC 3339 time such as 2026-02-04T10:30:00Z".to_owned()));
        return None;
    };
    if at > now_ms.saturating_add(AHEAD_TOLERANCE_MS) {
        errors.push(("timestamp", format!("is more than 5 minutes ahead of the server's clock, which shows {}", format_rfc3339(now_ms))));
        return None;
    }
    if at < YEAR_2000_MS {
        errors.push(("timestamp", "is before the year 2000".to_owned()));
        return None;
    }
    Some(at)
}

/// Judges a device code that a caller sent; `field` is always `device_code`.
pub fn check_device_code<'a>(code: Option<&'a str>, errors: &mut FieldErrors) -> Option<&'a str> {
    match code {
        None => {
            errors.push(("device_code", "is required".to_owned()));
            None
        }
        Some(code) if !device_code::is_device_code(code) => {
            errors.push(("device_code", device_code::CODE_RULE.to_owned()));
            None
        }
        Some(code) => Some(code),
    }
}

fn check_range(field: &'static str, value: Option<f64>, low: f64, high: f64, errors: &mut FieldErrors) -> Option<f64> {
    match value {
        None => {
            errors.push((field, "is required".to_owned()));
            None
        }
        // NaN lies in no range, the infinities in none of these.
        Some(value) if !(low..=high).contains(&value) => {
            errors.push((field, format!("must be between {low} and {high}")));
            None
        }
        Some(value) => Some(value),
    }
}

/// What a reading says about its device, as [`Flags`].
///
/// `POWER_RAISE` and `POWER_CLEAR` never stand together, nor do the two of the voltage; between their bounds neither
/// stands, and an anomaly stays as it is.
pub fn judge(reading: &Reading) -> Flags {
    let mut flags = 0;
    let mut set = |when: bool, flag: Flags| {
        if when {
            flags |= flag;
        }
    };
    let volts = reading.voltage;
    let watts = reading.power_w();
    set(reading.power_factor < WARNING_POWER_FACTOR, ELECTRICAL_WARNING);
    set(!(CRITICAL_VOLTAGE_LOW..=CRITICAL_VOLTAGE_HIGH).contains(&volts), ELECTRICAL_CRITICAL);
    set(watts > POWER_RAISE_W, POWER_RAISE);
    set(watts < POWER_CLEAR_W, POWER_CLEAR);
    set(!(VOLTAGE_RAISE_V.0..=VOLTAGE_RAISE_V.1).contains(&volts), VOLTAGE_RAISE);
    set((VOLTAGE_CLEAR_V.0..=VOLTAGE_CLEAR_V.1).contains(&volts), VOLTAGE_CLEAR);
    flags
}

/// A device's electrical state in the capitalised words that parking clients expect (docs/reference/clients.md), beside the health of
/// its heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[derive(EnumString, IntoStaticStr, VariantArray, strum::VariantNames, ToSchema)]
#[strum(const_into_str)]
pub enum ElectricalState {
    /// Nothing to see.
    Normal,
    /// The power factor is below 0.8.
    Warning,
    /// The voltage is outside 180–250 V.
    Critical,
}

/// The electrical state that a reading's flags say; critical beats warning.
pub const fn electrical_state(flags: Flags) -> ElectricalState {
    if flags & ELECTRICAL_CRITICAL != 0 {
        ElectricalState::Critical
    } else if flags & ELECTRICAL_WARNING != 0 {
        ElectricalState::Warning
    } else {
        ElectricalState::Normal
    }
}

#[cfg(test)]
mod tests;
