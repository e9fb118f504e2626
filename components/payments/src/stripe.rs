//! Stripe's API as far as it is used: form-encoded, its version pinned, each change with an idempotency key.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Method, Request, StatusCode};
use kit::http::{Bounds, send};
use kit::{Problem, config, host};
use serde::Deserialize;

mod event;
mod objects;
mod sessions;

pub use event::Event;
pub use objects::{Dispute, Intent, Refund, Session};
pub use sessions::NewSession;

/// The version of the API whose words are understood here, whatever the account's own is.
pub const VERSION: &str = "2026-02-25.clover";

/// The `reason` where payments are not set up.
pub const NOT_SET_UP: &str = "payments_not_set_up";

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
        /// What of the request it is about, such as `amount`; empty when it does not say.
        param: String,
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

    /// Whether it was refused because the charge is disputed.
    pub fn is_of_dispute(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if code == "charge_disputed")
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
            // From before such a tariff was refused: asking again will not help.
            Self::Refused { kind, param, .. } if kind == "invalid_request_error" && matches!(param.as_str(), "amount" | "currency") => {
                Problem::conflict(format!("Stripe does not take this {param}: the site's tariff must be corrected"))
                    .because("not_chargeable")
            }
            Self::Refused { kind, code, .. } if kind == "invalid_request_error" && code == "resource_missing" => {
                Problem::invalid_field("payment_method", "is not known to Stripe")
            }
            // A key that is wrong or may not do this, or a request that we should not have made: an administrator's business.
            _ => Problem::unavailable("payments cannot be made at the moment", 10),
        }
    }
}

/// A page of a list; the longest that there is holds all that one payment has.
#[derive(Deserialize)]
struct List<T> {
    data: Vec<T>,
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
    param: Option<String>,
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
        Self::configured()
            .await?
            .ok_or_else(|| Problem::unavailable("payments are not set up here: stripe_api_key is not set", 3600).because(NOT_SET_UP))
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

    /// Every refund of an intent, whoever has made it.
    pub async fn refunds(&self, intent: &str) -> Result<Vec<Refund>, Failure> {
        let list: List<Refund> = self.call(Method::GET, &format!("/v1/refunds?payment_intent={intent}&limit=100"), None, None).await?;
        Ok(list.data)
    }

    /// A dispute as it is now.
    pub async fn dispute(&self, id: &str) -> Result<Dispute, Failure> {
        self.call(Method::GET, &format!("/v1/disputes/{id}"), None, None).await
    }

    /// Every dispute of an intent.
    pub async fn disputes(&self, intent: &str) -> Result<Vec<Dispute>, Failure> {
        let list: List<Dispute> = self.call(Method::GET, &format!("/v1/disputes?payment_intent={intent}&limit=100"), None, None).await?;
        Ok(list.data)
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
        param: described.param.unwrap_or_default(),
        message: described.message.unwrap_or_default(),
    })
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
}
