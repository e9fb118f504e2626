//! The bound on a request's body.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use wasmtime_wasi_http::Error;

/// A request's body that ends with an error when it grows beyond its limit.
pub struct Limited {
    inner: Incoming,
    left: usize,
    exceeded: Arc<AtomicBool>,
}

impl Limited {
    /// At most `limit` bytes; `exceeded` tells when there were more.
    pub fn new(inner: Incoming, limit: usize, exceeded: Arc<AtomicBool>) -> Self {
        Self { inner, left: limit, exceeded }
    }
}

impl Body for Limited {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) else {
            return Poll::Pending;
        };
        Poll::Ready(match frame {
            Some(Ok(frame)) => match self.left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
                Some(left) => {
                    self.left = left;
                    Some(Ok(frame))
                }
                None => {
                    self.exceeded.store(true, Ordering::Release);
                    Some(Err(Error::HttpRequestBodySize(None)))
                }
            },
            Some(Err(error)) => Some(Err(Error::Hyper(error))),
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
