//! Faults of what stands beside an application, set by tests while it runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;

/// What goes wrong; nothing at first. Clones are the same.
#[derive(Clone, Debug)]
pub struct Faults(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    key_value_hangs: watch::Sender<bool>,
    hanging: AtomicUsize,
}

impl Default for Faults {
    fn default() -> Self {
        Self(Arc::new(Shared { key_value_hangs: watch::Sender::new(false), hanging: AtomicUsize::new(0) }))
    }
}

/// A call that hangs, until it is dropped.
struct Hanging<'a>(&'a AtomicUsize);

impl Drop for Hanging<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Faults {
    /// Lets every call of the key-value store hang from now on, as Spin's does when its Redis is gone; or lets them go on.
    pub fn hang_key_value(&self, hangs: bool) {
        self.0.key_value_hangs.send_replace(hangs);
    }

    /// How many calls of the key-value store hang now.
    pub fn hanging_key_value_calls(&self) -> usize {
        self.0.hanging.load(Ordering::Relaxed)
    }

    /// Waits while the key-value store hangs.
    pub(crate) async fn key_value_call(&self) {
        let mut hangs = self.0.key_value_hangs.subscribe();
        if !*hangs.borrow() {
            return;
        }
        self.0.hanging.fetch_add(1, Ordering::Relaxed);
        let _hanging = Hanging(&self.0.hanging);
        // The sender lives as long as this.
        let _ = hangs.wait_for(|hangs| !hangs).await;
    }
}
