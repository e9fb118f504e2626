//! Reading a JSON object field by field, so that every bad field is named at once (contract §1).

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::problem::{FieldErrors, Problem};

/// A JSON object being read. Each getter records why its field is refused and gives a placeholder; [`Fields::finish`] then refuses
/// the whole. Unknown fields are left alone: old clients send some.
#[derive(Debug)]
pub struct Fields {
    object: Map<String, Value>,
    errors: FieldErrors,
}

impl Fields {
    /// 400 when the bytes are no JSON, 422 when they are no object.
    pub fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        let value: Value = serde_json::from_slice(bytes).map_err(|error| Problem::unreadable(format!("not JSON: {error}")))?;
        Self::of(value)
    }

    /// From a value that was read already.
    pub fn of(value: Value) -> Result<Self, Problem> {
        match value {
            Value::Object(object) => Ok(Self { object, errors: FieldErrors::new() }),
            _ => Err(Problem::invalid_field("body", "must be an object")),
        }
    }

    /// Refuses the whole when any field was bad.
    pub fn finish(self) -> Result<(), Problem> {
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::invalid(self.errors)) }
    }

    /// The errors found so far.
    pub fn errors(&self) -> &FieldErrors {
        &self.errors
    }

    /// Whether the field was sent, be it null.
    pub fn has(&self, field: &str) -> bool {
        self.object.contains_key(field)
    }

    /// Reads `alias` where `field` was not sent.
    pub fn alias(&mut self, field: &str, alias: &str) -> &mut Self {
        if !self.object.contains_key(field)
            && let Some(value) = self.object.remove(alias)
        {
            self.object.insert(field.to_owned(), value);
        }
        self
    }

    /// Adds a reason.
    pub fn refuse(&mut self, field: &str, reason: impl Into<String>) {
        self.errors.entry(field.to_owned()).or_default().push(reason.into());
    }

    /// Adds a reason unless `holds`.
    pub fn check(&mut self, holds: bool, field: &str, reason: &str) {
        if !holds {
            self.refuse(field, reason);
        }
    }

    fn required<T: Default>(&mut self, field: &str, value: Option<T>) -> T {
        if value.is_none() && !self.errors.contains_key(field) {
            self.refuse(field, "is required");
        }
        value.unwrap_or_default()
    }

    fn read<T>(&mut self, field: &str, wanted: &str, read: impl FnOnce(&Value) -> Option<T>) -> Option<T> {
        let value = self.object.get(field).filter(|value| !value.is_null())?;
        let read = read(value);
        if read.is_none() {
            self.refuse(field, wanted);
        }
        read
    }

    /// A text, trimmed, with so many characters; none when absent or null.
    pub fn opt_text(&mut self, field: &str, length: RangeInclusive<usize>) -> Option<String> {
        let text = self.read(field, "must be a text", |value| value.as_str().map(|text| text.trim().to_owned()))?;
        let characters = text.chars().count();
        if !length.contains(&characters) {
            self.refuse(field, format!("must have {} to {} characters", length.start(), length.end()));
            return None;
        }
        if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
            self.refuse(field, "must not contain control characters");
            return None;
        }
        Some(text)
    }

    /// A text that must be there.
    pub fn text(&mut self, field: &str, length: RangeInclusive<usize>) -> String {
        let value = self.opt_text(field, length);
        self.required(field, value)
    }

    /// A text as it was sent, untrimmed (passwords), at most `max` bytes; it must be there.
    pub fn secret(&mut self, field: &str, max: usize) -> String {
        let value = self.read(field, "must be a text", |value| value.as_str().map(str::to_owned));
        let value = value.filter(|text| {
            let fits = text.len() <= max;
            if !fits {
                self.errors.entry(field.to_owned()).or_default().push(format!("must have at most {max} bytes"));
            }
            fits
        });
        self.required(field, value)
    }

    /// A whole number in the range; none when absent or null.
    pub fn opt_int(&mut self, field: &str, range: RangeInclusive<i64>) -> Option<i64> {
        let number = self.read(field, "must be a whole number", whole)?;
        if range.contains(&number) {
            return Some(number);
        }
        self.refuse(field, format!("must be from {} to {}", range.start(), range.end()));
        None
    }

    /// A whole number that must be there.
    pub fn int(&mut self, field: &str, range: RangeInclusive<i64>) -> i64 {
        let value = self.opt_int(field, range);
        self.required(field, value)
    }

    /// A number in the range; none when absent or null.
    pub fn opt_number(&mut self, field: &str, range: RangeInclusive<f64>) -> Option<f64> {
        let number = self.read(field, "must be a number", Value::as_f64)?;
        if range.contains(&number) {
            return Some(number);
        }
        self.refuse(field, format!("must be from {} to {}", range.start(), range.end()));
        None
    }

    /// A number that must be there.
    pub fn number(&mut self, field: &str, range: RangeInclusive<f64>) -> f64 {
        let value = self.opt_number(field, range);
        self.required(field, value)
    }

    /// A boolean; none when absent or null.
    pub fn opt_bool(&mut self, field: &str) -> Option<bool> {
        self.read(field, "must be true or false", Value::as_bool)
    }

    /// A boolean that must be there.
    pub fn bool(&mut self, field: &str) -> bool {
        let value = self.opt_bool(field);
        self.required(field, value)
    }

    /// An RFC 3339 timestamp as milliseconds; none when absent or null.
    pub fn opt_time(&mut self, field: &str) -> Option<i64> {
        self.read(field, "must be an RFC 3339 timestamp, such as 2026-02-04T10:30:00Z", |value| {
            value.as_str().and_then(domain::time::parse_rfc3339)
        })
    }

    /// A timestamp that must be there.
    pub fn time(&mut self, field: &str) -> i64 {
        let value = self.opt_time(field);
        self.required(field, value)
    }

    /// One of some words; none when absent or null.
    pub fn opt_choice(&mut self, field: &str, choices: &[&str]) -> Option<String> {
        let wanted = format!("must be one of {}", choices.join(", "));
        self.read(field, &wanted, |value| value.as_str().filter(|word| choices.contains(word)).map(str::to_owned))
    }

    /// One of some words, which must be there.
    pub fn choice(&mut self, field: &str, choices: &[&str]) -> String {
        let value = self.opt_choice(field, choices);
        self.required(field, value)
    }

    /// A list of texts, at most `max`; none when absent or null.
    pub fn opt_texts(&mut self, field: &str, max: usize) -> Option<Vec<String>> {
        let texts = self.read(field, "must be a list of texts", |value| {
            let items = value.as_array()?.iter();
            items.map(|item| item.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
        })?;
        if texts.len() <= max && texts.iter().all(|text| text.len() <= 256) {
            return Some(texts);
        }
        self.refuse(field, format!("must have at most {max} texts of at most 256 bytes"));
        None
    }

    /// A JSON object of at most 8 KiB, as text; none when absent or null.
    pub fn opt_object(&mut self, field: &str) -> Option<String> {
        let text = self.read(field, "must be an object", |value| value.is_object().then(|| value.to_string()))?;
        if text.len() <= 8192 {
            return Some(text);
        }
        self.refuse(field, "must have at most 8192 bytes");
        None
    }

    /// A place `{lat, lng}` in degrees, also written `{latitude, longitude}`; none when absent or null.
    pub fn opt_location(&mut self, field: &str) -> Option<(f64, f64)> {
        let value = self.object.get(field).filter(|value| !value.is_null())?;
        if !value.is_object() {
            self.refuse(field, "must be an object with lat and lng");
            return None;
        }
        let number = |name: &str, long: &str| value.get(name).or_else(|| value.get(long)).and_then(Value::as_f64);
        let lat = number("lat", "latitude").filter(|lat| domain::geo::is_latitude(*lat));
        let lng = number("lng", "longitude").filter(|lng| domain::geo::is_longitude(*lng));
        self.check(lat.is_some(), field, "its lat must be a number from -90 to 90");
        self.check(lng.is_some(), field, "its lng must be a number from -180 to 180");
        lat.zip(lng)
    }

    /// A place that must be there.
    pub fn location(&mut self, field: &str) -> (f64, f64) {
        let value = self.opt_location(field);
        self.required(field, value)
    }

    /// Any value, taken out.
    pub fn take(&mut self, field: &str) -> Option<Value> {
        self.object.remove(field)
    }
}

