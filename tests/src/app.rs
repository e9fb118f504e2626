//! The application that a suite speaks to, and what the embedded host lets a test do to it.

mod callers;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{clock_at, clock_at_start, rfc3339};
use crate::libsql::LibSql;
use crate::{cache_directory, http_client, root, temporary_directory};

/// A running application.
pub struct App {
    base: String,
    admin: (String, String),
    tick_secret: String,
    database: Option<PathBuf>,
    clock: gatehouse::Clock,
    host: Option<Host>,
    http: reqwest::Client,
}

struct Host {
    app: gatehouse::App,
    setup: Setup,
}

/// What a start of the embedded host is of.
struct Setup {
    variables: Vec<(String, String)>,
    directory: Arc<tempfile::TempDir>,
    clock: gatehouse::Clock,
    faults: gatehouse::Faults,
    /// Where the database is, unless it is a file of the host's.
    libsql: Option<Arc<LibSql>>,
}

impl Setup {
    fn new(variables: &[(&str, &str)]) -> Self {
        Self {
            variables: variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            directory: Arc::new(temporary_directory()),
            clock: clock_at_start(),
            faults: gatehouse::Faults::default(),
            libsql: None,
        }
    }

    async fn with_libsql(self) -> Self {
        let libsql = LibSql::start(&self.directory.path().join("libsql.db")).await;
        Self { libsql: Some(libsql), ..self }
    }
}

fn refuse_remote() {
    let is_remote = cfg!(remote);
    assert!(!is_remote, "a test that needs the embedded host carries #[cfg_attr(remote, ignore = …)]");
}

impl App {
    /// The application, wherever it runs.
    pub async fn start() -> Self {
        match std::env::var("GATEHOUSE_BASE_URL") {
            Ok(base) => Self::remote(base),
            Err(_) => Self::start_embedded(Setup::new(&[])).await,
        }
    }

    /// The application on the embedded host, for tests that move its clock, set its variables or stop it. Such a test carries
    /// `#[cfg_attr(remote, ignore = "needs the embedded host")]`, so that it is shown as ignored when the suites run against a base URL.
    pub async fn embedded(variables: &[(&str, &str)]) -> Option<Self> {
        Self::start_unless_remote(Setup::new(variables)).await
    }

    /// The same with its clock at this moment (RFC 3339) when it starts.
    pub async fn embedded_at(moment: &str, variables: &[(&str, &str)]) -> Option<Self> {
        Self::start_unless_remote(Setup { clock: clock_at(moment), ..Setup::new(variables) }).await
    }

    /// The same with its database at a double of libSQL, see [`App::libsql`].
    pub async fn embedded_on_libsql(variables: &[(&str, &str)]) -> Option<Self> {
        Self::start_unless_remote(Setup::new(variables).with_libsql().await).await
    }

    async fn start_unless_remote(setup: Setup) -> Option<Self> {
        refuse_remote();
        Some(Self::start_embedded(setup).await)
    }

    /// The same with whatever else the embedded host can be told.
    pub async fn embedded_with(
        variables: &[(&str, &str)],
        configure: impl FnOnce(gatehouse::Builder) -> gatehouse::Builder,
    ) -> Option<Self> {
        refuse_remote();
        Some(Self::start_configured(Setup::new(variables), configure).await)
    }

    /// The same in a directory of this one, such as one on a small disk.
    pub async fn embedded_in(parent: &Path, variables: &[(&str, &str)]) -> Option<Self> {
        let directory = tempfile::Builder::new().prefix("state-").tempdir_in(parent).expect("a temporary directory");
        Self::start_unless_remote(Setup { directory: Arc::new(directory), ..Setup::new(variables) }).await
    }

    fn remote(base: String) -> Self {
        let needed = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is needed beside GATEHOUSE_BASE_URL"));
        Self {
            base: base.trim_end_matches('/').to_owned(),
            admin: (needed("GATEHOUSE_ADMIN_EMAIL"), needed("GATEHOUSE_ADMIN_PASSWORD")),
            tick_secret: needed("GATEHOUSE_TICK_SECRET"),
            database: std::env::var_os("GATEHOUSE_DATABASE").map(PathBuf::from),
            clock: gatehouse::Clock::new(),
            host: None,
            http: http_client(),
        }
    }

    /// An application in another process of this machine, see [`process`].
    pub(crate) fn in_process(
        base: String,
        admin: (String, String),
        tick_secret: String,
        database: PathBuf,
        clock: gatehouse::Clock,
    ) -> Self {
        Self { base, admin, tick_secret, database: Some(database), clock, host: None, http: http_client() }
    }

    async fn start_embedded(setup: Setup) -> Self {
        Self::start_configured(setup, |builder| builder).await
    }

