//! Confirming a payment: what the driver's device says has been done, or is to be done here with a payment method that Stripe knows.

use axum::Json;
use const_format::concatcp;
use domain::reservation::Status;
use domain::time::SECOND_MS;
use kit::caller::{Caller, Person, Principal};
use kit::db::{Database, Fetch as _};
use kit::input::{At, Id, Input};
use kit::request::{Body, Now};
use kit::row::FromRow;
use kit::{Answer, Problem, host, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::due::require_wanted;
use crate::model::{Payment, SELECT};
use crate::opening::at_stripe;
use crate::request::NoCardData;
use crate::settle::settle_now;
use crate::standing::Standing;
use crate::stripe::{Failure, Intent, Stripe, is_id};
use crate::view::not_found;

/// Which payment is to be confirmed; of several names, the first counts.
#[derive(Input)]
#[input(check, example = r#"{"reservation_id": "019c2848-5c40-7000-8000-000000000001", "payment_method": "pm_card_visa"}"#)]
pub struct ConfirmationRequest {
    /// The payment's id.
    payment_id: Option<Id<255>>,
    /// The id of the payment intent at Stripe, `pi_…`.
    payment_intent_id: Option<Id<255>>,
    /// Its newest payment.
    reservation_id: Option<Id<255>>,
    /// Made by Stripe on the driver's device. Without it, the device has paid at Stripe.
    payment_method: Option<PaymentMethod>,
    #[input(flatten)]
    _no_card_data: NoCardData,
}

impl ConfirmationRequest {
    fn check(&self, at: &mut At<'_>) {
        let is_named = self.payment_id.is_some() || self.payment_intent_id.is_some() || self.reservation_id.is_some();
        at.check_field(is_named, "payment_id", "or payment_intent_id or reservation_id is required");
    }
}

kit::text_type! {
    /// Stripe's id of a payment method.
    struct PaymentMethod, "must be Stripe's id of one, pm_…", pattern: "^pm_[A-Za-z0-9_]{0,252}$", is_payment_method
}

fn is_payment_method(text: &str) -> bool {
    is_id(text) && text.starts_with("pm_")
}

/// What came of a confirmation. Money is minor units of `currency`.
#[derive(Serialize, ToSchema)]
pub struct PaymentConfirmation {
    /// The payment's id.
    #[schema(example = "019c2848-5c40-7000-8000-000000000001")]
    payment_id: String,
    /// The id of the payment intent at Stripe, `pi_…`; null while nobody has tried to pay on the checkout page.
    #[schema(example = "pi_3MtwBwLkdIwHu7ix28a3tqPa")]
    payment_intent_id: Option<String>,
    /// The id of the reservation that is paid for.
    #[schema(example = "019c2848-5c40-7000-8000-000000000002")]
    reservation_id: String,
    /// What is paid, minor units of `currency`.
    #[schema(example = 4000)]
    amount: i64,
    /// ISO 4217, such as `INR`.
    #[schema(example = "INR")]
    currency: String,
    /// In Stripe's words. `requires_action`: the device has a step to take, with `client_secret`. `open`, `expired`: of a checkout page on which
    /// nobody has paid.
    #[schema(example = "succeeded")]
    status: String,
    /// With what the driver's device goes on at Stripe; null when there is nothing left to do.
    client_secret: Option<String>,
    /// How the reservation is by now.
    reservation_status: Status,
    /// What goes back by itself: the payment came too late, or was not needed.
    #[schema(example = 0)]
    refunded: i64,
}

/// Confirms a payment.
///
/// With `payment_method` it is confirmed here; without, what the driver has done on their device or on the checkout page is looked up at
/// Stripe. Asked again, nothing is paid twice.
#[utoipa::path(post, path = "/api/payments/confirm", responses(
    (status = 402, description = "The payment was declined."),
    (status = 404, description = "There is no such payment, or it is somebody else's."),
    (status = 409, description = "`reason` is `lapsed`, `paid`, `changed`, `checkout`, `not_possible`, `amount_too_small` or `not_chargeable`."),
    (status = 503, description = "Stripe does not answer, or payments are not set up: come back after `Retry-After`.")
))]
pub async fn confirm(caller: Caller<Person>, Now(now): Now, Body(request): Body<ConfirmationRequest>) -> Answer<Json<PaymentConfirmation>> {
    let payment = find_own(&caller.0, &request)?;
    let stripe = Stripe::needed().await?;
    let (payment, mut standing) = at_stripe(&stripe, payment).await?;
    if let Some(method) = &request.payment_method
        && standing.is_open()
    {
        if payment.item.is_some() {
            return Err(Problem::conflict("this payment is made on its checkout page").because("checkout"));
        }
        // Nobody pays for what they cannot have any more.
        require_wanted(&caller.0, &payment, now)?;
        if let Some(intent) = &standing.intent {
            standing = pay(&stripe, &payment, intent, method).await?.into();
        }
    }
    settle_now(&payment, &standing, host::now_ms())?;
    confirmation(payment, standing).map(Json)
}

