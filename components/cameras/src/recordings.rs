//! Recordings: the list, one with its stretches and gaps, its protection, its end.

use axum::Json;
use axum::extract::Path;
use const_format::concatcp;
use domain::camera::schedule::{Span, merged, missing};
use domain::camera::{Level, Quality};
use domain::role::Role;
use kit::api::NoContent;
use kit::caller::{Caller, Person, Principal};
use kit::db::{Database, Fetch as _, Value};
use kit::input::{Code, Input, Timestamp};
use kit::page::{Listing, Page};
use kit::request::{Body, Now};
use kit::row::FromRow;
use kit::select::Select;
use kit::{Answer, Problem, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::permission;
use crate::relay::Relay;
use crate::retention;

/// A recording.
#[derive(Serialize, FromRow, ToSchema)]
#[schema(as = CctvRecording)]
pub struct Recording {
    /// The recording's id.
    pub id: String,
    /// The camera's code.
    pub camera: String,
    /// The camera's name.
    camera_name: String,
    /// The schedule that asked for it; null when a person did, or it was deleted.
    schedule: Option<String>,
    /// What it is called.
    name: String,
    /// Which of the camera's streams.
    quality: Quality,
    /// When it began.
    start_time: Timestamp,
    /// When it ended; null while it goes on.
    end_time: Option<Timestamp>,
    /// `recording`, `completed` or `failed`.
    status: String,
    /// What is amiss; null when nothing is.
    error_message: Option<String>,
    /// How much of it there is, seconds, as far as the relay has told.
    duration_seconds: f64,
    /// How many bytes its files have that were read whole; null before one was.
    file_size: Option<i64>,
    /// Whether it is kept whatever its age.
    is_protected: bool,
    /// How its upload stands, of several stretches the one that is furthest behind: `failed`, `pending`, `uploading` or `completed`; null when nobody
    /// has asked for one.
    transfer_status: Option<String>,
    /// How many bytes of it the bucket has.
    transferred_bytes: i64,
    /// Whether it goes on.
    is_active: bool,
    /// Where a small picture of it is; null when there is none.
    thumbnail_url: Option<String>,
    /// When it last changed.
    updated_at: Timestamp,
}

impl Recording {
    /// Whether it goes on.
    pub fn is_active_now(&self) -> bool {
        self.is_active
    }
}

/// The caller is `?1`.
const SELECT: &str =
    "select r.id, r.camera_id as camera, coalesce(c.name, c.location) as camera_name, r.schedule_id as schedule, r.name, r.quality,
        r.started_at as start_time, r.ended_at as end_time, r.status, r.error as error_message,
        (select coalesce(sum(s.duration_ms), 0) / 1000.0 from recording_spans s where s.recording_id = r.id) as duration_seconds,
        (select sum(s.bytes) from recording_spans s where s.recording_id = r.id) as file_size,
        (select t.state from recording_transfers t where t.recording_id = r.id
            order by case t.state when 'failed' then 0 when 'pending' then 1 when 'uploading' then 2 else 3 end limit 1) as transfer_status,
        (select coalesce(sum(t.sent_bytes), 0) from recording_transfers t where t.recording_id = r.id) as transferred_bytes,
        r.is_protected, r.ended_at is null as is_active,
        (select '/v0/api/cctv/recordings/' || r.id || '/thumbnail/' from recording_thumbnails t where t.recording_id = r.id) as thumbnail_url, r.updated_at
     from camera_recordings r join cameras c on c.camera_id = r.camera_id
         left join camera_access a on a.camera_id = r.camera_id and a.user_id = ?1 and a.is_active = 1
     where ";

/// What is shorter is the time that a camera takes to begin, or how the relay cuts its files, and no gap, milliseconds.
pub const LEAST_GAP_MS: i64 = 3_000;

fn not_found() -> Problem {
    Problem::not_found("recording")
}

/// The condition on recordings that the caller may see; none when all.
fn visible_to(caller: &Principal) -> Option<&'static str> {
    match caller.role {
        role if role.holds(Role::Admin) => None,
        role if role.holds(Role::Operator) => Some("(a.id is not null or c.is_public = 1)"),
        _ => Some("a.id is not null"),
    }
}

