//! Names and passwords of cameras, sealed where they are stored: AES-256-GCM with the variable `camera_key`, bound to their camera.
//!
//! Each is kept with the id of its key. After a change of the key, those of `camera_old_keys` are still opened; the scheduled run seals them anew.

pub use gatehouse_credentials::{Credentials, Sealed};
use gatehouse_credentials::{Key, NONCE};
use kit::{Answer, Problem, config, host};

/// The keys of this installation.
pub struct Keys {
    current: Key,
    old: Vec<Key>,
}

impl Keys {
    /// From the variables.
    pub async fn load() -> Answer<Self> {
        let refused = |name: &str| Problem::internal(format!("{name} is not 32 bytes in base64url"));
        let current = Key::parse(&config::get("camera_key").await?).ok_or_else(|| refused("camera_key"))?;
        let old = config::list("camera_old_keys").await?;
        let old = old.iter().map(|key| Key::parse(key).ok_or_else(|| refused("camera_old_keys"))).collect::<Answer<_>>()?;
        Ok(Self { current, old })
    }

    /// The id of the key that is sealed with.
    pub fn id(&self) -> &str {
        self.current.id()
    }

    /// Seals.
    pub fn seal(&self, camera_id: &str, credentials: &Credentials) -> Answer<Sealed> {
        let sealed = self.current.seal(host::random::<NONCE>()?, camera_id, credentials);
        sealed.ok_or_else(|| Problem::internal("credentials cannot be sealed"))
    }

    /// Opens; an error of ours when the key is not there any more, or the bytes are not what was sealed.
    pub fn open(&self, camera_id: &str, sealed: &Sealed) -> Answer<Credentials> {
        let key = std::iter::once(&self.current).chain(&self.old).find(|key| key.id() == sealed.key);
        let key = key.ok_or_else(|| {
            Problem::internal(format!(
                "the credentials of a camera are sealed with the key {}, which camera_old_keys does not have",
                sealed.key
            ))
        })?;
        key.open(camera_id, &sealed.bytes).ok_or_else(|| Problem::internal("the credentials of a camera are damaged"))
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

    use super::*;

    fn keys(current: u8, old: &[u8]) -> Keys {
        let key = |byte: &u8| Key::parse(&BASE64.encode([*byte; 32])).unwrap();
        Keys { current: key(&current), old: old.iter().map(key).collect() }
    }

    fn credentials() -> Credentials {
        Credentials { username: "admin".into(), password: "hunter2".into() }
    }

    #[test]
    fn what_is_sealed_is_opened_and_shows_nothing() {
        let keys = keys(1, &[]);
        let sealed = keys.seal("CAM-1", &credentials()).unwrap();
        assert!(keys.open("cam-1", &sealed).unwrap() == credentials());
        for part in [&b"admin"[..], b"hunter2"] {
            assert!(!sealed.bytes.windows(part.len()).any(|bytes| bytes == part));
        }
        assert_ne!(keys.seal("CAM-1", &credentials()).unwrap().bytes, sealed.bytes);
    }

    #[test]
    fn it_opens_for_its_camera_alone_and_only_whole() {
        let keys = keys(1, &[]);
        let sealed = keys.seal("CAM-1", &credentials()).unwrap();
        assert!(keys.open("CAM-2", &sealed).is_err());
        for at in 0..sealed.bytes.len() {
            let mut bytes = sealed.bytes.clone();
            bytes[at] ^= 1;
            assert!(keys.open("CAM-1", &Sealed { bytes, key: sealed.key.clone() }).is_err(), "{at}");
        }
        assert!(keys.open("CAM-1", &Sealed { bytes: vec![1; 5], key: sealed.key.clone() }).is_err());
    }

    #[test]
    fn an_old_key_opens_and_does_not_seal() {
        let sealed = keys(1, &[]).seal("CAM-1", &credentials()).unwrap();
        let rotated = keys(2, &[1]);
        assert!(rotated.open("CAM-1", &sealed).unwrap() == credentials());
        assert_eq!(rotated.seal("CAM-1", &credentials()).unwrap().key, rotated.id());
        assert!(keys(2, &[]).open("CAM-1", &sealed).err().unwrap().cause().unwrap().contains(&sealed.key));
        assert!(Key::parse("short").is_none() && Key::parse("").is_none());
    }
}
