//! A value of an old record, whatever its file's format.

use chrono::DateTime;
use serde_json::{Map, Value};

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Old {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Another number.
    Float(f64),
    /// A text.
    Text(String),
    /// A moment that the format itself tells from a text: milliseconds since 1970.
    Moment(i64),
    /// A list.
    List(Vec<Self>),
    /// Named values.
    Map(Vec<(String, Self)>),
}

/// The fields of a record, in their order.
pub type Fields = Vec<(String, Old)>;

impl Old {
    /// From JSON, in which MongoDB's extended types (both its older form and its newer ones) stand for themselves.
    pub fn from_json(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(value),
            Value::Number(number) => number.as_i64().map_or_else(|| Self::Float(number.as_f64().unwrap_or(f64::NAN)), Self::Int),
            Value::String(text) => Self::Text(text),
            Value::Array(values) => Self::List(values.into_iter().map(Self::from_json).collect()),
            Value::Object(fields) => extended(&fields).unwrap_or_else(|| Self::Map(fields_of(fields))),
        }
    }

    /// What is kept of one where nothing is said: an empty text says as much as null.
    pub fn is_nothing(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Text(text) => text.trim().is_empty(),
            _ => false,
        }
    }
}

/// The fields of a JSON object.
pub fn fields_of(object: Map<String, Value>) -> Fields {
    object.into_iter().map(|(name, value)| (name, Old::from_json(value))).collect()
}

/// A value of MongoDB's Extended JSON: an object of one field that begins with a dollar.
fn extended(fields: &Map<String, Value>) -> Option<Old> {
    let mut all = fields.iter();
    let (Some((name, value)), None) = (all.next(), all.next()) else { return None };
    match (name.as_str(), value) {
        ("$oid" | "$uuid" | "$symbol", Value::String(text)) => Some(Old::Text(text.clone())),
        ("$numberLong" | "$numberInt", Value::String(text)) => text.parse().ok().map(Old::Int),
        ("$numberLong" | "$numberInt", Value::Number(number)) => number.as_i64().map(Old::Int),
        ("$numberDouble", Value::String(text)) => text.parse().ok().map(Old::Float),
        ("$numberDouble", Value::Number(number)) => number.as_f64().map(Old::Float),
        // Kept as the text that it is: money must not be rounded on its way.
        ("$numberDecimal", Value::String(text)) => Some(Old::Text(text.clone())),
        ("$undefined", _) => Some(Old::Null),
        ("$date", value) => date(value).map(Old::Moment),
        _ => None,
    }
}

/// `$date`: a text, a number of milliseconds, or that number as `$numberLong`.
fn date(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => DateTime::parse_from_rfc3339(text)
            // mongoexport of old wrote offsets without a colon.
            .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"))
            .ok()
            .map(|moment| moment.timestamp_millis()),
        Value::Object(fields) => match extended(fields)? {
            Old::Int(ms) => Some(ms),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn extended_json_of_both_versions_is_read() {
        let moment = Old::Moment(1_770_201_000_000);
        for (json, value) in [
            (json!({"$oid": "65a1b2c3d4e5f60718293a4b"}), Old::Text("65a1b2c3d4e5f60718293a4b".into())),
            (json!({"$date": "2026-02-04T10:30:00Z"}), moment.clone()),
            (json!({"$date": "2026-02-04T16:00:00.000+0530"}), moment.clone()),
            (json!({"$date": 1_770_201_000_000_i64}), moment.clone()),
            (json!({"$date": {"$numberLong": "1770201000000"}}), moment),
            (json!({"$numberLong": "7"}), Old::Int(7)),
            (json!({"$numberLong": 7}), Old::Int(7)),
            (json!({"$numberInt": "7"}), Old::Int(7)),
            (json!({"$numberDouble": "1.5"}), Old::Float(1.5)),
            (json!({"$numberDecimal": "12.50"}), Old::Text("12.50".into())),
            (json!(7), Old::Int(7)),
            (json!(null), Old::Null),
            (json!({"lat": 1.5}), Old::Map(vec![("lat".into(), Old::Float(1.5))])),
        ] {
            assert_eq!(Old::from_json(json.clone()), value, "{json}");
        }
        // A date that is none stays what it is, to be refused where it is used.
        assert!(matches!(Old::from_json(json!({"$date": "yesterday"})), Old::Map(_)));
    }
}
