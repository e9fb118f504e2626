//! `gatehouse restore`.

use std::fmt;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode};
use tokio_util::sync::CancellationToken;

use super::copy::{self, Pace};
use super::make::read_secrets;
use super::partial::Partial;
use super::{DATABASE, blocking, identity, is_same_file, sync_directory, with_suffix};
use crate::file::write_atomically;
use crate::private_files::{SECRETS, create_directory};
use crate::state_lock;

/// Puts a backup in the place of the database, which is kept beside it. Refused while an application runs on the state directory.
#[derive(Args, Clone, Debug)]
pub struct Restore {
    /// The backup
    file: PathBuf,
    /// The state directory of the application; made if it is missing
    #[arg(long, default_value = ".gatehouse")]
    state_dir: PathBuf,
    /// The copy of the generated secrets that belongs to the backup
    #[arg(long, value_name = "FILE")]
    secrets: Option<PathBuf>,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The database.
    pub database: PathBuf,
    /// The version of its schema.
    pub schema: usize,
    /// The files that were there before, under their new names.
    pub aside: Vec<PathBuf>,
    /// Whether the generated secrets are there.
    pub has_secrets: bool,
}

impl fmt::Display for Restored {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: restored, checked and on disk; its schema is version {}", self.database.display(), self.schema)?;
        for aside in &self.aside {
            write!(formatter, "\n{}: what was there before", aside.display())?;
        }
        if !self.has_secrets {
            write!(
                formatter,
                "\nThere is no {SECRETS}: put the copy that belongs to the backup beside it, unless the secrets are given as variables"
            )?;
        }
        Ok(())
    }
}

/// Runs `gatehouse restore`.
///
/// # Errors
/// If an application is running, or if the backup is damaged, another program's or of a newer schema. All is as before then.
pub async fn run(args: Restore) -> Result<Restored> {
    blocking(move |stop| args.restore(stop)).await
}

impl Restore {
    fn restore(&self, stop: &CancellationToken) -> Result<Restored> {
        let database = self.state_dir.join(DATABASE);
        if is_same_file(&self.file, &database) {
            bail!("{} is the database itself", self.file.display());
        }
        let secrets = self.secrets.as_deref().map(read_secrets).transpose()?;
        let backup = copy::open(&self.file)?;
        identity::known(&backup, &self.file)?;
        create_directory(&self.state_dir)?;
        let _alone = state_lock::own(&self.state_dir)?;
        let before = Before::close(&database, &self.state_dir)?;

        // Whole and durable beside the old one, before anything is moved.
        let partial = Partial::create(&database)?;
        copy::copy(&backup, &partial, Pace::FAST, stop)?;
        let copied = copy::open(partial.path())?;
        identity::whole(&copied, &self.file)?;
        let schema = identity::known(&copied, &self.file)?;
        drop(copied);
        own_as_directory(partial.path(), &self.state_dir)?;

        let mark = format!(".before-restore-{}", chrono::Utc::now().format("%Y%m%dT%H%M%S%3fZ"));
        let mut aside = before.set_aside(&database, &mark)?;
        if let Err(error) = partial.keep(true) {
            put_back(&database, &aside, &mark);
            return Err(error);
        }
        drop(before);
        if let Some(secrets) = secrets {
            aside.extend(self.place_secrets(&secrets, &mark)?);
        }
        sync_directory(&self.state_dir)?;
        Ok(Restored { database, schema, aside, has_secrets: self.state_dir.join(SECRETS).exists() })
    }

    /// Puts the secrets in place; the new name of those that were there before.
    fn place_secrets(&self, secrets: &[u8], mark: &str) -> Result<Option<PathBuf>> {
        let path = self.state_dir.join(SECRETS);
        let aside = with_suffix(&path, mark);
        let existed = path.exists();
        if existed {
            std::fs::hard_link(&path, &aside)
                .or_else(|_| std::fs::rename(&path, &aside))
                .with_context(|| format!("cannot keep {}", path.display()))?;
        }
        write_atomically(&path, secrets).with_context(|| format!("cannot write {}", path.display()))?;
        own_as_directory(&path, &self.state_dir)?;
        Ok(existed.then_some(aside))
    }
}

