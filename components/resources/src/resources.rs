//! `/api/resources/`: ambulances, security, facilities.

use axum::Json;
use axum::extract::Path;
use axum::response::IntoResponse;
use domain::resource::is_type;
use http::StatusCode;
use kit::caller::{Caller, Operator};
use kit::db::{DbError, Row};
use kit::fields::Fields;
use kit::page::{Listing, Page};
use kit::request::{JsonBytes, Now, Query};
use kit::select::Select;
use kit::{Answer, Problem, db, host, params};
use serde::Serialize;
use serde_json::json;

/// What people decide.
const SETTABLE: [&str; 2] = ["available", "out_of_service"];

/// What a list shows and filters by.
const STATES: [&str; 4] = ["available", "assigned", "maintenance", "out_of_service"];

/// What a resource is doing at the moment that is the first parameter, over `resources r`.
macro_rules! state {
    () => {
        "case when exists (select 1 from assignments a where a.resource_id = r.id and a.released_at is null) then 'assigned' \
         when r.status = 'out_of_service' then 'out_of_service' \
         when exists (select 1 from resource_maintenance m where m.resource_id = r.id and m.starts_at <= ?1 and m.ends_at > ?1) then 'maintenance' \
         else 'available' end"
    };
}

macro_rules! select {
    () => {
        concat!(
            "select r.id, r.site, r.type, r.name, ",
            state!(),
            ", (select emergency_id from assignments a where a.resource_id = r.id and a.released_at is null), r.capacity, r.contact,
                r.latitude, r.longitude, r.notes, r.created_at, r.updated_at
             from resources r where r.retired_at is null"
        )
    };
}

#[derive(Serialize)]
struct Location {
    lat: f64,
    lng: f64,
}

/// A resource as the routes show it.
#[derive(Serialize)]
pub struct Resource {
    id: String,
    temple_id: String,
    r#type: String,
    name: String,
    /// `available`, `assigned`, `maintenance` or `out_of_service`, as of now.
    status: String,
    /// Where it is assigned to.
    emergency_id: Option<String>,
    capacity: Option<i64>,
    contact: Option<String>,
    location: Option<Location>,
    notes: Option<String>,
    created_at: String,
    updated_at: String,
}

impl Resource {
    fn of(row: &Row) -> Answer<Self> {
        let location = row.opt_real(8)?.zip(row.opt_real(9)?).map(|(lat, lng)| Location { lat, lng });
        Ok(Self {
            id: row.text(0)?.to_owned(),
            temple_id: row.text(1)?.to_owned(),
            r#type: row.text(2)?.to_owned(),
            name: row.text(3)?.to_owned(),
            status: row.text(4)?.to_owned(),
            emergency_id: row.opt_text(5)?.map(str::to_owned),
            capacity: row.opt_int(6)?,
            contact: row.opt_text(7)?.map(str::to_owned),
            location,
            notes: row.opt_text(10)?.map(str::to_owned),
            created_at: row.time(11)?,
            updated_at: row.time(12)?,
        })
    }

    fn find(id: &str, now: i64) -> Answer<Self> {
        let rows = db::run(concat!(select!(), " and r.id = ?2"), params![now, id])?;
        Self::of(rows.first().ok_or_else(not_found)?)
    }
}

/// 404.
pub fn not_found() -> Problem {
    Problem::not_found("resource")
}

/// 404 unless there is such a resource.
pub fn must_exist(id: &str) -> Result<(), Problem> {
    let rows = db::run("select 1 from resources where id = ? and retired_at is null", params![id])?;
    rows.first().map(drop).ok_or_else(not_found)
}

/// GET `/api/resources/`, filters `temple_id`, `type`, `status`.
pub async fn list(_: Caller<Operator>, Now(now): Now, Query(query): Query) -> Answer<Page<Resource>> {
    let listing = Listing::parse(&query, &["temple_id", "type", "status"])?;
    let status = listing.choice("status", &STATES)?;
    let rows = Select::after(concat!(select!(), " and r.id > coalesce(?2, '')"), vec![now.into(), listing.after_text(0)])
        .and_if("r.site = ?", listing.filter("temple_id"))
        .and_if("r.type = ?", listing.filter("type"))
        .and_if(concat!(state!(), " = ?"), status)
        .run("r.id", listing.fetch())?;
    listing.page(rows, |row| Ok(json!([row.text(0)?])), Resource::of)
}

/// GET `/api/resources/{id}`.
pub async fn detail(_: Caller<Operator>, Now(now): Now, Path(id): Path<String>) -> Answer<Json<Resource>> {
    Resource::find(&id, now).map(Json)
}

/// What a body says of a resource; none where it says nothing.
struct Sent {
    kind: Option<String>,
    name: Option<String>,
    status: Option<String>,
    capacity: Option<i64>,
    contact: Option<String>,
    location: Option<(f64, f64)>,
    notes: Option<String>,
}

