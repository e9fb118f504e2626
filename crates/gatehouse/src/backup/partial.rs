//! A file under a temporary name until it is whole.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use tempfile::TempPath;

use super::{directory_of, sync_directory, with_suffix};

/// The end of the temporary name. It is always the same, so that what a killed run has left is written over by the next one.
const SUFFIX: &str = ".partial";

/// The file, which is removed unless it comes to be kept. Locked, so that two runs do not write one.
pub struct Partial {
    path: TempPath,
    file: File,
    name: PathBuf,
    beside: Beside,
}

/// What SQLite keeps beside it, which is gone when it is.
struct Beside(PathBuf);

impl Beside {
    fn remove(&self) -> std::io::Result<()> {
        for suffix in ["-wal", "-shm", "-journal"] {
            match std::fs::remove_file(with_suffix(&self.0, suffix)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if let Err(error) = self.remove() {
            tracing::warn!("what SQLite has left beside {} cannot be removed: {error}", self.0.display());
        }
    }
}

impl Partial {
    /// An empty file of mode 0600 beside the one that it is to become.
    ///
    /// # Errors
    /// If it cannot be made, or another run is at work on it.
    pub fn create(name: &Path) -> Result<Self> {
        let path = with_suffix(name, SUFFIX);
        let cannot_write = || format!("cannot write {}", path.display());
        // Not emptied yet: another run may be at work on it.
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path).with_context(cannot_write)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!("another run is writing {}", path.display()),
            Err(TryLockError::Error(error)) => tracing::debug!("{} cannot be locked: {error}", path.display()),
        }
        file.set_len(0).with_context(cannot_write)?;
        // SQLite would take what a killed run has left as that of the new file.
        let beside = Beside(path.clone());
        beside.remove().with_context(cannot_write)?;
        let temporary = TempPath::try_from_path(&path).with_context(cannot_write)?;
        Ok(Self { path: temporary, file, name: name.to_owned(), beside })
    }

    /// Its temporary name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes what was written to it so far durable.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn sync(&self) -> Result<()> {
        self.file.sync_all().with_context(|| format!("cannot write {} to its disk", self.path.display()))
    }

    /// Gives it its name, in the place of a file of that name only with `replace`.
    ///
    /// # Errors
    /// If there is such a file, or the disk refuses.
    pub fn keep(self, replace: bool) -> Result<()> {
        self.sync()?;
        let Self { path, file, name, beside } = self;
        let kept = if replace { path.persist(&name) } else { path.persist_noclobber(&name) };
        if let Err(error) = kept {
            if error.error.kind() == ErrorKind::AlreadyExists {
                bail!(exists(&name));
            }
            return Err(error.error).with_context(|| format!("cannot write {}", name.display()));
        }
        drop((file, beside));
        sync_directory(directory_of(&name))
    }
}

/// Why a file is not written over.
pub fn exists(name: &Path) -> String {
    format!("{} exists: choose another name, or say --force to replace it", name.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_there_when_it_is_whole_and_else_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let name = directory.path().join("a.db");
        let left = |of: &str| directory.path().join(of).exists();
        std::fs::write(directory.path().join("a.db.partial"), "of a killed run").unwrap();
        std::fs::write(directory.path().join("a.db.partial-wal"), "of a killed run").unwrap();
        let partial = Partial::create(&name).unwrap();
        assert_eq!(std::fs::read(partial.path()).unwrap(), b"");
        assert!(!left("a.db.partial-wal"));
        assert!(Partial::create(&name).is_err(), "one at a time");
        drop(partial);
        assert!(!left("a.db") && !left("a.db.partial"));

        std::fs::write(&name, "before").unwrap();
        let refused = Partial::create(&name).unwrap().keep(false).unwrap_err();
        assert!(refused.to_string().contains("--force"), "{refused}");
        assert_eq!(std::fs::read(&name).unwrap(), b"before");
        Partial::create(&name).unwrap().keep(true).unwrap();
        assert_eq!(std::fs::read(&name).unwrap(), b"");
        assert!(!left("a.db.partial"));
    }
}
