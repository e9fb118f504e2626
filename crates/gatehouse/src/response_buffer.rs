//! Buffering a response body that the guest writes without waiting, so that it is sent with a length and not chunked.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::{Bytes, BytesMut};
use http_body::{Body as _, Frame};
use wasmtime_wasi_http::WasiBody;

use crate::answers::{Answers, Room, SMALL, keeping};
use crate::self_waking::SelfWaking;

/// Larger bodies are streamed in any case, so that they are not held in memory. In bytes.
const MAX_BUFFERED: usize = 2 << 20;

/// How much a guest may write at once, in bytes: the rest waits in the guest until that is on its way.
pub const MAX_FRAME: usize = 64 << 10;

/// A body, as far as it was buffered.
pub enum Buffered {
    /// All of it.
    Full(Bytes),
    /// The first frames, and the rest: it is large, the guest waits for something before it goes on, or it has trailers.
    Partial(VecDeque<Frame<Bytes>>, WasiBody),
}

/// Buffers what the guest writes until the body ends or nothing in the instance makes progress any more; with the room that it has among
/// `answers`, unless it is small. Must run within a future that `poller` polls.
pub async fn buffer(mut body: WasiBody, poller: &Arc<SelfWaking>, answers: &Arc<Answers>) -> (Buffered, Option<Arc<Room>>) {
    let mut frames: VecDeque<Frame<Bytes>> = VecDeque::new();
    let mut length = 0;
    let mut room = None;
    let mut since = poller.stalls();
    let is_whole = loop {
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
                    break false;
                }
                if length > SMALL && room.is_none() {
                    // All of it at once: those that had a part each could wait for one another.
                    room = Some(answers.room(MAX_BUFFERED + MAX_FRAME).await);
                    since = poller.stalls();
                }
            }
            Some(None) => break true,
            // The reader sees the error after the frames before it.
            Some(Some(Err(error))) => {
                use http_body_util::BodyExt as _;
                let failed = futures::stream::once(async { Err::<Frame<Bytes>, _>(error) });
                body = http_body_util::StreamBody::new(failed).boxed_unsync();
                break false;
            }
            None => break false,
        }
    };
    let room = room.map(|mut room| {
        room.shrink_to(length);
        Arc::new(room)
    });
    let buffered = if is_whole {
        Buffered::Full(within(room.as_ref(), join(frames, length)))
    } else {
        Buffered::Partial(frames.into_iter().map(|frame| frame.map_data(|bytes| within(room.as_ref(), bytes))).collect(), body)
    };
    (buffered, room)
}

/// A body that is there whole, with the room that it has among `answers`, unless it is small.
pub async fn keep(bytes: Bytes, answers: &Arc<Answers>) -> (Buffered, Option<Arc<Room>>) {
    let room = if bytes.len() > SMALL { Some(Arc::new(answers.room(bytes.len()).await)) } else { None };
    (Buffered::Full(within(room.as_ref(), bytes)), room)
}

fn within(room: Option<&Arc<Room>>, bytes: Bytes) -> Bytes {
    match room {
        Some(room) => keeping(room, bytes),
        None => bytes,
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
