//! Cameras with their pictures, as the CCTV management server listed them (docs/reference/clients.md#cctv-management).

use axum::Json;
use axum::extract::Path;
use const_format::concatcp;
use domain::camera::Level;
use domain::role::Role;
use kit::caller::{Caller, Person};
use kit::db::{Database, Value};
use kit::input::{Input, Slug};
use kit::page::{Listing, Page};
use kit::request::Now;
use kit::select::Select;
use kit::{Answer, params};

use crate::model::{SELECT, Stored, View};
use crate::permission;

/// Which cameras.
#[derive(Input)]
pub struct Filters {
    /// Only those of this site, by its slug.
    site: Option<Slug>,
    /// Only those in use, or only the others.
    is_active: Option<bool>,
}

/// Lists the cameras that the caller may see, by `id`.
#[utoipa::path(get, path = "/v0/api/cctv/cameras")]
pub async fn list(caller: Caller<Person>, Now(now): Now, listing: Listing<Filters>) -> Answer<Page<View>> {
    let caller = caller.0;
    let may_see = match caller.role {
        role if role.holds(Role::Admin) => None,
        role if role.holds(Role::Operator) => Some("(a.id is not null or c.is_public = 1)"),
        _ => Some("a.id is not null"),
    };
    let mut cameras = Select::new(concatcp!(SELECT, " where c.camera_id > coalesce(?2, '')"), params![&caller.id, listing.after_text(0)])
        .and_if("c.site = ?", listing.filters.site.as_deref())
        .and_if("c.is_active = ?", listing.filters.is_active);
    if let Some(condition) = may_see {
        cameras = cameras.and(condition, Vec::<Value>::new());
    }
    let cameras: Vec<Stored> = cameras.fetch(&Database, "c.camera_id", listing.fetch())?;
    let page = listing.page(cameras, |camera: &Stored| [camera.camera_id.clone()]);
    Ok(page.map(|camera| {
        let rule = camera.rule().map(|(level, _)| level);
        // Outside its hours a camera is in the list all the same: it says what the rule is for.
        let level = permission::level(&camera, &caller, now).or(rule).unwrap_or(Level::View);
        camera.view(level)
    }))
}

/// Returns a camera that the caller may see.
#[utoipa::path(get, path = "/v0/api/cctv/cameras/{id}")]
pub async fn detail(caller: Caller<Person>, Now(now): Now, Path(id): Path<String>) -> Answer<Json<View>> {
    let camera = permission::require(&id, &caller.0, Level::View, now)?;
    let level = permission::level(&camera, &caller.0, now).unwrap_or(Level::View);
    Ok(Json(camera.view(level)))
}