/// Which recordings: of a stretch of time, those that have a moment in common with it.
#[derive(Input)]
pub struct Filters {
    /// Only those of this camera.
    #[input(alias("camera_id"))]
    camera: Option<Code>,
    /// Where the stretch of time begins.
    from: Option<Timestamp>,
    /// Where the stretch of time ends.
    to: Option<Timestamp>,
    /// Only those that are kept whatever their age, or only the others.
    is_protected: Option<bool>,
    /// Only those that go on, or only the others.
    is_active: Option<bool>,
}

/// Lists the recordings of the cameras that the caller may see, the newest first.
#[utoipa::path(get, path = "/v0/api/cctv/recordings")]
pub async fn list(caller: Caller<Person>, listing: Listing<Filters>) -> Answer<Page<Recording>> {
    let filters = &listing.filters;
    let mut recordings = Select::new(concatcp!(SELECT, "r.id < coalesce(?2, '~')"), params![&caller.0.id, listing.after_text(0)])
        .and_if("r.camera_id = ?", filters.camera.as_deref())
        .and_if("(r.ended_at is null or r.ended_at > ?)", filters.from)
        .and_if("r.started_at < ?", filters.to)
        .and_if("r.is_protected = ?", filters.is_protected)
        .and_if("(r.ended_at is null) = ?", filters.is_active);
    if let Some(condition) = visible_to(&caller.0) {
        recordings = recordings.and(condition, Vec::<Value>::new());
    }
    let recordings = recordings.fetch(&Database, "r.id desc", listing.fetch())?;
    Ok(listing.page(recordings, |recording: &Recording| [recording.id.clone()]))
}

/// The recording of this id, with whose camera the caller may do this now.
pub fn require(id: &str, caller: &Principal, needed: Level, now: i64) -> Answer<Recording> {
    let recording: Option<Recording> = Database.fetch_optional(concatcp!(SELECT, "r.id = ?2"), params![&caller.id, id])?;
    let recording = recording.ok_or_else(not_found)?;
    match permission::require(&recording.camera, caller, needed, now) {
        Ok(_) => Ok(recording),
        // Of a camera that the caller does not know they know no recording.
        Err(problem) if problem.status() == http::StatusCode::NOT_FOUND => Err(not_found()),
        Err(problem) => Err(problem),
    }
}

/// A stretch of a recording that there is.
#[derive(Serialize, FromRow, ToSchema)]
#[schema(as = CctvRecordingSpan)]
pub struct RecordedSpan {
    /// Its number, from 0: `?span=` of the download.
    #[row(with = zero)]
    number: usize,
    /// When it begins.
    #[row(column = "started_at")]
    pub start: Timestamp,
    /// How long it is, milliseconds.
    pub duration_ms: i64,
    /// How many bytes its file has; null before it was read whole.
    pub bytes: Option<i64>,
}

fn zero(_: &kit::row::Row) -> Result<usize, Problem> {
    Ok(0)
}

/// The stretches of a recording, in their order.
pub fn spans_of(id: &str) -> Answer<Vec<RecordedSpan>> {
    let mut spans: Vec<RecordedSpan> = Database
        .fetch_all("select started_at, duration_ms, bytes from recording_spans where recording_id = ? order by started_at", params![id])?;
    spans.iter_mut().enumerate().for_each(|(number, span)| span.number = number);
    Ok(spans)
}

/// A stretch of time.
#[derive(Serialize, ToSchema)]
#[schema(as = CctvStretch)]
pub struct Stretch {
    /// When it begins.
    pub start: Timestamp,
    /// When it ends.
    end: Timestamp,
    /// Why nothing was recorded; null where the relay has nothing though it was to record, and for what there is.
    reason: Option<String>,
}

