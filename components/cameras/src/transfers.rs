//! Uploads to Google Cloud Storage: asked for, listed, and asked for again when they were given up.

use axum::Json;
use const_format::concatcp;
use domain::camera::Level;
use domain::role::Role;
use kit::caller::{Admin, Caller, Person, Principal};
use kit::db::{Database, Executor as _, Fetch as _};
use kit::input::{Id, Input, Int, List, Timestamp};
use kit::page::{Listing, Page};
use kit::request::{Now, OptionalBody};
use kit::row::FromRow;
use kit::select::Select;
use kit::{Answer, Problem, host, params};
use serde::Serialize;
use strum::{EnumString, IntoStaticStr, VariantNames};
use utoipa::ToSchema;

use crate::gcs::Bucket;
use crate::recordings;

/// Recordings that are taken at once when none are named.
const MOST: i64 = 500;

/// Which recordings are to be uploaded.
#[derive(Input)]
#[input(refuse_unknown, example = r#"{"recording_ids": ["019c2a5e-4b00-7000-8000-0123456789ab"]}"#)]
pub struct CctvTransferWish {
    /// Their ids; all that have ended and were never asked for, at most 500, when it is left out, which only administrators may.
    recording_ids: Option<List<Id, 1, 500>>,
    /// Taken from older clients, and of no meaning: uploads are worked on one after another.
    batch_size: Option<Int<1, 20>>,
}

/// What came of it.
#[derive(Serialize, ToSchema)]
#[schema(as = CctvTransfersAsked)]
pub struct Asked {
    /// In words.
    #[schema(example = "Initiated 2 video transfers to Google Cloud Storage")]
    message: String,
    /// How many recordings were looked at.
    #[schema(example = 1)]
    total_recordings: usize,
    /// How many stretches of recordings wait to be uploaded now, that did not before.
    #[schema(example = 2)]
    initiated_transfers: usize,
    /// How many recordings are uploaded, or were asked for already.
    #[schema(example = 0)]
    already_transferred: usize,
    /// How many cannot be uploaded: they go on, or there is nothing of them yet.
    #[schema(example = 0)]
    failed_initiations: usize,
    /// The uploads that were added or are tried again.
    transfer_ids: Vec<String>,
}

#[derive(FromRow)]
struct Added {
    id: String,
}

#[derive(FromRow)]
struct Waiting {
    id: String,
}

/// Has recordings uploaded to Google Cloud Storage: each stretch as an object of its own. Takes the access level `admin`.
///
/// Uploads that were given up are tried again. Work on them is the scheduled run's; what waits is never removed. A field that is not known is
/// refused: misspelt, it would mean all recordings.
#[utoipa::path(
    post,
    path = "/v0/api/cctv/recordings/transfer-to-gcp",
    responses((status = 404, description = "One of the recordings is unknown to the caller: none is uploaded."))
)]
pub async fn ask(caller: Caller<Person>, Now(now): Now, OptionalBody(wish): OptionalBody<CctvTransferWish>) -> Answer<Json<Asked>> {
    let _ = wish.batch_size;
    if Bucket::configured().await?.is_none() {
        return Err(Problem::unavailable("there is no bucket here: gcs_bucket is not set", 3600).because("no_bucket"));
    }
    let caller = caller.0;
    let ids: Vec<String> = match wish.recording_ids {
        Some(ids) => {
            let ids: Vec<String> = ids.into_iter().map(String::from).collect();
            // All are allowed, or nothing happens.
            for id in &ids {
                recordings::require(id, &caller, Level::Admin, now)?;
            }
            ids
        }
        None if caller.role.holds(Role::Admin) => waiting()?,
        None => return Err(Problem::forbidden("name the recordings: only administrators may have all uploaded")),
    };
    let (mut transfer_ids, mut already, mut failed) = (Vec::new(), 0, 0);
    for id in &ids {
        match add(id, &caller, now)? {
            Outcome::Added(added) => transfer_ids.extend(added),
            Outcome::Already => already += 1,
            Outcome::Nothing => failed += 1,
        }
    }
    let message = format!("Initiated {} video transfers to Google Cloud Storage", transfer_ids.len());
    let asked = Asked {
        message,
        total_recordings: ids.len(),
        initiated_transfers: transfer_ids.len(),
        already_transferred: already,
        failed_initiations: failed,
        transfer_ids,
    };
    Ok(Json(asked))
}

fn waiting() -> Answer<Vec<String>> {
    let waiting: Vec<Waiting> = Database.fetch_all(
        "select id from camera_recordings indexed by camera_recordings_unasked
         where is_upload_asked = 0 and is_settled = 1 and status = 'completed' order by id limit ?1",
        params![MOST],
    )?;
    Ok(waiting.into_iter().map(|waiting| waiting.id).collect())
}

enum Outcome {
    Added(Vec<String>),
    Already,
    Nothing,
}

