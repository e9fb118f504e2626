//! [Schemathesis](https://schemathesis.readthedocs.io) from PyPI: makes requests from the OpenAPI document, valid and invalid ones, and
//! checks the responses against it. Installed once, into `target/`. Its configuration is `tests/schemathesis.toml`.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::python::Environment;
use crate::root;

/// Hypothesis decides what a seed generates, so its version is pinned too.
const ENVIRONMENT: Environment =
    Environment { requirements: &["schemathesis==4.32.5", "hypothesis==6.170.17"], module: "schemathesis.cli" };

/// What a run may take beyond its [`Run::time`]: start-up, loading the document, the request in flight, the report.
const GRACE: Duration = Duration::from_secs(120);

/// Somebody on whose behalf requests are sent.
pub struct Identity {
    /// The name in the report.
    pub name: String,
    /// How they prove who they are.
    pub credentials: Credentials,
}

/// How an identity authenticates.
pub enum Credentials {
    /// Signs in at `/api/auth/login`, again after each 401: requests of the run may end the session.
    Password {
        /// The e-mail address.
        email: String,
        /// The password.
        password: String,
    },
    /// Sends this device key as bearer token.
    Key(String),
}

/// One run.
pub struct Run<'a> {
    /// Base URL of the application, without a slash at the end. The document is fetched from `{base_url}/api/openapi.json`.
    pub base_url: &'a str,
    /// Who sends the requests; none for requests without credentials.
    pub identity: Option<Identity>,
    /// Somebody of the same role who must not get the objects of `identity` (the check `object_level_authorization`).
    pub peer: Option<Identity>,
    /// Values by dictionary name. `tests/schemathesis.toml` binds the dictionaries to parameters.
    pub dictionaries: Vec<(&'static str, Vec<String>)>,
    /// Comma-separated list of `examples`, `coverage`, `fuzzing`, `stateful`.
    pub phases: &'a str,
    /// Requests for each operation in a pass of the fuzzing phase, at most.
    pub max_examples: u32,
    /// How long it sends requests. Fuzzing and stateful testing repeat until it is over, with new data.
    pub time: Duration,
    /// Seed of the generated data.
    pub seed: u64,
}

impl Run<'_> {
    /// Runs every check, with valid and invalid data. Panics with Schemathesis' report if a check failed.
    pub async fn run(self) {
        let python = tokio::task::spawn_blocking(|| ENVIRONMENT.python()).await.expect("the installation ends");
        let directory = tempfile::Builder::new().prefix("gatehouse-fuzz-").tempdir().expect("a temporary directory");
        let config = directory.path().join("schemathesis.toml");
        std::fs::write(&config, self.config(directory.path())).expect("a temporary directory takes files");
        let run = tokio::process::Command::new(python)
            .args(["-m", "schemathesis.cli", "--config-file"])
            .arg(config)
            .arg("run")
            .arg(format!("{}/api/openapi.json", self.base_url))
            .args(["--url", self.base_url])
            .args(["--checks", "all", "--mode", "all", "--phases", self.phases])
            .arg(format!("--max-examples={}", self.max_examples))
            .arg(format!("--max-time={}", self.time.as_secs()))
            .arg(format!("--seed={}", self.seed))
            .args(["--workers", "1", "--no-color"])
            // Where Hypothesis keeps its files.
            .current_dir(directory.path())
            .env("COLUMNS", "140")
            .stdin(std::process::Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(self.time + GRACE, run).await.expect("Schemathesis ends in time").expect("Schemathesis starts");
        let report = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "Schemathesis: {}\n{report}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
        eprintln!("{report}");
    }

    /// `tests/schemathesis.toml` with this run's identities and dictionaries.
    fn config(&self, directory: &Path) -> String {
        let committed = std::fs::read_to_string(root().join("tests/schemathesis.toml")).expect("tests/schemathesis.toml");
        let mut config: toml::Table = committed.parse().expect("tests/schemathesis.toml is TOML");
        let dictionary = |values: &Vec<String>| toml::Table::from_iter([("values".to_owned(), values.clone().into())]).into();
        let dictionaries: toml::Table = self.dictionaries.iter().map(|(name, values)| ((*name).to_owned(), dictionary(values))).collect();
        config.insert("dictionaries".to_owned(), dictionaries.into());
        config.insert("hooks".to_owned(), root().join("tests/schemathesis_hooks.py").to_string_lossy().into_owned().into());
        if let Some(identity) = &self.identity {
            let file = directory.join("identities.json");
            let identities: Vec<_> = std::iter::once(identity).chain(&self.peer).collect();
            let entries: Vec<_> = identities.iter().map(|identity| identity.entry()).collect();
            std::fs::write(&file, json!({"auth": entries}).to_string()).expect("a temporary directory takes files");
            let mut wfc = toml::Table::new();
            wfc.insert("path".to_owned(), file.to_str().expect("a path in UTF-8").into());
            wfc.insert("user".to_owned(), identity.name.clone().into());
            if self.peer.is_some() {
                wfc.insert("peers".to_owned(), identities.iter().map(|identity| identity.name.clone()).collect::<Vec<_>>().into());
            }
            config.insert("auth".to_owned(), toml::Table::from_iter([("wfc".to_owned(), wfc.into())]).into());
        }
        config.to_string()
    }
}

impl Identity {
    /// The entry in an authentication file of the Web Fuzzing Commons (<https://github.com/WebFuzzing/Commons>).
    fn entry(&self) -> Value {
        match &self.credentials {
            Credentials::Key(key) => {
                json!({"name": self.name, "fixedHeaders": [{"name": "Authorization", "value": format!("Bearer {key}")}]})
            }
            Credentials::Password { email, password } => json!({
                "name": self.name,
                "loginEndpointAuth": {
                    "endpoint": "/api/auth/login",
                    "verb": "POST",
                    "contentType": "application/json",
                    "payloadRaw": json!({"email": email, "password": password}).to_string(),
                    "token": {
                        "extractFrom": "body", "extractSelector": "/access",
                        "sendIn": "header", "sendName": "Authorization", "sendTemplate": "Bearer {token}",
                    },
                },
            }),
        }
    }
}
