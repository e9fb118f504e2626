//! `gatehouse backup` and `gatehouse restore`: a copy of the database while the application runs, and the way back.
//!
//! The database is the record, and all that a backup holds. The key-value store beside it is scratch, and compiled components are made anew.
//! The generated secrets belong to the database, and are copied apart from it where that is asked for: who has both has everything.

mod copy;
mod identity;
mod make;
mod partial;
mod restore;

pub use make::{Backup, Made, run};
pub use restore::{Restore, Restored, run as run_restore};

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tokio_util::sync::CancellationToken;

use crate::up::wait_for_stop_signal;

/// The database's name in a state directory.
const DATABASE: &str = "default.db";

/// Runs work that blocks. Ctrl-C lets it end in order, with an error, so that nothing half is left.
async fn blocking<T: Send + 'static>(work: impl FnOnce(&CancellationToken) -> Result<T> + Send + 'static) -> Result<T> {
    let stop = CancellationToken::new();
    let mut working = tokio::task::spawn_blocking({
        let stop = stop.clone();
        move || work(&stop)
    });
    tokio::select! {
        outcome = &mut working => return outcome?,
        signal = wait_for_stop_signal() => signal?,
    }
    stop.cancel();
    working.await?
}

/// A name with something added at its end.
fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The directory in which a file of this name is.
fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes the names in a directory durable.
fn sync_directory(directory: &Path) -> Result<()> {
    let sync = || std::fs::File::open(directory)?.sync_all();
    sync().with_context(|| format!("cannot write {} to its disk", directory.display()))
}

/// Whether two names lead to one file.
fn is_same_file(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}
