//! Who else on the machine may read what the server keeps.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use gatehouse_tests::process::Process;

fn set(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// The files in the directory that others than their owner may open.
fn open_files(directory: &Path) -> Vec<PathBuf> {
    let own = |path: &PathBuf| path.file_name().is_some_and(|name| !name.to_string_lossy().starts_with("server-process"));
    let files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).filter(own);
    files.filter(|path| path.metadata().unwrap().permissions().mode() & 0o077 != 0).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn nobody_else_reads_the_state_also_in_an_open_directory() {
    let directory = tempfile::tempdir().unwrap();
    set(directory.path(), 0o755);
    let server = Process::start(directory.path(), &[]);
    // A registration also counts in the key-value store.
    server.app.visitor().await.get("/api/users/me").await.expect(200);
    let at = |name: &str| directory.path().join(name);
    for name in ["default.db", "default.db-wal", "default.db-shm", "key_value.db", "secrets.json"] {
        assert!(at(name).exists(), "{name}");
    }
    assert_eq!(open_files(directory.path()), Vec::<PathBuf>::new());
    server.kill_9();

    // As an earlier version, or a restored copy, has left them.
    let files = ["default.db", "key_value.db", "secrets.json"].map(at);
    files.iter().for_each(|path| set(path, 0o644));
    let server = Process::start(directory.path(), &[]);
    server.app.visitor().await.get("/api/users/me").await.expect(200);
    assert_eq!(open_files(directory.path()), Vec::<PathBuf>::new());
    let log = server.log();
    for path in &files {
        assert!(log.contains(&format!("{} was open to others: mode 644, now 600", path.display())), "{log}");
    }
}
