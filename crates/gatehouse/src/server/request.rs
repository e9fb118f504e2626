//! One request: its head, its body, and the response.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;

use super::activity::{Activity, Connection};
use super::shared::Shared;
use super::streams::{OpenStream, Opener, TooMany};
use crate::body::{Body, Response};
use crate::problem::{REQUEST_ID, problem, request_id};
use crate::request_body::{BodyError, MAX_BODY, discard};
use crate::traces::{self, Caller};
use crate::{gateway, whole_message};

/// How long it may take to send the body after the headers.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest path and query, bytes.
const MAX_URI: usize = 8 << 10;

/// The most headers of a request.
pub const MAX_HEADERS: usize = 100;

/// The most bytes of all headers together.
pub const MAX_HEADER_BYTES: usize = 16 << 10;

/// After how many seconds a client for whom there is no room for a stream is to ask again.
const STREAM_RETRY_AFTER: HeaderValue = HeaderValue::from_static("30");

/// What is to be sent.
pub struct Answer {
    /// The response.
    pub response: Response,
    /// Counts it as an open stream, if it is one of events.
    pub stream: Option<OpenStream>,
}

/// Serves a request. Returns when the response begins.
pub async fn serve(shared: &Shared, mut request: hyper::Request<Incoming>, client: SocketAddr, connection: &Connection) -> Answer {
    connection.set(Activity::Receiving);
    let origin = request.headers().get(header::ORIGIN).cloned();
    let caller = if shared.clients.is_proxy(client.ip()) { Caller::Trusted } else { Caller::Stranger };
    let span = shared.router.traces().map(|it| it.request(&mut request, caller));
    let sender = shared.clients.of_request(client, request.headers());
    let address = Some(sender).filter(|it| !shared.clients.is_proxy(*it));
    // A stream that a proxy opens for itself, such as the gateway, is many clients'.
    let opener = Opener { address, is_anonymous: address.is_some() && is_anonymous(&request) };
    let id = request.headers().get(REQUEST_ID).cloned();
    let response = if shared.gateway.owns(request.uri().path()) {
        connection.set(Activity::Serving);
        gateway::respond(&shared.gateway, request, sender).await
    } else {
        respond(shared, request, client, connection).await
    };
    let (mut response, stream) = match is_event_stream(&response).then(|| shared.streams.open(opener, connection.closed.clone())) {
        None => (response, None),
        Some(Ok(stream)) => (response, Some(stream)),
        Some(Err(too_many)) => (refuse_stream(too_many, request_id(id.as_ref())), None),
    };
    shared.origins.allow(origin.as_ref(), &mut response);
    if let Some(span) = span {
        traces::respond(span, &response);
    }
    Answer { response, stream }
}

/// Whether a request shows nothing by which its sender could be known. What it shows has been looked at by the component when a stream
/// begins.
fn is_anonymous<B>(request: &http::Request<B>) -> bool {
    let has_header = [header::AUTHORIZATION.as_str(), "x-device-key"].iter().any(|name| request.headers().contains_key(*name));
    let mut parameters = request.uri().query().unwrap_or_default().split('&');
    !has_header && !parameters.any(|it| it.strip_prefix("ticket=").is_some_and(|ticket| !ticket.is_empty()))
}

fn is_event_stream(response: &Response) -> bool {
    let media_type = response.headers().get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
    matches!(response.body(), Body::Stream { .. }) && media_type.starts_with("text/event-stream")
}

fn refuse_stream(too_many: TooMany, id: HeaderValue) -> Response {
    let detail = match too_many {
        TooMany::InAll => "There are too many streams of events.",
        TooMany::OfAddress => "There are too many streams of events from your address.",
    };
    let mut response = problem(StatusCode::SERVICE_UNAVAILABLE, detail, id);
    response.headers_mut().insert(header::RETRY_AFTER, STREAM_RETRY_AFTER);
    response
}

/// The status and the reason for which a request is refused by its head.
pub fn refuse_head(parts: &Parts) -> Option<(StatusCode, &'static str)> {
    let header_bytes = || parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum::<usize>();
    if parts.uri.path_and_query().is_some_and(|it| it.as_str().len() > MAX_URI) {
        Some((StatusCode::URI_TOO_LONG, "A path with its query has at most 8 KiB."))
    } else if parts.headers.len() > MAX_HEADERS || header_bytes() > MAX_HEADER_BYTES {
        Some((StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "A request has at most 100 headers, of 16 KiB in all."))
    } else {
        None
    }
}

async fn respond(shared: &Shared, request: hyper::Request<Incoming>, client: SocketAddr, connection: &Connection) -> Response {
    let (mut parts, mut body) = request.into_parts();
    let refuse = |status, detail: &str| problem(status, detail, request_id(parts.headers.get(REQUEST_ID)));
    if let Some((status, detail)) = refuse_head(&parts) {
        return refuse(status, detail);
    }
    let path = parts.uri.path().to_owned();
    let matched = shared.router.find(&path);
    let (bytes, _room) = if http_body::Body::is_end_stream(&body) {
        (Bytes::new(), None)
    } else {
        let limit = matched.as_ref().map_or(MAX_BODY, |it| it.max_body());
        let length = parts.headers.get(header::CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.parse::<u64>().ok());
        let length = length.map(|it| usize::try_from(it).unwrap_or(usize::MAX));
        let is_announced = parts.headers.get(header::EXPECT).is_some_and(|it| it.as_bytes().eq_ignore_ascii_case(b"100-continue"));
        let too_large = || refuse(StatusCode::PAYLOAD_TOO_LARGE, &format!("A request's body here has at most {} KiB.", limit >> 10));
        if is_announced && length.is_some_and(|it| it > limit) {
            // Not reading any of it keeps hyper from sending a 100, and the client from sending the body (RFC 9110 §10.1.1).
            return too_large();
        }
        match tokio::time::timeout(BODY_TIMEOUT, shared.bodies.read(&mut body, length, limit)).await {
            Ok(Ok(read)) => read,
            Ok(Err(BodyError::TooLarge)) => {
                // A client that is still sending when the connection is closed would never see the response.
                tokio::time::timeout(BODY_TIMEOUT, discard(body)).await.ok();
                return too_large();
            }
            Ok(Err(BodyError::Incomplete)) => return refuse(StatusCode::BAD_REQUEST, "The body did not arrive whole."),
            Ok(Err(BodyError::Busy)) => return refuse(StatusCode::SERVICE_UNAVAILABLE, "Too many large bodies are arriving at once."),
            Ok(Err(BodyError::Slow)) | Err(_) => return refuse(StatusCode::REQUEST_TIMEOUT, "The body took too long to arrive."),
        }
    };
    connection.set(Activity::Serving);
    whole_message::give(&mut parts.headers, &bytes);
    let body = Full::new(bytes).map_err(|never| match never {}).boxed_unsync();
    shared.router.serve(http::Request::from_parts(parts, body), matched, client).await
}
