//! A table as CSV with a header, as `\copy … csv header` writes it.

use std::io::BufRead;

use anyhow::Result;

use super::Sink;
use crate::value::Old;

pub fn each(reader: impl BufRead, table: &str, sink: &mut Sink<'_>) -> Result<()> {
    let mut reader = csv::ReaderBuilder::new().from_reader(reader);
    let names = reader.headers()?.clone();
    for record in reader.records() {
        let record = record?;
        let fields = names.iter().zip(&record).map(|(name, value)| (name.trim().to_owned(), Old::Text(value.to_owned()))).collect();
        sink(table, fields)?;
    }
    Ok(())
}
