//! The virtual devices and the readings that they send.

use fastrand::Rng;
use serde_json::{Value, json};

use super::faults::Faults;
use super::stats::Kind;
use crate::seed::pattern::{MINUTE_MS, Sensor};

/// How many readings of a device a surge lasts.
const SURGE_READINGS: u32 = 3;

/// A virtual device.
pub(super) struct Device {
    sensor: Sensor,
    key: String,
    occupied: bool,
    /// The time of its last good reading, and that reading.
    last_ms: Option<i64>,
    last: Option<Value>,
    /// How many readings of its surge are left.
    surge: u32,
}

impl Device {
    /// A device whose spot is `occupied`, or, if that is unknown, as likely as it is at this hour.
    pub fn new(code: &str, key: &str, occupied: Option<bool>, seed: u64, now_ms: i64) -> Self {
        let sensor = Sensor::new(code, seed);
        let likely = || Rng::with_seed(sensor.identity).f64() < sensor.occupied_share(now_ms);
        let occupied = occupied.unwrap_or_else(likely);
        Self { sensor, key: key.to_owned(), occupied, last_ms: None, last: None, surge: 0 }
    }
}

/// A reading to send.
pub(super) struct Message {
    pub kind: Kind,
    pub key: String,
    pub body: Value,
    /// Whether it is sent by the operator rather than the device.
    pub by_operator: bool,
}

/// The devices, which send readings in turn.
pub(super) struct Fleet {
    devices: Vec<Device>,
    next: usize,
    faults: Faults,
    rng: Rng,
}

impl Fleet {
    /// `devices` must not be empty.
    pub fn new(mut devices: Vec<Device>, faults: Faults, seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        rng.shuffle(&mut devices);
        Self { devices, next: 0, faults, rng }
    }

    pub fn len(&self) -> usize {
        self.devices.len()
    }

    /// The reading of the next device.
    pub fn next_message(&mut self, now_ms: i64) -> Message {
        let index = self.next % self.devices.len();
        self.next = self.next.wrapping_add(1);
        let kind = self.choose_kind();
        let rng = &mut self.rng;
        let device = &mut self.devices[index];
        let message = |kind, body| Message { kind, key: device.key.clone(), body, by_operator: kind == Kind::UnknownDevice };
        match (kind, &device.last) {
            (Kind::Duplicate, Some(last)) => return message(kind, last.clone()),
            (Kind::Late, _) => {
                let at = now_ms - rng.i64(MINUTE_MS..30 * MINUTE_MS);
                return message(kind, json!(device.sensor.reading(rng, device.occupied, at)));
            }
            (Kind::Future, _) => {
                let at = now_ms + rng.i64(6 * MINUTE_MS..24 * 60 * MINUTE_MS);
                return message(kind, json!(device.sensor.reading(rng, device.occupied, at)));
            }
            (Kind::OutOfRange, _) => {
                let mut body = json!(device.sensor.reading(rng, device.occupied, now_ms));
                let wrong = [("voltage", 640.0), ("current", -3.0), ("power_factor", 1.7), ("battery", 4.2)];
                if let Some((field, value)) = rng.choice(wrong) {
                    body[field] = json!(value);
                }
                return message(kind, body);
            }
            (Kind::UnknownDevice, _) => {
                let mut body = json!(device.sensor.reading(rng, device.occupied, now_ms));
                body["device_code"] = json!(format!("GHOST-{:04}", rng.u32(0..10_000)));
                return message(kind, body);
            }
            _ => {}
        }
        if kind == Kind::Surge {
            device.surge = SURGE_READINGS;
        }
        // Two readings of one device never carry the same millisecond.
        let at = device.last_ms.map_or(now_ms, |last| now_ms.max(last + 1));
        let since = device.last_ms.map_or(0, |last| at - last);
        device.occupied = device.sensor.next_occupied(rng, device.occupied, at, since);
        let mut body = json!(device.sensor.reading(rng, device.occupied, at));
        if device.surge > 0 {
            device.surge -= 1;
            body["current"] = json!(8.4);
            body["power_factor"] = json!(0.95);
        }
        device.last_ms = Some(at);
        device.last = Some(body.clone());
        let kind = if kind == Kind::Duplicate { Kind::Good } else { kind };
        Message { kind, key: device.key.clone(), body, by_operator: false }
    }

    fn choose_kind(&mut self) -> Kind {
        let Faults { late, duplicate, bad, surge } = self.faults;
        let mut dice = self.rng.f64() * 100.0;
        for (share, kind) in [(late, Kind::Late), (duplicate, Kind::Duplicate), (surge, Kind::Surge)] {
            if dice < share {
                return kind;
            }
            dice -= share;
        }
        if dice < bad {
            let kinds = [Kind::OutOfRange, Kind::Future, Kind::UnknownDevice];
            return self.rng.choice(kinds).unwrap_or(Kind::OutOfRange);
        }
        Kind::Good
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::pattern::rfc3339;

    const NOW: i64 = 1_770_201_000_000;

    fn fleet(faults: &str) -> Fleet {
        let devices = ["PARK-B1-S001", "PARK-B1-S002", "PARK-VIP-S001"];
        let devices = devices.iter().map(|code| Device::new(code, "key", Some(false), 1, 0)).collect();
        Fleet::new(devices, faults.parse().unwrap(), 1)
    }

    #[test]
    fn devices_send_in_turn() {
        let mut fleet = fleet("none");
        let codes: Vec<_> = (0..6).map(|step| fleet.next_message(NOW + step).body["device_code"].to_string()).collect();
        assert_eq!(codes[..3], codes[3..]);
        assert_eq!(std::collections::HashSet::<_>::from_iter(&codes).len(), 3);
    }

    #[test]
    fn good_readings_never_repeat_a_time() {
        let mut fleet = fleet("none");
        let mut seen = std::collections::HashSet::new();
        for _ in 0..300 {
            let body = fleet.next_message(NOW).body;
            assert!(seen.insert((body["device_code"].to_string(), body["timestamp"].to_string())));
        }
    }

    #[test]
    fn a_surge_raises_power_and_ends() {
        let mut fleet = fleet("surge=100");
        let watts = |body: &Value| ["voltage", "current", "power_factor"].iter().filter_map(|field| body[field].as_f64()).product::<f64>();
        assert!(watts(&fleet.next_message(NOW).body) > 1_500.0);
        fleet.faults = Faults::default();
        let last = (0..30).map(|step| watts(&fleet.next_message(NOW + step).body)).last();
        assert!(last.is_some_and(|watts| watts < 1_400.0));
    }

    #[test]
    fn bad_readings_are_bad_in_every_way() {
        let mut fleet = fleet("bad=100");
        let mut kinds = std::collections::HashSet::new();
        for step in 0..200 {
            let message = fleet.next_message(NOW + step);
            match message.kind {
                Kind::Future => assert!(message.body["timestamp"].as_str() > Some(rfc3339(NOW + 5 * MINUTE_MS).as_str())),
                Kind::UnknownDevice => assert!(message.by_operator),
                Kind::OutOfRange => {}
                other => panic!("{other:?} is not bad"),
            }
            kinds.insert(message.kind);
        }
        assert_eq!(kinds.len(), 3);
    }
}
