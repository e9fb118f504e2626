//! Driving a store without going back to the scheduler for what can go on at once, and noticing when it cannot.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use futures::task::AtomicWaker;

/// How long a future may go on before others get their turn.
const SLICE: Duration = Duration::from_millis(5);

/// Polls a future again for as long as it wakes itself.
///
/// A host call that completes, a body that moves on within an instance: each wakes the instance's own task. Handled here they
/// cost a loop's turn instead of the scheduler's.
#[derive(Default)]
pub struct Turn {
    woken: AtomicBool,
    polling: AtomicBool,
    parent: AtomicWaker,
    /// Those who want to know when nothing moves any more.
    stalls: AtomicUsize,
    stalled: Mutex<Vec<Waker>>,
    /// How often the future has had nothing to do but wait.
    rests: AtomicUsize,
    stopped: AtomicBool,
}

impl Wake for Turn {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        if !self.polling.load(Ordering::Acquire) {
            self.parent.wake();
        }
    }
}

impl Turn {
    /// Polls `future` until it is ready or waits for something outside.
    pub fn poll<F: Future + ?Sized>(self: &Arc<Self>, cx: &mut Context<'_>, mut future: Pin<&mut F>) -> Poll<F::Output> {
        self.parent.register(cx.waker());
        let waker = Waker::from(self.clone());
        let mut inner = Context::from_waker(&waker);
        let begun = Instant::now();
        loop {
            self.polling.store(true, Ordering::Release);
            self.woken.store(false, Ordering::Release);
            if let Poll::Ready(output) = future.as_mut().poll(&mut inner) {
                return Poll::Ready(output);
            }
            if !self.woken.load(Ordering::Acquire) {
                let waiting = std::mem::take(&mut *self.waiting());
                if !waiting.is_empty() {
                    self.stalls.fetch_add(1, Ordering::AcqRel);
                    waiting.into_iter().for_each(Waker::wake);
                }
            }
            if self.woken.load(Ordering::Acquire) {
                if begun.elapsed() < SLICE {
                    continue;
                }
                self.polling.store(false, Ordering::Release);
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.polling.store(false, Ordering::Release);
            if !self.woken.load(Ordering::Acquire) {
                self.rests.fetch_add(1, Ordering::Relaxed);
                return Poll::Pending;
            }
        }
    }

    /// Within the future: ready once nothing within it moves any more, beginning with `since`, see [`Turn::stalls`].
    pub fn poll_stalled(&self, cx: &mut Context<'_>, since: usize) -> Poll<()> {
        if self.stalls() != since {
            return Poll::Ready(());
        }
        self.waiting().push(cx.waker().clone());
        Poll::Pending
    }

    /// How often the future has had nothing to do but wait: one that never does is caught in a loop.
    pub fn rests(&self) -> usize {
        self.rests.load(Ordering::Relaxed)
    }

    /// Asks whoever drives the future to drop it.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.parent.wake();
    }

    /// Whether it is to be dropped.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waker>> {
        self.stalled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often nothing has moved any more while somebody wanted to know.
    pub fn stalls(&self) -> usize {
        self.stalls.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn drive<F: Future>(future: F) -> (F::Output, usize) {
        let turn = Arc::new(Turn::default());
        let mut future = std::pin::pin!(future);
        let mut polls = 0;
        let output = std::future::poll_fn(|cx| {
            polls += 1;
            turn.poll(cx, future.as_mut())
        });
        (output.await, polls)
    }

    #[tokio::test]
    async fn what_wakes_itself_goes_on_at_once() {
        let mut left = 10;
        let ((), polls) = drive(std::future::poll_fn(|cx| {
            left -= 1;
            if left == 0 {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        }))
        .await;
        assert_eq!(polls, 1);
    }

    #[tokio::test]
    async fn what_waits_for_a_timer_waits() {
        let ((), polls) = drive(tokio::time::sleep(Duration::from_millis(5))).await;
        assert!(polls >= 2);
    }

    #[tokio::test]
    async fn a_stall_is_noticed() {
        let turn = Arc::new(Turn::default());
        let inner = turn.clone();
        let mut future = std::pin::pin!(async move {
            let since = inner.stalls();
            std::future::poll_fn(|cx| inner.poll_stalled(cx, since)).await;
        });
        let mut cx = Context::from_waker(Waker::noop());
        assert!(turn.poll(&mut cx, future.as_mut()).is_ready());
    }
}
