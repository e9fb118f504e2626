//! Packages from npm, each set in a directory of its own under `target/`, installed once. Node.js comes from Debian's packages `nodejs` and
//! `npm`.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use crate::root;

static INSTALL: Mutex<()> = Mutex::new(());

/// The `node_modules` of these packages, each with its version (`socket.io-client@4.8.4`). Installs them if they are missing, in one process
/// and thread at a time. Blocks. Panics if npm or its registry is out of reach.
pub(crate) fn modules(packages: &[&str]) -> PathBuf {
    let _one = INSTALL.lock().unwrap_or_else(PoisonError::into_inner);
    let target = root().join("target");
    let home = target.join(format!("npm-{}", packages.join("-").replace(['@', '/'], "-")));
    let modules = home.join("node_modules");
    std::fs::create_dir_all(&target).expect("the checkout takes files");
    let lock = std::fs::File::options().create(true).append(true).open(target.join("npm.lock")).expect("target/ takes files");
    lock.lock().expect("a file lock");
    // npm writes this when it is done.
    if !modules.join(".package-lock.json").exists() {
        eprintln!("installing {} from npm", packages.join(", "));
        std::fs::create_dir_all(&home).expect("target/ takes directories");
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent", "--prefix"]).arg(&home).args(packages);
        let status = npm.stdin(Stdio::null()).stdout(Stdio::null()).status();
        let done = status.as_ref().is_ok_and(std::process::ExitStatus::success);
        assert!(done, "npm install {} (Debian's packages nodejs and npm) failed: {status:?}", packages.join(" "));
    }
    modules
}
