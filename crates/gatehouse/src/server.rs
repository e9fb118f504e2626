//! The HTTP server: connections, request bodies, and shutting down without cutting responses off.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::body::Response;
use crate::problem::{AllowedOrigins, REQUEST_ID, problem, request_id};
use crate::refusal_io::RefusalIo;
use crate::request_body::{BodyError, MAX_BODY, discard, read};
use crate::router::Router;

/// How long a client may take to send the headers of a request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// How long it may take to send the body after the headers.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// How long connections have to send the last responses.
const FLUSH_TIME: Duration = Duration::from_millis(100);

const TOO_LARGE: &str = "A request's body has at most 10 MiB.";

/// The longest path and query, bytes.
const MAX_URI: usize = 8 << 10;

/// The most headers of a request.
const MAX_HEADERS: usize = 100;

/// The most bytes of all headers together.
const MAX_HEADER_BYTES: usize = 64 << 10;

/// hyper gives up on more than this, with [a refusal of its own](crate::refusal_io).
const MAX_PARSED_HEADERS: usize = 4 * MAX_HEADERS;

async fn serve(router: &Router, origins: &AllowedOrigins, request: hyper::Request<Incoming>, client: SocketAddr) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let mut response = respond(router, request, client).await;
    origins.allow(origin.as_ref(), &mut response);
    response
}

/// The status and the reason for which a request is refused by its head.
fn refuse_head(parts: &Parts) -> Option<(StatusCode, &'static str)> {
    let header_bytes = || parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum::<usize>();
    if parts.uri.path_and_query().is_some_and(|it| it.as_str().len() > MAX_URI) {
        Some((StatusCode::URI_TOO_LONG, "A path with its query has at most 8 KiB."))
    } else if parts.headers.len() > MAX_HEADERS || header_bytes() > MAX_HEADER_BYTES {
        Some((StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "A request has at most 100 headers, of 64 KiB in all."))
    } else {
        None
    }
}

async fn respond(router: &Router, request: hyper::Request<Incoming>, client: SocketAddr) -> Response {
    let (parts, mut body) = request.into_parts();
    let refuse = |status, detail| problem(status, detail, request_id(parts.headers.get(REQUEST_ID)));
    if let Some((status, detail)) = refuse_head(&parts) {
        return refuse(status, detail);
    }
    let content_length = parts.headers.get(header::CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.parse::<u64>().ok());
    let is_announced = parts.headers.get(header::EXPECT).is_some_and(|it| it.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    if is_announced && content_length.is_some_and(|it| it > MAX_BODY as u64) {
        // Not reading any of it keeps hyper from sending a 100, and the client from sending the body (RFC 9110 §10.1.1).
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, TOO_LARGE);
    }
    let (bytes, _permit) = if http_body::Body::is_end_stream(&body) {
        (Bytes::new(), None)
    } else {
        let read = async {
            if content_length.is_some_and(|it| it > MAX_BODY as u64) {
                return Err(BodyError::TooLarge);
            }
            read(&mut body).await
        };
        match tokio::time::timeout(BODY_TIMEOUT, read).await {
            Ok(Ok(read)) => read,
            Ok(Err(BodyError::TooLarge)) => {
                // A client that is still sending when the connection is closed would never see the response.
                tokio::time::timeout(BODY_TIMEOUT, discard(body)).await.ok();
                return refuse(StatusCode::PAYLOAD_TOO_LARGE, TOO_LARGE);
            }
            Ok(Err(BodyError::Incomplete)) => return refuse(StatusCode::BAD_REQUEST, "The body did not arrive whole."),
            Err(_) => return refuse(StatusCode::REQUEST_TIMEOUT, "The body took too long to arrive."),
        }
    };
    let body = Full::new(bytes).map_err(|never| match never {}).boxed_unsync();
    router.serve(http::Request::from_parts(parts, body), client).await
}

/// Serves connections until `stop` is cancelled. Then waits, for `drain` at most, until the requests in progress have their responses;
/// streams are cut off.
pub async fn listen(listener: TcpListener, router: Arc<Router>, origins: AllowedOrigins, stop: CancellationToken, drain: Duration) {
    let origins = Arc::new(origins);
    let graceful = GracefulShutdown::new();
    let abort = CancellationToken::new();
    loop {
        let (stream, client) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // When file descriptors have run out, connections must end before others can be accepted.
                    tracing::warn!("cannot accept a connection: {error}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        stream.set_nodelay(true).ok();
        let (router, origins) = (router.clone(), origins.clone());
        let service = service_fn(move |request| {
            let (router, origins) = (router.clone(), origins.clone());
            async move { Ok::<_, Infallible>(serve(&router, &origins, request, client).await) }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .max_headers(MAX_PARSED_HEADERS)
            .serve_connection(RefusalIo::new(TokioIo::new(stream)), service);
        let connection = graceful.watch(connection);
        let abort = abort.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = abort.cancelled() => {}
                // An error means that the client has disconnected or does not speak HTTP.
                _ = connection => {}
            }
        });
    }
    drop(listener);
    let responded = async {
        router.wait_until_responded().await;
        tokio::time::sleep(FLUSH_TIME).await;
    };
    let drained = async {
        tokio::select! {
            () = graceful.shutdown() => {}
            // Streams do not end by themselves: when no request is pending, only they are left.
            () = responded => {}
        }
    };
    tokio::time::timeout(drain, drained).await.ok();
    abort.cancel();
}
