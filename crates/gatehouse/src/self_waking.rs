//! Polling a store's future again without the scheduler while it wakes itself, and noticing when it makes no more progress.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use futures::task::AtomicWaker;
use parking_lot::Mutex;

/// How long a future is polled before the scheduler runs others.
const TIME_SLICE: Duration = Duration::from_millis(5);

/// Polls a future again for as long as it wakes itself.
///
/// When a host call completes, or a body makes progress within an instance, the task of that same instance is woken. Polling it again
/// at once saves a round trip through the scheduler.
#[derive(Default)]
pub struct SelfWaking {
    woken: AtomicBool,
    polling: AtomicBool,
    task: AtomicWaker,
    /// How often the future has stalled while [`SelfWaking::poll_stalled`] was waiting.
    stalls: AtomicUsize,
    /// Woken at the next stall.
    stall_wakers: Mutex<Vec<Waker>>,
    /// How often the future has waited for something outside.
    pauses: AtomicUsize,
    cancelled: AtomicBool,
}

impl Wake for SelfWaking {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // This sets `woken` and reads `polling`; `poll` sets `polling` and reads `woken`. Without sequential consistency both could read
        // the old value, and the wake would be lost.
        self.woken.store(true, Ordering::SeqCst);
        if !self.polling.load(Ordering::SeqCst) {
            self.task.wake();
        }
    }
}

impl SelfWaking {
    /// Polls `future` until it is ready, waits for something outside, or has used up its time slice.
    pub fn poll<F: Future + ?Sized>(self: &Arc<Self>, cx: &mut Context<'_>, mut future: Pin<&mut F>) -> Poll<F::Output> {
        self.task.register(cx.waker());
        let waker = Waker::from(self.clone());
        let mut inner = Context::from_waker(&waker);
        let started = Instant::now();
        loop {
            self.polling.store(true, Ordering::SeqCst);
            self.woken.store(false, Ordering::SeqCst);
            if let Poll::Ready(output) = future.as_mut().poll(&mut inner) {
                return Poll::Ready(output);
            }
            if !self.woken.load(Ordering::SeqCst) {
                let waiting = std::mem::take(&mut *self.stall_wakers.lock());
                if !waiting.is_empty() {
                    self.stalls.fetch_add(1, Ordering::AcqRel);
                    waiting.into_iter().for_each(Waker::wake);
                }
            }
            if self.woken.load(Ordering::SeqCst) {
                if started.elapsed() < TIME_SLICE {
                    continue;
                }
                self.polling.store(false, Ordering::SeqCst);
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.polling.store(false, Ordering::SeqCst);
            if !self.woken.load(Ordering::SeqCst) {
                self.pauses.fetch_add(1, Ordering::Relaxed);
                return Poll::Pending;
            }
        }
    }

    /// How often the future has stalled: a point in time for [`SelfWaking::poll_stalled`].
    pub fn stalls(&self) -> usize {
        self.stalls.load(Ordering::Acquire)
    }

    /// To be polled within the future: ready once nothing in it has made progress since [`SelfWaking::stalls`] returned `since`.
    pub fn poll_stalled(&self, cx: &mut Context<'_>, since: usize) -> Poll<()> {
        if self.stalls() != since {
            return Poll::Ready(());
        }
        let mut waiting = self.stall_wakers.lock();
        // It may be polled again for another reason.
        if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// How often the future has waited for something outside. While it computes in a loop, this does not change.
    pub fn pauses(&self) -> usize {
        self.pauses.load(Ordering::Relaxed)
    }

    /// Asks whoever polls the future to drop it.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
        self.task.wake();
    }

    /// Whether [`SelfWaking::cancel`] was called.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn drive<F: Future>(future: F) -> (F::Output, usize) {
        let poller = Arc::new(SelfWaking::default());
        let mut future = std::pin::pin!(future);
        let mut polls = 0;
        let output = std::future::poll_fn(|cx| {
            polls += 1;
            poller.poll(cx, future.as_mut())
        });
        (output.await, polls)
    }

    #[tokio::test]
    async fn a_future_that_wakes_itself_is_polled_at_once() {
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
    async fn a_future_that_waits_for_a_timer_is_pending() {
        let ((), polls) = drive(tokio::time::sleep(Duration::from_millis(5))).await;
        assert!(polls >= 2);
    }

    #[test]
    fn a_wake_from_another_thread_is_never_lost() {
        let (asked, asks) = std::sync::mpsc::channel::<Waker>();
        let waking = std::thread::spawn(move || asks.into_iter().for_each(Waker::wake));
        let poller = Arc::new(SelfWaking::default());
        let mut left = 100_000;
        let mut due = std::pin::pin!(std::future::poll_fn(|cx| {
            left -= 1;
            if left == 0 {
                return Poll::Ready(());
            }
            asked.send(cx.waker().clone()).expect("the waking thread runs");
            Poll::Pending
        }));
        let woken = Arc::new(Parked::default());
        let waker = Waker::from(woken.clone());
        while poller.poll(&mut Context::from_waker(&waker), due.as_mut()).is_pending() {
            let begun = Instant::now();
            while !woken.0.swap(false, Ordering::SeqCst) {
                assert!(begun.elapsed() < Duration::from_secs(10), "a wake was lost");
                if begun.elapsed() > Duration::from_micros(50) {
                    // On a single core the other thread cannot run otherwise.
                    std::thread::yield_now();
                }
            }
        }
        drop(asked);
        waking.join().expect("the waking thread does not panic");
    }

    #[derive(Default)]
    struct Parked(AtomicBool);

    impl Wake for Parked {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    #[tokio::test]
    async fn a_stall_is_noticed() {
        let poller = Arc::new(SelfWaking::default());
        let inner = poller.clone();
        let mut future = std::pin::pin!(async move {
            let since = inner.stalls();
            std::future::poll_fn(|cx| inner.poll_stalled(cx, since)).await;
        });
        let mut cx = Context::from_waker(Waker::noop());
        assert!(poller.poll(&mut cx, future.as_mut()).is_ready());
    }
}
