//! The media relay, MediaMTX 1.20: its control API (`api/openapi.yaml`) and its playback API (`api/playback.openapi.yaml`), as far as they are used.
//!
//! The relay fetches a camera's RTSP stream, passes it on as HLS, WebRTC and RTSP, and records it. It asks this component whom it may let in
//! ([`crate::relay_auth`]), and takes this component's own requests by the same secret. Paths that are made through its API are gone when it is
//! started anew: the scheduled run sets them again.

use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use domain::camera::Quality;
use domain::camera::schedule::Span;
use domain::time::{SECOND_MS, format_rfc3339_millis, parse_rfc3339};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, StatusCode};
use kit::http::{Bounds, Opened, Reply, open, send};
use kit::{Answer, Problem, config};
use serde::Deserialize;
use serde_json::json;

/// The name by which this component signs in at the relay.
pub const USER: &str = "gatehouse";
const BOUNDS: Bounds = Bounds { time_ms: 4_000, answer_bytes: 8 * 1024 * 1024 };

/// How long the playback of a stretch may take to begin, milliseconds: the heads of all its files are read before.
const PLAYBACK_MS: u64 = 30_000;

/// Paths on one page of the relay's list of them.
const PAGE: usize = 100;

/// Pages that are read at most.
const PAGES: usize = 100;

/// What the relay answers where an id can be none of its connections': one like that must not keep the others from being looked after.
const NO_CONNECTION: StatusCode = StatusCode::BAD_REQUEST;

/// What the names of all paths of cameras begin with.
const PREFIX: &str = "cam/";

/// The relay. No `Debug`: it holds the secret.
pub struct Relay {
    api: String,
    playback: String,
    authorization: HeaderValue,
    /// Whether it has left a request without an answer: it is not asked again then, so that a run does not wait for each of its cameras.
    is_away: AtomicBool,
}

/// Why the relay has not done what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It does not answer.
    Away,
    /// It will not: the status.
    Refused(StatusCode),
}

impl Failure {
    /// In a word, as gaps name it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Away => "relay_away",
            Self::Refused(_) => "relay_refused",
        }
    }

    /// For the caller of a route.
    pub fn problem(self) -> Problem {
        let detail = match self {
            Self::Away => "the media relay does not answer",
            Self::Refused(_) => "the media relay refuses this",
        };
        Problem::unavailable(detail, 10).because(self.word())
    }
}

/// How a path stands at the relay.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PathState {
    /// Whether pictures arrive.
    pub online: bool,
    /// The same in releases before 1.15.
    pub ready: bool,
}

/// A path as it is set up.
#[derive(Debug, Deserialize)]
pub struct SetUp {
    /// Its name.
    pub name: String,
    /// Whether it is recorded.
    #[serde(default)]
    pub record: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SetUpPage {
    page_count: usize,
    items: Vec<SetUp>,
}

#[derive(Deserialize)]
struct Listed {
    start: String,
    duration: f64,
}

#[derive(Deserialize)]
struct Segments {
    #[serde(default)]
    segments: Vec<Segment>,
}

#[derive(Deserialize)]
struct Segment {
    start: String,
}

/// What the relay calls a camera's stream.
pub fn path_name(camera_id: &str, quality: Quality) -> String {
    format!("{PREFIX}{}/{}", camera_id.to_ascii_lowercase(), quality.into_str())
}

impl Relay {
    /// From the variables; none when there is no relay.
    pub async fn configured() -> Answer<Option<Self>> {
        let (Some(api), Some(playback)) = (config::origin("relay_api_origin").await?, config::origin("relay_playback_origin").await?)
        else {
            return Ok(None);
        };
        let secret = config::get("relay_secret").await?;
        let text = format!("Basic {}", STANDARD.encode(format!("{USER}:{secret}")));
        let mut authorization = HeaderValue::try_from(text).map_err(|_| Problem::internal("relay_secret cannot be sent"))?;
        authorization.set_sensitive(true);
        Ok(Some(Self { api, playback, authorization, is_away: AtomicBool::new(false) }))
    }

