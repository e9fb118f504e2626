//! Live pictures: passed on as the camera sends them, or the addresses where they are.

use axum::body::Body;
use axum::extract::{FromRequestParts, Path};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use domain::camera::{Level, Quality};

use futures::future::{BoxFuture, Either, FutureExt as _, select};
use futures::stream;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderName, Method};
use kit::api::{Describe, Request, Respond, answers_json};
use kit::caller::{Caller, Person, Principal};
use kit::client::ClientAddress;
use kit::http::{Incoming, SendError};
use kit::input::{Input, Secret, Timestamp};
use kit::request::{Now, Query};
use kit::ticket::Scope;
use kit::{Answer, Problem, clock, host};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, RefOr};

use crate::credentials::Keys;
use crate::model::Stored;
use crate::relayed::Relayed;
use crate::session::{End, Session};
use crate::snapshot::{no_address, no_picture};
use crate::{client, mjpeg, permission, settings};

/// How often a stream asks whether it may go on, milliseconds.
const CHECK_EVERY_MS: u64 = 5_000;

/// A camera that has sent nothing for so long has gone silent, milliseconds.
const SILENCE_MS: u64 = 15_000;

/// A stream ends after this long, milliseconds, so that none is held for ever; its client asks for another.
const LASTS_MS: u64 = 60 * 60 * 1000;

/// Nginx passes on what it gets at once.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The query of what is looked at.
#[derive(Input)]
struct Parameters {
    /// Which of the camera's streams, `main` unless it says otherwise. MJPEG comes in the one size that the camera makes.
    quality: Option<Quality>,
    /// A ticket, in place of a token: an `<img>` cannot send headers.
    ticket: Option<Secret<128>>,
}

/// How a camera is looked at.
pub struct View {
    quality: Quality,
    ticket: Option<Secret<128>>,
    /// Whether only the headers are asked for.
    pub is_head: bool,
    wants_addresses: bool,
}

impl View {
    /// The ticket that is shown in place of a token.
    pub fn ticket(&self) -> Option<&str> {
        self.ticket.as_deref()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for View {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(Parameters { quality, ticket }) = Query::from_request_parts(parts, state).await?;
        let accepts = parts.headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let wants_addresses = accepts
            .flat_map(|value| value.split(','))
            .any(|kind| kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json")));
        // A ticket is for one look: it is no way to further tickets and tokens.
        let wants_addresses = wants_addresses && ticket.is_none();
        Ok(Self { quality: quality.unwrap_or_default(), ticket, is_head: parts.method == Method::HEAD, wants_addresses })
    }
}

impl Describe for View {
    fn describe(request: &mut Request<'_>) {
        Query::<Parameters>::describe(request);
    }
}

/// Where a camera's live pictures are.
#[derive(Serialize, ToSchema)]
#[schema(as = CctvStream)]
pub struct Addresses {
    /// The camera's code.
    camera_id: String,
    /// Which of its streams.
    quality: Quality,
    /// Live pictures for an `<img>`, good for one use within a minute; null when the camera has none over HTTP.
    mjpeg: Option<Ticketed>,
    /// The same through the media relay; null when there is none, or the camera has no such stream.
    relay: Option<Relayed>,
}

/// An address with its own ticket.
#[derive(Serialize, ToSchema)]
#[schema(as = CctvTicketedAddress)]
pub struct Ticketed {
    /// The path and query.
    url: String,
    /// When the ticket is void.
    expires_at: Timestamp,
}

impl Ticketed {
    fn new(camera: &Stored, quality: Quality, viewer: &Principal, now: i64) -> Answer<Self> {
        let (ticket, expires_at) = Scope::Camera(&camera.camera_id).issue(viewer, now)?;
        let url = format!("/v0/api/cctv/cameras/{}/stream/?quality={}&ticket={ticket}", camera.camera_id, quality.into_str());
        Ok(Self { url, expires_at })
    }
}

/// The media type of live pictures.
const MIXED: &str = "multipart/x-mixed-replace";

/// Live pictures, or where they are.
pub struct Shown(Response);

impl IntoResponse for Shown {
    fn into_response(self) -> Response {
        self.0
    }
}

impl Respond for Shown {
    fn describe(request: &mut Request<'_>) {
        answers_json::<Addresses>(request, 200, "The pictures, or where they are.");
        if let Some(RefOr::T(response)) = request.operation.responses.responses.get_mut("200") {
            let pictures = ObjectBuilder::new().schema_type(Type::String);
            response.content.insert(MIXED.to_owned(), ContentBuilder::new().schema(Some(pictures)).build().into());
        }
    }
}

/// Shows live pictures of a camera to whoever may look: as MJPEG, which an `<img>` shows; or, to who accepts `application/json`, where they are.
///
/// A browser's `<img>` sends no token: ask for JSON with one, and show `mjpeg.url`, which has a ticket for one use within a minute. A stream ends
/// within seconds when its session is ended, when who watches signs out or may not look any more, when the camera is silent for 15 s, and after an
/// hour. Nothing is kept back: a client that is slow slows the camera down.
#[utoipa::path(
    get,
    path = "/v0/api/cctv/cameras/{id}/stream",
    responses(
        (status = 409, description = "The camera is not in use, or has no address of live pictures."),
        (status = 429, description = "As many watch the camera already as may (`camera_viewers`, `camera_viewers_per_person`)."),
    )
)]
pub async fn open(
    caller: Result<Caller<Person>, Problem>,
    Now(now): Now,
    address: ClientAddress,
    Path(id): Path<String>,
    view: View,
) -> Answer<Shown> {
    let viewer = permission::viewer(caller, view.ticket(), &id, view.is_head, now)?;
    let camera = permission::require_active(permission::require(&id, &viewer, Level::View, now)?)?;
    if view.wants_addresses {
        let mjpeg = camera.mjpeg_url.as_ref().filter(|_| !view.is_head).map(|_| Ticketed::new(&camera, view.quality, &viewer, now));
        let relay = match view.is_head {
            true => None,
            false => Relayed::new(&camera, view.quality, &viewer, &address.network, now).await?,
        };
        let addresses = Addresses { mjpeg: mjpeg.transpose()?, relay, camera_id: camera.camera_id, quality: view.quality };
        return Ok(Shown(axum::Json(addresses).into_response()));
    }
    let url = camera.mjpeg_url.as_ref().ok_or_else(no_address)?;
    if view.is_head {
        return Ok(Shown([(CONTENT_TYPE, MIXED)].into_response()));
    }
    let credentials = camera.credentials(&Keys::load().await?)?;
    let mut session = Session::begin(&camera, viewer, view.quality, &address.network, settings::viewers().await?, now)?;
    session.end = End::Camera;
    let opened = client::get(url, credentials.as_ref()).await.map_err(no_picture)?;
    let boundary = mjpeg::boundary(&opened.headers).ok_or_else(|| no_picture(domain::camera::Failure::NotAPicture))?;
    session.end = End::Left;

    let kind = format!("{MIXED}; boundary=\"{boundary}\"");
    let passing =
        Passing { reading: read(opened.body), session, opened: clock::now_ms(), checked: clock::now_ms(), heard: clock::now_ms() };
    let body = Body::from_stream(stream::unfold(passing, |mut passing| async move {
        let piece = passing.next().await?;
        Some((Ok::<_, std::convert::Infallible>(piece), passing))
    }));
    Ok(Shown(([(CONTENT_TYPE, kind.as_str()), (CACHE_CONTROL, "no-store")], [(X_ACCEL_BUFFERING, "no")], body).into_response()))
}

