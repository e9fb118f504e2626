//! The credentials file: the demo users' passwords and the devices' keys, for people, the simulator and tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::api::{self, Api, Deployment};
use crate::file::write_atomically;

/// What the credentials file holds.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Credentials {
    /// The base URL of the deployment.
    pub base_url: String,
    /// By role: `admin`, `operator`, `visitor`.
    #[serde(default)]
    pub users: BTreeMap<String, User>,
    /// Device keys by device code.
    #[serde(default)]
    pub devices: BTreeMap<String, String>,
}

/// A demo user.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct User {
    /// The e-mail address, to sign in with.
    pub email: String,
    /// The password.
    pub password: String,
}

/// Roles and names of the demo users.
const USERS: [(&str, &str); 3] = [("admin", "Demo Admin"), ("operator", "Demo Operator"), ("visitor", "Demo Visitor")];

impl Credentials {
    /// Reads the file.
    ///
    /// # Errors
    /// If it does not exist or is not what [`Credentials::save`] writes.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is no credentials file", path.display()))
    }

    /// Writes the file atomically, with mode 0600.
    ///
    /// # Errors
    /// If the directory cannot be written to.
    pub fn save(&self, path: &Path) -> anyhow::Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        let write = || {
            if let Some(directory) = path.parent() {
                fs::create_dir_all(directory)?;
            }
            write_atomically(path, text.as_bytes())
        };
        write().with_context(|| format!("writing {}", path.display()))
    }

    /// Loads the file if it is for this deployment: its users can sign in there. Otherwise, and without a file, returns empty credentials.
    pub(super) async fn load_for(path: &Path, base_url: &str, deployment: &Deployment) -> anyhow::Result<Self> {
        let base = api::trim(base_url).to_owned();
        if !path.exists() {
            return Ok(Self { base_url: base, ..Self::default() });
        }
        let mut credentials = Self::load(path)?;
        let user = credentials.users.get("operator").or_else(|| credentials.users.values().next());
        let ours = match user {
            Some(user) => Api::sign_in(&base, &user.email, &user.password, deployment).await.is_ok(),
            None => false,
        };
        if !ours {
            credentials = Self::default();
        }
        credentials.base_url = base;
        Ok(credentials)
    }
}

/// Creates the demo users that the credentials do not have. Returns how many.
pub(super) async fn create_users(admin: &Api, credentials: &mut Credentials) -> anyhow::Result<usize> {
    let mut created = 0;
    for (role, name) in USERS {
        if credentials.users.contains_key(role) {
            continue;
        }
        let password = secret(4, 5)?;
        let mut email = format!("{role}@demo.gatehouse.example");
        loop {
            let body = json!({"email": email, "password": password, "name": name, "role": role});
            let reply = admin.post("/v0/api/users/users/", &body).await?;
            if reply.status != StatusCode::CONFLICT {
                reply.expect(&[201])?;
                break;
            }
            // An earlier seeding created it, and its password is lost: create another.
            email = format!("{role}-{}@demo.gatehouse.example", secret(1, 6)?);
        }
        credentials.users.insert(role.to_owned(), User { email, password });
        created += 1;
    }
    Ok(created)
}

/// A random secret: `groups` of `length` characters, five bits each. From the system's random source, never from `--seed`.
fn secret(groups: usize, length: usize) -> anyhow::Result<String> {
    const CHARACTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = vec![0; groups * length];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("the system gives no randomness: {error}"))?;
    let characters: Vec<char> = bytes.iter().map(|byte| char::from(CHARACTERS[usize::from(byte % 32)])).collect();
    let groups: Vec<String> = characters.chunks(length).map(|group| group.iter().collect()).collect();
    Ok(groups.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_its_groups_and_no_twin() {
        let one = secret(4, 5).unwrap();
        assert_eq!(one.split('-').map(str::len).collect::<Vec<_>>(), [5, 5, 5, 5]);
        assert_ne!(one, secret(4, 5).unwrap());
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_its_owners_alone_and_reads_back() {
        use std::os::unix::fs::PermissionsExt as _;

        let directory = std::env::temp_dir().join(format!("gatehouse-credentials-{}", std::process::id()));
        let path = directory.join("demo-credentials.json");
        let mut credentials = Credentials { base_url: "http://127.0.0.1:3000".to_owned(), ..Credentials::default() };
        credentials.devices.insert("PARK-B1-S005".to_owned(), "key".to_owned());
        credentials.save(&path).unwrap();
        credentials.save(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(Credentials::load(&path).unwrap(), credentials);
        fs::remove_dir_all(&directory).unwrap();
    }
}
