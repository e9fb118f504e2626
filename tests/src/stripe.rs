//! A double of Stripe, for what `localstripe` cannot play: idempotency keys that are remembered, answers that are lost after the deed,
//! an API that is away. It follows the published API as far as it is used and refuses what the real one refuses.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
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

mod ledger;

use ledger::{Ledger, PAGES, refusal, succeed};

use crate::lock;

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
    /// Takes refunds and carries them out when it is in another mode again.
    DelaysRefunds,
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

impl Stripe {
    /// Starts one on a free port of this machine.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let origin = format!("http://{}", listener.local_addr().expect("its address"));
        let ledger = Mutex::new(Ledger { origin: origin.clone(), ..Ledger::default() });
        let state = Arc::new(State { mode: Mutex::new(Mode::Normal), requests: Mutex::default(), ledger });
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

    /// Lets refunds wait from now on; once it has recovered, it carries them out.
    pub fn delay_refunds(&self) {
        *lock(&self.state.mode) = Mode::DelaysRefunds;
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

    /// Every session of a checkout page, by id.
    pub fn sessions(&self) -> BTreeMap<String, Value> {
        lock(&self.state.ledger).sessions.clone()
    }

    /// A session of a checkout page.
    pub fn session(&self, id: &str) -> Value {
        lock(&self.state.ledger).sessions.get(id).cloned().unwrap_or_else(|| panic!("no session {id}"))
    }

    /// What the driver does on an open checkout page: tries to pay, which ends in this status of the intent. The intent's id.
    pub fn pay_on_page(&self, session: &str, intent_status: &str) -> String {
        lock(&self.state.ledger).pay_on_page(session, intent_status)
    }

    /// The money of an intent that the bank had in hand has come.
    pub fn pay_by_bank(&self, intent: &str) {
        let mut ledger = lock(&self.state.ledger);
        let intent = ledger.intents.get_mut(intent).expect("an intent");
        assert_eq!(intent["status"], "processing", "the bank does not have it: {intent}");
        succeed(intent);
    }

    /// Closes a checkout page, as its time does.
    pub fn expire_page(&self, session: &str) -> Value {
        let (status, session) = lock(&self.state.ledger).expire_session(session);
        assert_eq!(status, StatusCode::OK, "{session}");
        session
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

    /// What somebody gives back at its dashboard: the refund.
    pub fn refund_by_hand(&self, intent: &str, amount: i64) -> Value {
        let form = HashMap::from([("payment_intent".to_owned(), intent.to_owned()), ("amount".to_owned(), amount.to_string())]);
        let (status, refund) = lock(&self.state.ledger).refund(&form);
        assert_eq!(status, StatusCode::OK, "{refund}");
        refund
    }

    /// What it makes of a request of ours of which nobody heard any more: the refund.
    pub fn refund_with_metadata(&self, intent: &str, amount: i64, refund_id: &str) -> Value {
        let refund = self.refund_by_hand(intent, amount);
        let mut ledger = lock(&self.state.ledger);
        let refund = ledger.refunds.get_mut(refund["id"].as_str().expect("an id")).expect("a refund");
        refund["metadata"] = json!({"refund_id": refund_id});
        refund.clone()
    }

    /// The charge of an intent that was paid.
    pub fn charge(&self, intent: &str) -> Value {
        let ledger = lock(&self.state.ledger);
        let (paid, refunded) = (&ledger.intents[intent], ledger.refunded(intent));
        json!({
            "id": format!("ch_{intent}"), "object": "charge", "amount": paid["amount"], "amount_refunded": refunded, "payment_intent": intent,
            "currency": paid["currency"], "paid": true, "refunded": paid["amount_received"] == json!(refunded),
            "disputed": ledger.is_disputed(intent),
        })
    }

    /// What the holder of the card disputes with their bank: the dispute.
    pub fn dispute(&self, intent: &str, amount: i64) -> Value {
        let mut ledger = lock(&self.state.ledger);
        assert_eq!(ledger.intents[intent]["status"], "succeeded", "only what was paid is disputed");
        let id = ledger.new_id("du");
        let dispute = json!({
            "id": id, "object": "dispute", "amount": amount, "charge": format!("ch_{intent}"), "payment_intent": intent,
            "currency": ledger.intents[intent]["currency"], "reason": "fraudulent", "status": "needs_response",
            "evidence_details": {"due_by": 1_999_999_999, "has_evidence": false, "past_due": false, "submission_count": 0},
        });
        ledger.disputes.insert(id, dispute.clone());
        dispute
    }

    /// Sets how a dispute stands, as the bank's decision would: it as it is then.
    pub fn set_dispute_status(&self, dispute: &str, status: &str) -> Value {
        let mut ledger = lock(&self.state.ledger);
        let dispute = ledger.disputes.get_mut(dispute).expect("a dispute");
        dispute["status"] = json!(status);
        dispute.clone()
    }

    /// Sets what becomes of refunds: `succeeded`, `pending` or `failed`.
    pub fn set_refund_status(&self, refund: &str, status: &str) {
        lock(&self.state.ledger).refunds.get_mut(refund).expect("a refund")["status"] = json!(status);
    }
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
    // What a payer's browser is sent to is no part of the API.
    if let Some(session) = parts.uri.path().strip_prefix(PAGES) {
        let page = lock(&state.ledger).page(session);
        let status = if page.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
        let body = Full::new(Bytes::from(page.unwrap_or_default()));
        return Ok(Response::builder().status(status).header("content-type", "text/html; charset=utf-8").body(body).expect("an answer"));
    }
    let line = format!("{} {}", parts.method, parts.uri.path());
    let key = header("idempotency-key");
    lock(&state.requests).push(RecordedRequest {
        line: line.clone(),
        key: key.clone(),
        version: header("stripe-version"),
        form: form.clone(),
    });

    while line == "POST /v1/refunds" && *lock(&state.mode) == Mode::DelaysRefunds {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mode = *lock(&state.mode);
    let (status, answered) = match mode {
        Mode::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, json!({"error": {"type": "api_error"}})),
        Mode::Stalls => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            (StatusCode::SERVICE_UNAVAILABLE, Value::Null)
        }
        Mode::Normal | Mode::DropsResponses | Mode::DelaysRefunds if header("authorization") != format!("Bearer {KEY}") => {
            (StatusCode::UNAUTHORIZED, json!({"error": {"type": "invalid_request_error", "message": "Invalid API Key provided"}}))
        }
        Mode::Normal | Mode::DropsResponses | Mode::DelaysRefunds => {
            let mut ledger = lock(&state.ledger);
            ledger.now_s = i64::try_from(crate::SHARED_CLOCK.since_epoch().as_secs()).unwrap_or(i64::MAX);
            let asked = format!("{line} {}", String::from_utf8_lossy(&body));
            match ledger.answers.get(&key).filter(|_| !key.is_empty()) {
                Some((before, ..)) if *before != asked => (
                    StatusCode::BAD_REQUEST,
                    refusal("idempotency_error", "", "Keys for idempotent requests can only be used with the same parameters"),
                ),
                Some((_, status, answered)) => (*status, answered.clone()),
                None => {
                    let (status, answered) = ledger.route(&parts.method, &parts.uri, &form);
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
