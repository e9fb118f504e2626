//! `localstripe` from PyPI: Stripe's API on this machine, in a process of its own, with webhooks of its own.
//!
//! It is installed once, into `target/`, see [`crate::python`].

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::python::Environment;
use crate::{eventually, http_client};

const ENVIRONMENT: Environment = Environment { requirements: &["localstripe==1.15.10"], module: "localstripe.server" };
/// It takes any secret key.
pub const KEY: &str = "sk_test_localstripe";

/// Its own entry listens on IPv6 and keeps everything in one file of the machine: here it is the same application, on IPv4 and in memory, and
/// with the clock of the application under test, since it signs its webhooks with the time.
const SERVE: &str = "
import sys, time
machine, ahead = time.time, float(sys.argv[2])
time.time = lambda: machine() + ahead
from aiohttp import web
from localstripe import resources
resources.Store.dump_to_disk = lambda self: None
from localstripe.server import app
web.run_app(app, host='127.0.0.1', port=int(sys.argv[1]), print=None)
";

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
        let python = tokio::task::spawn_blocking(|| ENVIRONMENT.python()).await.expect("the installation ends");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        drop(listener);
        let process = Command::new(python)
            .args(["-c", SERVE, &port.to_string(), &crate::seconds_ahead().to_string()])
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
