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

use crate::checkout;
use crate::model::{COLUMNS, Payment, SELECT, UNDERWAY};
use crate::request::NoCardData;
use crate::settle::settle_now;
use crate::standing::Standing;
use crate::stripe::{Failure, Session, Stripe};

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

/// How a payment is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By an intent that is made here and confirmed by the payer's own device.
    Intent,
    /// On a page of Stripe's.
    Checkout,
}

/// A payment that somebody may pay now.
pub struct Opened {
    /// It, as it is written down.
    pub payment: Payment,
    /// How it stands at Stripe.
    pub standing: Standing,
    /// Until when it is to be paid, milliseconds.
    pub due_by: i64,
}

/// How often another payment of the reservation may come in between.
const ATTEMPTS: usize = 4;

/// The reservation's open payment of this way, at Stripe too. What else could be paid for the reservation is closed there before: two ways that
/// are open at once would be paid twice.
pub async fn open_at_stripe(stripe: &Stripe, caller: &Principal, reservation: &str, way: Way, now: i64) -> Result<Opened, Problem> {
    let mut now = now;
    for _ in 0..ATTEMPTS {
        match db::transaction(|tx| open(tx, caller, reservation, way, now))? {
            Found::Own(payment, due_by) => {
                let (payment, standing) = at_stripe(stripe, payment).await?;
                settle_now(&payment, &standing, host::now_ms())?;
                let is_ready = match way {
                    Way::Intent => standing.status() != "canceled",
                    Way::Checkout => standing.session.as_ref().is_some_and(Session::is_open),
                };
                if is_ready {
                    return Ok(Opened { payment, standing, due_by });
                }
                require_idle(&standing)?;
                // Somebody cancelled it at Stripe, or paid it, which is written down now: another takes its place, if any is due.
            }
            Found::Other(payment) => close(stripe, &payment).await?,
        }
        now = host::now_ms();
    }
    Err(Problem::unavailable("others pay this reservation at the same time", 1))
}

/// Closes at Stripe what is not to be paid any more, and writes down what came of it.
async fn close(stripe: &Stripe, payment: &Payment) -> Result<(), Problem> {
    let standing = match Standing::fetch(stripe, payment).await {
        Ok(standing) => standing,
        Err(failure @ Failure::Refused { .. }) => return fail(payment, &failure),
        Err(away) => return Err(away.problem()),
    };
    let standing = if standing.is_open() { standing.close(stripe, payment).await.map_err(Failure::problem)? } else { standing };
    settle_now(payment, &standing, host::now_ms())?;
    require_idle(&standing)
}

/// 409 while a payment may still bring in money, and nobody can stop it.
fn require_idle(standing: &Standing) -> Result<(), Problem> {
    if standing.status() != "processing" && !standing.is_open() {
        return Ok(());
    }
    let detail = "another payment of the reservation is under way: the bank has not said yet how it ends";
    Err(Problem::conflict(detail).because("processing"))
}

/// What is open for a reservation.
enum Found {
    /// A payment of the way that was asked for, and until when it is to be paid.
    Own(Payment, i64),
    /// One that is to be closed first.
    Other(Payment),
}

const OPEN: &str = formatcp!("{SELECT} where reservation = ? and state in {UNDERWAY} and superseded = 0");

/// What a checkout page must not be open beside: an intent, also one that waits to be cancelled, and a page of another amount, `?2` of `?3`.
const BESIDE_CHECKOUT: &str = formatcp!(
    "{SELECT} where reservation = ?1 and state in {UNDERWAY} and (item is null or amount <> ?2 or currency <> ?3) order by no limit 1"
);
const BESIDE_INTENT: &str = formatcp!("{SELECT} where reservation = ?1 and state in {UNDERWAY} and item is not null order by no limit 1");

const INSERT: &str = formatcp!(
    "insert into payments (id, reservation, user_id, amount, currency, next_check_at, created_at, updated_at, updated_by, item)
     values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?3, ?8) returning {COLUMNS}"
);

