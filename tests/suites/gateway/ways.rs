//! Both ways of running the gateway.

use clap::Parser;
use gatehouse::gateway::{Alone, Args};
use gatehouse_tests::{App, Client};
use serde_json::{Value, json};

/// `gatehouse gateway`, as its command line is read.
#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: Args,
}

/// A gateway of its own in front of this base URL.
pub async fn alone(upstream: &str, options: &[&str]) -> Alone {
    let words = ["gateway", "--upstream", upstream, "--listen", "127.0.0.1:0"];
    let command = Command::parse_from(words.iter().chain(options));
    Alone::start(command.args).await.expect("the gateway starts")
}

/// Where a gateway is.
pub struct Way {
    /// How it is called in messages.
    pub name: &'static str,
    /// Its base URL.
    pub base_url: String,
    alone: Option<Alone>,
}

impl Way {
    /// The application's own gateway, if it runs on the embedded host, and one in front of it.
    pub async fn all(app: &App) -> Vec<Self> {
        let gateway = alone(app.base_url(), &[]).await;
        let mut ways = vec![Self { name: "in front", base_url: gateway.base_url(), alone: Some(gateway) }];
        if !cfg!(remote) {
            ways.push(Self { name: "inside", base_url: app.base_url().to_owned(), alone: None });
        }
        ways
    }

    /// Stops it, if it stands by itself.
    pub async fn stop(self) {
        if let Some(alone) = self.alone {
            alone.shutdown().await;
        }
    }
}

/// Raises an alert that everybody may see; it.
pub async fn raise(operator: &Client, message: &str, further: Value) -> Value {
    let mut body = json!({ "severity": "info", "message": message });
    body.as_object_mut().expect("an object").extend(further.as_object().expect("an object").clone());
    operator.post("/api/alerts/", body).await.expect(201)
}
