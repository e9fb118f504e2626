//! Instances that have nothing to do, kept for whoever needs one next.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::memory::{IdleInstances, Memory};

/// An instance is dropped after it has been idle for this long.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// Idle instances of one kind.
pub struct Idle<T> {
    memory: Arc<Memory>,
    /// Each with since when. The most recently used one is last.
    instances: Mutex<Vec<(Instant, T)>>,
}

impl<T: Send> IdleInstances for Idle<T> {
    fn drop_oldest(&self) -> bool {
        let oldest = {
            let mut instances = self.instances.lock();
            if instances.is_empty() { None } else { Some(instances.remove(0)) }
        };
        // Outside the lock, as it takes a while.
        oldest.map(drop).is_some()
    }
}

impl<T: Send + 'static> Idle<T> {
    /// None yet. They are given up when others need their memory.
    pub fn new(memory: Arc<Memory>) -> Arc<Self> {
        let this = Arc::new(Self { memory: memory.clone(), instances: Mutex::default() });
        let idle: Arc<dyn IdleInstances> = this.clone();
        memory.add_idle(Arc::downgrade(&idle));
        this
    }

    /// The memory that they are part of.
    pub fn memory(&self) -> &Arc<Memory> {
        &self.memory
    }

    /// Takes the most recently used one.
    pub fn take(&self) -> Option<T> {
        self.instances.lock().pop().map(|(_, instance)| instance)
    }

    /// Keeps an instance that has nothing left to do, unless memory is scarce.
    pub fn keep(&self, instance: T) {
        if !self.memory.is_scarce() {
            self.instances.lock().push((Instant::now(), instance));
        }
    }

    /// Drops those that have been idle for too long.
    pub fn drop_expired(&self) {
        let expired: Vec<_> = {
            let mut instances = self.instances.lock();
            let expired = instances.iter().take_while(|(since, _)| since.elapsed() > IDLE_TIMEOUT).count();
            instances.drain(..expired).collect()
        };
        // Outside the lock, as it takes a while.
        drop(expired);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_one_that_was_used_is_taken_and_the_first_gives_way() {
        let memory = Memory::new(1 << 20);
        let idle = Idle::new(memory.clone());
        (1..=3).for_each(|instance| idle.keep(instance));
        assert_eq!(idle.take(), Some(3));
        assert!(idle.drop_oldest());
        idle.drop_expired();
        assert_eq!((idle.take(), idle.take(), idle.drop_oldest()), (Some(2), None, false));
    }
}
