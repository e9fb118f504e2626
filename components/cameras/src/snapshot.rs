//! One picture of a camera.

use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use domain::camera::{Failure, Level};
use http::header::CONTENT_TYPE;
use kit::caller::{Caller, Person};
use kit::request::Now;
use kit::{Answer, Problem};

use crate::credentials::{Credentials, Keys};
use crate::model::Stored;
use crate::stream::View;
use crate::{client, mjpeg, permission};

/// When to come back to a camera that gave no picture, seconds.
const RETRY_S: i64 = 5;

/// What is told of a camera that gives no picture.
pub fn no_picture(failure: Failure) -> Problem {
    Problem::unavailable(failure.sentence(), RETRY_S).because(failure.into_str())
}

/// What is told of a camera without an address of pictures.
pub fn no_address() -> Problem {
    Problem::conflict("the camera has no address of pictures over HTTP").because("no_address")
}

/// A picture of the camera as it is now, with its media type.
pub async fn take(camera: &Stored, credentials: Option<&Credentials>) -> Answer<(Vec<u8>, &'static str)> {
    let url = camera.snapshot_url.as_ref().or(camera.mjpeg_url.as_ref()).ok_or_else(no_address)?;
    let opened = client::get(url, credentials).await.map_err(no_picture)?;
    mjpeg::picture(opened).await.map_err(no_picture)
}

/// Returns one picture of a camera as it is now, to whoever may look, and to who has a ticket of its stream.
#[utoipa::path(
    get,
    path = "/v0/api/cctv/cameras/{id}/snapshot",
    responses(
        (status = 200, description = "The picture.", content(
            (String = "image/jpeg"),
            (String = "image/png"),
        )),
        (status = 409, description = "The camera is not in use, or has no address of pictures."),
    )
)]
pub async fn read(caller: Result<Caller<Person>, Problem>, Now(now): Now, Path(id): Path<String>, view: View) -> Answer<Response> {
    let viewer = permission::viewer(caller, view.ticket(), &id, view.is_head, now)?;
    let camera = permission::require_active(permission::require(&id, &viewer, Level::View, now)?)?;
    let credentials = camera.credentials(&Keys::load().await?)?;
    let (picture, kind) = take(&camera, credentials.as_ref()).await?;
    Ok(([(CONTENT_TYPE, kind)], picture).into_response())
}
