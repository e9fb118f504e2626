//! The steps of an emergency: reported → acknowledged → in progress → resolved.

use axum::Json;
use axum::extract::Path;
use const_format::concatcp;
use domain::emergency::{Refusal, Status};
use kit::caller::{Caller, Operator, Principal};
use kit::db::{Database, Fetch as _};
use kit::input::{Input, Text};
use kit::request::{Now, OptionalBody};
use kit::{Answer, Problem, params};

use crate::model::{self, Emergency};

/// How an emergency ended.
#[derive(Input)]
#[input(example = r#"{"resolution": "Taken to hospital"}"#)]
pub struct EmergencyResolution {
    /// What was done, in words.
    #[input(alias("notes"))]
    resolution: Option<Text<1, 2000>>,
}

/// Acknowledges an emergency: an operator has seen it, and it climbs no further.
#[utoipa::path(
    method(patch, post),
    path = "/api/emergency/{id}/acknowledge",
    responses((status = 409, description = "The emergency is not `reported`."))
)]
pub async fn acknowledge(caller: Caller<Operator>, Now(now): Now, Path(id): Path<String>) -> Answer<Json<Emergency>> {
    apply(&caller.0, now, &id, Status::Acknowledged, ACKNOWLEDGE, None).map(Json)
}

/// Puts an emergency in progress: someone is on it.
#[utoipa::path(
    method(patch, post),
    path = "/api/emergency/{id}/in-progress",
    responses((status = 409, description = "The emergency is not `acknowledged`."))
)]
pub async fn in_progress(caller: Caller<Operator>, Now(now): Now, Path(id): Path<String>) -> Answer<Json<Emergency>> {
    apply(&caller.0, now, &id, Status::InProgress, PUT_IN_PROGRESS, None).map(Json)
}

/// Resolves an emergency: it is over. What was assigned to it is free again.
#[utoipa::path(
    method(patch, post),
    path = "/api/emergency/{id}/resolve",
    responses((status = 409, description = "The emergency is not `in_progress`."))
)]
pub async fn resolve(
    caller: Caller<Operator>,
    Now(now): Now,
    Path(id): Path<String>,
    OptionalBody(body): OptionalBody<EmergencyResolution>,
) -> Answer<Json<Emergency>> {
    apply(&caller.0, now, &id, Status::Resolved, RESOLVE, body.resolution.as_deref()).map(Json)
}

const REST: &str = concatcp!(
    ", status = ?6, resolution = coalesce(?5, resolution), updated_at = ?3, updated_by = ?4
     where id = ?1 and status = ?2 returning ",
    model::COLUMNS
);

const ACKNOWLEDGE: &str = concatcp!("update emergencies set acknowledged_at = ?3, acknowledged_by = ?4", REST);

const PUT_IN_PROGRESS: &str = concatcp!("update emergencies set in_progress_at = ?3, in_progress_by = ?4", REST);

const RESOLVE: &str = concatcp!("update emergencies set resolved_at = ?3, resolved_by = ?4", REST);

/// Of many at once, one succeeds: the status that it starts from is a condition of the update.
fn apply(caller: &Principal, now: i64, id: &str, to: Status, sql: &str, resolution: Option<&str>) -> Result<Emergency, Problem> {
    let updated = Database.fetch_all(sql, params![id, to.previous(), now, &caller.id, resolution, to])?;
    if let Some(emergency) = model::with_resources(&Database, updated)?.pop() {
        return Ok(emergency);
    }
    let from = Database.fetch_scalar("select status from emergencies where id = ?", params![id])?.ok_or_else(model::not_found)?;
    Err(Problem::conflict(Refusal { from, to }.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assign::AssignmentRequest;

    #[test]
    fn examples_are_valid() {
        kit::input::parse::<EmergencyResolution>(EmergencyResolution::example().unwrap().as_bytes(), 0).unwrap();
        kit::input::parse::<AssignmentRequest>(AssignmentRequest::example().unwrap().as_bytes(), 0).unwrap();
    }
}
