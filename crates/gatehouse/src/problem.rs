//! Problem documents (RFC 9457): the responses of the host itself, in the form that the components use.

use http::{HeaderName, HeaderValue, StatusCode, header};

use crate::body::{Body, Response};

/// The header with the request's id.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Seconds after which a client may retry when the server is busy.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// Marks the responses that the host made itself: a component adds its own CORS headers.
#[derive(Clone, Copy, Debug)]
struct ByHost;

/// The origins of other sites' pages that may read the responses.
#[derive(Clone, Debug, Default)]
pub struct AllowedOrigins(Vec<String>);

impl AllowedOrigins {
    /// From the value of the variable `allowed_origins`, which the components read as well: apart by commas.
    pub fn parse(variable: &str) -> Self {
        Self(variable.split(',').map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned).collect())
    }

    /// Lets a page of the request's `Origin` read a response that the host made itself.
    pub fn allow(&self, origin: Option<&HeaderValue>, response: &mut Response) {
        let origin = origin.filter(|it| self.0.iter().any(|allowed| allowed.as_bytes() == it.as_bytes()));
        if let Some(origin) = origin
            && response.extensions().get::<ByHost>().is_some()
        {
            response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            response.headers_mut().insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("retry-after, x-request-id"));
        }
    }
}

/// The id of a request: the client's if it is well-formed (1 to 128 letters, digits, `-`, `_` and `.`), or else a random one.
pub fn request_id(sent: Option<&HeaderValue>) -> HeaderValue {
    let well_formed = |it: &&HeaderValue| {
        (1..=128).contains(&it.len()) && it.as_bytes().iter().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_' | b'.'))
    };
    sent.filter(well_formed).cloned().unwrap_or_else(|| {
        let mut random = [0; 16];
        getrandom::fill(&mut random).ok();
        HeaderValue::try_from(const_hex::encode(random)).unwrap_or(HeaderValue::from_static("unknown"))
    })
}

/// A problem document.
pub fn problem(status: StatusCode, detail: &str, request_id: HeaderValue) -> Response {
    let document = serde_json::json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or_default(),
        "status": status.as_u16(),
        "detail": detail,
        "request_id": request_id.to_str().unwrap_or_default(),
    });
    let mut response = http::Response::new(Body::Full(document.to_string().into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
    }
    complete(&mut response, request_id);
    response
}

/// Adds the headers that every response has to one that the host made itself.
pub fn complete(response: &mut Response, request_id: HeaderValue) {
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::VARY, "origin"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(REQUEST_ID, request_id);
    response.extensions_mut().insert(ByHost);
}
