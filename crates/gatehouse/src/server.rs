//! The HTTP server: connections, request bodies, and shutting down without cutting responses off.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::body::Response;
use crate::problem::{REQUEST_ID, problem, request_id};
use crate::request_body::{BodyError, MAX_BODY, discard, read};
use crate::router::Router;

/// How long a client may take to send the headers of a request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// How long it may take to send the body after the headers.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// How long connections have to send the last responses.
const FLUSH_TIME: Duration = Duration::from_millis(100);

async fn serve(router: &Router, request: hyper::Request<Incoming>, client: SocketAddr) -> Response {
    let (parts, mut body) = request.into_parts();
    let refuse = |status, detail| problem(status, detail, request_id(parts.headers.get(REQUEST_ID)));
    let content_length = parts.headers.get(header::CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.parse::<u64>().ok());
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
                return refuse(StatusCode::PAYLOAD_TOO_LARGE, "A request's body has at most 10 MiB.");
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
pub async fn listen(listener: TcpListener, router: Arc<Router>, stop: CancellationToken, drain: Duration) {
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
        let router = router.clone();
        let service = service_fn(move |request| {
            let router = router.clone();
            async move { Ok::<_, Infallible>(serve(&router, request, client).await) }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service);
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
