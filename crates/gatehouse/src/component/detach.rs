//! Futures that outlive the task that polls them.

use std::pin::Pin;
use std::task::Context;

use tokio::time::{Instant, timeout_at};

use super::turns::TurnPermit;

/// A future that is polled in place. Dropped before it is ready, it goes on as a task of the runtime: an instance finishes its work,
/// as on Spin, when the client that waits for it disconnects.
///
/// It has its turn until then, and keeps it when it goes on by itself: who disconnects does not make room for more work than is allowed at once.
pub struct DetachOnDrop {
    future: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    turn: Option<TurnPermit>,
    deadline: Instant,
}

impl DetachOnDrop {
    /// Wraps a future that has a turn, until the deadline at most.
    pub fn new(future: impl Future<Output = ()> + Send + 'static, turn: TurnPermit, deadline: Instant) -> Self {
        Self { future: Some(Box::pin(future)), turn: Some(turn), deadline }
    }

    /// Gives the turn to others.
    pub fn end_turn(&mut self) {
        self.turn = None;
    }

    /// Polls the future, unless it was ready before.
    pub fn poll(&mut self, cx: &mut Context<'_>) {
        if let Some(future) = &mut self.future
            && future.as_mut().poll(cx).is_ready()
        {
            self.future = None;
        }
    }

    /// Drops the future, wherever it is.
    pub fn cancel(mut self) {
        self.future = None;
    }
}

impl Drop for DetachOnDrop {
    fn drop(&mut self) {
        let (turn, deadline) = (self.turn.take(), self.deadline);
        if let Some(mut future) = self.future.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async move {
                if timeout_at(deadline, &mut future).await.is_err() {
                    drop(turn);
                    future.await;
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::sync::{Notify, Semaphore};

    use super::*;

    #[tokio::test]
    async fn work_that_goes_on_by_itself_keeps_its_turn_until_it_is_done() {
        let (turns, done) = (Arc::new(Semaphore::new(1)), Arc::new(Notify::new()));
        let work = {
            let done = done.clone();
            async move { done.notified().await }
        };
        let turn = turns.clone().try_acquire_owned().unwrap().into();
        drop(DetachOnDrop::new(work, turn, Instant::now() + Duration::from_secs(60)));
        tokio::task::yield_now().await;
        assert_eq!(turns.available_permits(), 0, "its client has left, and it computes on");
        done.notify_one();
        drop(tokio::time::timeout(Duration::from_secs(5), turns.acquire()).await.expect("a turn").unwrap());
    }

    #[tokio::test]
    async fn a_response_that_has_begun_and_work_that_is_cancelled_end_the_turn() {
        let turns = Arc::new(Semaphore::new(1));
        let begin = || {
            let turn = turns.clone().try_acquire_owned().unwrap().into();
            DetachOnDrop::new(std::future::pending(), turn, Instant::now() + Duration::from_secs(60))
        };
        let mut responded = begin();
        responded.end_turn();
        assert_eq!(turns.available_permits(), 1);
        drop(responded);
        begin().cancel();
        assert_eq!(turns.available_permits(), 1);
    }
}
