//! `/api/incidents`: what has happened, written down by operators. Every version of each is kept.

mod request;

use axum::Json;
use axum::extract::Path;
use const_format::concatcp;
use domain::emergency::Severity;
use kit::api::{Created, NoContent};
use kit::caller::{Caller, Operator};
use kit::db::{Database, DbError, Executor, Fetch as _};
use kit::input::{Id, Input, Slug, Timestamp, TimestampMillis};
use kit::page::{Listing, Page};
use kit::problem::FieldErrors;
use kit::request::{Body, Now};
use kit::row::{FromRow, Json as JsonColumn};
use kit::select::Select;
use kit::{Answer, Problem, actor, host, params, sites};
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantNames};
use utoipa::ToSchema;

use crate::type_word::TypeWord;
use request::{IncidentChange, NewIncident};

/// Whether an incident is still being worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, EnumString, IntoStaticStr, VariantNames, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum IncidentStatus {
    Open,
    Closed,
}

kit::text_enum!(IncidentStatus);

/// An incident. Its versions are kept in this shape by the schema's triggers.
#[derive(Serialize, Deserialize, FromRow, ToSchema)]
pub struct Incident {
    /// The incident's id.
    id: String,
    /// The temple's slug.
    #[row(column = "site")]
    temple_id: String,
    /// What kind it is.
    r#type: String,
    /// How grave it was.
    severity: Severity,
    /// What it was, in a line.
    title: String,
    /// What happened; null when nobody has said.
    description: Option<String>,
    /// What was done.
    actions: Option<String>,
    /// Whether it is closed.
    status: IncidentStatus,
    /// The emergency that it was, if it was one.
    emergency_id: Option<String>,
    /// When it happened.
    occurred_at: TimestampMillis,
    /// When it was made.
    created_at: TimestampMillis,
    /// The id of the user who wrote it.
    created_by: String,
    /// When it last changed.
    updated_at: TimestampMillis,
    /// The id of the user who changed it last.
    updated_by: String,
}

const COLUMNS: &str = "id, site, type, severity, title, description, actions, status, emergency_id, occurred_at, created_at, created_by,
    updated_at, updated_by";

/// An incident with every version of it.
#[derive(Serialize, ToSchema)]
pub struct IncidentDetail {
    #[serde(flatten)]
    incident: Incident,
    /// The first first.
    history: Vec<IncidentVersion>,
}

/// A version of an incident.
#[derive(Serialize, FromRow, ToSchema)]
pub struct IncidentVersion {
    /// Since when it read so.
    at: Timestamp,
    /// A user's id.
    actor: String,
    /// The user's name.
    actor_name: String,
    /// `created`, `updated` or `deleted`.
    action: String,
    /// The incident as it then was.
    #[row(column = "document")]
    #[schema(value_type = Incident)]
    incident: JsonColumn<Incident>,
}

fn not_found() -> Problem {
    Problem::not_found("incident")
}

/// Which incidents.
#[derive(Input)]
pub struct Filters {
    /// The temple's slug.
    temple_id: Option<Slug>,
    /// Only those of this kind.
    r#type: Option<TypeWord>,
    /// Only those of this severity.
    severity: Option<Severity>,
    /// Only those of this status.
    status: Option<IncidentStatus>,
    /// Only those of this emergency, by its id.
    emergency_id: Option<Id>,
    /// Those that happened at this time or later.
    from: Option<Timestamp>,
    /// Those that happened before this time.
    to: Option<Timestamp>,
}

const SELECT: &str = concatcp!("select ", COLUMNS, " from incidents where deleted_at is null");

