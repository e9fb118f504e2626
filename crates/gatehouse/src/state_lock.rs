//! Who is at work on a state directory: applications share it, and a restore has it alone.
//!
//! The lock is on the directory itself (flock(2)), so that no file has to be there, and goes with the process that holds it.

use std::fs::{File, TryLockError};
use std::path::Path;

use anyhow::{Context as _, Result, bail};

/// The lock, until it is dropped.
#[derive(Debug)]
pub struct StateLock(#[expect(dead_code, reason = "it is held, not read")] Option<File>);

/// Shares the directory with other applications.
///
/// # Errors
/// If a restore is at work in it.
pub fn share(directory: &Path) -> Result<StateLock> {
    let file = File::open(directory).with_context(|| format!("cannot open {}", directory.display()))?;
    match file.try_lock_shared() {
        Ok(()) => Ok(StateLock(Some(file))),
        Err(TryLockError::WouldBlock) => bail!("a backup is being restored into {}: start when that is done", directory.display()),
        Err(TryLockError::Error(error)) => {
            // Some network file systems know no such locks: an application starts without.
            tracing::debug!("{} cannot be locked: {error}", directory.display());
            Ok(StateLock(None))
        }
    }
}

/// Has the directory alone.
///
/// # Errors
/// If an application or another restore is at work in it, or if it cannot be locked.
pub fn own(directory: &Path) -> Result<StateLock> {
    let file = File::open(directory).with_context(|| format!("cannot open {}", directory.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(StateLock(Some(file))),
        Err(TryLockError::WouldBlock) => bail!("{}: stop it first", in_use(directory)),
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {}", directory.display())),
    }
}

/// That somebody else uses it.
pub fn in_use(directory: &Path) -> String {
    format!("an application is running on {}", directory.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn applications_share_it_and_a_restore_has_it_alone() {
        let directory = tempfile::tempdir().unwrap();
        let (one, other) = (share(directory.path()).unwrap(), share(directory.path()).unwrap());
        assert!(own(directory.path()).unwrap_err().to_string().contains("is running on"));
        drop((one, other));
        let alone = own(directory.path()).unwrap();
        assert!(own(directory.path()).is_err());
        assert!(share(directory.path()).unwrap_err().to_string().contains("is being restored"));
        drop(alone);
        share(directory.path()).unwrap();
    }
}
