//! Bodies of requests are read whole before a component sees the request: a client that stalls then holds a connection, and not one of
//! the few turns of a component, nor the instance that serves others beside it.

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Beyond so many bytes a body takes one of a few places, so that many large ones at once do not fill the memory.
const SMALL: usize = 1 << 20;

static LARGE: Semaphore = Semaphore::const_new(16);

/// Why a body was not read.
pub enum Refused {
    /// It has more bytes than it may.
    TooLarge,
    /// It ended before its time.
    Broken,
}

/// A whole body, and the place that it takes when it is large.
pub type Whole = (Bytes, Option<SemaphorePermit<'static>>);

/// Reads a body of at most `limit` bytes. How long that may take is for the caller to say.
pub async fn whole(body: &mut Incoming, limit: usize) -> Result<Whole, Refused> {
    // Most bodies come in one piece, which is then not copied.
    let mut first = Bytes::new();
    let mut joined = Vec::new();
    let mut place = None;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Refused::Broken)?.into_data() else { continue };
        let length = first.len() + joined.len() + data.len();
        if length > limit {
            return Err(Refused::TooLarge);
        }
        if length > SMALL && place.is_none() {
            place = LARGE.acquire().await.ok();
        }
        if length == data.len() {
            first = data;
            continue;
        }
        if joined.is_empty() {
            joined.extend_from_slice(&std::mem::take(&mut first));
        }
        joined.extend_from_slice(&data);
    }
    Ok((if joined.is_empty() { first } else { joined.into() }, place))
}
