//! When resources are free.

use std::collections::HashMap;

use axum::Json;
use axum::extract::Path;
use const_format::concatcp;
use domain::resource::{BusyReason, MAX_WINDOW_DAYS, Status, Window, free};
use domain::time::DAY_MS;
use kit::caller::{Caller, Operator};
use kit::db::{Database, Executor, Fetch as _};
use kit::input::{At, Input, Slug, Timestamp};
use kit::page::{Listing, Page};
use kit::request::{Now, Query};
use kit::row::FromRow;
use kit::select::Select;
use kit::{Answer, Problem, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::resources;
use crate::type_word::TypeWord;

/// When a resource is busy and when it is free, within the time that was asked for.
#[derive(Serialize, ToSchema)]
#[schema(as = ResourceAvailability)]
pub struct Availability {
    /// The resource's id.
    resource_id: String,
    /// The temple's slug.
    temple_id: String,
    /// The resource's type.
    r#type: String,
    /// The resource's name.
    name: String,
    /// Whether it is free all the time.
    available: bool,
    /// By start; who is at an emergency now is taken to be so to the end of the time that was asked for.
    busy: Vec<BusyWindow>,
    /// When it is free, the first first.
    free: Vec<FreeWindow>,
}

/// A stretch of time in which a resource is busy.
#[derive(Clone, Copy, Serialize, FromRow, ToSchema)]
pub struct BusyWindow {
    /// When it begins.
    from: Timestamp,
    /// When it ends.
    to: Timestamp,
    /// What it is busy with.
    reason: BusyReason,
}

/// A stretch of time in which a resource is free.
#[derive(Serialize, ToSchema)]
pub struct FreeWindow {
    /// When it begins.
    from: Timestamp,
    /// When it ends.
    to: Timestamp,
}

/// Of which time: the next 24 hours when nothing is said, at most 92 days.
#[derive(Input)]
#[input(check)]
pub struct Period {
    /// Where the stretch of time begins.
    from: Option<Timestamp>,
    /// Where the stretch of time ends.
    to: Option<Timestamp>,
}

impl Period {
    fn check(&self, at: &mut At<'_>) {
        let Window { from, to } = self.window(at.now_ms());
        let is_within = from < to && to - from <= MAX_WINDOW_DAYS * DAY_MS;
        at.check_field(is_within, "to", &format!("must lie after from, by at most {MAX_WINDOW_DAYS} days"));
    }

    fn window(&self, now: i64) -> Window {
        let from = self.from.map_or(now, |from| from.0);
        Window { from, to: self.to.map_or(from + DAY_MS, |to| to.0) }
    }
}

/// Which resources, and of which time.
#[derive(Input)]
pub struct Filters {
    #[input(flatten)]
    period: Period,
    /// The temple's slug.
    temple_id: Option<Slug>,
    /// Only those of this type.
    r#type: Option<TypeWord>,
}

#[derive(FromRow)]
struct Resource {
    id: String,
    site: String,
    r#type: String,
    name: String,
    status: Status,
}

const SELECT: &str = "select r.id, r.site, r.type, r.name, r.status from resources r where r.retired_at is null";

/// Lists resources by id, each with when it is busy and when it is free.
#[utoipa::path(get, path = "/api/resources/availability")]
pub async fn list(_: Caller<Operator>, Now(now): Now, listing: Listing<Filters>) -> Answer<Page<Availability>> {
    let Filters { period, temple_id, r#type } = &listing.filters;
    let whole = period.window(now);
    let resources = Select::new(concatcp!(SELECT, " and r.id > coalesce(?, '')"), params![listing.after_text(0)])
        .and_if("r.site = ?", temple_id.as_deref())
        .and_if("r.type = ?", r#type.as_ref())
        .fetch(&Database, "r.id", listing.fetch())?;
    let page = listing.page(resources, |resource: &Resource| [resource.id.clone()]);
    let mut busy = busy_windows(&Database, &page.items, whole)?;
    Ok(page.map(|resource| {
        let busy = busy.remove(&resource.id).unwrap_or_default();
        availability(resource, busy, whole)
    }))
}

/// Returns when a resource is busy and when it is free.
#[utoipa::path(get, path = "/api/resources/{id}/availability")]
pub async fn of_resource(
    _: Caller<Operator>,
    Now(now): Now,
    Path(id): Path<String>,
    Query(period): Query<Period>,
) -> Answer<Json<Availability>> {
    let whole = period.window(now);
    let resource: Option<Resource> = Database.fetch_optional(concatcp!(SELECT, " and r.id = ?"), params![id])?;
    let resource = resource.ok_or_else(resources::not_found)?;
    let mut busy = busy_windows(&Database, std::slice::from_ref(&resource), whole)?;
    let busy = busy.remove(&resource.id).unwrap_or_default();
    Ok(Json(availability(resource, busy, whole)))
}

#[derive(FromRow)]
struct OfResource {
    resource_id: String,
    #[row(flatten)]
    window: BusyWindow,
}

/// Parameters: from, to, a JSON array of ids.
const BUSY: &str = concatcp!(
    "select resource_id, max(starts_at, ?1) as \"from\", min(ends_at, ?2) as \"to\", '",
    BusyReason::Maintenance.into_str(),
    "' as reason from resource_maintenance
     where resource_id in (select value from json_each(?3)) and starts_at < ?2 and ends_at > ?1
     union all
     select resource_id, max(assigned_at, ?1), min(coalesce(released_at, ?2), ?2), '",
    BusyReason::Assigned.into_str(),
    "' from resource_assignments
     where resource_id in (select value from json_each(?3)) and assigned_at < ?2 and (released_at is null or released_at > ?1)
     order by 2"
);

/// When these resources are in maintenance or at emergencies within `whole`, by resource and start.
fn busy_windows(db: &dyn Executor, resources: &[Resource], whole: Window) -> Result<HashMap<String, Vec<BusyWindow>>, Problem> {
    let ids: Vec<_> = resources.iter().map(|resource| resource.id.as_str()).collect();
    let ids = serde_json::to_string(&ids).map_err(Problem::internal)?;
    let mut by_resource: HashMap<String, Vec<BusyWindow>> = HashMap::new();
    for OfResource { resource_id, window } in db.fetch_all(BUSY, params![whole.from, whole.to, ids])? {
        by_resource.entry(resource_id).or_default().push(window);
    }
    Ok(by_resource)
}

fn availability(resource: Resource, mut busy: Vec<BusyWindow>, whole: Window) -> Availability {
    if resource.status == Status::OutOfService {
        busy.insert(0, BusyWindow { from: Timestamp(whole.from), to: Timestamp(whole.to), reason: BusyReason::OutOfService });
    }
    let windows: Vec<_> = busy.iter().map(|window| Window { from: window.from.0, to: window.to.0 }).collect();
    let free = free(whole, &windows);
    Availability {
        resource_id: resource.id,
        temple_id: resource.site,
        r#type: resource.r#type,
        name: resource.name,
        available: free == [whole],
        busy,
        free: free.into_iter().map(|Window { from, to }| FreeWindow { from: Timestamp(from), to: Timestamp(to) }).collect(),
    }
}
