//! Checkout sessions: pages on which people pay. What a form must have, and what it must not, is as the published API says.

use std::collections::HashMap;

use hyper::StatusCode;
use serde_json::{Value, json};

use super::{Ledger, amount_fault, invalid, invalid_param, metadata, succeed};

/// The fields that a form may have. What else is sent is refused, as the real one does.
const FIELDS: [&str; 9] = [
    "mode",
    "client_reference_id",
    "line_items[0][quantity]",
    "line_items[0][price_data][currency]",
    "line_items[0][price_data][unit_amount]",
    "line_items[0][price_data][product_data][name]",
    "expires_at",
    "success_url",
    "cancel_url",
];
/// Where the pages are.
pub(in crate::stripe) const PAGES: &str = "/c/pay/";
const HALF_AN_HOUR_S: i64 = 30 * 60;
const DAY_S: i64 = 24 * 3600;

/// The metadata that the form gives the page's intent.
fn intent_metadata(form: &HashMap<String, String>) -> HashMap<String, String> {
    let named = form.iter().filter_map(|(name, value)| Some((name.strip_prefix("payment_intent_data[")?, value)));
    // `metadata][payment_id]` is what `metadata[payment_id]` became.
    named.map(|(name, value)| (name.replacen("metadata][", "metadata[", 1), value.clone())).collect()
}

impl Ledger {
    pub(super) fn open_session(&mut self, form: &HashMap<String, String>) -> (StatusCode, Value) {
        let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        if let Some(unknown) = form.keys().find(|name| {
            !FIELDS.contains(&name.as_str()) && !name.starts_with("metadata[") && !name.starts_with("payment_intent_data[metadata][")
        }) {
            return invalid_param(unknown, "parameter_unknown", &format!("Received unknown parameter: {unknown}"));
        }
        if let Some(missing) = FIELDS.iter().find(|name| field(name).is_empty()) {
            return invalid_param(missing, "parameter_missing", &format!("Missing required param: {missing}."));
        }
        if field("mode") != "payment" || field("line_items[0][quantity]") != "1" {
            return invalid_param("mode", "", "Invalid mode");
        }
        let amount = field("line_items[0][price_data][unit_amount]").parse().unwrap_or(0);
        let currency = field("line_items[0][price_data][currency]").to_owned();
        if let Some(fault) = amount_fault(amount, &currency) {
            return fault;
        }
        for name in ["success_url", "cancel_url"] {
            if !field(name).starts_with("https://") {
                return invalid_param(name, "url_invalid", "Not a valid URL");
            }
        }
        let expires_at: i64 = field("expires_at").parse().unwrap_or(0);
        let ahead = expires_at - self.now_s;
        if !(HALF_AN_HOUR_S..=DAY_S).contains(&ahead) {
            return invalid_param("expires_at", "", "The `expires_at` timestamp must be between 30 minutes and 24 hours from now.");
        }
        let id = self.new_id("cs_test");
        let session = json!({
            "id": id, "object": "checkout.session", "mode": "payment", "status": "open", "payment_status": "unpaid",
            "url": format!("{}{PAGES}{id}", self.origin), "payment_intent": null, "amount_total": amount, "currency": currency,
            "client_reference_id": field("client_reference_id"), "metadata": metadata(form), "expires_at": expires_at,
            "success_url": field("success_url"), "cancel_url": field("cancel_url"),
            "line_item": field("line_items[0][price_data][product_data][name]"),
            "intent_metadata": metadata(&intent_metadata(form)),
        });
        self.sessions.insert(id, session.clone());
        (StatusCode::OK, session)
    }

    /// The page of an open session, as a payer's browser gets it; none where nobody can pay any more.
    pub(in crate::stripe) fn page(&self, id: &str) -> Option<String> {
        let session = self.sessions.get(id).filter(|session| session["status"] == "open")?;
        let text =
            |name: &str| session[name].as_str().unwrap_or_default().replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
        Some(format!(
            "<!doctype html><html lang=\"en\"><title>Pay</title><h1 id=\"item\">{}</h1><p id=\"amount\">{} {}</p><a id=\"back\" href=\"{}\">Back</a></html>",
            text("line_item"),
            session["amount_total"],
            text("currency"),
            text("cancel_url")
        ))
    }

    pub(in crate::stripe) fn expire_session(&mut self, id: &str) -> (StatusCode, Value) {
        let Some(session) = self.sessions.get_mut(id) else { return invalid("resource_missing", "No such checkout.session") };
        if session["status"] != "open" {
            return invalid("", "Only Checkout Sessions with a status in [\"open\"] can be expired.");
        }
        session["status"] = json!("expired");
        session["url"] = Value::Null;
        if let Some(intent) = session["payment_intent"].as_str().and_then(|intent| self.intents.get_mut(intent)) {
            intent["status"] = json!("canceled");
        }
        (StatusCode::OK, session.clone())
    }

    /// What a person does on an open page: tries to pay, which ends as `intent_status` says. The id of the intent.
    pub(in crate::stripe) fn pay_on_page(&mut self, id: &str, intent_status: &str) -> String {
        let intent_id = self.new_id("pi");
        let session = self.sessions.get_mut(id).expect("a session");
        assert_eq!(session["status"], "open", "nobody pays on a page that is closed: {session}");
        let intent_id = session["payment_intent"].as_str().map_or(intent_id, str::to_owned);
        let is_done = !intent_status.starts_with("requires_payment");
        session["payment_intent"] = json!(intent_id);
        let intent = self.intents.entry(intent_id.clone()).or_insert_with(|| {
            json!({
                "id": intent_id, "object": "payment_intent", "amount": session["amount_total"], "amount_received": 0,
                "currency": session["currency"], "client_secret": format!("{intent_id}_secret_x"), "metadata": session["intent_metadata"],
            })
        });
        intent["status"] = json!(intent_status);
        intent["is_of_open_session"] = json!(!is_done);
        if intent_status == "succeeded" {
            succeed(intent);
            session["payment_status"] = json!("paid");
        }
        if is_done {
            session["status"] = json!("complete");
            session["url"] = Value::Null;
        }
        intent_id
    }
}
