//! The gateway as whoever serves HTTP sees it: a set of paths.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_MAX_AGE, ALLOW, CACHE_CONTROL, CONTENT_TYPE,
};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::hub::Hub;
use crate::limits::{Admissions, Limits};
use crate::metrics::Metrics;
use crate::refusal::Refusal;
use crate::upstream::Upstream;
use crate::{request, socket_io, websocket};

/// The WebSocket of alerts.
const ALERTS: &str = "/ws/alerts";

/// The gateway's figures, beside those of an application.
const FIGURES: &str = "/metrics/gateway";

/// How long clients have to take their leave when the gateway stops.
const LEAVE: Duration = Duration::from_secs(5);

/// What a gateway is told.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The application's base URL.
    pub upstream: String,
    /// Origins, apart by commas, whose pages may connect: beside those of the same host.
    pub allowed_origins: String,
    /// What is allowed of clients.
    pub limits: Limits,
    /// Whether it stands by itself: then it answers at `/health`, `/ready` and `/metrics`, which are the application's elsewhere, and follows
    /// the feed from the start.
    pub is_alone: bool,
}

/// What all connections share.
pub struct Shared {
    /// The feeds.
    pub hub: Hub,
    /// Who is there.
    pub admissions: Arc<Admissions>,
    /// What is allowed.
    pub limits: Limits,
    /// The figures.
    pub metrics: Arc<Metrics>,
    /// The tasks of WebSockets.
    pub websockets: TaskTracker,
    /// Cancelled when clients are to be told to come back later.
    pub closing: CancellationToken,
    /// Cancelled when what is left of them is to be cut off.
    pub abort: CancellationToken,
}

/// A gateway.
pub struct Gateway {
    shared: Arc<Shared>,
    socket_io: socket_io::Server,
    origins: Vec<String>,
    is_alone: bool,
}

impl Gateway {
    /// A gateway in front of an application, which need not be there yet.
    ///
    /// # Errors
    /// If a setting cannot be read.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let metrics = Arc::new(Metrics::new());
        let hub = Hub::new(Upstream::new(&settings.upstream)?, &settings.limits, metrics.clone());
        let shared = Arc::new(Shared {
            hub,
            admissions: Admissions::new(settings.limits.clone()),
            limits: settings.limits,
            metrics,
            websockets: TaskTracker::new(),
            closing: CancellationToken::new(),
            abort: CancellationToken::new(),
        });
        if settings.is_alone {
            shared.hub.public();
        }
        Ok(Self {
            socket_io: socket_io::Server::new(&shared),
            shared,
            origins: settings.allowed_origins.split(',').map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned).collect(),
            is_alone: settings.is_alone,
        })
    }

    /// Whether requests to this path are for it.
    pub fn owns(&self, path: &str) -> bool {
        let path = path.strip_suffix('/').unwrap_or(path);
        path == ALERTS
            || path == FIGURES
            || path.strip_prefix(socket_io::PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            || (self.is_alone && ["/health", "/ready", "/metrics"].contains(&path))
    }

    /// Serves a request to a path that it [owns](Self::owns), from a client of this address, as what is counted as one client. The headers that every answer has are added by who serves it, and those by which
    /// a page of an allowed origin may read it.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn serve(&self, request: Request<Incoming>, address: IpAddr) -> Result<Response<Bytes>, Refusal> {
        let answer = self.answer(request, address).await;
        if let Err(refusal) = &answer {
            self.shared.metrics.refused(refusal.reason);
        }
        answer
    }

    async fn answer(&self, request: Request<Incoming>, address: IpAddr) -> Result<Response<Bytes>, Refusal> {
        let path = request.uri().path();
        let path = path.strip_suffix('/').unwrap_or(path);
        let is_socket_io = path.starts_with(socket_io::PATH);
        if path != ALERTS && !is_socket_io {
            return self.about(path, request.method()).await;
        }
        if !request::is_origin_allowed(request.headers(), &self.origins) {
            return Err(Refusal::new(StatusCode::FORBIDDEN, "origin", "Pages of this origin may not connect."));
        }
        if is_socket_io {
            return match *request.method() {
                Method::OPTIONS => Ok(preflight()),
                _ if self.shared.closing.is_cancelled() => Err(Refusal::busy("unavailable", "The gateway is stopping.")),
                Method::GET | Method::POST => self.socket_io.serve(&self.shared, request, address).await,
                _ => Err(not_allowed("GET, POST, OPTIONS")),
            };
        }
        if request.method() != Method::GET {
            return Err(not_allowed("GET"));
        }
        if self.shared.closing.is_cancelled() {
            return Err(Refusal::busy("unavailable", "The gateway is stopping."));
        }
        if !self.shared.admissions.may_send(address) {
            return Err(Refusal::too_many_messages());
        }
        websocket::open(self.shared.clone(), request, address).await
    }

    async fn about(&self, path: &str, method: &Method) -> Result<Response<Bytes>, Refusal> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return Err(not_allowed("GET, HEAD"));
        }
        let text = |content_type, body: String| {
            let body = if method == Method::HEAD { String::new() } else { body };
            let mut response = Response::new(Bytes::from(body));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        };
        match path {
            "/health" => Ok(text("application/json", r#"{"status":"ok"}"#.to_owned())),
            "/ready" if self.is_ready().await => Ok(text("application/json", r#"{"status":"ready"}"#.to_owned())),
            "/ready" => Err(Refusal::busy("unavailable", "The application's feed does not come in.")),
            _ => Ok(text("application/openmetrics-text; version=1.0.0; charset=utf-8", self.metrics())),
        }
    }

    async fn is_ready(&self) -> bool {
        !self.shared.closing.is_cancelled() && self.shared.hub.is_ready().await
    }

    /// The figures, as OpenMetrics text.
    pub fn metrics(&self) -> String {
        let hub = &self.shared.hub;
        let (rooms, cursor) = hub.public_if_followed().map_or((0, 0), |feed| (feed.rooms(), feed.cursor()));
        self.shared.metrics.text(rooms, cursor, hub.sessions())
    }

    /// Takes no more clients, tells those that are there to come back later, and waits a little until they have gone.
    pub async fn close(&self) {
        self.shared.closing.cancel();
        self.shared.websockets.close();
        let gone = join(self.socket_io.close(), self.shared.websockets.wait());
        timeout(LEAVE, gone).await.ok();
        self.shared.abort.cancel();
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.shared.abort.cancel();
    }
}

fn not_allowed(methods: &'static str) -> Refusal {
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "request", "The method is not allowed here.").with(ALLOW, methods)
}

/// What a page of another, allowed origin may send.
fn preflight() -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    for (name, value) in [
        (ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
        (ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type"),
        (ACCESS_CONTROL_MAX_AGE, "600"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
