//! Making a payment intent for a reservation.

use const_format::formatcp;
use domain::payment::PaymentState;
use domain::reservation::{HOLD_MS, Status};
use domain::time::MINUTE_MS;
use kit::caller::{Caller, Person, Principal};
use kit::db::{self, Database, Executor, Fetch as _, Transaction};
use kit::idempotency::{Idempotent, Once};
use kit::input::{Id, Input, Timestamp};
use kit::request::Now;
use kit::row::FromRow;
use kit::{Answer, Problem, host, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::model::{COLUMNS, Payment, SELECT, UNDERWAY};
use crate::request::NoCardData;
use crate::settle::settle_now;
use crate::stripe::{Failure, Intent, Stripe};

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
/// The open one of a reservation is given again.
#[utoipa::path(post, path = "/api/payments/create-intent", responses(
    (status = 404, description = "There is no such reservation, or it is somebody else's."),
    (status = 409, description = "`reason` is `paid`, `lapsed`, `not_possible`, `amount_too_small` or `not_chargeable`."),
    (status = 503, description = "Stripe does not answer, or payments are not set up: come back after `Retry-After`.")
))]
pub async fn create(caller: Caller<Person>, Now(now): Now, request: Idempotent<IntentRequest>) -> Answer<Once<PaymentIntent>> {
    if let Some(kept) = request.replay(&caller.0)? {
        return Ok(kept);
    }
    let reservation = request.body()?.reservation_id;
    // Before anything is written: without a key nothing can come of it.
    let stripe = Stripe::needed().await?;

    let (payment, due_by) = db::transaction(|tx| open(tx, &caller.0, &reservation, now))?;
    let (mut payment, mut intent) = at_stripe(&stripe, payment).await?;
    settle_now(&payment, &intent, host::now_ms())?;
    if intent.status == "canceled" {
        // Somebody cancelled it at Stripe, which is written down now: another takes its place.
        let (next, _) = db::transaction(|tx| open(tx, &caller.0, &reservation, host::now_ms()))?;
        (payment, intent) = at_stripe(&stripe, next).await?;
    }
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

/// What the view `reservation_dues` tells of a reservation.
#[derive(FromRow)]
struct StoredDue {
    user_id: String,
    status: Status,
    amount: i64,
    currency: String,
    due_by: Option<i64>,
}

/// What is due of a reservation, and until when.
struct Due {
    amount: i64,
    currency: String,
    until: i64,
}

impl StoredDue {
    /// 409 with a `reason` when nothing is due.
    fn into_due(self, now: i64) -> Result<Due, Problem> {
        let refused = |detail: &str, reason| Err(Problem::conflict(detail).because(reason));
        match (self.status, self.due_by) {
            (Status::Confirmed | Status::Arrived, None) | (Status::Overstayed | Status::Completed, _) => {
                refused("the reservation is paid already", "paid")
            }
            (Status::Expired, _) => refused("the reservation has lapsed: make another", "lapsed"),
            (Status::Cancelled | Status::NoShow, _) => refused("the reservation is not to be paid any more", "not_possible"),
            (Status::PendingPayment | Status::Confirmed | Status::Arrived, Some(until)) if until > now => {
                Ok(Due { amount: self.amount, currency: self.currency, until })
            }
            (Status::PendingPayment | Status::Confirmed | Status::Arrived, _) => {
                refused("it was not paid in time: it has lapsed", "lapsed")
            }
        }
    }
}

/// What is due of the caller's reservation; 404 for somebody else's.
fn find_due(db: &dyn Executor, caller: &Principal, reservation: &str, now: i64) -> Result<Due, Problem> {
    let due: Option<StoredDue> = db.fetch_optional(
        "select user_id, status, amount, currency, due_by from reservation_dues where reservation = ?",
        params![reservation],
    )?;
    let due = due.filter(|due| due.user_id == caller.id).ok_or_else(|| Problem::not_found("reservation"))?;
    due.into_due(now)
}

/// 409 unless this payment is still what its reservation waits for.
pub fn require_wanted(caller: &Principal, payment: &Payment, now: i64) -> Result<(), Problem> {
    if find_due(&Database, caller, &payment.reservation, now)?.amount == payment.amount {
        return Ok(());
    }
    Err(Problem::conflict("the reservation was changed and costs something else now: make another intent").because("changed"))
}

const OPEN: &str = formatcp!("{SELECT} where reservation = ? and state in {UNDERWAY} and superseded = 0");

const INSERT: &str = formatcp!(
    "insert into payments (id, reservation, user_id, amount, currency, next_check_at, created_at, updated_at, updated_by)
     values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?3) returning {COLUMNS}"
);

