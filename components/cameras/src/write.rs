//! Adding, changing and deleting cameras with their addresses.

use axum::Json;
use axum::extract::Path;
use domain::camera::Level;
use kit::api::{Created, NoContent};
use kit::caller::{Admin, Caller, Principal};
use kit::db::{self, Database, Executor as _};
use kit::request::{Body, Now};
use kit::{Answer, Problem, host, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::credentials::{Keys, Sealed};
use crate::model::{Stored, View, not_found};
use crate::request::{CctvCameraChange, NewCctvCamera, NewCredentials};
use crate::{plain, settings};

const INSERT: &str = "insert into cameras (camera_id, name, description, site, location, rtsp_url, rtsp_url_sub, snapshot_url, mjpeg_url,
        credentials, credentials_key, is_active, is_public, retention_days, retention_bytes, created_at, updated_at, updated_by)
     values (?1, ?2, ?3, ?4, coalesce(nullif(?5, ''), ?2), ?6, ?7, ?8, ?9, ?10, ?11, coalesce(?12, 1), coalesce(?13, 0), ?14, ?15, ?16, ?16, ?17)";

async fn add(caller: &Principal, now: i64, mut new: NewCctvCamera) -> Answer<View> {
    let credentials = new.settle(settings::networks().await?)?;
    let id = new.camera_id.take().map_or_else(|| host::new_id(now), |id| Ok(id.to_string()))?;
    let sealed = match &credentials {
        Some(credentials) => Some(Keys::load().await?.seal(&id, credentials)?),
        None => None,
    };
    let (bytes, key) = sealed.map(|Sealed { bytes, key }| (bytes, key)).unzip();
    let params = params![
        &id,
        new.name,
        new.description,
        new.site,
        new.location,
        new.rtsp_url,
        new.rtsp_url_sub,
        new.snapshot_url,
        new.mjpeg_url,
        bytes,
        key,
        new.is_active,
        new.is_public,
        new.retention_days,
        new.retention_bytes,
        now,
        &caller.id
    ];
    Database.run(INSERT, params).map_err(plain::refused)?;
    let camera = Stored::find(&Database, &id, caller)?.ok_or_else(not_found)?;
    Ok(camera.view(Level::Admin))
}

/// Adds a camera.
#[utoipa::path(post, path = "/v0/api/cctv/cameras", responses((status = 409, description = "There is a camera of this id already.")))]
pub async fn create(caller: Caller<Admin>, Now(now): Now, Body(new): Body<NewCctvCamera>) -> Answer<Created<View>> {
    add(&caller.0, now, new).await.map(Created)
}

/// What a registration made.
#[derive(Serialize, ToSchema)]
#[schema(as = CctvRegistration)]
pub struct Registered {
    /// In words.
    message: &'static str,
    /// The camera.
    camera: View,
}

/// Adds a camera, and answers as the CCTV management server did.
#[utoipa::path(post, path = "/v0/api/cctv/cameras/register", responses((status = 409, description = "There is a camera of this id already.")))]
pub async fn register(caller: Caller<Admin>, Now(now): Now, Body(new): Body<NewCctvCamera>) -> Answer<Created<Registered>> {
    let camera = add(&caller.0, now, new).await?;
    Ok(Created(Registered { message: "Camera registered", camera }))
}

const UPDATE: &str = "update cameras set
        name = iif(?2, ?3, name), description = iif(?4, ?5, description), site = iif(?6, ?7, site), location = coalesce(?8, location),
        rtsp_url = iif(?9, ?10, rtsp_url), rtsp_url_sub = iif(?11, ?12, rtsp_url_sub), snapshot_url = iif(?13, ?14, snapshot_url),
        mjpeg_url = iif(?15, ?16, mjpeg_url), credentials = iif(?17, ?18, credentials), credentials_key = iif(?17, ?19, credentials_key),
        is_active = coalesce(?20, is_active), is_public = coalesce(?21, is_public), retention_days = iif(?22, ?23, retention_days),
        retention_bytes = iif(?24, ?25, retention_bytes), updated_at = ?26, updated_by = ?27
     where camera_id = ?1";

/// Changes a camera.
#[utoipa::path(method(patch, put), path = "/v0/api/cctv/cameras/{id}")]
pub async fn update(
    caller: Caller<Admin>,
    Now(now): Now,
    Path(id): Path<String>,
    Body(change): Body<CctvCameraChange>,
) -> Answer<Json<View>> {
    let (caller, networks, keys) = (caller.0, settings::networks().await?, Keys::load().await?);
    db::transaction(|db| {
        let camera = Stored::find(db, &id, &caller)?.ok_or_else(not_found)?;
        // What none of the keys opens must not keep anybody from entering it again.
        let current = camera.credentials(&keys).unwrap_or_default();
        let settled = change.settle(networks, &camera, current)?;
        let (is_replaced, sealed) = match settled {
            NewCredentials::Kept => (false, None),
            NewCredentials::Replaced(None) => (true, None),
            NewCredentials::Replaced(Some(credentials)) => (true, Some(keys.seal(&camera.camera_id, &credentials)?)),
        };
        let (bytes, key) = sealed.map(|Sealed { bytes, key }| (bytes, key)).unzip();
        let CctvCameraChange {
            name,
            description,
            site,
            location,
            rtsp_url,
            rtsp_url_sub,
            snapshot_url,
            mjpeg_url,
            is_active,
            is_public,
            retention_days,
            retention_bytes,
            ..
        } = change;
        let params = params![
            &id,
            name.is_sent(),
            name,
            description.is_sent(),
            description,
            site.is_sent(),
            site,
            location,
            rtsp_url.is_sent(),
            rtsp_url,
            rtsp_url_sub.is_sent(),
            rtsp_url_sub,
            snapshot_url.is_sent(),
            snapshot_url,
            mjpeg_url.is_sent(),
            mjpeg_url,
            is_replaced,
            bytes,
            key,
            is_active,
            is_public,
            retention_days.is_sent(),
            retention_days,
            retention_bytes.is_sent(),
            retention_bytes,
            now,
            &caller.id
        ];
        db.run(UPDATE, params).map_err(plain::refused)?;
        let camera = Stored::find(db, &id, &caller)?.ok_or_else(|| Problem::internal("the camera is gone"))?;
        Ok(Json(camera.view(Level::Admin)))
    })
}

/// Deletes a camera, its alerts, access rules and sessions.
#[utoipa::path(delete, path = "/v0/api/cctv/cameras/{id}", responses((status = 409, description = "There are recordings of it.")))]
pub async fn delete(caller: Caller<Admin>, Now(now): Now, Path(id): Path<String>) -> Answer<NoContent> {
    plain::remove(&id, &caller.0.id, now).await
}
