//! Acknowledging and resolving.

use axum::Json;
use axum::extract::Path;
use domain::alert::{Action, Refusal, Status, transition};
use kit::caller::{Caller, Operator, Principal};
use kit::request::Now;
use kit::{Answer, Problem, db, params};
use serde_json::Value;
use strum::VariantArray as _;

use crate::read;

/// PATCH `/api/alerts/{id}/acknowledge`: someone has it in hand. 409 unless it is active.
pub async fn acknowledge(caller: Caller<Operator>, Now(now): Now, Path(id): Path<String>) -> Answer<Json<Value>> {
    step(&caller.0, now, &id, Action::Acknowledge).map(Json)
}

/// PATCH `/api/alerts/{id}/resolve`: it is over. 409 when it was resolved already.
pub async fn resolve(caller: Caller<Operator>, Now(now): Now, Path(id): Path<String>) -> Answer<Json<Value>> {
    step(&caller.0, now, &id, Action::Resolve).map(Json)
}

/// Of many at once, one makes the step: the status it may start from is a condition of the update.
fn step(caller: &Principal, now: i64, id: &str, action: Action) -> Result<Value, Problem> {
    // What has expired is over: nobody takes it in hand any more.
    read::expire(now)?;
    let from: Vec<_> = Status::VARIANTS.iter().filter(|from| transition(**from, action).is_ok()).map(Status::into_str).collect();
    let sql = match action {
        Action::Acknowledge => {
            "update alerts set status = 'acknowledged', acknowledged_at = ?2, acknowledged_by = ?3, updated_at = ?2, updated_by = ?3
             where id = ?1 and status in (select value from json_each(?4)) returning id"
        }
        Action::Resolve => {
            "update alerts set status = 'resolved', resolved_at = ?2, resolved_by = ?3, updated_at = ?2, updated_by = ?3
             where id = ?1 and status in (select value from json_each(?4)) returning id"
        }
    };
    let from = serde_json::to_string(&from).map_err(Problem::internal)?;
    let updated = db::run(sql, params![id, now, &caller.id, from])?;
    if updated.first().is_some() {
        return read::document(db::run, id);
    }
    let rows = db::run("select status from alerts where id = ?", params![id])?;
    let status = rows.first().ok_or_else(read::not_found)?.text(0)?.parse();
    let status = status.map_err(|_| Problem::internal("an alert of unknown status"))?;
    Err(Problem::conflict(Refusal { from: status, action }.to_string()))
}
