//! Rate limits in the key-value store: the scratch pad, so they are approximate (it has no increment) and may be forgotten. What
//! must hold exactly, such as the lock after failed sign-ins, is in the database.
//!
//! Counters share 64 keys, since local stores hold 1,024 in all.

use std::collections::BTreeMap;

use crate::{Problem, host};

/// Lets `caller` through at most `max` times in each window of `window_s` seconds for `what`; 429 beyond.
pub async fn check(what: &str, caller: &str, max: u32, window_s: i64, now_ms: i64) -> Result<(), Problem> {
    let digest = host::sha256(format!("{what}\n{caller}").as_bytes());
    let key = format!("limit:{}", digest[0] % 64);
    let id = const_hex::encode(&digest[1..10]);
    let now_s = now_ms / 1000;
    let window = now_s / window_s;
    let mut counters: BTreeMap<String, (i64, u32)> =
        store::get(&key).await.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    counters.retain(|_, (ends_s, _)| *ends_s > now_s);
    let ends_s = (window + 1) * window_s;
    let counter = counters.entry(id).or_insert((ends_s, 0));
    if counter.1 >= max {
        return Err(Problem::too_many("too many requests", counter.0 - now_s));
    }
    counter.1 += 1;
    // A crowd of addresses must not grow the value without bound: the oldest windows are forgotten first.
    while counters.len() > 4096 {
        counters.pop_first();
    }
    if let Ok(bytes) = serde_json::to_vec(&counters) {
        store::set(&key, &bytes).await;
    }
    Ok(())
}

/// A store that does not answer lets requests through: limits protect the service, they are not the service.
#[cfg(target_family = "wasm")]
mod store {
    use spin_sdk::key_value::Store;

    pub async fn get(key: &str) -> Option<Vec<u8>> {
        Store::open_default().await.ok()?.get(key).await.ok().flatten()
    }

    pub async fn set(key: &str, value: &[u8]) {
        if let Ok(store) = Store::open_default().await {
            let _ = store.set(key, value).await;
        }
    }
}

#[cfg(not(target_family = "wasm"))]
mod store {
    pub async fn get(_key: &str) -> Option<Vec<u8>> {
        None
    }

    pub async fn set(_key: &str, _value: &[u8]) {}
}
