//! Devices whose every reading is a function of its number, so that what is to be answered can be computed without keeping what was sent.

use std::collections::BTreeMap;

use domain::rollup::{Draw, energy_wh};
use gatehouse_tests::{App, Client, Place, rfc3339};
use serde_json::{Value, json};

pub const MINUTE_MS: i64 = 60_000;
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// How many days late a late reading is sent.
pub const LATE_DAYS: i64 = 3;

/// The widths of buckets by their names.
pub const WIDTHS: [(&str, i64); 3] = [("5m", 5 * MINUTE_MS), ("1h", HOUR_MS), ("1d", DAY_MS)];

/// The most readings of a request.
const BULK: usize = 5_000;

pub fn day_of(ms: i64) -> i64 {
    ms - ms % DAY_MS
}

/// Some devices that measure from a day on, so far apart.
pub struct Fleet {
    pub codes: Vec<String>,
    pub start: i64,
    pub interval_ms: i64,
    /// The first day that was not sent yet.
    pub today: i64,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    at: i64,
    volts: f64,
    amperes: f64,
    power_factor: f64,
    battery: Option<f64>,
}

impl Sample {
    fn power_w(&self) -> f64 {
        self.volts * self.amperes * self.power_factor
    }
}

/// The smallest, the sum and the largest.
#[derive(Clone, Copy)]
struct Spread([f64; 3]);

impl Spread {
    const NONE: Self = Self([f64::MAX, 0.0, f64::MIN]);

    fn add(&mut self, value: f64) {
        self.0 = [self.0[0].min(value), self.0[1] + value, self.0[2].max(value)];
    }

    fn assert_is(&self, figures: &Value, count: i64, what: &str) {
        for (name, expected) in [("min", self.0[0]), ("mean", self.0[1] / count as f64), ("max", self.0[2])] {
            assert_close(figures[name].as_f64().unwrap_or_else(|| panic!("{what}: no {name} in {figures}")), expected, what);
        }
    }
}

