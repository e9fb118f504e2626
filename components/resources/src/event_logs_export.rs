//! `/api/event-logs/export`: the audit trail taken out from its beginning on, and the word that it is kept elsewhere. Only what that was said of is
//! ever removed (docs/reference/retention.md#audit-trail).

use axum::Json;
use axum::response::{IntoResponse, Response};
use const_format::concatcp;
use http::header::LINK;
use http::{HeaderValue, Uri};
use kit::api::{Request, Respond};
use kit::caller::{Admin, Caller};
use kit::db::{Database, Fetch as _};
use kit::input::{Id, Input, Timestamp};
use kit::request::{Body, Now, Query};
use kit::row::{FromRow, Row};
use kit::table::{self, Format};
use kit::{Answer, Problem, params};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, ResponseBuilder};

use crate::audit_id;
use crate::event_logs::{AuditLine, FILE, MAX_EXPORTED, SELECT};

/// From where on.
#[derive(Input)]
pub struct Filters {
    /// The lines after this one; where it is not sent, those after the last one that is known to be kept elsewhere.
    after: Option<Id<36>>,
}

/// Lines of the audit trail, one JSON object a line.
pub struct Lines(Response);

impl IntoResponse for Lines {
    fn into_response(self) -> Response {
        self.0
    }
}

impl Respond for Lines {
    fn describe(request: &mut Request<'_>) {
        let text = ObjectBuilder::new().schema_type(Type::String);
        let content = ContentBuilder::new().schema(Some(text)).build();
        let description = "Up to 10,000 lines, the oldest first, each a JSON object.";
        request.answers(200, ResponseBuilder::new().description(description).content("application/x-ndjson", content).build());
    }
}

const EXPORT: &str = concatcp!(SELECT, "id > coalesce(?1, (select up_to from audit_exported where id = 1)) order by id limit ?2");

/// Exports the audit trail from its oldest line on.
///
/// Up to 10,000 lines as NDJSON; `Link: <…>; rel="next"` leads on when there are more. When all of an export is kept safely, say so by a POST with the
/// `id` of its last line.
#[utoipa::path(get, path = "/api/event-logs/export")]
pub async fn read(_: Caller<Admin>, uri: Uri, Query(filters): Query<Filters>) -> Answer<Lines> {
    let after = filters.after.as_deref().map(number).transpose()?;
    let mut lines: Vec<AuditLine> = Database.fetch_all(EXPORT, params![after, MAX_EXPORTED as i64 + 1])?;
    let is_more = lines.len() > MAX_EXPORTED;
    lines.truncate(MAX_EXPORTED);
    let next = lines.last().filter(|_| is_more).map(|last| format!("<{}?after={}>; rel=\"next\"", uri.path(), last.id));
    let mut response = table::file(Format::Ndjson, FILE, lines)?;
    if let Some(next) = next {
        response.headers_mut().insert(LINK, HeaderValue::try_from(next).map_err(Problem::internal)?);
    }
    Ok(Lines(response))
}

fn number(id: &str) -> Result<i64, Problem> {
    audit_id::number(id).ok_or_else(|| Problem::invalid_field("after", "is not the id of a line"))
}

/// That an export is kept.
#[derive(Input)]
#[input(example = r#"{"up_to": "019c2848-5c40-7000-8000-000000000001"}"#)]
pub struct NewExport {
    /// The `id` of the last line that is kept elsewhere.
    up_to: Id<36>,
}

/// Up to where the audit trail is kept elsewhere.
#[derive(Serialize, FromRow, ToSchema)]
#[schema(as = AuditExport)]
pub struct Export {
    /// The `id` of the last line that is.
    #[row(with = up_to)]
    up_to: String,
    /// When that was said.
    at: Timestamp,
    /// Who said it.
    taken_by: String,
}

fn up_to(row: &Row) -> Result<String, Problem> {
    Ok(audit_id::of(row.get("line_at")?, row.get("up_to")?).to_string())
}

// Told again, or of an earlier line, nothing changes.
const CONFIRM: &str = "update audit_exported set up_to = max(up_to, ?1),
         at = iif(?1 > up_to, ?2, at), taken_by = iif(?1 > up_to, ?3, taken_by)
     where id = 1 and exists (select 1 from audit_log where id = ?1)
     returning up_to, at, taken_by, (select l.at from audit_log l where l.id = max(up_to, ?1)) as line_at";

/// Says that the audit trail is kept elsewhere up to this line.
///
/// Lines up to it may be removed once they are older than `audit_days`; by default that is never. It cannot be taken back.
#[utoipa::path(post, path = "/api/event-logs/export", responses((status = 404, description = "There is no such line.")))]
pub async fn confirm(caller: Caller<Admin>, Now(now): Now, Body(new): Body<NewExport>) -> Answer<Json<Export>> {
    let not_found = || Problem::not_found("line of the audit trail");
    let line = audit_id::number(&new.up_to).ok_or_else(|| Problem::invalid_field("up_to", "is not the id of a line"))?;
    let at: Option<i64> = Database.fetch_scalar("select at from audit_log where id = ?", params![line])?;
    // The id tells the line's time as well: a number that was guessed is none.
    at.filter(|at| audit_id::of(*at, line).to_string() == *new.up_to).ok_or_else(not_found)?;
    let export: Option<Export> = Database.fetch_optional(CONFIRM, params![line, now, &caller.0.id])?;
    export.map(Json).ok_or_else(not_found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_names_a_line() {
        let example = NewExport::example().unwrap();
        let new: NewExport = kit::input::parse(example.as_bytes(), 1_800_000_000_000).unwrap();
        assert!(audit_id::number(&new.up_to).is_some());
    }
}