/// The reservation's open payment, or a new one, and until when it is to be paid. One of another amount, from before the reservation was
/// changed, is set aside: the scheduled run cancels its intent.
fn open(tx: &Transaction, caller: &Principal, reservation: &str, now: i64) -> Result<(Payment, i64), Problem> {
    let due = find_due(tx, caller, reservation, now)?;
    if let Some(payment) = tx.fetch_optional::<Payment>(OPEN, params![reservation])? {
        if payment.amount == due.amount && payment.currency == due.currency {
            return Ok((payment, due.until));
        }
        tx.run("update payments set superseded = 1, next_check_at = ?2 where id = ?1", params![&payment.id, now])?;
    }
    // A minute in which whoever asked for it sees to it.
    let next_check_at = now + MINUTE_MS;
    let payment =
        tx.fetch_optional(INSERT, params![host::new_id(now)?, reservation, &caller.id, due.amount, due.currency, next_check_at, now])?;
    Ok((payment.ok_or_else(|| Problem::internal("the insert gave no row"))?, due.until))
}

/// A hold is longer than a minute, in which a payment is not looked after.
const _: () = assert!(HOLD_MS > MINUTE_MS);

/// The payment's intent: made where there is none yet, else as it is now.
pub async fn at_stripe(stripe: &Stripe, payment: Payment) -> Result<(Payment, Intent), Problem> {
    match fetch(stripe, &payment).await {
        Ok(intent) => note_intent(stripe, payment, intent).await,
        Err(failure) => {
            if let Failure::Refused { .. } = &failure {
                fail(&payment, &failure)?;
            }
            Err(failure.problem())
        }
    }
}

/// Asks Stripe for it.
pub async fn fetch(stripe: &Stripe, payment: &Payment) -> Result<Intent, Failure> {
    match &payment.intent {
        Some(intent) => stripe.intent(intent).await,
        None => stripe.create(&payment.id, payment.amount, &payment.currency, &payment.reservation).await,
    }
}

const CREATING: &str = PaymentState::Creating.into_str();

const NOTE_INTENT: &str = formatcp!(
    "update payments set intent = ?2, state = '{}', stripe_status = ?3, updated_at = ?4
     where id = ?1 and state = '{CREATING}' and intent is null",
    PaymentState::Open.into_str()
);

/// Writes the intent's id down. Of two that made one at once, as only a Stripe that forgets idempotency keys would let them, the first
/// counts.
async fn note_intent(stripe: &Stripe, payment: Payment, intent: Intent) -> Result<(Payment, Intent), Problem> {
    if payment.intent.is_some() {
        return Ok((payment, intent));
    }
    Database.run(NOTE_INTENT, params![&payment.id, &intent.id, &intent.status, host::now_ms()])?;
    let payment = Payment::find(&payment.id)?.ok_or_else(|| Problem::internal("a payment is gone"))?;
    match &payment.intent {
        Some(known) if *known != intent.id => {
            let known = stripe.intent(known).await.map_err(Failure::problem)?;
            Ok((payment, known))
        }
        _ => Ok((payment, intent)),
    }
}

const FAIL: &str = formatcp!(
    "update payments set state = '{}', last_error = ?2, updated_at = ?3, updated_by = 'stripe' where id = ?1 and state = '{CREATING}'",
    PaymentState::Failed.into_str()
);

/// Writes down that Stripe will never take it.
pub fn fail(payment: &Payment, failure: &Failure) -> Result<(), Problem> {
    Database.run(FAIL, params![&payment.id, failure.summary(), host::now_ms()])?;
    Ok(())
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

    #[test]
    fn what_is_due_follows_the_reservation() {
        let due = |status, due_by| {
            let stored = StoredDue { user_id: String::new(), status, amount: 100, currency: "INR".to_owned(), due_by };
            stored.into_due(10).map(|due| due.until).map_err(|problem| problem.detail().to_owned())
        };
        assert_eq!(due(Status::PendingPayment, Some(11)), Ok(11));
        assert_eq!(due(Status::Arrived, Some(11)), Ok(11));
        for (status, due_by, detail) in [
            (Status::PendingPayment, Some(10), "not paid in time"),
            (Status::Confirmed, None, "paid already"),
            (Status::Overstayed, Some(11), "paid already"),
            (Status::Expired, None, "make another"),
            (Status::NoShow, None, "not to be paid"),
        ] {
            assert!(due(status, due_by).unwrap_err().contains(detail), "{status:?}");
        }
    }
}
