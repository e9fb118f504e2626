//! One reading as JSON: read fast when all is well, and once more by its declared type, to name what is not.

use std::borrow::Cow;

use domain::reading::{self, RawReading, Reading};
use kit::Problem;
use kit::input::{self, Code, DeviceTime, Input, Number, Value};
use kit::problem::FieldErrors;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// A reading of a device.
#[derive(Input)]
#[input(
    example = r#"{"device_code": "PARK-B1-S005", "voltage": 220.5, "current": 5.2, "power_factor": 0.92, "occupied": true, "battery": 0.87, "timestamp": "2026-02-04T10:30:00Z"}"#
)]
pub struct NewReading {
    /// The device's code, in any case.
    device_code: Code,
    /// Volts.
    voltage: Number<0, 500>,
    /// Amperes.
    current: Number<0, 1000>,
    /// The share of the apparent power that does work.
    power_factor: Number<-1, 1>,
    /// Whether the device's spot is taken, from devices that can tell.
    occupied: Option<bool>,
    /// The battery's charge.
    battery: Option<Number<0, 1>>,
    /// The device's own time, at most five minutes ahead of the server's.
    timestamp: DeviceTime,
}

impl From<NewReading> for Reading {
    fn from(new: NewReading) -> Self {
        Self {
            device_code: new.device_code.to_string(),
            voltage: *new.voltage,
            current: *new.current,
            power_factor: *new.power_factor,
            occupied: new.occupied,
            battery: new.battery.map(|battery| *battery),
            at: new.timestamp.0,
        }
    }
}

/// Why what was sent is no reading.
#[derive(Debug)]
pub enum Refused {
    /// It is not JSON; what the parser says.
    NotJson(String),
    /// It is JSON, but not an object.
    NotObject,
    /// Its bad fields.
    Fields(FieldErrors),
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NotJson(error) => Self::unreadable(format!("not JSON: {error}")),
            Refused::NotObject => Self::invalid_field("body", "must be an object"),
            Refused::Fields(errors) => Self::invalid(errors),
        }
    }
}

/// A [`NewReading`] when all its fields have the right type, borrowed from what was sent: a third of the time of the other way.
#[derive(Deserialize)]
pub struct BorrowedReading<'a> {
    #[serde(default, rename = "")]
    _objects_only: ObjectsOnly,
    #[serde(borrow)]
    device_code: Option<&'a str>,
    voltage: Option<f64>,
    current: Option<f64>,
    power_factor: Option<f64>,
    occupied: Option<bool>,
    battery: Option<f64>,
    #[serde(borrow)]
    timestamp: Option<&'a str>,
}

/// What serde derives for a struct also takes an array, by position. As the first position this refuses every array.
#[derive(Default)]
struct ObjectsOnly;

impl<'de> Deserialize<'de> for ObjectsOnly {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(D::Error::custom("a reading is an object"))
    }
}

impl BorrowedReading<'_> {
    /// The reading; none when a field is not as it should be.
    pub fn check(&self, now_ms: i64) -> Option<Reading> {
        let raw = RawReading {
            device_code: self.device_code,
            voltage: self.voltage,
            current: self.current,
            power_factor: self.power_factor,
            occupied: self.occupied,
            battery: self.battery,
            timestamp: self.timestamp,
        };
        reading::check(&raw, now_ms).ok()
    }
}

/// The one reading in these bytes.
pub fn reading(bytes: &[u8], now_ms: i64) -> Result<Reading, Refused> {
    match serde_json::from_slice::<BorrowedReading<'_>>(bytes).ok().and_then(|reading| reading.check(now_ms)) {
        Some(reading) => Ok(reading),
        None => declared(bytes, now_ms),
    }
}

/// The same by the declared type, which names what is wrong.
pub fn declared(bytes: &[u8], now_ms: i64) -> Result<Reading, Refused> {
    let value = value(bytes)?;
    if !value.is_object() {
        return Err(Refused::NotObject);
    }
    input::parse_value::<NewReading>(&value, now_ms).map(Reading::from).map_err(Refused::Fields)
}

/// The JSON in these bytes, with what [`quote_unrepresentable`] does when it is none as it stands.
pub fn value(bytes: &[u8]) -> Result<Value, Refused> {
    serde_json::from_slice(bytes).or_else(|error| match quote_unrepresentable(bytes) {
        Cow::Owned(quoted) => serde_json::from_slice(&quoted).map_err(|error| Refused::NotJson(error.to_string())),
        Cow::Borrowed(_) => Err(Refused::NotJson(error.to_string())),
    })
}

/// The same bytes with `NaN`, `Infinity`, `-Infinity` and numbers beyond what a float holds as texts. Python and others write the words
/// where JSON has none; as texts the field that holds one can be named. Borrowed when there are none.
pub fn quote_unrepresentable(bytes: &[u8]) -> Cow<'_, [u8]> {
    const WORDS: [&[u8]; 3] = [b"NaN", b"-Infinity", b"Infinity"];
    let mut quoted = Vec::with_capacity(bytes.len() + 16);
    let mut found = false;
    let mut in_text = false;
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        if !in_text {
            let length = WORDS.iter().find(|word| rest.starts_with(word)).map_or_else(|| too_large_number(rest), |word| word.len());
            if let Some((token, after)) = rest.split_at_checked(length).filter(|_| length > 0) {
                quoted.push(b'"');
                quoted.extend_from_slice(token);
                quoted.push(b'"');
                found = true;
                rest = after;
                continue;
            }
            // The rest of a number is no number by itself.
            if byte == b'-' || byte.is_ascii_digit() {
                let length = number_length(rest);
                let (number, after) = rest.split_at(length);
                quoted.extend_from_slice(number);
                rest = after;
                continue;
            }
        }
        quoted.push(byte);
        rest = after;
        if byte == b'"' {
            in_text = !in_text;
        } else if in_text
            && byte == b'\\'
            && let Some((&escaped, after)) = rest.split_first()
        {
            quoted.push(escaped);
            rest = after;
        }
    }
    if found { Cow::Owned(quoted) } else { Cow::Borrowed(bytes) }
}

