//! Rows written as CSV or NDJSON, a page at a time.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::{Format, TableRow};
use crate::{Answer, Problem};

/// Writes rows, a page at a time.
pub struct Rows<P> {
    format: Format,
    pages: P,
    /// What was made and not sent yet.
    ready: Option<Vec<u8>>,
    is_begun: bool,
}

impl<R: TableRow, P: FnMut() -> Answer<Option<Vec<R>>>> Rows<P> {
    /// Of these pages, the first of which is made at once.
    pub fn begin(format: Format, pages: P) -> Answer<Self> {
        let mut rows = Self { format, pages, ready: None, is_begun: false };
        rows.ready = rows.next()?;
        Ok(rows)
    }

    /// The next piece; none at the end.
    pub fn next(&mut self) -> Answer<Option<Vec<u8>>> {
        if let Some(ready) = self.ready.take() {
            return Ok(Some(ready));
        }
        let mut piece = Vec::new();
        if !self.is_begun && self.format == Format::Csv {
            write_csv::<R>(&mut piece, std::iter::once(Ok(R::COLUMNS.iter().map(|column| (*column).to_owned()).collect())))?;
        }
        self.is_begun = true;
        while let Some(page) = (self.pages)()? {
            match self.format {
                Format::Csv => write_csv::<R>(&mut piece, page.iter().map(cells))?,
                Format::Json | Format::Ndjson => write_ndjson(&mut piece, &page)?,
            }
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
        }
        Ok(Some(piece).filter(|piece| !piece.is_empty()))
    }
}

fn write_csv<R: TableRow>(out: &mut Vec<u8>, records: impl Iterator<Item = Answer<Vec<String>>>) -> Answer<()> {
    let mut writer = csv::WriterBuilder::new().terminator(R::LINE_END).from_writer(out);
    for record in records {
        writer.write_record(record?).map_err(Problem::internal)?;
    }
    writer.flush().map_err(Problem::internal)
}

fn write_ndjson<R: TableRow>(out: &mut Vec<u8>, rows: &[R]) -> Answer<()> {
    for row in rows {
        serde_json::to_writer(&mut *out, row).map_err(Problem::internal)?;
        out.push(b'\n');
    }
    Ok(())
}

/// The cells of a row: what JSON has in the field of each column, as it is written there.
fn cells<R: TableRow>(row: &R) -> Answer<Vec<String>> {
    let row = serde_json::to_string(row).map_err(Problem::internal)?;
    let fields: BTreeMap<&str, &RawValue> = serde_json::from_str(&row).map_err(Problem::internal)?;
    let cell = |column: &&str| match fields.get(column).map(|value| value.get()) {
        None | Some("null") => Ok(String::new()),
        Some(text) if text.starts_with('"') => serde_json::from_str(text).map(|text: String| inert(&text).into_owned()),
        // A number below 0 begins with a sign, and is no formula.
        Some(other) => Ok(other.to_owned()),
    };
    R::COLUMNS.iter().map(cell).collect::<Result<_, _>>().map_err(Problem::internal)
}

/// A text that a spreadsheet would take for a formula is led by an apostrophe (OWASP, "CSV Injection"): spaces before it do not make it
/// harmless, and full-width signs are as good as the others.
pub fn inert(text: &str) -> Cow<'_, str> {
    let risky = text.starts_with(['\t', '\r', '\n']) || text.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    if risky { format!("'{text}").into() } else { text.into() }
}