impl Sent {
    fn read(fields: &mut Fields) -> Self {
        fields.alias("type", "kind");
        let sent = Self {
            kind: fields.opt_text("type", 1..=32),
            name: fields.opt_text("name", 1..=100),
            status: fields.opt_choice("status", &SETTABLE),
            capacity: fields.opt_int("capacity", 0..=1_000_000),
            contact: fields.opt_text("contact", 1..=100),
            location: fields.opt_location("location"),
            notes: fields.opt_text("notes", 1..=2000),
        };
        fields.check(sent.kind.as_deref().is_none_or(is_type), "type", "must be a lowercase word, such as ambulance or fire_engine");
        sent
    }
}

fn refused(error: DbError) -> Problem {
    match error {
        DbError::Foreign => Problem::invalid_field("temple_id", "there is no such temple"),
        DbError::Unique(_) => Problem::conflict("the temple has a resource of this name already"),
        other => other.into(),
    }
}

/// POST `/api/resources/`: `{temple_id, type, name, status?, capacity?, contact?, location?, notes?}` → 201. 409 for a name that the
/// temple has already.
pub async fn create(caller: Caller<Operator>, Now(now): Now, JsonBytes(body): JsonBytes) -> Answer<impl IntoResponse> {
    let mut fields = Fields::parse(&body)?;
    let temple = fields.alias("temple_id", "site").text("temple_id", 1..=64);
    let sent = Sent::read(&mut fields);
    for (missing, field) in [(sent.kind.is_none(), "type"), (sent.name.is_none(), "name")] {
        // A field that was sent and refused is named already.
        if missing && !fields.errors().contains_key(field) {
            fields.refuse(field, "is required");
        }
    }
    fields.finish()?;
    let id = host::new_id(now)?;
    db::run(
        "insert into resources (id, site, type, name, status, capacity, contact, latitude, longitude, notes, created_at, created_by,
            updated_at, updated_by)
         values (?1, ?2, ?3, ?4, coalesce(?5, 'available'), ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?11, ?12)",
        params![
            &id,
            temple,
            sent.kind,
            sent.name,
            sent.status,
            sent.capacity,
            sent.contact,
            sent.location.map(|(lat, _)| lat),
            sent.location.map(|(_, lng)| lng),
            sent.notes,
            now,
            &caller.0.id,
        ],
    )
    .map_err(refused)?;
    Ok((StatusCode::CREATED, Json(Resource::find(&id, now)?)))
}

/// PATCH `/api/resources/{id}`, also PUT: what is not sent stays; null empties an optional field. Its temple never changes.
pub async fn change(caller: Caller<Operator>, Now(now): Now, Path(id): Path<String>, JsonBytes(body): JsonBytes) -> Answer<Json<Resource>> {
    let mut fields = Fields::parse(&body)?;
    let temple = fields.alias("temple_id", "site").opt_text("temple_id", 1..=64);
    let [has_capacity, has_contact, has_location, has_notes] = ["capacity", "contact", "location", "notes"].map(|field| fields.has(field));
    let sent = Sent::read(&mut fields);
    fields.finish()?;
    let changed = db::run(
        "update resources set type = coalesce(?2, type), name = coalesce(?3, name), status = coalesce(?4, status),
            capacity = iif(?5, ?6, capacity), contact = iif(?7, ?8, contact), latitude = iif(?9, ?10, latitude),
            longitude = iif(?9, ?11, longitude), notes = iif(?12, ?13, notes), updated_at = ?14, updated_by = ?15
         where id = ?1 and retired_at is null and site = coalesce(?16, site)
         returning id",
        params![
            &id,
            sent.kind,
            sent.name,
            sent.status,
            has_capacity,
            sent.capacity,
            has_contact,
            sent.contact,
            has_location,
            sent.location.map(|(lat, _)| lat),
            sent.location.map(|(_, lng)| lng),
            has_notes,
            sent.notes,
            now,
            &caller.0.id,
            temple,
        ],
    )
    .map_err(refused)?;
    let resource = Resource::find(&id, now)?;
    if changed.is_empty() {
        return Err(Problem::invalid_field("temple_id", "cannot be changed"));
    }
    Ok(Json(resource))
}

/// DELETE `/api/resources/{id}` → 204. The history of the emergencies that it was at stays. 409 while it is at one.
pub async fn retire(caller: Caller<Operator>, Now(now): Now, Path(id): Path<String>) -> Answer<StatusCode> {
    let retired = db::run(
        "update resources set retired_at = ?2, updated_at = ?2, updated_by = ?3
         where id = ?1 and retired_at is null
             and not exists (select 1 from assignments a where a.resource_id = resources.id and a.released_at is null)
         returning id",
        params![&id, now, &caller.0.id],
    )?;
    if retired.is_empty() {
        must_exist(&id)?;
        return Err(Problem::conflict("the resource is at an emergency: release it first"));
    }
    Ok(StatusCode::NO_CONTENT)
}