/// How many bytes belong to the number that begins here, at least one.
fn number_length(bytes: &[u8]) -> usize {
    let part = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E');
    bytes.iter().take_while(|byte| part(byte)).count().max(1)
}

/// The length of the number that begins here when no float holds it; 0 otherwise.
fn too_large_number(bytes: &[u8]) -> usize {
    let begins = bytes.first().is_some_and(|byte| *byte == b'-' || byte.is_ascii_digit());
    let number = bytes.get(..number_length(bytes)).filter(|_| begins).and_then(|number| std::str::from_utf8(number).ok());
    let infinite = number.and_then(|number| number.parse::<f64>().ok()).is_some_and(f64::is_infinite);
    if infinite { number.map_or(0, str::len) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_770_201_000_000;

    fn bad_fields(json: &str) -> Vec<String> {
        match reading(json.as_bytes(), NOW) {
            Err(Refused::Fields(errors)) => errors.into_keys().collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn escapes_and_repeated_fields_take_the_slow_path_to_the_same_reading() {
        let plain = br#"{"device_code":"PARK-1","voltage":230,"current":2.5,"power_factor":0.9,"timestamp":"2026-02-04T10:30:00Z"}"#;
        let escaped = br#"{"voltage":1,"device_code":"\u0050ARK-1","voltage":230,"current":2.5,"power_factor":0.9,"timestamp":"2026-02-04T16:00:00+05:30"}"#;
        assert_eq!(reading(plain, NOW).unwrap(), reading(escaped, NOW).unwrap());
    }

    #[test]
    fn the_fast_way_takes_nothing_that_the_declared_type_refuses() {
        let numbers = ["-1.5", "-1", "-0.0", "0", "0.87", "1", "499.9", "500", "500.1", "1000", "1001", "1e999", "null", "\"1\""];
        let times = ["2026-02-04T10:30:00Z", "2026-02-04T10:35:00Z", "2026-02-04T10:35:01Z", "1999-12-31T23:59:59Z", "now"];
        for number in numbers {
            for (field, code, time) in [
                ("voltage", "A", times[0]),
                ("current", "a.b", times[1]),
                ("power_factor", "", times[2]),
                ("battery", "é", times[3]),
                ("x", "A", times[4]),
            ] {
                let mut fields = vec![("voltage", "230"), ("current", "1"), ("power_factor", "1")];
                fields.retain(|(name, _)| *name != field);
                fields.push((field, number));
                let fields: Vec<_> = fields.iter().map(|(name, value)| format!(r#""{name}":{value}"#)).collect();
                let json = format!(r#"{{"device_code":"{code}",{},"timestamp":"{time}"}}"#, fields.join(","));
                let fast = serde_json::from_str::<BorrowedReading<'_>>(&json).ok().and_then(|reading| reading.check(NOW));
                let slow = declared(json.as_bytes(), NOW);
                assert_eq!(fast, slow.ok(), "{json}");
            }
        }
    }

    #[test]
    fn the_example_is_a_reading() {
        assert!(reading(NewReading::example().unwrap().as_bytes(), NOW).is_ok());
    }

    #[test]
    fn every_bad_field_has_one_reason() {
        let json = r#"{"device_code":7,"voltage":"230","current":1e999,"power_factor":NaN,"occupied":"yes","battery":-Infinity,"timestamp":"now"}"#;
        let names = ["battery", "current", "device_code", "occupied", "power_factor", "timestamp", "voltage"];
        assert_eq!(bad_fields(json), names);
        assert_eq!(bad_fields("{}"), ["current", "device_code", "power_factor", "timestamp", "voltage"]);
    }

    #[test]
    fn only_objects_are_readings() {
        for json in ["[]", "3", "null", r#"["x"]"#, r#"[null,"PARK-1",230,2.5,0.9,null,null,"2026-02-04T10:30:00Z"]"#] {
            assert!(matches!(reading(json.as_bytes(), NOW), Err(Refused::NotObject)), "{json}");
        }
        for json in [&b""[..], b"{", b"{}x", b"nil", b"\xef\xbb\xbf{}", b"{\"\xff\": 1}"] {
            assert!(matches!(reading(json, NOW), Err(Refused::NotJson(_))), "{}", json.escape_ascii());
        }
    }

    #[test]
    fn words_within_texts_stay() {
        assert_eq!(&*quote_unrepresentable(br#"{"a":"NaN \" NaN","b":NaN}"#), br#"{"a":"NaN \" NaN","b":"NaN"}"#);
        assert_eq!(&*quote_unrepresentable(br#"{"a":"1e999","b":-1e999,"c":12.5e3}"#), br#"{"a":"1e999","b":"-1e999","c":12.5e3}"#);
        assert!(matches!(quote_unrepresentable(br#"{"a":-1.5e-7}"#), Cow::Borrowed(_)));
    }
}
