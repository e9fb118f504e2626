//! Values as Hrana writes them in JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rusqlite::types::Value as Plain;
use serde_json::{Value, json};

pub fn to_json(value: &Plain) -> Value {
    match value {
        Plain::Null => json!({ "type": "null" }),
        // As a text: a number of JSON has 53 bits for many a reader.
        Plain::Integer(it) => json!({ "type": "integer", "value": it.to_string() }),
        Plain::Real(it) => json!({ "type": "float", "value": it }),
        Plain::Text(it) => json!({ "type": "text", "value": it }),
        Plain::Blob(it) => json!({ "type": "blob", "base64": STANDARD_NO_PAD.encode(it) }),
    }
}

pub fn from_json(value: &Value) -> Option<Plain> {
    let text = |name: &str| value[name].as_str();
    Some(match text("type")? {
        "null" => Plain::Null,
        "integer" => Plain::Integer(text("value")?.parse().ok()?),
        "float" => Plain::Real(value["value"].as_f64()?),
        "text" => Plain::Text(text("value")?.to_owned()),
        "blob" => Plain::Blob(STANDARD_NO_PAD.decode(text("base64")?).ok()?),
        _ => return None,
    })
}
