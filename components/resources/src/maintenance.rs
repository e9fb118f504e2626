//! `/api/resources/{id}/maintenance`: the calendar. Windows include their start and not their end, and never overlap.

use axum::Json;
use axum::extract::Path;
use const_format::concatcp;
use domain::resource::MAX_WINDOW_DAYS;
use domain::time::DAY_MS;
use kit::api::{Created, NoContent};
use kit::caller::{Caller, Operator};
use kit::db::{self, Database, Executor as _, Fetch as _};
use kit::input::{At, Future, Input, Patch, Text, Timestamp};
use kit::page::{Listing, Page};
use kit::request::{Body, Now};
use kit::row::FromRow;
use kit::select::Select;
use kit::{Answer, Problem, host, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::resources;

/// A window of a resource's maintenance calendar.
#[derive(Serialize, FromRow, ToSchema)]
pub struct Maintenance {
    /// The window's id.
    id: String,
    /// The resource's id.
    resource_id: String,
    /// When it begins.
    #[row(column = "starts_at")]
    start: Timestamp,
    /// When it ends.
    #[row(column = "ends_at")]
    end: Timestamp,
    /// What is done; null when nobody has said.
    reason: Option<String>,
    /// When it was made.
    created_at: Timestamp,
    /// The id of the user who entered it.
    created_by: String,
}

const COLUMNS: &str = "id, resource_id, starts_at, ends_at, reason, created_at, created_by";

fn not_found() -> Problem {
    Problem::not_found("maintenance")
}

/// Which windows: those that have a moment in common with this stretch of time.
#[derive(Input)]
pub struct Filters {
    /// Where the stretch of time begins.
    from: Option<Timestamp>,
    /// Where the stretch of time ends.
    to: Option<Timestamp>,
}

/// Lists the maintenance windows of a resource by time.
#[utoipa::path(get, path = "/api/resources/{id}/maintenance")]
pub async fn list(_: Caller<Operator>, Path(id): Path<String>, listing: Listing<Filters>) -> Answer<Page<Maintenance>> {
    resources::require(&Database, &id)?;
    // Windows of one resource never overlap: their order by start is one by end as well.
    let windows = Select::new(
        concatcp!("select ", COLUMNS, " from resource_maintenance where resource_id = ? and starts_at > coalesce(?, -1)"),
        params![id, listing.after_int(0)],
    )
    .and_if("ends_at > ?", listing.filters.from)
    .and_if("starts_at < ?", listing.filters.to)
    .fetch(&Database, "starts_at", listing.fetch())?;
    Ok(listing.page(windows, |window: &Maintenance| [window.start.0]))
}

/// A new maintenance window.
#[derive(Input)]
#[input(read_only("id", "resource_id", "created_at", "created_by"))]
#[input(check, example = r#"{"start": "2099-02-04T10:00:00Z", "end": "2099-02-04T16:00:00Z", "reason": "Tyres"}"#)]
pub struct NewMaintenance {
    /// When it begins.
    #[input(alias("starts_at", "from"))]
    start: Timestamp,
    /// At most 92 days after the start.
    #[input(alias("ends_at", "to"))]
    end: Future,
    /// What is done.
    reason: Option<Text<1, 500>>,
}

/// A change of a maintenance window: what is not sent stays; null clears the reason.
#[derive(Input)]
#[input(read_only("id", "resource_id", "created_at", "created_by"))]
#[input(check, example = r#"{"end": "2099-02-04T18:00:00Z", "reason": "Tyres and brakes"}"#)]
pub struct MaintenanceChange {
    /// When it begins.
    #[input(alias("starts_at", "from"))]
    start: Option<Timestamp>,
    /// At most 92 days after the start.
    #[input(alias("ends_at", "to"))]
    end: Option<Future>,
    /// What is done; null for nothing.
    reason: Patch<Text<1, 500>>,
}

impl NewMaintenance {
    fn check(&self, at: &mut At<'_>) {
        if let Some(reason) = end_refusal(self.start.0, self.end.0) {
            at.refuse_field("end", reason);
        }
    }
}

impl MaintenanceChange {
    fn check(&self, at: &mut At<'_>) {
        let both = self.start.zip(self.end);
        if let Some(reason) = both.and_then(|(start, end)| end_refusal(start.0, end.0)) {
            at.refuse_field("end", reason);
        }
    }
}

/// What is wrong with an end, if anything.
fn end_refusal(start: i64, end: i64) -> Option<String> {
    if start >= end {
        Some("must lie after start".to_owned())
    } else if end.saturating_sub(start) > MAX_WINDOW_DAYS * DAY_MS {
        Some(format!("must lie within {MAX_WINDOW_DAYS} days of start"))
    } else {
        None
    }
}

const INSERT: &str = concatcp!(
    "insert into resource_maintenance (id, resource_id, starts_at, ends_at, reason, created_at, created_by, updated_at, updated_by)
     select ?1, r.id, ?3, ?4, ?5, ?6, ?7, ?6, ?7 from resources r
     where r.id = ?2 and r.retired_at is null
         and not exists (select 1 from resource_maintenance m where m.resource_id = ?2 and m.starts_at < ?4 and m.ends_at > ?3)
         and not (?3 <= ?6 and exists (select 1 from resource_assignments a where a.resource_id = ?2 and a.released_at is null))
     returning ",
    COLUMNS
);

/// Adds a maintenance window.
///
/// That nothing overlaps is a condition of the insert: of many at once, one succeeds.
#[utoipa::path(
    post,
    path = "/api/resources/{id}/maintenance",
    responses((status = 409, description = "It overlaps another window, or it begins while the resource is at an emergency."))
)]
pub async fn create(
    caller: Caller<Operator>,
    Now(now): Now,
    Path(id): Path<String>,
    Body(new): Body<NewMaintenance>,
) -> Answer<Created<Maintenance>> {
    let params = params![host::new_id(now)?, &id, new.start, new.end, new.reason, now, &caller.0.id];
    if let Some(window) = Database.fetch_optional(INSERT, params)? {
        return Ok(Created(window));
    }
    resources::require(&Database, &id)?;
    Err(Problem::conflict("the resource is in maintenance, or at an emergency, in this time"))
}

