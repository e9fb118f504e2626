//! Taking a guest's body whole when it comes at once.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::{Bytes, BytesMut};
use http_body::{Body as _, Frame};
use wasmtime_wasi_http::WasiBody;

use crate::turn::Turn;

/// More than this is streamed in any case, so that it is not held in memory.
const WHOLE: usize = 1 << 20;

/// What has been taken of a body.
pub enum Collected {
    /// All of it.
    Whole(Bytes),
    /// It is long, the guest waits before it goes on, or it has trailers.
    Part(VecDeque<Frame<Bytes>>, WasiBody),
}

/// Takes what the guest writes until it is done or waits for something.
pub async fn collect(mut body: WasiBody, turn: &Arc<Turn>) -> Collected {
    let mut frames: VecDeque<Frame<Bytes>> = VecDeque::new();
    let mut length = 0;
    let since = turn.stalls();
    loop {
        let next = std::future::poll_fn(|cx| match Pin::new(&mut body).poll_frame(cx) {
            Poll::Ready(frame) => Poll::Ready(Some(frame)),
            Poll::Pending => turn.poll_stalled(cx, since).map(|()| None),
        });
        match next.await {
            Some(Some(Ok(frame))) => {
                let data = frame.data_ref().map(Bytes::len);
                length += data.unwrap_or_default();
                frames.push_back(frame);
                if data.is_none() || length > WHOLE {
                    return Collected::Part(frames, body);
                }
            }
            Some(None) => return Collected::Whole(join(frames, length)),
            // An error is the reader's to see, when it comes to it.
            Some(Some(Err(error))) => {
                use http_body_util::BodyExt as _;
                let failed = futures::stream::once(async { Err::<Frame<Bytes>, _>(error) });
                return Collected::Part(frames, http_body_util::StreamBody::new(failed).boxed_unsync());
            }
            None => return Collected::Part(frames, body),
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
