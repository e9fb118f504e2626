//! The answers that the host itself gives: problem documents (RFC 9457), as the components give them.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::body::Body;
use crate::component::{Answer, Failure};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Seconds after which a busy server may be asked again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// The id of a request: the client's when well-formed, a new one otherwise.
pub fn request_id(headers: &HeaderMap) -> HeaderValue {
    let given = headers.get(REQUEST_ID);
    let well_formed = |it: &&HeaderValue| {
        (1..=128).contains(&it.len()) && it.as_bytes().iter().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_' | b'.'))
    };
    given.filter(well_formed).cloned().unwrap_or_else(|| {
        let mut random = [0; 16];
        getrandom::fill(&mut random).ok();
        let text: String = random.iter().map(|it| format!("{it:02x}")).collect();
        HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("unknown"))
    })
}

/// A problem document.
pub fn problem(status: StatusCode, detail: &str, request_id: HeaderValue) -> Answer {
    let document = serde_json::json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or_default(),
        "status": status.as_u16(),
        "detail": detail,
        "request_id": request_id.to_str().unwrap_or_default(),
    });
    let mut answer = http::Response::new(Body::whole(document.to_string()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(REQUEST_ID, request_id);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, RETRY_AFTER);
    }
    answer
}

/// What a client is told of a failure: nothing of its inside.
pub fn of_failure(failure: &Failure, request_id: HeaderValue) -> Answer {
    let (status, detail) = match failure {
        Failure::Trap | Failure::Guest(_) => (StatusCode::INTERNAL_SERVER_ERROR, "The request could not be served."),
        Failure::Timeout => (StatusCode::GATEWAY_TIMEOUT, "The request took too long."),
        Failure::Busy => (StatusCode::SERVICE_UNAVAILABLE, "The server is busy."),
    };
    problem(status, detail, request_id)
}
