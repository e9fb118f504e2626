//! Keys that are made of the signing key, one for each use, so that there is one secret to keep.

use hmac::Mac as _;
use kit::{Problem, config};
use sha2::Sha256;

/// A symmetric key.
pub type Key = [u8; 32];

/// HMAC-SHA-256.
pub type Hmac = hmac::Hmac<Sha256>;

/// The key for this use: a pseudo-random function of the variable `jwt_signing_key` (NIST SP 800-108). With that, it changes.
pub async fn derived(usage: &str) -> Result<Key, Problem> {
    let secret = config::get("jwt_signing_key").await?;
    let mut mac = new(secret.trim().as_bytes());
    mac.update(b"gatehouse ");
    mac.update(usage.as_bytes());
    Ok(mac.finalize().into_bytes().into())
}

/// An HMAC with this key.
pub fn hmac(key: &Key) -> Hmac {
    new(key)
}

fn new(key: &[u8]) -> Hmac {
    // HMAC takes a key of any length (RFC 2104 §2), so the alternative is never met.
    Hmac::new_from_slice(key).unwrap_or_else(|_| Hmac::new(&Default::default()))
}
