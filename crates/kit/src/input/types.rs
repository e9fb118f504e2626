//! The types of fields that requests share.

use std::ops::Deref;

use serde::{Serialize, Serializer};
use serde_json::Value;
use utoipa::openapi::schema::{OneOfBuilder, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use super::time::{Future, Recent, Timestamp, TimestampMillis};
use super::{At, Field, SchemaRef, Schemas, array_of, of_type};

/// A text of `MIN` to `MAX` characters, trimmed, without control characters other than line feeds and tabs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text<const MIN: usize, const MAX: usize>(String);

impl<const MIN: usize, const MAX: usize> Text<MIN, MAX> {
    /// The text.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl<const MIN: usize, const MAX: usize> Deref for Text<MIN, MAX> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MIN: usize, const MAX: usize> From<Text<MIN, MAX>> for String {
    fn from(text: Text<MIN, MAX>) -> Self {
        text.0
    }
}

/// The text, trimmed, if it has `min` to `max` characters and no control characters; refused otherwise.
pub fn plain_text(text: &str, min: usize, max: usize, at: &mut At<'_>) -> Option<String> {
    let text = text.trim();
    if !(min..=max).contains(&text.chars().count()) {
        at.refuse(format!("must have {min} to {max} characters"));
        return None;
    }
    if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        at.refuse("must not contain control characters");
        return None;
    }
    Some(text.to_owned())
}

impl<const MIN: usize, const MAX: usize> Field for Text<MIN, MAX> {
    fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
        match value.as_str() {
            Some(text) => plain_text(text, MIN, MAX, at).map(Self),
            None => refused(at, "must be a text"),
        }
    }

    fn schema(_: &mut Schemas) -> SchemaRef {
        of_type(Type::String).min_length(Some(MIN)).max_length(Some(MAX)).into()
    }
}

/// Refuses the value at `at` for this reason.
pub(super) fn refused<T>(at: &mut At<'_>, reason: &str) -> Option<T> {
    at.refuse(reason);
    None
}

/// As [`Text`], for what some clients send as a number: it is kept as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberOrText<const MIN: usize, const MAX: usize>(String);

impl<const MIN: usize, const MAX: usize> Deref for NumberOrText<MIN, MAX> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MIN: usize, const MAX: usize> Field for NumberOrText<MIN, MAX> {
    fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
        match value {
            Value::String(text) => plain_text(text, MIN, MAX, at).map(Self),
            Value::Number(number) => plain_text(&number.to_string(), MIN, MAX, at).map(Self),
            _ => refused(at, "must be a text"),
        }
    }

    fn schema(schemas: &mut Schemas) -> SchemaRef {
        OneOfBuilder::new().item(Text::<MIN, MAX>::schema(schemas)).item(of_type(Type::Number)).into()
    }
}

/// The id of something: a text of 1 to `MAX` characters. A UUID is read in either case (RFC 9562 §4), and kept in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Id<const MAX: usize = 64>(String);

impl<const MAX: usize> Deref for Id<MAX> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> From<Id<MAX>> for String {
    fn from(id: Id<MAX>) -> Self {
        id.0
    }
}

impl<const MAX: usize> Field for Id<MAX> {
    fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
        let text = Text::<1, MAX>::read(value, at)?.0;
        Some(Self(if uuid::Uuid::try_parse(&text).is_ok() { text.to_ascii_lowercase() } else { text }))
    }

    fn schema(schemas: &mut Schemas) -> SchemaRef {
        Text::<1, MAX>::schema(schemas)
    }
}

/// A text as it was sent, untrimmed, of `MIN` to `MAX` bytes: a password or a token. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<const MAX: usize, const MIN: usize = 0>(String);

impl<const MAX: usize, const MIN: usize> Deref for Secret<MAX, MIN> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize, const MIN: usize> std::fmt::Debug for Secret<MAX, MIN> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl<const MAX: usize, const MIN: usize> Field for Secret<MAX, MIN> {
    fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
        match value.as_str() {
            Some(text) if (MIN..=MAX).contains(&text.len()) => Some(Self(text.to_owned())),
            Some(_) if MIN == 0 => refused(at, &format!("must have at most {MAX} bytes")),
            Some(_) => refused(at, &format!("must have {MIN} to {MAX} bytes")),
            None => refused(at, "must be a text"),
        }
    }

    fn schema(_: &mut Schemas) -> SchemaRef {
        let password = SchemaFormat::KnownFormat(utoipa::openapi::KnownFormat::Password);
        let schema = of_type(Type::String).format(Some(password)).max_length(Some(MAX));
        if MIN > 0 { schema.min_length(Some(MIN)).into() } else { schema.into() }
    }
}

/// A whole number from `MIN` to `MAX`; `12.0` is one: JSON knows one kind of number, and some writers give each a fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Int<const MIN: i64, const MAX: i64>(i64);

impl<const MIN: i64, const MAX: i64> Deref for Int<MIN, MAX> {
    type Target = i64;

    fn deref(&self) -> &i64 {
        &self.0
    }
}

