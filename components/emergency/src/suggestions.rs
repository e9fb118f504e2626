//! Who should go: the resources that are free, the best first.

use std::collections::HashMap;

use axum::Json;
use axum::extract::Path;
use const_format::concatcp;
use domain::emergency::{Candidate, Kind, rank};
use domain::resource::Status as ResourceStatus;
use kit::caller::{Caller, Operator};
use kit::db::{Database, Executor, Fetch as _};
use kit::input::Location;
use kit::request::Now;
use kit::row::FromRow;
use kit::{Answer, Problem, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::model;

/// How many free resources of a temple are looked at.
const MAX_CANDIDATES: i64 = 1000;

/// How many are listed.
const MAX_LISTED: usize = 50;

/// Whether the resource `r` can be sent at the moment that is the first parameter.
pub const IS_FREE: &str = concatcp!(
    "r.status = '",
    ResourceStatus::Available.into_str(),
    "' and not exists (select 1 from assignments a where a.resource_id = r.id and a.released_at is null)
     and not exists (select 1 from maintenance_windows m where m.resource_id = r.id and m.starts_at <= ?1 and m.ends_at > ?1)"
);

/// The resources that could go to an emergency.
#[derive(Serialize, ToSchema)]
pub struct Suggestions {
    /// The best first, at most 50.
    items: Vec<Suggestion>,
}

/// A resource that could go to an emergency.
#[derive(Serialize, ToSchema)]
pub struct Suggestion {
    /// The resource's id.
    #[schema(example = "019c2848-5c40-7000-8000-000000000001")]
    resource_id: String,
    /// The resource's type.
    #[schema(example = "ambulance")]
    r#type: String,
    /// The resource's name.
    #[schema(example = "Ambulance 2")]
    name: String,
    /// How its crew is reached.
    #[schema(example = "+91 98765 43210")]
    contact: Option<String>,
    /// Where it stands; the temple's place when it says of none of its own.
    location: Location,
    /// By the great circle, metres; null when nobody knows where the emergency is.
    #[schema(example = 420.5)]
    distance_m: Option<f64>,
    /// Whether the position that it was measured from is no more than a hint.
    #[schema(example = false)]
    distance_approximate: bool,
}

/// Lists the resources that are free to go to an emergency, the best first.
///
/// Those come first whose type helps with this kind of emergency, and of one type the nearest. Of an emergency without a position only
/// the first is known, and of one whose temple is not known nothing.
#[utoipa::path(get, path = "/api/emergency/{id}/suggestions")]
pub async fn list(_: Caller<Operator>, Now(now): Now, Path(id): Path<String>) -> Answer<Json<Suggestions>> {
    let mut items = ranked(&Database, &id, now)?;
    items.truncate(MAX_LISTED);
    Ok(Json(Suggestions { items }))
}

#[derive(FromRow)]
struct Scene {
    site: Option<String>,
    r#type: Kind,
    #[row(flatten)]
    location: Option<Location>,
    location_approximate: bool,
}

#[derive(FromRow)]
struct FreeResource {
    id: String,
    r#type: String,
    name: String,
    contact: Option<String>,
    #[row(flatten)]
    location: Location,
}

/// The free resources of the emergency's temple in the order in which they should be sent. 404 when there is no such emergency.
pub fn ranked(db: &dyn Executor, id: &str, now: i64) -> Result<Vec<Suggestion>, Problem> {
    let scene: Option<Scene> =
        db.fetch_optional("select site, type, latitude, longitude, location_approximate from emergencies where id = ?", params![id])?;
    let scene = scene.ok_or_else(model::not_found)?;
    let free: Vec<FreeResource> = db.fetch_all(
        concatcp!(
            "select r.id, r.type, r.name, r.contact, r.latitude, r.longitude from deployable_resources r where r.site = ?2 and ",
            IS_FREE,
            " order by r.id limit ?3"
        ),
        params![now, scene.site, MAX_CANDIDATES],
    )?;
    let candidates =
        free.iter().map(|it| Candidate { id: it.id.clone(), kind: it.r#type.clone(), at: (it.location.lat, it.location.lng) }).collect();
    let mut by_id: HashMap<_, _> = free.into_iter().map(|resource| (resource.id.clone(), resource)).collect();
    let ranked = rank(scene.r#type, scene.location.map(|at| (at.lat, at.lng)), candidates).into_iter();
    let suggestions = ranked.filter_map(|(candidate, distance)| {
        let FreeResource { id, r#type, name, contact, location } = by_id.remove(&candidate.id)?;
        Some(Suggestion {
            resource_id: id,
            r#type,
            name,
            contact,
            location,
            distance_m: distance.map(f64::round),
            distance_approximate: scene.location_approximate,
        })
    });
    Ok(suggestions.collect())
}
