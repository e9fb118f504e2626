//! The edge of every component: a WASI request in, the component's router, a WASI response out; and what every answer carries.

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, VARY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Uri};
use tower_service::Service as _;

use crate::client::Origin;
use crate::representation::{self, Preferences};
use crate::request::{Now, RequestId};
use crate::security::Identified;
use crate::{Problem, config, cors, host, kept, security};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

#[cfg(any(target_family = "wasm", test))]
mod background;
/// The WASI side.
#[cfg(target_family = "wasm")]
pub mod wasi;

/// Put on an answer to a change by routes that are called too often to log each success.
#[derive(Clone, Copy, Debug)]
pub struct Quiet;

/// Makes the crate a component: serves the routes of `api()` (an [`Api`](crate::api::Api)), whose router is built once an instance.
///
/// `kit::component!(api, scheduled: run)` also exports the cron event: `run` is an `async fn() -> Result<T, Problem>`, called by the
/// cron trigger of the component in the manifest. With `cron: event` instead, `event` is an `async fn(u64) -> Result<(), Problem>`, which is
/// also told the event's time, seconds since 1970.
#[macro_export]
macro_rules! component {
    ($api:path) => {
        /// The router, built once an instance.
        #[cfg(target_family = "wasm")]
        fn component_router() -> &'static $crate::__private::Router {
            static ROUTER: ::std::sync::OnceLock<$crate::__private::Router> = ::std::sync::OnceLock::new();
            ROUTER.get_or_init(|| {
                $crate::host::log_panics();
                $api().into_router()
            })
        }

        #[cfg(target_family = "wasm")]
        #[allow(unsafe_code, missing_docs)]
        mod component {
            use ::spin_sdk::wasip3::http::types::{ErrorCode, Request, Response};

            struct Component;
            ::spin_sdk::wasip3::http::service::export!(Component);

            impl ::spin_sdk::wasip3::exports::http::handler::Guest for Component {
                async fn handle(request: Request) -> Result<Response, ErrorCode> {
                    $crate::serve::wasi::handle(request, super::component_router()).await
                }
            }
        }
    };
    ($api:path, scheduled: $run:path) => {
        /// The scheduled run, whatever the event's time.
        #[cfg_attr(not(target_family = "wasm"), allow(dead_code))]
        async fn component_run(_: u64) -> ::std::result::Result<(), $crate::Problem> {
            $run().await.map(drop)
        }

        $crate::component!($api, cron: component_run);
    };
    ($api:path, cron: $event:path) => {
        $crate::component!($api);

        /// What the cron event does. Natively nobody calls it.
        #[cfg_attr(not(target_family = "wasm"), allow(dead_code))]
        async fn component_event(timestamp: u64) -> ::std::result::Result<(), $crate::Problem> {
            $event(timestamp).await
        }

        #[cfg(target_family = "wasm")]
        #[allow(unsafe_code, missing_docs)]
        mod cron {
            ::wit_bindgen::generate!({ path: "../../wit/cron.wit", world: "spin-cron" });

            struct Cron;
            export!(Cron);

            impl Guest for Cron {
                async fn handle_cron_event(metadata: Metadata) -> Result<(), Error> {
                    $crate::host::log_panics();
                    match super::component_event(metadata.timestamp).await {
                        Ok(()) => Ok(()),
                        Err(problem) => Err(Error::Other(problem.cause().unwrap_or(problem.detail()).to_owned())),
                    }
                }
            }
        }
    };
}

