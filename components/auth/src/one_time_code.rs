//! One-time codes: six digits that are mailed to an address, and tried by who reads it (domain::one_time_code).

use domain::one_time_code::from_random;
use hmac::Mac as _;
use kit::{Answer, host};

use crate::keys;

kit::text_type! {
    /// A one-time code: six digits.
    pub struct Code, "must be the six digits that were sent", pattern: "^[0-9]{6}$",
    |code: &str| code.len() == 6 && code.bytes().all(|digit| digit.is_ascii_digit())
}

/// Six random digits.
pub fn new_code() -> Answer<String> {
    loop {
        if let Some(code) = from_random(u32::from_le_bytes(host::random::<4>()?)) {
            return Ok(code);
        }
    }
}

/// The key of the hashes of codes for forgotten passwords, and under what an address is kept.
pub struct Hashes {
    key: keys::Key,
    /// Of the address.
    pub address: [u8; 32],
}

impl Hashes {
    /// Of what is kept for this address, in lower case.
    pub async fn of(email: &str) -> Answer<Self> {
        let key = keys::derived("password reset").await?;
        let address = digest(&key, &["address", email]);
        Ok(Self { key, address })
    }

    /// Of a code. The id of what it was sent for makes each differ.
    pub fn code(&self, id: &str, code: &str) -> [u8; 32] {
        digest(&self.key, &["code", id, code])
    }

    /// Whether a code is the one that was sent.
    pub fn is_code(&self, id: &str, hash: &[u8], code: &str) -> bool {
        let mut mac = keys::hmac(&self.key);
        update(&mut mac, &["code", id, code]);
        mac.verify_slice(hash).is_ok()
    }
}

fn digest(key: &keys::Key, parts: &[&str]) -> [u8; 32] {
    let mut mac = keys::hmac(key);
    update(&mut mac, parts);
    mac.finalize().into_bytes().into()
}

fn update(mac: &mut keys::Hmac, parts: &[&str]) {
    for part in parts {
        mac.update(part.as_bytes());
        mac.update(b"\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_hashed_with_its_request_and_the_key() {
        let hashes = Hashes { key: [7; 32], address: [0; 32] };
        let hash = hashes.code("r-1", "048151");
        assert!(hashes.is_code("r-1", &hash, "048151"));
        assert!(!hashes.is_code("r-1", &hash, "048152"));
        assert!(!hashes.is_code("r-2", &hash, "048151"));
        assert!(!Hashes { key: [8; 32], address: [0; 32] }.is_code("r-1", &hash, "048151"));
        assert_ne!(digest(&[7; 32], &["a", "bc"]), digest(&[7; 32], &["ab", "c"]), "parts do not run together");
    }
}
