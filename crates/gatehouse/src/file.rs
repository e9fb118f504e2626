//! Writing files atomically.

use std::io::{Result, Write as _};
use std::path::Path;

use tempfile::NamedTempFile;

/// Writes a file, mode 0600, that readers see whole or not at all: it is synced under a temporary name and then renamed.
pub fn write_atomically(path: &Path, content: &[u8]) -> Result<()> {
    let directory = path.parent().filter(|it| !it.as_os_str().is_empty());
    let mut file = NamedTempFile::new_in(directory.unwrap_or(Path::new(".")))?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