impl<const MIN: i64, const MAX: i64> Serialize for Int<MIN, MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0)
    }
}

impl<const MIN: i64, const MAX: i64> Field for Int<MIN, MAX> {
    fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
        let number = match value {
            Value::String(text) if at.is_textual() => text.parse().ok(),
            value => whole(value),
        };
        match number {
            Some(number) if (MIN..=MAX).contains(&number) => Some(Self(number)),
            Some(_) => refused(at, &format!("must be from {MIN} to {MAX}")),
            None => refused(at, "must be a whole number"),
        }
    }

    fn schema(_: &mut Schemas) -> SchemaRef {
        #[expect(clippy::cast_precision_loss, reason = "bounds are far below 2^53, or stand for no bound")]
        of_type(Type::Integer).minimum(Some(MIN as f64)).maximum(Some(MAX as f64)).into()
    }
}

fn whole(value: &Value) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole, and far below the limit")]
    let from_real = |real: f64| (real.fract() == 0.0 && real.abs() <= EXACT).then_some(real as i64);
    value.as_i64().or_else(|| value.as_f64().and_then(from_real))
}

/// A number from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Number<const MIN: i64, const MAX: i64>(f64);

impl<const MIN: i64, const MAX: i64> Deref for Number<MIN, MAX> {
    type Target = f64;

    fn deref(&self) -> &f64 {
        &self.0
    }
}

impl<const MIN: i64, const MAX: i64> Field for Number<MIN, MAX> {
    #[expect(clippy::cast_precision_loss, reason = "bounds are far below 2^53")]
    fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
        let number = match value {
            Value::String(text) if at.is_textual() => text.parse().ok(),
            value => value.as_f64(),
        };
        match number {
            Some(number) if (MIN as f64..=MAX as f64).contains(&number) => Some(Self(number)),
            Some(_) => refused(at, &format!("must be from {MIN} to {MAX}")),
            None => refused(at, "must be a number"),
        }
    }

    fn schema(_: &mut Schemas) -> SchemaRef {
        #[expect(clippy::cast_precision_loss, reason = "bounds are far below 2^53")]
        of_type(Type::Number).minimum(Some(MIN as f64)).maximum(Some(MAX as f64)).into()
    }
}

impl Field for bool {
    fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
        let read = match value {
            Value::Bool(value) => Some(*value),
            Value::String(text) if at.is_textual() => match text.to_ascii_lowercase().as_str() {
                "true" | "1" => Some(true),
                "false" | "0" => Some(false),
                _ => None,
            },
            _ => None,
        };
        read.or_else(|| refused(at, "must be true or false"))
    }

    fn schema(_: &mut Schemas) -> SchemaRef {
        of_type(Type::Boolean).into()
    }
}

/// An array of `MIN` to `MAX` elements; each bad one is named, as `visitors[0].name`.
#[derive(Clone, Debug, PartialEq)]
pub struct List<T, const MIN: usize, const MAX: usize>(Vec<T>);

impl<T, const MIN: usize, const MAX: usize> Default for List<T, MIN, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const MIN: usize, const MAX: usize> Deref for List<T, MIN, MAX> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T, const MIN: usize, const MAX: usize> IntoIterator for List<T, MIN, MAX> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<T: Field, const MIN: usize, const MAX: usize> Field for List<T, MIN, MAX> {
    fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
        let Value::Array(values) = value else { return refused(at, "must be a list") };
        if !(MIN..=MAX).contains(&values.len()) {
            return match MIN {
                0 => refused(at, &format!("must have at most {MAX} elements")),
                _ => refused(at, &format!("must have {MIN} to {MAX} elements")),
            };
        }
        // Each is read, also after a bad one.
        let read: Vec<_> = values.iter().enumerate().map(|(index, value)| at.element(index, |at| T::read(value, at))).collect();
        read.into_iter().collect::<Option<Vec<T>>>().map(Self)
    }

    fn schema(schemas: &mut Schemas) -> SchemaRef {
        array_of(T::schema(schemas), MIN, MAX)
    }
}

/// A JSON object of at most 8 KiB, kept as its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonObject(String);

/// The longest text of a [`JsonObject`], bytes.
const MAX_JSON_OBJECT: usize = 8192;

impl Deref for JsonObject {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Field for JsonObject {
    fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
        if !value.is_object() {
            return refused(at, "must be an object");
        }
        let text = value.to_string();
        if text.len() > MAX_JSON_OBJECT {
            return refused(at, &format!("must have at most {MAX_JSON_OBJECT} bytes"));
        }
        Some(Self(text))
    }

    fn schema(_: &mut Schemas) -> SchemaRef {
        of_type(Type::Object).into()
    }
}

crate::text_type! {
    /// A short name in lower case, such as a site's: `somnath`.
    pub struct Slug, domain::device_code::SLUG_RULE, pattern: "^[a-z0-9-]{1,64}$", domain::device_code::is_slug
}

crate::text_type! {
    /// A code, such as a device's: `PARK-B1-S005`.
    pub struct Code, domain::device_code::CODE_RULE, pattern: "^[A-Za-z0-9_.-]{1,64}$", domain::device_code::is_device_code
}

