//! `/api/resources/{id}/maintenance`: the calendar. Windows are half-open and never overlap.

use axum::Json;
use axum::extract::Path;
use axum::response::IntoResponse;
use domain::resource::MAX_WINDOW_DAYS;
use domain::time::DAY_MS;
use http::StatusCode;
use kit::caller::{Caller, Operator};
use kit::db::Row;
use kit::fields::Fields;
use kit::page::{Listing, Page};
use kit::request::{JsonBytes, Now, Query};
use kit::select::Select;
use kit::{Answer, Problem, db, host, params};
use serde::Serialize;
use serde_json::json;

use crate::resources;

/// A window as the routes show it.
#[derive(Serialize)]
pub struct Maintenance {
    id: String,
    resource_id: String,
    start: String,
    end: String,
    reason: Option<String>,
    created_at: String,
    created_by: String,
}

const COLUMNS: &str = "id, resource_id, starts_at, ends_at, reason, created_at, created_by";

impl Maintenance {
    fn of(row: &Row) -> Answer<Self> {
        Ok(Self {
            id: row.text(0)?.to_owned(),
            resource_id: row.text(1)?.to_owned(),
            start: row.time(2)?,
            end: row.time(3)?,
            reason: row.opt_text(4)?.map(str::to_owned),
            created_at: row.time(5)?,
            created_by: row.text(6)?.to_owned(),
        })
    }
}

/// GET `/api/resources/{id}/maintenance`, by time; filters `from` and `to`: the windows that have a moment in common with that stretch.
pub async fn list(_: Caller<Operator>, Path(id): Path<String>, Query(query): Query) -> Answer<Page<Maintenance>> {
    let listing = Listing::parse(&query, &["from", "to"])?;
    let (from, to) = (listing.time("from")?, listing.time("to")?);
    resources::must_exist(&id)?;
    // Windows of one resource never overlap: their order by start is one by end as well.
    let rows = Select::after(
        format!("select {COLUMNS} from resource_maintenance where resource_id = ? and starts_at > coalesce(?, -1)"),
        vec![id.into(), listing.after_int(0)],
    )
    .and_if("ends_at > ?", from)
    .and_if("starts_at < ?", to)
    .run("starts_at", listing.fetch())?;
    listing.page(rows, |row| Ok(json!([row.int(2)?])), Maintenance::of)
}

fn aliases(fields: &mut Fields) {
    fields.alias("start", "starts_at").alias("start", "from").alias("end", "ends_at").alias("end", "to");
}

fn check(fields: &mut Fields, start: Option<i64>, end: Option<i64>) {
    if let Some((start, end)) = start.zip(end) {
        fields.check(start < end, "end", "must lie after start");
        fields.check(end.saturating_sub(start) <= MAX_WINDOW_DAYS * DAY_MS, "end", "must lie within 92 days of start");
    }
}

/// POST `/api/resources/{id}/maintenance`: `{start, end, reason?}` → 201. 409 when it would overlap another window, or when it begins
/// while the resource is at an emergency.
///
/// That nothing overlaps is a condition of the insert, so that of many at once one gets in.
pub async fn create(
    caller: Caller<Operator>,
    Now(now): Now,
    Path(id): Path<String>,
    JsonBytes(body): JsonBytes,
) -> Answer<impl IntoResponse> {
    let mut fields = Fields::parse(&body)?;
    aliases(&mut fields);
    let (start, end) = (fields.time("start"), fields.time("end"));
    let reason = fields.opt_text("reason", 1..=500);
    if fields.errors().is_empty() {
        check(&mut fields, Some(start), Some(end));
        fields.check(end > now, "end", "must lie ahead");
    }
    fields.finish()?;
    let rows = db::run(
        &format!(
            "insert into resource_maintenance (id, resource_id, starts_at, ends_at, reason, created_at, created_by, updated_at, updated_by)
             select ?1, r.id, ?3, ?4, ?5, ?6, ?7, ?6, ?7 from resources r
             where r.id = ?2 and r.retired_at is null
                 and not exists (select 1 from resource_maintenance m where m.resource_id = ?2 and m.starts_at < ?4 and m.ends_at > ?3)
                 and not (?3 <= ?6 and exists (select 1 from assignments a where a.resource_id = ?2 and a.released_at is null))
             returning {COLUMNS}"
        ),
        params![host::new_id(now)?, &id, start, end, reason, now, &caller.0.id],
    )?;
    let Some(row) = rows.first() else {
        resources::must_exist(&id)?;
        return Err(Problem::conflict("the resource is in maintenance, or at an emergency, in this time"));
    };
    Ok((StatusCode::CREATED, Json(Maintenance::of(row)?)))
}

