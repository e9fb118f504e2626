//! Cameras as the parking security server kept them: where they hang and when they were last seen to
//! (docs/reference/clients.md#parking-security). A camera's own alerts go with it when it is deleted: a trigger of the schema.

use axum::Json;
use axum::extract::Path;
use const_format::concatcp;
use domain::booking_slot::Date;
use kit::api::{Created, NoContent};
use kit::caller::{Caller, Operator};
use kit::db::{self, Database, DbError, Executor as _, Fetch as _};
use kit::input::{At, Code, Input, Patch, Slug, Text, TextField, Timestamp};
use kit::page::{Listing, Page};
use kit::request::{Body, Now};
use kit::row::FromRow;
use kit::select::Select;
use kit::{Answer, Problem, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::strays;

/// A camera.
#[derive(Serialize, FromRow, ToSchema)]
pub struct Camera {
    /// The camera's code.
    camera_id: String,
    /// The slug of the site that it watches; null when it has none.
    site: Option<String>,
    /// Where it stands, in words.
    location: String,
    /// Whether it is in use.
    is_active: bool,
    /// The day it was put up; null when nobody has said.
    installation_date: Option<Date>,
    /// The day it was last looked after; null when nobody has said.
    last_maintenance_date: Option<Date>,
    /// When it was made.
    created_at: Timestamp,
    /// When it last changed.
    updated_at: Timestamp,
}

const COLUMNS: &str = "camera_id, site, location, is_active, installation_date, last_maintenance_date, created_at, updated_at";

fn not_found() -> Problem {
    Problem::not_found("camera")
}

/// Which cameras.
#[derive(Input)]
pub struct Filters {
    /// Only those of this site, by its slug.
    site: Option<Slug>,
    /// Only those in use, or only the others.
    is_active: Option<bool>,
}

/// Lists cameras by `camera_id`.
#[utoipa::path(get, path = "/api/cameras")]
pub async fn list(_: Caller<Operator>, listing: Listing<Filters>) -> Answer<Page<Camera>> {
    let filters = &listing.filters;
    let cameras =
        Select::new(concatcp!("select ", COLUMNS, " from cameras where camera_id > coalesce(?, '')"), params![listing.after_text(0)])
            .and_if("site = ?", filters.site.as_deref())
            .and_if("is_active = ?", filters.is_active)
            .fetch(&Database, "camera_id", listing.fetch())?;
    Ok(listing.page(cameras, |camera: &Camera| [camera.camera_id.clone()]))
}

/// Returns a camera.
#[utoipa::path(get, path = "/api/cameras/{camera_id}")]
pub async fn read(_: Caller<Operator>, Path(id): Path<String>) -> Answer<Json<Camera>> {
    let camera = Database.fetch_optional(concatcp!("select ", COLUMNS, " from cameras where camera_id = ?"), params![id])?;
    camera.map(Json).ok_or_else(not_found)
}

/// A new camera.
#[derive(Input)]
#[input(check, example = r#"{"camera_id": "CAM-GATE-1", "location": "Gate 1", "installation_date": "2025-06-01"}"#)]
pub struct NewCamera {
    /// The camera's code, which is free so far.
    camera_id: Code,
    /// The slug of the site that it watches.
    site: Option<Slug>,
    /// Where it stands, in words.
    location: Text<1, 200>,
    /// True unless it says otherwise.
    is_active: Option<bool>,
    /// The day it was put up.
    installation_date: Option<Day>,
    /// The day it was last looked after.
    last_maintenance_date: Option<Day>,
}

/// A change of a camera: what is not sent stays; null clears the site and the dates.
#[derive(Input)]
#[input(read_only("created_at", "updated_at"))]
#[input(check, example = r#"{"location": "Gate 2", "last_maintenance_date": "2026-01-15"}"#)]
pub struct CameraChange {
    /// May be repeated, and cannot be changed.
    #[input(same_as_path = "camera_id")]
    camera_id: Option<Code>,
    /// The slug of the site that it watches; null for none.
    site: Patch<Slug>,
    /// Where it stands, in words.
    location: Option<Text<1, 200>>,
    /// Whether it is in use.
    is_active: Option<bool>,
    /// The day it was put up; null when it is not known.
    installation_date: Patch<Day>,
    /// The day it was last looked after; null when it is not known.
    last_maintenance_date: Patch<Day>,
}

impl NewCamera {
    fn check(&self, at: &mut At<'_>) {
        at.check_field(!domain::camera::is_reserved_id(&self.camera_id), "camera_id", "is a word of a path here");
        check_order(self.installation_date, self.last_maintenance_date, at);
    }
}

impl CameraChange {
    fn check(&self, at: &mut At<'_>) {
        check_order(self.installation_date.value(), self.last_maintenance_date.value(), at);
    }
}

fn check_order(installed: Option<Day>, maintained: Option<Day>, at: &mut At<'_>) {
    let in_order = installed.zip(maintained).is_none_or(|(installed, maintained)| installed.0 <= maintained.0);
    at.check_field(in_order, "last_maintenance_date", "must not be before the installation");
}

/// A day; a whole timestamp, as some older clients send it, stands for its date.
#[derive(Clone, Copy)]
struct Day(Date);

impl TextField for Day {
    fn rule() -> String {
        Date::rule()
    }

    fn parse_text(text: &str) -> Option<Self> {
        let is_date = text.len() == 10 || domain::time::parse_rfc3339(text).is_some();
        Date::parse(text.get(..10).unwrap_or(text)).filter(|_| is_date).map(Self)
    }

    fn text_schema() -> utoipa::openapi::ObjectBuilder {
        Date::text_schema()
    }
}

impl From<Day> for db::Value {
    fn from(day: Day) -> Self {
        day.0.into()
    }
}

/// What is told of an error of the database.
pub fn refused(error: DbError) -> Problem {
    match error {
        DbError::Foreign => Problem::invalid_field("site", "is not a site"),
        DbError::Unique(_) => Problem::conflict("there is a camera of this id already"),
        other => other.into(),
    }
}

const INSERT: &str = concatcp!(
    "insert into cameras (camera_id, site, location, is_active, installation_date, last_maintenance_date, created_at, updated_at, updated_by)
     values (?1, ?2, ?3, coalesce(?4, 1), ?5, ?6, ?7, ?7, ?8) returning ",
    COLUMNS
);

const UPDATE: &str = concatcp!(
    "update cameras set site = iif(?2, ?3, site), location = coalesce(?4, location), is_active = coalesce(?5, is_active),
        installation_date = iif(?6, ?7, installation_date), last_maintenance_date = iif(?8, ?9, last_maintenance_date),
        updated_at = ?10, updated_by = ?11
     where camera_id = ?1 returning ",
    COLUMNS
);

/// Adds a camera.
#[utoipa::path(post, path = "/api/cameras", responses((status = 409, description = "There is a camera of this id already.")))]
pub async fn create(caller: Caller<Operator>, Now(now): Now, Body(new): Body<NewCamera>) -> Answer<Created<Camera>> {
    let params =
        params![new.camera_id, new.site, new.location, new.is_active, new.installation_date, new.last_maintenance_date, now, caller.0.id];
    let rows = Database.run(INSERT, params).map_err(refused)?;
    let camera = rows.first().ok_or_else(|| Problem::internal("the insert gave no row"))?;
    Ok(Created(Camera::from_row(camera)?))
}

/// Changes a camera.
#[utoipa::path(method(patch, put), path = "/api/cameras/{camera_id}")]
pub async fn update(
    caller: Caller<Operator>,
    Now(now): Now,
    Path(id): Path<String>,
    Body(change): Body<CameraChange>,
) -> Answer<Json<Camera>> {
    let params = params![
        id,
        change.site.is_sent(),
        change.site,
        change.location,
        change.is_active,
        change.installation_date.is_sent(),
        change.installation_date,
        change.last_maintenance_date.is_sent(),
        change.last_maintenance_date,
        now,
        caller.0.id
    ];
    let rows = Database.run(UPDATE, params).map_err(refused)?;
    Ok(Json(Camera::from_row(rows.first().ok_or_else(not_found)?)?))
}

/// Deletes a camera and its alerts.
#[utoipa::path(delete, path = "/api/cameras/{camera_id}", responses((status = 409, description = "There are recordings of it.")))]
pub async fn delete(caller: Caller<Operator>, Now(now): Now, Path(id): Path<String>) -> Answer<NoContent> {
    remove(&id, &caller.0.id, now).await
}

/// Deletes a camera with all that is about it, unless there are recordings of it.
pub async fn remove(id: &str, by: &str, now: i64) -> Answer<NoContent> {
    let camera_id = db::transaction(|db| {
        // The trigger of the delete takes who and when from the row.
        let touch = "update cameras set updated_at = ?2, updated_by = ?3 where camera_id = ?1 returning camera_id";
        let camera_id: String = db.fetch_scalar(touch, params![id, now, by])?.ok_or_else(not_found)?;
        if db.exists("select 1 from camera_recordings where camera_id = ?", params![id])? {
            let detail = "there are recordings of this camera: delete them first, or take the camera out of use";
            return Err(Problem::conflict(detail).because("recordings"));
        }
        db.run("delete from cameras where camera_id = ?", params![id])?;
        Ok(camera_id)
    })?;
    strays::forget(&camera_id).await;
    Ok(NoContent)
}
