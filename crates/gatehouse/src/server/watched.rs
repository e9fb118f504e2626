//! A connection's bytes on their way: when a request begins to arrive, and whether the client takes what is sent.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::activity::{Activity, Connection};
use super::connections::Admitted;

/// The most bytes that the system holds of what is to be sent, beside what is under way; by default that is megabytes a connection.
#[cfg(target_os = "linux")]
const MAX_UNSENT: u32 = 64 << 10;

/// How often the time in which a client must take something may pass before one that acknowledges nothing is taken for gone.
#[cfg(target_os = "linux")]
const GONE_AFTER: u32 = 2;

/// A stream that notes in its connection when a request begins to arrive, and whether what was written could be sent.
pub struct Watched {
    inner: TcpStream,
    connection: Arc<Connection>,
    stop: CancellationToken,
    // It counts as open for as long as the stream is, which a WebSocket takes along.
    _admitted: Admitted,
}

impl Watched {
    /// Watches a stream, whose client must take something of what is sent to it within `send_timeout`. `stop` is cancelled when the server
    /// stops.
    pub fn new(inner: TcpStream, admitted: Admitted, send_timeout: Duration, stop: CancellationToken) -> Self {
        inner.set_nodelay(true).ok();
        bound(&SockRef::from(&inner), send_timeout);
        Self { inner, connection: admitted.connection.clone(), stop, _admitted: admitted }
    }

    /// Whether something has arrived that tokio has not been told of yet.
    fn has_arrived(&self) -> bool {
        matches!(SockRef::from(&self.inner).peek(&mut [MaybeUninit::uninit()]), Ok(1..))
    }

    fn wrote<T>(&self, poll: Poll<T>) -> Poll<T> {
        self.connection.wrote(poll.is_ready());
        poll
    }
}

/// Bounds what the system keeps for a client that does not read, and how long for one that has gone without a word. Where a system knows
/// no such bounds its own stay.
#[cfg(target_os = "linux")]
fn bound(socket: &SockRef<'_>, send_timeout: Duration) {
    socket.set_tcp_notsent_lowat(MAX_UNSENT).ok();
    socket.set_tcp_user_timeout(Some(send_timeout * GONE_AFTER)).ok();
}

#[cfg(not(target_os = "linux"))]
fn bound(_: &SockRef<'_>, _: Duration) {}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let poll = Pin::new(&mut self.inner).poll_read(cx, buffer);
        match (&poll, self.connection.activity()) {
            // A connection that is new, or that is about to be closed since the server stops, is looked at closely.
            (Poll::Pending, activity @ (Activity::New | Activity::Idle)) if activity == Activity::New || self.stop.is_cancelled() => {
                self.connection.set(if self.has_arrived() { Activity::Receiving } else { Activity::Idle });
            }
            (Poll::Ready(Ok(())), Activity::New | Activity::Idle) if buffer.filled().len() > before => {
                self.connection.set(Activity::Receiving);
            }
            _ => {}
        }
        poll
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.wrote(poll)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, slices: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.inner).poll_write_vectored(cx, slices);
        self.wrote(poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
