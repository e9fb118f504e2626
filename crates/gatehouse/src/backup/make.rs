//! `gatehouse backup`.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use tokio_util::sync::CancellationToken;

use super::copy::{self, Pace};
use super::partial::{Partial, exists};
use super::{DATABASE, blocking, directory_of, identity, is_same_file, sync_directory};
use crate::file::write_atomically;
use crate::private_files::SECRETS;

/// Copies the database, as it is at this moment, while the application runs. The copy is checked before it gets its name.
#[derive(Args, Clone, Debug)]
pub struct Backup {
    /// The file that the backup becomes
    file: PathBuf,
    /// The state directory of the application
    #[arg(long, default_value = ".gatehouse")]
    state_dir: PathBuf,
    /// Copy the generated secrets, without which a backup is of little use, into a file of their own; keep it in another place
    #[arg(long, value_name = "FILE")]
    secrets: Option<PathBuf>,
    /// Replace files of these names
    #[arg(long)]
    force: bool,
}

/// What was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The backup.
    pub file: PathBuf,
    /// Its bytes.
    pub bytes: u64,
    /// The copy of the secrets.
    pub secrets: Option<PathBuf>,
    /// Whether there are secrets that were not copied.
    pub needs_secrets: bool,
}

impl fmt::Display for Made {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {} KiB, checked and on disk", self.file.display(), self.bytes.div_ceil(1024))?;
        if let Some(secrets) = &self.secrets {
            write!(formatter, "\n{}: the secrets; keep them in another place than the backup", secrets.display())?;
        }
        if self.needs_secrets {
            write!(formatter, "\nThe generated secrets are not in it: keep a copy of them in another place (--secrets FILE)")?;
        }
        Ok(())
    }
}

/// Runs `gatehouse backup`.
///
/// # Errors
/// If there is no database, a file exists already, or the copy cannot be written or is not whole. Nothing of it is left then.
pub async fn run(args: Backup) -> Result<Made> {
    blocking(move |stop| args.make(stop)).await
}

impl Backup {
    fn make(&self, stop: &CancellationToken) -> Result<Made> {
        let (database, secrets) = (self.state_dir.join(DATABASE), self.state_dir.join(SECRETS));
        if !database.exists() {
            bail!("there is no {}: which is the application's --state-dir?", database.display());
        }
        self.refuse_names()?;
        // Read at first: what cannot be copied is said before the long part.
        let kept_secrets = self.secrets.as_ref().map(|_| read_secrets(&secrets)).transpose()?;
        let partial = Partial::create(&self.file)?;
        copy::copy(&copy::open(&database)?, &partial, Pace::GENTLE, stop)?;
        // Opened anew, so that what is read is what is in the file.
        identity::whole(&copy::open(partial.path())?, partial.path())?;
        let bytes = std::fs::metadata(partial.path())?.len();
        if let (Some(to), Some(kept)) = (&self.secrets, &kept_secrets) {
            write_secrets(to, kept, self.force)?;
        }
        partial.keep(self.force)?;
        let needs_secrets = self.secrets.is_none() && secrets.exists();
        Ok(Made { file: self.file.clone(), bytes, secrets: self.secrets.clone(), needs_secrets })
    }

    fn refuse_names(&self) -> Result<()> {
        let wanted = [Some(&self.file), self.secrets.as_ref()];
        for name in wanted.into_iter().flatten() {
            // Also with --force: the application has these open.
            if is_of_the_application(name, &self.state_dir) {
                bail!("{} is the application's own", name.display());
            }
            if name.is_dir() {
                bail!("{} is a directory: name a file in it", name.display());
            }
            if !self.force && name.symlink_metadata().is_ok() {
                bail!(exists(name));
            }
        }
        if self.secrets.as_ref().is_some_and(|secrets| *secrets == self.file) {
            bail!("the secrets and the backup are to be two files");
        }
        Ok(())
    }
}

/// Whether a file of this name belongs to the application whose state directory that is.
fn is_of_the_application(name: &Path, state_dir: &Path) -> bool {
    let own = |name: &str| name == SECRETS || ["default.db", "key_value.db"].iter().any(|database| is_database(name, database));
    let file = name.file_name().map(|file| file.to_string_lossy().into_owned());
    is_same_file(directory_of(name), state_dir) && file.is_some_and(|file| own(&file))
}

/// Whether this is the name of a database or of what SQLite keeps beside it.
fn is_database(name: &str, database: &str) -> bool {
    name.strip_prefix(database).is_some_and(|rest| ["", "-wal", "-shm", "-journal"].contains(&rest))
}

pub fn read_secrets(path: &Path) -> Result<Vec<u8>> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            bail!("there is no {}: the secrets are given as variables, and are kept where those are", path.display())
        }
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let _: std::collections::BTreeMap<String, String> =
        serde_json::from_slice(&bytes).with_context(|| format!("{} is damaged: it is no object of texts", path.display()))?;
    Ok(bytes)
}

fn write_secrets(to: &Path, secrets: &[u8], replace: bool) -> Result<()> {
    if !replace && to.symlink_metadata().is_ok() {
        bail!(exists(to));
    }
    write_atomically(to, secrets).with_context(|| format!("cannot write {}", to.display()))?;
    sync_directory(directory_of(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_application_has_open_is_never_written_over() {
        let state = tempfile::tempdir().unwrap();
        let own = |name: &str| is_of_the_application(&state.path().join(name), state.path());
        for name in ["default.db", "default.db-wal", "key_value.db-shm", "secrets.json"] {
            assert!(own(name), "{name}");
        }
        for name in ["backup.db", "default.db.2026-11-25", "default.db-copy"] {
            assert!(!own(name), "{name}");
        }
        assert!(!is_of_the_application(&std::env::temp_dir().join("default.db"), state.path()));
    }
}
