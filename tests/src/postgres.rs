//! PostgreSQL, of Debian's package, in a directory of its own.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::eventually;
use crate::tools::{Running, free_port, output};

/// What a server on this machine takes at most.
const SOON: Duration = Duration::from_secs(60);

/// The user that it knows.
const USER: &str = "gatehouse";

/// A server.
pub struct Postgres {
    programs: PathBuf,
    port: u16,
    _running: Running,
    _directory: tempfile::TempDir,
}

impl Postgres {
    /// One; none, with a line that says so, where PostgreSQL cannot be had.
    pub async fn start() -> Option<Self> {
        Self::start_with(None).await
    }

    /// One that speaks TLS, and lets nobody in without, by this certificate and key (PEM).
    pub async fn start_with_tls(certificate: &str, key: &str) -> Option<Self> {
        Self::start_with(Some((certificate, key))).await
    }

    async fn start_with(tls: Option<(&str, &str)>) -> Option<Self> {
        let Some(programs) = programs() else {
            eprintln!("skipped: this test needs initdb and postgres, of Debian's package postgresql");
            return None;
        };
        let directory = tempfile::Builder::new().prefix("gatehouse-postgres-").tempdir().expect("a temporary directory");
        let (data, port) = (directory.path().join("data"), free_port());
        if is_root() {
            output(Command::new("chown").arg("postgres").arg(directory.path()));
        }
        let mut initdb = unprivileged(&programs.join("initdb"));
        initdb.args(["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--username", USER, "--pgdata"]).arg(&data);
        output(initdb.current_dir(directory.path()));
        let mut postgres = unprivileged(&programs.join("postgres"));
        postgres.arg("-D").arg(&data).arg("-k").arg(directory.path()).args(["-p", &port.to_string()]);
        postgres.args(["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "log_min_messages=fatal"]);
        if let Some((certificate, key)) = tls {
            // Under the names that it looks for.
            own_file(&data.join("server.crt"), certificate);
            own_file(&data.join("server.key"), key);
            own_file(&data.join("pg_hba.conf"), "hostssl all all 127.0.0.1/32 trust\n");
            postgres.args(["-c", "ssl=on"]);
        }
        let running = Running::start(postgres.current_dir(directory.path()));
        let server = Self { programs, port, _running: running, _directory: directory };
        eventually("PostgreSQL answers", SOON, || async {
            let mut ready = Command::new(server.programs.join("pg_isready"));
            let ready = ready.args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]).status();
            ready.is_ok_and(|status| status.success()).then_some(())
        })
        .await;
        Some(server)
    }

    /// Its address.
    pub fn address(&self) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/postgres", self.port)
    }

    /// Runs statements.
    pub fn run(&self, sql: &str) {
        output(Command::new(self.programs.join("psql")).args(["-q", "-v", "ON_ERROR_STOP=1", "-c", sql]).arg(self.address()));
    }

    /// Writes a table into a file as CSV with a header, as people are told to.
    pub fn csv(&self, table: &str, file: &Path) {
        let copy = format!("\\copy (select * from {table}) to '{}' csv header", file.display());
        output(Command::new(self.programs.join("psql")).args(["-q", "-v", "ON_ERROR_STOP=1", "-c", &copy]).arg(self.address()));
    }

    /// Writes all rows into a file as inserts with their columns.
    pub fn dump(&self, file: &Path) {
        let mut dump = Command::new(self.programs.join("pg_dump"));
        output(dump.args(["--data-only", "--column-inserts", "--no-owner", "--file"]).arg(file).arg(self.address()));
    }

    /// Writes the inserts without their columns, and the tables into a file of their own.
    pub fn dump_apart(&self, rows: &Path, schema: &Path) {
        let dump = || Command::new(self.programs.join("pg_dump"));
        output(dump().args(["--data-only", "--inserts", "--file"]).arg(rows).arg(self.address()));
        output(dump().args(["--schema-only", "--file"]).arg(schema).arg(self.address()));
    }
}

/// Writes a file that is the server's alone, as it wants its key to be.
fn own_file(path: &Path, content: &str) {
    std::fs::write(path, content).expect("the directory takes files");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("its mode");
    if is_root() {
        output(Command::new("chown").arg("postgres").arg(path));
    }
}

/// The directory of the newest release's programs, which Debian keeps off the path.
fn programs() -> Option<PathBuf> {
    let releases = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut found: Vec<_> =
        releases.filter_map(|entry| Some(entry.ok()?.path().join("bin"))).filter(|it| it.join("initdb").exists()).collect();
    found.sort();
    found.pop()
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// A program of PostgreSQL, which refuses to run as root.
fn unprivileged(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
    command
}
