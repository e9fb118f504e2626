//! Reading emergencies: lists for operators, a visitor's own, one of them.

use axum::Json;
use axum::extract::Path;
use const_format::concatcp;
use domain::emergency::{Kind, Severity, Status};
use domain::role::Role;
use kit::caller::{Caller, Operator, SignedIn};
use kit::db::{Database, Fetch as _};
use kit::input::{Input, Slug, Timestamp};
use kit::page::{Listing, Page};
use kit::request::Now;
use kit::row::{FromRow, Json as JsonColumn};
use kit::select::Select;
use kit::{Answer, actor, params, sites};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::{self, Emergency, EmergencyView, ReporterEmergency};
use crate::suggestions::{self, Suggestion};

/// How many resources a detail suggests.
const SUGGESTED: usize = 3;

/// Which emergencies of one temple.
#[derive(Input)]
pub struct Filters {
    /// Only those of this status.
    status: Option<Status>,
    /// Only those of this kind.
    r#type: Option<Kind>,
    /// Only those of this severity.
    severity: Option<Severity>,
}

/// Which emergencies.
#[derive(Input)]
pub struct EverywhereFilters {
    /// The temple's slug.
    temple_id: Option<Slug>,
    #[input(flatten)]
    filters: Filters,
}

/// Lists emergencies, the newest first: all of them for operators, for others what they reported themselves.
#[utoipa::path(get, path = "/api/emergency")]
pub async fn list(caller: Caller<SignedIn>, listing: Listing<EverywhereFilters>) -> Answer<Page<EmergencyView>> {
    let is_operator = caller.0.role.holds(Role::Operator);
    let reporter = Some(caller.0.id.as_str()).filter(|_| !is_operator);
    let EverywhereFilters { temple_id, filters } = &listing.filters;
    let page = page(&listing, filters, &Scope { temple: temple_id.as_deref(), reporter, is_open: false })?;
    Ok(page.map(|emergency| EmergencyView::new(emergency, is_operator)))
}

/// Lists the emergencies that are not over, the newest first.
#[utoipa::path(get, path = "/api/emergency/active")]
pub async fn active(_: Caller<Operator>, listing: Listing<EverywhereFilters>) -> Answer<Page<Emergency>> {
    let EverywhereFilters { temple_id, filters } = &listing.filters;
    page(&listing, filters, &Scope { temple: temple_id.as_deref(), reporter: None, is_open: true })
}

/// Lists the emergencies of a temple, the newest first.
#[utoipa::path(get, path = "/api/emergency/temple/{temple_id}")]
pub async fn of_temple(_: Caller<Operator>, Path(temple): Path<String>, listing: Listing<Filters>) -> Answer<Page<Emergency>> {
    sites::require_in_path(&Database, &temple, "temple")?;
    page(&listing, &listing.filters, &Scope { temple: Some(&temple), reporter: None, is_open: false })
}

/// Which emergencies a list is of, besides its filters.
struct Scope<'a> {
    temple: Option<&'a str>,
    reporter: Option<&'a str>,
    is_open: bool,
}

/// As the indexes of what is open have it.
const IS_OPEN: &str =
    concatcp!("status in ('", Status::OPEN[0].into_str(), "', '", Status::OPEN[1].into_str(), "', '", Status::OPEN[2].into_str(), "')");

fn page<F: Input>(listing: &Listing<F>, filters: &Filters, scope: &Scope<'_>) -> Answer<Page<Emergency>> {
    // `~` is above every id in SQLite's order of text.
    let start = concatcp!("select ", model::COLUMNS, " from emergencies where id < coalesce(?, '~')");
    let mut select = Select::new(start, params![listing.after_text(0)])
        .and_if("site = ?", scope.temple)
        .and_if("reported_by = ?", scope.reporter)
        .and_if("status = ?", filters.status)
        .and_if("type = ?", filters.r#type)
        .and_if("severity = ?", filters.severity);
    // Said outright, since the indexes of what is open are partial.
    if scope.is_open || filters.status.is_some_and(Status::is_open) {
        select = select.and(IS_OPEN, params![]);
    }
    let emergencies = select.fetch(&Database, "id desc", listing.fetch())?;
    let mut page = listing.page(emergencies, |emergency: &Emergency| [emergency.id.clone()]);
    page.items = model::with_resources(&Database, page.items)?;
    Ok(page)
}

/// An emergency with all that an operator needs to answer it.
#[derive(Serialize, ToSchema)]
pub struct EmergencyDetail {
    #[serde(flatten)]
    emergency: Emergency,
    /// How to reach who reported it.
    reporter: Reporter,
    /// Each step, the first first.
    history: Vec<EmergencyStep>,
    /// The best resources that are free; none when it is over.
    suggested: Vec<Suggestion>,
}

/// How to reach who reported it; null where the account says nothing or is no person's.
#[derive(Serialize, ToSchema)]
pub struct Reporter {
    /// The name.
    name: Option<String>,
    /// The phone number.
    phone: Option<String>,
}

/// A step of an emergency.
#[derive(Serialize, FromRow, ToSchema)]
pub struct EmergencyStep {
    /// When it was.
    at: Timestamp,
    /// A user's id, `device:CODE` or `system`.
    actor: String,
    /// The user's name, or the device's code.
    actor_name: String,
    /// `reported`, `acknowledged`, `in_progress`, `resolved`, `cancelled`, `false_alarm`, `assigned`, `released` or `escalated`.
    action: String,
    /// What it changed; null when the action says all.
    #[schema(value_type = Option<EmergencyStepDetail>)]
    detail: Option<JsonColumn<EmergencyStepDetail>>,
}

/// What a step changed.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct EmergencyStepDetail {
    /// The status before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    from: Option<Status>,
    /// The rungs climbed since.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    escalation: Option<i64>,
    /// The resource that was assigned or released.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    resource_id: Option<String>,
}

const HISTORY: &str = concatcp!(
    "select at, actor, ",
    actor::NAME,
    " as actor_name, action, detail from emergency_history where emergency_id = ? order by id"
);

/// An emergency as its caller may see it.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum EmergencyDetailView {
    Operator(Box<EmergencyDetail>),
    Reporter(Box<ReporterEmergency>),
}

/// Returns an emergency.
///
/// Operators get it with its history, its reporter and the resources that are suggested. Who reported it can follow its status; for
/// anybody else it is a 404.
#[utoipa::path(get, path = "/api/emergency/{id}")]
pub async fn detail(caller: Caller<SignedIn>, Now(now): Now, Path(id): Path<String>) -> Answer<Json<EmergencyDetailView>> {
    let emergency = model::find(&Database, &id)?;
    if !caller.0.role.holds(Role::Operator) {
        if emergency.reported_by != caller.0.id {
            return Err(model::not_found());
        }
        return Ok(Json(EmergencyDetailView::Reporter(Box::new(emergency.into()))));
    }
    let reporter = Reporter { name: emergency.reporter_name.clone(), phone: emergency.reporter_phone.clone() };
    let history = Database.fetch_all(HISTORY, params![&id])?;
    let mut suggested = Vec::new();
    if emergency.status.is_open() {
        suggested = suggestions::ranked(&Database, &id, now)?;
        suggested.truncate(SUGGESTED);
    }
    let detail = EmergencyDetail { emergency, reporter, history, suggested };
    Ok(Json(EmergencyDetailView::Operator(Box::new(detail))))
}
