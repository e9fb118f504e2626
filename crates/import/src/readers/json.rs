//! `mongoexport`, one record a line or all in one list, and `manage.py dumpdata`, whose records name their model.

use std::fmt;
use std::io::BufRead;

use anyhow::{Context as _, Result, bail};
use serde::de::{Deserializer as _, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::{Sink, Wanted};
use crate::value::{Fields, Old, fields_of};

pub fn each(mut reader: impl BufRead, table: &str, wanted: &Wanted<'_>, sink: &mut Sink<'_>) -> Result<()> {
    loop {
        let start = reader.fill_buf()?;
        let Some(first) = start.first() else { return Ok(()) };
        if !first.is_ascii_whitespace() {
            break;
        }
        reader.consume(1);
    }
    let mut take = |value: Value| {
        let Value::Object(object) = value else { bail!("a record is no object") };
        match of_django(object) {
            Ok((model, fields)) if wanted(&model) => sink(&model, fields),
            Err(object) if wanted(table) => sink(table, fields_of(object)),
            _ => Ok(()),
        }
    };
    if reader.fill_buf()?.starts_with(b"[") {
        let mut outcome = Ok(());
        let mut deserializer = serde_json::Deserializer::from_reader(reader);
        let read = deserializer.deserialize_seq(Each { take: &mut take, outcome: &mut outcome });
        outcome?;
        read?;
        return deserializer.end().context("after the list");
    }
    for value in serde_json::Deserializer::from_reader(reader).into_iter::<Value>() {
        take(value?)?;
    }
    Ok(())
}

/// A record of `dumpdata`: `{"model": "slots.slot", "pk": 1, "fields": {…}}`; the object back when it is none.
fn of_django(mut object: Map<String, Value>) -> Result<(String, Fields), Map<String, Value>> {
    let is_one =
        object.len() <= 3 && object.get("model").is_some_and(Value::is_string) && object.get("fields").is_some_and(Value::is_object);
    match (is_one, object.remove("model"), object.remove("fields")) {
        (true, Some(Value::String(model)), Some(Value::Object(fields))) => {
            let key = object.remove("pk").map_or(Old::Null, Old::from_json);
            let mut all = vec![("id".to_owned(), key)];
            all.extend(fields_of(fields));
            // As its table is called.
            Ok((model.replace('.', "_"), all))
        }
        (_, model, fields) => {
            object.extend([("model", model), ("fields", fields)].into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
            Err(object)
        }
    }
}

/// Takes the values of a list one by one, so that the list need not fit into memory.
struct Each<'a, F> {
    take: &'a mut F,
    /// Why the sink ended it.
    outcome: &'a mut Result<()>,
}

impl<'de, F: FnMut(Value) -> Result<()>> Visitor<'de> for Each<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<(), A::Error> {
        while let Some(value) = values.next_element()? {
            if let Err(error) = (self.take)(value) {
                *self.outcome = Err(error);
                return Err(serde::de::Error::custom("ended"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;
    use super::*;

    #[test]
    fn lines_and_lists_are_the_same() {
        let lines = b"{\"_id\": {\"$oid\": \"65a1b2c3d4e5f60718293a4b\"}, \"n\": {\"$numberLong\": \"7\"}}\n{\"_id\": 2}\n";
        let list = b" [{\"_id\": {\"$oid\": \"65a1b2c3d4e5f60718293a4b\"}, \"n\": 7},\n{\"_id\": 2}]\n";
        let (lines, list) = (read("alerts.json", lines).unwrap(), read("alerts.json", list).unwrap());
        assert_eq!(lines, list);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].1[1], ("n".into(), Old::Int(7)));
        assert!(read("alerts.json", b"\n \n").unwrap().is_empty());
        assert!(read("alerts.json", b"{\"_id\": 1").is_err() && read("alerts.json", b"[{\"_id\": 1}").is_err());
        assert!(read("alerts.json", b"[1]").is_err() && read("alerts.json", b"7").is_err());
    }

    #[test]
    fn records_of_django_name_their_table() {
        let dump =
            br#"[{"model": "slots.slot", "pk": 3, "fields": {"slot_code": "S1", "zone": 1}}, {"model": "a", "x": 1, "y": 2, "fields": 3}]"#;
        let found = read("everything.json", dump).unwrap();
        assert_eq!(found[0].0, "slots_slot");
        let fields = [("id".into(), Old::Int(3)), ("slot_code".into(), Old::Text("S1".into())), ("zone".into(), Old::Int(1))];
        assert_eq!(found[0].1, fields);
        assert_eq!((found[1].0.as_str(), found[1].1.len()), ("everything", 4));
    }
}
