//! The state directory is its owner's alone: databases, secrets, credentials, compiled components. Others read none of it, whatever the
//! mode of the directory is.

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use walkdir::WalkDir;

/// Creates a directory, with those above it, with mode 0700. One that exists keeps its mode.
///
/// # Errors
/// If it cannot be created.
pub fn create_directory(directory: &Path) -> Result<()> {
    let created = DirBuilder::new().recursive(true).mode(0o700).create(directory);
    created.with_context(|| format!("cannot create {}", directory.display()))
}

/// Creates a file with mode 0600 unless it exists, for programs that would create it as the process's umask says. SQLite gives a
/// database's log the mode of the database.
pub fn create(path: &Path) -> std::io::Result<()> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path).map(drop)
}

/// The directory of compiled components.
pub const CACHE: &str = "cache";

/// The secrets that were made once.
pub const SECRETS: &str = "secrets.json";

/// How to sign in to the demo.
pub const DEMO_CREDENTIALS: &str = "demo-credentials.json";

/// It is there while the demo data is not whole.
pub const DEMO_UNFINISHED: &str = "demo-unfinished";

/// Whether a file or directory of this name in the state directory is the application's: people may keep others beside.
fn is_own(name: &str) -> bool {
    // Databases with their logs, and what was set aside of them.
    name.contains(".db") || [CACHE, SECRETS, DEMO_CREDENTIALS, DEMO_UNFINISHED].contains(&name)
}

/// Takes from others what the application's files in its state directory grant them: an earlier version, a copy or a restored backup may have
/// left them open. What belongs to another user is left alone.
///
/// # Errors
/// If a mode cannot be changed.
pub fn close_to_others(directory: &Path) -> Result<()> {
    let owner = std::fs::metadata(directory).with_context(|| format!("cannot read {}", directory.display()))?.uid();
    let own = |entry: &walkdir::DirEntry| entry.depth() != 1 || is_own(&entry.file_name().to_string_lossy());
    for entry in WalkDir::new(directory).min_depth(1).into_iter().filter_entry(own).flatten() {
        // A link's own mode means nothing, and what it points to is not in the directory.
        let Some(metadata) = entry.metadata().ok().filter(|it| (it.is_file() || it.is_dir()) && it.uid() == owner) else { continue };
        let mode = metadata.mode() & 0o7777;
        if mode & 0o077 == 0 {
            continue;
        }
        let (path, closed) = (entry.path(), mode & 0o700);
        std::fs::set_permissions(path, Permissions::from_mode(closed))
            .with_context(|| format!("cannot change the mode of {}", path.display()))?;
        tracing::warn!("{} was open to others: mode {mode:03o}, now {closed:03o}", path.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn what_is_open_is_closed_and_links_are_not_followed() {
        let (state, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::set_permissions(state.path(), Permissions::from_mode(0o755)).unwrap();
        let at = |name: &str| state.path().join(name);
        let (open, log, folder, compiled) = (at("default.db"), at("default.db-wal"), at(CACHE), at(CACHE).join("a.cwasm"));
        let (other, outside) = (at("notes.txt"), elsewhere.path().join("x"));
        std::fs::create_dir(&folder).unwrap();
        for path in [&open, &log, &compiled, &other, &outside] {
            std::fs::write(path, "").unwrap();
            std::fs::set_permissions(path, Permissions::from_mode(0o644)).unwrap();
        }
        std::fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink(&outside, at("link.db")).unwrap();
        close_to_others(state.path()).unwrap();
        assert_eq!([&open, &log, &compiled].map(|path| mode(path)), [0o600; 3]);
        assert_eq!([&folder, &other, &outside].map(|path| mode(path)), [0o700, 0o644, 0o644]);
        assert_eq!(mode(state.path()), 0o755, "the directory itself is the operator's to open");
        create(&open).unwrap();
        create(&at("new.db")).unwrap();
        assert_eq!(mode(&at("new.db")), 0o600);
    }
}