    /// The same for a route: 503 when there is none.
    pub async fn needed() -> Answer<Self> {
        let none = || {
            Problem::unavailable("there is no media relay here: relay_api_origin or relay_playback_origin is not set", 3600)
                .because("no_relay")
        };
        Self::configured().await?.ok_or_else(none)
    }

    /// Has a path fetch `source` and, if so, record it; makes the path when it is missing. Asked again, it changes nothing.
    pub async fn set_path(&self, name: &str, source: &str, record: bool) -> Result<(), Failure> {
        // One that is recorded is fetched whether or not somebody looks.
        let body = json!({ "source": source, "sourceOnDemand": !record, "record": record });
        let patch = async || self.control(Method::PATCH, &format!("/v3/config/paths/patch/{name}"), Some(&body)).await.map(drop);
        match patch().await {
            Err(Failure::Refused(StatusCode::NOT_FOUND)) => {}
            other => return other,
        }
        match self.control(Method::POST, &format!("/v3/config/paths/add/{name}"), Some(&body)).await {
            // Another run has made it meanwhile.
            Err(Failure::Refused(StatusCode::BAD_REQUEST)) => patch().await,
            other => other.map(drop),
        }
    }

    /// Has a path record no more. One that is not there records nothing.
    pub async fn stop(&self, name: &str) -> Result<(), Failure> {
        let body = json!({ "sourceOnDemand": true, "record": false });
        absent_is_fine(self.control(Method::PATCH, &format!("/v3/config/paths/patch/{name}"), Some(&body)).await)
    }

    /// Forgets a path, and sends away who looks at it. One that is not there is forgotten.
    pub async fn forget(&self, name: &str) -> Result<(), Failure> {
        absent_is_fine(self.control(Method::DELETE, &format!("/v3/config/paths/delete/{name}"), None).await)
    }

    /// The paths of cameras that were set up.
    pub async fn set_up(&self) -> Result<Vec<SetUp>, Failure> {
        let mut found = Vec::new();
        for page in 0..PAGES {
            let reply = self.control(Method::GET, &format!("/v3/config/paths/list?itemsPerPage={PAGE}&page={page}"), None).await?;
            let SetUpPage { page_count, items } = serde_json::from_slice(&reply.body).map_err(|_| Failure::Refused(reply.status))?;
            found.extend(items.into_iter().filter(|path| path.name.starts_with(PREFIX)));
            if page + 1 >= page_count {
                break;
            }
        }
        Ok(found)
    }

