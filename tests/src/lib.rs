//! What the black-box suites share: a running application, callers who are signed in, and answers that explain themselves.
//!
//! A suite speaks HTTP to a base URL. By default each test starts the application on the embedded host, inside its own process, on a
//! free port, in a state directory of its own, with a clock that starts at a fixed moment ([`clock_at_start`]): what a test finds
//! does not depend on when it runs. With `GATEHOUSE_BASE_URL` set, the same suites run against that application
//! (`spin up`, say), with `GATEHOUSE_ADMIN_EMAIL`, `GATEHOUSE_ADMIN_PASSWORD`, `GATEHOUSE_TICK_SECRET` and, for those that look at
//! the database, `GATEHOUSE_DATABASE`. What needs the host in hand (to move the clock, to set variables) is then ignored: the suites are
//! compiled for it, with `cfg(remote)`.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

pub mod axe;
pub mod browser;
pub mod camera;
pub mod channels;
mod client;
pub mod clients;
mod clock;
pub mod disk;
pub mod forwarder;
pub mod gcs;
pub mod libsql;
pub mod localstripe;
pub mod mosquitto;
mod node;
pub mod postgres;
pub mod process;
mod python;
pub mod receiver;
pub mod relay;
mod response;
pub mod schemathesis;
pub mod sendgrid;
pub mod stripe;
pub mod terminal;
pub mod tools;
pub mod typescript;

pub use client::Client;
use clock::clock_at;
pub(crate) use clock::{SHARED_CLOCK, seconds_ahead};
pub use clock::{clock_at_start, rfc3339};
use libsql::LibSql;
pub use response::Response;

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

/// A car park made for one test: its names are its own, so that tests share a database without meeting.
pub struct Place {
    /// The site's slug.
    pub site: String,
    /// The code of its one zone.
    pub zone: String,
    /// Its spots.
    pub spots: Vec<String>,
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

    /// A caller without a token.
    pub fn anonymous(&self) -> Client {
        Client::new(self.http.clone(), self.base.clone(), None)
    }

    /// A caller with this bearer token or device key.
    pub fn with_token(&self, token: &str) -> Client {
        Client::new(self.http.clone(), self.base.clone(), Some(token.to_owned()))
    }

    /// The statements that the components have run. Only the embedded host knows them.
    pub fn statements(&self) -> Vec<String> {
        self.host.as_ref().expect("only the embedded host tells its statements").app.statements()
    }

    /// Signs in.
    pub async fn login(&self, email: &str, password: &str) -> Client {
        let answer = post_in_turn(&self.anonymous(), "/api/auth/login", &json!({"email": email, "password": password})).await;
        let access = answer.expect(200)["access"].as_str().expect("an access token").to_owned();
        self.with_token(&access)
    }

    /// The bootstrap administrator (`super_admin`), signed in.
    pub async fn admin(&self) -> Client {
        self.login(&self.admin.0, &self.admin.1).await
    }

    /// A new user of this role, signed in. For `device`, use [`App::device`].
    pub async fn user(&self, role: &str) -> Client {
        let (email, password) = self.new_user(role, json!({})).await;
        self.login(&email, &password).await
    }

    /// Makes a user of this role, with further fields (`device_code`, say); their e-mail and password.
    pub async fn new_user(&self, role: &str, further: Value) -> (String, String) {
        let email = format!("{}@example.com", unique(role));
        let password = "a quiet gate at dawn 7".to_owned();
        let mut body = json!({"email": email, "password": password, "name": "Somebody", "role": role});
        let (Value::Object(body_fields), Value::Object(further)) = (&mut body, further) else { panic!("further fields are an object") };
        body_fields.extend(further);
        post_in_turn(&self.admin().await, "/v0/api/users/users/", &body).await.expect(201);
        (email, password)
    }

    /// An operator, signed in.
    pub async fn operator(&self) -> Client {
        self.user("operator").await
    }

    /// A visitor, signed in.
    pub async fn visitor(&self) -> Client {
        self.user("visitor").await
    }