const NEWEST: &str = " = ? order by no desc limit 1";
const BY_ID: &str = concatcp!(SELECT, " where id", NEWEST);
const BY_INTENT: &str = concatcp!(SELECT, " where intent", NEWEST);
const BY_RESERVATION: &str = concatcp!(SELECT, " where reservation", NEWEST);

/// The caller's own payment; 404 for somebody else's.
fn find_own(caller: &Principal, request: &ConfirmationRequest) -> Result<Payment, Problem> {
    let named = [(BY_ID, &request.payment_id), (BY_INTENT, &request.payment_intent_id), (BY_RESERVATION, &request.reservation_id)];
    let named = named.into_iter().find_map(|(statement, name)| name.as_deref().map(|name| (statement, name)));
    let (statement, name) = named.ok_or_else(not_found)?;
    let payment: Option<Payment> = Database.fetch_optional(statement, params![name])?;
    payment.filter(|payment| payment.user_id == caller.id).ok_or_else(not_found)
}

/// Confirms it at Stripe. Each attempt has a key of its own, since Stripe answers an old key with the old refusal; an intent brings in its
/// money once, however often it is confirmed.
async fn pay(stripe: &Stripe, payment: &Payment, intent: &Intent, method: &str) -> Result<Intent, Problem> {
    // The answer may be lost: the scheduled run soon asks how it ended.
    let check_at = host::now_ms() + 15 * SECOND_MS;
    let attempt: Option<i64> = Database.fetch_scalar(
        "update payments set confirms = confirms + 1, next_check_at = min(next_check_at, ?2) where id = ?1 returning confirms",
        params![&payment.id, check_at],
    )?;
    let attempt = attempt.ok_or_else(|| Problem::internal("a payment is gone"))?;
    match stripe.confirm(&intent.id, method, &format!("{}-{attempt}", payment.id)).await {
        // As it is now, by itself: the answer may be one that was kept.
        Ok(_) => stripe.intent(&intent.id).await.map_err(Failure::problem),
        Err(refused @ Failure::Refused { .. }) => {
            // Somebody else may have confirmed it meanwhile.
            let now = stripe.intent(&intent.id).await.map_err(Failure::problem)?;
            if now.is_open() { Err(refused.problem()) } else { Ok(now) }
        }
        Err(away) => Err(away.problem()),
    }
}

#[derive(FromRow)]
struct Outcome {
    reservation_status: Status,
    refunded: i64,
}

fn confirmation(payment: Payment, standing: Standing) -> Result<PaymentConfirmation, Problem> {
    let outcome: Option<Outcome> = Database.fetch_optional(
        "select d.status as reservation_status, b.refunded
         from payment_balances b join reservation_dues d on d.reservation = b.reservation where b.payment = ?",
        params![&payment.id],
    )?;
    let Outcome { reservation_status, refunded } = outcome.ok_or_else(|| Problem::internal("a payment is gone"))?;
    let status = standing.status();
    // What a checkout page asks of its payer, it asks there.
    let needs_action = status == "requires_action" && standing.session.is_none();
    let (payment_intent_id, client_secret) = standing.intent.map(|intent| (intent.id, intent.client_secret)).unzip();
    Ok(PaymentConfirmation {
        payment_id: payment.id,
        payment_intent_id,
        reservation_id: payment.reservation,
        amount: payment.amount,
        currency: payment.currency,
        client_secret: client_secret.flatten().filter(|_| needs_action),
        status,
        reservation_status,
        refunded,
    })
}

#[cfg(test)]
mod tests {
    use kit::input::parse;

    use super::*;

    fn refused(body: &str) -> Vec<String> {
        parse::<ConfirmationRequest>(body.as_bytes(), 0).err().unwrap().errors().keys().cloned().collect()
    }

    #[test]
    fn a_payment_is_named_and_no_card_is_shown() {
        assert_eq!(refused("{}"), ["payment_id"]);
        assert_eq!(refused(r#"{"number": "4242424242424242"}"#), ["number"]);
        assert_eq!(refused(r#"{"payment_id": 1, "payment_method": "pm_/../x"}"#), ["payment_id", "payment_method"]);
        let request: ConfirmationRequest = parse(ConfirmationRequest::example().unwrap().as_bytes(), 0).unwrap();
        assert_eq!(request.payment_method.as_deref(), Some("pm_card_visa"));
    }
}
