//! Refusals that hyper writes by itself, before there is a request: a request line that cannot be read, an address or headers that are too
//! long. It has no way to give them a form, so they are recognised on their way out and replaced by a problem document.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use http::StatusCode;
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use tokio::time::{Sleep, sleep};

use crate::body::Body;
use crate::problem::{REQUEST_ID, problem, request_id};

/// The longest refusal of hyper: a status line and three short headers.
const MAX_REFUSAL: usize = 256;

/// How much of what a refused client still sends is read, in bytes, and for how long: it would not see the refusal of a connection that is
/// closed over what it has sent.
const MAX_DISCARDED: usize = 1 << 20;
const DISCARD_TIME: Duration = Duration::from_secs(2);

/// A connection whose bare refusals go out as problem documents.
pub struct RefusalIo<T> {
    inner: T,
    /// Set once something was refused.
    discarding: Option<Discarding>,
    /// What is left to write of a replacement, and how many bytes it stands for.
    replacement: Option<(Bytes, usize)>,
}

impl<T> RefusalIo<T> {
    /// Wraps a connection.
    pub fn new(inner: T) -> Self {
        Self { inner, discarding: None, replacement: None }
    }
}

/// What is left to read of what a refused client still sends.
struct Discarding {
    until: Pin<Box<Sleep>>,
    left: usize,
}

impl Discarding {
    fn begin() -> Self {
        Self { until: Box::pin(sleep(DISCARD_TIME)), left: MAX_DISCARDED }
    }

    /// Ready when the client sends nothing more, or that is not waited for any longer.
    fn poll<T: Read + Unpin>(&mut self, inner: &mut T, cx: &mut Context<'_>) -> Poll<()> {
        while self.left > 0 && self.until.as_mut().poll(cx).is_pending() {
            let mut space = [MaybeUninit::uninit(); 4 << 10];
            let mut buffer = ReadBuf::uninit(&mut space);
            let read = ready!(Pin::new(&mut *inner).poll_read(cx, buffer.unfilled()));
            if read.is_err() || buffer.filled().is_empty() {
                break;
            }
            self.left = self.left.saturating_sub(buffer.filled().len());
        }
        Poll::Ready(())
    }
}

/// The status of a refusal that hyper made: a whole head without the request's id, which every other response has.
fn bare_refusal(bytes: &[u8]) -> Option<StatusCode> {
    let is_head = bytes.len() <= MAX_REFUSAL && bytes.starts_with(b"HTTP/1.1 4") && bytes.ends_with(b"\r\n\r\n");
    let has_id = || bytes.windows(REQUEST_ID.as_str().len()).any(|it| it.eq_ignore_ascii_case(REQUEST_ID.as_str().as_bytes()));
    if !is_head || has_id() {
        return None;
    }
    StatusCode::from_bytes(bytes.get(9..12)?).ok()
}

/// What there is to say of a refusal of hyper.
fn describe(status: StatusCode) -> &'static str {
    match status {
        StatusCode::URI_TOO_LONG => "The address is too long.",
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => "The request's address and headers are too large.",
        _ => "The request is not HTTP/1.1.",
    }
}

/// A refusal as a whole response with a problem document, after which the connection is closed.
pub fn document(status: StatusCode, detail: &str) -> Bytes {
    let response = problem(status, detail, request_id(None));
    let body = match response.body() {
        Body::Full(bytes) => bytes.clone(),
        Body::Stream { .. } => Bytes::new(),
    };
    let mut head = format!(
        "HTTP/1.1 {} {}\r\nconnection: close\r\ncontent-length: {}\r\ndate: {}\r\n",
        status.as_str(),
        status.canonical_reason().unwrap_or_default(),
        body.len(),
        httpdate::HttpDate::from(std::time::SystemTime::now()),
    )
    .into_bytes();
    for (name, value) in response.headers() {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head.extend_from_slice(&body);
    head.into()
}

impl<T: Read + Unpin> Read for RefusalIo<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl<T: Read + Write + Unpin> Write for RefusalIo<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.replacement.is_none() {
            let Some(status) = bare_refusal(bytes) else { return Pin::new(&mut this.inner).poll_write(cx, bytes) };
            this.replacement = Some((document(status, describe(status)), bytes.len()));
            this.discarding = Some(Discarding::begin());
        }
        while let Some((left, replaced)) = &mut this.replacement {
            if left.is_empty() {
                let replaced = *replaced;
                this.replacement = None;
                return Poll::Ready(Ok(replaced));
            }
            match ready!(Pin::new(&mut this.inner).poll_write(cx, left))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => left.advance(written),
            }
        }
        Poll::Ready(Ok(0))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(Pin::new(&mut this.inner).poll_shutdown(cx))?;
        if let Some(discarding) = &mut this.discarding {
            ready!(discarding.poll(&mut this.inner, cx));
        }
        Poll::Ready(Ok(()))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, slices: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let first = slices.iter().find(|slice| !slice.is_empty());
        match first {
            Some(first) if self.replacement.is_some() || bare_refusal(first).is_some() => self.poll_write(cx, first),
            _ => Pin::new(&mut self.inner).poll_write_vectored(cx, slices),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refusal_without_an_id_is_replaced() {
        let bare = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\ndate: Wed, 25 Nov 2026 10:00:00 GMT\r\n\r\n";
        assert_eq!(bare_refusal(bare), Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
        for other in [
            &b"HTTP/1.1 404 Not Found\r\nx-request-id: 1\r\n\r\n"[..],
            b"HTTP/1.1 404 Not Found\r\n",
            b"HTTP/1.1 200 OK\r\n\r\n",
            b"{}",
            b"",
        ] {
            assert_eq!(bare_refusal(other), None);
        }
    }

    #[test]
    fn the_replacement_is_a_whole_problem_document() {
        let text = String::from_utf8(document(StatusCode::URI_TOO_LONG, "The address is too long.").to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 414 URI Too Long\r\n"), "{head}");
        assert!(head.contains(&format!("content-length: {}", body.len())) && head.contains("x-request-id: "), "{head}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(body).unwrap()["status"], 414);
    }
}
