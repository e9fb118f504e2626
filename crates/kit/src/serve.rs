//! The edge of every component: a WASI request in, the component's router, a WASI response out; and what every answer carries.

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderName, HeaderValue, Request, StatusCode, Uri};
use tower_service::Service as _;

use crate::request::{Now, RequestId};
use crate::{Problem, config, cors, host};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Put on an answer by routes that are called too often to log each success.
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
            ROUTER.get_or_init(|| $api().into_router())
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
            ::wit_bindgen::generate!({ path: "../../wit", world: "spin-cron" });

            struct Cron;
            export!(Cron);

            impl Guest for Cron {
                async fn handle_cron_event(metadata: Metadata) -> Result<(), Error> {
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
pub async fn respond(router: &Router, mut request: Request<Body>) -> Response {
    let now = Now(host::now_ms());
    let id = request_id(request.headers().get(&X_REQUEST_ID), now.0);
    let origin = match cors::allowed(request.headers()).await {
        Ok(origin) => origin,
        Err(problem) => return finish(problem.into_response(), &id),
    };
    if cors::is_preflight(request.method(), request.headers()) {
        let mut response = StatusCode::NO_CONTENT.into_response();
        if let Some(origin) = origin {
            cors::allow(response.headers_mut(), origin, true);
        }
        return finish(response, &id);
    }
    without_trailing_slash(request.uri_mut());
    request.extensions_mut().insert(now);
    request.extensions_mut().insert(RequestId(id.clone()));
    let method = request.method().clone();
    let path = request.uri().path().to_owned();

    let response = match router.clone().call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let mut response = as_problem(response).await;
    if let Some(origin) = origin {
        cors::allow(response.headers_mut(), origin, false);
    }
    log(&method, &path, &response, &id).await;
    finish(response, &id)
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

/// A path works with and without its trailing slash; routers declare it without.
fn without_trailing_slash(uri: &mut Uri) {
    let path = uri.path();
    let trimmed = path.trim_end_matches('/');
    if trimmed.len() == path.len() || trimmed.is_empty() {
        return;
    }
    let target = match uri.query() {
        Some(query) => format!("{trimmed}?{query}"),
        None => trimmed.to_owned(),
    };
    if let Ok(target) = target.parse() {
        *uri = target;
    }
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
fn finish(mut response: Response, id: &str) -> Response {
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
    response
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

/// The WASI side.
#[cfg(target_family = "wasm")]
pub mod wasi {
    use axum::body::HttpBody as _;
    use bytes::Bytes;
    use http_body_util::BodyExt as _;
    use spin_sdk::wasip3::http::types::{self, ErrorCode, Fields};
    use spin_sdk::wasip3::wit_bindgen::{StreamReader, StreamResult};
    use spin_sdk::wasip3::{spawn, wit_future, wit_stream};

    use super::*;
    use crate::request::MAX_BODY;

    /// Serves one request. Never an `Err`: that would be an empty 500.
    pub async fn handle(request: types::Request, router: &Router) -> Result<types::Response, ErrorCode> {
        let response = match read(request).await {
            Ok(request) => respond(router, request).await,
            Err(problem) => finish(problem.into_response(), &request_id(None, 0)),
        };
        Ok(write(response))
    }

    async fn read(incoming: types::Request) -> Result<Request<Body>, Problem> {
        let unreadable = |what: &str| Problem::unreadable(format!("the request's {what} cannot be read"));
        let uri: Uri = incoming.get_path_with_query().as_deref().unwrap_or("/").parse().map_err(|_| unreadable("path"))?;
        let method = http::Method::try_from(incoming.get_method()).map_err(|_| unreadable("method"))?;
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = uri;
        let mut length = None;
        let mut chunked = false;
        for (name, value) in incoming.get_headers().copy_all() {
            // Spin tells each request of its own making in a handful of headers; only the client's address is of use.
            if name.starts_with("spin-") && name != "spin-client-addr" {
                continue;
            }
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unreadable("headers"))?;
            let value = HeaderValue::from_maybe_shared(Bytes::from(value)).map_err(|_| unreadable("headers"))?;
            if name == CONTENT_LENGTH {
                length = value.to_str().ok().and_then(|text| text.parse::<usize>().ok());
            }
            chunked |= name == http::header::TRANSFER_ENCODING;
            request.headers_mut().append(name, value);
        }
        let bodiless = length == Some(0) || (length.is_none() && !chunked && (method.is_safe() || method == http::Method::DELETE));
        *request.method_mut() = method;
        if !bodiless {
            *request.body_mut() = Body::from(read_body(incoming, length).await?);
        }
        Ok(request)
    }

    /// In one read when the length is known: each read is a crossing of the component's boundary.
    async fn read_body(incoming: types::Request, length: Option<usize>) -> Result<Vec<u8>, Problem> {
        let too_large = || Problem::too_large(format!("a body has at most {MAX_BODY} bytes"));
        let (done, done_reader) = wit_future::new(|| Ok(()));
        let (mut stream, _trailers) = types::Request::consume_body(incoming, done_reader);
        if length.is_some_and(|length| length > MAX_BODY) {
            discard(stream).await;
            return Err(too_large());
        }
        let mut body = Vec::new();
        while length.is_none_or(|length| body.len() < length) {
            let wanted = length.map_or(64 * 1024, |length| length - body.len());
            let (result, chunk) = stream.read(Vec::with_capacity(wanted)).await;
            if body.is_empty() {
                body = chunk;
            } else {
                body.extend_from_slice(&chunk);
            }
            if body.len() > MAX_BODY {
                drop(body);
                discard(stream).await;
                return Err(too_large());
            }
            match result {
                StreamResult::Complete(_) => {}
                StreamResult::Dropped | StreamResult::Cancelled => break,
            }
        }
        drop(done);
        if length.is_some_and(|length| body.len() < length) {
            return Err(Problem::unreadable("the body did not arrive whole"));
        }
        Ok(body)
    }

    /// Reads on for a while without keeping anything: a client that is still sending when the connection is closed never sees the answer.
    async fn discard(mut stream: StreamReader<u8>) {
        let mut left = 16 * MAX_BODY;
        let mut chunk = Vec::with_capacity(64 * 1024);
        while left > 0 {
            let (result, read) = stream.read(chunk).await;
            if !matches!(result, StreamResult::Complete(_)) {
                return;
            }
            left = left.saturating_sub(read.len());
            chunk = read;
            chunk.clear();
        }
    }

    fn write(response: Response) -> types::Response {
        let (parts, body) = response.into_parts();
        let exact = body.size_hint().exact();
        let mut headers: Vec<(String, Vec<u8>)> = Vec::with_capacity(parts.headers.len() + 1);
        for (name, value) in &parts.headers {
            headers.push((name.as_str().to_owned(), value.as_bytes().to_vec()));
        }
        if let Some(length) = exact
            && !parts.headers.contains_key(CONTENT_LENGTH)
            && parts.status != StatusCode::NO_CONTENT
            && parts.status != StatusCode::NOT_MODIFIED
        {
            headers.push((CONTENT_LENGTH.as_str().to_owned(), length.to_string().into_bytes()));
        }
        // Names and values are valid already, so this cannot refuse them.
        let headers = Fields::from_list(&headers).unwrap_or_else(|_| Fields::new());
        let (trailers_writer, trailers) = wit_future::new(|| Ok(None));
        let response = if exact == Some(0) {
            drop(trailers_writer);
            types::Response::new(headers, None, trailers).0
        } else {
            let (mut writer, contents) = wit_stream::new();
            let response = types::Response::new(headers, Some(contents), trailers).0;
            spawn(async move {
                let mut body = std::pin::pin!(body);
                while let Some(Ok(frame)) = body.frame().await {
                    if let Ok(data) = frame.into_data()
                        && !writer.write_all(data.into()).await.is_empty()
                    {
                        // The client has left.
                        break;
                    }
                }
                drop(writer);
                drop(trailers_writer);
            });
            response
        };
        if parts.status != StatusCode::OK {
            let _ = response.set_status_code(parts.status.as_u16());
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slashless(uri: &str) -> String {
        let mut uri: Uri = uri.parse().unwrap();
        without_trailing_slash(&mut uri);
        uri.to_string()
    }

    #[test]
    fn a_trailing_slash_does_not_matter() {
        assert_eq!(slashless("/api/devices/?limit=2"), "/api/devices?limit=2");
        assert_eq!(slashless("/api/devices"), "/api/devices");
        assert_eq!(slashless("/"), "/");
    }

    #[test]
    fn a_request_id_is_kept_only_when_well_formed() {
        assert_eq!(request_id(Some(&HeaderValue::from_static("abc-1")), 0), "abc-1");
        assert_ne!(request_id(Some(&HeaderValue::from_static("a b")), 0), "a b");
        assert_ne!(request_id(None, 0), request_id(None, 0));
    }
}
