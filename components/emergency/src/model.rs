//! An emergency as operators see it, and as its reporter follows it. The event feed and the outbox carry the same, assembled by the schema's
//! triggers (the view `emergency_documents`).

use std::collections::{BTreeMap, HashMap};

use const_format::concatcp;
use domain::emergency::{Kind, Severity, Status};
use kit::db::{Executor, Fetch as _};
use kit::input::{Location, TimestampMillis};
use kit::row::{FromRow, Json as JsonColumn, Row};
use kit::{Problem, params};
use serde::Serialize;
use utoipa::ToSchema;

/// An emergency, as operators see it.
#[derive(Serialize, FromRow, ToSchema)]
pub struct Emergency {
    /// The emergency's id.
    pub id: String,
    /// The slug of the temple, or of another site; null when it is not known.
    #[row(column = "site")]
    temple_id: Option<String>,
    /// What kind it is.
    r#type: Kind,
    /// The reporter's own word, where it is none of ours.
    reported_type: Option<String>,
    /// How grave it is.
    severity: Severity,
    /// Null when its reporter said nothing.
    description: Option<String>,
    /// Null when it is not known.
    #[row(flatten)]
    location: Option<Location>,
    /// False only of a position that is known within 50 metres.
    location_approximate: bool,
    /// How far off the position may be, metres; null when nobody said.
    accuracy_m: Option<f64>,
    /// The place in words: the reporter's own, or where the panic button is.
    place: Option<String>,
    /// What was missing from the report or not understood, by field.
    #[schema(value_type = BTreeMap<String, Vec<String>>)]
    notes: Notes,
    /// How far it is.
    pub status: Status,
    /// A user's id, or `device:CODE`.
    pub reported_by: String,
    /// Null where the account says none, or is no person's.
    pub reporter_name: Option<String>,
    /// The number to call back; null as for the name.
    pub reporter_phone: Option<String>,
    /// When it was reported.
    #[row(column = "created_at")]
    reported_at: TimestampMillis,
    /// When somebody took notice of it; null until then.
    acknowledged_at: Option<TimestampMillis>,
    /// The id of the user who took notice of it; null until then.
    acknowledged_by: Option<String>,
    /// When work on it began; null until then.
    in_progress_at: Option<TimestampMillis>,
    /// The id of the user who said so; null until then.
    in_progress_by: Option<String>,
    /// When it ended; null until then.
    resolved_at: Option<TimestampMillis>,
    /// The id of the user who ended it; null until then.
    resolved_by: Option<String>,
    /// When its reporter cancelled it, or an operator closed it as a false alarm.
    closed_at: Option<TimestampMillis>,
    /// The id of the user who did; null until then.
    closed_by: Option<String>,
    /// How it ended, in the words of who ended it.
    resolution: Option<String>,
    /// Rungs of the escalation climbed so far.
    escalation: i64,
    /// The resources that were sent, the first first.
    #[row(with = no_resources)]
    resources: Vec<AssignedResource>,
    /// When it last changed.
    updated_at: TimestampMillis,
}

/// The columns of an [`Emergency`], also for `returning`. Its resources are of other rows: [`with_resources`] adds them.
pub const COLUMNS: &str =
    "id, site, type, reported_type, severity, description, latitude, longitude, location_approximate, accuracy_m, place,
    coalesce(notes, '{}') as notes, status, reported_by, (select name from user_contacts where id = reported_by) as reporter_name,
    (select phone from user_contacts where id = reported_by) as reporter_phone, created_at, acknowledged_at, acknowledged_by,
    in_progress_at, in_progress_by, resolved_at, resolved_by, closed_at, closed_by, resolution, escalation, updated_at";

/// What was missing from a report or not understood, by field.
pub type Notes = JsonColumn<BTreeMap<String, Vec<String>>>;

fn no_resources(_: &Row) -> Result<Vec<AssignedResource>, Problem> {
    Ok(Vec::new())
}

/// A resource that was sent to an emergency.
#[derive(Serialize, FromRow, ToSchema)]
pub struct AssignedResource {
    /// The resource's id.
    resource_id: String,
    /// The resource's type.
    r#type: String,
    /// The resource's name.
    name: String,
    /// When it was sent.
    assigned_at: TimestampMillis,
    /// The id of the user who sent it.
    assigned_by: String,
    /// Null while it is there.
    released_at: Option<TimestampMillis>,
}

#[derive(FromRow)]
struct Assignment {
    emergency_id: String,
    #[row(flatten)]
    resource: AssignedResource,
}

