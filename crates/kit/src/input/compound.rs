//! Lists, objects, places.

use std::ops::Deref;

use serde::Serialize;
use serde_json::Value;
use utoipa::openapi::schema::Type;
use utoipa::{PartialSchema, ToSchema};

use super::shape::{array_of, of_type};
use super::{At, Field, SchemaRef, Schemas};

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
        let Value::Array(values) = value else { return at.refused("must be a list") };
        if !(MIN..=MAX).contains(&values.len()) {
            return match MIN {
                0 => at.refused(&format!("must have at most {MAX} elements")),
                _ => at.refused(&format!("must have {MIN} to {MAX} elements")),
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
            return at.refused("must be an object");
        }
        let text = value.to_string();
        if text.len() > MAX_JSON_OBJECT {
            return at.refused(&format!("must have at most {MAX_JSON_OBJECT} bytes"));
        }
        Some(Self(text))
    }

    fn schema(_: &mut Schemas) -> SchemaRef {
        of_type(Type::Object).into()
    }
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
            return at.refused("must be an object with lat and lng");
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

parameters! {
    [] JsonObject => |it| it.0;
    [] &JsonObject => |it| it.0.as_str();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::tests::read;

    #[test]
    fn a_place_is_an_object_of_two_numbers_on_the_earth() {
        assert_eq!(read(r#"{"lat": 20.888, "lng": 70}"#, false), Ok(Location { lat: 20.888, lng: 70.0 }));
        assert_eq!(read(r#"{"latitude": 1, "longitude": 2}"#, false), Ok(Location { lat: 1.0, lng: 2.0 }));
        assert_eq!(read::<Location>(r#"{"lat": "20", "lng": 181}"#, false), Err(2));
        assert_eq!(read::<Location>(r#"{"lat": 20}"#, false), Err(1));
        assert_eq!(read::<Location>("[20, 70]", false), Err(1));
    }
}
