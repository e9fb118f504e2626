//! Buffering a response body that the guest writes without waiting, so that it is sent with a length and not chunked.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::{Bytes, BytesMut};
use http_body::{Body as _, Frame};
use wasmtime_wasi_http::WasiBody;

use crate::self_waking::SelfWaking;

/// Larger bodies are streamed in any case, so that they are not held in memory. In bytes.
const MAX_BUFFERED: usize = 1 << 20;

/// A body, as far as it was buffered.
pub enum Buffered {
    /// All of it.
    Full(Bytes),
    /// The first frames, and the rest: it is large, the guest waits for something before it goes on, or it has trailers.
    Partial(VecDeque<Frame<Bytes>>, WasiBody),
}

/// Buffers what the guest writes until the body ends or nothing in the instance makes progress any more. Must run within a future that
/// `poller` polls.
pub async fn buffer(mut body: WasiBody, poller: &Arc<SelfWaking>) -> Buffered {
    let mut frames: VecDeque<Frame<Bytes>> = VecDeque::new();
    let mut length = 0;
    let since = poller.stalls();
    loop {
        let next = std::future::poll_fn(|cx| match Pin::new(&mut body).poll_frame(cx) {
            Poll::Ready(frame) => Poll::Ready(Some(frame)),
            Poll::Pending => poller.poll_stalled(cx, since).map(|()| None),
        });
        match next.await {
            Some(Some(Ok(frame))) => {
                let data = frame.data_ref().map(Bytes::len);
                length += data.unwrap_or_default();
                frames.push_back(frame);
                if data.is_none() || length > MAX_BUFFERED {
                    return Buffered::Partial(frames, body);
                }
            }
            Some(None) => return Buffered::Full(join(frames, length)),
            // The reader sees the error after the frames before it.
            Some(Some(Err(error))) => {
                use http_body_util::BodyExt as _;
                let failed = futures::stream::once(async { Err::<Frame<Bytes>, _>(error) });
                return Buffered::Partial(frames, http_body_util::StreamBody::new(failed).boxed_unsync());
            }
            None => return Buffered::Partial(frames, body),
        }
    }
}

fn join(mut frames: VecDeque<Frame<Bytes>>, length: usize) -> Bytes {
    if frames.len() <= 1 {
        let only = frames.pop_front().and_then(|it| it.into_data().ok());
        return only.unwrap_or_default();
    }
    let mut whole = BytesMut::with_capacity(length);
    for data in frames.into_iter().filter_map(|it| it.into_data().ok()) {
        whole.extend_from_slice(&data);
    }
    whole.freeze()
}