/// Adds the resources that were sent to these emergencies.
pub fn with_resources(db: &dyn Executor, mut emergencies: Vec<Emergency>) -> Result<Vec<Emergency>, Problem> {
    if emergencies.is_empty() {
        return Ok(emergencies);
    }
    let ids: Vec<_> = emergencies.iter().map(|emergency| emergency.id.as_str()).collect();
    let assignments: Vec<Assignment> = db.fetch_all(
        "select a.emergency_id, a.resource_id, r.type, r.name, a.assigned_at, a.assigned_by, a.released_at
         from assignments a join resource_names r on r.id = a.resource_id
         where a.emergency_id in (select value from json_each(?))
         order by a.id",
        params![serde_json::to_string(&ids).map_err(Problem::internal)?],
    )?;
    let mut by_emergency: HashMap<String, Vec<AssignedResource>> = HashMap::new();
    for Assignment { emergency_id, resource } in assignments {
        by_emergency.entry(emergency_id).or_default().push(resource);
    }
    for emergency in &mut emergencies {
        emergency.resources = by_emergency.remove(&emergency.id).unwrap_or_default();
    }
    Ok(emergencies)
}

/// The emergency of this id with its resources; 404 when there is none.
pub fn find(db: &dyn Executor, id: &str) -> Result<Emergency, Problem> {
    let found = db.fetch_all(concatcp!("select ", COLUMNS, " from emergencies where id = ?"), params![id])?;
    with_resources(db, found)?.pop().ok_or_else(not_found)
}

/// An emergency as its reporter follows it: what they said, and how far it has come. Who of the staff it was is not for them.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReporterEmergency {
    /// The emergency's id.
    id: String,
    /// The slug of the temple, or of another site; null when it is not known.
    temple_id: Option<String>,
    /// What kind it is.
    r#type: Kind,
    /// How grave it is.
    severity: Severity,
    /// What the reporter said.
    description: Option<String>,
    /// Where it is.
    location: Option<Location>,
    /// False only of a position that is known within 50 metres.
    location_approximate: bool,
    /// How far off the position may be, metres; null when nobody said.
    accuracy_m: Option<f64>,
    /// The place in words.
    place: Option<String>,
    /// What was missing from the report or not understood, by field.
    #[schema(value_type = BTreeMap<String, Vec<String>>)]
    notes: Notes,
    /// How far it is.
    status: Status,
    /// When it was reported.
    reported_at: TimestampMillis,
    /// When somebody took notice of it; null until then.
    acknowledged_at: Option<TimestampMillis>,
    /// When work on it began; null until then.
    in_progress_at: Option<TimestampMillis>,
    /// When it ended; null until then.
    resolved_at: Option<TimestampMillis>,
    /// When it was cancelled, or closed as a false alarm.
    closed_at: Option<TimestampMillis>,
    /// What is there.
    resources: Vec<ResourceThere>,
    /// When it last changed.
    updated_at: TimestampMillis,
}

/// A resource that is at an emergency, as its reporter sees it.
#[derive(Serialize, ToSchema)]
pub struct ResourceThere {
    /// The resource's type.
    r#type: String,
}

impl From<Emergency> for ReporterEmergency {
    fn from(emergency: Emergency) -> Self {
        let there = emergency.resources.into_iter().filter(|resource| resource.released_at.is_none());
        Self {
            id: emergency.id,
            temple_id: emergency.temple_id,
            r#type: emergency.r#type,
            severity: emergency.severity,
            description: emergency.description,
            location: emergency.location,
            location_approximate: emergency.location_approximate,
            accuracy_m: emergency.accuracy_m,
            place: emergency.place,
            notes: emergency.notes,
            status: emergency.status,
            reported_at: emergency.reported_at,
            acknowledged_at: emergency.acknowledged_at,
            in_progress_at: emergency.in_progress_at,
            resolved_at: emergency.resolved_at,
            closed_at: emergency.closed_at,
            resources: there.map(|resource| ResourceThere { r#type: resource.r#type }).collect(),
            updated_at: emergency.updated_at,
        }
    }
}

/// An emergency as its caller may see it.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum EmergencyView {
    Operator(Box<Emergency>),
    Reporter(Box<ReporterEmergency>),
}

impl EmergencyView {
    /// All of it for operators, the reporter's part for others.
    pub fn new(emergency: Emergency, is_operator: bool) -> Self {
        if is_operator { Self::Operator(Box::new(emergency)) } else { Self::Reporter(Box::new(emergency.into())) }
    }
}

/// 404.
pub fn not_found() -> Problem {
    Problem::not_found("emergency")
}
