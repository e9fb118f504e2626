//! Who goes: the resources that are free, the best first, and their assignment.

use axum::Json;
use axum::extract::Path;
use domain::emergency::{Candidate, Kind, rank};
use kit::caller::{Caller, Operator};
use kit::db::DbError;
use kit::fields::Fields;
use kit::request::{JsonBytes, Now};
use kit::{Answer, Problem, db, params};
use serde_json::{Value, json};

use crate::read::{self, View};

/// How many free resources of a temple are looked at.
const LOOKED_AT: i64 = 1000;

/// How many are listed.
const LISTED: usize = 50;

/// GET `/api/emergency/{id}/suggestions`: the temple's resources that are free now, those first whose type helps with this kind of
/// emergency, and of one type the nearest: `{items: [{resource_id, type, name, contact, location, distance_m}]}`, at most 50.
pub async fn suggestions(_: Caller<Operator>, Now(now): Now, Path(id): Path<String>) -> Answer<Json<Value>> {
    let mut items = ranked(&id, now)?;
    items.truncate(LISTED);
    Ok(Json(json!({ "items": items })))
}

/// The free resources of the emergency's temple in the order in which they should be sent. One that says of no place of its own
/// stands where the temple does. 404 when there is no such emergency.
pub fn ranked(id: &str, now: i64) -> Result<Vec<Value>, Problem> {
    let rows = db::run("select site, type, latitude, longitude from emergencies where id = ?", params![id])?;
    let row = rows.first().ok_or_else(read::not_found)?;
    let kind = row.text(1)?.parse().unwrap_or(Kind::Other);
    let at = (row.real(2)?, row.real(3)?);
    let free = db::run(
        "select r.id, r.type, r.name, r.contact, coalesce(r.latitude, s.latitude), coalesce(r.longitude, s.longitude)
         from resources r join sites s on s.slug = r.site
         where r.site = ?1 and r.retired_at is null and r.status = 'available'
             and not exists (select 1 from assignments a where a.resource_id = r.id and a.released_at is null)
             and not exists (select 1 from resource_maintenance m where m.resource_id = r.id and m.starts_at <= ?2 and m.ends_at > ?2)
         order by r.id limit ?3",
        params![row.text(0)?, now, LOOKED_AT],
    )?;
    let mut candidates = Vec::with_capacity(free.len());
    let mut shown = std::collections::HashMap::new();
    for row in free.iter() {
        let candidate = Candidate { id: row.text(0)?.to_owned(), kind: row.text(1)?.to_owned(), at: (row.real(4)?, row.real(5)?) };
        shown.insert(candidate.id.clone(), (row.text(2)?, row.opt_text(3)?));
        candidates.push(candidate);
    }
    let ranked = rank(kind, at, candidates).into_iter().map(|(candidate, distance)| {
        let (name, contact) = shown.get(&candidate.id).copied().unwrap_or_default();
        json!({
            "resource_id": candidate.id,
            "type": candidate.kind,
            "name": name,
            "contact": contact,
            "location": { "lat": candidate.at.0, "lng": candidate.at.1 },
            "distance_m": distance.round(),
        })
    });
    Ok(ranked.collect())
}

fn resource_id(body: &[u8]) -> Result<String, Problem> {
    let mut fields = Fields::parse(body)?;
    let resource_id = fields.text("resource_id", 1..=64);
    fields.finish()?;
    Ok(resource_id)
}

/// PATCH `/api/emergency/{id}/assign`: `{resource_id}`. 409 when the resource is at an emergency already, in maintenance or out of
/// service, or when the emergency is resolved.
///
/// Of many at once one gets it: that it is free is a condition of the insert, with a unique index behind it.
pub async fn assign(caller: Caller<Operator>, Now(now): Now, Path(id): Path<String>, JsonBytes(body): JsonBytes) -> Answer<Json<Value>> {
    let resource = resource_id(&body)?;
    let assigned = db::run(
        "insert into assignments (emergency_id, resource_id, assigned_at, assigned_by)
         select e.id, r.id, ?3, ?4 from emergencies e join resources r on r.id = ?2
         where e.id = ?1 and e.status <> 'resolved' and r.retired_at is null and r.status = 'available'
             and not exists (select 1 from assignments a where a.resource_id = r.id and a.released_at is null)
             and not exists (select 1 from resource_maintenance m where m.resource_id = r.id and m.starts_at <= ?3 and m.ends_at > ?3)
         returning id",
        params![&id, &resource, now, &caller.0.id],
    );
    match assigned {
        Ok(rows) if !rows.is_empty() => read::document(db::run, &id, View::Operator).map(Json),
        Ok(_) | Err(DbError::Unique(_)) => Err(why_not(&id, &resource, now)?),
        Err(other) => Err(other.into()),
    }
}

/// Why the resource could not be assigned.
fn why_not(id: &str, resource: &str, now: i64) -> Result<Problem, Problem> {
    let rows = db::run("select status from emergencies where id = ?", params![id])?;
    if rows.first().ok_or_else(read::not_found)?.text(0)? == "resolved" {
        return Ok(Problem::conflict("the emergency is resolved: nothing can be assigned to it"));
    }
    let rows = db::run(
        "select status,
             (select emergency_id from assignments a where a.resource_id = r.id and a.released_at is null),
             exists (select 1 from resource_maintenance m where m.resource_id = r.id and m.starts_at <= ?2 and m.ends_at > ?2)
         from resources r where id = ?1 and retired_at is null",
        params![resource, now],
    )?;
    let Some(row) = rows.first() else {
        return Ok(Problem::invalid_field("resource_id", "there is no such resource"));
    };
    Ok(Problem::conflict(match (row.opt_text(1)?, row.text(0)?, row.bool(2)?) {
        (Some(emergency), ..) if emergency == id => "the resource is assigned to this emergency already",
        (Some(_), ..) => "the resource is at another emergency",
        (None, "out_of_service", _) => "the resource is out of service",
        (None, _, true) => "the resource is in maintenance",
        // It was not free a moment ago.
        (None, ..) => "the resource was taken: try again",
    }))
}

/// PATCH `/api/emergency/{id}/release`: `{resource_id}`: it is not needed here any more. 409 when it is not assigned here.
pub async fn release(caller: Caller<Operator>, Now(now): Now, Path(id): Path<String>, JsonBytes(body): JsonBytes) -> Answer<Json<Value>> {
    let resource = resource_id(&body)?;
    let released = db::run(
        "update assignments set released_at = max(?3, assigned_at), released_by = ?4
         where resource_id = ?2 and released_at is null and emergency_id = ?1
         returning id",
        params![&id, &resource, now, &caller.0.id],
    )?;
    let document = read::document(db::run, &id, View::Operator)?;
    if released.is_empty() {
        return Err(Problem::conflict("the resource is not assigned to this emergency"));
    }
    Ok(Json(document))
}
