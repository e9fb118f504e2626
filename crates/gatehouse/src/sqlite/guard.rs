//! Whether a database's files are still those that were opened, and whole.
//!
//! A file that is deleted or replaced stays open: SQLite would go on writing to what no name leads to any more. So each commit is confirmed
//! by a look at the names before it is acknowledged, a thread of the database looks in between ([`FileGuard::look`]), and no change is begun
//! while something is amiss.
//!
//! The files are looked at by name only. Opening and closing one would drop the locks that this process holds on it (POSIX advisory locks).

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::bindings::sqlite::sqlite::Error;

/// What is amiss. The words are SQLite's where it has some, since guests know nothing else of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Fault {
    None,
    Removed,
    Replaced,
    ReadOnly,
}

impl Fault {
    const ALL: [Self; 4] = [Self::None, Self::Removed, Self::Replaced, Self::ReadOnly];

    /// Whether the names lead to other files, or to none. What was committed before a file became read-only is in it.
    const fn is_lost(self) -> bool {
        matches!(self, Self::Removed | Self::Replaced)
    }

    const fn message(self) -> &'static str {
        match self {
            Self::None => "the database file is the one that was opened",
            Self::Removed => "the database file was removed while it was open",
            Self::Replaced => "the database file was replaced while it was open",
            Self::ReadOnly => "attempt to write a readonly database",
        }
    }
}

/// Which file a name leads to.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

/// Watches the files of one database.
pub struct FileGuard {
    path: PathBuf,
    /// The write-ahead log: what was committed last is there alone. SQLite makes it, and keeps it while a connection is open.
    log: PathBuf,
    opened: Identity,
    opened_log: OnceLock<Identity>,
    /// What the last look found, a [`Fault`].
    fault: AtomicU8,
    /// How often a look has found that the file was away.
    losses: AtomicUsize,
    /// What a check of the file's pages found.
    damage: Mutex<Option<String>>,
    /// Whether there is some: looked at by each change.
    is_damaged: AtomicBool,
}

impl FileGuard {
    /// Of a file that has just been opened.
    pub fn new(path: &Path) -> std::io::Result<Self> {
        let metadata = std::fs::metadata(path)?;
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        Ok(Self {
            path: path.to_owned(),
            log: log.into(),
            opened: identity(&metadata),
            opened_log: OnceLock::new(),
            fault: AtomicU8::new(Fault::None as u8),
            losses: AtomicUsize::new(0),
            damage: Mutex::default(),
            is_damaged: AtomicBool::new(false),
        })
    }

    /// Refuses a change that would be lost, by what is known.
    pub fn refuse(&self) -> Result<(), Error> {
        if self.is_damaged()
            && let Some(damage) = &*self.damage.lock()
        {
            return Err(Error::Io(format!("database disk image is malformed: {damage}")));
        }
        match Fault::ALL.get(usize::from(self.fault.load(Ordering::Relaxed))) {
            None | Some(Fault::None) => Ok(()),
            Some(fault) => Err(Error::Io(fault.message().to_owned())),
        }
    }

    /// Looks at the files: whether what was committed before is in the files of these names.
    pub fn confirm(&self) -> Result<(), Error> {
        let fault = self.note(self.find());
        if fault.is_lost() { Err(Error::Io(fault.message().to_owned())) } else { Ok(()) }
    }

    /// Looks at the files; whether they are lost.
    pub fn look(&self) -> bool {
        self.note(self.find()).is_lost()
    }

    /// Reads the file by its name. An error when the name did not lead to the file that was opened all the time: what was read says nothing
    /// of that.
    pub fn read<T>(&self, read: impl FnOnce() -> T) -> Result<T, Error> {
        let losses = self.losses.load(Ordering::Acquire);
        self.confirm()?;
        let outcome = read();
        self.confirm()?;
        if self.losses.load(Ordering::Acquire) == losses { Ok(outcome) } else { Err(Error::Io(Fault::Replaced.message().to_owned())) }
    }

    /// Notes that a check has found damage, which lasts until the file is opened anew, or was away, is back, and is found whole.
    pub fn note_damage(&self, damage: &str) {
        let mut noted = self.damage.lock();
        if noted.is_none() {
            tracing::error!(file = %self.path.display(), "the database is damaged: restore a backup and start again; until then nothing is stored: {damage}");
            *noted = Some(damage.to_owned());
            self.is_damaged.store(true, Ordering::Release);
        }
    }

    /// Notes that a check has found the file whole.
    pub fn note_whole(&self) {
        let mut noted = self.damage.lock();
        if noted.take().is_some() {
            tracing::warn!(file = %self.path.display(), "the database file is whole: what is sent is stored again");
            self.is_damaged.store(false, Ordering::Release);
        }
    }

