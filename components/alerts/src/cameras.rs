//! Cameras as the parking security server kept them (contract §7, S1): where they hang and when they were last seen to. A camera's own alerts
//! go with it when it is deleted: a trigger of the schema.

use axum::Json;
use axum::extract::Path;
use domain::booking_slot::Date;
use domain::device_code::{CODE_RULE, is_device_code};
use http::StatusCode;
use kit::caller::{Caller, Operator};
use kit::db::{self, DbError, Row};
use kit::fields::Fields;
use kit::page::{Listing, Page};
use kit::request::{JsonBytes, Now, Query};
use kit::{Answer, Problem, params};
use serde_json::{Value, json};

macro_rules! columns {
    () => {
        "camera_id, site, location, is_active, installation_date, last_maintenance_date, created_at, updated_at"
    };
}

fn camera(row: &Row) -> Result<Value, Problem> {
    Ok(json!({
        "camera_id": row.text(0)?,
        "site": row.opt_text(1)?,
        "location": row.text(2)?,
        "is_active": row.bool(3)?,
        "installation_date": row.opt_text(4)?,
        "last_maintenance_date": row.opt_text(5)?,
        "created_at": row.time(6)?,
        "updated_at": row.time(7)?,
    }))
}

fn not_found() -> Problem {
    Problem::not_found("camera")
}

/// GET `/api/cameras/`: by `camera_id`; filters `site`, `is_active`.
pub async fn list(_: Caller<Operator>, Query(query): Query) -> Answer<Page<Value>> {
    let listing = Listing::parse(&query, &["site", "is_active"])?;
    let mut sql = concat!("select ", columns!(), " from cameras where camera_id > coalesce(?, '')").to_owned();
    let mut params = vec![listing.after_text(0)];
    if let Some(site) = listing.filter("site") {
        sql.push_str(" and site = ?");
        params.push(site.into());
    }
    if let Some(is_active) = listing.bool("is_active")? {
        sql.push_str(" and is_active = ?");
        params.push(is_active.into());
    }
    sql.push_str(" order by camera_id limit ?");
    params.push(listing.fetch().into());
    let rows = db::run(&sql, params)?;
    listing.page(rows, |row| Ok(json!([row.text(0)?])), camera)
}

/// GET `/api/cameras/{camera_id}`.
pub async fn detail(_: Caller<Operator>, Path(id): Path<String>) -> Answer<Json<Value>> {
    let rows = db::run(concat!("select ", columns!(), " from cameras where camera_id = ?"), params![id])?;
    Ok(Json(camera(rows.first().ok_or_else(not_found)?)?))
}

/// What a body says of a camera, beside its id.
struct Sent {
    site: Option<String>,
    location: Option<String>,
    is_active: Option<bool>,
    installation_date: Option<String>,
    last_maintenance_date: Option<String>,
}

impl Sent {
    fn read(fields: &mut Fields) -> Self {
        let mut date = |name: &str| {
            // A whole timestamp, as some of the old clients send it, stands for its date.
            let text = fields.opt_text(name, 1..=40)?;
            let date =
                Date::parse(text.get(..10).unwrap_or(&text)).filter(|_| text.len() == 10 || domain::time::parse_rfc3339(&text).is_some());
            fields.check(date.is_some(), name, "must be a date, such as 2026-02-05");
            date
        };
        let (installed, maintained) = (date("installation_date"), date("last_maintenance_date"));
        let in_order = installed.zip(maintained).is_none_or(|(installed, maintained)| installed <= maintained);
        fields.check(in_order, "last_maintenance_date", "must not be before the installation");
        Self {
            site: fields.opt_text("site", 1..=64),
            location: fields.opt_text("location", 1..=200),
            is_active: fields.opt_bool("is_active"),
            installation_date: installed.map(|date| date.to_string()),
            last_maintenance_date: maintained.map(|date| date.to_string()),
        }
    }
}

fn refused(error: DbError) -> Problem {
    match error {
        DbError::Foreign => Problem::invalid_field("site", "is not a site"),
        DbError::Unique(_) => Problem::conflict("there is a camera of this id already"),
        other => other.into(),
    }
}

/// POST `/api/cameras/`: `{camera_id, location, is_active?, installation_date?, last_maintenance_date?, site?}` → 201.
pub async fn create(caller: Caller<Operator>, Now(now): Now, JsonBytes(body): JsonBytes) -> Answer<(StatusCode, Json<Value>)> {
    let mut fields = Fields::parse(&body)?;
    let id = fields.text("camera_id", 1..=64);
    fields.check(id.is_empty() || is_device_code(&id), "camera_id", CODE_RULE);
    let sent = Sent::read(&mut fields);
    if sent.location.is_none() && !fields.errors().contains_key("location") {
        fields.refuse("location", "is required");
    }
    fields.finish()?;
    let rows = db::run(
        concat!(
            "insert into cameras (camera_id, site, location, is_active, installation_date, last_maintenance_date, created_at, updated_at,
                updated_by)
             values (?1, ?2, ?3, coalesce(?4, 1), ?5, ?6, ?7, ?7, ?8) returning ",
            columns!()
        ),
        params![id, sent.site, sent.location, sent.is_active, sent.installation_date, sent.last_maintenance_date, now, caller.0.id],
    )
    .map_err(refused)?;
    let row = rows.first().ok_or_else(|| Problem::internal("the insert gave no row"))?;
    Ok((StatusCode::CREATED, Json(camera(row)?)))
}

/// PATCH `/api/cameras/{camera_id}`, also PUT, as S1's clients say it: what is not sent stays; null empties the site and the dates.
pub async fn change(caller: Caller<Operator>, Now(now): Now, Path(id): Path<String>, JsonBytes(body): JsonBytes) -> Answer<Json<Value>> {
    let mut fields = Fields::parse(&body)?;
    let same = fields.opt_text("camera_id", 1..=64).is_none_or(|sent| sent.eq_ignore_ascii_case(&id));
    fields.check(same, "camera_id", "cannot be changed");
    let has = ["site", "installation_date", "last_maintenance_date"].map(|name| fields.has(name));
    let sent = Sent::read(&mut fields);
    fields.finish()?;
    let [has_site, has_installation, has_maintenance] = has;
    let rows = db::run(
        concat!(
            "update cameras set site = iif(?2, ?3, site), location = coalesce(?4, location), is_active = coalesce(?5, is_active),
                installation_date = iif(?6, ?7, installation_date), last_maintenance_date = iif(?8, ?9, last_maintenance_date),
                updated_at = ?10, updated_by = ?11
             where camera_id = ?1 returning ",
            columns!()
        ),
        params![
            id,
            has_site,
            sent.site,
            sent.location,
            sent.is_active,
            has_installation,
            sent.installation_date,
            has_maintenance,
            sent.last_maintenance_date,
            now,
            caller.0.id
        ],
    )
    .map_err(refused)?;
    Ok(Json(camera(rows.first().ok_or_else(not_found)?)?))
}

/// DELETE `/api/cameras/{camera_id}` → 204; its alerts go with it.
pub async fn delete(caller: Caller<Operator>, Now(now): Now, Path(id): Path<String>) -> Answer<StatusCode> {
    db::transaction(|tx| {
        // The trigger of the delete takes who and when from the row.
        let touched = tx.run(
            "update cameras set updated_at = ?2, updated_by = ?3 where camera_id = ?1 returning camera_id",
            params![&id, now, &caller.0.id],
        )?;
        touched.first().ok_or_else(not_found)?;
        tx.run("delete from cameras where camera_id = ?", params![&id])?;
        Ok(StatusCode::NO_CONTENT)
    })
}
