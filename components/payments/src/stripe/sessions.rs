//! Stripe Checkout: pages of Stripe's own, on which people pay.

use http::Method;

use super::{Failure, Session, Stripe};

/// What a page is made of. It must be the same whenever it is asked for with the same key.
pub struct NewSession<'a> {
    /// The payment's id, which is the key.
    pub payment: &'a str,
    /// The reservation's id.
    pub reservation: &'a str,
    /// What is to be paid, minor units.
    pub amount: i64,
    /// ISO 4217, capital letters.
    pub currency: &'a str,
    /// What is paid for, in words.
    pub item: &'a str,
    /// Until when the page is there, seconds: Stripe takes 30 minutes to 24 hours from when it makes it.
    pub expires_at_s: i64,
    /// Where who has paid is sent.
    pub success_url: &'a str,
    /// Where who goes back is sent.
    pub cancel_url: &'a str,
}

impl NewSession<'_> {
    fn form(&self) -> [(&'static str, String); 13] {
        [
            ("mode", "payment".to_owned()),
            ("client_reference_id", self.reservation.to_owned()),
            ("line_items[0][quantity]", "1".to_owned()),
            ("line_items[0][price_data][currency]", self.currency.to_ascii_lowercase()),
            ("line_items[0][price_data][unit_amount]", self.amount.to_string()),
            ("line_items[0][price_data][product_data][name]", self.item.to_owned()),
            ("metadata[payment_id]", self.payment.to_owned()),
            ("metadata[reservation_id]", self.reservation.to_owned()),
            // The intent is made by Stripe, and says by itself whose it is.
            ("payment_intent_data[metadata][payment_id]", self.payment.to_owned()),
            ("payment_intent_data[metadata][reservation_id]", self.reservation.to_owned()),
            ("expires_at", self.expires_at_s.to_string()),
            ("success_url", self.success_url.to_owned()),
            ("cancel_url", self.cancel_url.to_owned()),
        ]
    }
}

impl Stripe {
    /// Makes a page. Asked again with the same key, Stripe gives the same one.
    pub async fn open_session(&self, new: &NewSession<'_>) -> Result<Session, Failure> {
        self.post("/v1/checkout/sessions", &new.form(), &format!("{}-checkout", new.payment)).await
    }

    /// A session as it is now.
    pub async fn session(&self, id: &str) -> Result<Session, Failure> {
        self.call(Method::GET, &format!("/v1/checkout/sessions/{id}"), None, None).await
    }

    /// Closes a page on which nobody is to pay any more. Stripe refuses it for one that is not open.
    pub async fn expire_session(&self, id: &str) -> Result<Session, Failure> {
        self.post(&format!("/v1/checkout/sessions/{id}/expire"), &[], &format!("{id}-expire")).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_names_what_is_paid_and_whose_it_is() {
        let new = NewSession {
            payment: "p-1",
            reservation: "r-1",
            amount: 4000,
            currency: "INR",
            item: "Parking",
            expires_at_s: 1_770_204_600,
            success_url: "https://gate.example/console/a",
            cancel_url: "https://gate.example/console/b",
        };
        let form = new.form();
        let value = |name: &str| form.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
        assert_eq!((value("mode"), value("client_reference_id")), (Some("payment"), Some("r-1")));
        assert_eq!(value("line_items[0][price_data][currency]"), Some("inr"));
        assert_eq!(value("line_items[0][price_data][unit_amount]"), Some("4000"));
        assert_eq!(value("metadata[payment_id]"), value("payment_intent_data[metadata][payment_id]"));
    }
}
