//! Downloading a stretch of a recording: passed on from the relay's playback as it comes. The relay takes no `Range`; what is before it is read and left
//! out, once the size of the file is known.

use axum::body::Body;
use axum::extract::{FromRequestParts, Path};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use domain::camera::Level;
use futures::stream;
use http::header::{ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use http::request::Parts;
use http::{Method, StatusCode};
use kit::api::{Describe, Request};
use kit::caller::{Caller, Person};
use kit::db::{Database, Executor as _, Fetch as _};
use kit::input::{Input, Int};
use kit::request::{Now, Query};
use kit::{Answer, Problem, clock, host, params};

use crate::download_place::Place;
use crate::file::File;
use crate::recordings;
use crate::relay::Relay;

/// How often a download asks whether it may go on, milliseconds.
const CHECK_EVERY_MS: u64 = 5_000;

/// A download ends after this long, milliseconds, so that none is held for ever.
const LASTS_MS: u64 = 6 * 60 * 60 * 1000;

#[derive(Input)]
struct Parameters {
    /// Which stretch of the recording, from 0, which is the first.
    span: Option<Int<0, 100_000>>,
}

/// What of a recording is asked for.
pub struct Wanted {
    span: usize,
    range: Option<String>,
    is_head: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for Wanted {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(Parameters { span }) = Query::from_request_parts(parts, state).await?;
        let range = parts.headers.get(RANGE).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let span = span.and_then(|span| usize::try_from(*span).ok()).unwrap_or_default();
        Ok(Self { span, range, is_head: parts.method == Method::HEAD })
    }
}

impl Describe for Wanted {
    fn describe(request: &mut Request<'_>) {
        Query::<Parameters>::describe(request);
    }
}

/// Which bytes are asked for, of a file of this size (RFC 9110 §14.1.2): the first and the last. None for what is ignored: another unit, several
/// ranges, nonsense. An error when there are no such bytes.
fn range_of(text: &str, size: u64) -> Option<Result<(u64, u64), ()>> {
    let (first, last) = text.trim().strip_prefix("bytes=")?.split_once('-')?;
    let (first, last) = (first.trim(), last.trim());
    let range = match (first, last) {
        ("", last) => {
            let count: u64 = last.parse().ok()?;
            if count == 0 {
                return Some(Err(()));
            }
            (size.saturating_sub(count), size.saturating_sub(1))
        }
        (first, "") => (first.parse().ok()?, size.saturating_sub(1)),
        (first, last) => {
            let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
            if last < first {
                return None;
            }
            (first, last.min(size.saturating_sub(1)))
        }
    };
    Some(if range.0 < size { Ok(range) } else { Err(()) })
}

/// Downloads a stretch of a recording as MP4. Takes the access level `view`.
///
/// `Range` is answered where the size of the file is known: where the relay tells it, or once it has been read whole. A download breaks off within
/// seconds when who downloads signs out or may not look any more, after 20 s without a byte of the relay, and after six hours.
#[utoipa::path(
    get,
    path = "/v0/api/cctv/recordings/{id}/download",
    responses(
        (status = 200, description = "The file.", content_type = "video/mp4", body = String),
        (status = 206, description = "A part of the file.", content_type = "video/mp4", body = String),
        (status = 409, description = "There is nothing of it yet."),
        (status = 416, description = "The file has no such bytes."),
        (status = 429, description = "As many recordings are downloaded already as may be at once (`camera_downloads`, `camera_downloads_per_person`)."),
    )
)]
pub async fn read(caller: Caller<Person>, Now(now): Now, Path(id): Path<String>, wanted: Wanted) -> Answer<Response> {
    let recording = recordings::require(&id, &caller.0, Level::View, now)?;
    let spans = recordings::spans_of(&recording.id)?;
    let nothing = || Problem::conflict("there is nothing of this recording yet").because("nothing_recorded");
    let span = match spans.get(wanted.span) {
        Some(span) => span,
        None if spans.is_empty() => return Err(nothing()),
        None => return Err(Problem::invalid_field("span", "is more than there are")),
    };
    let path: Option<String> = Database.fetch_scalar("select relay_path from camera_recordings where id = ?", params![&id])?;
    let path = path.ok_or_else(|| Problem::not_found("recording"))?;
    let stretch = (span.start.0, span.start.0 + span.duration_ms);
    let size = span.bytes.and_then(|bytes| u64::try_from(bytes).ok()).filter(|_| !recording.is_active_now());
    let range = match (size, wanted.range.as_deref()) {
        (Some(size), Some(text)) => range_of(text, size).map(|range| range.map(|(first, last)| (first, last, size))),
        _ => None,
    };
    let range = range.transpose().map_err(|()| {
        Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "range", format!("the file has {} bytes", size.unwrap_or_default()))
    })?;
    let name = format!("attachment; filename=\"{}-{}.mp4\"", recording.id, wanted.span);
    let mut whole_size = size;
    let mut response = if wanted.is_head {
        Response::new(Body::empty())
    } else {
        let relay = Relay::needed().await?;
        let place = Place::take(&recording.id, &recording.camera, caller.0, now).await?;
        let file = File::open(&relay, &path, stretch, LASTS_MS).await.map_err(crate::relay::Failure::problem)?;
        let (skip, left) = range.map_or((0, u64::MAX), |(first, last, _)| (first, last - first + 1));
        whole_size = whole_size.or(file.length);
        let whole = range.is_none().then(|| (recording.id.clone(), stretch));
        let mut piece = Piece { file, place, checked: clock::now_ms(), skip, left, whole };
        if let Some(length) = piece.file.length {
            piece.note_size(length);
        }
        Response::new(Body::from_stream(stream::unfold(piece, |mut piece| async move {
            let bytes = piece.next().await?;
            Some((bytes, piece))
        })))
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, http::HeaderValue::from_static("video/mp4"));
    if let Ok(name) = name.parse() {
        headers.insert(CONTENT_DISPOSITION, name);
    }
    let ranges = if size.is_some() { "bytes" } else { "none" };
    headers.insert(ACCEPT_RANGES, http::HeaderValue::from_static(ranges));
    if let Some((first, last, size)) = range {
        if let Ok(range) = format!("bytes {first}-{last}/{size}").parse() {
            headers.insert(CONTENT_RANGE, range);
        }
        headers.insert(CONTENT_LENGTH, (last - first + 1).into());
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    } else if let Some(size) = whole_size {
        headers.insert(CONTENT_LENGTH, size.into());
    }
    Ok(response.into_response())
}

