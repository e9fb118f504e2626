//! `mongodump`: BSON documents, one after the other.

use std::io::{BufRead, Read as _};

use anyhow::{Result, bail};
use bson::{Bson, Document};

use super::{MAX_RECORD, Sink};
use crate::value::{Fields, Old};

/// Bytes of the length that a document begins with.
const LENGTH: usize = 4;

pub fn each(mut reader: impl BufRead, table: &str, sink: &mut Sink<'_>) -> Result<()> {
    while !reader.fill_buf()?.is_empty() {
        let mut length = [0; LENGTH];
        reader.read_exact(&mut length)?;
        let size = usize::try_from(i32::from_le_bytes(length)).unwrap_or_default();
        if !(LENGTH..=MAX_RECORD).contains(&size) {
            bail!("is no BSON: a document of {size} bytes");
        }
        let rest = u64::try_from(size - LENGTH)?;
        let document = Document::from_reader(length.as_slice().chain(reader.by_ref().take(rest)))?;
        sink(table, fields(document))?;
    }
    Ok(())
}

fn fields(document: Document) -> Fields {
    document.into_iter().map(|(name, value)| (name, old(value))).collect()
}

fn old(value: Bson) -> Old {
    match value {
        Bson::Double(number) => Old::Float(number),
        Bson::String(text) | Bson::Symbol(text) => Old::Text(text),
        Bson::Array(values) => Old::List(values.into_iter().map(old).collect()),
        Bson::Document(document) => Old::Map(fields(document)),
        Bson::Boolean(value) => Old::Bool(value),
        Bson::Null | Bson::Undefined => Old::Null,
        Bson::Int32(number) => Old::Int(number.into()),
        Bson::Int64(number) => Old::Int(number),
        Bson::ObjectId(id) => Old::Text(id.to_hex()),
        Bson::DateTime(moment) => Old::Moment(moment.timestamp_millis()),
        // As text, which rounds nothing.
        Bson::Decimal128(number) => Old::Text(number.to_string()),
        // Code, patterns, binaries and such: none of the systems keeps any. It says something, and so is told where it is not mapped.
        other => Old::Map(vec![("bson".to_owned(), Old::Text(format!("{:?}", other.element_type())))]),
    }
}

#[cfg(test)]
mod tests {
    use bson::{doc, oid::ObjectId};

    use super::super::tests::read;
    use super::*;

    #[test]
    fn documents_are_read_one_after_the_other_and_damage_is_told() {
        let id = ObjectId::parse_str("65a1b2c3d4e5f60718293a4b").unwrap();
        let at = bson::DateTime::from_millis(1_770_201_000_000);
        let one = doc! { "_id": id, "available_spots": 7_i32, "timestamp": at, "location": { "lat": 1.5 }, "zones": ["a"], "gone": null };
        let mut bytes = one.to_vec().unwrap();
        bytes.extend(doc! { "_id": 2_i64 }.to_vec().unwrap());
        let found = read("parking_data.bson", &bytes).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(
            found[0].1,
            [
                ("_id".into(), Old::Text("65a1b2c3d4e5f60718293a4b".into())),
                ("available_spots".into(), Old::Int(7)),
                ("timestamp".into(), Old::Moment(1_770_201_000_000)),
                ("location".into(), Old::Map(vec![("lat".into(), Old::Float(1.5))])),
                ("zones".into(), Old::List(vec![Old::Text("a".into())])),
                ("gone".into(), Old::Null),
            ]
        );
        bytes.pop();
        assert!(read("parking_data.bson", &bytes).is_err());
        assert!(read("parking_data.bson", b"{\"_id\": 1}\n").is_err());
    }
}
