//! Reading emergencies: lists for operators, a visitor's own, one of them.

use axum::Json;
use axum::extract::Path;
use domain::emergency::{Kind, Severity, Status};
use domain::role::Role;
use kit::caller::{Caller, Operator, SignedIn};
use kit::db::{self, Value};
use kit::page::{Listing, Page};
use kit::request::{Now, Query};
use kit::{Answer, Problem, params};
use serde_json::Value as Json_;
use serde_json::value::RawValue;
use strum::VariantNames as _;

use crate::assign;

/// Above every UUID in SQLite's order of text: where the first page of a list that runs downwards begins.
const ABOVE_ALL: &str = "~";

/// How many resources a detail suggests.
const SUGGESTED: usize = 3;

/// Whose eyes an emergency is shown to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// All of it.
    Operator,
    /// What its reporter said, and how far it has come.
    Reporter,
}

impl View {
    const fn column(self) -> &'static str {
        match self {
            Self::Operator => "document",
            Self::Reporter => "reporter_document",
        }
    }
}

/// Which emergencies a list is of.
#[derive(Default)]
struct Scope<'a> {
    temple: Option<&'a str>,
    reporter: Option<&'a str>,
    open: bool,
}

/// GET `/api/emergency/`, newest first: all of them for operators, for others what they reported themselves. Filters `temple_id`,
/// `status`, `type`, `severity`.
pub async fn list(caller: Caller<SignedIn>, Query(query): Query) -> Answer<Page<Box<RawValue>>> {
    let listing = Listing::parse(&query, &["temple_id", "status", "type", "severity"])?;
    let temple = listing.filter("temple_id");
    if caller.0.role.holds(Role::Operator) {
        return page(&listing, &Scope { temple, ..Scope::default() }, View::Operator);
    }
    page(&listing, &Scope { temple, reporter: Some(&caller.0.id), ..Scope::default() }, View::Reporter)
}

/// GET `/api/emergency/active`: those that are not resolved. Filters `temple_id`, `status`, `type`, `severity`.
pub async fn active(_: Caller<Operator>, Query(query): Query) -> Answer<Page<Box<RawValue>>> {
    let listing = Listing::parse(&query, &["temple_id", "status", "type", "severity"])?;
    page(&listing, &Scope { temple: listing.filter("temple_id"), open: true, ..Scope::default() }, View::Operator)
}

/// GET `/api/emergency/temple/{temple_id}`: those of one temple. Filters `status`, `type`, `severity`.
pub async fn of_temple(_: Caller<Operator>, Path(temple): Path<String>, Query(query): Query) -> Answer<Page<Box<RawValue>>> {
    let listing = Listing::parse(&query, &["status", "type", "severity"])?;
    must_exist(&temple)?;
    page(&listing, &Scope { temple: Some(&temple), ..Scope::default() }, View::Operator)
}

/// 404 unless there is such a temple.
pub fn must_exist(temple: &str) -> Result<(), Problem> {
    let rows = db::run("select 1 from sites where slug = ?", params![temple])?;
    rows.first().map(drop).ok_or_else(|| Problem::not_found("temple"))
}

fn page(listing: &Listing, scope: &Scope<'_>, view: View) -> Answer<Page<Box<RawValue>>> {
    let status = listing.choice("status", Status::VARIANTS)?;
    let kind = listing.choice("type", Kind::VARIANTS)?;
    let severity = listing.choice("severity", Severity::VARIANTS)?;
    let mut filtered = String::new();
    let mut params: Vec<Value> = vec![match listing.after_text(0) {
        Value::Null => ABOVE_ALL.into(),
        cursor => cursor,
    }];
    // Only the filters that were given, so that SQLite sees which index fits.
    for (condition, value) in [
        (" and site = ?", scope.temple),
        (" and reported_by = ?", scope.reporter),
        (" and status = ?", status),
        (" and type = ?", kind),
        (" and severity = ?", severity),
    ] {
        if let Some(value) = value {
            filtered.push_str(condition);
            params.push(value.into());
        }
    }
    // Said outright, since the indexes of what is open are partial.
    if scope.open || status.is_some_and(|status| status != Status::Resolved.into_str()) {
        filtered.push_str(" and status <> 'resolved'");
    }
    params.push(listing.fetch().into());
    // The page is cut before its documents are made.
    let rows = db::run(
        &format!(
            "select d.id, d.{} from (select id from emergencies where id < ?{filtered} order by id desc limit ?) as page
             join emergency_documents d on d.id = page.id
             order by page.id desc",
            view.column()
        ),
        params,
    )?;
    listing.page(rows, |row| Ok(serde_json::json!([row.text(0)?])), |row| row.json(1))
}

/// GET `/api/emergency/{id}`. Operators get it with its `history`, its `reporter` and, until it is resolved, the resources `suggested`;
/// who reported it can follow its status; for everybody else it is not there.
pub async fn detail(caller: Caller<SignedIn>, Now(now): Now, Path(id): Path<String>) -> Answer<Json<Json_>> {
    if !caller.0.role.holds(Role::Operator) {
        let rows = db::run(
            "select reporter_document from emergency_documents where id = (select id from emergencies where id = ? and reported_by = ?)",
            params![&id, &caller.0.id],
        )?;
        return Ok(Json(parsed(rows.first().ok_or_else(not_found)?.text(0)?)?));
    }
    let rows = db::run(
        "select d.document, u.name, u.phone, (
             select json_group_array(json_object('at', at, 'actor', actor, 'action', action, 'detail', json(detail)))
             from (select at, actor, action, detail from emergency_history where emergency_id = d.id order by id)
         )
         from emergency_documents d join emergencies e on e.id = d.id left join users u on u.id = e.reported_by
         where d.id = ?",
        params![&id],
    )?;
    let row = rows.first().ok_or_else(not_found)?;
    let mut shown = parsed(row.text(0)?)?;
    let mut history = parsed(row.text(3)?)?;
    for step in history.as_array_mut().into_iter().flatten() {
        if let Some(at) = step.get("at").and_then(Json_::as_i64) {
            step["at"] = domain::time::format_rfc3339(at).into();
        }
    }
    shown["reporter"] = serde_json::json!({ "name": row.opt_text(1)?, "phone": row.opt_text(2)? });
    shown["history"] = history;
    let mut suggested = Vec::new();
    if shown["status"] != Status::Resolved.into_str() {
        suggested = assign::ranked(&id, now)?;
        suggested.truncate(SUGGESTED);
    }
    shown["suggested"] = suggested.into();
    Ok(Json(shown))
}

/// The emergency as these eyes see it; 404 when it is not there.
pub fn document(run: impl FnOnce(&str, Vec<Value>) -> Result<db::Rows, db::DbError>, id: &str, view: View) -> Result<Json_, Problem> {
    let rows = run(&format!("select {} from emergency_documents where id = ?", view.column()), params![id])?;
    parsed(rows.first().ok_or_else(not_found)?.text(0)?)
}

/// 404.
pub fn not_found() -> Problem {
    Problem::not_found("emergency")
}

fn parsed(text: &str) -> Result<Json_, Problem> {
    serde_json::from_str(text).map_err(Problem::internal)
}