    /// A car park with one zone and `spots` spots.
    pub async fn place(&self, spots: usize) -> Place {
        let admin = self.admin().await;
        let site = unique("site");
        let zone = "B1".to_owned();
        admin
            .post(
                "/api/sites",
                json!({
                    "slug": site, "name": "A car park", "kind": "car_park", "latitude": 20.9, "longitude": 70.4,
                    "time_zone": "Asia/Kolkata", "capacity": spots,
                }),
            )
            .await
            .expect(201);
        admin.post(&format!("/api/sites/{site}/zones"), json!({"code": zone, "name": "Basement 1"})).await.expect(201);
        let mut place = Place { site, zone, spots: Vec::new() };
        for number in 1..=spots {
            let spot_id = format!("{}-{number:03}", place.site.to_uppercase());
            admin
                .post("/api/spots", json!({"spot_id": spot_id, "site": place.site, "zone": place.zone, "kind": "standard"}))
                .await
                .expect(201);
            place.spots.push(spot_id);
        }
        place
    }

    /// A device on a zone of `place`, or on its spot of this index; its code.
    pub async fn new_device(&self, place: &Place, spot: Option<usize>) -> String {
        let code = unique("DEV").to_uppercase();
        let mut body = json!({"device_code": code, "site": place.site, "zone": place.zone});
        if let Some(index) = spot {
            body["spot_id"] = json!(place.spots[index]);
        }
        self.admin().await.post("/api/devices/", body).await.expect(201);
        code
    }

    /// A caller with a new key of this device.
    pub async fn device(&self, code: &str) -> Client {
        let answer = self.admin().await.post(&format!("/api/devices/{code}/credentials"), json!({})).await;
        let key = answer.expect(201)["key"].as_str().expect("a key").to_owned();
        self.with_token(&key)
    }

    /// A reading of this device within all limits, at `plus_s` seconds from now.
    pub fn reading(&self, device_code: &str, plus_s: i64) -> Value {
        json!({
            "device_code": device_code, "voltage": 230.0, "current": 2.5, "power_factor": 0.95, "timestamp": self.time(plus_s),
        })
    }

    /// One scheduled run, over HTTP; what it says it did.
    pub async fn tick(&self) -> Value {
        let answer = self.internal("/internal/tick").await;
        answer.expect(200)
    }

    /// A POST to a path under `/internal/` with the secret.
    pub async fn internal(&self, path: &str) -> Response {
        self.anonymous().header("x-tick-secret", &self.tick_secret).send(Method::POST, path, None).await
    }
}

/// A request for which a password is hashed: hundreds at once are told to come back, as their turn does not come in time. So are, by the limit of
/// their one address, those of all suites that run against one application.
async fn post_in_turn(client: &Client, path: &str, body: &Value) -> Response {
    for _ in 0..300 {
        let answer = client.post(path, body.clone()).await;
        if answer.status != 503 && !(cfg!(remote) && answer.status == 429) {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    client.post(path, body.clone()).await
}

/// `prefix-` and characters that no other test has.
pub fn unique(prefix: &str) -> String {
    let id = uuid::Uuid::now_v7().simple().to_string();
    format!("{prefix}-{}", &id[20..]).replace('_', "-")
}

/// The checkout's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent").to_owned()
}

/// Where compiled components are kept: shared by all tests, since compiling is most of a start.
pub fn cache_directory() -> PathBuf {
    root().join("target/cwasm")
}

fn temporary_directory() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("gatehouse-test-").tempdir().expect("a temporary directory")
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn http_client() -> reqwest::Client {
    gatehouse::tls::install();
    reqwest::Client::builder().timeout(Duration::from_secs(60)).redirect(reqwest::redirect::Policy::none()).build().expect("an HTTP client")
}

/// How long a suite waits for what happens at once. Below the ten seconds after which an attempt that stalls is given up and the thirty
/// between scheduled runs, so that neither can have brought it; far above what it takes on a busy machine. How fast it is, `bench/` measures.
pub const AT_ONCE: Duration = Duration::from_secs(8);

/// The least that [`eventually`] waits: a shorter wait would judge the machine's load.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `probe` gives something, at most `within` or [`PATIENCE`], whichever is longer; panics with `what` otherwise.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, within: Duration, mut probe: impl FnMut() -> F) -> T {
    let within = within.max(PATIENCE);
    let deadline = tokio::time::Instant::now() + within;
    loop {
        if let Some(value) = probe().await {
            return value;
        }
        assert!(tokio::time::Instant::now() < deadline, "waited {within:?} in vain: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
