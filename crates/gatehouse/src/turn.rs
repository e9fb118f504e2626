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
        // Each side writes its own flag and then reads the other's: with less than one order of all four, both may read the old.
        self.woken.store(true, Ordering::SeqCst);
        if !self.polling.load(Ordering::SeqCst) {
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
            self.polling.store(true, Ordering::SeqCst);
            self.woken.store(false, Ordering::SeqCst);
            if let Poll::Ready(output) = future.as_mut().poll(&mut inner) {
                return Poll::Ready(output);
            }
            if !self.woken.load(Ordering::SeqCst) {
                let waiting = std::mem::take(&mut *self.waiting());
                if !waiting.is_empty() {
                    self.stalls.fetch_add(1, Ordering::AcqRel);
                    waiting.into_iter().for_each(Waker::wake);
                }
            }
            if self.woken.load(Ordering::SeqCst) {
                if begun.elapsed() < SLICE {
                    continue;
                }
                self.polling.store(false, Ordering::SeqCst);
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.polling.store(false, Ordering::SeqCst);
            if !self.woken.load(Ordering::SeqCst) {
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

    #[test]
    fn a_wake_from_another_thread_is_never_lost() {
        let (asked, asks) = std::sync::mpsc::channel::<Waker>();
        let waking = std::thread::spawn(move || asks.into_iter().for_each(Waker::wake));
        let turn = Arc::new(Turn::default());
        let mut left = 100_000;
        let mut due = std::pin::pin!(std::future::poll_fn(|cx| {
            left -= 1;
            if left == 0 {
                return Poll::Ready(());
            }
            asked.send(cx.waker().clone()).expect("somebody who wakes");
            Poll::Pending
        }));
        let woken = Arc::new(Parked::default());
        let waker = Waker::from(woken.clone());
        while turn.poll(&mut Context::from_waker(&waker), due.as_mut()).is_pending() {
            let begun = Instant::now();
            while !woken.0.swap(false, Ordering::SeqCst) {
                assert!(begun.elapsed() < Duration::from_secs(10), "a wake was lost");
                if begun.elapsed() > Duration::from_micros(50) {
                    // On a single core the other thread needs this one's place.
                    std::thread::yield_now();
                }
            }
        }
        drop(asked);
        waking.join().expect("a quiet end");
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
