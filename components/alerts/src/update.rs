//! Changing and deleting an alert.

use axum::Json;
use axum::extract::Path;
use const_format::concatcp;
use domain::alert::{Severity, Status};
use kit::api::NoContent;
use kit::caller::{Caller, Operator, Principal};
use kit::db::{self, Executor, Fetch as _};
use kit::input::Patch;
use kit::request::{Body, Now, RequestId};
use kit::row::{FromRow, Json as JsonColumn};
use kit::{Answer, Problem, outbox, params};

use crate::create::refused;
use crate::model::{self, Alert};
use crate::request::{AlertChange, canonical_zones};
use crate::schedule;

/// Changes an alert.
///
/// One that becomes critical is sent over every configured channel.
#[utoipa::path(method(patch, put), path = "/api/alerts/{id}", responses((status = 409, description = "The alert is resolved.")))]
pub async fn update(
    caller: Caller<Operator>,
    Now(now): Now,
    RequestId(request_id): RequestId,
    Path(id): Path<String>,
    Body(change): Body<AlertChange>,
) -> Answer<Json<Alert>> {
    schedule::expire(now)?;
    let is_critical = change.severity.0 == Some(Severity::Critical);
    let alert = db::transaction(|db| apply(db, &id, change, &caller.0, now))?;
    if is_critical {
        outbox::wake_dispatcher(request_id);
    }
    Ok(Json(alert))
}

#[derive(FromRow)]
struct Current {
    status: Status,
    site: Option<String>,
    zones: Option<JsonColumn<Vec<String>>>,
}

/// It names each column that the trigger of the history watches, so that every change is a step of it.
const UPDATE: &str = concatcp!(
    "update alerts set alert_type = coalesce(?2, alert_type), severity = coalesce(?3, severity), message = coalesce(?4, message),
        is_public = coalesce(?5, is_public), at = coalesce(?6, at), site = iif(?7, ?8, site), zones = iif(?9, ?10, zones),
        vehicle_id = iif(?11, ?12, vehicle_id), location = iif(?13, ?14, location), camera = iif(?15, ?16, camera),
        camera_id = iif(?17, ?18, camera_id), expires_at = iif(?19, ?20, expires_at), updated_at = ?21, updated_by = ?22
     where id = ?1 returning ",
    model::COLUMNS
);

fn apply(db: &dyn Executor, id: &str, change: AlertChange, caller: &Principal, now: i64) -> Result<Alert, Problem> {
    let current: Option<Current> = db.fetch_optional("select status, site, zones from alerts where id = ?", params![id])?;
    let current = current.ok_or_else(model::not_found)?;
    if current.status == Status::Resolved {
        return Err(Problem::conflict("the alert is resolved: it cannot be changed"));
    }
    let zones = zones(db, &change, current)?;
    if change.is_public.0 == Some(false) {
        retract(db, id, now)?;
    }
    let params = params![
        id,
        change.alert_type,
        change.severity,
        change.message,
        change.is_public,
        change.timestamp,
        change.site.is_sent(),
        change.site,
        zones.is_sent(),
        zones,
        change.vehicle_id.is_sent(),
        change.vehicle_id,
        change.location.is_sent(),
        change.location,
        change.camera.is_sent(),
        change.camera,
        change.camera_id.is_sent(),
        change.camera_id,
        change.expires_at.is_sent(),
        change.expires_at,
        now,
        &caller.id,
    ];
    let rows = db.run(UPDATE, params).map_err(refused)?;
    Alert::from_row(rows.first().ok_or_else(model::not_found)?)
}

/// The zones, which must be those of the site as it will be: those that were sent, or those that are there when the site changes.
fn zones(db: &dyn Executor, change: &AlertChange, current: Current) -> Result<Patch<String>, Problem> {
    let kept = current.zones.map(|zones| zones.0).filter(|zones| !zones.is_empty());
    let site = match &change.site {
        Patch::Keep => current.site.as_deref(),
        Patch::Clear => None,
        Patch::Set(site) => Some(&**site),
    };
    Ok(match (&change.zones, kept) {
        (Patch::Set(zones), _) => Patch::Set(canonical_zones(db, site, zones.iter().map(|zone| &**zone))?),
        (Patch::Keep, Some(kept)) if change.site.is_sent() => Patch::Set(canonical_zones(db, site, kept.iter().map(String::as_str))?),
        (Patch::Keep, _) => Patch::Keep,
        (Patch::Clear, _) => Patch::Clear,
    })
}

/// Tells the public to forget an alert that it was shown: what the feed says of it from here on, only operators hear.
fn retract(db: &dyn Executor, id: &str, now: i64) -> Result<(), Problem> {
    db.run(
        "insert into events (channel, kind, site, data, public_data, at)
         select 'alerts', 'alert_deleted', site, json_object('id', id), json_object('id', id), ? from alerts where id = ? and is_public",
        params![now, id],
    )?;
    Ok(())
}

/// Deletes an alert.
///
/// Its history, the audit trail and the messages that were sent stay.
#[utoipa::path(delete, path = "/api/alerts/{id}")]
pub async fn delete(caller: Caller<Operator>, Now(now): Now, Path(id): Path<String>) -> Answer<NoContent> {
    db::transaction(|db| {
        // The trigger of the delete takes who and when from the row.
        let touch = "update alerts set updated_at = ?2, updated_by = ?3 where id = ?1 returning id";
        if !db.exists(touch, params![&id, now, &caller.0.id])? {
            return Err(model::not_found());
        }
        // Consoles that show it must learn that it is gone.
        db.run(
            "insert into events (channel, kind, site, data, public_data, at)
             select 'alerts', 'alert_deleted', site, json_object('id', id), iif(is_public, json_object('id', id), null), ?
             from alerts where id = ?",
            params![now, &id],
        )?;
        db.run("delete from alerts where id = ?", params![&id])?;
        Ok(NoContent)
    })
}
