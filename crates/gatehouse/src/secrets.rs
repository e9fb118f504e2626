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

/// The variables that are generated, 32 random bytes in base64url each; and what a new one ends, beside a database that has known another.
const GENERATED: [(&str, &str); 8] = [
    ("jwt_signing_key", "everybody has to sign in again"),
    ("ticket_signing_key", "tickets that were handed out are void"),
    ("camera_key", "passwords of cameras have to be entered again"),
    ("relay_secret", "the media relay needs the new secret"),
    ("tick_secret", "whoever calls /internal/tick needs the new secret"),
    ("webhook_secret", "receivers of webhooks need the new secret"),
    ("mail_link_key", "links to unsubscribe in mails that were sent are void"),
    ("admin_password", "nothing, where there is an administrator already"),
];

/// The file's name in the state directory.
pub const FILE: &str = SECRETS;

/// What to do when the file is damaged, which may have held any of them.
const REMEDY: &str = "Put back a copy of the file. Without one, write {} into it to have new secrets made: everybody has to sign in again, \
     tickets that were handed out are void, passwords of cameras have to be entered again, and receivers of webhooks need the new secret";

/// What to do when these secrets of a database are not to be found. Where the others are given, the file was never there, and a copy of it is not what
/// is missing: mostly it is a secret that this release has and the one before had not.
fn remedy(file: &Path, database: &Path, missing: &[(&str, &str)], are_others_given: bool) -> String {
    let (file, database) = (file.display(), database.display());
    let names: Vec<&str> = missing.iter().map(|(name, _)| *name).collect();
    let variables: Vec<String> = names.iter().map(|name| format!("SPIN_VARIABLE_{}", name.to_uppercase())).collect();
    let ends: Vec<String> = missing.iter().map(|(name, ends)| format!("{name}: {ends}")).collect();
    let (names, variables, ends) = (names.join(", "), variables.join(", "), ends.join("; "));
    let made = format!("What new ones end, if there were others: {ends}");
    if are_others_given {
        format!(
            "{names} is neither in the environment, where the other secrets are, nor in {file}, which is not there; {database} is. Set {variables}, or \
             write {{}} into {file} to have what is missing made and kept there. {made}"
        )
    } else {
        format!(
            "{file} is missing, but {database} is there, whose accounts and tickets it belongs to. Put back a copy of the file. Without one, write {{}} into \
             it to have new secrets made ({names}). {made}"
        )
    }
}

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
    let wanted: Vec<(&str, &str)> = GENERATED.into_iter().filter(|(name, _)| required(name)).collect();
    let missing: Vec<(&str, &str)> =
        wanted.iter().copied().filter(|(name, _)| provided(name).is_none() && !secrets.contains_key(*name)).collect();
    // In silence, new keys would sign everybody out and void every ticket that was sold.
    if !missing.is_empty()
        && !is_kept
        && let Some(database) = manifest.database_labels().map(|it| state.join(format!("{it}.db"))).find(|it| it.exists())
    {
        bail!(remedy(&path, &database, &missing, missing.len() < wanted.len()));
    }
    for (name, _) in missing {
        secrets.insert(name.to_owned(), random()?);
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
        let mut all: BTreeMap<String, String> = GENERATED.iter().map(|(name, _)| ((*name).to_owned(), seed())).collect();
        assert!(load_with(&all).is_ok(), "who has them elsewhere needs no file");
        // One that a release has added: the others are where they were, and no copy of a file is missing.
        all.remove("mail_link_key");
        let error = load_with(&all).unwrap_err().to_string();
        assert!(error.starts_with("mail_link_key is neither") && error.contains("SPIN_VARIABLE_MAIL_LINK_KEY"), "{error}");
        assert!(error.contains("write {} into") && !error.contains("copy of the file") && !error.contains("sign in again"), "{error}");
        assert!(!state.path().join(FILE).exists());
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
