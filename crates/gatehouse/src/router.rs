//! The HTTP trigger: routes as Spin matches them, and the headers of Spin's that the components read.

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
use crate::body_limit;
use crate::component::{Component, HandlerError, Inner};
use crate::outbound::SelfRequestHandler;
use crate::problem::{REQUEST_ID, problem, request_id};
use crate::traces::{self, Caller, MatchedRoute, Traces};

const RAW_COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-raw-component-route");
const CLIENT_ADDR: HeaderName = HeaderName::from_static("spin-client-addr");

/// The routes of the application.
pub struct Router {
    routes: routefinder::Router<Route>,
    authority: SocketAddr,
    /// Requests whose response has not begun.
    pending: TaskTracker,
    traces: Option<Arc<Traces>>,
}

struct Route {
    /// The route of the manifest.
    raw: HeaderValue,
    component: Arc<Component>,
    max_body: usize,
}

/// A route that was found for a path.
pub struct Matched<'a>(routefinder::Match<'a, 'a, Route>);

impl Matched<'_> {
    /// The largest body that it takes, in bytes.
    pub fn max_body(&self) -> usize {
        self.0.handler().max_body
    }
}

impl Router {
    /// A router for the routes of the manifest, each with its component. `authority` is the address on which the application listens.
    pub fn new(
        authority: SocketAddr,
        routes: impl IntoIterator<Item = (String, Arc<Component>)>,
        traces: Option<Arc<Traces>>,
    ) -> Result<Self> {
        let mut finder = routefinder::Router::new();
        for (raw, component) in routes {
            let matched = raw.strip_suffix('/').unwrap_or(&raw);
            let spec = match matched.strip_suffix("/...") {
                Some(prefix) => format!("{prefix}/*"),
                None => matched.to_owned(),
            };
            let route =
                Route { raw: HeaderValue::from_str(&raw)?, max_body: body_limit::of_route(&raw, &component.context.variables)?, component };
            finder.add(spec.as_str(), route).map_err(|error| anyhow!("route {raw:?}: {error}"))?;
        }
        Ok(Self { routes: finder, authority, pending: TaskTracker::new(), traces })
    }

    /// What makes spans, where traces are wanted.
    pub fn traces(&self) -> Option<&Arc<Traces>> {
        self.traces.as_ref()
    }

    /// The route that serves a path.
    pub fn find<'a>(&'a self, path: &'a str) -> Option<Matched<'a>> {
        self.routes.best_match(path).map(Matched)
    }

    /// Serves a request, from the network or from a component, by the route that was found for its path. Returns when the response begins.
    pub async fn serve(&self, mut request: http::Request<WasiBody>, matched: Option<Matched<'_>>, client: SocketAddr) -> Response {
        let _pending = self.pending.token();
        let id = request.headers().get(REQUEST_ID).cloned();
        let Some(Matched(matched)) = matched else {
            return problem(StatusCode::NOT_FOUND, "There is nothing at this path.", request_id(id.as_ref()));
        };
        add_headers(&mut request, matched.handler(), client);
        let mut response = match matched.handler().component.handle(request).await {
            Ok(response) => response,
            Err(error) => {
                if let HandlerError::Guest(code) = &error {
                    tracing::error!(route = ?matched.handler().raw, "the handler returned an error: {code:?}");
                }
                let (status, detail) = describe(&error);
                problem(status, detail, request_id(id.as_ref()))
            }
        };
        if self.traces.is_some() {
            response.extensions_mut().insert(MatchedRoute(matched.handler().raw.clone()));
        }
        response
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

    fn handle(self: Arc<Self>, mut request: http::Request<WasiBody>) -> BoxFuture<'static, http::Response<WasiBody>> {
        let client = self.authority;
        async move {
            request.extensions_mut().insert(Inner);
            let span = self.traces.as_ref().map(|it| it.request(&mut request, Caller::Trusted));
            let path = request.uri().path().to_owned();
            let response = self.serve(request, self.find(&path), client).await;
            if let Some(span) = span {
                traces::respond(span, &response);
            }
            response.map(BodyExt::boxed_unsync)
        }
        .boxed()
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

/// Of Spin's headers those that tell something that the request itself does not. Each header crosses the component's boundary as two lists, for
/// which the guest is called to make room.
fn add_headers(request: &mut http::Request<WasiBody>, route: &Route, client: SocketAddr) {
    let headers = request.headers_mut();
    headers.remove(header::CONNECTION);
    // As on Spin, they are appended to whatever the client has sent under these names.
    headers.append(RAW_COMPONENT_ROUTE, route.raw.clone());
    if let Ok(client) = HeaderValue::try_from(client.to_string()) {
        headers.append(CLIENT_ADDR, client);
    }
}
