//! `/api/resources`: ambulances, security, facilities.

use axum::Json;
use axum::extract::Path;
use const_format::concatcp;
use domain::resource::{State, Status};
use kit::api::{Created, NoContent};
use kit::caller::{Caller, Operator};
use kit::db::{Database, DbError, Executor, Fetch as _};
use kit::input::{Input, Int, Location, Patch, Slug, Text, Timestamp};
use kit::page::{Listing, Page};
use kit::request::{Body, Now};
use kit::row::FromRow;
use kit::select::Select;
use kit::{Answer, Problem, host, params, sites};
use serde::Serialize;
use utoipa::ToSchema;

use crate::type_word::TypeWord;

/// A resource.
#[derive(Serialize, FromRow, ToSchema)]
pub struct Resource {
    /// The resource's id.
    id: String,
    /// The temple's slug.
    #[row(column = "site")]
    temple_id: String,
    /// The resource's type.
    r#type: String,
    /// Unique within its temple.
    name: String,
    /// What it is doing now.
    #[row(column = "state")]
    status: State,
    /// The emergency that it is at.
    emergency_id: Option<String>,
    /// How many people it takes; null when nobody has said.
    capacity: Option<i64>,
    /// How its crew is reached.
    contact: Option<String>,
    #[row(flatten)]
    location: Option<Location>,
    /// What else is to be known; null for nothing.
    notes: Option<String>,
    /// When it was made.
    created_at: Timestamp,
    /// When it last changed.
    updated_at: Timestamp,
}

/// What the resource `r` is doing at the moment that is the first parameter.
const STATE: &str = concatcp!(
    "case when exists (select 1 from resource_assignments a where a.resource_id = r.id and a.released_at is null) then '",
    State::Assigned.into_str(),
    "' when r.status = '",
    Status::OutOfService.into_str(),
    "' then '",
    State::OutOfService.into_str(),
    "' when exists (select 1 from resource_maintenance m where m.resource_id = r.id and m.starts_at <= ?1 and m.ends_at > ?1) then '",
    State::Maintenance.into_str(),
    "' else '",
    State::Available.into_str(),
    "' end"
);

const SELECT: &str = concatcp!(
    "select r.id, r.site, r.type, r.name, ",
    STATE,
    " as state, (select emergency_id from resource_assignments a where a.resource_id = r.id and a.released_at is null) as emergency_id,
        r.capacity, r.contact, r.latitude, r.longitude, r.notes, r.created_at, r.updated_at
     from resources r where r.retired_at is null"
);

fn find(db: &dyn Executor, id: &str, now: i64) -> Result<Resource, Problem> {
    db.fetch_optional(concatcp!(SELECT, " and r.id = ?2"), params![now, id])?.ok_or_else(not_found)
}

/// 404.
pub fn not_found() -> Problem {
    Problem::not_found("resource")
}

/// Returns 404 unless there is such a resource.
pub fn require(db: &dyn Executor, id: &str) -> Result<(), Problem> {
    let exists = db.exists("select 1 from resources where id = ? and retired_at is null", params![id])?;
    if exists { Ok(()) } else { Err(not_found()) }
}

/// Which resources.
#[derive(Input)]
pub struct Filters {
    /// The temple's slug.
    temple_id: Option<Slug>,
    /// Only those of this type.
    r#type: Option<TypeWord>,
    /// Only those of this status.
    status: Option<State>,
}

/// Lists resources by id.
#[utoipa::path(get, path = "/api/resources")]
pub async fn list(_: Caller<Operator>, Now(now): Now, listing: Listing<Filters>) -> Answer<Page<Resource>> {
    let filters = &listing.filters;
    let resources = Select::new(concatcp!(SELECT, " and r.id > coalesce(?2, '')"), params![now, listing.after_text(0)])
        .and_if("r.site = ?", filters.temple_id.as_deref())
        .and_if("r.type = ?", filters.r#type.as_ref())
        .and_if(concatcp!(STATE, " = ?"), filters.status)
        .fetch(&Database, "r.id", listing.fetch())?;
    Ok(listing.page(resources, |resource: &Resource| [resource.id.clone()]))
}

/// Returns a resource.
#[utoipa::path(get, path = "/api/resources/{id}")]
pub async fn read(_: Caller<Operator>, Now(now): Now, Path(id): Path<String>) -> Answer<Json<Resource>> {
    find(&Database, &id, now).map(Json)
}

/// A new resource.
#[derive(Input)]
#[input(read_only("id", "emergency_id", "created_at", "updated_at"))]
#[input(example = r#"{
    "temple_id": "somnath", "type": "ambulance", "name": "Ambulance 7, south gate", "capacity": 2, "contact": "+912876000107",
    "location": {"lat": 20.8861, "lng": 70.4012}
}"#)]
pub struct NewResource {
    /// The temple's slug.
    #[input(alias("site"))]
    temple_id: Slug,
    /// The resource's type.
    #[input(alias("kind"))]
    r#type: TypeWord,
    /// Unique within its temple, in any case of letters.
    name: Text<1, 100>,
    /// `available` when it is not sent.
    status: Option<Status>,
    /// How many people it takes.
    capacity: Option<Int<0, 1_000_000>>,
    /// How its crew is reached.
    contact: Option<Text<1, 100>>,
    /// Where it stands; where its temple does when it is not sent.
    location: Option<Location>,
    /// What else is to be known.
    notes: Option<Text<1, 2000>>,
}

