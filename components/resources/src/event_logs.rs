//! `/api/event-logs`: the audit trail, read only: every change and who made it. The schema refuses to change a line of it, and to delete one
//! that was not exported ([`crate::event_logs_export`]).

use axum::Json;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use const_format::concatcp;
use http::header::{CONTENT_TYPE, LINK, VARY};
use http::{HeaderMap, HeaderValue, Uri};
use kit::api::{Request, Respond};
use kit::caller::{Admin, Caller};
use kit::db::{Database, Fetch as _};
use kit::input::{Id, Input, Text, Timestamp};
use kit::page::{Listing, Page};
use kit::request::Now;
use kit::row::{FromRow, Json as JsonColumn, Row};
use kit::select::Select;
use kit::table::{self, Format, TableRow, Terminator, describe_rows};
use kit::{Answer, Problem, actor, params};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::audit_id;

/// The lines of one export. What is beyond is behind the address in `Link`.
pub const MAX_EXPORTED: usize = 10_000;

/// A line of the audit trail.
#[derive(Serialize, FromRow, ToSchema)]
pub struct AuditLine {
    /// UUIDv7.
    #[row(with = id)]
    pub id: String,
    #[row(column = "id")]
    #[serde(skip)]
    pub number: i64,
    /// When it was.
    at: Timestamp,
    /// A user's id, `device:CODE` or `system`.
    actor: String,
    /// The user's name, or the device's code.
    actor_name: String,
    /// What was done, such as `created`, `updated` or `deleted`.
    action: String,
    /// The kind of thing that it was done to, such as `alerts`.
    entity: String,
    /// The thing's id.
    subject: String,
    /// What else is known of the change; it depends on the entity. `changes` has each field that was changed, as
    /// `{"field": {"from": …, "to": …}}`; of what was deleted, each that it had. No passwords, keys or other secrets.
    #[schema(value_type = Option<Object>)]
    detail: Option<JsonColumn<Box<RawValue>>>,
}

fn id(row: &Row) -> Result<String, Problem> {
    Ok(audit_id::of(row.get("at")?, row.get("id")?).to_string())
}

pub const SELECT: &str = concatcp!(
    "select id, at, actor, ",
    actor::NAME,
    " as actor_name, action, entity, subject, coalesce(
         (select json_set(coalesce(detail, '{}'), '$.changes', json(c.changes)) from audit_changes c where c.line = audit_log.id), detail
     ) as detail
     from audit_log where "
);

impl TableRow for AuditLine {
    // Who reads columns by their place finds them where they were before there were names: these are at the end.
    const COLUMNS: &'static [&'static str] = &["id", "at", "actor", "action", "entity", "subject", "detail", "actor_name"];
    // As before there were other tables.
    const LINE_END: Terminator = Terminator::Any(b'\n');
}

/// What a file of lines is called, without its suffix.
pub const FILE: &str = "event-logs";

/// Which lines.
#[derive(Input)]
pub struct Filters {
    /// Only what this caller did.
    actor: Option<Id<255>>,
    /// Only what was done so.
    action: Option<Text<1, 255>>,
    /// Only what happened to things of this kind.
    entity: Option<Text<1, 255>>,
    /// Only what happened to this thing.
    subject: Option<Id<255>>,
    /// Those of this time or later.
    from: Option<Timestamp>,
    /// Those from before this time.
    to: Option<Timestamp>,
    /// `csv` and `ndjson` export up to 10,000 lines; when it is not sent, `Accept` decides.
    format: Option<Format>,
}

/// A page of lines, or an export.
pub enum AuditLines {
    Page(Page<AuditLine>),
    Export(Response),
}

impl IntoResponse for AuditLines {
    fn into_response(self) -> Response {
        let response = match self {
            Self::Page(page) => page.into_response(),
            Self::Export(response) => response,
        };
        ([(VARY, "accept")], response).into_response()
    }
}

impl Respond for AuditLines {
    fn describe(request: &mut Request<'_>) {
        Page::<AuditLine>::describe(request);
        describe_rows(request);
    }
}

