//! What a connection is doing.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

/// How long a client may take nothing of what is sent to it before its connection may be closed for another.
const STALLED: Duration = Duration::from_secs(5);

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Activity {
    /// Nothing has been read from it yet.
    New,
    /// It waits for a request.
    Idle,
    /// A request has begun to arrive.
    Receiving,
    /// A request has arrived, and its answer has not been sent whole.
    Serving,
    /// The answer is a stream of events, which ends when the client or the server wants.
    Streaming,
    /// The same for somebody who is not signed in.
    StreamingAnonymously,
}

/// In which order connections are closed for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// Nothing was received, or nothing since the last answer.
    Silent,
    /// A request that has not arrived whole.
    HalfSent,
    /// An answer of which the client takes nothing.
    Unread,
    /// A stream of events, whose client comes back for what it has missed.
    Stream,
}

/// An open connection.
pub struct Connection {
    /// The client's address.
    pub address: IpAddr,
    opened: Instant,
    activity: AtomicU8,
    /// When its last request ended, milliseconds after it was opened.
    idle_since_ms: AtomicU64,
    /// Since when the client takes nothing of what is sent, milliseconds after it was opened and one; 0 while it does.
    stalled_since_ms: AtomicU64,
    /// Cancelled when it is to be closed at once.
    pub closed: CancellationToken,
}

impl Connection {
    /// One that has just been opened.
    pub fn new(address: IpAddr) -> Self {
        Self {
            address,
            opened: Instant::now(),
            activity: AtomicU8::new(Activity::New as u8),
            idle_since_ms: AtomicU64::new(0),
            stalled_since_ms: AtomicU64::new(0),
            closed: CancellationToken::new(),
        }
    }

    /// What it is doing.
    pub fn activity(&self) -> Activity {
        match self.activity.load(Ordering::Acquire) {
            0 => Activity::New,
            1 => Activity::Idle,
            2 => Activity::Receiving,
            3 => Activity::Serving,
            4 => Activity::Streaming,
            _ => Activity::StreamingAnonymously,
        }
    }

    /// Sets what it is doing.
    pub fn set(&self, activity: Activity) {
        if activity == Activity::Idle {
            self.idle_since_ms.store(self.age_ms(), Ordering::Relaxed);
        }
        self.activity.store(activity as u8, Ordering::Release);
    }

    /// Whether it streams events.
    pub fn streams(&self) -> bool {
        matches!(self.activity(), Activity::Streaming | Activity::StreamingAnonymously)
    }

    /// Notes whether the client has taken something of what is sent to it, or the system's buffer for it is full.
    pub fn wrote(&self, is_taken: bool) {
        if !is_taken {
            let since = self.age_ms().saturating_add(1);
            self.stalled_since_ms.compare_exchange(0, since, Ordering::Relaxed, Ordering::Relaxed).ok();
        } else if self.stalled_since_ms.load(Ordering::Relaxed) != 0 {
            self.stalled_since_ms.store(0, Ordering::Relaxed);
        }
    }

    /// Since when the client takes nothing of what is sent to it; none while it does, or there is nothing.
    pub fn stalled_since(&self) -> Option<Instant> {
        let since = self.stalled_since_ms.load(Ordering::Relaxed).checked_sub(1)?;
        Some(self.opened + Duration::from_millis(since))
    }

    fn age_ms(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn idle_since(&self) -> Instant {
        self.opened + Duration::from_millis(self.idle_since_ms.load(Ordering::Relaxed))
    }

    /// Whether it may be closed for another, and how soon.
    pub fn closing_order(&self) -> Option<(Rank, Instant)> {
        if let Some(since) = self.stalled_since() {
            return (since.elapsed() >= STALLED).then_some((Rank::Unread, since));
        }
        match self.activity() {
            Activity::New | Activity::Idle => Some((Rank::Silent, self.idle_since())),
            Activity::Receiving => Some((Rank::HalfSent, self.idle_since())),
            Activity::StreamingAnonymously => Some((Rank::Stream, self.opened)),
            Activity::Serving | Activity::Streaming => None,
        }
    }
}
