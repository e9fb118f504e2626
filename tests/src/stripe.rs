//! A double of Stripe, for what `localstripe` cannot play: idempotency keys that are remembered, answers that are lost after the deed,
//! an API that is away. It follows the published API as far as it is used and refuses what the real one refuses.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hmac::{Hmac, Mac as _};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpListener;

/// The one key that it knows: a restricted one.
pub const KEY: &str = "rk_test_gatehouse";
/// What its webhooks are signed with.
pub const WEBHOOK_SECRET: &str = "whsec_gatehouse_tests";

/// `Stripe-Signature` of a body at a time, by each of the secrets.
pub fn sign(body: &[u8], at_s: i64, secrets: &[&str]) -> String {
    let mut header = format!("t={at_s}");
    for secret in secrets {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length does");
        mac.update(format!("{at_s}.").as_bytes());
        mac.update(body);
        let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        header.push_str(&format!(",v1={hex}"));
    }
    header
}

/// An event as it is sent to webhooks.
pub fn event(id: &str, kind: &str, object: &Value) -> Value {
    json!({"id": id, "object": "event", "api_version": "2026-02-25.clover", "type": kind, "livemode": false, "data": {"object": object}})
}

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Normal,
    Unavailable,
    Stalls,
    /// Carries the request out and closes the connection instead of responding.
    DropsResponses,
}

/// A request that came in.
#[derive(Clone, Debug)]
pub struct RecordedRequest {
    /// `POST /v1/refunds`.
    pub line: String,
    /// Its idempotency key; empty when it had none.
    pub key: String,
    /// `Stripe-Version`.
    pub version: String,
    /// The form.
    pub form: HashMap<String, String>,
}

struct State {
    mode: Mutex<Mode>,
    requests: Mutex<Vec<RecordedRequest>>,
    ledger: Mutex<Ledger>,
}

#[derive(Default)]
struct Ledger {
    counter: u64,
    intents: BTreeMap<String, Value>,
    refunds: BTreeMap<String, Value>,
    /// By key: what was asked, and what was answered.
    answers: HashMap<String, (String, StatusCode, Value)>,
}

