//! Moving in (docs/reference/import.md): of each replaced system a dump as its database writes it is moved in while the application runs, and a
//! client of that system finds its data.

use std::path::{Path, PathBuf};

use gatehouse_import::{Args, Report};
use gatehouse_tests::{App, Client};
use serde_json::{Value, json};

#[path = "import/cctv.rs"]
mod cctv;
#[path = "import/encrypted.rs"]
mod encrypted;
#[path = "import/interrupted.rs"]
mod interrupted;
#[path = "import/iot.rs"]
mod iot;
#[path = "import/mongo.rs"]
mod mongo;
#[path = "import/pilgrims.rs"]
mod pilgrims;
#[path = "import/security.rs"]
mod security;
#[path = "import/slots.rs"]
mod slots;

/// The password of everybody in the old systems, and its hash as each kind of them keeps it.
const PASSWORD: &str = "correct horse gate 42 é";
const DJANGO: &str = "pbkdf2_sha256$1000$saltsaltsaltsalt12$uUahjYiACtAl74FqQwPmG2Ph9MRwk1pU0zw+sRap/D8=";
const DJANGO_BCRYPT: &str = "bcrypt_sha256$$2b$04$abcdefghijklmnopqrstuuSmVurdERMLm27dH6FsZI/l9.usmLV3S";
const BCRYPT: &str = "$2b$04$abcdefghijklmnopqrstuuwT01IYgJgrjJveBAXzy2200kvT2RKmm";

/// What a dry run must leave as it is.
const ROWS: &str = "select (select count(*) from imported) || ' ' || (select count(*) from users) || ' ' || (select count(*) from devices) || ' '
    || (select count(*) from readings) || ' ' || (select count(*) from occupancy_log) || ' ' || (select count(*) from lot_counts) || ' '
    || (select count(*) from cameras) || ' ' || (select count(*) from camera_recordings) || ' ' || (select count(*) from recording_schedules) || ' '
    || (select count(*) from bookings) || ' ' || (select count(*) from emergencies) || ' ' || (select count(*) from alerts) || ' '
    || (select count(*) from reservations) || ' ' || (select count(*) from payments) || ' ' || (select count(*) from audit_log)";

/// An old system that is moved in.
struct Move {
    app: App,
    directory: tempfile::TempDir,
    /// The option `--from` and what else this system needs.
    words: Vec<String>,
}

impl Move {
    async fn start(words: &[&str]) -> Self {
        let app = App::embedded(&[]).await.expect("the embedded host");
        // Its first account migrates the database.
        app.admin().await;
        let directory = tempfile::Builder::new().prefix("gatehouse-import-").tempdir().expect("a temporary directory");
        Self { app, directory, words: words.iter().map(|word| (*word).to_owned()).collect() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).expect("the directory takes files");
        path.to_string_lossy().into_owned()
    }

    fn args(&self, inputs: &[String], further: &[&str]) -> Args {
        args(&self.app, self.app.state_dir(), self.words.iter().chain(inputs).map(String::as_str).chain(further.iter().copied()))
    }

    async fn run(&self, inputs: &[String], further: &[&str]) -> Report {
        let args = self.args(inputs, further);
        tokio::task::spawn_blocking(move || gatehouse_import::run(&args)).await.expect("no panic").expect("an import")
    }

    fn rows(&self) -> String {
        self.app.db().query_row(ROWS, [], |row| row.get(0)).expect("a row")
    }

    /// A dry run, the import, and the import once more: the first says what the second does and changes nothing, and the third finds nothing to
    /// do. Nobody is told of anything, then or in the next scheduled run.
    async fn move_in(&self, inputs: &[String], further: &[&str]) -> Report {
        let before = self.rows();
        let told = self.told();
        let tried = self.run(inputs, &[further, &["--dry-run"]].concat()).await;
        assert_eq!(self.rows(), before, "a dry run changes nothing");
        let done = self.run(inputs, further).await;
        assert_eq!(Report { is_dry_run: false, ..tried }, done, "a dry run says what is done");
        assert!(done.written() > 0, "{done}");
        let after = self.rows();
        let again = self.run(inputs, further).await;
        assert_eq!((again.written(), self.rows()), (0, after), "{again}");
        self.app.tick().await;
        assert_eq!(self.told(), told, "nobody is told of the past");
        done
    }

    /// Messages, what is to become messages, and alerts that the system raised by itself.
    fn told(&self) -> (i64, i64, i64) {
        let count = |sql: &str| self.app.db().query_row(sql, [], |row| row.get(0)).expect("a row");
        let system = "select count(*) from alerts where source = 'system'";
        (count("select count(*) from outbox"), count("select count(*) from messages"), count(system))
    }

    /// Signs in as the clients of the old system do.
    async fn sign_in(&self, path: &str, name: &str) -> Client {
        let answer = self.app.anonymous().post(path, json!({"username": name, "password": PASSWORD})).await.expect(200);
        self.app.with_token(answer["access"].as_str().expect("an access token"))
    }
}

fn args<'a>(app: &App, state_dir: &Path, words: impl IntoIterator<Item = &'a str>) -> Args {
    let state_dir = state_dir.to_string_lossy().into_owned();
    let words = words.into_iter().map(str::to_owned).chain(["--state-dir".to_owned(), state_dir]);
    Args { now_ms: Some(app.now_ms()), ..Args::parse_from(words).expect("good options") }
}

/// The items of a list.
fn items(list: &Value) -> &Vec<Value> {
    list["items"].as_array().expect("a list")
}

/// The reasons for which records of this kind were refused.
fn refused(report: &Report, kind: &str) -> Vec<String> {
    report.of(kind).map(|moved| moved.refused.keys().cloned().collect()).unwrap_or_default()
}

/// A table of PostgreSQL as statements that make and fill it.
fn table(name: &str, columns: &str, rows: &[&str]) -> String {
    let inserts: String = rows.iter().map(|row| format!("insert into {name} values ({row});\n")).collect();
    format!("create table {name} ({columns});\n{inserts}")
}
