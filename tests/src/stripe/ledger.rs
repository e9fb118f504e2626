//! What the double of Stripe knows, and what it answers.

use std::collections::{BTreeMap, HashMap};

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

mod sessions;

pub(super) use sessions::PAGES;

#[derive(Default)]
pub(super) struct Ledger {
    /// Where it is, for the addresses of its pages.
    pub(super) origin: String,
    pub(super) counter: u64,
    /// The time, seconds: what it takes an expiry to be ahead of.
    pub(super) now_s: i64,
    pub(super) intents: BTreeMap<String, Value>,
    pub(super) refunds: BTreeMap<String, Value>,
    pub(super) disputes: BTreeMap<String, Value>,
    /// Of checkout pages.
    pub(super) sessions: BTreeMap<String, Value>,
    /// By key: what was asked, and what was answered.
    pub(super) answers: HashMap<String, (String, StatusCode, Value)>,
}

pub(super) fn succeed(intent: &mut Value) {
    intent["status"] = json!("succeeded");
    intent["amount_received"] = intent["amount"].clone();
}

pub(super) fn refusal(kind: &str, code: &str, message: &str) -> Value {
    json!({"error": {"type": kind, "code": code, "message": message}})
}

fn invalid(code: &str, message: &str) -> (StatusCode, Value) {
    (StatusCode::BAD_REQUEST, refusal("invalid_request_error", code, message))
}

/// What is wrong with a parameter.
fn invalid_param(param: &str, code: &str, message: &str) -> (StatusCode, Value) {
    let (status, mut answered) = invalid(code, message);
    answered["error"]["param"] = json!(param);
    (status, answered)
}

/// Currencies of the rules that it knows, in small letters, with what amounts are multiples of, the least and the most. A part of the table at
/// <https://docs.stripe.com/currencies>.
const CURRENCIES: [(&str, i64, i64, i64); 8] = [
    ("inr", 1, 50, 99_999_999),
    ("eur", 1, 50, 99_999_999),
    ("usd", 1, 50, 99_999_999),
    ("jpy", 1, 50, 99_999_999),
    ("kwd", 10, 10, 99_999_990),
    ("isk", 100, 100, 99_999_900),
    ("ugx", 100, 100, 99_999_900),
    ("idr", 1, 1, 999_999_999_999),
];

/// Why an amount of a currency is not taken.
fn amount_fault(amount: i64, currency: &str) -> Option<(StatusCode, Value)> {
    let Some((_, step, least, most)) = CURRENCIES.iter().find(|(code, ..)| *code == currency) else {
        return Some(invalid_param("currency", "", &format!("Invalid currency: {currency}")));
    };
    if amount < 1 {
        Some(invalid_param("amount", "parameter_invalid_integer", "This value must be greater than or equal to 1."))
    } else if amount % step != 0 {
        Some(invalid_param("amount", "", &format!("Amount must be divisible by {step}")))
    } else if amount < *least {
        Some(invalid_param("amount", "amount_too_small", "Amount must convert to at least 50 cents."))
    } else if amount > *most {
        Some(invalid_param("amount", "amount_too_large", "Amount is too large."))
    } else {
        None
    }
}

/// A list of those of an intent.
fn list(objects: &BTreeMap<String, Value>, intent: Option<&str>) -> (StatusCode, Value) {
    let data: Vec<_> = objects.values().filter(|object| intent.is_none_or(|intent| object["payment_intent"] == json!(intent))).collect();
    (StatusCode::OK, json!({"object": "list", "has_more": false, "data": data}))
}

fn metadata(form: &HashMap<String, String>) -> serde_json::Map<String, Value> {
    let named = form.iter().filter_map(|(name, value)| Some((name.strip_prefix("metadata[")?.strip_suffix(']')?.to_owned(), json!(value))));
    named.collect()
}

impl Ledger {
    pub(super) fn new_id(&mut self, prefix: &str) -> String {
        self.counter += 1;
        format!("{prefix}_{}{:06}", crate::unique("x").replace('-', ""), self.counter)
    }

    pub(super) fn refunded(&self, intent: &str) -> i64 {
        let own = self.refunds.values().filter(|refund| refund["payment_intent"] == json!(intent) && refund["status"] != "failed");
        own.filter_map(|refund| refund["amount"].as_i64()).sum()
    }