#[track_caller]
pub fn assert_close(got: f64, expected: f64, what: &str) {
    assert!((got - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{what}: {got} is not {expected}");
}

impl Fleet {
    pub async fn new(app: &App, place: &Place, devices: usize, interval_ms: i64) -> Self {
        let mut codes = Vec::new();
        for _ in 0..devices {
            codes.push(app.new_device(place, None).await);
        }
        let start = day_of(app.now_ms());
        Self { codes, start, interval_ms, today: start }
    }

    /// A number from 0 to 1 that depends on the reading and on what it is for.
    fn dice(device: usize, number: i64, of: u64) -> f64 {
        let mut bits = ((device as u64) << 48) ^ ((number as u64) << 3) ^ of;
        for _ in 0..2 {
            bits = (bits ^ (bits >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            bits = (bits ^ (bits >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        }
        (bits >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// The reading of this number; none where the device was silent.
    fn sample(&self, device: usize, number: i64) -> Option<Sample> {
        if number < 0 || (number / 50 + device as i64) % 13 == 7 {
            return None;
        }
        let dice = |of| Self::dice(device, number, of);
        let jitter = (dice(0) * 0.8 * self.interval_ms as f64) as i64;
        Some(Sample {
            at: self.start + number * self.interval_ms + jitter,
            volts: 210.0 + 30.0 * dice(1),
            amperes: 6.0 * dice(2),
            power_factor: 0.8 + 0.2 * dice(3),
            battery: (dice(4) < 0.3).then(|| dice(5)),
        })
    }

    fn is_late(number: i64) -> bool {
        number % 23 == 5
    }

    /// The reading of this number, if it was sent.
    fn sent(&self, device: usize, number: i64) -> Option<Sample> {
        let sample = self.sample(device, number)?;
        let sent_on = day_of(sample.at) + if Self::is_late(number) { LATE_DAYS * DAY_MS } else { 0 };
        (sent_on < self.today).then_some(sample)
    }

    fn numbers(&self, from: i64, to: i64) -> std::ops::RangeInclusive<i64> {
        ((from - self.start) / self.interval_ms - 1).max(0)..=(to - self.start) / self.interval_ms
    }

    fn body(&self, device: usize, sample: &Sample) -> Value {
        let mut body = json!({
            "device_code": self.codes[device], "voltage": sample.volts, "current": sample.amperes, "power_factor": sample.power_factor,
            "timestamp": rfc3339(sample.at),
        });
        if let Some(battery) = sample.battery {
            body["battery"] = json!(battery);
        }
        body
    }

    /// Sends what is to be sent of this day: its own readings, then those that are late.
    pub async fn send_day(&mut self, operator: &Client) -> usize {
        let mut bodies = Vec::new();
        for (of, late) in [(self.today, false), (self.today - LATE_DAYS * DAY_MS, true)] {
            for device in 0..self.codes.len() {
                for number in self.numbers(of, of + DAY_MS) {
                    let sample = self.sample(device, number).filter(|sample| day_of(sample.at) == of && Self::is_late(number) == late);
                    bodies.extend(sample.map(|sample| self.body(device, &sample)));
                }
            }
        }
        for bulk in bodies.chunks(BULK) {
            let told = operator.post("/api/telemetry/bulk/", Value::Array(bulk.to_vec())).await.expect(200);
            assert_eq!(told["accepted"], bulk.len(), "{}", told);
        }
        self.today += DAY_MS;
        bodies.len()
    }

    /// How many readings of a device were sent of a span, the end not included.
    fn count(&self, device: usize, from: i64, to: i64) -> i64 {
        let sent = self.numbers(from, to).filter_map(|number| self.sent(device, number));
        sent.filter(|sample| (from..to).contains(&sample.at)).count() as i64
    }

    /// Checks a bucket by all that was sent of its time; how many readings it has.
    fn check_bucket(&self, device: usize, bucket: &Value, clip: (i64, i64)) -> i64 {
        let moment =
            |name: &str| chrono::DateTime::parse_from_rfc3339(bucket[name].as_str().expect("a moment")).unwrap().timestamp_millis();
        let (from, to) = (moment("from").max(clip.0), moment("to").min(clip.1));
        let numbers = self.numbers(from, to);
        let mut before = (1..200).find_map(|back| {
            let sample = self.sent(device, numbers.start() - back)?;
            Some(Draw { at: sample.at, power_w: sample.power_w() })
        });
        let (mut count, mut energy, mut charged) = (0, 0.0, 0);
        let mut spreads = [Spread::NONE; 5];
        for sample in numbers.filter_map(|number| self.sent(device, number)) {
            let draw = Draw { at: sample.at, power_w: sample.power_w() };
            if (from..to).contains(&sample.at) {
                count += 1;
                energy += energy_wh(before, draw);
                for (spread, value) in spreads.iter_mut().zip([sample.volts, sample.amperes, sample.power_factor, sample.power_w()]) {
                    spread.add(value);
                }
                if let Some(battery) = sample.battery {
                    charged += 1;
                    spreads[4].add(battery);
                }
            }
            before = Some(draw);
        }
        let what = format!("{} {bucket}", self.codes[device]);
        assert_eq!(bucket["count"], count, "{what}");
        for (spread, name) in spreads.iter().zip(["voltage", "current", "power_factor", "power_w"]) {
            spread.assert_is(&bucket[name], count, &what);
        }
        if charged == 0 {
            assert!(bucket["battery"].is_null(), "{what}");
        } else {
            spreads[4].assert_is(&bucket["battery"], charged, &what);
        }
        assert_close(bucket["energy_wh"].as_f64().expect("energy"), energy, &what);
        count
    }

    /// Asks for the buckets of a span, the end not included, and checks each; how many there were of each level. Where readings are gone, the span
    /// must be of whole days.
    pub async fn check(
        &self,
        operator: &Client,
        device: usize,
        width: (&str, i64),
        span: (i64, i64),
        order: &str,
    ) -> BTreeMap<String, usize> {
        let (from, to) = span;
        let range = format!("from={}&to={}&order={order}&limit=500", rfc3339(from), rfc3339(to - 1));
        let (mut levels, mut count, mut cursor, mut last) = (BTreeMap::new(), 0, String::new(), None);
        loop {
            let path = format!("/api/telemetry/?device={}&bucket={}&{range}{cursor}", self.codes[device], width.0);
            let page = operator.get(&path).await.expect(200);
            for bucket in page["items"].as_array().expect("items") {
                count += self.check_bucket(device, bucket, span);
                *levels.entry(bucket["level"].as_str().expect("a level").to_owned()).or_default() += 1;
                let start = bucket["from"].as_str().map(str::to_owned);
                assert!(last.is_none() || (last < start) == (order == "asc"), "{path}: in the order of time");
                last = start;
            }
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(count, self.count(device, from, to), "{} {}: every reading is in one bucket", width.0, self.codes[device]);
        levels
    }
}

/// Runs telemetry's scheduled work until it finds nothing to do; how many readings it rolled up.
pub async fn run_telemetry(app: &App) -> i64 {
    let mut rolled_up = 0;
    for _ in 0..500 {
        let done = app.internal("/internal/tick/telemetry").await.expect(200);
        rolled_up += done["rolled_up"].as_i64().expect("a number");
        let is_idle = |name: &str| done[name] == 0;
        if ["rolled_up", "corrected", "removed", "occupancy_quarters", "late_occupancy"].into_iter().all(is_idle) {
            return rolled_up;
        }
    }
    panic!("the scheduled work does not come to an end");
}