const UPDATE: &str = concatcp!(
    "update resource_maintenance set starts_at = coalesce(?3, starts_at), ends_at = coalesce(?4, ends_at),
        reason = iif(?5, ?6, reason), updated_at = ?7, updated_by = ?8
     where id = ?2 and resource_id = ?1 and coalesce(?3, starts_at) < coalesce(?4, ends_at)
         and coalesce(?4, ends_at) - coalesce(?3, starts_at) <= ?9
         and (ends_at > ?7 or (?3 is null and ?4 is null))
         and not (?3 <= ?7 and starts_at > ?7 and exists (
             select 1 from resource_assignments a where a.resource_id = ?1 and a.released_at is null
         ))
         and not exists (
             select 1 from resource_maintenance m
             where m.resource_id = ?1 and m.id <> ?2 and m.starts_at < coalesce(?4, resource_maintenance.ends_at)
                 and m.ends_at > coalesce(?3, resource_maintenance.starts_at)
         )
     returning ",
    COLUMNS
);

/// Moves a maintenance window, or changes its reason.
#[utoipa::path(
    patch,
    path = "/api/resources/{id}/maintenance/{window}",
    responses((
        status = 409,
        description = "It would overlap another window, would begin while the resource is at an emergency, or is over: its times stay."
    ))
)]
pub async fn update(
    caller: Caller<Operator>,
    Now(now): Now,
    Path((id, window)): Path<(String, String)>,
    Body(change): Body<MaintenanceChange>,
) -> Answer<Json<Maintenance>> {
    let params = params![
        &id,
        &window,
        change.start,
        change.end,
        change.reason.is_sent(),
        change.reason,
        now,
        &caller.0.id,
        MAX_WINDOW_DAYS * DAY_MS
    ];
    if let Some(window) = Database.fetch_optional(UPDATE, params)? {
        return Ok(Json(window));
    }
    let kept: Option<Maintenance> = Database.fetch_optional(
        concatcp!("select ", COLUMNS, " from resource_maintenance where id = ? and resource_id = ?"),
        params![&window, &id],
    )?;
    let kept = kept.ok_or_else(not_found)?;
    let (start, end) = (change.start.map_or(kept.start.0, |start| start.0), change.end.map_or(kept.end.0, |end| end.0));
    if let Some(reason) = end_refusal(start, end) {
        return Err(Problem::invalid_field("end", reason));
    }
    if kept.end.0 <= now {
        return Err(Problem::conflict("this maintenance is over: when it was does not change"));
    }
    Err(Problem::conflict("the resource is in maintenance in this time already, or at an emergency"))
}

/// Deletes a maintenance window.
#[utoipa::path(delete, path = "/api/resources/{id}/maintenance/{window}")]
pub async fn delete(caller: Caller<Operator>, Now(now): Now, Path((id, window)): Path<(String, String)>) -> Answer<NoContent> {
    db::transaction(|db| {
        // The trigger of the delete takes who and when from the row.
        let touch = "update resource_maintenance set updated_at = ?3, updated_by = ?4 where id = ?1 and resource_id = ?2 returning id";
        if !db.exists(touch, params![&window, &id, now, &caller.0.id])? {
            return Err(not_found());
        }
        db.run("delete from resource_maintenance where id = ?", params![&window])?;
        Ok(NoContent)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_valid() {
        kit::input::parse::<NewMaintenance>(NewMaintenance::example().unwrap().as_bytes(), 0).unwrap();
        kit::input::parse::<MaintenanceChange>(MaintenanceChange::example().unwrap().as_bytes(), 0).unwrap();
    }
}
