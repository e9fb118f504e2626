//! The HTTP trigger: routes as Spin matches them, the headers that Spin adds, and the server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Result, anyhow};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use wasmtime_wasi_http::WasiBody;

use crate::body::Counted;
use crate::component::{Answer, Component, Failure};
use crate::limit::{Refused, whole};
use crate::problem::{of_failure, problem, request_id};

/// The largest body of a request, in bytes.
pub const BODY_LIMIT: usize = 10 << 20;

/// How long a client may take to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// How long it may take to send the body, once the head is there.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

const FULL_URL: HeaderName = HeaderName::from_static("spin-full-url");
const PATH_INFO: HeaderName = HeaderName::from_static("spin-path-info");
const MATCHED_ROUTE: HeaderName = HeaderName::from_static("spin-matched-route");
const COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-component-route");
const RAW_COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-raw-component-route");
const BASE_PATH: HeaderName = HeaderName::from_static("spin-base-path");
const CLIENT_ADDR: HeaderName = HeaderName::from_static("spin-client-addr");

/// The routes of the application.
pub struct Router {
    routes: routefinder::Router<Route>,
    authority: SocketAddr,
    /// Requests whose answer has not begun.
    waiting: Arc<AtomicUsize>,
}

struct Route {
    /// As in the manifest, without a slash at its end.
    based: HeaderValue,
    raw: HeaderValue,
    prefix: HeaderValue,
    component: Arc<Component>,
}

impl Router {
    /// Routes of the manifest, each with its component. `authority` is where the application listens.
    pub fn new(authority: SocketAddr, routes: impl IntoIterator<Item = (String, Arc<Component>)>) -> Result<Self> {
        let mut finder = routefinder::Router::new();
        for (raw, component) in routes {
            let based = raw.strip_suffix('/').unwrap_or(&raw);
            let spec = match based.strip_suffix("/...") {
                Some(prefix) => format!("{prefix}/*"),
                None => based.to_owned(),
            };
            let route = Route {
                based: HeaderValue::from_str(based)?,
                prefix: HeaderValue::from_str(raw.strip_suffix("/...").unwrap_or(&raw))?,
                raw: HeaderValue::from_str(&raw)?,
                component,
            };
            finder.add(spec.as_str(), route).map_err(|error| anyhow!("route {raw:?}: {error}"))?;
        }
        Ok(Self { routes: finder, authority, waiting: Arc::default() })
    }

    /// Where the application listens.
    pub fn authority(&self) -> SocketAddr {
        self.authority
    }

    /// Serves a request, from outside or from a component.
    pub async fn serve(&self, mut request: http::Request<WasiBody>, client: SocketAddr) -> Answer {
        let _waiting = Counted::new(&self.waiting);
        let (parts, body) = request.into_parts();
        let path = parts.uri.path().to_owned();
        let Some(matched) = self.routes.best_match(&path) else {
            return problem(StatusCode::NOT_FOUND, "There is nothing at this path.", request_id(&parts.headers));
        };
        request = http::Request::from_parts(parts, body);
        add_headers(&mut request, &matched, client);
        let id = request.headers().get("x-request-id").cloned();
        match matched.handler().component.handle(request).await {
            Ok(answer) => answer,
            Err(failure) => {
                if let Failure::Guest(code) = &failure {
                    tracing::error!(path, "the handler failed: {code:?}");
                }
                let mut headers = HeaderMap::new();
                headers.extend(id.map(|id| (HeaderName::from_static("x-request-id"), id)));
                of_failure(&failure, request_id(&headers))
            }
        }
    }
}

