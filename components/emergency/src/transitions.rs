//! The steps of an emergency: reported → acknowledged → in progress → resolved; or called off, by its reporter or as a false alarm.

use axum::Json;
use axum::extract::Path;
use const_format::concatcp;
use domain::emergency::{Refusal, Status};
use domain::role::Role;
use kit::caller::{Caller, Operator, Principal, SignedIn};
use kit::db::{Database, Fetch as _};
use kit::input::{Input, Text};
use kit::request::{Now, OptionalBody};
use kit::row::FromRow;
use kit::{Answer, Problem, params};

use crate::model::{self, Emergency, EmergencyView};

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

/// Why an emergency is called off.
#[derive(Input)]
#[input(example = r#"{"reason": "The child was with its aunt"}"#)]
pub struct EmergencyWithdrawal {
    #[input(alias("notes", "resolution"))]
    reason: Option<Text<1, 2000>>,
}

/// Closes an emergency as a false alarm, in one step from wherever it stands.
///
/// What was assigned to it is free again. The figures count it apart.
#[utoipa::path(
    method(patch, post),
    path = "/api/emergency/{id}/false-alarm",
    responses((status = 409, description = "The emergency is over."))
)]
pub async fn false_alarm(
    caller: Caller<Operator>,
    Now(now): Now,
    Path(id): Path<String>,
    OptionalBody(body): OptionalBody<EmergencyWithdrawal>,
) -> Answer<Json<Emergency>> {
    apply(&caller.0, now, &id, Status::FalseAlarm, CLOSE, body.reason.as_deref()).map(Json)
}

/// Cancels one's own emergency: nobody need come.
///
/// It climbs no further, and what was assigned to it is free again. Once somebody is on it, only an operator ends it.
#[utoipa::path(
    method(patch, post),
    path = "/api/emergency/{id}/cancel",
    responses(
        (status = 403, description = "An operator did not report it: they close it as a false alarm."),
        (status = 409, description = "The emergency is neither `reported` nor `acknowledged`.")
    )
)]
pub async fn cancel(
    caller: Caller<SignedIn>,
    Now(now): Now,
    Path(id): Path<String>,
    OptionalBody(body): OptionalBody<EmergencyWithdrawal>,
) -> Answer<Json<EmergencyView>> {
    let is_operator = caller.0.role.holds(Role::Operator);
    if let Some(emergency) = update(&caller.0, now, &id, Status::Cancelled, CANCEL, body.reason.as_deref())? {
        return Ok(Json(EmergencyView::new(emergency, is_operator)));
    }
    let Standing { status, reported_by } = standing(&id)?;
    Err(match reported_by == caller.0.id {
        true => Problem::conflict(Refusal { from: status, to: Status::Cancelled }.to_string()),
        false if is_operator => Problem::forbidden("only its reporter cancels an emergency: close it as a false alarm"),
        false => model::not_found(),
    })
}

const SET: &str = ", status = ?6, resolution = coalesce(?5, resolution), updated_at = ?3, updated_by = ?4
     where id = ?1 and status in (select value from json_each(?2))";

const REST: &str = concatcp!(SET, " returning ", model::COLUMNS);

const ACKNOWLEDGE: &str = concatcp!("update emergencies set acknowledged_at = ?3, acknowledged_by = ?4", REST);

const PUT_IN_PROGRESS: &str = concatcp!("update emergencies set in_progress_at = ?3, in_progress_by = ?4", REST);

const RESOLVE: &str = concatcp!("update emergencies set resolved_at = ?3, resolved_by = ?4", REST);

const CLOSE: &str = concatcp!("update emergencies set closed_at = ?3, closed_by = ?4", REST);

const CANCEL: &str =
    concatcp!("update emergencies set closed_at = ?3, closed_by = ?4", SET, " and reported_by = ?4 returning ", model::COLUMNS);

fn apply(caller: &Principal, now: i64, id: &str, to: Status, sql: &str, resolution: Option<&str>) -> Result<Emergency, Problem> {
    if let Some(emergency) = update(caller, now, id, to, sql, resolution)? {
        return Ok(emergency);
    }
    Err(Problem::conflict(Refusal { from: standing(id)?.status, to }.to_string()))
}

/// Of many at once, one succeeds: the statuses that it starts from are a condition of the update. None when it was not made.
fn update(caller: &Principal, now: i64, id: &str, to: Status, sql: &str, resolution: Option<&str>) -> Result<Option<Emergency>, Problem> {
    let before = serde_json::to_string(to.before()).map_err(Problem::internal)?;
    let updated = Database.fetch_all(sql, params![id, before, now, &caller.id, resolution, to])?;
    Ok(model::with_resources(&Database, updated)?.pop())
}

#[derive(FromRow)]
struct Standing {
    status: Status,
    reported_by: String,
}

/// Where an emergency stands, and whose it is; 404 when there is none.
fn standing(id: &str) -> Result<Standing, Problem> {
    Database.fetch_optional("select status, reported_by from emergencies where id = ?", params![id])?.ok_or_else(model::not_found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assign::AssignmentRequest;

    #[test]
    fn examples_are_valid() {
        kit::input::parse::<EmergencyResolution>(EmergencyResolution::example().unwrap().as_bytes(), 0).unwrap();
        kit::input::parse::<EmergencyWithdrawal>(EmergencyWithdrawal::example().unwrap().as_bytes(), 0).unwrap();
        kit::input::parse::<AssignmentRequest>(AssignmentRequest::example().unwrap().as_bytes(), 0).unwrap();
    }
}