/// The double. It ends with its test.
pub struct Stripe {
    origin: String,
    state: Arc<State>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Stripe {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stripe {
    /// Starts one on a free port of this machine.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let origin = format!("http://{}", listener.local_addr().expect("its address"));
        let state = Arc::new(State { mode: Mutex::new(Mode::Normal), requests: Mutex::default(), ledger: Mutex::default() });
        let server = tokio::spawn(serve(listener, state.clone()));
        Self { origin, state, server }
    }

    /// The variables of an application that pays here.
    pub fn variables(&self) -> [(&str, &str); 3] {
        [("stripe_api_base", &self.origin), ("stripe_api_key", KEY), ("stripe_webhook_secret", WEBHOOK_SECRET)]
    }

    /// Responds 503 from now on.
    pub fn set_unavailable(&self) {
        *lock(&self.state.mode) = Mode::Unavailable;
    }

    /// Takes everything and answers nothing from now on.
    pub fn stall(&self) {
        *lock(&self.state.mode) = Mode::Stalls;
    }

    /// Carries requests out from now on, and closes the connection instead of responding.
    pub fn drop_responses(&self) {
        *lock(&self.state.mode) = Mode::DropsResponses;
    }

    /// Responds normally from now on.
    pub fn recover(&self) {
        *lock(&self.state.mode) = Mode::Normal;
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        lock(&self.state.requests).clone()
    }

    /// Every intent, by id.
    pub fn intents(&self) -> BTreeMap<String, Value> {
        lock(&self.state.ledger).intents.clone()
    }

    /// An intent.
    pub fn intent(&self, id: &str) -> Value {
        lock(&self.state.ledger).intents.get(id).cloned().unwrap_or_else(|| panic!("no intent {id}"))
    }

    /// Every refund, by id.
    pub fn refunds(&self) -> BTreeMap<String, Value> {
        lock(&self.state.ledger).refunds.clone()
    }

    /// What was given back of an intent.
    pub fn refunded(&self, intent: &str) -> i64 {
        lock(&self.state.ledger).refunded(intent)
    }

    /// What the driver's own device does with the client secret: pays.
    pub fn pay(&self, intent: &str) {
        let mut ledger = lock(&self.state.ledger);
        let intent = ledger.intents.get_mut(intent).expect("an intent");
        assert!(intent["status"].as_str().unwrap_or_default().starts_with("requires_"), "it cannot be paid: {intent}");
        succeed(intent);
    }

    /// Sets an intent's status, as a bank's decision would.
    pub fn set_status(&self, intent: &str, status: &str) {
        lock(&self.state.ledger).intents.get_mut(intent).expect("an intent")["status"] = json!(status);
    }

    /// Sets what becomes of refunds: `succeeded`, `pending` or `failed`.
    pub fn set_refund_status(&self, refund: &str, status: &str) {
        lock(&self.state.ledger).refunds.get_mut(refund).expect("a refund")["status"] = json!(status);
    }
}

fn succeed(intent: &mut Value) {
    intent["status"] = json!("succeeded");
    intent["amount_received"] = intent["amount"].clone();
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = state.clone();
        let service = service_fn(move |request| {
            let state = state.clone();
            async move { answer(&state, request).await }
        });
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(state: &State, request: hyper::Request<Incoming>) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let form: HashMap<String, String> = reqwest::Url::parse(&format!("http://form/?{}", String::from_utf8_lossy(&body)))
        .expect("a form")
        .query_pairs()
        .into_owned()
        .collect();
    let line = format!("{} {}", parts.method, parts.uri.path());
    let key = header("idempotency-key");
    lock(&state.requests).push(RecordedRequest {
        line: line.clone(),
        key: key.clone(),
        version: header("stripe-version"),
        form: form.clone(),
    });

    let mode = *lock(&state.mode);
    let (status, answered) = match mode {
        Mode::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, json!({"error": {"type": "api_error"}})),
        Mode::Stalls => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            (StatusCode::SERVICE_UNAVAILABLE, Value::Null)
        }
        Mode::Normal | Mode::DropsResponses if header("authorization") != format!("Bearer {KEY}") => {
            (StatusCode::UNAUTHORIZED, json!({"error": {"type": "invalid_request_error", "message": "Invalid API Key provided"}}))
        }
        Mode::Normal | Mode::DropsResponses => {
            let mut ledger = lock(&state.ledger);
            let asked = format!("{line} {}", String::from_utf8_lossy(&body));
            match ledger.answers.get(&key).filter(|_| !key.is_empty()) {
                Some((before, ..)) if *before != asked => (
                    StatusCode::BAD_REQUEST,
                    refusal("idempotency_error", "", "Keys for idempotent requests can only be used with the same parameters"),
                ),
                Some((_, status, answered)) => (*status, answered.clone()),
                None => {
                    let (status, answered) = ledger.route(&parts.method, parts.uri.path(), &form);
                    if !key.is_empty() && parts.method == Method::POST {
                        ledger.answers.insert(key, (asked, status, answered.clone()));
                    }
                    (status, answered)
                }
            }
        }
    };
    if mode == Mode::DropsResponses {
        return Err(std::io::Error::other("lost"));
    }
    let body = Full::new(Bytes::from(answered.to_string()));
    Ok(Response::builder().status(status).header("content-type", "application/json").body(body).expect("an answer"))
}

fn refusal(kind: &str, code: &str, message: &str) -> Value {
    json!({"error": {"type": kind, "code": code, "message": message}})
}

fn invalid(code: &str, message: &str) -> (StatusCode, Value) {
    (StatusCode::BAD_REQUEST, refusal("invalid_request_error", code, message))
}

impl Ledger {
    fn new_id(&mut self, prefix: &str) -> String {
        self.counter += 1;
        format!("{prefix}_{}{:06}", crate::unique("x").replace('-', ""), self.counter)
    }

    fn refunded(&self, intent: &str) -> i64 {
        let own = self.refunds.values().filter(|refund| refund["payment_intent"] == json!(intent) && refund["status"] != "failed");
        own.filter_map(|refund| refund["amount"].as_i64()).sum()
    }

    fn route(&mut self, method: &Method, path: &str, form: &HashMap<String, String>) -> (StatusCode, Value) {
        let missing = || (StatusCode::NOT_FOUND, refusal("invalid_request_error", "resource_missing", "No such object"));
        let path: Vec<_> = path.trim_matches('/').split('/').collect();
        match (method, &path[..]) {
            (&Method::POST, ["v1", "payment_intents"]) => self.create(form),
            (_, ["v1", "payment_intents", id, rest @ ..]) => {
                let Some(intent) = self.intents.get_mut(*id) else { return missing() };
                match (method, rest) {
                    (&Method::GET, []) => (StatusCode::OK, intent.clone()),
                    (&Method::POST, []) => give_method(intent, form),
                    (&Method::POST, ["confirm"]) => confirm(intent),
                    (&Method::POST, ["cancel"]) => cancel(intent),
                    _ => missing(),
                }
            }
            (&Method::POST, ["v1", "refunds"]) => self.refund(form),
            (&Method::GET, ["v1", "refunds", id]) => self.refunds.get(*id).map_or_else(missing, |refund| (StatusCode::OK, refund.clone())),
            _ => missing(),
        }
    }

