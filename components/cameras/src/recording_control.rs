//! Beginning and ending a recording by hand, and how it stands.

use axum::Json;
use axum::extract::Path;
use domain::camera::{Level, Quality};
use domain::time::{MINUTE_MS, format_rfc3339};
use kit::caller::{Caller, Person};
use kit::db::Database;
use kit::db::Fetch as _;
use kit::input::{Input, Int, Text, Timestamp};
use kit::request::{Now, OptionalBody};
use kit::row::FromRow;
use kit::{Answer, Problem, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::permission;
use crate::recorder::{self, NotBegun, Wish};
use crate::relay::{Relay, path_name};

/// What is to be recorded. Without a duration, until it is ended.
#[derive(Input)]
#[input(example = r#"{"duration_minutes": 30, "recording_name": "Delivery", "quality": "main"}"#)]
pub struct CctvRecordingWish {
    /// When it is to end by itself, minutes from now.
    duration_minutes: Option<Int<1, 1440>>,
    /// What it is called; the camera and the time unless it says otherwise.
    recording_name: Option<Text<1, 200>>,
    /// Which of the camera's streams, `main` unless it says otherwise.
    quality: Option<Quality>,
}

/// What came of it.
#[derive(Serialize, ToSchema)]
#[schema(as = CctvRecordingDone)]
pub struct Done {
    /// In words.
    #[schema(example = "Recording started")]
    message: &'static str,
    /// The recording.
    #[schema(example = "019c2a5e-4b00-7000-8000-0123456789ab")]
    recording_id: String,
}

fn refused(reason: recorder::Reason) -> Problem {
    match reason {
        "no_relay" => Problem::unavailable("there is no media relay here: relay_api_origin or relay_playback_origin is not set", 3600),
        "relay_away" => Problem::unavailable("the media relay does not answer", 10),
        "relay_refused" => Problem::unavailable("the media relay refuses this", 10),
        "no_address" => Problem::conflict("the camera has no RTSP address of this quality"),
        "not_allowed" => Problem::conflict("the camera's RTSP address is not one that this installation may call"),
        _ => Problem::conflict("the camera is not in use"),
    }
    .because(reason)
}

/// Begins a recording. Takes the access level `control`.
#[utoipa::path(post, path = "/v0/api/cctv/cameras/{id}/start_recording", responses(
    (status = 409, description = "It is recorded already (`recording_id` says which), is not in use, or has no such stream."),
))]
pub async fn start(
    caller: Caller<Person>,
    Now(now): Now,
    Path(id): Path<String>,
    OptionalBody(wish): OptionalBody<CctvRecordingWish>,
) -> Answer<Json<Done>> {
    let camera = permission::require(&id, &caller.0, Level::Control, now)?;
    let name = wish.recording_name.map_or_else(|| format!("{} {}", camera.name, format_rfc3339(now)), String::from);
    if let Some(open) = recorder::open_of(&camera.camera_id)? {
        return Err(already(&open.id));
    }
    let relay = Relay::configured().await?;
    let stop_at = wish.duration_minutes.map(|minutes| now + *minutes * MINUTE_MS);
    let wish = Wish { schedule: None, name: &name, quality: wish.quality.unwrap_or_default(), stop_at, by: &caller.0.id };
    match recorder::begin(relay.as_ref(), &camera, &wish, now).await? {
        Ok(recording_id) => Ok(Json(Done { message: "Recording started", recording_id })),
        Err(NotBegun::Reason(reason)) => Err(refused(reason)),
        Err(NotBegun::Open) => Err(recorder::open_of(&camera.camera_id)?
            .map_or_else(|| Problem::conflict("a recording of this camera has just ended: try again"), |open| already(&open.id))),
    }
}

fn already(id: &str) -> Problem {
    Problem::conflict("the camera is recorded already").because("recording").with("recording_id", id)
}

/// Ends a recording that somebody began. Takes the access level `control`.
#[utoipa::path(post, path = "/v0/api/cctv/cameras/{id}/stop_recording", responses(
    (status = 409, description = "It is not recorded, or a schedule asks for it: deactivate that."),
))]
pub async fn stop(caller: Caller<Person>, Now(now): Now, Path(id): Path<String>) -> Answer<Json<Done>> {
    let camera = permission::require(&id, &caller.0, Level::Control, now)?;
    let open = recorder::open_of(&camera.camera_id)?;
    let open = open.ok_or_else(|| Problem::conflict("the camera is not recorded").because("not_recording"))?;
    if open.is_scheduled() {
        return Err(Problem::conflict("a schedule asks for this recording: deactivate that")
            .because("scheduled")
            .with("recording_id", open.id));
    }
    let relay = Relay::needed().await?;
    recorder::end(&relay, &open, &caller.0.id, now).await?.map_err(refused)?;
    Ok(Json(Done { message: "Recording stopped", recording_id: open.id }))
}

/// How it stands with a camera's recording.
#[derive(Serialize, ToSchema)]
#[schema(as = CctvRecordingStatus)]
pub struct Status {
    /// The camera's code.
    camera_id: String,
    /// The camera's name.
    camera_name: String,
    /// Whether it is recorded.
    is_recording: bool,
    /// The recording that is under way; null when there is none.
    recording_info: Option<Info>,
    /// Whether the relay has pictures of the recorded stream; null when nothing is recorded, or the relay does not answer.
    relay_online: Option<bool>,
    /// Why a schedule's recording has not begun; null when none is missing.
    missing_because: Option<String>,
}

/// A recording that is under way.
#[derive(Serialize, FromRow, ToSchema)]
#[schema(as = CctvRecordingInfo)]
pub struct Info {
    /// The recording's id.
    id: String,
    /// What it is called.
    name: String,
    /// Which of the camera's streams.
    quality: Quality,
    /// The schedule that asked for it; null when a person did.
    schedule_id: Option<String>,
    /// When it began.
    started_at: Timestamp,
    /// When it ends by itself; null when it is ended by hand or by its schedule.
    stop_at: Option<Timestamp>,
    /// What is amiss; null when nothing is.
    error: Option<String>,
}

/// Says how it stands with a camera's recording. Takes the access level `view`.
#[utoipa::path(get, path = "/v0/api/cctv/cameras/{id}/recording_status")]
pub async fn status(caller: Caller<Person>, Now(now): Now, Path(id): Path<String>) -> Answer<Json<Status>> {
    let camera = permission::require(&id, &caller.0, Level::View, now)?;
    let info: Option<Info> = Database.fetch_optional(
        "select id, name, quality, schedule_id, started_at, stop_at, error from camera_recordings where camera_id = ? and ended_at is null",
        params![&camera.camera_id],
    )?;
    let relay_online = match (&info, Relay::configured().await?) {
        (Some(info), Some(relay)) => {
            let path = relay.path(&path_name(&camera.camera_id, info.quality)).await.ok();
            path.map(|path| path.is_some_and(|path| path.online || path.ready))
        }
        _ => None,
    };
    let missing_because: Option<String> =
        Database.fetch_scalar("select reason from recording_gaps where camera_id = ? and ended_at is null", params![&camera.camera_id])?;
    Ok(Json(Status {
        camera_id: camera.camera_id,
        camera_name: camera.name,
        is_recording: info.is_some(),
        recording_info: info,
        relay_online,
        missing_because,
    }))
}
