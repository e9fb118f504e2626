//! The linear memory of all instances together, held to a limit.
//!
//! What would exceed the limit waits: a new instance, and the growth of one that is there. Idle instances make room first. So that
//! instances which have each begun cannot wait for one another for ever, one at a time may go beyond the limit, by as much as an instance
//! may have; it and what else is too much is dropped, and not kept for the next request.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use wasmtime::{ResourceLimiterAsync, Result};

use crate::answers::{Answers, PATIENCE};
use crate::engine::MAX_INSTANCE_MEMORY;

/// The limit unless an option says otherwise, in bytes.
pub const DEFAULT_MEMORY: usize = 192 << 20;

/// What a new instance is taken to need, in bytes.
const NEW_INSTANCE: usize = 4 << 20;

/// An instance that would have more than this, in bytes, is large: what is asked of most does not need it.
const LARGE: usize = 16 << 20;

/// The most elements of a table.
const MAX_TABLE: usize = 100_000;

/// Something that keeps idle instances.
pub trait IdleInstances: Send + Sync {
    /// Drops the one that has been idle for the longest. Returns whether there was one.
    fn drop_oldest(&self) -> bool;
}

/// The memory of all instances.
pub struct Memory {
    limit: usize,
    used: AtomicUsize,
    waiting: AtomicUsize,
    released: Notify,
    /// Whose holder may go beyond the limit.
    excess: Arc<Semaphore>,
    idle: Mutex<Vec<Weak<dyn IdleInstances>>>,
    answers: Arc<Answers>,
}

impl Memory {
    /// None in use, and at most `limit` bytes.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            used: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            released: Notify::new(),
            excess: Arc::new(Semaphore::new(1)),
            idle: Mutex::default(),
            answers: Answers::new(),
        })
    }

    /// What instances have written and clients have not taken: it has a limit of its own.
    pub fn answers(&self) -> &Arc<Answers> {
        &self.answers
    }

    /// Makes idle instances known, to be dropped when others need their memory.
    pub fn add_idle(&self, instances: Weak<dyn IdleInstances>) {
        self.idle.lock().push(instances);
    }

    /// Whether others wait for memory: an instance that has nothing to do is not to be kept.
    pub fn is_scarce(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0 || self.used.load(Ordering::Acquire) > self.limit
    }

    /// Large instances leave a quarter to the others, which they would keep waiting otherwise.
    fn limit_of(&self, is_large: bool) -> usize {
        if is_large { self.limit / 4 * 3 } else { self.limit }
    }

    fn try_take(&self, bytes: usize, is_large: bool) -> bool {
        let limit = self.limit_of(is_large);
        let taken = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= limit);
        self.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, taken).is_ok()
    }

    fn release(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::AcqRel);
        if self.waiting.load(Ordering::Acquire) > 0 {
            self.released.notify_waiters();
        }
    }

    fn drop_idle(&self) -> bool {
        let known: Vec<_> = self.idle.lock().iter().filter_map(Weak::upgrade).collect();
        known.iter().any(|instances| instances.drop_oldest())
    }

    /// Takes memory, if need be that of idle instances. Otherwise returns what to wait for.
    fn take_or_wait(&self, bytes: usize, is_large: bool) -> std::result::Result<(), Notified<'_>> {
        // Whatever is released from here on ends the wait.
        let released = self.released.notified();
        loop {
            if self.try_take(bytes, is_large) {
                return Ok(());
            }
            if !self.drop_idle() {
                return Err(released);
            }
        }
    }

    /// Waits for what is released. An answer that is too large to be in memory as a whole keeps its instance until it has been taken: when nothing is
    /// released for a while, the oldest is given up.
    async fn wait(&self, released: Notified<'_>) {
        if timeout(PATIENCE, released).await.is_err() {
            self.answers.give_up_oldest();
        }
    }

    /// Takes memory without waiting, if need be that of idle instances, or beyond the limit.
    fn take_at_once(&self, bytes: usize, is_large: bool) {
        if self.take_or_wait(bytes, is_large).is_err() {
            self.used.fetch_add(bytes, Ordering::AcqRel);
        }
    }

    /// Waits until there is room for a new instance.
    pub async fn room(self: &Arc<Self>) {
        if !self.try_take(NEW_INSTANCE, false) {
            let _waiting = Waiting::new(self);
            while let Err(released) = self.take_or_wait(NEW_INSTANCE, false) {
                self.wait(released).await;
            }
        }
        // The instance takes what it needs itself, and waits should another have been faster.
        self.release(NEW_INSTANCE);
    }
}

/// Counts as waiting until it is dropped.
struct Waiting<'a>(&'a Memory);

impl<'a> Waiting<'a> {
    fn new(memory: &'a Memory) -> Self {
        memory.waiting.fetch_add(1, Ordering::AcqRel);
        Self(memory)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Memory in use until this is dropped.
pub struct Held {
    memory: Arc<Memory>,
    bytes: usize,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.memory.release(self.bytes);
    }
}

/// How an instance takes memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It waits for it.
    Waits,
    /// It only counts: it is a scheduled run, which must not be kept from its work by requests, or works for a request that was admitted,
    /// which keeps its own memory until it is done.
    Passes,
}

/// The memory of one instance: part of its store.
pub struct InstanceMemory {
    held: Held,
    turn: Turn,
    excess: Option<OwnedSemaphorePermit>,
}

impl InstanceMemory {
    /// Of an instance that has none yet.
    pub fn new(memory: &Arc<Memory>, turn: Turn) -> Self {
        Self { held: Held { memory: memory.clone(), bytes: 0 }, turn, excess: None }
    }

    /// Says how it takes memory from now on.
    pub fn set_turn(&mut self, turn: Turn) {
        self.turn = turn;
    }

    async fn take(&mut self, bytes: usize) {
        let memory = self.held.memory.clone();
        let is_large = self.held.bytes + bytes > LARGE;
        // What it went beyond the limit by is there again: the next one in need may.
        if memory.used.load(Ordering::Acquire) <= memory.limit_of(is_large) {
            self.excess = None;
        }
        if self.turn == Turn::Passes {
            memory.take_at_once(bytes, is_large);
        } else if self.excess.is_some() {
            memory.used.fetch_add(bytes, Ordering::AcqRel);
        } else if !memory.try_take(bytes, is_large) {
            let _waiting = Waiting::new(&memory);
            while let Err(released) = memory.take_or_wait(bytes, is_large) {
                tokio::select! {
                    () = memory.wait(released) => {}
                    Ok(permit) = memory.excess.clone().acquire_owned() => {
                        memory.used.fetch_add(bytes, Ordering::AcqRel);
                        self.excess = Some(permit);
                        break;
                    }
                }
            }
        }
        self.held.bytes += bytes;
    }
}

#[wasmtime_wasi::async_trait]
impl ResourceLimiterAsync for InstanceMemory {
    async fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        if desired > MAX_INSTANCE_MEMORY || maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.take(desired.saturating_sub(current)).await;
        Ok(true)
    }

    async fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        Ok(desired <= MAX_TABLE)
    }
}

#[cfg(test)]
mod tests;