const INSERT: &str =
    "insert into recording_transfers (id, recording_id, span_started_at, object, next_attempt_at, requested_by, created_at, updated_at)
     select ?2, s.recording_id, s.started_at, 'recordings/' || r.camera_id || '/' || r.id || '/' || s.started_at || '.mp4', ?3, ?4, ?3, ?3
     from recording_spans s join camera_recordings r on r.id = s.recording_id
     where r.id = ?1 and r.ended_at is not null and r.is_settled = 1 and r.removing_at is null
         and not exists (select 1 from recording_transfers t where t.recording_id = s.recording_id and t.span_started_at = s.started_at)
     order by s.started_at limit 1
     on conflict do nothing returning id";

const AGAIN: &str =
    "update recording_transfers set state = 'pending', next_attempt_at = ?2, attempts = 0, restarts = 0, requested_by = ?3, updated_at = ?2
     where recording_id = ?1 and state = 'failed'
         and exists (select 1 from camera_recordings r where r.id = ?1 and r.removing_at is null)
     returning id";

fn add(recording: &str, caller: &Principal, now: i64) -> Answer<Outcome> {
    let mut added: Vec<String> = Vec::new();
    // Each statement adds the first stretch that has none.
    while let Some(Added { id }) = Database.fetch_optional(INSERT, params![recording, host::new_id(now)?, now, &caller.id])? {
        added.push(id);
    }
    let again: Vec<Added> = Database.fetch_all(AGAIN, params![recording, now, &caller.id])?;
    added.extend(again.into_iter().map(|again| again.id));
    if !added.is_empty() {
        Database.run("update camera_recordings set is_upload_asked = 1 where id = ?", params![recording])?;
        return Ok(Outcome::Added(added));
    }
    let is_known = Database.exists("select 1 from recording_transfers where recording_id = ?", params![recording])?;
    Ok(if is_known { Outcome::Already } else { Outcome::Nothing })
}

/// How an upload stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum State {
    /// It waits.
    Pending,
    /// It is worked on, or waits for its next piece or attempt.
    Uploading,
    /// It is whole in the bucket.
    Completed,
    /// It was given up; asked for again it is tried again.
    Failed,
}

kit::text_enum!(State);

/// An upload.
#[derive(Serialize, FromRow, ToSchema)]
#[schema(as = CctvTransfer)]
pub struct Transfer {
    /// The upload's id.
    transfer_id: String,
    /// The recording.
    recording_id: String,
    /// What that is called.
    recording_name: String,
    /// `pending`, `uploading`, `completed` or `failed`.
    transfer_status: String,
    /// The object's name in the bucket.
    gcp_storage_path: String,
    /// How many bytes the bucket has.
    sent_bytes: i64,
    /// How many there are; null before it is whole.
    total_bytes: Option<i64>,
    /// Its checksum, as the bucket has it too; null before it is whole.
    crc32c: Option<String>,
    /// Why the last attempt failed; null when it did not.
    error_message: Option<String>,
    /// Attempts that failed since it last got on.
    retry_count: i64,
    /// When it is tried next; null when it is not.
    next_attempt_at: Option<Timestamp>,
    /// When it was asked for.
    created_at: Timestamp,
    /// When it was first worked on; null before.
    upload_started_at: Option<Timestamp>,
    /// When it was whole; null before.
    upload_completed_at: Option<Timestamp>,
}

const SELECT: &str = "select t.id as transfer_id, t.recording_id, r.name as recording_name, t.state as transfer_status, t.object as gcp_storage_path,
        t.sent_bytes, t.total_bytes, t.crc32c, t.error as error_message, t.attempts as retry_count,
        iif(t.state in ('pending', 'uploading'), t.next_attempt_at, null) as next_attempt_at, t.created_at, t.started_at as upload_started_at,
        t.completed_at as upload_completed_at
     from recording_transfers t join camera_recordings r on r.id = t.recording_id where ";

/// Which uploads.
#[derive(Input)]
pub struct Filters {
    /// Only those of this state.
    transfer_status: Option<State>,
    /// Only those of this recording.
    recording_id: Option<Id>,
}

/// Lists uploads to Google Cloud Storage, the newest first.
#[utoipa::path(get, path = "/v0/api/cctv/recordings/gcp-transfers")]
pub async fn list(_: Caller<Admin>, listing: Listing<Filters>) -> Answer<Page<Transfer>> {
    let transfers = Select::new(concatcp!(SELECT, "t.id < coalesce(?, '~')"), params![listing.after_text(0)])
        .and_equal("t.recording_id", listing.filters.recording_id.as_deref())
        .and_equal("t.state", listing.filters.transfer_status)
        .fetch(&Database, "t.id desc", listing.fetch())?;
    Ok(listing.page(transfers, |transfer: &Transfer| [transfer.transfer_id.clone()]))
}
