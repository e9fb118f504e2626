//! Reading request bodies.
//!
//! A body is read whole before a component sees the request: a client that stalls then holds a connection, but neither one of the
//! component's permits nor the instance. All bodies in memory at once are bounded: a larger one waits for room.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// The largest request body of any route, in bytes.
pub const MAX_BODY: usize = 10 << 20;

/// How much of a refused body is read, in bytes.
const MAX_DISCARDED: usize = 16 * MAX_BODY;

/// Bodies up to this, in bytes, need no room: most are, and what matters most is small.
const SMALL: usize = 16 << 10;

/// The bytes of all larger bodies in memory.
const ROOM: usize = 4 * MAX_BODY;

/// The unit in which room is given, in bytes.
const UNIT: usize = 1 << 10;

/// How long a body waits for room.
const ROOM_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a client that has room may send nothing.
const FRAME_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a body was not read.
#[derive(Debug)]
pub enum BodyError {
    /// It is larger than the route takes.
    TooLarge,
    /// The connection was closed before its end.
    Incomplete,
    /// Nothing more arrived for too long.
    Slow,
    /// Others had not been served in time.
    Busy,
}

/// Room for a body, to be held for as long as the body is in memory.
pub type Room = Option<OwnedSemaphorePermit>;

/// The bodies in memory.
pub struct Bodies(Arc<Semaphore>);

impl Bodies {
    /// None yet.
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(ROOM / UNIT)))
    }

    async fn room(&self, bytes: usize) -> Result<Room, BodyError> {
        let units = u32::try_from(bytes.min(ROOM).div_ceil(UNIT)).unwrap_or(u32::MAX);
        match timeout(ROOM_TIMEOUT, self.0.clone().acquire_many_owned(units)).await {
            Ok(Ok(permit)) => Ok(Some(permit)),
            _ => Err(BodyError::Busy),
        }
    }

    /// Reads a whole body of at most `limit` bytes. `length` is what its `Content-Length` says.
    pub async fn read(&self, body: &mut Incoming, length: Option<usize>, limit: usize) -> Result<(Bytes, Room), BodyError> {
        if length.is_some_and(|length| length > limit) {
            return Err(BodyError::TooLarge);
        }
        let mut room = None;
        // Most bodies arrive in one frame, which is then not copied.
        let mut first = Bytes::new();
        let mut joined = Vec::new();
        loop {
            let next = body.frame();
            let next = if room.is_some() { timeout(FRAME_TIMEOUT, next).await.map_err(|_| BodyError::Slow)? } else { next.await };
            let Some(frame) = next else { break };
            let Ok(data) = frame.map_err(|_| BodyError::Incomplete)?.into_data() else { continue };
            let read = first.len() + joined.len() + data.len();
            if read > limit {
                return Err(BodyError::TooLarge);
            }
            if read > SMALL && room.is_none() {
                // All of it at once: those that had a part each could wait for one another. Who has announced it and sends nothing has none.
                room = self.room(length.unwrap_or(limit)).await?;
            }
            if read == data.len() {
                first = data;
                continue;
            }
            if joined.is_empty() {
                joined.reserve(length.unwrap_or(2 * read));
                joined.extend_from_slice(&std::mem::take(&mut first));
            }
            joined.extend_from_slice(&data);
        }
        Ok((if joined.is_empty() { first } else { joined.into() }, room))
    }
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
