//! The payment that a reservation waits for, here and at Stripe: the one that is open, or another.

use const_format::formatcp;
use domain::payment::PaymentState;
use domain::reservation::HOLD_MS;
use domain::time::MINUTE_MS;
use kit::caller::Principal;
use kit::db::{self, Database, Executor as _, Fetch as _, Transaction};
use kit::{Problem, host, params};

use crate::checkout;
use crate::due::find_due;
use crate::model::{COLUMNS, Payment, SELECT, UNDERWAY};
use crate::settle::settle_now;
use crate::standing::Standing;
use crate::stripe::{Failure, Session, Stripe};

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