    async fn start_configured(setup: Setup, configure: impl FnOnce(gatehouse::Builder) -> gatehouse::Builder) -> Self {
        let is_everywhere = std::env::var("GATEHOUSE_TEST_DATABASE").is_ok_and(|database| database == "libsql");
        let setup = if is_everywhere && setup.libsql.is_none() { setup.with_libsql().await } else { setup };
        let mut builder = gatehouse::App::builder()
            .manifest(root().join("spin.toml"))
            .state_dir(setup.directory.path())
            .cache_dir(cache_directory())
            .listen("127.0.0.1:0")
            .clock(setup.clock.clone())
            .faults(setup.faults.clone())
            .cron(false)
            .build_components(true);
        for (name, value) in &setup.variables {
            builder = builder.variable(name, value);
        }
        if let Some(libsql) = &setup.libsql {
            builder = builder.remote_database(libsql.database());
        }
        let app = configure(builder).start().await.expect("the application starts");
        // Compiling all of them takes longer than a request may, when the cache is empty and the machine is busy.
        app.load_components().await.expect("the components load");
        let variable = |name: &str| app.variable(name).expect("a variable of the manifest").to_owned();
        Self {
            base: app.base_url(),
            admin: (variable("admin_email"), variable("admin_password")),
            tick_secret: variable("tick_secret"),
            database: Some(setup.directory.path().join(if setup.libsql.is_some() { "libsql.db" } else { "default.db" })),
            clock: setup.clock.clone(),
            host: Some(Host { app, setup }),
            http: http_client(),
        }
    }

    /// Stops the application and starts it again on the same state, with its clock as far ahead as it was.
    pub async fn restart(self) -> Self {
        self.restart_after(|| ()).await
    }

    /// The same with something done to its state in between.
    pub async fn restart_after(self, work: impl FnOnce()) -> Self {
        let host = self.host.expect("only the embedded host is restarted");
        host.app.shutdown().await;
        work();
        Self::start_embedded(host.setup).await
    }

    /// Stops the application and starts it again on the same state with these variables in place of its own.
    pub async fn restart_with(self, variables: &[(&str, &str)]) -> Self {
        let host = self.host.expect("only the embedded host is restarted");
        host.app.shutdown().await;
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self::start_embedded(Setup { variables, ..host.setup }).await
    }

    /// Runs every cron trigger once, as the embedded host's schedule does.
    pub async fn run_cron(&self) {
        let host = self.host.as_ref().expect("only the embedded host has its schedule in hand");
        host.app.run_cron().await.expect("the scheduled runs are good");
    }

    /// Stops the application, in order.
    pub async fn stop(self) {
        if let Some(host) = self.host {
            host.app.shutdown().await;
        }
    }

    /// Its state directory on the embedded host.
    pub fn state_dir(&self) -> &Path {
        self.host.as_ref().expect("only the embedded host tells its directory").app.state_dir()
    }

    /// Stops the application, in order; its state stays as long as the directory is held.
    pub async fn stop_keeping_state(self) -> Arc<tempfile::TempDir> {
        let host = self.host.expect("only the embedded host keeps its state here");
        host.app.shutdown().await;
        host.setup.directory
    }

    /// Where it answers, without a slash at the end.
    pub fn base_url(&self) -> &str {
        &self.base
    }

    /// The bootstrap administrator's e-mail and password.
    pub fn admin_credentials(&self) -> (&str, &str) {
        (&self.admin.0, &self.admin.1)
    }

    /// The secret of `/internal/`.
    pub fn tick_secret(&self) -> &str {
        &self.tick_secret
    }

    /// The value of a variable of the application on the embedded host.
    pub fn variable(&self, name: &str) -> &str {
        let host = self.host.as_ref().expect("only the embedded host tells its variables");
        host.app.variable(name).expect("a variable of the manifest")
    }

    /// The double of libSQL that the application's database is at, of [`App::embedded_on_libsql`].
    pub fn libsql(&self) -> &LibSql {
        let host = self.host.as_ref().expect("only the embedded host is put on the double");
        host.setup.libsql.as_deref().expect("an application on libSQL")
    }

    /// What goes wrong beside the application on the embedded host.
    pub fn faults(&self) -> &gatehouse::Faults {
        &self.host.as_ref().expect("only the embedded host takes faults").setup.faults
    }

    /// Moves the guests' clock ahead. Access tokens issued before may be past their end afterwards: sign in again.
    pub fn advance(&self, by: Duration) {
        assert!(self.host.is_some(), "only the embedded host's clock moves");
        self.clock.advance(by);
    }

    /// Sets the guests' clock back. Access tokens issued before are of the future afterwards: sign in again.
    pub fn set_back(&self, by: Duration) {
        assert!(self.host.is_some(), "only the embedded host's clock moves");
        self.clock.set_back(by);
    }

    /// The time as the guests see it, milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        i64::try_from(self.clock.since_epoch().as_millis()).expect("a time in this era")
    }

    /// The application's clock, for what acts beside it (the seeder, the simulated fleet).
    pub fn clock(&self) -> gatehouse::Clock {
        self.clock.clone()
    }

    /// The guests' time plus `plus_s` seconds, as RFC 3339.
    pub fn time(&self, plus_s: i64) -> String {
        rfc3339(self.now_ms() + plus_s * 1000)
    }

    /// The database, to look at what HTTP does not show and to stage what it cannot. Panics when the suites run against a base URL
    /// and were not told where it is.
    pub fn db(&self) -> rusqlite::Connection {
        let path = self.database.as_ref().expect("GATEHOUSE_DATABASE is needed for this test");
        let connection = rusqlite::Connection::open(path).expect("the database opens");
        connection.busy_timeout(Duration::from_secs(10)).expect("a timeout can be set");
        connection
    }

    /// The statements that the components have run. Only the embedded host knows them.
    pub fn statements(&self) -> Vec<String> {
        self.host.as_ref().expect("only the embedded host tells its statements").app.statements()
    }
}
