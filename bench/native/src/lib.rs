//! What the limit and the load generator share: the readings, reservations and bookings that every server gets, and the
//! command line's options.

use std::collections::HashMap;

use anyhow::Context as _;

/// How many devices the fixture has.
pub const DEVICES: u64 = 200;

/// The code of a device of the fixture.
pub fn device_code(index: u64) -> String {
    format!("BENCH-S{index:03}")
}

/// The device and the time of reading number `n`: the devices in turn, each a millisecond later than before, so that no reading
/// repeats another and each is its device's newest.
pub fn reading(n: u64, base_ms: i64) -> (u64, i64) {
    (n % DEVICES, base_ms + (n / DEVICES).cast_signed())
}

/// Volts of reading number `n`; they vary, and raise no alert.
pub fn voltage(n: u64) -> f64 {
    225.0 + (n % 100) as f64 / 10.0
}

/// Amperes of every reading.
pub const CURRENT: f64 = 5.2;
/// The power factor of every reading.
pub const POWER_FACTOR: f64 = 0.92;
/// The battery of every reading.
pub const BATTERY: f64 = 0.87;

/// Writes reading number `n` as JSON. No spot turns, as with most readings of a real sensor.
pub fn write_json(out: &mut Vec<u8>, n: u64, base_ms: i64) {
    use std::io::Write as _;

    let (device, at) = reading(n, base_ms);
    let _ = write!(
        out,
        r#"{{"device_code":"BENCH-S{device:03}","voltage":{:.1},"current":{CURRENT},"power_factor":{POWER_FACTOR},"occupied":false,"battery":{BATTERY},"timestamp":"{}"}}"#,
        voltage(n),
        domain::time::format_rfc3339(at),
    );
}

/// How long a reservation of the load lasts, milliseconds.
pub const STAY_MS: i64 = 900_000;

/// The spots of the fixture that can be reserved: neither kept nor out of service.
pub fn reservable() -> impl Iterator<Item = u64> {
    (0..DEVICES).filter(|number| number % 20 != 0 && number % 33 != 1)
}

/// Writes reservation number `n` as JSON: the spots in turn, a quarter of an hour each, so that none is in another's way.
pub fn write_reservation(out: &mut Vec<u8>, n: u64, base_ms: i64) {
    use std::io::Write as _;

    let spots = reservable().count() as u64;
    let spot = reservable().nth((n % spots) as usize).unwrap_or_default();
    let start = base_ms + (n / spots).cast_signed() * STAY_MS;
    let _ = write!(
        out,
        r#"{{"spot_id":"BENCH-{spot:03}","start":"{}","end":"{}","vehicle_plate":"GJ01AB{:04}"}}"#,
        domain::time::format_rfc3339(start),
        domain::time::format_rfc3339(start + STAY_MS),
        n % 10_000,
    );
}

/// How many days bookings are spread over; a slot an hour.
const BOOKED_DAYS: u64 = 100;

/// Writes booking number `n` as JSON: for two people, the slots of the days in turn, so that none fills up.
pub fn write_booking(out: &mut Vec<u8>, n: u64, base_ms: i64) {
    use std::io::Write as _;

    let (hour, day) = (n % 24, n / 24 % BOOKED_DAYS);
    let midnight = domain::time::format_rfc3339(base_ms + day.cast_signed() * domain::time::DAY_MS);
    let date = midnight.get(..10).unwrap_or_default();
    let _ = write!(
        out,
        r#"{{"temple_id":"bench-temple","date":"{date}","slot":"{hour:02}:00-{:02}:00","party_size":2,"visitors":["Asha",{{"name":"Ravi","age":7}}]}}"#,
        hour + 1,
    );
}

/// How a client of this name speaks to the broker at `host:port`.
pub fn broker(address: &str, client_id: &str) -> anyhow::Result<rumqttc::MqttOptions> {
    let (host, port) = address.rsplit_once(':').context("the broker is at host:port")?;
    let mut options = rumqttc::MqttOptions::new(client_id, host, port.parse().context("the broker's port")?);
    options.set_keep_alive(std::time::Duration::from_secs(60));
    Ok(options)
}

/// Acknowledgements are small, and must not wait for one another.
pub fn at_once() -> rumqttc::NetworkOptions {
    let mut options = rumqttc::NetworkOptions::new();
    options.set_tcp_nodelay(true);
    options
}

/// `--name value` pairs.
pub struct Options(HashMap<String, String>);

impl Options {
    /// From the command line, after so many words.
    pub fn parse(skip: usize) -> anyhow::Result<Self> {
        let mut options = HashMap::new();
        let mut words = std::env::args().skip(1 + skip);
        while let Some(name) = words.next() {
            let name = name.strip_prefix("--").with_context(|| format!("{name} is no option"))?.to_owned();
            let value = words.next().with_context(|| format!("--{name} needs a value"))?;
            options.insert(name, value);
        }
        Ok(Self(options))
    }

    /// A text that must be there.
    pub fn text(&self, name: &str) -> anyhow::Result<&str> {
        self.0.get(name).map(String::as_str).with_context(|| format!("--{name} is needed"))
    }

    /// A value of any type that reads from text.
    pub fn value<T: std::str::FromStr>(&self, name: &str) -> anyhow::Result<T> {
        self.text(name)?.parse().ok().with_context(|| format!("--{name} is not right"))
    }
}
