//! The behaviour of the demo's parking sensors: when a spot is occupied, power draw, and battery level.

use fastrand::Rng;
use serde::Serialize;

/// A minute in milliseconds.
pub(crate) const MINUTE_MS: i64 = 60_000;
/// An hour in milliseconds.
pub(crate) const HOUR_MS: i64 = 60 * MINUTE_MS;
/// A day in milliseconds.
pub(crate) const DAY_MS: i64 = 24 * HOUR_MS;

/// The demo's places keep Indian time, which knows no summer time.
pub(crate) const LOCAL_OFFSET_MS: i64 = 5 * HOUR_MS + 30 * MINUTE_MS;
/// How long a vehicle stays, in the mean.
const STAY_MS: f64 = 95.0 * 60_000.0;

/// A reading, as the API takes it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Reading {
    pub device_code: String,
    pub voltage: f64,
    pub current: f64,
    pub power_factor: f64,
    pub occupied: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub battery: Option<f64>,
    pub timestamp: String,
}

/// RFC 3339 in UTC, to the millisecond.
pub(crate) fn rfc3339(at_ms: i64) -> String {
    chrono::DateTime::from_timestamp_millis(at_ms).unwrap_or_default().to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// A sensor. Its properties are determined by its code and the seed.
#[derive(Clone, Debug)]
pub(crate) struct Sensor {
    pub code: String,
    /// A seed for its random behaviour.
    pub identity: u64,
    popularity: f64,
    charger: bool,
    /// `None` for a sensor on mains power.
    battery: Option<Battery>,
}

#[derive(Clone, Debug)]
struct Battery {
    days: i64,
    age_days: i64,
}

impl Sensor {
    pub fn new(code: &str, seed: u64) -> Self {
        let identity =
            code.bytes().fold(seed ^ 0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let mut rng = Rng::with_seed(identity);
        let mut parts = code.split('-').skip(1);
        let zone = parts.next().unwrap_or_default();
        let number: u32 = parts.next().and_then(|part| part.trim_start_matches('S').parse().ok()).unwrap_or_default();
        let zone_popularity = match zone {
            "B1" => 1.0,
            "B2" => 0.8,
            "OUT" => 0.9,
            "VIP" => 0.45,
            _ => 0.75,
        };
        // Spots near the entrance, which have the low numbers, fill first.
        let nearness = 1.1 - f64::from(number.min(60)) / 200.0;
        Self {
            code: code.to_owned(),
            identity,
            popularity: zone_popularity * nearness * (0.9 + 0.2 * rng.f64()),
            charger: zone == "B1" && number > 50,
            battery: (zone != "VIP").then(|| Battery { days: rng.i64(380..560), age_days: rng.i64(0..300) }),
        }
    }

    /// The probability that the spot is occupied at this time.
    pub fn occupied_share(&self, at_ms: i64) -> f64 {
        let local = at_ms + LOCAL_OFFSET_MS;
        let hour = local.rem_euclid(DAY_MS) as f64 / HOUR_MS as f64;
        // 1 January 1970 was a Thursday.
        let weekday = (local.div_euclid(DAY_MS) + 3).rem_euclid(7);
        let bump = |centre: f64, width: f64| (-((hour - centre) / width).powi(2) / 2.0).exp();
        let day = if weekday >= 5 {
            0.10 + 0.45 * bump(13.0, 2.5) + 0.70 * bump(19.0, 2.3)
        } else {
            0.10 + 0.70 * bump(11.5, 2.4) + 0.50 * bump(17.5, 2.2)
        };
        (day * self.popularity).clamp(0.02, 0.92)
    }

    /// Whether the spot is occupied, given that it was `occupied` `since_ms` milliseconds ago. Stays last about an hour and a half; arrivals
    /// keep the share of occupied spots at that of the hour.
    pub fn next_occupied(&self, rng: &mut Rng, occupied: bool, at_ms: i64, since_ms: i64) -> bool {
        let share = self.occupied_share(at_ms);
        let settled = 1.0 - (-(since_ms.max(0) as f64) / STAY_MS / (1.0 - share)).exp();
        let chance = if occupied { (1.0 - share) * settled } else { share * settled };
        if rng.f64() < chance { !occupied } else { occupied }
    }

    /// A reading. Its power stays below the threshold of an alert.
    pub fn reading(&self, rng: &mut Rng, occupied: bool, at_ms: i64) -> Reading {
        let current = match (occupied, self.charger) {
            (false, _) => 0.4 + 0.5 * rng.f64(),
            (true, false) => 2.4 + 2.2 * rng.f64(),
            (true, true) => 4.6 + 1.0 * rng.f64(),
        };
        Reading {
            device_code: self.code.clone(),
            voltage: round(223.0 + 14.0 * rng.f64(), 10.0),
            current: round(current, 100.0),
            power_factor: round(0.86 + 0.11 * rng.f64(), 1_000.0),
            occupied,
            battery: self.battery_at(at_ms),
            timestamp: rfc3339(at_ms),
        }
    }

    /// From 1 when new to 0.15, when it is replaced.
    fn battery_at(&self, at_ms: i64) -> Option<f64> {
        let battery = self.battery.as_ref()?;
        let age = (at_ms.div_euclid(DAY_MS) + battery.age_days).rem_euclid(battery.days);
        Some(round(1.0 - 0.85 * age as f64 / battery.days as f64, 1_000.0))
    }
}

fn round(value: f64, steps: f64) -> f64 {
    (value * steps).round() / steps
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Wednesday 4 February 2026, midnight in India.
    const WEDNESDAY: i64 = 1_770_143_400_000;

    #[test]
    fn nights_are_empty_and_noons_are_full() {
        let sensor = Sensor::new("PARK-B1-S005", 1);
        assert!(sensor.occupied_share(WEDNESDAY + 3 * HOUR_MS) < 0.2);
        assert!(sensor.occupied_share(WEDNESDAY + 11 * HOUR_MS) > 0.6);
    }

    #[test]
    fn no_reading_raises_an_alert() {
        for code in ["PARK-B1-S001", "PARK-B1-S055", "PARK-VIP-S020", "elsewhere"] {
            let sensor = Sensor::new(code, 1);
            let mut rng = Rng::with_seed(7);
            for step in 0..2_000 {
                let reading = sensor.reading(&mut rng, step % 2 == 0, WEDNESDAY + step * MINUTE_MS);
                let watts = reading.voltage * reading.current * reading.power_factor;
                assert!((0.0..1_400.0).contains(&watts) && (180.0..=250.0).contains(&reading.voltage), "{reading:?}");
                assert!(reading.power_factor >= 0.8 && reading.battery.is_none_or(|battery| (0.1..=1.0).contains(&battery)));
            }
        }
    }

    #[test]
    fn taken_spots_come_to_the_hours_share() {
        let sensor = Sensor::new("PARK-B1-S005", 1);
        let (mut rng, mut occupied, mut taken) = (Rng::with_seed(1), false, 0);
        let noon = WEDNESDAY + 12 * HOUR_MS;
        for _ in 0..20_000 {
            occupied = sensor.next_occupied(&mut rng, occupied, noon, 20 * MINUTE_MS);
            taken += i32::from(occupied);
        }
        assert!((f64::from(taken) / 20_000.0 - sensor.occupied_share(noon)).abs() < 0.05);
    }
}
