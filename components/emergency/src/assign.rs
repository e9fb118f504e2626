//! Sending a resource to an emergency, and releasing it.

use axum::Json;
use axum::extract::Path;
use const_format::concatcp;
use domain::emergency::Status;
use domain::resource::Status as ResourceStatus;
use kit::caller::{Caller, Operator};
use kit::db::{Database, DbError, Executor, Fetch as _};
use kit::input::{Id, Input};
use kit::request::{Body, Now};
use kit::row::FromRow;
use kit::{Answer, Problem, params};

use crate::model::{self, Emergency};
use crate::suggestions::IS_FREE;

/// Which resource is sent, or released.
#[derive(Input)]
#[input(example = r#"{"resource_id": "019c2b0a-7c3e-7c31-a4a5-0c8f1c2d3e4f"}"#)]
pub struct AssignmentRequest {
    /// The resource's id.
    resource_id: Id,
}

const ASSIGN: &str = concatcp!(
    "insert into assignments (emergency_id, resource_id, assigned_at, assigned_by)
     select e.id, r.id, ?1, ?4 from emergencies e join deployable_resources r on r.id = ?3
     where e.id = ?2 and e.status in ('",
    Status::OPEN[0].into_str(),
    "', '",
    Status::OPEN[1].into_str(),
    "', '",
    Status::OPEN[2].into_str(),
    "') and ",
    IS_FREE,
    " returning id"
);

/// Sends a resource to an emergency.
///
/// Of many callers that ask for the same resource at the same time, one gets it: that it is free is a condition of the insert, with a
/// unique index behind it.
#[utoipa::path(
    method(patch, post),
    path = "/api/emergency/{id}/assign",
    responses((
        status = 409,
        description = "The resource is at an emergency already, in maintenance or out of service, or the emergency is over."
    ))
)]
pub async fn assign(
    caller: Caller<Operator>,
    Now(now): Now,
    Path(id): Path<String>,
    Body(request): Body<AssignmentRequest>,
) -> Answer<Json<Emergency>> {
    match Database.run(ASSIGN, params![now, &id, &request.resource_id, &caller.0.id]) {
        Ok(rows) if !rows.is_empty() => model::find(&Database, &id).map(Json),
        Ok(_) | Err(DbError::Unique(_)) => Err(refusal(&Database, &id, &request.resource_id, now)?),
        Err(other) => Err(other.into()),
    }
}

#[derive(FromRow)]
struct Occupation {
    status: ResourceStatus,
    emergency_id: Option<String>,
    is_in_maintenance: bool,
}

/// Why the resource could not be assigned.
fn refusal(db: &dyn Executor, id: &str, resource: &str, now: i64) -> Result<Problem, Problem> {
    let status: Option<Status> = db.fetch_scalar("select status from emergencies where id = ?", params![id])?;
    match status.ok_or_else(model::not_found)? {
        status if status.is_open() => {}
        Status::Resolved => return Ok(Problem::conflict("the emergency is resolved: nothing can be assigned to it")),
        _ => return Ok(Problem::conflict("the emergency was called off: nothing can be assigned to it")),
    }
    let occupation = db.fetch_optional(
        "select status,
             (select emergency_id from assignments a where a.resource_id = r.id and a.released_at is null) as emergency_id,
             exists (
                 select 1 from maintenance_windows m where m.resource_id = r.id and m.starts_at <= ?2 and m.ends_at > ?2
             ) as is_in_maintenance
         from deployable_resources r where id = ?1",
        params![resource, now],
    )?;
    let Some(Occupation { status, emergency_id, is_in_maintenance }) = occupation else {
        return Ok(Problem::invalid_field("resource_id", "there is no such resource"));
    };
    Ok(Problem::conflict(match (emergency_id, status) {
        (Some(emergency), _) if emergency == id => "the resource is assigned to this emergency already",
        (Some(_), _) => "the resource is at another emergency",
        (None, ResourceStatus::OutOfService) => "the resource is out of service",
        (None, _) if is_in_maintenance => "the resource is in maintenance",
        // It was not free a moment ago.
        (None, _) => "the resource was taken: try again",
    }))
}

/// Releases a resource: it is not needed at this emergency any more.
#[utoipa::path(
    method(patch, post),
    path = "/api/emergency/{id}/release",
    responses((status = 409, description = "The resource is not assigned to this emergency."))
)]
pub async fn release(
    caller: Caller<Operator>,
    Now(now): Now,
    Path(id): Path<String>,
    Body(request): Body<AssignmentRequest>,
) -> Answer<Json<Emergency>> {
    let is_released = Database.exists(
        "update assignments set released_at = max(?3, assigned_at), released_by = ?4
         where resource_id = ?2 and released_at is null and emergency_id = ?1
         returning id",
        params![&id, request.resource_id, now, &caller.0.id],
    )?;
    let emergency = model::find(&Database, &id)?;
    if is_released { Ok(Json(emergency)) } else { Err(Problem::conflict("the resource is not assigned to this emergency")) }
}
