//! Answers that are tables: a JSON document, or its rows alone as CSV (RFC 4180) or NDJSON.
//!
//! Which of them is said by the path's suffix (`.csv`, `.ndjson`), else by `Accept`. Rows go out as they come: a page of them is in memory at a
//! time, and the next one is asked for when the client has taken the one before. When that fails, the answer breaks off, so that nobody
//! takes a part for the whole.

mod write;

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
use strum::{EnumString, IntoStaticStr, VariantNames};
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, RefOr};

use crate::accept::preferred;
use crate::api::{Describe, Request, Respond, answers_json};
use crate::{Answer, Problem, host};

pub use csv::Terminator;
use write::Rows;

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
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

    /// What a query and a file's suffix call it.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The headers of a file of rows.
    fn label(self, name: &str, response: &mut Response) -> Answer<()> {
        let disposition = format!("attachment; filename=\"{name}.{}\"", self.name());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type()));
        headers.insert(CONTENT_DISPOSITION, HeaderValue::try_from(disposition).map_err(Problem::internal)?);
        Ok(())
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

    /// How its lines end in CSV: as RFC 4180 says, unless those who read the table know it otherwise.
    const LINE_END: Terminator = Terminator::CRLF;
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
        let rows = Rows::begin(format, pages)?;
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
        let mut response = Response::new(Body::from_stream(body));
        format.label(name, &mut response)?;
        Ok(Self::Rows(response))
    }
}

/// The answer of these rows alone, as CSV or NDJSON: a file of this name, without its suffix.
pub fn file<R: TableRow>(format: Format, name: &str, rows: Vec<R>) -> Answer<Response> {
    let mut all = Some(rows);
    let body = Rows::begin(format, move || Ok(all.take()))?.next()?.unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    format.label(name, &mut response)?;
    Ok(response)
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
        describe_rows(request);
    }
}

/// Says of an answer that was described that it can be had as CSV and NDJSON as well.
pub fn describe_rows(request: &mut Request<'_>) {
    if let Some(RefOr::T(response)) = request.operation.responses.responses.get_mut("200") {
        for media_type in ["text/csv", "application/x-ndjson"] {
            let text = ObjectBuilder::new().schema_type(Type::String);
            response.content.insert(media_type.to_owned(), RefOr::T(ContentBuilder::new().schema(Some(text)).build()));
        }
    }
}

/// How many rows of a document that is there are written at a time.
const PAGE: usize = 500;

#[cfg(test)]
mod tests;
