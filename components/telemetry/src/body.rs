//! Bodies with readings: read fast when all is well, and once more, field by field, to name what is not.

use std::collections::BTreeMap;

use domain::reading::{self, RawReading, Reading};
use kit::Problem;
use kit::problem::FieldErrors;
use serde::de::{Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

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

impl Refused {
    fn of(errors: domain::FieldErrors) -> Self {
        let mut fields = FieldErrors::new();
        for (field, reason) in errors {
            fields.entry(field.to_owned()).or_default().push(reason);
        }
        Self::Fields(fields)
    }
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

/// A reading as it is sent when all its fields have the right type. Borrows from the body.
#[derive(Deserialize)]
pub struct Wire<'a> {
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

impl Wire<'_> {
    /// The reading, if every field is as it should be.
    pub fn judge(&self, now_ms: i64) -> Result<Reading, Refused> {
        let raw = RawReading {
            device_code: self.device_code,
            voltage: self.voltage,
            current: self.current,
            power_factor: self.power_factor,
            occupied: self.occupied,
            battery: self.battery,
            timestamp: self.timestamp,
        };
        reading::check(&raw, now_ms).map_err(Refused::of)
    }
}

/// The one reading in these bytes.
pub fn reading(bytes: &[u8], now_ms: i64) -> Result<Reading, Refused> {
    match serde_json::from_slice::<Wire<'_>>(bytes) {
        Ok(wire) => wire.judge(now_ms),
        Err(_) => with_object(bytes, |object| {
            let device_code = object.text("device_code");
            let timestamp = object.text("timestamp");
            let raw = RawReading {
                device_code: device_code.as_deref(),
                voltage: object.number("voltage"),
                current: object.number("current"),
                power_factor: object.number("power_factor"),
                occupied: object.boolean("occupied"),
                battery: object.number("battery"),
                timestamp: timestamp.as_deref(),
            };
            reading::check(&raw, now_ms)
        }),
    }
}

/// Reads the object in these bytes field by field. `judge` takes the fields and gives the result or what is wrong with their values.
pub fn with_object<T>(bytes: &[u8], judge: impl FnOnce(&mut Object<'_>) -> Result<T, domain::FieldErrors>) -> Result<T, Refused> {
    let quoted;
    let fields = match fields(bytes) {
        Err(Refused::NotJson(error)) => {
            quoted = quote_non_finite(bytes).ok_or(Refused::NotJson(error))?;
            self::fields(&quoted)?
        }
        fields => fields?,
    };
    let mut object = Object { fields, errors: FieldErrors::new() };
    match judge(&mut object) {
        Ok(value) if object.errors.is_empty() => Ok(value),
        judged => {
            let mut errors = object.errors;
            for (field, reason) in judged.err().unwrap_or_default() {
                // A field of the wrong type was handed on as missing: that is not a second reason.
                errors.entry(field.to_owned()).or_insert_with(|| vec![reason]);
            }
            Err(Refused::Fields(errors))
        }
    }
}

fn fields(bytes: &[u8]) -> Result<BTreeMap<String, &RawValue>, Refused> {
    serde_json::from_slice(bytes).map_err(|error| {
        // An object that is not read is not JSON, whatever the error's kind: its texts may be no UTF-8, say.
        let object = bytes.trim_ascii_start().starts_with(b"{");
        if !object && serde_json::from_slice::<IgnoredAny>(bytes).is_ok() {
            Refused::NotObject
        } else {
            Refused::NotJson(error.to_string())
        }
    })
}

/// An object whose fields are read one by one; those of a wrong type are remembered and given as missing.
pub struct Object<'a> {
    fields: BTreeMap<String, &'a RawValue>,
    errors: FieldErrors,
}

impl Object<'_> {
    fn read<T>(&mut self, field: &str, wanted: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let json = self.fields.get(field).map(|raw| raw.get()).filter(|json| *json != "null")?;
        let value = read(json);
        if value.is_none() {
            self.errors.entry(field.to_owned()).or_default().push(wanted.to_owned());
        }
        value
    }

    /// A text; none when absent or null.
    pub fn text(&mut self, field: &str) -> Option<String> {
        self.read(field, "must be a text", |json| serde_json::from_str(json).ok())
    }

    /// A boolean; none when absent or null.
    pub fn boolean(&mut self, field: &str) -> Option<bool> {
        self.read(field, "must be true or false", |json| serde_json::from_str(json).ok())
    }

    /// A number; infinite when it is larger than any that is kept, so that it is in no range. None when absent or null.
    pub fn number(&mut self, field: &str) -> Option<f64> {
        self.read(field, "must be a number", |json| match json.as_bytes() {
            [b'-', ..] => Some(serde_json::from_str(json).unwrap_or(f64::NEG_INFINITY)),
            [b'0'..=b'9', ..] => Some(serde_json::from_str(json).unwrap_or(f64::INFINITY)),
            _ => None,
        })
    }
}

/// The same bytes with `NaN`, `Infinity` and `-Infinity` as texts. Python and others write them where JSON has no word; with them
/// as texts the field that holds one can be named. None when there are none.
pub fn quote_non_finite(bytes: &[u8]) -> Option<Vec<u8>> {
    const WORDS: [&[u8]; 3] = [b"NaN", b"-Infinity", b"Infinity"];
    let mut quoted = Vec::with_capacity(bytes.len() + 16);
    let mut found = false;
    let mut in_text = false;
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        if !in_text && let Some((word, after)) = WORDS.iter().find_map(|word| Some((word, rest.strip_prefix(*word)?))) {
            quoted.push(b'"');
            quoted.extend_from_slice(word);
            quoted.push(b'"');
            found = true;
            rest = after;
            continue;
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
    found.then_some(quoted)
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
        assert_eq!(quote_non_finite(br#"{"a":"NaN \" NaN","b":NaN}"#).unwrap(), br#"{"a":"NaN \" NaN","b":"NaN"}"#);
        assert_eq!(quote_non_finite(b"{}"), None);
    }
}