/// As parameters of statements.
macro_rules! parameters {
    ($([$($generics:tt)*] $name:ty => |$it:ident| $value:expr;)*) => {
        $(impl<$($generics)*> From<$name> for crate::db::value::Value {
            fn from($it: $name) -> Self {
                $value.into()
            }
        })*
    };
}

parameters! {
    [const MIN: usize, const MAX: usize] Text<MIN, MAX> => |it| it.0;
    [const MAX: usize] Id<MAX> => |it| it.0;
    [const MAX: usize] &Id<MAX> => |it| it.0.as_str();
    [const MIN: usize, const MAX: usize] &Text<MIN, MAX> => |it| it.0.as_str();
    [const MIN: usize, const MAX: usize] NumberOrText<MIN, MAX> => |it| it.0;
    [const MIN: usize, const MAX: usize] &NumberOrText<MIN, MAX> => |it| it.0.as_str();
    [const MIN: i64, const MAX: i64] Int<MIN, MAX> => |it| it.0;
    [const MIN: i64, const MAX: i64] Number<MIN, MAX> => |it| it.0;
    [] JsonObject => |it| it.0;
    [] &JsonObject => |it| it.0.as_str();
    [] Recent => |it| it.0;
    [] Future => |it| it.0;
    [] Timestamp => |it| it.0;
    [] TimestampMillis => |it| it.0;
}

/// A place on the earth, degrees (WGS 84); also read as `{latitude, longitude}`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub struct Location {
    /// Latitude, -90 to 90.
    #[schema(minimum = -90, maximum = 90)]
    pub lat: f64,
    /// Longitude, -180 to 180.
    #[schema(minimum = -180, maximum = 180)]
    pub lng: f64,
}

impl Field for Location {
    fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
        if !value.is_object() {
            return refused(at, "must be an object with lat and lng");
        }
        let number = |name: &str, long: &str| value.get(name).or_else(|| value.get(long)).and_then(Value::as_f64);
        let lat = number("lat", "latitude").filter(|lat| domain::geo::is_latitude(*lat));
        let lng = number("lng", "longitude").filter(|lng| domain::geo::is_longitude(*lng));
        if lat.is_none() {
            at.refuse("its lat must be a number from -90 to 90");
        }
        if lng.is_none() {
            at.refuse("its lng must be a number from -180 to 180");
        }
        Some(Self { lat: lat?, lng: lng? })
    }

    fn schema(schemas: &mut Schemas) -> SchemaRef {
        super::add(schemas, ("Location".to_owned(), <Self as PartialSchema>::schema()));
        utoipa::openapi::Ref::from_schema_name("Location").into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::FieldErrors;

    fn read<T: Field>(json: &str, textual: bool) -> Result<T, usize> {
        let mut errors = FieldErrors::new();
        let value = serde_json::from_str(json).unwrap();
        let read = At::top(&mut errors, 0, textual).inside("at", |at| T::read(&value, at));
        read.ok_or_else(|| errors["at"].len())
    }

    #[test]
    fn a_whole_number_may_be_written_with_a_fraction_of_zero() {
        assert_eq!(read::<Int<0, 20>>("12.0", false).map(|it| *it), Ok(12));
        assert_eq!(read::<Int<0, 1000>>("1e3", false).map(|it| *it), Ok(1000));
        for bad in ["12.5", "1e300", "\"12\"", "21"] {
            assert!(read::<Int<0, 20>>(bad, false).is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers_and_booleans_of_a_query_are_texts() {
        assert_eq!(read::<Int<0, 20>>("\"12\"", true).map(|it| *it), Ok(12));
        assert_eq!(read::<bool>("\"TRUE\"", true), Ok(true));
        assert!(read::<bool>("\"yes\"", true).is_err());
    }

    #[test]
    fn a_place_is_an_object_of_two_numbers_on_the_earth() {
        assert_eq!(read(r#"{"lat": 20.888, "lng": 70}"#, false), Ok(Location { lat: 20.888, lng: 70.0 }));
        assert_eq!(read(r#"{"latitude": 1, "longitude": 2}"#, false), Ok(Location { lat: 1.0, lng: 2.0 }));
        assert_eq!(read::<Location>(r#"{"lat": "20", "lng": 181}"#, false), Err(2));
        assert_eq!(read::<Location>(r#"{"lat": 20}"#, false), Err(1));
        assert_eq!(read::<Location>("[20, 70]", false), Err(1));
    }

    #[test]
    fn a_uuid_is_read_in_either_case() {
        let mut errors = crate::problem::FieldErrors::new();
        let mut at = At::top(&mut errors, 0, false);
        let mut read = |text: &str| Id::<64>::read(&text.into(), &mut at).unwrap().0;
        assert_eq!(read("019C2A5E-4B00-7000-8000-0123456789aB"), "019c2a5e-4b00-7000-8000-0123456789ab");
        assert_eq!(read(" AMB-1 "), "AMB-1");
    }

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", read::<Secret<10>>("\"hunter2\"", false).unwrap()), "Secret");
    }
}