/// The reservation's open payment, or a new one; or another that is in the way. An intent of another amount, from before the reservation was
/// changed, is set aside: the scheduled run cancels it.
fn open(tx: &Transaction, caller: &Principal, reservation: &str, way: Way, now: i64) -> Result<Found, Problem> {
    let due = find_due(tx, caller, reservation, now)?;
    let beside: Option<Payment> = match way {
        Way::Intent => tx.fetch_optional(BESIDE_INTENT, params![reservation])?,
        Way::Checkout => tx.fetch_optional(BESIDE_CHECKOUT, params![reservation, due.amount, &due.currency])?,
    };
    if let Some(payment) = beside {
        return Ok(Found::Other(payment));
    }
    if let Some(payment) = tx.fetch_optional::<Payment>(OPEN, params![reservation])? {
        if payment.amount == due.amount && payment.currency == due.currency {
            return Ok(Found::Own(payment, due.until));
        }
        tx.run("update payments set superseded = 1, next_check_at = ?2 where id = ?1", params![&payment.id, now])?;
    }
    let item = match way {
        Way::Intent => None,
        Way::Checkout => Some(checkout::describe(tx, reservation)?),
    };
    // A minute in which whoever asked for it sees to it.
    let next_check_at = now + MINUTE_MS;
    let payment = tx
        .fetch_optional(INSERT, params![host::new_id(now)?, reservation, &caller.id, due.amount, due.currency, next_check_at, now, item])?;
    Ok(Found::Own(payment.ok_or_else(|| Problem::internal("the insert gave no row"))?, due.until))
}

/// A hold is longer than a minute, in which a payment is not looked after.
const _: () = assert!(HOLD_MS > MINUTE_MS);

/// How the payment stands at Stripe, where it is made if it was not.
pub async fn at_stripe(stripe: &Stripe, payment: Payment) -> Result<(Payment, Standing), Problem> {
    match Standing::fetch(stripe, &payment).await {
        Ok(standing) => note(stripe, payment, standing).await,
        Err(failure) => {
            if let Failure::Refused { .. } = &failure {
                fail(&payment, &failure)?;
            }
            Err(failure.problem())
        }
    }
}

const CREATING: &str = PaymentState::Creating.into_str();

const NOTE_INTENT: &str = formatcp!(
    "update payments set intent = ?2, state = '{}', stripe_status = ?3, updated_at = ?4
     where id = ?1 and state = '{CREATING}' and intent is null",
    PaymentState::Open.into_str()
);

const NOTE_SESSION: &str = "update payments set session = ?2, updated_at = ?3 where id = ?1 and item is not null and session is null";

/// Writes Stripe's id of it down. Of two intents that were made at once, as only a Stripe that forgets idempotency keys would make them, the
/// first counts; so does the first of two pages.
async fn note(stripe: &Stripe, payment: Payment, standing: Standing) -> Result<(Payment, Standing), Problem> {
    let is_known = if payment.item.is_some() { payment.session.is_some() } else { payment.intent.is_some() };
    if is_known {
        return Ok((payment, standing));
    }
    match (&standing.session, &standing.intent) {
        (Some(session), _) => drop(Database.run(NOTE_SESSION, params![&payment.id, &session.id, host::now_ms()])?),
        (None, Some(intent)) => drop(Database.run(NOTE_INTENT, params![&payment.id, &intent.id, &intent.status, host::now_ms()])?),
        (None, None) => {}
    }
    let payment = Payment::find(&payment.id)?.ok_or_else(|| Problem::internal("a payment is gone"))?;
    let is_another = match (&standing.session, &standing.intent) {
        (Some(session), _) => payment.session.as_ref().is_some_and(|known| *known != session.id),
        (None, Some(intent)) => payment.intent.as_ref().is_some_and(|known| *known != intent.id),
        (None, None) => false,
    };
    let standing = if is_another { Standing::fetch(stripe, &payment).await.map_err(Failure::problem)? } else { standing };
    Ok((payment, standing))
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
