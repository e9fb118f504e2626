//! Reading alerts.

use axum::Json;
use axum::extract::Path;
use domain::alert::{Severity, Status};
use kit::caller::{Caller, Operator};
use kit::db::{self, Value};
use kit::page::{Listing, Page};
use kit::request::{Now, Query};
use kit::{Answer, Problem, params};
use serde_json::Value as Json_;
use serde_json::value::RawValue;
use strum::VariantNames as _;

/// Above every UUID in SQLite's order of text: where the first page of a list that runs downwards begins.
pub const ABOVE_ALL: &str = "~";

/// Ends the alerts whose `expires_at` has come, as the scheduled run does: called before each look, so that none is shown as active
/// from the second in which it expires.
pub fn expire(now: i64) -> Result<(), Problem> {
    let due = "select 1 from alerts indexed by alerts_to_expire where status <> 'resolved' and expires_at <= ? limit 1";
    if !db::run(due, params![now])?.is_empty() {
        db::run(
            "update alerts indexed by alerts_to_expire
             set status = 'resolved', resolved_at = expires_at, resolved_by = 'system', updated_at = ?1, updated_by = 'system'
             where status <> 'resolved' and expires_at <= ?1",
            params![now],
        )?;
    }
    Ok(())
}

/// GET `/api/alerts/`: newest first; filters `site`, `severity`, `status`, `alert_type`, `source`, `camera_id`.
pub async fn list(_: Caller<Operator>, Now(now): Now, Query(query): Query) -> Answer<Page<Box<RawValue>>> {
    let listing = Listing::parse(&query, &["site", "severity", "status", "alert_type", "source", "camera_id"])?;
    listing.choice("severity", Severity::VARIANTS)?;
    listing.choice("status", Status::VARIANTS)?;
    listing.choice("source", &["manual", "system"])?;
    expire(now)?;
    let mut filtered = String::new();
    let mut params = vec![below(&listing)];
    // Only the filters that were given, so that SQLite sees which index fits.
    for (name, condition) in [
        ("site", " and site = ?"),
        ("severity", " and severity = ?"),
        ("status", " and status = ?"),
        ("alert_type", " and alert_type = ?"),
        ("source", " and source = ?"),
        ("camera_id", " and camera_id = ?"),
    ] {
        if let Some(value) = listing.filter(name) {
            filtered.push_str(condition);
            params.push(value.into());
        }
    }
    params.push(listing.fetch().into());
    // The page is cut before its documents are made.
    let rows = db::run(
        &format!(
            "select d.id, d.document
             from (select id from alerts where id < ?{filtered} order by id desc limit ?) as page
             join alert_documents d on d.id = page.id
             order by page.id desc"
        ),
        params,
    )?;
    listing.page(rows, |row| Ok(serde_json::json!([row.text(0)?])), |row| row.json(1))
}

/// The cursor of a list that runs down by id.
pub fn below(listing: &Listing) -> Value {
    match listing.after_text(0) {
        Value::Null => ABOVE_ALL.into(),
        cursor => cursor,
    }
}

/// GET `/api/alerts/{id}`: the alert with its `history`, each step with who and when.
pub async fn detail(_: Caller<Operator>, Now(now): Now, Path(id): Path<String>) -> Answer<Json<Json_>> {
    expire(now)?;
    let rows = db::run(
        "select document,
            (select json_group_array(json_object('at', at, 'actor', actor, 'action', action, 'detail', json(detail)))
             from (select at, actor, action, detail from alert_history where alert_id = d.id order by id))
         from alert_documents d where id = ?",
        params![&id],
    )?;
    let row = rows.first().ok_or_else(not_found)?;
    let mut alert = parsed(row.text(0)?)?;
    let mut history = parsed(row.text(1)?)?;
    for step in history.as_array_mut().into_iter().flatten() {
        if let Some(at) = step.get("at").and_then(Json_::as_i64) {
            step["at"] = domain::time::format_rfc3339(at).into();
        }
    }
    alert["history"] = history;
    Ok(Json(alert))
}

/// The alert as the world sees it; 404 when it is not there.
pub fn document(run: impl FnOnce(&str, Vec<Value>) -> Result<db::Rows, db::DbError>, id: &str) -> Result<Json_, Problem> {
    let rows = run("select document from alert_documents where id = ?", params![id])?;
    parsed(rows.first().ok_or_else(not_found)?.text(0)?)
}

/// 404.
pub fn not_found() -> Problem {
    Problem::not_found("alert")
}

fn parsed(text: &str) -> Result<Json_, Problem> {
    serde_json::from_str(text).map_err(Problem::internal)
}
