//! Answers that are tables: a JSON document, or its rows alone as CSV (RFC 4180) or NDJSON.
//!
//! Which of them is said by the path's suffix (`.csv`, `.ndjson`), else by `Accept`. Rows go out as they come: a page of them is in memory at a
//! time, and the next one is asked for when the client has taken the one before. When that fails, the answer breaks off, so that nobody
//! takes a part for the whole.

use std::borrow::Cow;
use std::convert::Infallible;

use axum::Json;
use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, VARY};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, RefOr};

use crate::api::{Describe, Request, Respond, answers_json};
use crate::representation::preferred;
use crate::{Answer, Problem, host};

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The whole document.
    Json,
    /// Rows with a head line, RFC 4180.
    Csv,
    /// A row a line, each a JSON object.
    Ndjson,
}

impl Format {
    fn of(path: &str, headers: &HeaderMap) -> Self {
        if path.ends_with(".csv") {
            return Self::Csv;
        }
        if path.ends_with(".ndjson") {
            return Self::Ndjson;
        }
        Self::accepted(headers)
    }

    /// What `Accept` prefers; JSON when it names none of these.
    pub fn accepted(headers: &HeaderMap) -> Self {
        let known = |kind: &str| match kind {
            "text/csv" => Some(Self::Csv),
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Some(Self::Ndjson),
            "application/json" | "application/*" | "*/*" => Some(Self::Json),
            _ => None,
        };
        preferred(headers, known).unwrap_or(Self::Json)
    }

    const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Ndjson => "application/x-ndjson",
        }
    }

    const fn suffix(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Format {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts.uri.path(), &parts.headers))
    }
}

impl Describe for Format {
    fn describe(_: &mut Request<'_>) {}
}

/// A row of a table: see [`table_row!`](crate::table_row).
pub trait TableRow: Serialize + Send + 'static {
    /// The names of the columns, in their order: those of the fields in JSON.
    const COLUMNS: &'static [&'static str];
}

/// Makes a struct a row of a table whose columns are its fields, all of them: `table_row!(Figure { site, day, count });`.
#[macro_export]
macro_rules! table_row {
    ($name:ident { $($column:ident),+ $(,)? }) => {
        impl $crate::table::TableRow for $name {
            const COLUMNS: &'static [&'static str] = &[$(stringify!($column)),+];
        }

        // A field that is no column does not compile.
        const _: fn(&$name) = |row| {
            let $name { $($column: _),+ } = row;
        };
    };
}

/// A document that has rows.
pub trait Tabular: Serialize + ToSchema {
    /// What its rows are.
    type Row: TableRow;

    /// What a file of its rows is called, without its suffix.
    const NAME: &'static str;

    /// Its rows.
    fn into_rows(self) -> Vec<Self::Row>;
}

/// The answer: the document `D`, or its rows.
pub enum Table<D> {
    /// As JSON.
    Document(D),
    /// As CSV or NDJSON.
    Rows(Response),
}

impl<D: Tabular> Table<D> {
    /// Of a document that is there.
    pub fn of(format: Format, document: D) -> Answer<Self> {
        if format == Format::Json {
            return Ok(Self::Document(document));
        }
        let mut rows = document.into_rows().into_iter();
        Self::stream(format, move || {
            let page: Vec<_> = rows.by_ref().take(PAGE).collect();
            Ok(Some(page).filter(|page| !page.is_empty()))
        })
    }

