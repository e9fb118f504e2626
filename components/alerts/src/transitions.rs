//! Acknowledging and resolving.

use axum::Json;
use axum::extract::Path;
use const_format::concatcp;
use domain::alert::{Action, Refusal, Status, transition};
use kit::caller::{Caller, Operator, Principal};
use kit::db::{Database, Fetch as _};
use kit::request::Now;
use kit::{Answer, Problem, params};
use strum::VariantArray as _;

use crate::model::{self, Alert};
use crate::schedule;

/// Acknowledges an alert: someone has it in hand, and it climbs no further.
#[utoipa::path(method(patch, post), path = "/api/alerts/{id}/acknowledge", responses((status = 409, description = "The alert is not active.")))]
pub async fn acknowledge(caller: Caller<Operator>, Now(now): Now, Path(id): Path<String>) -> Answer<Json<Alert>> {
    apply(&caller.0, now, &id, Action::Acknowledge).map(Json)
}

/// Resolves an alert: it is over.
#[utoipa::path(method(patch, post), path = "/api/alerts/{id}/resolve", responses((status = 409, description = "The alert is resolved.")))]
pub async fn resolve(caller: Caller<Operator>, Now(now): Now, Path(id): Path<String>) -> Answer<Json<Alert>> {
    apply(&caller.0, now, &id, Action::Resolve).map(Json)
}

const REST: &str =
    concatcp!("updated_at = ?2, updated_by = ?3 where id = ?1 and status in (select value from json_each(?4)) returning ", model::COLUMNS);

const ACKNOWLEDGE: &str =
    concatcp!("update alerts set status = '", Status::Acknowledged.into_str(), "', acknowledged_at = ?2, acknowledged_by = ?3, ", REST);

const RESOLVE: &str =
    concatcp!("update alerts set status = '", Status::Resolved.into_str(), "', resolved_at = ?2, resolved_by = ?3, ", REST);

/// Of many at once, one succeeds: the status that it may start from is a condition of the update.
fn apply(caller: &Principal, now: i64, id: &str, action: Action) -> Result<Alert, Problem> {
    // What has expired is over: nobody takes it in hand any more.
    schedule::expire(now)?;
    let from: Vec<_> = Status::VARIANTS.iter().filter(|from| transition(**from, action).is_ok()).map(Status::into_str).collect();
    let from = serde_json::to_string(&from).map_err(Problem::internal)?;
    let sql = match action {
        Action::Acknowledge => ACKNOWLEDGE,
        Action::Resolve => RESOLVE,
    };
    if let Some(alert) = Database.fetch_optional(sql, params![id, now, &caller.id, from])? {
        return Ok(alert);
    }
    let from = Database.fetch_scalar("select status from alerts where id = ?", params![id])?.ok_or_else(model::not_found)?;
    Err(Problem::conflict(Refusal { from, action }.to_string()))
}
