//! The body of a response that a guest writes, on its way to the connection.
//!
//! Between the two is one place for a piece of it: the guest waits until that has been taken. (wasmtime-wasi-http's own goes through a channel
//! and two more futures, which cost a small answer as much as its headers do.)

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body::{Frame, SizeHint};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use wasmtime::component::{FutureConsumer, FutureReader, Resource, Source, StreamConsumer, StreamReader, StreamResult};
use wasmtime::{AsContextMut as _, StoreContextMut};
use wasmtime_wasi_http::p3::bindings::http::types::{ErrorCode, Trailers};
use wasmtime_wasi_http::{Error, WasiHttpView as _};

use crate::instance_state::InstanceState;
use crate::response_buffer::MAX_FRAME;

/// What follows a body.
pub type End = Result<Option<Resource<Trailers>>, ErrorCode>;

#[derive(Default)]
struct Shared {
    piece: Option<Bytes>,
    is_written: bool,
    end: Option<Result<Option<HeaderMap>, Error>>,
    /// Nobody takes it any more.
    is_abandoned: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Shared {
    fn wake_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

struct ContentsConsumer(Arc<Mutex<Shared>>);

impl StreamConsumer<InstanceState> for ContentsConsumer {
    type Item = u8;

    fn poll_consume(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        store: StoreContextMut<'_, InstanceState>,
        source: Source<'_, u8>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let mut shared = self.0.lock();
        if shared.is_abandoned {
            return Poll::Ready(Ok(StreamResult::Dropped));
        }
        if shared.piece.is_some() {
            if finish {
                return Poll::Ready(Ok(StreamResult::Cancelled));
            }
            shared.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let mut source = source.as_direct(store);
        let bytes = source.remaining();
        let length = bytes.len().min(MAX_FRAME);
        if let Some(piece) = bytes.get(..length).filter(|piece| !piece.is_empty()) {
            shared.piece = Some(Bytes::copy_from_slice(piece));
            source.mark_read(length);
            shared.wake_reader();
        }
        Poll::Ready(Ok(StreamResult::Completed))
    }
}

impl Drop for ContentsConsumer {
    fn drop(&mut self) {
        let mut shared = self.0.lock();
        shared.is_written = true;
        shared.wake_reader();
    }
}

struct EndConsumer(Arc<Mutex<Shared>>);

impl FutureConsumer<InstanceState> for EndConsumer {
    type Item = End;

    fn poll_consume(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut store: StoreContextMut<'_, InstanceState>,
        mut source: Source<'_, End>,
        _: bool,
    ) -> Poll<wasmtime::Result<()>> {
        let mut end = None;
        source.read(store.as_context_mut(), &mut end)?;
        let end = match end {
            Some(Ok(Some(trailers))) => Ok(Some(store.data_mut().http().table.delete(trailers)?.into())),
            Some(Ok(None)) | None => Ok(None),
            Some(Err(code)) => Err(Error::from(code)),
        };
        let mut shared = self.0.lock();
        shared.end = Some(end);
        shared.wake_reader();
        Poll::Ready(Ok(()))
    }
}

impl Drop for EndConsumer {
    fn drop(&mut self) {
        let mut shared = self.0.lock();
        // A guest that is gone has not said how its body ends.
        shared.end.get_or_insert(Err(Error::ConnectionTerminated));
        shared.wake_reader();
    }
}

/// A body that a guest writes, as its connection takes it.
pub struct Written {
    shared: Arc<Mutex<Shared>>,
    /// What its `content-length` leaves to come.
    left: Option<u64>,
    taken: u64,
    sent: Option<oneshot::Sender<()>>,
}

impl Written {
    /// Takes what a guest writes as the body of a response with these headers: `contents`, none if it is empty, and how it ends. `sent` is told when
    /// all of it has been taken. A guest that writes from now on has its first piece taken at once, and does not wait.
    ///
    /// # Errors
    /// If the guest has closed one of the two.
    pub fn new(
        mut store: StoreContextMut<'_, InstanceState>,
        headers: &HeaderMap,
        contents: Option<StreamReader<u8>>,
        end: FutureReader<End>,
        sent: oneshot::Sender<()>,
    ) -> wasmtime::Result<Self> {
        let shared = Arc::new(Mutex::new(Shared { is_written: contents.is_none(), ..Shared::default() }));
        end.pipe(store.as_context_mut(), EndConsumer(shared.clone()))?;
        let length = || headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        // Without contents it may be an answer to HEAD, which has the length of another.
        let left = contents.as_ref().and_then(|_| length());
        if let Some(contents) = contents {
            contents.pipe(store, ContentsConsumer(shared.clone()))?;
        }
        Ok(Self { shared, left, taken: 0, sent: Some(sent) })
    }
}

impl http_body::Body for Written {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        let mut shared = this.shared.lock();
        if let Some(piece) = shared.piece.take() {
            if let Some(writer) = shared.writer.take() {
                writer.wake();
            }
            let length = piece.len() as u64;
            this.taken = this.taken.saturating_add(length);
            if let Some(left) = &mut this.left {
                let Some(after) = left.checked_sub(length) else {
                    return Poll::Ready(Some(Err(Error::HttpResponseBodySize(Some(this.taken)))));
                };
                *left = after;
            }
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        if !shared.is_written || shared.end.is_none() {
            shared.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if this.left.is_some_and(|left| left > 0) {
            this.left = None;
            return Poll::Ready(Some(Err(Error::HttpResponseBodySize(Some(this.taken)))));
        }
        let Some(sent) = this.sent.take() else { return Poll::Ready(None) };
        match shared.end.replace(Ok(None)) {
            Some(Ok(trailers)) => {
                sent.send(()).ok();
                Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))))
            }
            Some(Err(error)) => Poll::Ready(Some(Err(error))),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        let shared = self.shared.lock();
        shared.piece.is_none() && shared.is_written && matches!(shared.end, Some(Ok(None))) && self.left.is_none_or(|left| left == 0)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        let mut shared = self.shared.lock();
        shared.is_abandoned = true;
        shared.piece = None;
        if let Some(writer) = shared.writer.take() {
            writer.wake();
        }
    }
}
