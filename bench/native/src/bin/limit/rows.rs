//! Rows as JSON, straight from the statement: a column is a field, and may say after a colon what it holds.

use domain::time::format_rfc3339;
use rusqlite::Statement;
use rusqlite::types::ValueRef;

/// What a column holds, where JSON writes it in another way than SQLite.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// A number, a text, or null.
    Plain,
    /// 0 or 1.
    Bool,
    /// Milliseconds since 1970.
    Time,
    /// A JSON document.
    Json,
    /// No field: what the next page begins after.
    Key,
}

fn kind_of(column: &str) -> (&str, Kind) {
    match column.rsplit_once(':') {
        Some((name, "bool")) => (name, Kind::Bool),
        Some((name, "time")) => (name, Kind::Time),
        Some((name, "json")) => (name, Kind::Json),
        Some((name, "key")) => (name, Kind::Key),
        _ => (column, Kind::Plain),
    }
}

/// The rows of a statement as a JSON array, up to `limit`; and the key of the last when there are more: of the column that says so, else the
/// first.
pub fn array(
    statement: &mut Statement<'_>,
    params: impl rusqlite::Params,
    limit: usize,
) -> rusqlite::Result<(Vec<u8>, Option<serde_json::Value>)> {
    let names: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
    let columns: Vec<_> = names.iter().map(|name| kind_of(name)).collect();
    let key_at = columns.iter().position(|(_, kind)| *kind == Kind::Key).unwrap_or(0);
    let mut json = Vec::with_capacity(16 * 1024);
    json.push(b'[');
    let mut rows = statement.query(params)?;
    let (mut count, mut key) = (0, None);
    while let Some(row) = rows.next()? {
        if count == limit {
            json.push(b']');
            return Ok((json, key));
        }
        json.extend_from_slice(if count == 0 { b"{" } else { b",{" });
        let mut is_first = true;
        for (at, (name, kind)) in columns.iter().enumerate().filter(|(_, (_, kind))| *kind != Kind::Key) {
            if !std::mem::take(&mut is_first) {
                json.push(b',');
            }
            json.push(b'"');
            json.extend_from_slice(name.as_bytes());
            json.extend_from_slice(b"\":");
            write(&mut json, row.get_ref(at)?, *kind);
        }
        json.push(b'}');
        count += 1;
        if count == limit {
            key = Some(match row.get_ref(key_at)? {
                ValueRef::Integer(number) => number.into(),
                ValueRef::Text(text) => String::from_utf8_lossy(text).into(),
                _ => serde_json::Value::Null,
            });
        }
    }
    json.push(b']');
    Ok((json, None))
}

fn write(json: &mut Vec<u8>, value: ValueRef<'_>, kind: Kind) {
    // Nothing that is written to a vector can fail.
    let _ = match (value, kind) {
        (ValueRef::Integer(number), Kind::Bool) => serde_json::to_writer(json, &(number != 0)),
        (ValueRef::Integer(ms), Kind::Time) => serde_json::to_writer(json, &format_rfc3339(ms)),
        (ValueRef::Integer(number), _) => serde_json::to_writer(json, &number),
        (ValueRef::Real(number), _) => serde_json::to_writer(json, &number),
        (ValueRef::Text(text), Kind::Json) => {
            json.extend_from_slice(text);
            Ok(())
        }
        (ValueRef::Text(text), _) => serde_json::to_writer(json, &String::from_utf8_lossy(text)),
        (ValueRef::Null | ValueRef::Blob(_), _) => serde_json::to_writer(json, &()),
    };
}
