//! Whose turn it is: how many requests a component works at, at once. The others wait, which costs neither an instance nor a core.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::manifest::Concurrency;

/// The most requests of one component that wait for the beginning of their response. Further ones queue. As many calls that admitted
/// requests make come beside them: were those to queue as well, the requests that make them could wait for one another.
const MAX_CONCURRENT_REQUESTS: usize = 32;

/// A turn, which ends when it is dropped.
pub struct TurnPermit(#[expect(dead_code, reason = "it is held")] OwnedSemaphorePermit);

impl From<OwnedSemaphorePermit> for TurnPermit {
    fn from(permit: OwnedSemaphorePermit) -> Self {
        Self(permit)
    }
}

/// The turns of one component, given in the order in which they are asked for; to calls that admitted requests make before all others.
pub struct Turns {
    free: Arc<Semaphore>,
    /// For calls of admitted requests when there is no other; none where turns are for what computes.
    beside: Option<Arc<Semaphore>>,
    /// Had by the one whose turn comes next, so that such a call waits behind one other at most.
    next: Semaphore,
    waiting: AtomicUsize,
    max_waiting: usize,
    max_wait: Duration,
    request_timeout: Duration,
}

impl Turns {
    /// As the manifest has it; a request waits for `timeout` where that does not say how long.
    pub fn new(concurrency: &Concurrency, request_timeout: Duration) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let beside = concurrency.max_computing.is_none().then(|| Arc::new(Semaphore::new(MAX_CONCURRENT_REQUESTS)));
        Self {
            free: Arc::new(Semaphore::new(turns(concurrency.max_computing, cores))),
            beside,
            next: Semaphore::new(1),
            waiting: AtomicUsize::new(0),
            max_waiting: concurrency.max_waiting.unwrap_or(usize::MAX),
            max_wait: concurrency.max_wait_seconds.map_or(request_timeout, Duration::from_secs).min(request_timeout),
            request_timeout,
        }
    }

    fn take_free(&self) -> Option<TurnPermit> {
        self.free.clone().try_acquire_owned().ok().map(TurnPermit)
    }

    /// A turn for a request. None when too many wait, or when it did not come in time.
    pub async fn take(&self) -> Option<TurnPermit> {
        if self.waiting.load(Ordering::Acquire) == 0
            && let Some(turn) = self.take_free()
        {
            return Some(turn);
        }
        let _waiting = Waiting::begin(&self.waiting, self.max_waiting)?;
        let turn = async {
            let _next = self.next.acquire().await.ok()?;
            self.free.clone().acquire_owned().await.ok()
        };
        timeout(self.max_wait, turn).await.ok()?.map(TurnPermit)
    }

    /// A turn for a call that an admitted request makes. None when it did not come in time.
    pub async fn take_inner(&self) -> Option<TurnPermit> {
        if let Some(turn) = self.take_free() {
            return Some(turn);
        }
        let turns = self.beside.as_ref().unwrap_or(&self.free);
        timeout(self.request_timeout, turns.clone().acquire_owned()).await.ok()?.ok().map(TurnPermit)
    }
}

/// How many turns there are on so many cores.
fn turns(max_computing: Option<usize>, cores: usize) -> usize {
    max_computing.map_or(MAX_CONCURRENT_REQUESTS, |most| most.min(cores / 2).max(1))
}

/// Counts who waits, also when a client leaves meanwhile.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn begin(waiting: &'a AtomicUsize, max: usize) -> Option<Self> {
        let is_room = waiting.fetch_add(1, Ordering::AcqRel) < max;
        let this = Self(waiting);
        is_room.then_some(this)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_at_a_time(max_waiting: usize) -> Turns {
        let concurrency = Concurrency { max_computing: Some(1), max_waiting: Some(max_waiting), max_wait_seconds: Some(5) };
        Turns::new(&concurrency, Duration::from_secs(30))
    }

    #[test]
    fn computing_leaves_half_of_the_cores_to_others() {
        let on = [1, 2, 3, 4, 64].map(|cores| turns(Some(2), cores));
        assert_eq!(on, [1, 1, 1, 2, 2]);
        assert_eq!(turns(None, 1), MAX_CONCURRENT_REQUESTS);
    }

    #[tokio::test]
    async fn who_waits_gets_the_next_turn_and_who_would_be_too_many_none() {
        let turns = one_at_a_time(1);
        let first = turns.take().await.expect("a turn");
        let (second, third) = (turns.take(), turns.take());
        tokio::pin!(second, third);
        assert!(futures::poll!(&mut second).is_pending());
        assert!(third.await.is_none(), "one waits already");
        drop(first);
        let second = second.await.expect("the next turn");
        drop(second);
        assert!(turns.take().await.is_some());
    }

    #[tokio::test]
    async fn calls_of_admitted_requests_wait_behind_one_other_at_most() {
        let turns = one_at_a_time(10);
        let first = turns.take().await.expect("a turn");
        let (second, third, inner) = (turns.take(), turns.take(), turns.take_inner());
        tokio::pin!(second, third, inner);
        assert!(futures::poll!(&mut second).is_pending() && futures::poll!(&mut third).is_pending());
        assert!(futures::poll!(&mut inner).is_pending());
        drop(first);
        drop(second.await.expect("it was next"));
        assert!(futures::poll!(&mut third).is_pending());
        drop(inner.await.expect("the turn after that"));
        assert!(third.await.is_some());
    }

    #[tokio::test]
    async fn calls_of_admitted_requests_have_turns_when_strangers_have_all_others() {
        let turns = Turns::new(&Concurrency::default(), Duration::from_secs(30));
        let mut held = Vec::new();
        for _ in 0..MAX_CONCURRENT_REQUESTS {
            held.push(turns.take().await.expect("a turn"));
        }
        let stranger = turns.take();
        tokio::pin!(stranger);
        assert!(futures::poll!(&mut stranger).is_pending());
        for _ in 0..MAX_CONCURRENT_REQUESTS {
            held.push(turns.take_inner().await.expect("a turn beside them"));
        }
        assert!(futures::poll!(Box::pin(turns.take_inner())).is_pending());
    }

    #[tokio::test]
    async fn who_leaves_does_not_wait_any_more() {
        let turns = one_at_a_time(1);
        let first = turns.take().await.expect("a turn");
        {
            let second = turns.take();
            tokio::pin!(second);
            assert!(futures::poll!(&mut second).is_pending());
        }
        let third = turns.take();
        tokio::pin!(third);
        assert!(futures::poll!(&mut third).is_pending());
        drop(first);
        assert!(third.await.is_some());
    }
}