/// Lists the lines of the audit trail, the latest first.
///
/// `format=csv` or `ndjson`, or an `Accept` of `text/csv` or `application/x-ndjson`, exports up to 10,000 lines;
/// `Link: <…>; rel="next"` leads on when there are more.
#[utoipa::path(get, path = "/api/event-logs")]
pub async fn list(_: Caller<Admin>, Now(now): Now, headers: HeaderMap, uri: Uri, listing: Listing<Filters>) -> Answer<AuditLines> {
    let format = listing.filters.format.unwrap_or_else(|| Format::accepted(&headers));
    if format == Format::Json {
        let lines = lines(&listing, listing.fetch())?;
        return Ok(AuditLines::Page(listing.page(lines, key)));
    }
    let mut lines = lines(&listing, MAX_EXPORTED as i64 + 1)?;
    let is_more = lines.len() > MAX_EXPORTED;
    lines.truncate(MAX_EXPORTED);
    let next = lines.last().filter(|_| is_more).map(|last| next_address(&uri, format, last, now)).transpose()?;
    export(lines, format, next).map(AuditLines::Export)
}

fn lines(listing: &Listing<Filters>, limit: i64) -> Result<Vec<AuditLine>, Problem> {
    let filters = &listing.filters;
    Select::new(
        concatcp!(SELECT, "(at, id) < (coalesce(?, 9223372036854775807), coalesce(?, 9223372036854775807))"),
        params![listing.after_int(0), listing.after_int(1)],
    )
    .and_if("actor = ?", filters.actor.as_deref())
    .and_if("action = ?", filters.action.as_deref())
    .and_if("entity = ?", filters.entity.as_deref())
    .and_if("subject = ?", filters.subject.as_deref())
    .and_if("at >= ?", filters.from)
    .and_if("at < ?", filters.to)
    .fetch(&Database, "at desc, id desc", limit)
}

fn key(line: &AuditLine) -> (i64, i64) {
    (line.at.0, line.number)
}

/// The address of the lines after this one: the same question, which names its format.
fn next_address(uri: &Uri, format: Format, last: &AuditLine, now: i64) -> Result<String, Problem> {
    let query = uri.query().unwrap_or_default();
    let kept = query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("cursor=") && !pair.starts_with("format="));
    let mut pairs: Vec<_> = kept.map(str::to_owned).collect();
    pairs.push(format!("format={}", format.name()));
    let query = pairs.join("&");
    // The cursor belongs to the question as it will be asked.
    let cursor = Listing::<Filters>::parse(uri.path(), &query, now, false)?.cursor_after(&key(last));
    Ok(format!("{}?{query}&cursor={cursor}", uri.path()))
}

fn export(lines: Vec<AuditLine>, format: Format, next: Option<String>) -> Answer<Response> {
    let mut response = table::file(format, FILE, lines)?;
    let headers = response.headers_mut();
    if format == Format::Csv {
        // Without the parameter of other tables, which those who compare the whole value do not expect.
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    }
    if let Some(next) = next {
        headers.insert(LINK, HeaderValue::try_from(format!("<{next}>; rel=\"next\"")).map_err(Problem::internal)?);
    }
    Ok(response)
}

/// Returns a line of the audit trail.
#[utoipa::path(get, path = "/api/event-logs/{id}")]
pub async fn read(_: Caller<Admin>, Path(id): Path<String>) -> Answer<Json<AuditLine>> {
    let not_found = || Problem::not_found("line of the audit trail");
    let number = audit_id::number(&id).ok_or_else(not_found)?;
    let line: Option<AuditLine> = Database.fetch_optional(concatcp!(SELECT, "id = ?"), params![number])?;
    line.filter(|line| line.id.eq_ignore_ascii_case(&id)).map(Json).ok_or_else(not_found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_address_names_the_format_that_accept_asked_for() {
        let last = AuditLine {
            id: audit_id::of(5, 7).to_string(),
            number: 7,
            at: Timestamp(5),
            actor: "a".to_owned(),
            actor_name: "Asha".to_owned(),
            action: "b".to_owned(),
            entity: "c".to_owned(),
            subject: "d".to_owned(),
            detail: None,
        };
        let address = next_address(&Uri::from_static("/api/event-logs?actor=a"), Format::Csv, &last, 0).unwrap();
        let (path, query) = address.split_once('?').unwrap();
        let next = Listing::<Filters>::parse(path, query, 0, false).unwrap();
        assert_eq!((next.filters.format, next.after_int(0), next.after_int(1)), (Some(Format::Csv), Some(5), Some(7)));
    }
}