    /// Whether damage has been noted.
    pub fn is_damaged(&self) -> bool {
        self.is_damaged.load(Ordering::Acquire)
    }

    fn note(&self, found: Fault) -> Fault {
        let before = self.fault.swap(found as u8, Ordering::Relaxed);
        if before != found as u8 && found.is_lost() {
            self.losses.fetch_add(1, Ordering::AcqRel);
        }
        if before != found as u8 {
            let file = self.path.display();
            if found == Fault::None {
                tracing::warn!(%file, "the database file is as it was: what is sent is stored again");
            } else {
                tracing::error!(%file, "{}: nothing is stored until it is put right, see docs/reference/operations.md", found.message());
            }
        }
        found
    }

    fn find(&self) -> Fault {
        let fault = match std::fs::metadata(&self.path) {
            Err(_) => Fault::Removed,
            Ok(file) if identity(&file) != self.opened => Fault::Replaced,
            Ok(file) if file.mode() & 0o222 == 0 => Fault::ReadOnly,
            Ok(_) => Fault::None,
        };
        if fault.is_lost() {
            return fault;
        }
        match (std::fs::metadata(&self.log), self.opened_log.get()) {
            (Ok(log), None) => {
                self.opened_log.set(identity(&log)).ok();
                fault
            }
            (Ok(log), Some(opened)) if identity(&log) != *opened => Fault::Replaced,
            (Err(_), Some(_)) => Fault::Removed,
            _ => fault,
        }
    }
}

fn identity(metadata: &std::fs::Metadata) -> Identity {
    Identity { device: metadata.dev(), inode: metadata.ino() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> (tempfile::TempDir, PathBuf, FileGuard) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        std::fs::write(&path, "one").unwrap();
        let guard = FileGuard::new(&path).unwrap();
        (directory, path, guard)
    }

    #[test]
    fn a_file_that_is_put_back_is_the_one_that_was_opened() {
        let (directory, path, guard) = file();
        assert!(guard.confirm().is_ok() && guard.refuse().is_ok());
        let aside = directory.path().join("aside");
        std::fs::rename(&path, &aside).unwrap();
        assert!(guard.confirm().is_err() && guard.refuse().is_err());
        std::fs::write(&path, "another").unwrap();
        assert!(guard.confirm().is_err() && guard.refuse().is_err());
        std::fs::rename(&aside, &path).unwrap();
        assert!(guard.confirm().is_ok() && guard.refuse().is_ok());
    }

    #[test]
    fn what_another_file_says_is_not_taken_for_this_one() {
        let (directory, path, guard) = file();
        let aside = directory.path().join("aside");
        let swap = || {
            std::fs::rename(&path, &aside).unwrap();
            std::fs::write(&path, "another").unwrap();
        };
        let put_back = || std::fs::rename(&aside, &path).unwrap();
        let read = || guard.read(|| std::fs::read_to_string(&path).unwrap());
        assert_eq!(read().unwrap(), "one");
        assert!(guard.read(swap).is_err() && read().is_err());
        put_back();
        assert_eq!(read().unwrap(), "one");
        let unnoticed_by_its_end = guard.read(|| {
            swap();
            guard.look();
            put_back();
        });
        assert!(unnoticed_by_its_end.is_err() && read().is_ok());
    }

    #[test]
    fn a_log_that_is_gone_takes_what_was_committed_with_it() {
        let (directory, _, guard) = file();
        let log = directory.path().join("a.db-wal");
        assert!(guard.confirm().is_ok(), "there is none before the first change");
        std::fs::write(&log, "frames").unwrap();
        assert!(guard.confirm().is_ok());
        std::fs::remove_file(&log).unwrap();
        assert!(guard.confirm().is_err());
    }

    #[test]
    fn a_read_only_file_takes_no_more_and_keeps_what_it_has() {
        use std::os::unix::fs::PermissionsExt as _;

        let (_directory, path, guard) = file();
        let set = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        set(0o400);
        assert!(guard.confirm().is_ok() && guard.refuse().is_err());
        set(0o600);
        assert!(guard.confirm().is_ok() && guard.refuse().is_ok());
    }

    #[test]
    fn damage_lasts_until_the_file_is_found_whole() {
        let (_directory, _, guard) = file();
        guard.note_damage("row 1 missing from index a");
        assert!(guard.confirm().is_ok() && guard.refuse().is_err());
        guard.note_whole();
        assert!(guard.refuse().is_ok());
    }
}
