//! The answers in memory that their clients have not taken yet, held to a limit.
//!
//! An answer that is there whole frees its instance at once, and stays in memory until its client has taken it. Small ones need no room.
//! A larger one waits for it, and so does the guest that writes it; what has been on its way for the longest is given up when it waits in
//! vain: those who read are done within that time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Answers up to this, in bytes, need no room.
pub const SMALL: usize = 16 << 10;

/// The bytes of all larger answers in memory.
const ROOM: usize = 40 << 20;

/// The unit in which room is given, in bytes.
const UNIT: usize = 1 << 10;

/// How long an answer waits for room, or an instance for memory, before another answer is given up for it.
pub const PATIENCE: Duration = Duration::from_secs(1);

/// The larger answers in memory.
pub struct Answers {
    free: Arc<Semaphore>,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    next_id: u64,
    /// By age. The connection over which it is sent, once it is.
    connections: BTreeMap<u64, Option<CancellationToken>>,
}

/// Room for one answer, until this is dropped.
pub struct Room {
    answers: Arc<Answers>,
    id: u64,
    permit: OwnedSemaphorePermit,
}

impl Answers {
    /// None yet.
    pub fn new() -> Arc<Self> {
        Self::with_room(ROOM)
    }

    fn with_room(bytes: usize) -> Arc<Self> {
        Arc::new(Self { free: Arc::new(Semaphore::new(bytes / UNIT)), held: Mutex::default() })
    }

    /// Waits for room for an answer of at most so many bytes.
    pub async fn room(self: &Arc<Self>, bytes: usize) -> Room {
        let units = u32::try_from(bytes.min(ROOM).div_ceil(UNIT)).unwrap_or(u32::MAX);
        let mut turn = std::pin::pin!(self.free.clone().acquire_many_owned(units));
        loop {
            match timeout(PATIENCE, turn.as_mut()).await {
                Ok(Ok(permit)) => {
                    let mut held = self.held.lock();
                    let id = held.next_id;
                    held.next_id += 1;
                    held.connections.insert(id, None);
                    return Room { answers: self.clone(), id, permit };
                }
                // It is never closed.
                Ok(Err(_)) => std::future::pending().await,
                Err(_) => self.give_up_oldest(),
            }
        }
    }

    /// Ends the connection of the answer that has been on its way for the longest.
    pub fn give_up_oldest(&self) {
        let mut held = self.held.lock();
        let oldest = held.connections.iter_mut().find_map(|(_, connection)| connection.take());
        drop(held);
        if let Some(connection) = oldest {
            tracing::warn!("an answer is given up: others need its memory, and its client is slow to take it");
            connection.cancel();
        }
    }
}

impl Room {
    /// Gives back what is beyond so many bytes.
    pub fn shrink_to(&mut self, bytes: usize) {
        let excess = self.permit.num_permits().saturating_sub(bytes.div_ceil(UNIT));
        drop(self.permit.split(excess));
    }

    /// Says over which connection the answer is sent, which is closed when it is given up.
    pub fn is_sent_over(&self, connection: CancellationToken) {
        if let Some(known) = self.answers.held.lock().connections.get_mut(&self.id) {
            *known = Some(connection);
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.answers.held.lock().connections.remove(&self.id);
    }
}

/// Bytes of an answer, which keep its room for as long as something refers to them.
pub fn keeping(room: &Arc<Room>, bytes: Bytes) -> Bytes {
    struct Kept {
        bytes: Bytes,
        _room: Arc<Room>,
    }
    impl AsRef<[u8]> for Kept {
        fn as_ref(&self) -> &[u8] {
            &self.bytes
        }
    }
    Bytes::from_owner(Kept { bytes, _room: room.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_has_been_on_its_way_for_the_longest_is_given_up_for_who_waits() {
        let answers = Answers::with_room(20 << 10);
        let mut first = answers.room(20 << 10).await;
        first.shrink_to(10 << 10);
        let second = Arc::new(answers.room(10 << 10).await);
        let connections = [CancellationToken::new(), CancellationToken::new()];
        first.is_sent_over(connections[0].clone());
        second.is_sent_over(connections[1].clone());
        let mut third = std::pin::pin!(answers.room(10 << 10));
        tokio::select! {
            _ = third.as_mut() => panic!("there is no room until the connection has ended"),
            () = connections[0].cancelled() => {}
        }
        assert!(!connections[1].is_cancelled());
        drop(first);
        let third = third.await;
        // Whatever still refers to the bytes keeps their room.
        let bytes = keeping(&second, Bytes::from_static(b"bytes"));
        drop(second);
        let part = bytes.slice(1..3);
        drop((bytes, third));
        assert_eq!((&part[..], answers.free.available_permits()), (&b"yt"[..], 10));
        drop(part);
        assert!(answers.held.lock().connections.is_empty());
        assert_eq!(answers.free.available_permits(), 20);
    }
}
