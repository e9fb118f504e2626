//! The steps of an emergency: reported → acknowledged → in progress → resolved.

use axum::Json;
use axum::extract::Path;
use domain::emergency::{Refusal, Status};
use kit::caller::{Caller, Operator, Principal};
use kit::fields::Fields;
use kit::request::{JsonBytes, Now};
use kit::{Answer, Problem, db, params};
use serde_json::Value;

use crate::read::{self, View};

/// PATCH `/api/emergency/{id}/acknowledge`: an operator has seen it, and it climbs no further. 409 unless it is `reported`.
pub async fn acknowledge(caller: Caller<Operator>, Now(now): Now, Path(id): Path<String>) -> Answer<Json<Value>> {
    step(&caller.0, now, &id, Status::Acknowledged, None).map(Json)
}

/// PATCH `/api/emergency/{id}/in-progress`: someone is on it. 409 unless it is `acknowledged`.
pub async fn in_progress(caller: Caller<Operator>, Now(now): Now, Path(id): Path<String>) -> Answer<Json<Value>> {
    step(&caller.0, now, &id, Status::InProgress, None).map(Json)
}

/// PATCH `/api/emergency/{id}/resolve`: it is over; `{resolution?}` says how. What was assigned to it is free again. 409 unless it is
/// `in_progress`.
pub async fn resolve(caller: Caller<Operator>, Now(now): Now, Path(id): Path<String>, JsonBytes(body): JsonBytes) -> Answer<Json<Value>> {
    let mut resolution = None;
    if !body.is_empty() {
        let mut fields = Fields::parse(&body)?;
        resolution = fields.alias("resolution", "notes").opt_text("resolution", 1..=2000);
        fields.finish()?;
    }
    step(&caller.0, now, &id, Status::Resolved, resolution).map(Json)
}

/// Of many at once, one makes the step: the status that it starts from is a condition of the update.
fn step(caller: &Principal, now: i64, id: &str, to: Status, resolution: Option<String>) -> Result<Value, Problem> {
    let sql = match to {
        Status::Acknowledged => {
            "update emergencies set status = 'acknowledged', acknowledged_at = ?3, acknowledged_by = ?4, updated_at = ?3, updated_by = ?4
             where id = ?1 and status = ?2 and ?5 is null returning id"
        }
        Status::InProgress => {
            "update emergencies set status = 'in_progress', in_progress_at = ?3, in_progress_by = ?4, updated_at = ?3, updated_by = ?4
             where id = ?1 and status = ?2 and ?5 is null returning id"
        }
        Status::Resolved => {
            "update emergencies set status = 'resolved', resolved_at = ?3, resolved_by = ?4, resolution = ?5, updated_at = ?3, updated_by = ?4
             where id = ?1 and status = ?2 returning id"
        }
        Status::Reported => return Err(Problem::internal("nothing becomes reported")),
    };
    let updated = db::run(sql, params![id, to.previous().map(|status| status.into_str()), now, &caller.id, resolution])?;
    if updated.first().is_some() {
        return read::document(db::run, id, View::Operator);
    }
    let rows = db::run("select status from emergencies where id = ?", params![id])?;
    let from = rows.first().ok_or_else(read::not_found)?.text(0)?.parse();
    let from = from.map_err(|_| Problem::internal("an emergency of unknown status"))?;
    Err(Problem::conflict(Refusal { from, to }.to_string()))
}
