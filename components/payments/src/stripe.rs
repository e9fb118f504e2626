//! Stripe's API as far as it is used: form-encoded, its version pinned, each change with an idempotency key.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Method, Request, StatusCode};
use kit::http::{Bounds, send};
use kit::{Problem, config, host};
use serde::Deserialize;
use serde_json::Value;

/// The version of the API whose words are understood here, whatever the account's own is.
pub const VERSION: &str = "2026-02-25.clover";

/// A handler makes up to three exchanges, within the 30 s that a request has.
const BOUNDS: Bounds = Bounds { time_ms: 8_000, answer_bytes: 1024 * 1024 };

/// A client. It holds the key: no `Debug`, so that it does not reach the log.
pub struct Stripe {
    base: String,
    key: String,
}

/// Why Stripe has not done what it was asked.
#[derive(Debug)]
pub enum Failure {
    /// It may have, or may later: no answer, half of one, or one that says to come again.
    Away(String),
    /// It will not.
    Refused {
        /// The HTTP status.
        status: StatusCode,
        /// `card_error`, `invalid_request_error`, ….
        kind: String,
        /// `card_declined`, `amount_too_small`, …; empty when it gave none.
        code: String,
        /// In words; for a card's holder only when the kind is `card_error`.
        message: String,
    },
}

impl Failure {
    /// For the log and for administrators.
    pub fn summary(&self) -> String {
        match self {
            Self::Away(why) => why.clone(),
            Self::Refused { status, kind, code, .. } => format!("Stripe refused it: {} {kind} {code}", status.as_u16()),
        }
    }

    /// Notes in the log that Stripe does not answer.
    pub fn log(&self) {
        host::log("warn", "Stripe does not answer", serde_json::json!({ "error": self.summary() }));
    }

    /// For the caller of a route.
    pub fn problem(self) -> Problem {
        host::log("warn", "Stripe", serde_json::json!({ "error": self.summary() }));
        match self {
            Self::Refused { status: StatusCode::PAYMENT_REQUIRED, message, .. } => {
                let detail = if message.is_empty() { "the payment was declined".to_owned() } else { message };
                Problem::new(StatusCode::PAYMENT_REQUIRED, "payment-declined", detail).because("declined")
            }
            Self::Refused { code, .. } if code == "amount_too_small" => {
                Problem::conflict("the price is less than Stripe takes: the site's tariff needs a minimum").because("amount_too_small")
            }
            Self::Refused { kind, code, .. } if kind == "invalid_request_error" && code == "resource_missing" => {
                Problem::invalid_field("payment_method", "is not known to Stripe")
            }
            // A key that is wrong or may not do this, or a request that we should not have made: an administrator's business.
            _ => Problem::unavailable("payments cannot be made at the moment", 10),
        }
    }
}

/// A payment intent.
#[derive(Debug, Deserialize)]
pub struct Intent {
    /// `pi_…`.
    pub id: String,
    /// `requires_payment_method`, `requires_confirmation`, `requires_action`, `processing`, `requires_capture`, `canceled`, `succeeded`.
    pub status: String,
    /// What it is to bring in, minor units.
    pub amount: i64,
    /// What it brought in.
    amount_received: Option<i64>,
    /// Small letters.
    pub currency: String,
    /// What the driver's own device confirms it with.
    pub client_secret: Option<String>,
    /// Ours: `payment_id`, `reservation_id`.
    #[serde(default)]
    pub metadata: std::collections::HashMap<String, String>,
}

impl Intent {
    /// What it brought in, once it has succeeded.
    pub fn received(&self) -> i64 {
        if self.status == "succeeded" { self.amount_received.unwrap_or(self.amount) } else { 0 }
    }

    /// Whether it can still be cancelled.
    pub fn is_open(&self) -> bool {
        self.status.starts_with("requires_")
    }
}

/// A refund.
#[derive(Debug, Deserialize)]
pub struct Refund {
    /// `re_…`.
    pub id: String,
    /// `pending`, `requires_action`, `succeeded`, `failed`, `canceled`.
    pub status: Option<String>,
}

#[derive(Default, Deserialize)]
struct Errors {
    error: Described,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Described {
    r#type: Option<String>,
    code: Option<String>,
    message: Option<String>,
}

impl Stripe {
    /// From the variables; none when there is no key.
    pub async fn configured() -> Result<Option<Self>, Problem> {
        let (base, key) = (config::get("stripe_api_base").await?, config::get("stripe_api_key").await?);
        let (base, key) = (base.trim().trim_end_matches('/').to_owned(), key.trim().to_owned());
        Ok(if key.is_empty() || base.is_empty() { None } else { Some(Self { base, key }) })
    }