    /// How a path stands; none when it is not there.
    pub async fn path(&self, name: &str) -> Result<Option<PathState>, Failure> {
        match self.control(Method::GET, &format!("/v3/paths/get/{name}"), None).await {
            Ok(reply) => Ok(serde_json::from_slice(&reply.body).ok()),
            Err(Failure::Refused(StatusCode::NOT_FOUND)) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Whether a connection goes on.
    pub async fn has_session(&self, protocol: &str, id: &str) -> Result<bool, Failure> {
        let Some(sessions) = sessions_of(protocol) else { return Ok(false) };
        match self.control(Method::GET, &format!("/v3/{sessions}/get/{id}"), None).await {
            Ok(_) => Ok(true),
            Err(Failure::Refused(NO_CONNECTION)) => Ok(false),
            Err(failure) => absent_is_fine(Err(failure)).map(|()| false),
        }
    }

    /// Ends a connection.
    pub async fn kick(&self, protocol: &str, id: &str) -> Result<(), Failure> {
        let Some(sessions) = sessions_of(protocol) else { return Ok(()) };
        match self.control(Method::POST, &format!("/v3/{sessions}/kick/{id}"), None).await {
            Err(Failure::Refused(NO_CONNECTION)) => Ok(()),
            other => absent_is_fine(other),
        }
    }

    /// The files of a path that begin in this stretch of time, each by its beginning as the relay writes it.
    pub async fn files(&self, name: &str, (from, to): Span) -> Result<Vec<String>, Failure> {
        let reply = self.control(Method::GET, &format!("/v3/recordings/get/{name}"), None).await?;
        let Ok(Segments { segments }) = serde_json::from_slice(&reply.body) else { return Err(Failure::Refused(reply.status)) };
        let starts = segments.into_iter().map(|segment| segment.start);
        Ok(starts.filter(|start| parse_rfc3339(start).is_some_and(|at| (from..to).contains(&at))).collect())
    }

    /// Removes a file of a path.
    pub async fn remove_file(&self, name: &str, start: &str) -> Result<(), Failure> {
        let path = format!("/v3/recordings/deletesegment?path={name}&start={}", start.replace('+', "%2B"));
        self.control(Method::DELETE, &path, None).await.map(drop)
    }

    /// The stretches that are recorded of a path, as far as they touch this one; in their order.
    pub async fn spans(&self, name: &str, (from, to): Span) -> Result<Vec<Span>, Failure> {
        let (start, end) = (format_rfc3339_millis(from), format_rfc3339_millis(to));
        let request = self.request(Method::GET, &format!("{}/list?path={name}&start={start}&end={end}", self.playback), None);
        let reply = match self.ask(request?).await {
            Err(Failure::Refused(StatusCode::NOT_FOUND)) => return Ok(Vec::new()),
            other => other?,
        };
        let listed: Vec<Listed> = serde_json::from_slice(&reply.body).map_err(|_| Failure::Refused(reply.status))?;
        #[expect(clippy::cast_possible_truncation, reason = "durations are far below 2^63 milliseconds, and a cast of more saturates")]
        let spans = listed.iter().filter_map(|Listed { start, duration }| {
            let start = parse_rfc3339(start)?;
            let end = start.saturating_add((duration * SECOND_MS as f64).round() as i64);
            Some((start.max(from), end.min(to))).filter(|(start, end)| start < end)
        });
        Ok(domain::camera::schedule::merged(spans.collect()))
    }

    /// Opens what was recorded of a path in this stretch, as MP4.
    pub async fn open(&self, name: &str, (from, to): Span) -> Result<Opened, Failure> {
        let (start, duration) = (format_rfc3339_millis(from), (to - from) as f64 / SECOND_MS as f64);
        let uri = format!("{}/get?path={name}&start={start}&duration={duration:.3}&format=mp4", self.playback);
        let opened = open(self.request(Method::GET, &uri, None)?, PLAYBACK_MS).await.map_err(|_| Failure::Away)?;
        if opened.status.is_success() { Ok(opened) } else { Err(Failure::Refused(opened.status)) }
    }

    async fn control(&self, method: Method, path: &str, body: Option<&serde_json::Value>) -> Result<Reply, Failure> {
        self.ask(self.request(method, &format!("{}{path}", self.api), body)?).await
    }

    async fn ask(&self, request: Request<Bytes>) -> Result<Reply, Failure> {
        if self.is_away.load(Ordering::Relaxed) {
            return Err(Failure::Away);
        }
        let answer = answered(send(request, BOUNDS).await);
        self.is_away.store(matches!(answer, Err(Failure::Away)), Ordering::Relaxed);
        answer
    }

    fn request(&self, method: Method, uri: &str, body: Option<&serde_json::Value>) -> Result<Request<Bytes>, Failure> {
        let mut request = Request::builder().method(method).uri(uri).header(AUTHORIZATION, self.authorization.clone());
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        request.body(body).map_err(|_| Failure::Refused(StatusCode::BAD_REQUEST))
    }
}

/// What the relay calls the connections of a protocol; none where they are not looked after.
pub fn sessions_of(protocol: &str) -> Option<&'static str> {
    match protocol {
        "rtsp" => Some("rtspsessions"),
        "webrtc" => Some("webrtcsessions"),
        "hls" => Some("hlssessions"),
        _ => None,
    }
}

fn answered(sent: Result<Reply, kit::http::SendError>) -> Result<Reply, Failure> {
    match sent {
        Ok(reply) if reply.status.is_success() && !reply.is_truncated => Ok(reply),
        Ok(reply) if reply.status.is_server_error() => Err(Failure::Away),
        Ok(reply) => Err(Failure::Refused(reply.status)),
        Err(_) => Err(Failure::Away),
    }
}

fn absent_is_fine(done: Result<Reply, Failure>) -> Result<(), Failure> {
    match done {
        Err(Failure::Refused(StatusCode::NOT_FOUND)) => Ok(()),
        other => other.map(drop),
    }
}