/// The database that was there before.
enum Before {
    /// There was none.
    Nothing,
    /// All of it is in its file, and this connection keeps others from opening it.
    Closed(#[expect(dead_code, reason = "it is held, not used")] Connection),
    /// It cannot be read, with what is in its log if it has one.
    Damaged,
}

impl Before {
    /// Refuses if anybody has the database open, be it another program than this one.
    fn close(database: &Path, state_dir: &Path) -> Result<Self> {
        if !database.exists() {
            return Ok(Self::Nothing);
        }
        let closed = copy::open(database).and_then(|connection| {
            connection.busy_timeout(std::time::Duration::ZERO)?;
            // Of one that cannot be read the log stays as it is.
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
            // Empties the log into the file, and fails while another connection is open; from then on nobody else can open it.
            let mode: String = connection.query_row("pragma journal_mode = delete", [], |row| row.get(0))?;
            connection.execute_batch("begin exclusive")?;
            let after: String = connection.query_row("pragma journal_mode", [], |row| row.get(0))?;
            Ok((connection, mode == "delete" && after == "delete"))
        });
        match closed {
            Ok((connection, true)) => Ok(Self::Closed(connection)),
            Ok((_, false)) => bail!("{}: stop it first", state_lock::in_use(state_dir)),
            Err(error) => match error.downcast_ref::<rusqlite::Error>().and_then(rusqlite::Error::sqlite_error_code) {
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => bail!("{}: stop it first", state_lock::in_use(state_dir)),
                Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Ok(Self::Damaged),
                _ => Err(error),
            },
        }
    }

    /// Gives its files second names. At no moment there is none under the first: an application that starts would make an empty one.
    fn set_aside(&self, database: &Path, mark: &str) -> Result<Vec<PathBuf>> {
        if matches!(self, Self::Nothing) {
            return Ok(Vec::new());
        }
        let aside = with_suffix(database, mark);
        let kept = std::fs::hard_link(database, &aside).or_else(|_| std::fs::rename(database, &aside));
        kept.with_context(|| format!("cannot keep {}", database.display()))?;
        let mut files = vec![aside.clone()];
        // SQLite would take a log that is left as that of the new file. Beside the old one it can still be read.
        for beside in ["-wal", "-shm", "-journal"] {
            let log = with_suffix(database, beside);
            if log.exists() {
                let to = with_suffix(&aside, beside);
                std::fs::rename(&log, &to).with_context(|| format!("cannot keep {}", log.display()))?;
                files.push(to);
            }
        }
        Ok(files)
    }
}

/// Takes back what [`Before::set_aside`] did.
fn put_back(database: &Path, aside: &[PathBuf], mark: &str) {
    for file in aside {
        let first = PathBuf::from(file.to_string_lossy().replacen(mark, "", 1));
        // The first name may still be there, of the same file: then the second one goes.
        let undone = if first == database && first.exists() { std::fs::remove_file(file) } else { std::fs::rename(file, &first) };
        if let Err(error) = undone {
            tracing::error!("{} could not get its name back: {error}", file.display());
        }
    }
}

/// Gives a file to whom the state directory belongs, where somebody else restores, such as root.
fn own_as_directory(file: &Path, directory: &Path) -> Result<()> {
    let (of_file, of_directory) = (std::fs::metadata(file)?, std::fs::metadata(directory)?);
    let (uid, gid) = (of_directory.uid(), of_directory.gid());
    if of_file.uid() != uid {
        chown(file, Some(uid), Some(gid)).with_context(|| format!("cannot give {} to its owner", file.display()))?;
    }
    Ok(())
}
