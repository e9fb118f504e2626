//! `localstripe` from PyPI: Stripe's API on this machine, in a process of its own, with webhooks of its own.
//!
//! It is installed once, into `target/`. Python comes from Debian's packages `python3` and `python3-venv`.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};

use crate::{eventually, http_client, root};

/// The version that is installed.
const VERSION: &str = "1.15.10";
/// It takes any secret key.
pub const KEY: &str = "sk_test_localstripe";

/// Its own entry listens on IPv6 and keeps everything in one file of the machine: here it is the same application, on IPv4 and in memory.
const SERVE: &str = "
import sys
from aiohttp import web
from localstripe import resources
resources.Store.dump_to_disk = lambda self: None
from localstripe.server import app
web.run_app(app, host='127.0.0.1', port=int(sys.argv[1]), print=None)
";

static INSTALL: Mutex<()> = Mutex::new(());

/// A running one. It ends with its test.
pub struct LocalStripe {
    process: Child,
    origin: String,
    http: reqwest::Client,
}

impl Drop for LocalStripe {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl LocalStripe {
    /// Starts one on a free port, empty.
    pub async fn start() -> Self {
        let python = tokio::task::spawn_blocking(install).await.expect("the installation ends");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        drop(listener);
        let process = Command::new(python)
            .args(["-c", SERVE, &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("localstripe starts");
        let stripe = Self { process, origin: format!("http://127.0.0.1:{port}"), http: http_client() };
        eventually("localstripe answers", Duration::from_secs(30), || async {
            stripe
                .http
                .get(format!("{}/v1/balance", stripe.origin))
                .bearer_auth(KEY)
                .send()
                .await
                .ok()
                .filter(|it| it.status().is_success())
        })
        .await;
        stripe
    }

    /// The variables of an application that pays here.
    pub fn variables<'a>(&'a self, webhook_secret: &'a str) -> [(&'a str, &'a str); 3] {
        [("stripe_api_base", &self.origin), ("stripe_api_key", KEY), ("stripe_webhook_secret", webhook_secret)]
    }

    /// Sends its events there from now on, signed with this secret.
    pub async fn send_events_to(&self, url: &str, secret: &str) {
        let answer = self.http.post(format!("{}/_config/webhooks/gatehouse", self.origin)).json(&json!({"url": url, "secret": secret}));
        assert!(answer.send().await.expect("localstripe answers").status().is_success());
    }

    /// GET of one of its objects.
    pub async fn get(&self, path: &str) -> Value {
        let answer = self.http.get(format!("{}{path}", self.origin)).bearer_auth(KEY).send().await.expect("localstripe answers");
        answer.json().await.expect("JSON")
    }

    /// What the driver's own device does with the client secret: gives the intent a payment method, and confirms it.
    pub async fn pay(&self, intent: &str, method: &str) -> u16 {
        let post = |path: String, body: Value| self.http.post(format!("{}{path}", self.origin)).bearer_auth(KEY).json(&body).send();
        let given = post(format!("/v1/payment_intents/{intent}"), json!({"payment_method": method})).await;
        assert!(given.expect("localstripe answers").status().is_success());
        let confirmed = post(format!("/v1/payment_intents/{intent}/confirm"), json!({})).await;
        confirmed.expect("localstripe answers").status().as_u16()
    }
}

/// Its Python, installed where it is missing: by one process of the tests at a time.
fn install() -> PathBuf {
    let _one = INSTALL.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let home = root().join(format!("target/localstripe-{VERSION}"));
    let python = |home: &Path| home.join("bin/python");
    if works(&python(&home)) {
        return python(&home);
    }
    eprintln!("installing localstripe {VERSION} from PyPI");
    // Not elsewhere and moved: a virtual environment knows its own path.
    let lock = root().join("target/localstripe.lock");
    let lock = std::fs::File::options().create(true).append(true).open(lock).expect("target/ takes files");
    lock.lock().expect("a lock");
    if !works(&python(&home)) {
        let _ = std::fs::remove_dir_all(&home);
        run(Command::new("python3").args(["-m", "venv"]).arg(&home), "python3 -m venv (Debian's packages python3 and python3-venv)");
        let package = format!("localstripe=={VERSION}");
        let mut pip = Command::new(python(&home));
        run(pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", &package]), "pip install localstripe");
    }
    python(&home)
}

fn works(python: &Path) -> bool {
    let import = Command::new(python).args(["-c", "import localstripe.server"]).stderr(Stdio::null()).status();
    import.is_ok_and(|status| status.success())
}

fn run(command: &mut Command, what: &str) {
    let status = command.stdout(Stdio::null()).status();
    assert!(status.as_ref().is_ok_and(std::process::ExitStatus::success), "{what} failed: {status:?}");
}
