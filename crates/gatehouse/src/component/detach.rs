//! Futures that outlive the task that polls them.

use std::pin::Pin;
use std::task::Context;

/// A future that is polled in place. Dropped before it is ready, it goes on as a task of the runtime: an instance finishes its work,
/// as on Spin, when the client that waits for it disconnects.
pub struct DetachOnDrop(Option<Pin<Box<dyn Future<Output = ()> + Send>>>);

impl DetachOnDrop {
    /// Wraps a future.
    pub fn new(future: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(Some(Box::pin(future)))
    }

    /// Polls the future, unless it was ready before.
    pub fn poll(&mut self, cx: &mut Context<'_>) {
        if let Some(future) = &mut self.0
            && future.as_mut().poll(cx).is_ready()
        {
            self.0 = None;
        }
    }

    /// Drops the future, wherever it is.
    pub fn cancel(mut self) {
        self.0 = None;
    }
}

impl Drop for DetachOnDrop {
    fn drop(&mut self) {
        if let Some(future) = self.0.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(future);
        }
    }
}