    fn create(&mut self, form: &HashMap<String, String>) -> (StatusCode, Value) {
        let amount = form.get("amount").and_then(|amount| amount.parse::<i64>().ok()).unwrap_or(0);
        let currency = form.get("currency").cloned().unwrap_or_default();
        if amount < 1 {
            return invalid("parameter_invalid_integer", "This value must be greater than or equal to 1.");
        }
        if amount < 50 {
            return invalid("amount_too_small", "Amount must convert to at least 50 cents.");
        }
        if currency.len() != 3 || currency.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return invalid("parameter_invalid", "Invalid currency");
        }
        let id = self.new_id("pi");
        let metadata: serde_json::Map<_, _> = form
            .iter()
            .filter_map(|(name, value)| Some((name.strip_prefix("metadata[")?.strip_suffix(']')?.to_owned(), json!(value))))
            .collect();
        let intent = json!({
            "id": id, "object": "payment_intent", "amount": amount, "amount_received": 0, "currency": currency,
            "status": "requires_payment_method", "client_secret": format!("{id}_secret_{}", crate::unique("s")), "metadata": metadata,
            "payment_method_types": ["card"], "payment_method": null,
        });
        self.intents.insert(id, intent.clone());
        (StatusCode::OK, intent)
    }

    fn refund(&mut self, form: &HashMap<String, String>) -> (StatusCode, Value) {
        let Some(intent) = form.get("payment_intent").and_then(|id| self.intents.get(id)).cloned() else {
            return invalid("resource_missing", "No such payment_intent");
        };
        let id = intent["id"].as_str().unwrap_or_default().to_owned();
        if intent["status"] != "succeeded" {
            return invalid("payment_intent_unexpected_state", "This PaymentIntent does not have a successful charge to refund.");
        }
        let left = intent["amount_received"].as_i64().unwrap_or(0) - self.refunded(&id);
        let amount = form.get("amount").and_then(|amount| amount.parse::<i64>().ok()).unwrap_or(left);
        if left == 0 {
            return invalid("charge_already_refunded", "Charge has already been refunded.");
        }
        if !(1..=left).contains(&amount) {
            return invalid("", "Refund amount is greater than unrefunded amount on charge");
        }
        let refund_id = self.new_id("re");
        let refund = json!({"id": refund_id, "object": "refund", "amount": amount, "payment_intent": id, "status": "succeeded"});
        self.refunds.insert(refund_id, refund.clone());
        (StatusCode::OK, refund)
    }
}

fn give_method(intent: &mut Value, form: &HashMap<String, String>) -> (StatusCode, Value) {
    if !intent["status"].as_str().unwrap_or_default().starts_with("requires_") {
        return invalid("payment_intent_unexpected_state", "This PaymentIntent could not be updated");
    }
    if let Some(method) = form.get("payment_method") {
        if !method.starts_with("pm_card_") {
            return invalid("resource_missing", "No such PaymentMethod");
        }
        intent["payment_method"] = json!(method);
        intent["status"] = json!("requires_confirmation");
    }
    (StatusCode::OK, intent.clone())
}

fn confirm(intent: &mut Value) -> (StatusCode, Value) {
    if intent["status"] != "requires_confirmation" {
        return invalid("payment_intent_unexpected_state", "You cannot confirm this PaymentIntent");
    }
    match intent["payment_method"].as_str().unwrap_or_default() {
        "pm_card_visa_chargeDeclined" => {
            intent["status"] = json!("requires_payment_method");
            intent["payment_method"] = Value::Null;
            (StatusCode::PAYMENT_REQUIRED, refusal("card_error", "card_declined", "Your card was declined."))
        }
        "pm_card_threeDSecure2Required" => {
            intent["status"] = json!("requires_action");
            (StatusCode::OK, intent.clone())
        }
        _ => {
            succeed(intent);
            (StatusCode::OK, intent.clone())
        }
    }
}

fn cancel(intent: &mut Value) -> (StatusCode, Value) {
    if !intent["status"].as_str().unwrap_or_default().starts_with("requires_") {
        return invalid("payment_intent_unexpected_state", "You cannot cancel this PaymentIntent");
    }
    intent["status"] = json!("canceled");
    (StatusCode::OK, intent.clone())
}
