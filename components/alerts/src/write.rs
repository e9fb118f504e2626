//! Creating, editing and deleting alerts.

use axum::extract::Path;
use axum::response::Response;
use axum::{Extension, Json};
use domain::alert::Severity;
use http::StatusCode;
use kit::caller::{Caller, Operator, Principal};
use kit::db::{self, DbError, Run, Transaction, Value};
use kit::idempotency::IdempotencyKey;
use kit::request::{JsonBytes, Now, RequestId};
use kit::{Answer, Problem, host, outbox, params};
use serde_json::Value as Json_;

use crate::new::{self, NewAlert};
use crate::read;

/// POST `/api/alerts/` → 201. Honours `Idempotency-Key`. What is critical is sent within a second, without delaying the answer.
pub async fn create(
    caller: Caller<Operator>,
    Now(now): Now,
    Extension(RequestId(request_id)): Extension<RequestId>,
    key: IdempotencyKey,
    JsonBytes(body): JsonBytes,
) -> Answer<Response> {
    let mut critical = false;
    // Judged inside, since what is asked for again may have been good only then: its `expires_at` may have come.
    let (response, fresh) = key.once_by_one(&caller.0, &body, |run| {
        let alert = NewAlert::parse(&body, now)?;
        critical = alert.severity == Severity::Critical;
        Ok((StatusCode::CREATED, insert(run, &alert, &caller.0, now)?))
    })?;
    if fresh && critical {
        outbox::wake_dispatcher(request_id);
    }
    Ok(response)
}

fn insert(run: Run<'_>, alert: &NewAlert, caller: &Principal, now: i64) -> Result<Json_, Problem> {
    let site = alert.site.as_deref();
    let zones = alert.zones.as_ref().map(|zones| new::canonical_zones(run, site, zones)).transpose()?;
    let id = host::new_id(now)?;
    let inserted = run(
        "insert into alerts (id, alert_type, severity, message, site, zones, vehicle_id, location, camera, camera_id, is_public,
            source, at, expires_at, created_at, created_by, updated_at, updated_by)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 'manual', ?12, ?13, ?14, ?15, ?14, ?15)",
        params![
            &id,
            &alert.alert_type,
            alert.severity.into_str(),
            &alert.message,
            site,
            zones,
            alert.vehicle_id.as_deref(),
            alert.location.as_deref(),
            alert.camera.as_deref(),
            alert.camera_id.as_deref(),
            alert.is_public,
            alert.at,
            alert.expires_at,
            now,
            &caller.id,
        ],
    );
    inserted.map_err(refused)?;
    read::document(run, &id)
}

/// The one foreign key of an alert is its site.
fn refused(error: DbError) -> Problem {
    match error {
        DbError::Foreign => Problem::invalid_field("site", "there is no such site"),
        other => other.into(),
    }
}

/// What a PATCH sets: pieces of `set`, which are constants, and their values.
#[derive(Default)]
struct Changes {
    columns: Vec<&'static str>,
    values: Vec<Value>,
}

impl Changes {
    fn set(&mut self, column: &'static str, value: impl Into<Value>) {
        self.columns.push(column);
        self.values.push(value.into());
    }
}

/// PATCH `/api/alerts/{id}`, also PUT, as S1's clients say it: changes what was sent; null empties an optional field. A resolved alert
/// is history: 409.
pub async fn edit(
    caller: Caller<Operator>,
    Now(now): Now,
    Extension(RequestId(request_id)): Extension<RequestId>,
    Path(id): Path<String>,
    JsonBytes(body): JsonBytes,
) -> Answer<Json<Json_>> {
    let edit = Edit::parse(&body, now)?;
    read::expire(now)?;
    let critical = edit.critical;
    let document = db::transaction(|transaction| edit.apply(transaction, &id, &caller.0, now))?;
    if critical {
        outbox::wake_dispatcher(request_id);
    }
    Ok(Json(document))
}

struct Edit {
    changes: Changes,
    zones: Option<Option<Vec<String>>>,
    critical: bool,
    /// Whether it is to be for operators alone.
    hides: bool,
}

