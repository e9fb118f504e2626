//! Rate limits in the key-value store: the scratch pad, so they are approximate (it has no increment) and may be forgotten. What
//! must hold exactly, such as the lock after failed sign-ins, is in the database.
//!
//! Counters share 64 keys, since local stores hold 1,024 in all.

use std::collections::BTreeMap;

use crate::{Problem, host, key_value};

/// The most counters that are kept under one key: a crowd of addresses must not grow its value without bound.
const MOST: usize = 4096;

/// By caller: when the window ends, in seconds since 1970, and how often they were let through in it.
type Counters = BTreeMap<String, (i64, u32)>;

/// Lets `caller` through at most `max` times in each window of `window_s` seconds for `what`; 429 beyond. A store that does not answer lets
/// everybody through: limits protect the service, they are not the service.
pub async fn check(what: &str, caller: &str, max: u32, window_s: i64, now_ms: i64) -> Result<(), Problem> {
    let digest = host::sha256(format!("{what}\n{caller}").as_bytes());
    let key = format!("limit:{}", digest[0] % 64);
    let id = const_hex::encode(&digest[1..10]);
    let now_s = now_ms / 1000;
    let window = now_s / window_s;
    let Ok(kept) = key_value::get(&key, now_ms).await else { return Ok(()) };
    let mut counters: Counters = kept.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    counters.retain(|_, (ends_s, _)| *ends_s > now_s);
    let ends_s = (window + 1) * window_s;
    let counter = counters.entry(id).or_insert((ends_s, 0));
    if counter.0 > ends_s {
        // Counted before the clock was set back.
        *counter = (ends_s, 0);
    }
    if counter.1 >= max {
        return Err(Problem::too_many("too many requests", counter.0 - now_s));
    }
    counter.1 += 1;
    forget_least(&mut counters);
    if let Ok(bytes) = serde_json::to_vec(&counters) {
        // What could not be counted has been let through.
        let _ = key_value::set(&key, &bytes, now_ms).await;
    }
    Ok(())
}

/// Of more than [`MOST`], forgets those whose windows end first, and of these who has asked least: whoever is near their limit is not let off by
/// others.
fn forget_least(counters: &mut Counters) {
    while counters.len() > MOST {
        let least = counters.iter().min_by_key(|(_, counter)| **counter).map(|(id, _)| id.clone());
        let Some(least) = least else { return };
        counters.remove(&least);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_too_many_who_asked_least_is_forgotten() {
        let mut counters: Counters = (0..MOST).map(|number| (format!("{number:05}"), (60, 2))).collect();
        counters.insert("00000".to_owned(), (60, 100));
        counters.insert("04095".to_owned(), (120, 1));
        counters.insert("new".to_owned(), (60, 1));
        forget_least(&mut counters);
        assert_eq!(counters.len(), MOST);
        assert!(counters.contains_key("00000") && counters.contains_key("04095") && !counters.contains_key("new"));
    }
}
