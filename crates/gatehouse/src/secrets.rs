//! Secrets that are generated once per state directory. On Spin they are required variables.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ed25519_compact::{KeyPair, Seed};

use crate::file::write_atomically;
use crate::manifest::Manifest;
use crate::private_files::{SECRETS, create_directory};
use crate::variables::from_environment;

/// The variables of Ed25519 seeds, each with that of the public key.
const KEY_PAIRS: [(&str, &str); 2] = [("jwt_signing_key", "jwt_public_keys"), ("ticket_signing_key", "ticket_public_keys")];

/// The variables that are generated: 32 random bytes in base64url.
const GENERATED: [&str; 8] = [
    "jwt_signing_key",
    "ticket_signing_key",
    "camera_key",
    "relay_secret",
    "tick_secret",
    "webhook_secret",
    "mail_link_key",
    "admin_password",
];

/// The file's name in the state directory.
pub const FILE: &str = SECRETS;

/// What to do when the secrets of a database are lost.
const REMEDY: &str = "Put back a copy of the file. Without one, write {} into it to have new secrets made: everybody has to sign in again, \
     tickets that were handed out are void, passwords of cameras have to be entered again, and receivers of webhooks need the new secret";

/// Reads the secrets of the state directory. Generates those that the manifest requires and that neither `given` nor the environment
/// provides.
///
/// # Errors
/// If the file cannot be read or written, if it is missing beside a database, or if a signing key is not a seed.
pub fn load(state: &Path, manifest: &Manifest, given: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>> {
    let path = state.join(FILE);
    let kept: Option<BTreeMap<String, String>> = match std::fs::read(&path) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).with_context(|| format!("{} is damaged. {REMEDY}", path.display()))?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let is_kept = kept.is_some();
    let mut secrets = kept.unwrap_or_default();
    let required = |name: &str| manifest.variables.get(name).is_some_and(|it| it.required);
    let provided = |name: &str| given.get(name).cloned().or_else(|| from_environment(name));
    let before = secrets.len();
    for name in GENERATED {
        if required(name) && provided(name).is_none() && !secrets.contains_key(name) {
            // In silence, new keys would sign everybody out and void every ticket that was sold.
            if !is_kept && let Some(database) = manifest.database_labels().map(|it| state.join(format!("{it}.db"))).find(|it| it.exists()) {
                bail!(
                    "{} is missing, but {} is there, whose accounts and tickets it belongs to. {REMEDY}",
                    path.display(),
                    database.display()
                );
            }
            secrets.insert(name.to_owned(), random()?);
        }
    }
    if secrets.len() != before {
        write(&path, &secrets)?;
    }
    // Not stored, as they are derived from the signing keys, wherever those come from.
    for (signing, public) in KEY_PAIRS {
        if required(public)
            && let Some(seed) = provided(signing).or_else(|| secrets.get(signing).cloned())
        {
            secrets.insert(public.to_owned(), public_key(&seed).with_context(|| format!("{signing} is invalid"))?);
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
    Ok(BASE64.encode(*KeyPair::from_seed(Seed::from_slice(&seed)?).pk))
}

fn write(path: &Path, secrets: &BTreeMap<String, String>) -> Result<()> {
    // `gatehouse secrets` may run before `up` has created the directory.
    if let Some(state) = path.parent() {
        create_directory(state)?;
    }
    write_atomically(path, &serde_json::to_vec_pretty(secrets)?).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_generated_once_also_without_a_state_directory() {
        let directory = std::env::temp_dir().join(format!("gatehouse-secrets-{}", std::process::id()));
        let state = directory.join("not/yet");
        let manifest = Manifest::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spin.toml")).unwrap();
        let made = load(&state, &manifest, &BTreeMap::new()).unwrap();
        for name in ["jwt_signing_key", "jwt_public_keys", "ticket_signing_key", "ticket_public_keys", "camera_key", "tick_secret"] {
            assert!(made.get(name).is_some_and(|value| value.len() >= 43), "{name}");
        }
        assert_eq!(load(&state, &manifest, &BTreeMap::new()).unwrap(), made);
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn beside_a_database_no_new_secrets_are_made_unless_asked_for() {
        let state = tempfile::tempdir().unwrap();
        let manifest = Manifest::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spin.toml")).unwrap();
        let load_with = |given: &BTreeMap<String, String>| load(state.path(), &manifest, given);
        std::fs::write(state.path().join("default.db"), "").unwrap();
        let error = load_with(&BTreeMap::new()).unwrap_err().to_string();
        assert!(error.contains("secrets.json is missing") && error.contains("write {} into it"), "{error}");
        assert!(!state.path().join(FILE).exists());
        let seed = || String::from("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A");
        let all = GENERATED.iter().map(|name| ((*name).to_owned(), seed())).collect();
        assert!(load_with(&all).is_ok(), "who has them elsewhere needs no file");
        for damaged in ["", "{", "[]"] {
            std::fs::write(state.path().join(FILE), damaged).unwrap();
            let error = load_with(&BTreeMap::new()).unwrap_err().to_string();
            assert!(error.contains("is damaged. Put back a copy"), "{error}");
        }
        std::fs::write(state.path().join(FILE), "{}").unwrap();
        assert_eq!(load_with(&BTreeMap::new()).unwrap(), load_with(&BTreeMap::new()).unwrap());
    }

    #[test]
    fn the_public_key_is_derived_from_the_seed() {
        // RFC 8032 §7.1, test 1.
        let seed = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
        assert_eq!(public_key(seed).unwrap(), "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        assert!(public_key("short").is_err());
    }
}