    /// Of pages of rows, each made when it is its turn; a page without rows is passed over, none is the end. The first is made at once, so
    /// that what cannot be read is refused.
    pub fn stream(format: Format, pages: impl FnMut() -> Answer<Option<Vec<D::Row>>> + Send + 'static) -> Answer<Self> {
        let mut rows = Rows { format, pages, ready: None, is_begun: false };
        rows.ready = rows.next()?;
        let name = D::NAME;
        let body = stream::unfold(Some(rows), move |rows| async move {
            let mut rows = rows?;
            match rows.next() {
                Ok(Some(piece)) => Some((Ok(Bytes::from(piece)), Some(rows))),
                Ok(None) => None,
                Err(problem) => {
                    let cause = problem.cause().unwrap_or(problem.detail());
                    host::log("error", "a table broke off", serde_json::json!({ "table": name, "cause": cause }));
                    Some((Err(std::io::Error::other("the table broke off")), None))
                }
            }
        });
        let disposition = format!("attachment; filename=\"{name}.{}\"", format.suffix());
        let mut response = Response::new(Body::from_stream(body));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
        headers.insert(CONTENT_DISPOSITION, HeaderValue::try_from(disposition).map_err(Problem::internal)?);
        Ok(Self::Rows(response))
    }
}

impl<D: Tabular> IntoResponse for Table<D> {
    fn into_response(self) -> Response {
        let mut response = match self {
            Self::Document(document) => Json(document).into_response(),
            Self::Rows(response) => response,
        };
        response.headers_mut().append(VARY, HeaderValue::from_static("accept"));
        response
    }
}

impl<D: Tabular> Respond for Table<D> {
    fn describe(request: &mut Request<'_>) {
        answers_json::<D>(request, 200, "The document, or its rows as CSV or NDJSON.");
        if let Some(RefOr::T(response)) = request.operation.responses.responses.get_mut("200") {
            for media_type in ["text/csv", "application/x-ndjson"] {
                let text = ObjectBuilder::new().schema_type(Type::String);
                response.content.insert(media_type.to_owned(), RefOr::T(ContentBuilder::new().schema(Some(text)).build()));
            }
        }
    }
}

/// How many rows of a document that is there are written at a time.
const PAGE: usize = 500;

/// Writes rows, a page at a time.
struct Rows<P> {
    format: Format,
    pages: P,
    /// What was made and not sent yet.
    ready: Option<Vec<u8>>,
    is_begun: bool,
}

impl<R: TableRow, P: FnMut() -> Answer<Option<Vec<R>>>> Rows<P> {
    /// The next piece; none at the end.
    fn next(&mut self) -> Answer<Option<Vec<u8>>> {
        if let Some(ready) = self.ready.take() {
            return Ok(Some(ready));
        }
        let mut piece = Vec::new();
        if !self.is_begun && self.format == Format::Csv {
            write_csv(&mut piece, std::iter::once(R::COLUMNS.iter().map(|column| (*column).to_owned()).collect()))?;
        }
        self.is_begun = true;
        while let Some(page) = (self.pages)()? {
            match self.format {
                Format::Csv => write_csv(&mut piece, page.iter().map(cells).collect::<Answer<Vec<_>>>()?.into_iter())?,
                Format::Json | Format::Ndjson => write_ndjson(&mut piece, &page)?,
            }
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
        }
        Ok(Some(piece).filter(|piece| !piece.is_empty()))
    }
}

fn write_csv(out: &mut Vec<u8>, records: impl Iterator<Item = Vec<String>>) -> Answer<()> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
    for record in records {
        writer.write_record(record).map_err(Problem::internal)?;
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

/// The cells of a row: what JSON has in the field of each column.
fn cells<R: TableRow>(row: &R) -> Answer<Vec<String>> {
    let row = serde_json::to_value(row).map_err(Problem::internal)?;
    let cell = |column: &&str| match row.get(*column) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => inert(text).into_owned(),
        // A number below 0 begins with a sign, and is no formula.
        Some(number @ (Value::Number(_) | Value::Bool(_))) => number.to_string(),
        Some(other) => inert(&other.to_string()).into_owned(),
    };
    Ok(R::COLUMNS.iter().map(cell).collect())
}

/// A text that a spreadsheet would take for a formula is led by an apostrophe (OWASP, "CSV Injection"): spaces before it do not make it
/// harmless, and full-width signs are as good as the others.
pub fn inert(text: &str) -> Cow<'_, str> {
    let risky = text.starts_with(['\t', '\r', '\n']) || text.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    if risky { format!("'{text}").into() } else { text.into() }
}

#[cfg(test)]
mod tests;
