//! Programs from PyPI, each in a virtual environment of its own under `target/`, made once. Python comes from Debian's packages `python3`
//! and `python3-venv`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use crate::root;

static INSTALL: Mutex<()> = Mutex::new(());

/// A virtual environment.
pub(crate) struct Environment {
    /// What is installed, each with its version (`localstripe==1.15.10`). The directory is named after it.
    pub requirements: &'static [&'static str],
    /// A module of it. The environment is made anew if it cannot be imported.
    pub module: &'static str,
}

impl Environment {
    /// The path of the environment's Python. Makes the environment if it is missing, in one process and thread at a time. Blocks. Panics
    /// if Python's `venv` or PyPI is out of reach.
    pub fn python(&self) -> PathBuf {
        let _one = INSTALL.lock().unwrap_or_else(PoisonError::into_inner);
        let name = self.requirements.join("-").replace("==", "-");
        let target = root().join("target");
        let home = target.join(&name);
        let python = home.join("bin/python");
        if self.works(&python) {
            return python;
        }
        std::fs::create_dir_all(&target).expect("the checkout takes files");
        // Made in place under a lock rather than elsewhere and moved: a virtual environment contains its own path.
        let lock = std::fs::File::options().create(true).append(true).open(target.join("python.lock")).expect("target/ takes files");
        lock.lock().expect("a file lock");
        if !self.works(&python) {
            eprintln!("installing {} from PyPI", self.requirements.join(", "));
            let _ = std::fs::remove_dir_all(&home);
            run(Command::new("python3").args(["-m", "venv"]).arg(&home), "python3 -m venv (Debian's packages python3 and python3-venv)");
            let mut pip = Command::new(&python);
            pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(self.requirements);
            run(&mut pip, &format!("pip install {}", self.requirements.join(" ")));
        }
        python
    }

    fn works(&self, python: &Path) -> bool {
        let import = Command::new(python).args(["-c", &format!("import {}", self.module)]).stderr(Stdio::null()).status();
        import.is_ok_and(|status| status.success())
    }
}

fn run(command: &mut Command, what: &str) {
    let status = command.stdout(Stdio::null()).status();
    assert!(status.as_ref().is_ok_and(std::process::ExitStatus::success), "{what} failed: {status:?}");
}
