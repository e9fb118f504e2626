//! Making a payment intent for a reservation.

use kit::caller::{Caller, Person};
use kit::idempotency::{Idempotent, Once};
use kit::input::{Id, Input, Timestamp};
use kit::request::Now;
use kit::{Answer, Problem};
use serde::Serialize;
use utoipa::ToSchema;

use crate::opening::{Opened, Way, open_at_stripe};
use crate::request::NoCardData;
use crate::stripe::Stripe;

/// What is to be paid.
#[derive(Input)]
#[input(example = r#"{"reservation_id": "019c2848-5c40-7000-8000-000000000001"}"#)]
pub struct IntentRequest {
    /// The id of the reservation that is to be paid.
    reservation_id: Id,
    #[input(flatten)]
    _no_card_data: NoCardData,
}

/// A payment intent. Money is minor units of `currency`.
#[derive(Serialize, ToSchema)]
pub struct PaymentIntent {
    /// The payment's id.
    payment_id: String,
    /// The id of the payment intent at Stripe, `pi_…`.
    payment_intent_id: String,
    /// With it the driver's own device pays at Stripe.
    client_secret: Option<String>,
    /// What is to be paid, minor units of `currency`.
    amount: i64,
    /// ISO 4217, such as `INR`.
    currency: String,
    /// In Stripe's words.
    status: String,
    /// The id of the reservation that is paid for.
    reservation_id: String,
    /// Until when it is to be paid.
    expires_at: Timestamp,
}

/// Makes a payment intent for a reservation.
///
/// The open one of a reservation is given again. A checkout page of it is closed first.
#[utoipa::path(post, path = "/api/payments/create-intent", responses(
    (status = 404, description = "There is no such reservation, or it is somebody else's."),
    (status = 409, description = "`reason` is `paid`, `processing`, `lapsed`, `not_possible`, `amount_too_small` or `not_chargeable`."),
    (status = 503, description = "Stripe does not answer, or payments are not set up (`reason` is `payments_not_set_up`): come back after `Retry-After`.")
))]
pub async fn create(caller: Caller<Person>, Now(now): Now, request: Idempotent<IntentRequest>) -> Answer<Once<PaymentIntent>> {
    if let Some(kept) = request.replay(&caller.0)? {
        return Ok(kept);
    }
    let reservation = request.body()?.reservation_id;
    // Before anything is written: without a key nothing can come of it.
    let stripe = Stripe::needed().await?;

    let Opened { payment, standing, due_by } = open_at_stripe(&stripe, &caller.0, &reservation, Way::Intent, now).await?;
    let intent = standing.intent.ok_or_else(|| Problem::internal("a payment without an intent"))?;
    request.once(&caller.0, |_, _| -> Answer<_> {
        Ok(PaymentIntent {
            payment_id: payment.id,
            payment_intent_id: intent.id,
            client_secret: intent.client_secret,
            amount: payment.amount,
            currency: payment.currency,
            status: intent.status,
            reservation_id: payment.reservation,
            expires_at: Timestamp(due_by),
        })
    })
}

#[cfg(test)]
mod tests {
    use kit::input::parse;

    use super::*;

    #[test]
    fn no_card_data_is_taken() {
        let body = r#"{"reservation_id": 3, "card": {"number": "4242424242424242"}, "cvc": "123"}"#;
        let refused = parse::<IntentRequest>(body.as_bytes(), 0).err().unwrap();
        assert_eq!(refused.errors().keys().collect::<Vec<_>>(), ["card", "cvc", "reservation_id"]);
        assert!(parse::<IntentRequest>(IntentRequest::example().unwrap().as_bytes(), 0).is_ok());
    }
}
