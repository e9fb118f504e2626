//! A client of the application's API, signed in as a user.

use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::RwLock;

use crate::clock::Clock;

/// How a deployment is spoken to.
#[derive(Clone, Debug, Default)]
pub struct Deployment {
    /// Its clock; this machine's unless it is a test's.
    pub clock: Clock,
    /// The id that requests carry (`X-Request-Id`), so that the host knows its own demo's; one of the deployment's for each otherwise.
    pub request_id: Option<String>,
}

impl Deployment {
    /// Its time in milliseconds since 1970.
    pub(crate) fn now_ms(&self) -> i64 {
        i64::try_from(self.clock.since_epoch().as_millis()).unwrap_or(i64::MAX)
    }
}

/// How many small requests are sent at once.
pub(crate) const AT_ONCE: usize = 16;
/// Where to sign in.
const LOGIN: &str = "/api/auth/login";
/// How often a request is sent if the response is 429 or 503.
const ATTEMPTS: u32 = 5;
/// The longest wait before sending again, whatever `Retry-After` says.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(30);

/// A base URL without a trailing slash.
pub(crate) fn trim(base_url: &str) -> &str {
    base_url.trim_end_matches('/')
}

/// An HTTP client for this base URL.
pub(crate) fn http_client(base_url: &str, deployment: &Deployment) -> anyhow::Result<reqwest::Client> {
    crate::tls::install();
    let url = reqwest::Url::parse(base_url).with_context(|| format!("{base_url:?} is no URL"))?;
    let mut builder = gatehouse_gateway::http_client(&url).timeout(Duration::from_secs(60)).tcp_nodelay(true);
    if let Some(id) = &deployment.request_id {
        let id = HeaderValue::from_str(id).context("the id of the requests")?;
        builder = builder.default_headers(HeaderMap::from_iter([(HeaderName::from_static("x-request-id"), id)]));
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
    deployment: Deployment,
}

/// A response with its body.
pub(crate) struct Reply {
    request: String,
    /// The status.
    pub status: StatusCode,
    /// The body; null if it is not JSON.
    pub body: Value,
}

impl Reply {
    /// The body if the status is one of these; otherwise, an error with the request and the response's problem document.
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
    pub async fn sign_in(base_url: &str, email: &str, password: &str, deployment: &Deployment) -> anyhow::Result<Self> {
        Self::sign_in_unless_refused(base_url, email, password, deployment).await?.context("401: the password is another one")
    }

    /// The same; none if the password is another one, or the account is not there.
    pub async fn sign_in_unless_refused(
        base_url: &str,
        email: &str,
        password: &str,
        deployment: &Deployment,
    ) -> anyhow::Result<Option<Self>> {
        let api = Self {
            http: http_client(base_url, deployment)?,
            base: trim(base_url).to_owned(),
            email: email.to_owned(),
            password: password.to_owned(),
            token: RwLock::new(String::new()),
            deployment: deployment.clone(),
        };
        Ok(api.refresh_token().await?.then_some(api))
    }

    /// The deployment's time in milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        self.deployment.now_ms()
    }

    /// Whether the password is still theirs.
    async fn refresh_token(&self) -> anyhow::Result<bool> {
        let credentials = json!({"email": self.email, "password": self.password});
        let reply = self.send_with_retries(Method::POST, LOGIN, Some(&credentials)).await?;
        if reply.status == StatusCode::UNAUTHORIZED {
            return Ok(false);
        }
        let answer = reply.expect(&[200])?;
        let access = answer["access"].as_str().context("the login's answer has no `access`")?;
        access.clone_into(&mut *self.token.write().await);
        Ok(true)
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

    /// POST of something that may exist already. Returns whether it is new.
    pub async fn create(&self, path: &str, body: &Value) -> anyhow::Result<bool> {
        let reply = self.post(path, body).await?;
        let created = reply.status == StatusCode::CREATED;
        reply.expect(&[201, 409])?;
        Ok(created)
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Reply> {
        let reply = self.send_with_retries(method.clone(), path, body).await?;
        if reply.status != StatusCode::UNAUTHORIZED {
            return Ok(reply);
        }
        if !self.refresh_token().await? {
            return Ok(reply);
        }
        self.send_with_retries(method, path, body).await
    }

    /// Sends a request with the current token, and again after a 429 or 503; after a 504, too, what can be done twice: at a first start it may have
    /// waited for its component to be compiled.
    async fn send_with_retries(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Reply> {
        let mut attempts = 0;
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
            let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
            let bytes = response.bytes().await.with_context(|| name.clone())?;
            attempts += 1;
            let busy = match status {
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => true,
                StatusCode::GATEWAY_TIMEOUT => method == Method::GET || path == LOGIN,
                _ => false,
            };
            if !busy || attempts == ATTEMPTS {
                return Ok(Reply { request: name, status, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) });
            }
            tokio::time::sleep(Duration::from_secs(retry_after.unwrap_or(1)).min(MAX_RETRY_AFTER)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// What becomes of signing in at a server that answers with these statuses, the last one for ever.
    async fn signed_in(statuses: &'static [u16]) -> anyhow::Result<Option<Api>> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base = format!("http://{}", listener.local_addr()?);
        let serving = tokio::spawn(async move {
            for status in statuses.iter().chain(std::iter::repeat(&statuses[statuses.len() - 1])) {
                let Ok((mut client, _)) = listener.accept().await else { return };
                let mut request = [0; 4096];
                let Ok(1..) = client.read(&mut request).await else { continue };
                let body = r#"{"access": "a token"}"#;
                let head = format!("HTTP/1.1 {status} So\r\nretry-after: 0\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
                client.write_all(format!("{head}{body}").as_bytes()).await.ok();
            }
        });
        let outcome = Api::sign_in_unless_refused(&base, "admin@gatehouse.example", "a password", &Deployment::default()).await;
        serving.abort();
        outcome
    }

    #[tokio::test]
    async fn a_server_that_does_not_answer_in_time_is_none_that_refuses() {
        assert!(signed_in(&[504, 503, 200]).await.unwrap().is_some());
        assert!(signed_in(&[401]).await.unwrap().is_none());
        assert!(signed_in(&[504]).await.is_err());
        assert!(signed_in(&[500]).await.is_err());
    }
}
