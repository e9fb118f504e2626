//! What the black-box suites share: a running application, callers who are signed in, and answers that explain themselves.
//!
//! A suite speaks HTTP to a base URL. By default each test starts the application on the embedded host, inside its own process, on a
//! free port, in a state directory of its own, with a clock that starts at a fixed moment ([`clock_at_start`]): what a test finds
//! does not depend on when it runs. With `GATEHOUSE_BASE_URL` set, the same suites run against that application
//! (`spin up`, say), with `GATEHOUSE_ADMIN_EMAIL`, `GATEHOUSE_ADMIN_PASSWORD`, `GATEHOUSE_TICK_SECRET` and, for those that look at
//! the database, `GATEHOUSE_DATABASE`. What needs the host in hand (to move the clock, to set variables) is then ignored: the suites are
//! compiled for it, with `cfg(remote)`.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

mod app;
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
mod place;
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

pub use app::App;
pub use client::Client;
pub(crate) use clock::{SHARED_CLOCK, seconds_ahead};
pub use clock::{clock_at_start, rfc3339};
pub use place::Place;
pub use response::Response;

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
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

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