/// The camera's next piece, and where the one after it comes from.
type Reading = BoxFuture<'static, (Incoming, Option<Result<Bytes, SendError>>)>;

fn read(mut body: Incoming) -> Reading {
    async move {
        let piece = body.next().await;
        (body, piece)
    }
    .boxed()
}

/// A stream under way. Its next piece is asked for when the client has taken the one before, so that nothing piles up here.
struct Passing {
    reading: Reading,
    session: Session,
    opened: u64,
    checked: u64,
    /// When the camera last sent something.
    heard: u64,
}

impl Passing {
    /// The next piece to send; none at the stream's end.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let timer = std::pin::pin!(clock::sleep_ms(CHECK_EVERY_MS));
            // The reading is kept when the time is up first: what it has of the camera must not be lost.
            let piece = match select(&mut self.reading, timer).await {
                Either::Left(((body, Some(Ok(piece))), _)) => {
                    self.reading = read(body);
                    Some(piece)
                }
                Either::Left(_) => {
                    // It is over, and must not be asked again.
                    self.reading = futures::future::pending().boxed();
                    self.session.end = End::Camera;
                    return None;
                }
                Either::Right(_) => None,
            };
            let now = clock::now_ms();
            if let Some(piece) = &piece {
                self.heard = now;
                self.session.bytes += piece.len() as u64;
            }
            if !self.may_go_on(now) {
                return None;
            }
            if let Some(piece) = piece {
                return Some(piece);
            }
        }
    }

    fn may_go_on(&mut self, now: u64) -> bool {
        if now.saturating_sub(self.heard) >= SILENCE_MS {
            self.session.end = End::Camera;
            return false;
        }
        if now.saturating_sub(self.opened) >= LASTS_MS {
            self.session.end = End::TooLong;
            return false;
        }
        if now.saturating_sub(self.checked) < CHECK_EVERY_MS {
            return true;
        }
        self.checked = now;
        self.session.goes_on(host::now_ms())
    }
}
