//! Trying a camera's addresses, and saying what failed.

use axum::Json;
use axum::extract::Path;
use domain::camera::{Failure, Level};
use kit::caller::{Caller, Person};
use kit::clock;
use kit::input::Timestamp;
use kit::request::Now;
use kit::{Answer, Problem};
use serde::Serialize;
use utoipa::ToSchema;

use crate::credentials::{Credentials, Keys};
use crate::{client, mjpeg, permission};

/// What came of a camera's addresses.
#[derive(Serialize, ToSchema)]
#[schema(as = CctvConnectionTest)]
pub struct ConnectionTest {
    /// The camera's code.
    camera_id: String,
    /// Whether there is a picture from every address that was tried, and one was tried.
    success: bool,
    /// In words.
    message: String,
    /// Each address that it has.
    addresses: Vec<Tried>,
    /// When they were tried.
    checked_at: Timestamp,
}

/// What came of one address.
#[derive(Serialize, ToSchema)]
#[schema(as = CctvTriedAddress)]
pub struct Tried {
    /// Which: `rtsp_url`, `rtsp_url_sub`, `snapshot_url` or `mjpeg_url`.
    address: &'static str,
    /// Whether there is a picture; null where it was not tried: RTSP is for the media relay.
    success: Option<bool>,
    /// Why there is none; null when there is, or when it was not tried.
    failure: Option<Failure>,
    /// The same in words.
    message: &'static str,
    /// What the picture is: `image/jpeg` or `image/png`; null when there is none.
    content_type: Option<&'static str>,
    /// How long it took, milliseconds; null when it was not tried.
    took_ms: Option<u64>,
}

/// Tries the addresses of a camera and says what failed.
///
/// It takes the access level `admin`. Addresses over HTTP are asked for a picture; those over RTSP are for the media relay, and are not tried.
#[utoipa::path(
    post,
    path = "/v0/api/cctv/cameras/{id}/test_connection",
    responses((status = 409, description = "The camera has no address."))
)]
pub async fn run(caller: Caller<Person>, Now(now): Now, Path(id): Path<String>) -> Answer<Json<ConnectionTest>> {
    let camera = permission::require(&id, &caller.0, Level::Admin, now)?;
    let credentials = camera.credentials(&Keys::load().await?)?;
    let (snapshot, live) = futures::join!(
        attempt("snapshot_url", camera.snapshot_url.as_deref(), credentials.as_ref()),
        attempt("mjpeg_url", camera.mjpeg_url.as_deref(), credentials.as_ref()),
    );
    let not_tried = |address, url: &Option<String>| url.as_ref().map(|_| Tried::not_tried(address));
    let streams = [not_tried("rtsp_url", &camera.rtsp_url), not_tried("rtsp_url_sub", &camera.rtsp_url_sub)];
    let addresses: Vec<_> = streams.into_iter().chain([snapshot, live]).flatten().collect();
    if addresses.is_empty() {
        return Err(Problem::conflict("the camera has no address").because("no_address"));
    }
    let failed = addresses.iter().find(|tried| tried.success == Some(false));
    let message = match failed {
        Some(tried) => format!("{}: {}", tried.address, tried.message),
        None if addresses.iter().all(|tried| tried.success.is_none()) => "nothing was tried: RTSP is for the media relay".to_owned(),
        None => "there is a picture".to_owned(),
    };
    let success = failed.is_none() && addresses.iter().any(|tried| tried.success == Some(true));
    Ok(Json(ConnectionTest { camera_id: camera.camera_id, success, message, addresses, checked_at: Timestamp(now) }))
}

impl Tried {
    fn not_tried(address: &'static str) -> Self {
        let message = "not tried: RTSP is for the media relay";
        Self { address, success: None, failure: None, message, content_type: None, took_ms: None }
    }
}

async fn attempt(address: &'static str, url: Option<&str>, credentials: Option<&Credentials>) -> Option<Tried> {
    let url = url?;
    let started = clock::now_ms();
    let result = match client::get(url, credentials).await {
        Ok(opened) => mjpeg::picture(opened).await.map(|(_, kind)| kind),
        Err(failure) => Err(failure),
    };
    let failure = result.err();
    let message = failure.map_or("there is a picture", Failure::sentence);
    let took_ms = Some(clock::now_ms().saturating_sub(started));
    Some(Tried { address, success: Some(failure.is_none()), failure, message, content_type: result.ok(), took_ms })
}
