//! A file under a temporary name until it is whole.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use tempfile::TempPath;

use super::{directory_of, sync_directory, with_suffix};

/// The end of the temporary name. It is always the same, so that what a killed run has left is removed by the next one.
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

/// A new file that nobody else has open, nor may open.
fn create_new(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

fn lock(file: &File, path: &Path) -> Result<()> {
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => bail!("another run is writing {}", path.display()),
        Err(TryLockError::Error(error)) => tracing::debug!("{} cannot be locked: {error}", path.display()),
    }
    Ok(())
}

/// Removes what a killed run has left. It is not written into: it may be somebody else's, who would read what is written, or lead elsewhere.
fn remove_left(path: &Path) -> Result<()> {
    let cannot_write = || format!("cannot write {}", path.display());
    if !path.symlink_metadata().with_context(cannot_write)?.is_file() {
        bail!("{} is in the way: it is no file", path.display());
    }
    let left = File::open(path).with_context(cannot_write)?;
    lock(&left, path)?;
    let (locked, named) = (left.metadata().with_context(cannot_write)?, path.symlink_metadata().with_context(cannot_write)?);
    if (locked.dev(), locked.ino()) != (named.dev(), named.ino()) {
        bail!("another run is writing {}", path.display());
    }
    std::fs::remove_file(path).with_context(cannot_write)
}

impl Partial {
    /// An empty file of mode 0600 beside the one that it is to become.
    ///
    /// # Errors
    /// If it cannot be made, or another run is at work on it.
    pub fn create(name: &Path) -> Result<Self> {
        let path = with_suffix(name, SUFFIX);
        let cannot_write = || format!("cannot write {}", path.display());
        let mut created = create_new(&path);
        if created.as_ref().is_err_and(|error| error.kind() == ErrorKind::AlreadyExists) {
            remove_left(&path)?;
            created = create_new(&path);
        }
        let file = created.with_context(cannot_write)?;
        lock(&file, &path)?;
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

    #[test]
    fn what_somebody_else_has_put_there_is_not_written_into() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};

        let directory = tempfile::tempdir().unwrap();
        let (name, other) = (directory.path().join("a.db"), directory.path().join("other"));
        let at = directory.path().join("a.db.partial");
        std::fs::write(&other, "kept").unwrap();
        symlink(&other, &at).unwrap();
        assert!(Partial::create(&name).is_err());
        assert_eq!(std::fs::read(&other).unwrap(), b"kept", "what a link leads to is not emptied");
        std::fs::remove_file(&at).unwrap();

        std::fs::write(&at, "").unwrap();
        std::fs::set_permissions(&at, std::fs::Permissions::from_mode(0o666)).unwrap();
        let open = File::open(&at).unwrap();
        let partial = Partial::create(&name).unwrap();
        std::fs::write(partial.path(), "secret").unwrap();
        assert_eq!(std::fs::metadata(partial.path()).unwrap().mode() & 0o777, 0o600);
        assert_eq!(open.metadata().unwrap().len(), 0, "who had it open reads nothing");
    }
}
