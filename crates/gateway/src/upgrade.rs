//! From HTTP to WebSocket (RFC 6455 §4.2), and the connection below it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::refusal::Refusal;

/// What is kept free for what a client sends over a WebSocket, bytes: more when it sends more, and few say anything. Whenever a client is listened
/// to, all of it is set to zero.
pub const READ_BUFFER: usize = 512;

/// How long a client may take nothing of what is written to it.
const STALL: Duration = Duration::from_secs(20);

/// How many bytes a client may send in [`WINDOW`]: what it sends that is no message, and reaches nobody, costs something too.
const MOST_BYTES: usize = 128 << 10;

/// The time in which bytes are counted.
const WINDOW: Duration = Duration::from_secs(10);

fn names(headers: &HeaderMap, name: http::HeaderName, word: &str) -> bool {
    let mut values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    values.any(|value| value.trim().eq_ignore_ascii_case(word))
}

/// Whether a WebSocket is asked for.
pub fn is_asked_for(headers: &HeaderMap) -> bool {
    names(headers, UPGRADE, "websocket") && names(headers, CONNECTION, "upgrade")
}

/// The answer that accepts a WebSocket.
///
/// # Errors
/// If it is not asked for as it should be.
pub fn accept(method: &Method, headers: &HeaderMap) -> Result<Response<Bytes>, Refusal> {
    if !is_asked_for(headers) {
        let refusal = Refusal::new(StatusCode::UPGRADE_REQUIRED, "request", "This is a WebSocket: ask for an upgrade.");
        return Err(refusal.with(UPGRADE, "websocket").with(CONNECTION, "Upgrade"));
    }
    if !names(headers, SEC_WEBSOCKET_VERSION, "13") {
        let refusal = Refusal::new(StatusCode::UPGRADE_REQUIRED, "request", "WebSockets are of version 13 here.");
        return Err(refusal.with(SEC_WEBSOCKET_VERSION, "13"));
    }
    let key = headers.get(SEC_WEBSOCKET_KEY).filter(|key| key.len() == 24);
    let (true, Some(key)) = (method == Method::GET, key) else {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "request", "A WebSocket is opened by a GET with a Sec-WebSocket-Key."));
    };
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let accept = HeaderValue::try_from(derive_accept_key(key.as_bytes())).unwrap_or(HeaderValue::from_static(""));
    for (name, value) in [
        (UPGRADE, HeaderValue::from_static("websocket")),
        (CONNECTION, HeaderValue::from_static("Upgrade")),
        (SEC_WEBSOCKET_ACCEPT, accept),
    ] {
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

/// A connection that ends when its client takes nothing, sends too much, or is sent away. `T` is held for as long as it is open.
pub struct Guarded<T> {
    io: TokioIo<Upgraded>,
    // Reader and writer may be tasks of their own.
    ends_reading: Pin<Box<WaitForCancellationFutureOwned>>,
    ends_writing: Pin<Box<WaitForCancellationFutureOwned>>,
    stalled: Option<Pin<Box<Sleep>>>,
    window: Instant,
    bytes: usize,
    _held: T,
}

impl<T> Guarded<T> {
    /// Guards a connection, which ends when `gone` is cancelled.
    pub fn new(upgraded: Upgraded, gone: &CancellationToken, held: T) -> Self {
        Self {
            io: TokioIo::new(upgraded),
            ends_reading: Box::pin(gone.clone().cancelled_owned()),
            ends_writing: Box::pin(gone.clone().cancelled_owned()),
            stalled: None,
            window: Instant::now(),
            bytes: 0,
            _held: held,
        }
    }

    fn poll_written<U>(&mut self, cx: &mut Context<'_>, poll: Poll<io::Result<U>>) -> Poll<io::Result<U>> {
        // What could be written may have been: the reader finds out that it is over.
        if poll.is_ready() {
            self.stalled = None;
            return poll;
        }
        if self.ends_writing.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(STALL)));
        stalled.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<T: Unpin> AsyncRead for Guarded<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.ends_reading.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let before = buffer.filled().len();
        let poll = Pin::new(&mut self.io).poll_read(cx, buffer);
        let read = buffer.filled().len() - before;
        if read > 0 {
            if self.window.elapsed() > WINDOW {
                (self.window, self.bytes) = (Instant::now(), 0);
            }
            self.bytes += read;
            if self.bytes > MOST_BYTES {
                return Poll::Ready(Err(io::Error::other("the client sends too much")));
            }
        }
        poll
    }
}

impl<T: Unpin> AsyncWrite for Guarded<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.poll_written(cx, poll)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.io).poll_flush(cx);
        self.poll_written(cx, poll)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.io).poll_shutdown(cx);
        self.poll_written(cx, poll)
    }
}