    /// The same for a route: 503 when there is no key.
    pub async fn needed() -> Result<Self, Problem> {
        Self::configured().await?.ok_or_else(|| Problem::unavailable("payments are not set up here: stripe_api_key is not set", 3600))
    }

    /// Makes an intent. Asked again with the same key, Stripe gives the same one. Cards alone: whoever confirms them here needs no page to
    /// come back to.
    pub async fn create(&self, key: &str, amount: i64, currency: &str, reservation: &str) -> Result<Intent, Failure> {
        let form = [
            ("amount", amount.to_string()),
            ("currency", currency.to_ascii_lowercase()),
            ("payment_method_types[0]", "card".to_owned()),
            ("metadata[payment_id]", key.to_owned()),
            ("metadata[reservation_id]", reservation.to_owned()),
        ];
        self.post("/v1/payment_intents", &form, key).await
    }

    /// An intent as it is now.
    pub async fn intent(&self, id: &str) -> Result<Intent, Failure> {
        self.call(Method::GET, &format!("/v1/payment_intents/{id}"), None, None).await
    }

    /// Gives an intent its payment method and confirms it.
    pub async fn confirm(&self, id: &str, method: &str, key: &str) -> Result<Intent, Failure> {
        let form = [("payment_method", method.to_owned())];
        let _: Intent = self.post(&format!("/v1/payment_intents/{id}"), &form, &format!("{key}-method")).await?;
        self.post(&format!("/v1/payment_intents/{id}/confirm"), &[], key).await
    }

    /// Cancels an intent that nobody is to pay any more.
    pub async fn cancel(&self, id: &str, key: &str) -> Result<Intent, Failure> {
        self.post(&format!("/v1/payment_intents/{id}/cancel"), &[], &format!("{key}-cancel")).await
    }

    /// Gives back a part of what an intent brought in.
    pub async fn refund(&self, key: &str, intent: &str, amount: i64) -> Result<Refund, Failure> {
        let form = [("payment_intent", intent.to_owned()), ("amount", amount.to_string()), ("metadata[refund_id]", key.to_owned())];
        self.post("/v1/refunds", &form, key).await
    }

    /// A refund as it is now.
    pub async fn refund_state(&self, id: &str) -> Result<Refund, Failure> {
        self.call(Method::GET, &format!("/v1/refunds/{id}"), None, None).await
    }

    async fn post<T: for<'a> Deserialize<'a>>(&self, path: &str, form: &[(&str, String)], key: &str) -> Result<T, Failure> {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.call(Method::POST, path, Some(form), Some(key)).await
    }

    async fn call<T: for<'a> Deserialize<'a>>(
        &self,
        method: Method,
        path: &str,
        form: Option<String>,
        key: Option<&str>,
    ) -> Result<T, Failure> {
        let request = self.request(method, path, form, key).map_err(Failure::Away)?;
        let reply = send(request, BOUNDS).await.map_err(|error| Failure::Away(error.to_string()))?;
        if reply.is_truncated {
            return Err(Failure::Away("the answer is too long".to_owned()));
        }
        read_answer(reply.status, &reply.body)
    }