impl Stretch {
    /// Of this span.
    pub fn new((start, end): Span, reason: Option<String>) -> Self {
        Self { start: Timestamp(start), end: Timestamp(end), reason }
    }
}

/// A recording with what there is of it.
#[derive(Serialize, ToSchema)]
#[schema(as = CctvRecordingDetail)]
pub struct Detail {
    #[serde(flatten)]
    recording: Recording,
    /// Where its first stretch is downloaded.
    file_url: String,
    /// The stretches that there are.
    spans: Vec<RecordedSpan>,
    /// The stretches that are missing, of one that has ended.
    gaps: Vec<Stretch>,
}

/// Returns a recording with its stretches and gaps.
#[utoipa::path(get, path = "/v0/api/cctv/recordings/{id}")]
pub async fn detail(caller: Caller<Person>, Now(now): Now, Path(id): Path<String>) -> Answer<Json<Detail>> {
    let recording = require(&id, &caller.0, Level::View, now)?;
    let spans = spans_of(&recording.id)?;
    let had: Vec<Span> = spans.iter().map(|span| (span.start.0, span.start.0 + span.duration_ms)).collect();
    let whole = recording.end_time.map(|end| (recording.start_time.0, end.0));
    let gaps = whole.map_or_else(Vec::new, |whole| missing(&[whole], &merged(had)));
    let gaps = gaps.into_iter().filter(|(start, end)| end - start >= LEAST_GAP_MS).map(|gap| Stretch::new(gap, None)).collect();
    let file_url = format!("/v0/api/cctv/recordings/{}/download/", recording.id);
    Ok(Json(Detail { recording, file_url, spans, gaps }))
}

/// A change of a recording.
#[derive(Input)]
#[input(read_only("id", "camera", "schedule", "start_time", "end_time", "status", "updated_at"))]
#[input(example = r#"{"is_protected": true}"#)]
pub struct CctvRecordingChange {
    /// Whether it is kept whatever its age.
    is_protected: bool,
}

/// Protects a recording, or protects it no more. Takes the access level `admin`.
#[utoipa::path(patch, path = "/v0/api/cctv/recordings/{id}", responses((status = 409, description = "It is being removed.")))]
pub async fn update(
    caller: Caller<Person>,
    Now(now): Now,
    Path(id): Path<String>,
    Body(change): Body<CctvRecordingChange>,
) -> Answer<Json<Recording>> {
    require(&id, &caller.0, Level::Admin, now)?;
    let is_kept = Database.exists(
        "update camera_recordings set is_protected = ?2, updated_at = ?3, updated_by = ?4 where id = ?1 and removing_at is null returning 1",
        params![&id, change.is_protected, now, &caller.0.id],
    )?;
    if !is_kept {
        return Err(Problem::conflict("the recording is being removed").because("removing"));
    }
    require(&id, &caller.0, Level::Admin, now).map(Json)
}

/// Deletes a recording with its files. Takes the access level `admin`.
#[utoipa::path(delete, path = "/v0/api/cctv/recordings/{id}", responses(
    (status = 409, description = "It goes on, is protected, or waits to be uploaded."),
))]
pub async fn delete(caller: Caller<Person>, Now(now): Now, Path(id): Path<String>) -> Answer<NoContent> {
    let recording = require(&id, &caller.0, Level::Admin, now)?;
    if recording.is_active {
        return Err(Problem::conflict("the recording goes on").because("recording"));
    }
    if recording.is_protected {
        return Err(Problem::conflict("the recording is protected").because("protected"));
    }
    let relay = Relay::needed().await?;
    match retention::remove(&relay, &id, &caller.0.id, now).await? {
        Ok(true) => Ok(NoContent),
        Ok(false) => Err(Problem::conflict("the recording is kept: it was protected meanwhile, or waits to be uploaded").because("kept")),
        Err(failure) => Err(failure.problem()),
    }
}
