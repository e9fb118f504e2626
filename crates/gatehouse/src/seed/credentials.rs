//! The credentials file: the demo users' passwords and the devices' keys, for people, the simulator and tests.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use anyhow::Context as _;
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::api::{self, Api};

/// What the credentials file holds.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Credentials {
    /// The deployment that they are for.
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
    /// What it signs in with.
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
    /// When it is not there or is not what [`Credentials::save`] writes.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is no credentials file", path.display()))
    }

    /// Writes the file whole, readable by its owner alone.
    ///
    /// # Errors
    /// When the directory cannot be written to.
    pub fn save(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        let whole = path.with_extension("json.new");
        let write = || -> std::io::Result<()> {
            if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
                fs::create_dir_all(directory)?;
            }
            // Made anew each time, so that its mode is the one given here.
            match fs::remove_file(&whole) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut options = OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.open(&whole)?;
            file.write_all(text.as_bytes())?;
            file.write_all(b"\n")?;
            file.sync_all()?;
            fs::rename(&whole, path)
        };
        write().with_context(|| format!("writing {}", path.display()))
    }

    /// What the file holds for this deployment: nothing when there is no file, or when its users cannot sign in there, which makes it
    /// another deployment's.
    pub(super) async fn load_for(path: &Path, base_url: &str) -> anyhow::Result<Self> {
        let base = api::trim(base_url).to_owned();
        if !path.exists() {
            return Ok(Self { base_url: base, ..Self::default() });
        }
        let mut credentials = Self::load(path)?;
        let user = credentials.users.get("operator").or_else(|| credentials.users.values().next());
        let ours = match user {
            Some(user) => Api::sign_in(&base, &user.email, &user.password).await.is_ok(),
            None => false,
        };
        if !ours {
            credentials = Self::default();
        }
        credentials.base_url = base;
        Ok(credentials)
    }
}

/// Makes those demo users that the credentials do not have; how many.
pub(super) async fn make_users(admin: &Api, credentials: &mut Credentials) -> anyhow::Result<usize> {
    let mut made = 0;
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
            // An earlier seeding made it and its password is lost: nobody can sign in with it, so another is made.
            email = format!("{role}-{}@demo.gatehouse.example", secret(1, 6)?);
        }
        credentials.users.insert(role.to_owned(), User { email, password });
        made += 1;
    }
    Ok(made)
}

/// So many groups of so many characters of five bits each, from the system's randomness, never from `--seed`.
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