    fn request(&self, method: Method, path: &str, form: Option<String>, key: Option<&str>) -> Result<Request<Bytes>, String> {
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", self.key))
            .map_err(|_| "stripe_api_key has characters that a header cannot carry")?;
        bearer.set_sensitive(true);
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(AUTHORIZATION, bearer)
            .header("stripe-version", VERSION)
            .header(USER_AGENT, concat!("gatehouse/", env!("CARGO_PKG_VERSION")));
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        if let Some(form) = &form {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").header(CONTENT_LENGTH, form.len());
        }
        // What is wrong may be the key: it is not repeated.
        request.body(Bytes::from(form.unwrap_or_default())).map_err(|_| "stripe_api_base is not an address".to_owned())
    }
}

/// What an answer means. 409 is one of two that came at once with the same key; 429 asks for patience.
fn read_answer<T: for<'a> Deserialize<'a>>(status: StatusCode, body: &[u8]) -> Result<T, Failure> {
    if status.is_success() {
        return serde_json::from_slice(body).map_err(|error| Failure::Away(format!("Stripe's answer is not understood: {error}")));
    }
    if status.is_server_error() || status.is_redirection() || matches!(status.as_u16(), 401 | 403 | 408 | 409 | 429) {
        return Err(Failure::Away(format!("Stripe answered {}", status.as_u16())));
    }
    let described = serde_json::from_slice::<Errors>(body).unwrap_or_default().error;
    Err(Failure::Refused {
        status,
        kind: described.r#type.unwrap_or_default(),
        code: described.code.unwrap_or_default(),
        message: described.message.unwrap_or_default(),
    })
}

/// The event in a webhook's body, as far as it is used: it says what to fetch, nothing more.
#[derive(Debug, Deserialize)]
pub struct Event {
    /// `evt_…`.
    pub id: String,
    /// `payment_intent.succeeded`, ….
    pub r#type: String,
    data: Data,
}

#[derive(Debug, Deserialize)]
struct Data {
    object: Value,
}

impl Event {
    /// The intent that it is about, if it is about one.
    pub fn intent(&self) -> Option<&str> {
        let member = if self.r#type.starts_with("payment_intent.") {
            "id"
        } else if self.r#type.starts_with("charge.") {
            "payment_intent"
        } else {
            return None;
        };
        self.data.object.get(member).and_then(Value::as_str).filter(|id| is_id(id))
    }

    /// The refund that it is about, if it is about one.
    pub fn refund(&self) -> Option<&str> {
        let about = self.r#type.starts_with("refund.") || self.r#type.starts_with("charge.refund.");
        self.data.object.get("id").and_then(Value::as_str).filter(|id| about && is_id(id))
    }
}

/// Whether a text may stand in a path for one of Stripe's objects.
pub fn is_id(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripe(key: &str) -> Stripe {
        Stripe { base: "https://api.stripe.example".to_owned(), key: key.to_owned() }
    }

    #[test]
    fn a_request_is_as_stripe_wants_it_and_errors_hold_no_key() {
        let sent = stripe("rk_test_1").request(Method::POST, "/v1/refunds", Some("a=1".to_owned()), Some("k-1")).unwrap();
        assert_eq!(sent.uri(), "https://api.stripe.example/v1/refunds");
        assert_eq!(sent.headers()["authorization"], "Bearer rk_test_1");
        assert_eq!(sent.headers()["stripe-version"], VERSION);
        assert_eq!(sent.headers()["idempotency-key"], "k-1");
        assert_eq!(sent.headers()["content-type"], "application/x-www-form-urlencoded");
        let error = stripe("rk_s3cret\n").request(Method::GET, "/", None, None).unwrap_err();
        assert!(!error.contains("s3cret"), "{error}");
    }

    #[test]
    fn what_may_have_happened_is_told_from_what_has_not() {
        for status in [301, 401, 403, 408, 409, 429, 500, 502, 503] {
            assert!(matches!(read_answer::<Refund>(StatusCode::from_u16(status).unwrap(), b"{}"), Err(Failure::Away(_))), "{status}");
        }
        let declined = br#"{"error": {"type": "card_error", "code": "card_declined", "message": "Your card was declined."}}"#;
        let failure = read_answer::<Refund>(StatusCode::PAYMENT_REQUIRED, declined).unwrap_err();
        let problem = failure.problem();
        assert_eq!((problem.status().as_u16(), problem.detail()), (402, "Your card was declined."));
        assert!(matches!(read_answer::<Refund>(StatusCode::BAD_REQUEST, b"nonsense"), Err(Failure::Refused { .. })));
        // Half an answer may be of something that was done.
        assert!(matches!(read_answer::<Refund>(StatusCode::OK, br#"{"id": "re_1", "#), Err(Failure::Away(_))));
    }

    #[test]
    fn an_event_says_what_to_fetch() {
        let event = |kind: &str, object: &str| -> Event {
            serde_json::from_str(&format!(r#"{{"id": "evt_1", "type": "{kind}", "data": {{"object": {object}}}}}"#)).unwrap()
        };
        assert_eq!(event("payment_intent.succeeded", r#"{"id": "pi_1"}"#).intent(), Some("pi_1"));
        assert_eq!(event("charge.succeeded", r#"{"id": "ch_1", "payment_intent": "pi_1"}"#).intent(), Some("pi_1"));
        assert_eq!(event("refund.updated", r#"{"id": "re_1", "payment_intent": "pi_1"}"#).refund(), Some("re_1"));
        assert_eq!(event("customer.created", r#"{"id": "cus_1"}"#).intent(), None);
        assert_eq!(event("payment_intent.succeeded", r#"{"id": "pi_1/../x"}"#).intent(), None);
        assert_eq!(event("payment_intent.succeeded", "3").intent(), None);
    }
}
