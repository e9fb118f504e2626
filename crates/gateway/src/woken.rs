//! Looking only at what has something to say.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures::task::AtomicWaker;

/// Polls something only when that has woken the task, not when anything else has.
///
/// A task that waits for several things asks all of them whenever one has come. Of thousands of clients that are told of an event that is the larger
/// part of the work: none of them has sent anything meanwhile, and finding that out takes to memory that is in no cache any more.
pub struct Woken {
    flag: Arc<Flag>,
    waker: Waker,
}

struct Flag {
    is_set: AtomicBool,
    task: AtomicWaker,
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_set.store(true, Ordering::Release);
        self.task.wake();
    }
}

impl Woken {
    /// Which polls the first time.
    pub fn new() -> Self {
        let flag = Arc::new(Flag { is_set: AtomicBool::new(true), task: AtomicWaker::new() });
        Self { waker: flag.clone().into(), flag }
    }

    /// What `poll` says, if what it polls has woken the task or was ready the last time. It is to be given the same things each time.
    pub fn poll<T>(&self, cx: &mut Context<'_>, poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        // Before the look at the flag: who sets it after that wakes this task.
        self.flag.task.register(cx.waker());
        if !self.flag.is_set.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        let polled = poll(&mut Context::from_waker(&self.waker));
        if polled.is_ready() {
            self.flag.is_set.store(true, Ordering::Release);
        }
        polled
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn nothing_is_missed_and_nothing_is_asked_in_vain() {
        const EACH: u32 = 10_000;
        let (often, mut from_often) = mpsc::channel::<u32>(4);
        let (seldom, mut from_seldom) = mpsc::channel::<u32>(4);
        let send = |sender: mpsc::Sender<u32>, count| async move {
            for number in 0..count {
                sender.send(number).await.unwrap();
            }
            // Until the other has read all of it.
            sender.closed().await;
        };
        let senders = [tokio::spawn(send(often, EACH)), tokio::spawn(send(seldom, EACH / 100))];
        let woken = Woken::new();
        let (mut got, mut asked) = ((0, 0), 0);
        let reading = async {
            while got != (EACH, EACH / 100) {
                tokio::select! {
                    biased;
                    number = from_often.recv() => {
                        assert_eq!(number, Some(got.0));
                        got.0 += 1;
                    }
                    number = poll_fn(|cx| woken.poll(cx, |cx| {
                        asked += 1;
                        from_seldom.poll_recv(cx)
                    })) => {
                        assert_eq!(number, Some(got.1));
                        got.1 += 1;
                    }
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), reading).await.unwrap();
        // For each that came, to find that there is no other, and when tokio has the task pause.
        assert!(asked < EACH / 10, "{asked}");
        drop((from_often, from_seldom));
        for sender in senders {
            sender.await.unwrap();
        }
    }
}
