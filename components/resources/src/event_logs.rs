//! `/api/event-logs/`: the audit trail, read only: every change and who made it. The schema refuses to change or delete a line of it.

use axum::Json;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT, CONTENT_DISPOSITION, CONTENT_TYPE, LINK, VARY};
use http::{HeaderMap, HeaderValue};
use kit::caller::{Admin, Caller};
use kit::db::{Row, Rows};
use kit::page::Listing;
use kit::request::Query;
use kit::select::Select;
use kit::{Answer, Problem, db, params};
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;

/// The lines of one export. What is beyond is behind the address in `Link`.
const EXPORTED: usize = 10_000;

const FILTERS: [&str; 7] = ["actor", "action", "entity", "subject", "from", "to", "format"];

const FORMATS: [&str; 3] = ["json", "csv", "ndjson"];

/// A line of the trail.
#[derive(Serialize)]
struct Line {
    id: i64,
    at: String,
    actor: String,
    action: String,
    entity: String,
    subject: String,
    detail: Option<Box<RawValue>>,
}

impl Line {
    fn of(row: &Row) -> Answer<Self> {
        let detail = row.opt_text(6)?.map(|text| RawValue::from_string(text.to_owned()).map_err(Problem::internal));
        Ok(Self {
            id: row.int(0)?,
            at: row.time(1)?,
            actor: row.text(2)?.to_owned(),
            action: row.text(3)?.to_owned(),
            entity: row.text(4)?.to_owned(),
            subject: row.text(5)?.to_owned(),
            detail: detail.transpose()?,
        })
    }
}

/// GET `/api/event-logs/`, the latest first; filters `actor`, `action`, `entity`, `subject`, `from`, `to`. `format=csv` or `ndjson`, or an
/// `Accept` of `text/csv` or `application/x-ndjson`, exports up to 10,000 lines; `Link: <…>; rel="next"` leads on when there are more.
pub async fn list(_: Caller<Admin>, headers: HeaderMap, Query(query): Query) -> Answer<Response> {
    let listing = Listing::parse(&query, &FILTERS)?;
    let (from, to) = (listing.time("from")?, listing.time("to")?);
    let format = match listing.choice("format", &FORMATS)? {
        Some(format) => format,
        None => accepted(&headers),
    };
    let fetch = if format == "json" { listing.fetch() } else { EXPORTED as i64 + 1 };
    let rows = Select::after(
        "select id, at, actor, action, entity, subject, detail from audit_log
         where (at, id) < (coalesce(?, 9223372036854775807), coalesce(?, 9223372036854775807))",
        vec![listing.after_int(0), listing.after_int(1)],
    )
    .and_if("actor = ?", listing.filter("actor"))
    .and_if("action = ?", listing.filter("action"))
    .and_if("entity = ?", listing.filter("entity"))
    .and_if("subject = ?", listing.filter("subject"))
    .and_if("at >= ?", from)
    .and_if("at < ?", to)
    .run("at desc, id desc", fetch)?;
    if format == "json" {
        let page = listing.page(rows, |row| Ok(json!([row.int(1)?, row.int(0)?])), Line::of)?;
        return Ok(([(VARY, "accept")], page).into_response());
    }
    export(&rows, format, &query)
}

/// What `Accept` asks for: the first of its media types that is known here; JSON when there is none.
fn accepted(headers: &HeaderMap) -> &'static str {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let known = |part: &str| match part.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "text/csv" => Some("csv"),
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Some("ndjson"),
        "application/json" => Some("json"),
        _ => None,
    };
    accept.split(',').find_map(known).unwrap_or("json")
}

fn export(rows: &Rows, format: &str, query: &str) -> Answer<Response> {
    let lines = rows.iter().take(EXPORTED);
    let (body, content_type, disposition) = match format {
        "csv" => (csv(lines)?, "text/csv; charset=utf-8", "attachment; filename=\"event-logs.csv\""),
        _ => (ndjson(lines)?, "application/x-ndjson", "attachment; filename=\"event-logs.ndjson\""),
    };
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static(disposition));
    headers.insert(VARY, HeaderValue::from_static("accept"));
    if rows.len() > EXPORTED
        && let Some(last) = rows.iter().nth(EXPORTED - 1)
    {
        let next = format!("</api/event-logs/?{}>; rel=\"next\"", next_query(query, format, last)?);
        headers.insert(LINK, HeaderValue::try_from(next).map_err(Problem::internal)?);
    }
    Ok(response)
}

/// The same question, from after this line.
fn next_query(query: &str, format: &str, last: &Row) -> Result<String, Problem> {
    let cursor = kit::page::cursor(&json!([last.int(1)?, last.int(0)?]));
    let kept = query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("cursor=") && !pair.starts_with("format="));
    let mut pairs: Vec<_> = kept.map(str::to_owned).collect();
    pairs.push(format!("format={format}"));
    pairs.push(format!("cursor={cursor}"));
    Ok(pairs.join("&"))
}

fn csv<'a>(rows: impl Iterator<Item = &'a Row>) -> Result<Vec<u8>, Problem> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["id", "at", "actor", "action", "entity", "subject", "detail"]).map_err(Problem::internal)?;
    for row in rows {
        let id = row.int(0)?.to_string();
        let at = row.time(1)?;
        let record = [&id, &at, row.text(2)?, row.text(3)?, row.text(4)?, row.text(5)?, row.opt_text(6)?.unwrap_or_default()];
        writer.write_record(record.map(|field| inert(field).into_owned())).map_err(Problem::internal)?;
    }
    writer.into_inner().map_err(Problem::internal)
}

/// A field that a spreadsheet would take for a formula is led by an apostrophe: spaces before it do not make it harmless.
fn inert(field: &str) -> std::borrow::Cow<'_, str> {
    let risky = field.starts_with(['\t', '\r', '\n']) || field.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    if risky { format!("'{field}").into() } else { field.into() }
}

fn ndjson<'a>(rows: impl Iterator<Item = &'a Row>) -> Result<Vec<u8>, Problem> {
    let mut body = Vec::new();
    for row in rows {
        serde_json::to_writer(&mut body, &Line::of(row)?).map_err(Problem::internal)?;
        body.push(b'\n');
    }
    Ok(body)
}

/// GET `/api/event-logs/{id}`.
pub async fn detail(_: Caller<Admin>, Path(id): Path<String>) -> Answer<Response> {
    let not_found = || Problem::not_found("line of the audit trail");
    let id: i64 = id.parse().map_err(|_| not_found())?;
    let rows = db::run("select id, at, actor, action, entity, subject, detail from audit_log where id = ?", params![id])?;
    Ok(Json(Line::of(rows.first().ok_or_else(not_found)?)?).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(accept: &str) -> &'static str {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().unwrap());
        accepted(&headers)
    }

    #[test]
    fn the_first_known_media_type_is_given() {
        assert_eq!(asked("text/csv"), "csv");
        assert_eq!(asked("text/html, Application/X-NDJSON;q=0.9, */*"), "ndjson");
        assert_eq!(asked("*/*"), "json");
        assert_eq!(asked("application/json, text/csv"), "json");
        assert_eq!(accepted(&HeaderMap::new()), "json");
    }

    #[test]
    fn no_field_is_a_formula() {
        assert_eq!(inert("=1+1"), "'=1+1");
        assert_eq!(inert("  @sum(a1)"), "'  @sum(a1)");
        assert_eq!(inert("\nx"), "'\nx");
        assert_eq!(inert("somnath"), "somnath");
    }
}
