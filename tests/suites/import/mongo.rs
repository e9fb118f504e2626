//! Collections as `mongoexport` and `mongodump` write them, out of the same records.

use bson::{Bson, Document};
use serde_json::Value;

/// Records one a line, as `mongoexport` writes them by default.
pub fn lines(records: &[Value]) -> String {
    records.iter().map(|record| format!("{record}\n")).collect()
}

/// The same as one list (`mongoexport --jsonArray`).
pub fn list(records: &[Value]) -> String {
    Value::from(records.to_vec()).to_string()
}

/// The same as `mongodump` writes them.
pub fn dump(records: &[Value]) -> Vec<u8> {
    records.iter().flat_map(|record| document(record).to_vec().expect("a document")).collect()
}

fn document(record: &Value) -> Document {
    record.as_object().expect("an object").iter().map(|(name, value)| (name.clone(), bson(value))).collect()
}

fn bson(value: &Value) -> Bson {
    match value {
        Value::Null => Bson::Null,
        Value::Bool(value) => Bson::Boolean(*value),
        Value::Number(number) => number.as_i64().map_or_else(|| Bson::Double(number.as_f64().expect("a number")), Bson::Int64),
        Value::String(text) => Bson::String(text.clone()),
        Value::Array(values) => Bson::Array(values.iter().map(bson).collect()),
        Value::Object(fields) => match (fields.get("$oid"), fields.get("$date")) {
            (Some(id), _) => Bson::ObjectId(bson::oid::ObjectId::parse_str(id.as_str().expect("a text")).expect("an id")),
            (_, Some(date)) => {
                let at = chrono::DateTime::parse_from_rfc3339(date.as_str().expect("a text")).expect("a moment");
                Bson::DateTime(bson::DateTime::from_millis(at.timestamp_millis()))
            }
            _ => Bson::Document(document(value)),
        },
    }
}

/// An id as MongoDB makes them.
pub fn id(number: u32) -> Value {
    serde_json::json!({"$oid": format!("65a1b2c3d4e5f607{number:08x}")})
}

/// A date.
pub fn date(text: &str) -> Value {
    serde_json::json!({"$date": text})
}
