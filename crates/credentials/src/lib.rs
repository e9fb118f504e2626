//! Names and passwords of cameras, sealed where they are stored: AES-256-GCM with the variable `camera_key`, bound to their camera. Used by the
//! cameras' component and by the import, so that what one seals the other opens.

use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Bytes of a nonce, which must never be the same twice under one key.
pub const NONCE: usize = 12;

/// A camera's name and password. No `Debug`: they must not reach a log.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// The name.
    pub username: String,
    /// The password; empty when there is none.
    pub password: String,
}

/// As they are stored.
pub struct Sealed {
    /// The nonce, and what is sealed.
    pub bytes: Vec<u8>,
    /// The id of the key.
    pub key: String,
}

/// A key, and the id by which what it has sealed names it.
pub struct Key {
    id: String,
    cipher: Aes256Gcm,
}

/// What ties a sealed text to its camera: moved to another one, it does not open.
fn bound_to(camera_id: &str) -> Vec<u8> {
    format!("gatehouse camera credentials 1 {}", camera_id.to_ascii_lowercase()).into_bytes()
}

impl Key {
    /// From 32 bytes in base64url; none for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64.decode(text.trim()).ok()?;
        let id = const_hex::encode(Sha256::digest(&bytes).get(..4)?);
        Some(Self { id, cipher: Aes256Gcm::new_from_slice(&bytes).ok()? })
    }

    /// Its id: the beginning of its SHA-256.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Seals with a nonce that was drawn for this alone. None only for what is far longer than any password.
    pub fn seal(&self, nonce: [u8; NONCE], camera_id: &str, credentials: &Credentials) -> Option<Sealed> {
        let text = serde_json::to_vec(credentials).ok()?;
        let payload = Payload { msg: &text, aad: &bound_to(camera_id) };
        let sealed = self.cipher.encrypt(&nonce.into(), payload).ok()?;
        Some(Sealed { bytes: [&nonce[..], &sealed].concat(), key: self.id.clone() })
    }

    /// Opens what it has sealed for this camera; none when the bytes are not that.
    pub fn open(&self, camera_id: &str, sealed: &[u8]) -> Option<Credentials> {
        let (nonce, text) = sealed.split_first_chunk::<NONCE>()?;
        let payload = Payload { msg: text, aad: &bound_to(camera_id) };
        let text = self.cipher.decrypt(&(*nonce).into(), payload).ok()?;
        serde_json::from_slice(&text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> Key {
        Key::parse(&BASE64.encode([byte; 32])).unwrap()
    }

    fn credentials() -> Credentials {
        Credentials { username: "admin".into(), password: "hunter2".into() }
    }

    #[test]
    fn what_is_sealed_is_opened_and_shows_nothing() {
        let sealed = key(1).seal([7; NONCE], "CAM-1", &credentials()).unwrap();
        assert!(key(1).open("cam-1", &sealed.bytes) == Some(credentials()));
        for part in [&b"admin"[..], b"hunter2"] {
            assert!(!sealed.bytes.windows(part.len()).any(|bytes| bytes == part));
        }
        assert!(key(2).open("CAM-1", &sealed.bytes).is_none() && key(2).id() != sealed.key);
        assert!(key(1).open("CAM-2", &sealed.bytes).is_none());
    }

    #[test]
    fn a_key_is_32_bytes() {
        assert!(Key::parse("short").is_none() && Key::parse("").is_none());
        assert!(Key::parse(&BASE64.encode([1; 31])).is_none() && Key::parse(&BASE64.encode([1; 33])).is_none());
    }
}
