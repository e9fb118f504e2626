//! When resources are free.

use axum::Json;
use axum::extract::Path;
use domain::resource::{MAX_WINDOW_DAYS, Window, free};
use domain::time::{DAY_MS, format_rfc3339};
use kit::caller::{Caller, Operator};
use kit::db::Row;
use kit::page::{Listing, Page};
use kit::request::{Now, Query};
use kit::select::Select;
use kit::{Answer, Problem, params};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::resources;

/// A resource and its time.
#[derive(Serialize)]
pub struct Availability {
    resource_id: String,
    temple_id: String,
    r#type: String,
    name: String,
    /// Whether it is free all the time.
    available: bool,
    busy: Vec<Busy>,
    free: Vec<Free>,
}

#[derive(Serialize)]
struct Busy {
    from: String,
    to: String,
    /// `assigned`, `maintenance` or `out_of_service`.
    reason: String,
}

#[derive(Serialize)]
struct Free {
    from: String,
    to: String,
}

/// A stretch as the statement gives it.
#[derive(Deserialize)]
struct Taken {
    from: i64,
    to: i64,
    reason: String,
}

/// The busy stretches are cut in SQL: who is at an emergency now is so until somebody says otherwise, which is to say to the end of
/// what was asked for. Parameters: from, to, the cursor.
const SELECT: &str = "select r.id, r.site, r.type, r.name, r.status, (
        select json_group_array(json_object('from', begins, 'to', ends, 'reason', reason)) from (
            select max(starts_at, ?1) as begins, min(ends_at, ?2) as ends, 'maintenance' as reason from resource_maintenance
            where resource_id = r.id and starts_at < ?2 and ends_at > ?1
            union all
            select max(assigned_at, ?1), min(coalesce(released_at, ?2), ?2), 'assigned' from assignments
            where resource_id = r.id and assigned_at < ?2 and (released_at is null or released_at > ?1)
            order by 1
        )
    )
    from resources r where r.retired_at is null and r.id > coalesce(?3, '')";

fn window(listing: &Listing, now: i64) -> Result<Window, Problem> {
    let from = listing.time("from")?.unwrap_or(now);
    let to = listing.time("to")?.unwrap_or(from + DAY_MS);
    if from >= to || to - from > MAX_WINDOW_DAYS * DAY_MS {
        return Err(Problem::invalid_field("to", format!("must lie after from, by at most {MAX_WINDOW_DAYS} days")));
    }
    Ok(Window { from, to })
}

fn shown(row: &Row, whole: Window) -> Answer<Availability> {
    let mut taken: Vec<Taken> = serde_json::from_str(row.text(5)?).map_err(Problem::internal)?;
    if row.text(4)? == "out_of_service" {
        taken.insert(0, Taken { from: whole.from, to: whole.to, reason: "out_of_service".to_owned() });
    }
    let windows: Vec<_> = taken.iter().map(|taken| Window { from: taken.from, to: taken.to }).collect();
    let free = free(whole, &windows);
    Ok(Availability {
        resource_id: row.text(0)?.to_owned(),
        temple_id: row.text(1)?.to_owned(),
        r#type: row.text(2)?.to_owned(),
        name: row.text(3)?.to_owned(),
        available: free == [whole],
        busy: taken
            .into_iter()
            .map(|taken| Busy { from: format_rfc3339(taken.from), to: format_rfc3339(taken.to), reason: taken.reason })
            .collect(),
        free: free.into_iter().map(|window| Free { from: format_rfc3339(window.from), to: format_rfc3339(window.to) }).collect(),
    })
}

/// GET `/api/resources/availability?from=&to=`: each resource with what of this time it is busy and free (the next 24 hours, at most 92
/// days); filters `temple_id`, `type`.
pub async fn all(_: Caller<Operator>, Now(now): Now, Query(query): Query) -> Answer<Page<Availability>> {
    let listing = Listing::parse(&query, &["from", "to", "temple_id", "type"])?;
    let whole = window(&listing, now)?;
    let rows = Select::after(SELECT, vec![whole.from.into(), whole.to.into(), listing.after_text(0)])
        .and_if("r.site = ?", listing.filter("temple_id"))
        .and_if("r.type = ?", listing.filter("type"))
        .run("r.id", listing.fetch())?;
    listing.page(rows, |row| Ok(json!([row.text(0)?])), |row| shown(row, whole))
}

/// GET `/api/resources/{id}/availability?from=&to=`: the same of one.
pub async fn one(_: Caller<Operator>, Now(now): Now, Path(id): Path<String>, Query(query): Query) -> Answer<Json<Availability>> {
    let listing = Listing::parse(&query, &["from", "to"])?;
    let whole = window(&listing, now)?;
    let rows = Select::after(SELECT, params![whole.from, whole.to, None::<&str>]).and_if("r.id = ?", Some(id)).run("r.id", 1)?;
    shown(rows.first().ok_or_else(resources::not_found)?, whole).map(Json)
}