fn add_headers(request: &mut http::Request<WasiBody>, matched: &routefinder::Match<'_, '_, Route>, client: SocketAddr) {
    let route = matched.handler();
    let uri = request.uri().clone();
    let path = uri.path_and_query().map_or("/", |it| it.as_str());
    let host = request.headers().get(header::HOST).and_then(|it| it.to_str().ok()).unwrap_or("localhost");
    let full_url = format!("{}://{host}{path}", uri.scheme_str().unwrap_or("http"));
    let captures = matched.captures();
    // As Spin has it, the trailing slash is part of the rest.
    let path_info = match (captures.wildcard(), uri.path().ends_with('/')) {
        (None, _) | (Some(""), false) => String::new(),
        (Some(""), true) => "/".to_owned(),
        (Some(rest), false) => format!("/{rest}"),
        (Some(rest), true) => format!("/{rest}/"),
    };
    let headers = request.headers_mut();
    headers.remove(header::CONNECTION);
    // As Spin has it, beside what the client has sent under these names.
    headers.append(MATCHED_ROUTE, route.based.clone());
    headers.append(RAW_COMPONENT_ROUTE, route.raw.clone());
    headers.append(COMPONENT_ROUTE, route.prefix.clone());
    headers.append(BASE_PATH, HeaderValue::from_static("/"));
    let mut text = |name: HeaderName, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.append(name, value);
        }
    };
    text(FULL_URL, full_url);
    text(PATH_INFO, path_info);
    text(CLIENT_ADDR, client.to_string());
    for (name, value) in captures.iter() {
        if let Ok(name) = HeaderName::try_from(format!("spin-path-match-{name}")) {
            text(name, value.to_owned());
        }
    }
}

/// One request of a connection.
async fn answer(router: Arc<Router>, request: hyper::Request<Incoming>, client: SocketAddr) -> Answer {
    let declared = request.headers().get(header::CONTENT_LENGTH);
    let declared = declared.and_then(|it| it.to_str().ok()?.parse::<u64>().ok());
    let too_large = |id: HeaderValue| problem(StatusCode::PAYLOAD_TOO_LARGE, "A request's body has at most 10 MiB.", id);
    if declared.is_some_and(|it| it > BODY_LIMIT as u64) {
        let id = request_id(request.headers());
        discard(request.into_body()).await;
        return too_large(id);
    }
    let (parts, mut body) = request.into_parts();
    let (bytes, _place) = if http_body::Body::is_end_stream(&body) {
        (Bytes::new(), None)
    } else {
        let id = || request_id(&parts.headers);
        match tokio::time::timeout(BODY_TIMEOUT, whole(&mut body, BODY_LIMIT)).await {
            Ok(Ok(read)) => read,
            Ok(Err(Refused::TooLarge)) => {
                discard(body).await;
                return too_large(id());
            }
            Ok(Err(Refused::Broken)) => return problem(StatusCode::BAD_REQUEST, "The body did not arrive whole.", id()),
            Err(_) => return problem(StatusCode::REQUEST_TIMEOUT, "The body took too long to arrive.", id()),
        }
    };
    let body = Full::new(bytes).map_err(|never| match never {}).boxed_unsync();
    router.serve(http::Request::from_parts(parts, body), client).await
}

/// Reads on for a while without keeping anything: a client that is still sending when the connection is closed never sees the answer.
async fn discard(mut body: Incoming) {
    let discarded = async {
        let mut left = 16 * BODY_LIMIT;
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                break;
            }
        }
    };
    tokio::time::timeout(HEAD_TIMEOUT, discarded).await.ok();
}

/// Serves connections until `stop`, then lets those at work finish, for `drain` at most.
pub async fn listen(listener: TcpListener, router: Arc<Router>, stop: CancellationToken, drain: Duration) {
    let graceful = GracefulShutdown::new();
    let abort = CancellationToken::new();
    loop {
        let (stream, client) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of descriptors, say: those in use must end first.
                    tracing::warn!("cannot accept a connection: {error}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        stream.set_nodelay(true).ok();
        let router = router.clone();
        let service = service_fn(move |request| {
            let router = router.clone();
            async move { Ok::<_, std::convert::Infallible>(answer(router, request, client).await) }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        let abort = abort.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = abort.cancelled() => {}
                // A client that goes away is no event.
                _ = connection => {}
            }
        });
    }
    drop(listener);
    let answered = async {
        // Streams never end by themselves: once no request waits, only they are left.
        while router.waiting.load(Ordering::Acquire) > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let drained = async {
        tokio::select! {
            () = graceful.shutdown() => {}
            () = answered => {}
        }
    };
    tokio::time::timeout(drain, drained).await.ok();
    abort.cancel();
}
