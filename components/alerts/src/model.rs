//! An alert as its readers get it: all of it for operators, a public part for everybody. The event feed and the outbox carry the same,
//! assembled by the schema's triggers (the view `alert_documents`); a suite compares the two.

use std::collections::BTreeMap;

use domain::alert::{Severity, Source, Status};
use kit::Problem;
use kit::input::{Timestamp, TimestampMillis};
use kit::row::{FromRow, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An alert, as operators see it.
#[derive(Serialize, FromRow, ToSchema)]
pub struct Alert {
    /// Its id.
    pub id: String,
    /// What it is about: a word of the system's, or its author's own.
    alert_type: String,
    /// How grave it is.
    severity: Severity,
    /// What it says to people.
    message: String,
    /// The slug of the site; null when it concerns each.
    site: Option<String>,
    /// Codes of zones of the site; none when it concerns each.
    #[schema(value_type = Vec<String>)]
    zones: Json<Vec<String>>,
    /// The vehicle that it is about, as its author named it; null for none.
    vehicle_id: Option<String>,
    /// Where it is, in words; null when nobody has said.
    location: Option<String>,
    /// The camera's name, as its author wrote it; null for none.
    camera: Option<String>,
    /// The camera's code; null for none.
    camera_id: Option<String>,
    /// Whether the public sees it.
    is_public: bool,
    /// What raised it.
    source: Source,
    /// The device, spot, lot or user that an alert of the system is about.
    subject: Option<String>,
    /// How far it is.
    status: Status,
    /// When it happened.
    #[row(column = "at")]
    timestamp: TimestampMillis,
    /// When it ends by itself; null for never.
    expires_at: Option<TimestampMillis>,
    /// When somebody took notice of it; null until then.
    acknowledged_at: Option<TimestampMillis>,
    /// The id of the user who took notice of it; null until then.
    acknowledged_by: Option<String>,
    /// When it ended; null until then.
    resolved_at: Option<TimestampMillis>,
    /// A user's id, or `system`.
    resolved_by: Option<String>,
    /// Rungs of the escalation climbed so far.
    escalation: i64,
    /// When it was made.
    created_at: TimestampMillis,
    /// Who made it: a user's id, `device:CODE` or `system`.
    created_by: String,
    /// When it last changed.
    updated_at: TimestampMillis,
}

/// The columns of an [`Alert`], also for `returning`.
pub const COLUMNS: &str =
    "id, alert_type, severity, message, site, coalesce(zones, '[]') as zones, vehicle_id, location, camera, camera_id,
    is_public, source, subject, status, at, expires_at, acknowledged_at, acknowledged_by, resolved_at, resolved_by, escalation, created_at,
    created_by, updated_at";

/// What everybody may read of a public alert: nothing of who wrote it, nor of vehicles and cameras.
#[derive(Serialize, FromRow, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PublicAlert {
    /// Its id.
    pub id: String,
    /// What it is about.
    alert_type: String,
    /// How grave it is.
    severity: Severity,
    /// What it says to people.
    message: String,
    /// The slug of the site; null when it concerns each.
    site: Option<String>,
    /// Codes of zones of the site; none when it concerns each.
    #[schema(value_type = Vec<String>)]
    zones: Json<Vec<String>>,
    /// How far it is.
    status: Status,
    /// When it happened.
    #[row(column = "at")]
    timestamp: TimestampMillis,
    /// When it ends by itself; null for never.
    expires_at: Option<TimestampMillis>,
}

/// The columns of a [`PublicAlert`].
pub const PUBLIC_COLUMNS: &str = "id, alert_type, severity, message, site, coalesce(zones, '[]') as zones, status, at, expires_at";

/// An alert with its history.
#[derive(Serialize, ToSchema)]
pub struct AlertDetail {
    #[serde(flatten)]
    pub alert: Alert,
    /// Each step, the first first.
    pub history: Vec<AlertStep>,
}

/// A step of an alert.
#[derive(Serialize, FromRow, ToSchema)]
pub struct AlertStep {
    /// When it was.
    at: Timestamp,
    /// A user's id, `device:CODE` or `system`.
    actor: String,
    /// The user's name, or the device's code.
    actor_name: String,
    /// `created`, `acknowledged`, `resolved`, `updated`, `escalated` or `deleted`.
    action: String,
    /// What it changed; null when the action says all.
    #[schema(value_type = Option<AlertStepDetail>)]
    detail: Option<Json<AlertStepDetail>>,
}

/// What the alert was before a step, and is since.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct AlertStepDetail {
    /// The status before.
    from: Status,
    /// The severity since.
    severity: Severity,
    /// The rungs climbed since.
    escalation: i64,
    /// The fields that it changed, as `{"field": {"from": …, "to": …}}`; of a deletion, each that the alert had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    changes: Option<BTreeMap<String, FieldChange>>,
}

/// A field before and after a step.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct FieldChange {
    /// Its value before.
    from: serde_json::Value,
    /// Its value since; null after a deletion.
    to: serde_json::Value,
}

/// Every step of an alert.
#[derive(Serialize, ToSchema)]
pub struct AlertHistory {
    /// The first first.
    pub items: Vec<AlertStep>,
}

/// 404.
pub fn not_found() -> Problem {
    Problem::not_found("alert")
}
