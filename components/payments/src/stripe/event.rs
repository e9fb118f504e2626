//! What a webhook of Stripe's tells.

use serde::Deserialize;
use serde_json::Value;

use super::is_id;

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
    fn member(&self, name: &str) -> Option<&str> {
        self.data.object.get(name).and_then(Value::as_str).filter(|id| is_id(id))
    }

    /// The intent that it is about, if it names one: of a charge, a refund and a dispute that of their payment.
    pub fn intent(&self) -> Option<&str> {
        let kind = self.r#type.as_str();
        if kind.starts_with("payment_intent.") {
            self.member("id")
        } else if kind.starts_with("charge.") || kind.starts_with("refund.") {
            self.member("payment_intent")
        } else {
            None
        }
    }

    /// The session of a checkout page that it is about, if it is about one.
    pub fn session(&self) -> Option<&str> {
        self.member("id").filter(|_| self.r#type.starts_with("checkout.session."))
    }

    /// Whether it is about money that goes back: a refund, or a charge of which some was refunded.
    pub fn is_about_refunds(&self) -> bool {
        self.r#type == "charge.refunded" || self.is_about_a_refund()
    }

    fn is_about_a_refund(&self) -> bool {
        self.r#type.starts_with("refund.") || self.r#type.starts_with("charge.refund.")
    }

    /// The refund that it is about, if it is about one.
    pub fn refund(&self) -> Option<&str> {
        self.member("id").filter(|_| self.is_about_a_refund())
    }

    /// The dispute that it is about, if it is about one.
    pub fn dispute(&self) -> Option<&str> {
        self.member("id").filter(|_| self.r#type.starts_with("charge.dispute."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_says_what_to_fetch() {
        let event = |kind: &str, object: &str| -> Event {
            serde_json::from_str(&format!(r#"{{"id": "evt_1", "type": "{kind}", "data": {{"object": {object}}}}}"#)).unwrap()
        };
        assert_eq!(event("payment_intent.succeeded", r#"{"id": "pi_1"}"#).intent(), Some("pi_1"));
        assert_eq!(event("charge.succeeded", r#"{"id": "ch_1", "payment_intent": "pi_1"}"#).intent(), Some("pi_1"));
        assert_eq!(event("refund.updated", r#"{"id": "re_1", "payment_intent": "pi_1"}"#).refund(), Some("re_1"));
        let dispute = event("charge.dispute.created", r#"{"id": "du_1", "charge": "ch_1", "payment_intent": "pi_1"}"#);
        assert_eq!((dispute.dispute(), dispute.intent(), dispute.refund()), (Some("du_1"), Some("pi_1"), None));
        assert!(event("charge.refunded", r#"{"id": "ch_1", "payment_intent": "pi_1"}"#).is_about_refunds());
        assert_eq!(event("charge.refunded", r#"{"id": "ch_1"}"#).refund(), None);
        assert_eq!(event("charge.refund.updated", r#"{"id": "re_1", "payment_intent": null}"#).refund(), Some("re_1"));
        let session = event("checkout.session.completed", r#"{"id": "cs_test_1", "payment_intent": "pi_1"}"#);
        assert_eq!((session.session(), session.intent()), (Some("cs_test_1"), None));
        assert_eq!(event("payment_intent.succeeded", r#"{"id": "pi_1"}"#).session(), None);
        assert_eq!(event("customer.created", r#"{"id": "cus_1"}"#).intent(), None);
        assert_eq!(event("payment_intent.succeeded", r#"{"id": "pi_1/../x"}"#).intent(), None);
        assert_eq!(event("payment_intent.succeeded", "3").intent(), None);
    }
}
