//! The feeds: the public's, and one for each token that clients come with.
//!
//! The gateway has no credential and decides nothing about who may see what: a client with a token gets what the application streams to that
//! token. The application also ends that stream when the session ends, at the latest with its next comment; opening it again is then refused,
//! and the clients are sent away.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::feed::{Feed, State};
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::upstream::Upstream;

/// How long a client waits for its feed to come in.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many events of the public's feed are kept for those who come back.
const KEPT: usize = 5_000;

/// How many of them are from before the feed was opened. The application keeps at least as many.
const WARM: i64 = 1_000;

/// How many events of a token's feed are kept.
const KEPT_OF_SESSION: usize = 200;

/// How many streams there may be at once of clients who have missed what is not kept here: of those with a token, and of all others.
const REPLAYS: usize = 32;

/// Why a client gets no feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoFeed {
    /// The token is not valid.
    #[error("the token is not valid, or its session has ended")]
    Unauthorized,
    /// The application does not answer.
    #[error("the application does not answer")]
    Unavailable,
    /// Too many tokens are followed already.
    #[error("too many tokens are followed already")]
    TooMany,
}

/// The feeds.
pub struct Hub {
    upstream: Upstream,
    public: OnceLock<Arc<Feed>>,
    sessions: Mutex<HashMap<[u8; 32], Weak<Feed>>>,
    most_sessions: usize,
    public_replays: Arc<Semaphore>,
    /// Beside those: nobody in particular, taking their time, keeps an operator from what they have missed.
    session_replays: Arc<Semaphore>,
    metrics: Arc<Metrics>,
    next_client: AtomicU64,
}

impl Hub {
    /// None are followed yet.
    pub fn new(upstream: Upstream, limits: &Limits, metrics: Arc<Metrics>) -> Self {
        Self {
            upstream,
            public: OnceLock::new(),
            sessions: Mutex::default(),
            most_sessions: limits.sessions,
            public_replays: Arc::new(Semaphore::new(REPLAYS)),
            session_replays: Arc::new(Semaphore::new(REPLAYS)),
            metrics,
            next_client: AtomicU64::new(1),
        }
    }

    /// The number of a new client.
    pub fn next_client(&self) -> u64 {
        self.next_client.fetch_add(1, Ordering::Relaxed)
    }

    /// The public's feed, which is followed from the first call on.
    pub fn public(&self) -> &Arc<Feed> {
        self.public.get_or_init(|| Arc::new(self.start(None, (KEPT, WARM))))
    }

    /// The public's feed, if it is followed.
    pub fn public_if_followed(&self) -> Option<&Arc<Feed>> {
        self.public.get()
    }

    /// Whether the application answers.
    pub async fn is_ready(&self) -> bool {
        match self.public_if_followed() {
            Some(feed) => *feed.state().borrow() == State::Live,
            None => self.upstream.answers().await,
        }
    }

    /// How many tokens are followed.
    pub fn sessions(&self) -> usize {
        self.sessions.lock().values().filter(|feed| feed.strong_count() > 0).count()
    }

    fn start(&self, token: Option<String>, kept: (usize, i64)) -> Feed {
        let replays = if token.is_some() { &self.session_replays } else { &self.public_replays };
        Feed::start(self.upstream.clone(), token, kept, replays.clone(), self.metrics.clone())
    }

    /// The feed for a client with this token, or none, once it comes in.
    ///
    /// # Errors
    /// See [`NoFeed`].
    pub async fn feed(&self, token: Option<&str>) -> Result<Arc<Feed>, NoFeed> {
        let feed = match token {
            None => self.public().clone(),
            Some(token) => self.session(token)?,
        };
        let mut state = feed.state();
        // One that came in before comes in again: who comes meanwhile waits with the others.
        let known = timeout(PATIENCE, state.wait_for(|state| matches!(state, State::Live | State::Ended))).await;
        let known = known.map(|state| state.map(|state| *state));
        match known {
            Ok(Ok(State::Ended)) => Err(NoFeed::Unauthorized),
            Ok(Ok(_)) => Ok(feed),
            Ok(Err(_)) | Err(_) => Err(NoFeed::Unavailable),
        }
    }

    fn session(&self, token: &str) -> Result<Arc<Feed>, NoFeed> {
        let key: [u8; 32] = Sha256::digest(token).into();
        let mut sessions = self.sessions.lock();
        let followed = |feed: &Weak<Feed>| feed.upgrade().filter(|feed| *feed.state().borrow() != State::Ended);
        if let Some(feed) = sessions.get(&key).and_then(followed) {
            return Ok(feed);
        }
        sessions.retain(|_, feed| followed(feed).is_some());
        if sessions.len() >= self.most_sessions {
            return Err(NoFeed::TooMany);
        }
        let feed = Arc::new(self.start(Some(token.to_owned()), (KEPT_OF_SESSION, 0)));
        sessions.insert(key, Arc::downgrade(&feed));
        Ok(feed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_is_signed_in_catches_up_beside_all_others() {
        rustls::crypto::ring::default_provider().install_default().ok();
        let hub = Hub::new(Upstream::new("http://127.0.0.1:9").unwrap(), &Limits::default(), Arc::new(Metrics::new()));
        let (public, session) = (hub.public(), hub.session("a.b.c").unwrap());
        let all = u32::try_from(REPLAYS).unwrap();
        let _taken = public.replays().try_acquire_many(all).unwrap();
        assert!(session.replays().try_acquire_many(all).is_ok());
    }
}