    /// Whether the bank has taken money back, or it is not decided.
    pub(super) fn is_disputed(&self, intent: &str) -> bool {
        let takes = |dispute: &Value| matches!(dispute["status"].as_str(), Some("needs_response" | "under_review" | "lost"));
        self.disputes.values().any(|dispute| dispute["payment_intent"] == json!(intent) && takes(dispute))
    }

    pub(super) fn route(&mut self, method: &Method, uri: &hyper::Uri, form: &HashMap<String, String>) -> (StatusCode, Value) {
        let query: HashMap<String, String> = reqwest::Url::parse(&format!("http://query/?{}", uri.query().unwrap_or_default()))
            .expect("a query")
            .query_pairs()
            .into_owned()
            .collect();
        let (path, of) = (uri.path(), query.get("payment_intent").map(String::as_str));
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
            (&Method::POST, ["v1", "checkout", "sessions"]) => self.open_session(form),
            (&Method::GET, ["v1", "checkout", "sessions", id]) => {
                self.sessions.get(*id).map_or_else(missing, |session| (StatusCode::OK, session.clone()))
            }
            (&Method::POST, ["v1", "checkout", "sessions", id, "expire"]) => self.expire_session(id),
            (&Method::POST, ["v1", "refunds"]) => self.refund(form),
            (&Method::GET, ["v1", "refunds"]) => list(&self.refunds, of),
            (&Method::GET, ["v1", "disputes"]) => list(&self.disputes, of),
            (&Method::GET, ["v1", "disputes", id]) => {
                self.disputes.get(*id).map_or_else(missing, |dispute| (StatusCode::OK, dispute.clone()))
            }
            (&Method::GET, ["v1", "refunds", id]) => self.refunds.get(*id).map_or_else(missing, |refund| (StatusCode::OK, refund.clone())),
            _ => missing(),
        }
    }

    fn create(&mut self, form: &HashMap<String, String>) -> (StatusCode, Value) {
        let amount = form.get("amount").and_then(|amount| amount.parse::<i64>().ok()).unwrap_or(0);
        let currency = form.get("currency").cloned().unwrap_or_default();
        if let Some(fault) = amount_fault(amount, &currency) {
            return fault;
        }
        let id = self.new_id("pi");
        let metadata = metadata(form);
        let intent = json!({
            "id": id, "object": "payment_intent", "amount": amount, "amount_received": 0, "currency": currency,
            "status": "requires_payment_method", "client_secret": format!("{id}_secret_{}", crate::unique("s")), "metadata": metadata,
            "payment_method_types": ["card"], "payment_method": null,
        });
        self.intents.insert(id, intent.clone());
        (StatusCode::OK, intent)
    }

    pub(super) fn refund(&mut self, form: &HashMap<String, String>) -> (StatusCode, Value) {
        let Some(intent) = form.get("payment_intent").and_then(|id| self.intents.get(id)).cloned() else {
            return invalid("resource_missing", "No such payment_intent");
        };
        let id = intent["id"].as_str().unwrap_or_default().to_owned();
        if intent["status"] != "succeeded" {
            return invalid("payment_intent_unexpected_state", "This PaymentIntent does not have a successful charge to refund.");
        }
        if self.is_disputed(&id) {
            return invalid("charge_disputed", "Charge has been charged back; cannot issue a refund.");
        }
        let left = intent["amount_received"].as_i64().unwrap_or(0) - self.refunded(&id);
        let amount = form.get("amount").and_then(|amount| amount.parse::<i64>().ok()).unwrap_or(left);
        if left == 0 {
            return invalid("charge_already_refunded", "Charge has already been refunded.");
        }
        if !(1..=left).contains(&amount) {
            return invalid_param("amount", "", "Refund amount is greater than unrefunded amount on charge");
        }
        let step = CURRENCIES.iter().find(|(code, ..)| intent["currency"] == json!(code)).map_or(1, |(_, step, ..)| *step);
        if amount % step != 0 {
            return invalid_param("amount", "", &format!("Amount must be divisible by {step}"));
        }
        let refund_id = self.new_id("re");
        let refund = json!({
            "id": refund_id, "object": "refund", "amount": amount, "payment_intent": id, "charge": format!("ch_{id}"), "status": "succeeded",
            "metadata": metadata(form),
        });
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
    if intent["is_of_open_session"] == json!(true) {
        return invalid("payment_intent_unexpected_state", "You cannot cancel the PaymentIntent of a Checkout Session: expire the session");
    }
    intent["status"] = json!("canceled");
    (StatusCode::OK, intent.clone())
}