/// A file that is passed on.
struct Piece {
    file: File,
    place: Place,
    /// When it was last asked whether it may go on.
    checked: u64,
    /// How many bytes come before what is asked for.
    skip: u64,
    /// How many are asked for.
    left: u64,
    /// Whose size is known when all of it has been read.
    whole: Option<(String, (i64, i64))>,
}

impl Piece {
    /// The next bytes; none at the end. One that breaks off breaks the answer off: it must not look whole.
    async fn next(&mut self) -> Option<Result<Bytes, std::io::Error>> {
        loop {
            if self.left == 0 {
                return None;
            }
            if !self.may_go_on() {
                return Some(Err(std::io::Error::other("it may not go on")));
            }
            let Some(piece) = self.file.next().await else {
                self.note_size(self.file.read);
                return None;
            };
            let mut bytes = match piece {
                Ok(bytes) => bytes,
                Err(broken) => return Some(Err(std::io::Error::other(broken.sentence()))),
            };
            let before = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
            let mut bytes = bytes.split_off(before);
            self.skip -= before as u64;
            bytes.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
            self.left -= bytes.len() as u64;
            if !bytes.is_empty() {
                return Some(Ok(bytes));
            }
        }
    }

    /// Asked before each piece, and looked up every few seconds: what a client that was away for long takes next is looked up first.
    fn may_go_on(&mut self) -> bool {
        let now = clock::now_ms();
        if now.saturating_sub(self.checked) < CHECK_EVERY_MS {
            return true;
        }
        self.checked = now;
        self.place.goes_on(host::now_ms())
    }

    fn note_size(&mut self, size: u64) {
        let Some((id, (start, end))) = self.whole.take() else { return };
        // It is known the next time; that it cannot be written now is nobody's loss.
        let _ = Database.run(
            "update recording_spans set bytes = ?4 where recording_id = ?1 and started_at = ?2 and duration_ms = ?3 and bytes is not ?4
                and exists (select 1 from camera_recordings where id = ?1 and is_settled = 1)",
            params![id, start, end - start, i64::try_from(size).ok().filter(|bytes| *bytes > 0)],
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_one_stretch_of_bytes() {
        assert_eq!(range_of("bytes=0-0", 100), Some(Ok((0, 0))));
        assert_eq!(range_of("bytes=10-", 100), Some(Ok((10, 99))));
        assert_eq!(range_of("bytes=-10", 100), Some(Ok((90, 99))));
        assert_eq!(range_of("bytes=-1000", 100), Some(Ok((0, 99))));
        assert_eq!(range_of("bytes=90-1000", 100), Some(Ok((90, 99))));
        for none in ["bytes=100-", "bytes=-0", "bytes=100-200"] {
            assert_eq!(range_of(none, 100), Some(Err(())), "{none}");
        }
        for ignored in ["items=0-1", "bytes=5-4", "bytes=0-1,3-4", "bytes=a-b", "bytes=", "bytes=--1"] {
            assert_eq!(range_of(ignored, 100), None, "{ignored}");
        }
    }
}
