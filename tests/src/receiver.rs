//! A test double of the services that messages are sent to: webhooks, Twilio, SendGrid, a chat, ntfy, a dead-man's switch.
//!
//! It follows their published APIs as far as they are used and refuses what the real ones refuse. It writes down every request, and can
//! be told to fail.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::StreamExt as _;
use hmac::{Hmac, Mac as _};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, LOCATION, RETRY_AFTER};
use hyper::service::service_fn;
use hyper::{Method, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::sendgrid;

/// What webhooks under `/hooks` must be signed with.
pub const WEBHOOK_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// The one account that Twilio knows.
pub const TWILIO_ACCOUNT: &str = "AC00000000000000000000000000000001";
/// Its secret.
pub const TWILIO_TOKEN: &str = "a-twilio-token";
/// The one key that SendGrid knows.
pub use crate::sendgrid::KEY as SENDGRID_KEY;
/// The one token that ntfy knows.
pub const NTFY_TOKEN: &str = "tk_antfytoken";

/// A request that came in.
#[derive(Clone, Debug)]
pub struct Received {
    /// The method.
    pub method: Method,
    /// The path.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// When it had come in whole.
    pub at: Instant,
    /// The status that it got; none while it is made to wait.
    pub answered: Option<u16>,
}

impl Received {
    /// A header's text; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    /// The body as a form.
    pub fn form(&self) -> HashMap<String, String> {
        let query = String::from_utf8_lossy(&self.body);
        let url = reqwest::Url::parse(&format!("http://form/?{query}")).expect("a form");
        url.query_pairs().into_owned().collect()
    }

    /// Whether it was answered with 2xx.
    pub fn accepted(&self) -> bool {
        self.answered.is_some_and(|status| (200..300).contains(&status))
    }
}

#[derive(Clone, PartialEq)]
enum Mode {
    Normal,
    RespondsWith(u16),
    Redirects(u16, String),
    RateLimits(u32),
    Stalls,
    Truncates,
}

struct State {
    received: Mutex<Vec<Received>>,
    mode: watch::Sender<Mode>,
}

/// The double. It ends with its test.
pub struct Receiver {
    origin: String,
    state: Arc<State>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

type HttpResponse = Response<BoxBody<Bytes, std::io::Error>>;

impl Receiver {
    /// Starts one on a free port of this machine.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let origin = format!("http://{}", listener.local_addr().expect("its address"));
        let state = Arc::new(State { received: Mutex::default(), mode: watch::Sender::new(Mode::Normal) });
        let server = tokio::spawn(serve(listener, state.clone()));
        Self { origin, state, server }
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> String {
        self.origin.clone()
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<Received> {
        self.state.received().clone()
    }

    /// Every request so far to a path that begins like this.
    pub fn requests_to(&self, prefix: &str) -> Vec<Received> {
        let mut received = self.requests();
        received.retain(|request| request.path.starts_with(prefix));
        received
    }

    /// Forgets what came in so far.
    pub fn clear(&self) {
        self.state.received().clear();
    }

    /// Answers everything with this status from now on.
    pub fn respond_with(&self, status: u16) {
        self.state.mode.send_replace(Mode::RespondsWith(status));
    }

    /// Answers everything with this status and address from now on.
    pub fn redirect(&self, status: u16, location: &str) {
        self.state.mode.send_replace(Mode::Redirects(status, location.to_owned()));
    }

    /// Answers everything with 429 and this `Retry-After` from now on.
    pub fn rate_limit(&self, seconds: u32) {
        self.state.mode.send_replace(Mode::RateLimits(seconds));
    }

    /// Takes everything and answers nothing, until it recovers.
    pub fn stall(&self) {
        self.state.mode.send_replace(Mode::Stalls);
    }

    /// Answers everything with half a body and a broken connection from now on.
    pub fn truncate_responses(&self) {
        self.state.mode.send_replace(Mode::Truncates);
    }

    /// Responds as the real services do again.
    pub fn recover(&self) {
        self.state.mode.send_replace(Mode::Normal);
    }
}

impl State {
    fn received(&self) -> std::sync::MutexGuard<'_, Vec<Received>> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = state.clone();
        let service = service_fn(move |request| {
            let state = state.clone();
            async move { Ok::<_, Infallible>(receive(&state, request).await) }
        });
        // A connection that breaks off is what some tests are about.
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn receive(state: &State, request: hyper::Request<Incoming>) -> HttpResponse {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let received = Received {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        headers: parts.headers,
        body,
        at: Instant::now(),
        answered: None,
    };
    let index = {
        let mut all = state.received();
        all.push(received.clone());
        all.len() - 1
    };
    let mut mode = state.mode.subscribe();
    let now = mode.borrow().clone();
    let mut answer = match &now {
        Mode::Normal => provider_response(&received),
        Mode::RespondsWith(status) => response(*status, "text/plain", "not now"),
        Mode::Redirects(status, location) => {
            let mut answer = response(*status, "text/plain", "elsewhere");
            answer.headers_mut().insert(LOCATION, location.parse().expect("an address"));
            answer
        }
        Mode::RateLimits(_) => response(429, "text/plain", "slow down"),
        Mode::Stalls => {
            let _ = tokio::time::timeout(Duration::from_secs(60), mode.wait_for(|mode| *mode != Mode::Stalls)).await;
            response(503, "text/plain", "too late")
        }
        Mode::Truncates => truncated_response(),
    };
    if let Mode::RateLimits(seconds) = now {
        answer.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    if let Some(received) = state.received().get_mut(index) {
        received.answered = Some(answer.status().as_u16());
    }
    answer
}

fn response(status: u16, content_type: &str, body: impl Into<Bytes>) -> HttpResponse {
    let body = Full::new(body.into()).map_err(|never| match never {}).boxed();
    let status = StatusCode::from_u16(status).expect("a status");
    Response::builder().status(status).header(CONTENT_TYPE, content_type).body(body).expect("an answer")
}

/// Says 200 and a length, gives a part of it, and breaks off.
fn truncated_response() -> HttpResponse {
    let frames = futures::stream::iter([Ok(Frame::data(Bytes::from_static(b"{\"half\":")))]).chain(futures::stream::once(async {
        // Time for the part to leave before the connection goes.
        tokio::time::sleep(Duration::from_millis(50)).await;
        Err(std::io::Error::other("broken off"))
    }));
    let body = http_body_util::BodyExt::boxed(StreamBody::new(Box::pin(SyncStream(Mutex::new(Box::pin(frames))))));
    Response::builder().status(200).header("content-length", "100").body(body).expect("an answer")
}

/// `BoxBody` wants `Sync`, which a boxed stream is not.
struct SyncStream<T>(Mutex<std::pin::Pin<Box<dyn futures::Stream<Item = T> + Send>>>);

impl<T> futures::Stream for SyncStream<T> {
    type Item = T;

    fn poll_next(self: std::pin::Pin<&mut Self>, context: &mut std::task::Context<'_>) -> std::task::Poll<Option<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut().poll_next(context)
    }
}

/// The response of the real service.
fn provider_response(request: &Received) -> HttpResponse {
    let path: Vec<_> = request.path.trim_matches('/').split('/').collect();
    match path[..] {
        ["2010-04-01", "Accounts", account, "Messages.json"] => twilio(request, account),
        ["v3", "mail", "send"] => sendgrid(request),
        ["hooks", ..] => webhook(request),
        ["chat", ..] => chat(request),
        ["switch", ..] => response(200, "text/plain", "OK"),
        [topic] if !request.header("title").is_empty() => ntfy(request, topic),
        _ => response(200, "text/plain", ""),
    }
}

fn twilio(request: &Received, account: &str) -> HttpResponse {
    let refuse = |status: u16, code: u32, message: &str| {
        let body =
            json!({"code": code, "message": message, "more_info": format!("https://www.twilio.com/docs/errors/{code}"), "status": status});
        response(status, "application/json", body.to_string())
    };
    let wanted = format!("Basic {}", STANDARD.encode(format!("{TWILIO_ACCOUNT}:{TWILIO_TOKEN}")));
    if account != TWILIO_ACCOUNT || request.header(AUTHORIZATION.as_str()) != wanted {
        return refuse(401, 20003, "Authenticate");
    }
    if request.method != Method::POST {
        return refuse(405, 20004, "Method not allowed");
    }
    if request.header("content-type") != "application/x-www-form-urlencoded" {
        return refuse(400, 21604, "A 'To' phone number is required.");
    }
    let form = request.form();
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let e164 = |number: &str| {
        number
            .strip_prefix('+')
            .is_some_and(|digits| (7..=15).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit()))
    };
    if field("To").is_empty() {
        refuse(400, 21604, "A 'To' phone number is required.")
    } else if !e164(field("To")) {
        refuse(400, 21211, "Invalid 'To' Phone Number")
    } else if field("From").is_empty() && field("MessagingServiceSid").is_empty() {
        refuse(400, 21603, "A 'From' phone number is required.")
    } else if field("Body").is_empty() {
        refuse(400, 21602, "Message body is required.")
    } else if field("Body").chars().count() > 1600 {
        refuse(400, 21617, "The concatenated message body exceeds the 1600 character limit")
    } else {
        let body = json!({"sid": "SM1", "status": "queued", "to": field("To"), "from": field("From"), "body": field("Body")});
        response(201, "application/json", body.to_string())
    }
}

fn sendgrid(request: &Received) -> HttpResponse {
    match sendgrid::judge(request.header(AUTHORIZATION.as_str()), request.header("content-type"), &request.body) {
        Ok(()) => response(202, "text/plain", ""),
        Err((status, field, message)) => {
            response(status, "application/json", json!({"errors": [{"message": message, "field": field, "help": null}]}).to_string())
        }
    }
}

/// As standardwebhooks.com tells receivers to verify.
fn webhook(request: &Received) -> HttpResponse {
    let (id, timestamp) = (request.header("webhook-id"), request.header("webhook-timestamp"));
    if id.is_empty() || timestamp.parse::<i64>().is_err() {
        return response(400, "text/plain", "Missing required headers");
    }
    let key = STANDARD.decode(WEBHOOK_SECRET.trim_start_matches("whsec_")).expect("base64");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("any length does");
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(&request.body);
    let verified = request
        .header("webhook-signature")
        .split(' ')
        .filter_map(|signature| STANDARD.decode(signature.strip_prefix("v1,")?).ok())
        .any(|signature| mac.clone().verify_slice(&signature).is_ok());
    if verified { response(204, "text/plain", "") } else { response(401, "text/plain", "No matching signature found") }
}

/// As Slack's incoming webhooks answer.
fn chat(request: &Received) -> HttpResponse {
    match serde_json::from_slice::<Value>(&request.body) {
        Err(_) => response(400, "text/plain", "invalid_payload"),
        Ok(payload) if payload["text"].as_str().is_some_and(|text| !text.is_empty()) => response(200, "text/plain", "ok"),
        Ok(_) => response(400, "text/plain", "no_text"),
    }
}

fn ntfy(request: &Received, topic: &str) -> HttpResponse {
    let refuse = |status: u16, code: u32, error: &str| {
        response(status, "application/json", json!({"code": code, "http": status, "error": error}).to_string())
    };
    let priority = request.header("priority");
    if request.header(AUTHORIZATION.as_str()) != format!("Bearer {NTFY_TOKEN}") {
        refuse(401, 40101, "unauthorized")
    } else if !(1..=64).contains(&topic.len()) {
        refuse(404, 40401, "page not found")
    } else if !priority.parse::<u8>().is_ok_and(|priority| (1..=5).contains(&priority)) {
        refuse(400, 40007, "invalid request: priority invalid")
    } else {
        let body = json!({"id": "1", "event": "message", "topic": topic, "message": String::from_utf8_lossy(&request.body)});
        response(200, "application/json", body.to_string())
    }
}