/// Lists incidents, the latest first.
#[utoipa::path(get, path = "/api/incidents")]
pub async fn list(_: Caller<Operator>, listing: Listing<Filters>) -> Answer<Page<Incident>> {
    let filters = &listing.filters;
    let incidents = Select::new(
        concatcp!(SELECT, " and (occurred_at, id) < (coalesce(?, 9223372036854775807), coalesce(?, '~'))"),
        params![listing.after_int(0), listing.after_text(1)],
    )
    .and_if("site = ?", filters.temple_id.as_deref())
    .and_if("type = ?", filters.r#type.as_ref())
    .and_if("severity = ?", filters.severity)
    .and_if("status = ?", filters.status)
    .and_if("emergency_id = ?", filters.emergency_id.as_deref())
    .and_if("occurred_at >= ?", filters.from)
    .and_if("occurred_at < ?", filters.to)
    .fetch(&Database, "occurred_at desc, id desc", listing.fetch())?;
    Ok(listing.page(incidents, |incident: &Incident| (incident.occurred_at.0, incident.id.clone())))
}

/// Returns an incident with its history: every version, with who and when.
#[utoipa::path(get, path = "/api/incidents/{id}")]
pub async fn read(_: Caller<Operator>, Path(id): Path<String>) -> Answer<Json<IncidentDetail>> {
    let incident = Database.fetch_optional(concatcp!(SELECT, " and id = ?"), params![&id])?.ok_or_else(not_found)?;
    Ok(Json(IncidentDetail { incident, history: versions(&id)? }))
}

fn versions(id: &str) -> Answer<Vec<IncidentVersion>> {
    const VERSIONS: &str = concatcp!(
        "select at, actor, ",
        actor::NAME,
        " as actor_name, action, document from incident_history where incident_id = ? order by id"
    );
    Database.fetch_all(VERSIONS, params![id])
}

/// Every version of an incident.
#[derive(Serialize, ToSchema)]
pub struct IncidentHistory {
    /// The first first.
    items: Vec<IncidentVersion>,
}

/// Returns every version of an incident, also of one that was deleted.
#[utoipa::path(get, path = "/api/incidents/{id}/history")]
pub async fn history(_: Caller<Operator>, Path(id): Path<String>) -> Answer<Json<IncidentHistory>> {
    let items = versions(&id)?;
    if items.is_empty() { Err(not_found()) } else { Ok(Json(IncidentHistory { items })) }
}

/// 422 naming the temple, the emergency or both, since a broken foreign key does not say which it is.
fn refused(error: DbError, db: &dyn Executor, temple: Option<&str>, emergency: Option<&str>) -> Problem {
    if !matches!(error, DbError::Foreign) {
        return error.into();
    }
    unknown_references(db, temple, emergency).unwrap_or_else(|problem| problem)
}

fn unknown_references(db: &dyn Executor, temple: Option<&str>, emergency: Option<&str>) -> Result<Problem, Problem> {
    let mut errors = FieldErrors::new();
    if let Some(temple) = temple
        && !sites::exists(db, temple)?
    {
        errors.insert("temple_id".to_owned(), vec!["there is no such temple".to_owned()]);
    }
    if let Some(emergency) = emergency
        && !db.exists("select 1 from emergency_references where id = ?", params![emergency])?
    {
        errors.insert("emergency_id".to_owned(), vec!["there is no such emergency".to_owned()]);
    }
    Ok(Problem::invalid(errors))
}

const INSERT: &str = concatcp!(
    "insert into incidents (id, site, type, severity, title, description, actions, status, emergency_id, occurred_at, created_at,
        created_by, updated_at, updated_by)
     values (?1, ?2, ?3, coalesce(?4, '",
    Severity::Medium.into_str(),
    "'), ?5, ?6, ?7, coalesce(?8, '",
    IncidentStatus::Open.into_str(),
    "'), ?9, coalesce(?10, ?11), ?11, ?12, ?11, ?12)
     returning ",
    COLUMNS
);

/// Writes down an incident.
#[utoipa::path(post, path = "/api/incidents")]
pub async fn create(caller: Caller<Operator>, Now(now): Now, Body(new): Body<NewIncident>) -> Answer<Created<Incident>> {
    let params = params![
        host::new_id(now)?,
        &new.temple_id,
        new.r#type,
        new.severity,
        new.title,
        new.description,
        new.actions,
        new.status,
        new.emergency_id.as_deref(),
        new.occurred_at,
        now,
        &caller.0.id,
    ];
    let rows =
        Database.run(INSERT, params).map_err(|error| refused(error, &Database, Some(&new.temple_id), new.emergency_id.as_deref()))?;
    let incident = rows.first().ok_or_else(|| Problem::internal("the insert gave no row"))?;
    Ok(Created(Incident::from_row(incident)?))
}

const UPDATE: &str = concatcp!(
    "update incidents set site = coalesce(?2, site), type = coalesce(?3, type), severity = coalesce(?4, severity),
        title = coalesce(?5, title), description = iif(?6, ?7, description), actions = iif(?8, ?9, actions),
        status = coalesce(?10, status), emergency_id = iif(?11, ?12, emergency_id), occurred_at = coalesce(?13, occurred_at),
        updated_at = ?14, updated_by = ?15
     where id = ?1 and deleted_at is null
     returning ",
    COLUMNS
);

/// Changes an incident.
///
/// The version before stays in its history.
#[utoipa::path(method(patch, put), path = "/api/incidents/{id}")]
pub async fn update(
    caller: Caller<Operator>,
    Now(now): Now,
    Path(id): Path<String>,
    Body(change): Body<IncidentChange>,
) -> Answer<Json<Incident>> {
    let is_emergency_sent = change.emergency_id.is_sent();
    let emergency_id = change.emergency_id.value();
    let params = params![
        &id,
        change.temple_id.as_ref(),
        change.r#type,
        change.severity,
        change.title,
        change.description.is_sent(),
        change.description,
        change.actions.is_sent(),
        change.actions,
        change.status,
        is_emergency_sent,
        emergency_id.as_deref(),
        change.occurred_at,
        now,
        &caller.0.id,
    ];
    let rows =
        Database.run(UPDATE, params).map_err(|error| refused(error, &Database, change.temple_id.as_deref(), emergency_id.as_deref()))?;
    Ok(Json(Incident::from_row(rows.first().ok_or_else(not_found)?)?))
}

/// Deletes an incident: it is listed no more.
///
/// Its history stays.
#[utoipa::path(delete, path = "/api/incidents/{id}")]
pub async fn delete(caller: Caller<Operator>, Now(now): Now, Path(id): Path<String>) -> Answer<NoContent> {
    let is_deleted = Database.exists(
        "update incidents set deleted_at = ?2, updated_at = ?2, updated_by = ?3 where id = ?1 and deleted_at is null returning id",
        params![id, now, &caller.0.id],
    )?;
    if is_deleted { Ok(NoContent) } else { Err(not_found()) }
}
