//! Raising an alert.

use const_format::concatcp;
use domain::alert::{Severity, Source};
use kit::caller::{Caller, Operator, Principal};
use kit::db::{DbError, Executor};
use kit::idempotency::{Idempotent, Once};
use kit::request::{Now, RequestId};
use kit::row::FromRow as _;
use kit::{Answer, Problem, host, outbox, params, sites};

use crate::model::{self, Alert};
use crate::request::{NewAlert, canonical_zones};

/// Raises an alert.
///
/// A critical one is sent over every configured channel, first attempted within a second, without delaying the answer.
#[utoipa::path(post, path = "/api/alerts")]
pub async fn create(
    caller: Caller<Operator>,
    Now(now): Now,
    RequestId(request_id): RequestId,
    request: Idempotent<NewAlert>,
) -> Answer<Once<Alert>> {
    let created = request.once_single_statement::<_, Problem>(&caller.0, |db, alert| insert(db, &alert, &caller.0, now))?;
    if created.is_new() && request.body().is_ok_and(|alert| alert.severity == Severity::Critical) {
        outbox::wake_dispatcher(request_id);
    }
    Ok(created)
}

const INSERT: &str = concatcp!(
    "insert into alerts (id, alert_type, severity, message, site, zones, vehicle_id, location, camera, camera_id, is_public,
        source, at, expires_at, created_at, created_by, updated_at, updated_by)
     values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, '",
    Source::Manual.into_str(),
    "', coalesce(?12, ?14), ?13, ?14, ?15, ?14, ?15)
     returning ",
    model::COLUMNS
);

fn insert(db: &dyn Executor, alert: &NewAlert, caller: &Principal, now: i64) -> Result<Alert, Problem> {
    let site = alert.site.as_deref();
    let zones = alert.zones.as_ref().map(|zones| canonical_zones(db, site, zones.iter().map(|zone| &**zone))).transpose()?;
    let params = params![
        host::new_id(now)?,
        alert.alert_type(),
        alert.severity,
        alert.message(),
        site,
        zones,
        alert.vehicle_id.as_deref(),
        alert.location.as_deref(),
        alert.camera.as_deref(),
        alert.camera_id.as_deref(),
        alert.is_public(),
        alert.timestamp,
        alert.expires_at,
        now,
        &caller.id,
    ];
    let rows = db.run(INSERT, params).map_err(refused)?;
    Alert::from_row(rows.first().ok_or_else(|| Problem::internal("the insert gave no row"))?)
}

/// The one foreign key of an alert is its site.
pub fn refused(error: DbError) -> Problem {
    match error {
        DbError::Foreign => sites::unknown_in_body("site", "site"),
        other => other.into(),
    }
}
