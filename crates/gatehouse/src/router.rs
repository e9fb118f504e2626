//! The HTTP trigger: routes as Spin matches them, and the headers that Spin adds to requests.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::{HeaderName, HeaderValue, StatusCode, header};
use http_body_util::BodyExt;
use tokio_util::task::TaskTracker;
use wasmtime_wasi_http::WasiBody;

use crate::body::Response;
use crate::component::{Component, HandlerError};
use crate::outbound::SelfRequestHandler;
use crate::problem::{REQUEST_ID, problem, request_id};

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
    /// Requests whose response has not begun.
    pending: TaskTracker,
}

struct Route {
    /// The route of the manifest without a trailing slash.
    matched: HeaderValue,
    /// The route of the manifest.
    raw: HeaderValue,
    /// The route of the manifest without the wildcard.
    prefix: HeaderValue,
    component: Arc<Component>,
}

impl Router {
    /// A router for the routes of the manifest, each with its component. `authority` is the address on which the application listens.
    pub fn new(authority: SocketAddr, routes: impl IntoIterator<Item = (String, Arc<Component>)>) -> Result<Self> {
        let mut finder = routefinder::Router::new();
        for (raw, component) in routes {
            let matched = raw.strip_suffix('/').unwrap_or(&raw);
            let spec = match matched.strip_suffix("/...") {
                Some(prefix) => format!("{prefix}/*"),
                None => matched.to_owned(),
            };
            let route = Route {
                matched: HeaderValue::from_str(matched)?,
                prefix: HeaderValue::from_str(raw.strip_suffix("/...").unwrap_or(&raw))?,
                raw: HeaderValue::from_str(&raw)?,
                component,
            };
            finder.add(spec.as_str(), route).map_err(|error| anyhow!("route {raw:?}: {error}"))?;
        }
        Ok(Self { routes: finder, authority, pending: TaskTracker::new() })
    }

    /// Serves a request, from the network or from a component. Returns when the response begins.
    pub async fn serve(&self, mut request: http::Request<WasiBody>, client: SocketAddr) -> Response {
        let _pending = self.pending.token();
        let path = request.uri().path().to_owned();
        let id = request.headers().get(REQUEST_ID).cloned();
        let Some(matched) = self.routes.best_match(&path) else {
            return problem(StatusCode::NOT_FOUND, "There is nothing at this path.", request_id(id.as_ref()));
        };
        add_headers(&mut request, &matched, client);
        match matched.handler().component.handle(request).await {
            Ok(response) => response,
            Err(error) => {
                if let HandlerError::Guest(code) = &error {
                    tracing::error!(path, "the handler returned an error: {code:?}");
                }
                let (status, detail) = describe(&error);
                problem(status, detail, request_id(id.as_ref()))
            }
        }
    }

    /// Waits until no request is without its response.
    pub async fn wait_until_responded(&self) {
        self.pending.close();
        self.pending.wait().await;
    }
}

impl SelfRequestHandler for Router {
    fn authority(&self) -> SocketAddr {
        self.authority
    }

    fn handle(self: Arc<Self>, request: http::Request<WasiBody>) -> BoxFuture<'static, http::Response<WasiBody>> {
        let client = self.authority;
        async move { self.serve(request, client).await.map(BodyExt::boxed_unsync) }.boxed()
    }
}

/// What a client is told of an error: no internals.
fn describe(error: &HandlerError) -> (StatusCode, &'static str) {
    match error {
        HandlerError::Trap | HandlerError::Guest(_) => (StatusCode::INTERNAL_SERVER_ERROR, "The request could not be served."),
        HandlerError::Timeout => (StatusCode::GATEWAY_TIMEOUT, "The request took too long."),
        HandlerError::Busy => (StatusCode::SERVICE_UNAVAILABLE, "The server is busy."),
    }
}

fn add_headers(request: &mut http::Request<WasiBody>, matched: &routefinder::Match<'_, '_, Route>, client: SocketAddr) {
    let route = matched.handler();
    let uri = request.uri().clone();
    let path = uri.path_and_query().map_or("/", |it| it.as_str());
    let host = request.headers().get(header::HOST).and_then(|it| it.to_str().ok()).unwrap_or("localhost");
    let full_url = format!("{}://{host}{path}", uri.scheme_str().unwrap_or("http"));
    let captures = matched.captures();
    // As on Spin, the trailing slash belongs to the path info.
    let path_info = match (captures.wildcard(), uri.path().ends_with('/')) {
        (None, _) | (Some(""), false) => String::new(),
        (Some(""), true) => "/".to_owned(),
        (Some(rest), false) => format!("/{rest}"),
        (Some(rest), true) => format!("/{rest}/"),
    };
    let headers = request.headers_mut();
    headers.remove(header::CONNECTION);
    // As on Spin, they are appended to whatever the client has sent under these names.
    headers.append(MATCHED_ROUTE, route.matched.clone());
    headers.append(RAW_COMPONENT_ROUTE, route.raw.clone());
    headers.append(COMPONENT_ROUTE, route.prefix.clone());
    headers.append(BASE_PATH, HeaderValue::from_static("/"));
    let mut append = |name: HeaderName, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.append(name, value);
        }
    };
    append(FULL_URL, full_url);
    append(PATH_INFO, path_info);
    append(CLIENT_ADDR, client.to_string());
    for (name, value) in captures.iter() {
        if let Ok(name) = HeaderName::try_from(format!("spin-path-match-{name}")) {
            append(name, value.to_owned());
        }
    }
}
