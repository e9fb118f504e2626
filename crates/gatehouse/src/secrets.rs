//! The secrets that the native program makes once: on Spin they are required variables.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jwt_simple::algorithms::Ed25519KeyPair;

use crate::manifest::Manifest;
use crate::variables::from_environment;

/// The signing keys, each with the variable that tells its public key: one pair for each purpose.
const PAIRS: [(&str, &str); 2] = [("jwt_signing_key", "jwt_public_keys"), ("ticket_signing_key", "ticket_public_keys")];

/// The variables that can be made: random bytes in base64url.
const RANDOM: [&str; 5] = ["jwt_signing_key", "ticket_signing_key", "tick_secret", "webhook_secret", "admin_password"];

/// What stands before an Ed25519 seed in PKCS #8 (RFC 8410 §7).
const PKCS8_HEAD: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// The file's name in the state directory.
pub const FILE: &str = "secrets.json";

/// Reads the secrets of the state directory; makes those that the manifest requires and nothing gives.
pub fn load(state: &Path, manifest: &Manifest, given: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>> {
    let path = state.join(FILE);
    let mut secrets: BTreeMap<String, String> = match std::fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| format!("cannot read {}", path.display()))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let required = |name: &str| manifest.variables.get(name).is_some_and(|it| it.required);
    let otherwise = |name: &str| given.get(name).cloned().or_else(|| from_environment(name));
    let before = secrets.len();
    for name in RANDOM {
        if required(name) && otherwise(name).is_none() && !secrets.contains_key(name) {
            secrets.insert(name.to_owned(), random()?);
        }
    }
    if secrets.len() != before {
        write(&path, &secrets)?;
    }
    // Not kept: they follow from the signing keys, wherever those come from.
    for (signing, public) in PAIRS {
        if required(public)
            && let Some(seed) = otherwise(signing).or_else(|| secrets.get(signing).cloned())
        {
            secrets.insert(public.to_owned(), public_key(&seed).with_context(|| format!("{signing} is of no use"))?);
        }
    }
    Ok(secrets)
}

fn random() -> Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no random bytes: {error}"))?;
    Ok(BASE64.encode(bytes))
}

/// The Ed25519 public key of a seed, both in base64url.
fn public_key(seed: &str) -> Result<String> {
    let seed = BASE64.decode(seed).ok().filter(|it| it.len() == 32);
    let seed = seed.context("it must be 32 bytes in base64url")?;
    let der = [&PKCS8_HEAD[..], &seed].concat();
    let pair = Ed25519KeyPair::from_der(&der).map_err(|_| anyhow::anyhow!("it is no Ed25519 seed"))?;
    Ok(BASE64.encode(pair.public_key().to_bytes()))
}

fn write(path: &Path, secrets: &BTreeMap<String, String>) -> Result<()> {
    // `gatehouse secrets` may be the first thing that is ever run here.
    if let Some(state) = path.parent() {
        std::fs::create_dir_all(state).with_context(|| format!("cannot make {}", state.display()))?;
    }
    let part = path.with_extension("part");
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
    file.write_all(&serde_json::to_vec_pretty(secrets)?)?;
    file.sync_all()?;
    std::fs::rename(&part, path).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_made_once_also_where_nothing_is_yet() {
        let directory = std::env::temp_dir().join(format!("gatehouse-secrets-{}", std::process::id()));
        let state = directory.join("not/yet");
        let manifest = Manifest::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spin.toml")).unwrap();
        let made = load(&state, &manifest, &BTreeMap::new()).unwrap();
        for name in ["jwt_signing_key", "jwt_public_keys", "ticket_signing_key", "ticket_public_keys", "tick_secret"] {
            assert!(made.get(name).is_some_and(|value| value.len() >= 43), "{name}");
        }
        assert_eq!(load(&state, &manifest, &BTreeMap::new()).unwrap(), made);
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn the_public_key_follows_from_the_seed() {
        // RFC 8032 §7.1, test 1.
        let seed = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
        assert_eq!(public_key(seed).unwrap(), "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        assert!(public_key("short").is_err());
    }
}