/// A whole number, also one that is written as `12.0`: JSON knows one kind of number, and some writers give each a fraction.
fn whole(value: &Value) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole, and far below the limit")]
    let of_real = |real: f64| (real.fract() == 0.0 && real.abs() <= EXACT).then_some(real as i64);
    value.as_i64().or_else(|| value.as_f64().and_then(of_real))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bad_field_is_named_at_once() {
        let mut fields = Fields::parse(br#"{"name": 3, "age": 900, "at": "yesterday", "kind": "boat"}"#).unwrap();
        fields.text("name", 1..=10);
        fields.int("age", 0..=150);
        fields.time("at");
        fields.choice("kind", &["car", "van"]);
        fields.text("plate", 1..=10);
        let problem = fields.finish().unwrap_err();
        let names: Vec<_> = problem.errors().keys().map(String::as_str).collect();
        assert_eq!(names, ["age", "at", "kind", "name", "plate"]);
        assert_eq!(problem.errors()["plate"], ["is required"]);
    }

    #[test]
    fn a_whole_number_may_be_written_with_a_fraction_of_zero() {
        let mut fields = Fields::parse(br#"{"a": 12.0, "b": 12.5, "c": 1e300, "d": 1e3, "e": "12"}"#).unwrap();
        assert_eq!((fields.int("a", 0..=20), fields.int("d", 0..=1000)), (12, 1000));
        for bad in ["b", "c", "e"] {
            fields.int(bad, 0..=20);
        }
        let problem = fields.finish().unwrap_err();
        assert_eq!(problem.errors().keys().map(String::as_str).collect::<Vec<_>>(), ["b", "c", "e"]);
    }

    #[test]
    fn what_is_no_json_is_unreadable_and_what_is_no_object_is_invalid() {
        assert_eq!(Fields::parse(b"{").unwrap_err().status(), 400);
        assert_eq!(Fields::parse(b"[]").unwrap_err().status(), 422);
    }

    #[test]
    fn a_place_is_an_object_of_two_numbers_on_the_earth() {
        let read = |json: &str| {
            let mut fields = Fields::parse(json.as_bytes()).unwrap();
            let place = fields.location("at");
            fields.finish().map(|()| place).map_err(|problem| problem.errors()["at"].len())
        };
        assert_eq!(read(r#"{"at": {"lat": 20.888, "lng": 70}}"#), Ok((20.888, 70.0)));
        assert_eq!(read(r#"{"at": {"latitude": 1, "longitude": 2}}"#), Ok((1.0, 2.0)));
        assert_eq!(read(r#"{"at": {"lat": "20", "lng": 181}}"#), Err(2));
        assert_eq!(read(r#"{"at": {"lat": 20}}"#), Err(1));
        assert_eq!(read(r#"{"at": [20, 70]}"#), Err(1));
        assert_eq!(read("{}"), Err(1));
    }

    #[test]
    fn null_is_absent_and_an_alias_stands_in() {
        let mut fields = Fields::parse(br#"{"name": null, "username": "a@b.c"}"#).unwrap();
        assert_eq!(fields.opt_text("name", 1..=10), None);
        assert_eq!(fields.alias("email", "username").text("email", 3..=254), "a@b.c");
        fields.finish().unwrap();
    }
}
