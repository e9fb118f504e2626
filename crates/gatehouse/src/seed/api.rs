//! A caller of the application over HTTP, signed in as a user.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, bail};
use reqwest::{Method, StatusCode, header::RETRY_AFTER};
use serde_json::{Value, json};
use tokio::sync::RwLock;

/// How often a request is sent again when the application says "later" (429, 503).
const TRIES: u32 = 5;
/// The longest that is waited before sending again, whatever `Retry-After` says.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// The machine's time, milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

/// Without a slash at the end.
pub(crate) fn trim(base_url: &str) -> &str {
    base_url.trim_end_matches('/')
}

/// A client for this base URL, which goes to a loopback address directly, whatever proxy the environment names.
pub(crate) fn http_client(base_url: &str) -> anyhow::Result<reqwest::Client> {
    crate::tls::install();
    let url = reqwest::Url::parse(base_url).with_context(|| format!("{base_url:?} is no URL"))?;
    let mut builder = reqwest::Client::builder().timeout(Duration::from_secs(60)).tcp_nodelay(true);
    if matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")) {
        builder = builder.no_proxy();
    }
    builder.build().context("making an HTTP client")
}

/// A signed-in user. Signs in again when its access token has expired.
pub(crate) struct Api {
    http: reqwest::Client,
    base: String,
    email: String,
    password: String,
    token: RwLock<String>,
}

/// A whole answer.
pub(crate) struct Reply {
    request: String,
    /// The status.
    pub status: StatusCode,
    /// The body; null when it is no JSON.
    pub body: Value,
}

impl Reply {
    /// The body, when the status is one of these; else what was asked and what was answered.
    pub fn expect(self, statuses: &[u16]) -> anyhow::Result<Value> {
        if statuses.contains(&self.status.as_u16()) {
            return Ok(self.body);
        }
        let detail = self.body["detail"].as_str().unwrap_or_default();
        let errors = self.body.get("errors").map(Value::to_string).unwrap_or_default();
        bail!("{}: {} {detail} {errors}", self.request, self.status)
    }
}

impl Api {
    /// Signs in.
    pub async fn sign_in(base_url: &str, email: &str, password: &str) -> anyhow::Result<Self> {
        let api = Self {
            http: http_client(base_url)?,
            base: trim(base_url).to_owned(),
            email: email.to_owned(),
            password: password.to_owned(),
            token: RwLock::new(String::new()),
        };
        api.renew().await?;
        Ok(api)
    }

    async fn renew(&self) -> anyhow::Result<()> {
        let credentials = json!({"email": self.email, "password": self.password});
        let answer = self.send_once(Method::POST, "/api/auth/login", Some(&credentials)).await?.expect(&[200])?;
        let access = answer["access"].as_str().context("the login's answer has no `access`")?;
        access.clone_into(&mut *self.token.write().await);
        Ok(())
    }

    /// GET.
    pub async fn get(&self, path: &str) -> anyhow::Result<Reply> {
        self.send(Method::GET, path, None).await
    }

    /// POST.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Reply> {
        self.send(Method::POST, path, Some(body)).await
    }

    /// PATCH.
    pub async fn patch(&self, path: &str, body: &Value) -> anyhow::Result<Reply> {
        self.send(Method::PATCH, path, Some(body)).await
    }

    /// POST of something that may be there already; whether it was made now.
    pub async fn make(&self, path: &str, body: &Value) -> anyhow::Result<bool> {
        let reply = self.post(path, body).await?;
        let made = reply.status == StatusCode::CREATED;
        reply.expect(&[201, 409])?;
        Ok(made)
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Reply> {
        let reply = self.send_once(method.clone(), path, body).await?;
        if reply.status != StatusCode::UNAUTHORIZED {
            return Ok(reply);
        }
        self.renew().await?;
        self.send_once(method, path, body).await
    }

    /// Once, as far as the token goes; again when the application asks to come later.
    async fn send_once(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Reply> {
        let mut tries = 0;
        loop {
            let mut request = self.http.request(method.clone(), format!("{}{path}", self.base));
            let token = self.token.read().await.clone();
            if !token.is_empty() {
                request = request.bearer_auth(token);
            }
            if let Some(body) = body {
                request = request.json(body);
            }
            let name = format!("{method} {}{path}", self.base);
            let response = request.send().await.with_context(|| name.clone())?;
            let status = response.status();
            let later = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
            let bytes = response.bytes().await.with_context(|| name.clone())?;
            tries += 1;
            let busy = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
            if !busy || tries == TRIES {
                return Ok(Reply { request: name, status, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) });
            }
            tokio::time::sleep(Duration::from_secs(later.unwrap_or(1)).min(LONGEST_WAIT)).await;
        }
    }
}
