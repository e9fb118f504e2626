//! Reading request bodies.
//!
//! A body is read whole before a component sees the request: a client that stalls then holds a connection, but neither one of the
//! component's permits nor the instance.

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::sync::{Semaphore, SemaphorePermit};

/// The largest request body, in bytes.
pub const MAX_BODY: usize = 10 << 20;

/// How much of a refused body is read, in bytes.
const MAX_DISCARDED: usize = 16 * MAX_BODY;

/// Bodies larger than this, in bytes, need a permit, so that many of them at once do not fill the memory.
const LARGE: usize = 1 << 20;

static LARGE_PERMITS: Semaphore = Semaphore::const_new(16);

/// Why a body was not read.
pub enum BodyError {
    /// It is larger than [`MAX_BODY`].
    TooLarge,
    /// The connection was closed before its end.
    Incomplete,
}

/// Reads a whole body. A large one comes with a permit, to be held for as long as the body is in memory.
pub async fn read(body: &mut Incoming) -> Result<(Bytes, Option<SemaphorePermit<'static>>), BodyError> {
    // Most bodies arrive in one frame, which is then not copied.
    let mut first = Bytes::new();
    let mut joined = Vec::new();
    let mut permit = None;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| BodyError::Incomplete)?.into_data() else { continue };
        let length = first.len() + joined.len() + data.len();
        if length > MAX_BODY {
            return Err(BodyError::TooLarge);
        }
        if length > LARGE && permit.is_none() {
            permit = LARGE_PERMITS.acquire().await.ok();
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
    Ok((if joined.is_empty() { first } else { joined.into() }, permit))
}

/// Reads on without keeping anything, up to a limit.
pub async fn discard(mut body: Incoming) {
    let mut left = MAX_DISCARDED;
    while let Some(Ok(frame)) = body.frame().await {
        left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
        if left == 0 {
            break;
        }
    }
}