impl Edit {
    fn parse(body: &[u8], now: i64) -> Result<Self, Problem> {
        let (mut fields, nulls) = new::fields(body)?;
        let mut changes = Changes::default();
        if fields.has("status") {
            fields.refuse("status", "changes by acknowledge and resolve");
        }
        for name in ["alert_type", "severity", "message", "is_public", "timestamp"] {
            fields.check(!nulls.iter().any(|null| null == name), name, "must not be null");
        }
        if let Some(alert_type) = fields.opt_text("alert_type", 1..=64) {
            changes.set("alert_type", alert_type);
        }
        let severity = new::severity(&mut fields);
        if let Some(severity) = severity {
            changes.set("severity", severity.into_str());
        }
        if let Some(message) = fields.opt_text("message", 1..=2000) {
            changes.set("message", message);
        }
        let is_public = fields.opt_bool("is_public");
        if let Some(is_public) = is_public {
            changes.set("is_public", is_public);
        }
        if let Some(at) = new::timestamp(&mut fields, now) {
            changes.set("at", at);
        }
        if fields.has("site") {
            changes.set("site", new::site(&mut fields));
        }
        if fields.has("location") {
            changes.set("location", new::place(&mut fields));
        }
        for name in ["vehicle_id", "camera", "camera_id"] {
            if fields.has(name) {
                changes.set(name, new::short(&mut fields, name));
            }
        }
        if fields.has("expires_at") {
            changes.set("expires_at", new::expiry(&mut fields, now));
        }
        let zones = fields.has("zones").then(|| fields.opt_texts("zones", 100));
        if changes.columns.is_empty() && zones.is_none() && fields.errors().is_empty() {
            fields.refuse("body", "has no field of an alert");
        }
        fields.finish()?;
        Ok(Self { changes, zones, critical: severity == Some(Severity::Critical), hides: is_public == Some(false) })
    }

    fn apply(mut self, transaction: &Transaction, id: &str, caller: &Principal, now: i64) -> Result<Json_, Problem> {
        let rows = transaction.run("select status, site, zones from alerts where id = ?", params![id])?;
        let row = rows.first().ok_or_else(read::not_found)?;
        if row.text(0)? == "resolved" {
            return Err(Problem::conflict("the alert is resolved: it cannot be changed"));
        }
        // Zones are those of the site as it will be.
        let moved = self.changes.columns.iter().position(|column| *column == "site");
        let site = match moved.and_then(|index| self.changes.values.get(index)) {
            Some(Value::Text(site)) => Some(site.clone()),
            Some(_) => None,
            None => row.opt_text(1)?.map(str::to_owned),
        };
        if self.zones.is_none() && moved.is_some() && row.opt_text(2)?.is_some_and(|zones| zones != "[]") {
            let zones: Vec<String> = serde_json::from_str(row.opt_text(2)?.unwrap_or("[]")).map_err(Problem::internal)?;
            self.zones = Some(Some(zones));
        }
        if let Some(zones) = self.zones.take() {
            let zones = zones
                .map(|zones| new::canonical_zones(&|sql, params| transaction.run(sql, params), site.as_deref(), &zones))
                .transpose()?;
            self.changes.set("zones", zones);
        }
        if self.hides {
            retract(transaction, id, now)?;
        }
        let Changes { mut columns, mut values } = self.changes;
        columns.extend(["updated_at", "updated_by"]);
        values.extend(params![now, &caller.id, id]);
        let mut set = columns.join(" = ?, ");
        set.push_str(" = ?");
        if !columns.contains(&"message") {
            // The trigger that keeps the history watches this column; it must see every edit.
            set.push_str(", message = message");
        }
        transaction.run(&format!("update alerts set {set} where id = ?"), values).map_err(refused)?;
        read::document(|sql, params| transaction.run(sql, params), id)
    }
}

/// Tells the public to forget an alert that it was shown: what the feed says of it from here on, only operators hear.
fn retract(transaction: &Transaction, id: &str, now: i64) -> Result<(), Problem> {
    transaction.run(
        "insert into events (channel, kind, site, data, public_data, at)
         select 'alerts', 'alert_deleted', site, json_object('id', id), json_object('id', id), ? from alerts where id = ? and is_public",
        params![now, id],
    )?;
    Ok(())
}

/// DELETE `/api/alerts/{id}` → 204. The audit trail and what was sent stay.
pub async fn delete(caller: Caller<Operator>, Now(now): Now, Path(id): Path<String>) -> Answer<StatusCode> {
    db::transaction(|transaction| {
        // The trigger of the delete takes who and when from the row.
        let touched = transaction
            .run("update alerts set updated_at = ?, updated_by = ? where id = ? returning id", params![now, &caller.0.id, &id])?;
        touched.first().ok_or_else(read::not_found)?;
        // Consoles that show it must learn that it is gone.
        transaction.run(
            "insert into events (channel, kind, site, data, public_data, at)
             select 'alerts', 'alert_deleted', site, json_object('id', id), iif(is_public, json_object('id', id), null), ?
             from alerts where id = ?",
            params![now, &id],
        )?;
        transaction.run("delete from alerts where id = ?", params![&id])?;
        Ok(StatusCode::NO_CONTENT)
    })
}
