//! The key-value store, the scratch pad: what is in it may be forgotten at any moment, and nothing may wait for it.
//!
//! A store over a network can leave a call without an answer for minutes. Each call has [`PATIENCE_MS`]; after one that took longer the
//! instance leaves the store alone for [`PAUSE_MS`], so that requests neither wait one after the other nor pile calls up on it. The next
//! call after that finds out how it is.

use std::cell::Cell;

use crate::host;

/// How long a call may take, milliseconds.
pub const PATIENCE_MS: u64 = 500;

/// How long an instance leaves a store alone that did not answer, milliseconds.
pub const PAUSE_MS: i64 = 5_000;

/// The store did not answer: now, or a moment ago. The log says so once, and once when it answers again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key-value store does not answer")]
pub struct Unavailable;

/// The value of a key.
pub async fn get(key: &str, now_ms: i64) -> Result<Option<Vec<u8>>, Unavailable> {
    call(now_ms, store::get(key)).await
}

/// Sets the value of a key.
pub async fn set(key: &str, value: &[u8], now_ms: i64) -> Result<(), Unavailable> {
    call(now_ms, store::set(key, value)).await
}

thread_local! {
    static CIRCUIT: Circuit = const { Circuit { tried_at: Cell::new(None) } };
}

async fn call<T>(now_ms: i64, work: impl Future<Output = Result<T, String>>) -> Result<T, Unavailable> {
    if !CIRCUIT.with(|circuit| circuit.lets_through(now_ms)) {
        return Err(Unavailable);
    }
    let done = store::within(PATIENCE_MS, work).await;
    if CIRCUIT.with(|circuit| circuit.note(done.is_ok(), now_ms)) {
        match &done {
            Ok(_) => host::log("info", "the key-value store answers again", serde_json::json!({})),
            Err(cause) => host::log(
                "error",
                "the key-value store does not answer: rate limits let everything through meanwhile",
                serde_json::json!({ "cause": cause }),
            ),
        }
    }
    done.map_err(|_| Unavailable)
}

/// How it stands with the store, as far as this instance knows.
struct Circuit {
    /// Since the store does not answer: when it was last tried.
    tried_at: Cell<Option<i64>>,
}

impl Circuit {
    /// Whether a call is to be made. Of those that come after the pause the first one is; the others wait for what it finds out.
    fn lets_through(&self, now_ms: i64) -> bool {
        match self.tried_at.get() {
            // A moment in the future is one before the clock was set back.
            Some(tried_at) if (tried_at..tried_at + PAUSE_MS).contains(&now_ms) => false,
            Some(_) => {
                self.tried_at.set(Some(now_ms));
                true
            }
            None => true,
        }
    }

    /// Notes how a call ended; whether that is news.
    fn note(&self, answered: bool, now_ms: i64) -> bool {
        let before = self.tried_at.replace(if answered { None } else { Some(now_ms) });
        before.is_none() != answered
    }
}

#[cfg(target_family = "wasm")]
mod store {
    use futures::future::{Either, select};
    use spin_sdk::key_value::Store;
    use spin_sdk::wasip3::clocks::monotonic_clock::wait_for;

    pub async fn get(key: &str) -> Result<Option<Vec<u8>>, String> {
        open().await?.get(key).await.map_err(|error| error.to_string())
    }

    pub async fn set(key: &str, value: &[u8]) -> Result<(), String> {
        open().await?.set(key, value).await.map_err(|error| error.to_string())
    }

    async fn open() -> Result<Store, String> {
        Store::open_default().await.map_err(|error| error.to_string())
    }

    /// A call that is dropped is cancelled at the host.
    pub async fn within<T>(ms: u64, work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
        match select(std::pin::pin!(work), std::pin::pin!(wait_for(ms * 1_000_000))).await {
            Either::Left((done, _)) => done,
            Either::Right(_) => Err(format!("no answer within {ms} ms")),
        }
    }
}

/// Outside a component there is no store.
#[cfg(not(target_family = "wasm"))]
mod store {
    pub async fn get(_key: &str) -> Result<Option<Vec<u8>>, String> {
        Err("there is no key-value store outside Spin".to_owned())
    }

    pub async fn set(_key: &str, _value: &[u8]) -> Result<(), String> {
        Err("there is no key-value store outside Spin".to_owned())
    }

    pub async fn within<T>(_ms: u64, work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
        work.await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000_000;

    fn circuit() -> Circuit {
        Circuit { tried_at: Cell::new(None) }
    }

    #[test]
    fn a_store_that_does_not_answer_is_left_alone_for_a_while_and_then_tried_by_one() {
        let circuit = circuit();
        assert!(circuit.lets_through(NOW) && circuit.lets_through(NOW));
        circuit.note(false, NOW);
        assert!(!circuit.lets_through(NOW + 1) && !circuit.lets_through(NOW + PAUSE_MS - 1));
        let later = NOW + PAUSE_MS;
        assert!(circuit.lets_through(later) && !circuit.lets_through(later));
        circuit.note(false, later);
        assert!(!circuit.lets_through(later + PAUSE_MS - 1) && circuit.lets_through(later + PAUSE_MS));
        circuit.note(true, later + PAUSE_MS);
        assert!(circuit.lets_through(later + PAUSE_MS) && circuit.lets_through(later + PAUSE_MS));
    }

    #[test]
    fn a_clock_that_was_set_back_makes_no_longer_pause() {
        let circuit = circuit();
        circuit.note(false, NOW);
        assert!(circuit.lets_through(NOW - 60_000));
    }

    #[test]
    fn each_turn_of_things_is_told_once() {
        let circuit = circuit();
        let news = [true, false, false, true, true, false].map(|answered| circuit.note(answered, NOW));
        assert_eq!(news, [false, true, false, true, false, true]);
    }
}