/// PATCH `/api/resources/{id}/maintenance/{window}`: moves it or says why; what is not sent stays. 409 when it would overlap another,
/// when it would begin while the resource is at an emergency, and for times of a window that is over.
pub async fn change(
    caller: Caller<Operator>,
    Now(now): Now,
    Path((id, window)): Path<(String, String)>,
    JsonBytes(body): JsonBytes,
) -> Answer<Json<Maintenance>> {
    let mut fields = Fields::parse(&body)?;
    aliases(&mut fields);
    let (start, end) = (fields.opt_time("start"), fields.opt_time("end"));
    let has_reason = fields.has("reason");
    let reason = fields.opt_text("reason", 1..=500);
    check(&mut fields, start, end);
    fields.check(end.is_none_or(|end| end > now), "end", "must lie ahead");
    fields.finish()?;
    let rows = db::run(
        &format!(
            "update resource_maintenance set starts_at = coalesce(?3, starts_at), ends_at = coalesce(?4, ends_at),
                reason = iif(?5, ?6, reason), updated_at = ?7, updated_by = ?8
             where id = ?2 and resource_id = ?1 and coalesce(?3, starts_at) < coalesce(?4, ends_at)
                 and coalesce(?4, ends_at) - coalesce(?3, starts_at) <= ?9
                 and (ends_at > ?7 or (?3 is null and ?4 is null))
                 and not (?3 <= ?7 and starts_at > ?7 and exists (
                     select 1 from assignments a where a.resource_id = ?1 and a.released_at is null
                 ))
                 and not exists (
                     select 1 from resource_maintenance m
                     where m.resource_id = ?1 and m.id <> ?2 and m.starts_at < coalesce(?4, resource_maintenance.ends_at)
                         and m.ends_at > coalesce(?3, resource_maintenance.starts_at)
                 )
             returning {COLUMNS}"
        ),
        params![&id, &window, start, end, has_reason, reason, now, &caller.0.id, MAX_WINDOW_DAYS * DAY_MS],
    )?;
    if let Some(row) = rows.first() {
        return Maintenance::of(row).map(Json);
    }
    let rows = db::run("select starts_at, ends_at from resource_maintenance where id = ? and resource_id = ?", params![&window, &id])?;
    let row = rows.first().ok_or_else(|| Problem::not_found("maintenance"))?;
    let mut fields = Fields::parse(b"{}")?;
    check(&mut fields, Some(start.unwrap_or(row.int(0)?)), Some(end.unwrap_or(row.int(1)?)));
    fields.finish()?;
    if row.int(1)? <= now {
        return Err(Problem::conflict("this maintenance is over: when it was does not change"));
    }
    Err(Problem::conflict("the resource is in maintenance in this time already, or at an emergency"))
}

/// DELETE `/api/resources/{id}/maintenance/{window}` → 204.
pub async fn delete(caller: Caller<Operator>, Now(now): Now, Path((id, window)): Path<(String, String)>) -> Answer<StatusCode> {
    db::transaction(|transaction| {
        // The trigger of the delete takes who and when from the row.
        let touched = transaction.run(
            "update resource_maintenance set updated_at = ?, updated_by = ? where id = ? and resource_id = ? returning id",
            params![now, &caller.0.id, &window, &id],
        )?;
        touched.first().ok_or_else(|| Problem::not_found("maintenance"))?;
        transaction.run("delete from resource_maintenance where id = ?", params![&window])?;
        Ok(StatusCode::NO_CONTENT)
    })
}