/// A change of a resource: what is not sent stays; null clears an optional field.
#[derive(Input)]
#[input(read_only("id", "emergency_id", "created_at", "updated_at"))]
#[input(example = r#"{"status": "out_of_service", "notes": "Gearbox"}"#)]
pub struct ResourceChange {
    /// May be repeated, and cannot be changed.
    #[input(alias("site"))]
    temple_id: Option<Slug>,
    /// The resource's type.
    #[input(alias("kind"))]
    r#type: Option<TypeWord>,
    /// The name that people read.
    name: Option<Text<1, 100>>,
    /// Whether it may be sent.
    status: Option<Status>,
    /// How many people it takes; null when it is not known.
    capacity: Patch<Int<0, 1_000_000>>,
    /// How to reach it, such as a number; null for none.
    contact: Patch<Text<1, 100>>,
    /// Where it is; null when it is not known.
    location: Patch<Location>,
    /// What else is to be known; null for nothing.
    notes: Patch<Text<1, 2000>>,
}

fn refused(error: DbError) -> Problem {
    match error {
        DbError::Foreign => sites::unknown_in_body("temple_id", "temple"),
        DbError::Unique(_) => Problem::conflict("the temple has a resource of this name already"),
        other => other.into(),
    }
}

const INSERT: &str = concatcp!(
    "insert into resources (id, site, type, name, status, capacity, contact, latitude, longitude, notes, created_at, created_by,
        updated_at, updated_by)
     values (?1, ?2, ?3, ?4, coalesce(?5, '",
    Status::Available.into_str(),
    "'), ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?11, ?12)"
);

/// Adds a resource.
#[utoipa::path(post, path = "/api/resources", responses((status = 409, description = "The temple has a resource of this name already.")))]
pub async fn create(caller: Caller<Operator>, Now(now): Now, Body(new): Body<NewResource>) -> Answer<Created<Resource>> {
    let id = host::new_id(now)?;
    let params = params![
        &id,
        new.temple_id,
        new.r#type,
        new.name,
        new.status,
        new.capacity,
        new.contact,
        new.location.map(|location| location.lat),
        new.location.map(|location| location.lng),
        new.notes,
        now,
        &caller.0.id,
    ];
    Database.run(INSERT, params).map_err(refused)?;
    find(&Database, &id, now).map(Created)
}

/// Changes a resource.
#[utoipa::path(
    method(patch, put),
    path = "/api/resources/{id}",
    responses((status = 409, description = "The temple has another resource of this name."))
)]
pub async fn update(
    caller: Caller<Operator>,
    Now(now): Now,
    Path(id): Path<String>,
    Body(change): Body<ResourceChange>,
) -> Answer<Json<Resource>> {
    let is_moved = change.location.is_sent();
    let location = change.location.value();
    let params = params![
        &id,
        change.r#type,
        change.name,
        change.status,
        change.capacity.is_sent(),
        change.capacity,
        change.contact.is_sent(),
        change.contact,
        is_moved,
        location.map(|location| location.lat),
        location.map(|location| location.lng),
        change.notes.is_sent(),
        change.notes,
        now,
        &caller.0.id,
        change.temple_id,
    ];
    let changed = Database
        .run(
            "update resources set type = coalesce(?2, type), name = coalesce(?3, name), status = coalesce(?4, status),
                capacity = iif(?5, ?6, capacity), contact = iif(?7, ?8, contact), latitude = iif(?9, ?10, latitude),
                longitude = iif(?9, ?11, longitude), notes = iif(?12, ?13, notes), updated_at = ?14, updated_by = ?15
             where id = ?1 and retired_at is null and site = coalesce(?16, site)
             returning id",
            params,
        )
        .map_err(refused)?;
    let resource = find(&Database, &id, now)?;
    if changed.is_empty() { Err(Problem::invalid_field("temple_id", "cannot be changed")) } else { Ok(Json(resource)) }
}

/// Deletes a resource.
///
/// The history of the emergencies that it was at stays.
#[utoipa::path(delete, path = "/api/resources/{id}", responses((status = 409, description = "The resource is at an emergency.")))]
pub async fn delete(caller: Caller<Operator>, Now(now): Now, Path(id): Path<String>) -> Answer<NoContent> {
    let is_deleted = Database.exists(
        "update resources set retired_at = ?2, updated_at = ?2, updated_by = ?3
         where id = ?1 and retired_at is null
             and not exists (select 1 from resource_assignments a where a.resource_id = resources.id and a.released_at is null)
         returning id",
        params![&id, now, &caller.0.id],
    )?;
    if !is_deleted {
        require(&Database, &id)?;
        return Err(Problem::conflict("the resource is at an emergency: release it first"));
    }
    Ok(NoContent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_valid() {
        kit::input::parse::<NewResource>(NewResource::example().unwrap().as_bytes(), 0).unwrap();
        kit::input::parse::<ResourceChange>(ResourceChange::example().unwrap().as_bytes(), 0).unwrap();
    }
}