/// Runs one request through the router, with all that is common to every route around it.
pub async fn respond(router: &Router, head: Request<()>, body: Result<Body, Problem>) -> Response {
    kept::forget();
    let now = Now(host::now_ms());
    let mut request = head.map(|()| Body::empty());
    let id = request_id(request.headers().get(&X_REQUEST_ID), now.0);
    let client = match Origin::of(request.headers()).await {
        Ok(client) => client,
        Err(problem) => return finish(problem.into_response(), &id, Origin::default()),
    };
    let origin = match cors::allowed(request.headers()).await {
        Ok(origin) => origin,
        Err(problem) => return finish(problem.into_response(), &id, client),
    };
    if cors::is_preflight(request.method(), request.headers()) {
        let mut response = StatusCode::NO_CONTENT.into_response();
        if let Some(origin) = origin {
            cors::allow(response.headers_mut(), origin, true);
        }
        return finish(response, &id, client);
    }
    normalize_path(request.uri_mut());
    request.extensions_mut().insert(now);
    request.extensions_mut().insert(RequestId(id.clone()));
    let identified = Identified::default();
    request.extensions_mut().insert(identified.clone());
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let preferences = Preferences::of(&method, request.headers());

    let response = match body {
        Ok(body) => {
            *request.body_mut() = body;
            match router.clone().call(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        }
        Err(problem) => problem.into_response(),
    };
    let mut response = representation::negotiate(as_problem(response).await, &preferences).await;
    if let Some(origin) = origin {
        cors::allow(response.headers_mut(), origin, false);
    }
    log(&method, &path, &response, &id).await;
    security::log(&response, client, &identified, &method, &path, &id);
    finish(response, &id, client)
}

/// Kept from the request when it is 1 to 128 letters, digits and `-._`; else new. An instance draws randomness for it once.
fn request_id(given: Option<&HeaderValue>, now_ms: i64) -> String {
    thread_local! {
        static OWN: std::cell::Cell<(Option<u64>, u64)> = const { std::cell::Cell::new((None, 0)) };
    }
    let given = given.and_then(|id| id.to_str().ok());
    let well_formed = |id: &&str| (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
    if let Some(id) = given.filter(well_formed) {
        return id.to_owned();
    }
    let (seed, count) = OWN.get();
    #[expect(clippy::cast_sign_loss, reason = "only bits are wanted")]
    let seed = seed.unwrap_or_else(|| host::random::<8>().map_or(now_ms as u64, u64::from_le_bytes));
    OWN.set((Some(seed), count + 1));
    format!("{seed:016x}-{count:x}")
}

/// A path works with and without its trailing slash, which routers declare it without; and its UUIDs are read in either case (RFC 9562 §4),
/// which are kept in lower case.
fn normalize_path(uri: &mut Uri) {
    let path = uri.path();
    let trimmed = path.trim_end_matches('/');
    let is_slashed = trimmed.len() < path.len() && !trimmed.is_empty();
    let has_capital_uuid = trimmed.len() > UUID_LENGTH && trimmed.split('/').any(is_capital_uuid);
    if !is_slashed && !has_capital_uuid {
        return;
    }
    let mut target = if is_slashed { trimmed.to_owned() } else { path.to_owned() };
    if has_capital_uuid {
        let lower = |segment: &str| if is_capital_uuid(segment) { segment.to_ascii_lowercase() } else { segment.to_owned() };
        target = target.split('/').map(lower).collect::<Vec<_>>().join("/");
    }
    if let Some(query) = uri.query() {
        target.push('?');
        target.push_str(query);
    }
    if let Ok(target) = target.parse() {
        *uri = target;
    }
}

/// The length of a UUID's text.
const UUID_LENGTH: usize = 36;

fn is_capital_uuid(segment: &str) -> bool {
    segment.len() == UUID_LENGTH && segment.bytes().any(|byte| byte.is_ascii_uppercase()) && uuid::Uuid::try_parse(segment).is_ok()
}

/// Every refusal is a problem, also those that the router makes by itself (404, 405, a path that is no UTF-8).
async fn as_problem(response: Response) -> Response {
    let status = response.status();
    let refused = status.is_client_error() || status.is_server_error();
    // A JSON document is a handler's own word: `/ready` says with a 503 what is amiss.
    let documented = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if !refused || documented || response.extensions().get::<Problem>().is_some() {
        return response;
    }
    let (parts, body) = response.into_parts();
    let problem = match status {
        StatusCode::NOT_FOUND => Problem::new(status, "not-found", "there is nothing at this path"),
        StatusCode::METHOD_NOT_ALLOWED => Problem::new(status, "method-not-allowed", "this path does not take this method"),
        _ => {
            let text = axum::body::to_bytes(body, 4096).await.unwrap_or_default();
            Problem::new(status, "refused", String::from_utf8_lossy(&text))
        }
    };
    let mut response = problem.into_response();
    if let Some(allow) = parts.headers.get(ALLOW) {
        response.headers_mut().insert(ALLOW, allow.clone());
    }
    response
}

/// Renders a problem with the request's id and adds the headers that every answer carries.
fn finish(mut response: Response, id: &str, client: Origin) -> Response {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        *response.body_mut() = Body::from(problem.body(id));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        // The router wrote down the length of the body that it saw, which was empty.
        response.headers_mut().remove(CONTENT_LENGTH);
    }
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(X_REQUEST_ID, id);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    for (name, value) in [
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (REFERRER_POLICY, "no-referrer"),
        (X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if let Some(hsts) = client.hsts() {
        headers.insert(STRICT_TRANSPORT_SECURITY, hsts);
    }
    vary_by_origin(headers);
    response
}

/// Says of every answer that it differs by `Origin` (Fetch, "CORS protocol and HTTP caches"), in one header with what else it differs by.
fn vary_by_origin(headers: &mut HeaderMap) {
    let vary = match headers.entry(VARY) {
        http::header::Entry::Vacant(entry) => {
            entry.insert(HeaderValue::from_static("origin"));
            return;
        }
        http::header::Entry::Occupied(entry) => entry.iter().filter_map(|value| value.to_str().ok()).collect::<Vec<_>>().join(", "),
    };
    if let Ok(vary) = HeaderValue::from_str(&format!("{vary}, origin")) {
        headers.insert(VARY, vary);
    }
}

/// One JSON line for each refusal and each change; reads that went well are not logged, nor what the route marked [`Quiet`].
async fn log(method: &http::Method, path: &str, response: &Response, id: &str) {
    let status = response.status();
    let level = match status.as_u16() {
        500.. => "error",
        400.. => "info",
        _ if method.is_safe() || response.extensions().get::<Quiet>().is_some() => return,
        _ => "info",
    };
    if level == "info" && config::get("log_level").await.is_ok_and(|wanted| wanted == "warn" || wanted == "error") {
        return;
    }
    let problem = response.extensions().get::<Problem>();
    host::log(
        level,
        "request",
        serde_json::json!({
            "request_id": id,
            "method": method.as_str(),
            "path": path,
            "status": status.as_u16(),
            "cause": problem.and_then(Problem::cause),
        }),
    );
}

#[cfg(test)]
mod tests;
