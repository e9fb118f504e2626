//! A small disk that can be filled.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system of its own, in memory. It is taken away when it is dropped.
pub struct SmallDisk {
    directory: tempfile::TempDir,
}

impl SmallDisk {
    /// Mounts one of so many mebibytes. None, with a line that says so, where that is not allowed.
    pub fn mount(mebibytes: u32) -> Option<Self> {
        let directory = tempfile::Builder::new().prefix("gatehouse-disk-").tempdir().expect("a temporary directory");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "tmpfs"])
            .arg(directory.path())
            .status()
            .is_ok_and(|status| status.success());
        if !mounted {
            eprintln!("skipped: this test mounts a small disk, which takes root");
            return None;
        }
        Some(Self { directory })
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Takes all the room that is left.
    pub fn fill(&self) {
        let mut ballast = File::options().create(true).append(true).open(self.ballast()).expect("the disk takes a file");
        for size in [1 << 20, 1 << 12, 1] {
            let piece = vec![0; size];
            while ballast.write(&piece).is_ok_and(|written| written > 0) {}
        }
    }

    /// Gives it back.
    pub fn make_room(&self) {
        std::fs::remove_file(self.ballast()).expect("the disk was filled");
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: an application that is about to end may still have files open.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}
