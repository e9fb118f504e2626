//! What goes on after a handler has returned, such as writing the body of its response.
//!
//! wit-bindgen's own `spawn` keeps a list of futures (`FuturesUnordered`) that wakes itself whenever all of them wait: the task yields to the
//! host and is entered once more for nothing. Here each future is polled by its own waker, which the host's event wakes.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

type Background = Pin<Box<dyn Future<Output = ()>>>;

thread_local! {
    /// The futures that wait, by number.
    static WAITING: RefCell<BTreeMap<u64, Background>> = const { RefCell::new(BTreeMap::new()) };
    static NEXT: Cell<u64> = const { Cell::new(0) };
}

/// Begins `future` at once, and goes on with it when what it waits for has happened. It must wait for the host alone: the call that began it
/// does not end before what it asked of the host has.
pub fn run(future: impl Future<Output = ()> + 'static) {
    let number = NEXT.get();
    NEXT.set(number + 1);
    WAITING.with_borrow_mut(|waiting| waiting.insert(number, Box::pin(future)));
    Arc::new(Poller { number, is_woken: AtomicBool::new(false) }).wake();
}

struct Poller {
    number: u64,
    is_woken: AtomicBool,
}

impl Wake for Poller {
    fn wake(self: Arc<Self>) {
        self.is_woken.store(true, Ordering::Relaxed);
        // There is none while it is being polled: whoever does that polls it again.
        let Some(mut future) = WAITING.with_borrow_mut(|waiting| waiting.remove(&self.number)) else { return };
        let waker = Waker::from(Arc::clone(&self));
        while self.is_woken.swap(false, Ordering::Relaxed) {
            if future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                return;
            }
        }
        WAITING.with_borrow_mut(|waiting| waiting.insert(self.number, future));
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;
    use std::task::Poll;

    use super::*;

    fn left() -> usize {
        WAITING.with_borrow(BTreeMap::len)
    }

    #[test]
    fn what_waits_goes_on_when_it_is_woken_and_is_gone_when_it_is_done() {
        let (polls, waker) = (Rc::new(Cell::new(0)), Rc::new(RefCell::new(None::<Waker>)));
        run({
            let (polls, waker) = (Rc::clone(&polls), Rc::clone(&waker));
            std::future::poll_fn(move |cx| {
                polls.set(polls.get() + 1);
                waker.replace(Some(cx.waker().clone()));
                if polls.get() < 3 { Poll::Pending } else { Poll::Ready(()) }
            })
        });
        for (polled, waiting) in [(1, 1), (2, 1), (3, 0)] {
            assert_eq!((polls.get(), left()), (polled, waiting));
            if waiting > 0 {
                waker.take().expect("it was polled").wake();
            }
        }
        assert_eq!(Rc::strong_count(&polls), 1);
    }

    #[test]
    fn what_wakes_itself_is_polled_again() {
        let polls = Rc::new(Cell::new(0));
        run({
            let polls = Rc::clone(&polls);
            std::future::poll_fn(move |cx| {
                polls.set(polls.get() + 1);
                cx.waker().wake_by_ref();
                if polls.get() < 5 { Poll::Pending } else { Poll::Ready(()) }
            })
        });
        assert_eq!((polls.get(), left()), (5, 0));
    }
}
