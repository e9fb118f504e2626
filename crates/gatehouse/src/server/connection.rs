//! One connection: what it is doing, and when it ends.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use http_body::{Frame, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::Sleep;
use wasmtime_wasi_http::Error;

use super::activity::{Activity, Connection};
use super::connections::Admitted;
use super::request::{self, Answer};
use super::shared::Shared;
use super::streams::OpenStream;
use super::watched::Watched;
use crate::answers::Room;
use crate::body::Body;
use crate::refusal_io::RefusalIo;

/// How long a client may take to send the headers of a request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// hyper gives up on more than this, with [a refusal of its own](crate::refusal_io).
const MAX_PARSED_HEADERS: usize = 4 * request::MAX_HEADERS;

/// The most bytes that hyper holds of what a client has sent, such as half a head, and of what it writes to it piece by piece. A head of up
/// to this size is refused by [`request`] with its id.
const MAX_BUFFER: usize = 2 * request::MAX_HEADER_BYTES;

/// Serves a connection until it ends, is closed for others or since its client takes nothing, or, while the server stops, has nothing left
/// to do.
pub async fn serve(shared: Arc<Shared>, stream: TcpStream, client: std::net::SocketAddr, admitted: Admitted) {
    let connection = admitted.connection.clone();
    let io = Watched::new(stream, admitted, shared.send_timeout, shared.stop.clone());
    let service = {
        let (shared, connection) = (shared.clone(), connection.clone());
        service_fn(move |request| {
            let (shared, connection) = (shared.clone(), connection.clone());
            async move {
                let response = request::serve(&shared, request, client, &connection).await;
                Ok::<_, Infallible>(answer(&shared, response, connection))
            }
        })
    };
    let mut http = pin!(
        hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .max_headers(MAX_PARSED_HEADERS)
            .max_buf_size(MAX_BUFFER)
            .serve_connection(RefusalIo::new(TokioIo::new(io)), service)
            .with_upgrades()
    );
    let mut closed = pin!(connection.closed.cancelled());
    let mut aborted = pin!(shared.abort.cancelled());
    let mut stopped = pin!(shared.stop.cancelled());
    let mut stalled = Stalled::default();
    let mut is_stopping = false;
    std::future::poll_fn(|cx| {
        // An error means that the client has disconnected or does not speak HTTP.
        if http.as_mut().poll(cx).is_ready() || closed.as_mut().poll(cx).is_ready() || aborted.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        if stalled.poll(cx, &connection, shared.send_timeout).is_ready() {
            tracing::debug!(address = %connection.address, "a connection is closed: its client takes nothing of what is sent");
            return Poll::Ready(());
        }
        is_stopping = is_stopping || stopped.as_mut().poll(cx).is_ready();
        let has_nothing_left = connection.activity() == Activity::Idle && connection.stalled_since().is_none();
        if is_stopping && has_nothing_left { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// The end of a client's time to take something of what is sent to it.
#[derive(Default)]
struct Stalled(Option<Pin<Box<Sleep>>>);

impl Stalled {
    /// Ready once the client has taken nothing for `timeout`. To be polled after whatever sends.
    fn poll(&mut self, cx: &mut Context<'_>, connection: &Connection, timeout: Duration) -> Poll<()> {
        let Some(since) = connection.stalled_since() else { return Poll::Pending };
        let deadline = tokio::time::Instant::from_std(since + timeout);
        let sleep = self.0.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if sleep.deadline() != deadline {
            sleep.as_mut().reset(deadline);
        }
        sleep.as_mut().poll(cx)
    }
}

/// The response as it is sent: it keeps the connection busy until it has been sent, and is the last one when the server stops.
fn answer(shared: &Shared, answer: Answer, connection: Arc<Connection>) -> http::Response<Sent> {
    let Answer { mut response, stream } = answer;
    let is_upgrade = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    if shared.stop.is_cancelled() && !is_upgrade {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if let Some(room) = response.extensions_mut().remove::<Arc<Room>>() {
        room.is_sent_over(connection.closed.clone());
    }
    connection.set(match &stream {
        None if is_upgrade => Activity::Streaming,
        None => Activity::Serving,
        Some(stream) if stream.is_anonymous() => Activity::StreamingAnonymously,
        Some(_) => Activity::Streaming,
    });
    // After an upgrade no other request follows.
    let then = if is_upgrade { Activity::Streaming } else { Activity::Idle };
    response.map(|body| Sent { body, _stream: stream, connection, then })
}

/// A response body. The connection goes over to something else once it is dropped: it waits for another request.
struct Sent {
    body: Body,
    _stream: Option<OpenStream>,
    connection: Arc<Connection>,
    then: Activity,
}

impl Drop for Sent {
    fn drop(&mut self) {
        self.connection.set(self.then);
    }
}

impl http_body::Body for Sent {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
