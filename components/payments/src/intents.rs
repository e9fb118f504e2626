//! Making a payment intent for a reservation.

use axum::response::Response;
use domain::reservation::HOLD_MS;
use domain::time::{MINUTE_MS, format_rfc3339};
use http::StatusCode;
use kit::caller::{Caller, Principal, SignedIn};
use kit::db::{self, Row, Transaction};
use kit::fields::Fields;
use kit::idempotency::IdempotencyKey;
use kit::request::{JsonBytes, Now};
use kit::{Answer, Problem, host, params};
use serde_json::{Value, json};

use crate::settle::{Payment, select, settle_now};
use crate::stripe::{Failure, Intent, Stripe};

/// What a card is made of. It is refused before anybody looks at it.
const CARD_FIELDS: [&str; 8] = ["card", "card_number", "number", "cvc", "cvv", "exp_month", "exp_year", "expiry"];

/// Refuses a body that holds card data: it must not reach us.
pub fn no_card_data(fields: &mut Fields) {
    for field in CARD_FIELDS {
        if fields.has(field) {
            fields.refuse(field, "must not be sent here: the card's data goes from its holder to Stripe");
        }
    }
}

/// A payment is for a person to make.
pub fn person(caller: &Principal) -> Result<(), Problem> {
    if caller.role.is_person() { Ok(()) } else { Err(Problem::forbidden("a device makes no payments")) }
}

/// What is due of a reservation, and until when.
struct Due {
    amount: i64,
    currency: String,
    until: i64,
}

impl Due {
    /// From `user_id, status, price, paid, currency, hold_expires_at, due_until`. 409 with a `reason` when nothing is.
    fn of(row: &Row, now: i64) -> Result<Self, Problem> {
        let refused = |detail: &str, reason| Err(Problem::conflict(detail).because(reason));
        let until = match row.text(1)? {
            "pending_payment" => row.opt_int(5)?,
            "confirmed" | "arrived" => match row.opt_int(6)? {
                None => return refused("the reservation is paid already", "paid"),
                until => until,
            },
            "expired" => return refused("the reservation has lapsed: make another", "lapsed"),
            "overstayed" | "completed" => return refused("the reservation is paid already", "paid"),
            _ => return refused("the reservation is not to be paid any more", "not_possible"),
        };
        match until {
            Some(until) if until > now => Ok(Self { amount: row.int(2)? - row.int(3)?, currency: row.text(4)?.to_owned(), until }),
            _ => refused("it was not paid in time: it has lapsed", "lapsed"),
        }
    }
}

/// What is due of the caller's reservation; 404 for somebody else's.
fn due(
    run: impl Fn(&str, Vec<db::Value>) -> Result<db::Rows, db::DbError>,
    caller: &Principal,
    id: &str,
    now: i64,
) -> Result<Due, Problem> {
    let rows =
        run("select user_id, status, price, paid, currency, hold_expires_at, due_until from reservations where id = ?", params![id])?;
    let row = rows.first().ok_or_else(|| Problem::not_found("reservation"))?;
    if row.text(0)? != caller.id {
        return Err(Problem::not_found("reservation"));
    }
    Due::of(row, now)
}

/// 409 unless this payment is still what its reservation waits for.
pub fn still_wanted(caller: &Principal, payment: &Payment, now: i64) -> Result<(), Problem> {
    let due = due(db::run, caller, &payment.reservation, now)?;
    if due.amount == payment.amount {
        return Ok(());
    }
    Err(Problem::conflict("the reservation was changed and costs something else now: make another intent").because("changed"))
}

/// POST `/api/payments/create-intent`: `{reservation_id}` → 201 with `client_secret`, with which the driver's own device pays at Stripe. The
/// open one of a reservation is given again. Honours `Idempotency-Key`. 409 with `reason` `paid`, `lapsed`, `not_possible`; 503 when Stripe
/// does not answer: ask again.
pub async fn create(caller: Caller<SignedIn>, Now(now): Now, key: IdempotencyKey, JsonBytes(body): JsonBytes) -> Answer<Response> {
    person(&caller.0)?;
    if let Some(kept) = key.replay(&caller.0, &body)? {
        return Ok(kept);
    }
    let mut fields = Fields::parse(&body)?;
    no_card_data(&mut fields);
    let reservation = fields.text("reservation_id", 1..=64);
    fields.finish()?;
    // Before anything is written: without a key nothing can come of it.
    let stripe = Stripe::needed().await?;

    let (payment, until) = db::transaction(|tx| open(tx, &caller.0, &reservation, now))?;
    let (mut payment, mut intent) = at_stripe(&stripe, payment).await?;
    settle_now(&payment, &intent, host::now_ms())?;
    if intent.status == "canceled" {
        // Somebody cancelled it at Stripe, which is written down now: another takes its place.
        let (next, _) = db::transaction(|tx| open(tx, &caller.0, &reservation, host::now_ms()))?;
        (payment, intent) = at_stripe(&stripe, next).await?;
    }
    let shown = shown(&payment, &intent, until);
    let (response, _) = key.once(&caller.0, &body, |_| Ok((StatusCode::CREATED, shown)))?;
    Ok(response)
}

fn shown(payment: &Payment, intent: &Intent, until: i64) -> Value {
    json!({
        "payment_id": payment.id,
        "payment_intent_id": intent.id,
        "client_secret": intent.client_secret,
        "amount": payment.amount,
        "currency": payment.currency,
        "status": intent.status,
        "reservation_id": payment.reservation,
        "expires_at": format_rfc3339(until),
    })
}

/// The reservation's open payment, or a new one. One of another amount, from before the reservation was changed, is set aside: the scheduled
/// run cancels its intent.
fn open(tx: &Transaction, caller: &Principal, reservation: &str, now: i64) -> Result<(Payment, i64), Problem> {
    let due = due(|sql, params| tx.run(sql, params), caller, reservation, now)?;
    let rows = tx.run(
        concat!(select!(), " where p.reservation = ? and p.state in ('creating', 'open', 'processing') and p.superseded = 0"),
        params![reservation],
    )?;
    if let Some(payment) = rows.first().map(Payment::of).transpose()? {
        if payment.amount == due.amount && payment.currency == due.currency {
            return Ok((payment, due.until));
        }
        tx.run("update payments set superseded = 1, next_check_at = ?2 where id = ?1", params![&payment.id, now])?;
    }
    let id = host::new_id(now)?;
    let rows = tx.run(
        "insert into payments (id, reservation, user_id, amount, currency, next_check_at, created_at, updated_at, updated_by)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?3)
         returning id, reservation, user_id, amount, currency, intent",
        // A minute in which whoever asked for it sees to it.
        params![&id, reservation, &caller.id, due.amount, &due.currency, now + MINUTE_MS, now],
    )?;
    let row = rows.first().ok_or_else(|| Problem::internal("the insert gave no row"))?;
    Ok((Payment::of(row)?, due.until))
}

/// The payment's intent: made where there is none yet, else as it is now.
pub async fn at_stripe(stripe: &Stripe, payment: Payment) -> Result<(Payment, Intent), Problem> {
    match fetch(stripe, &payment).await {
        Ok(intent) => settled_id(stripe, payment, intent).await,
        Err(failure) => {
            if let Failure::Refused { .. } = &failure {
                give_up(&payment, &failure.summary())?;
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

/// Writes the intent's id down. Of two that made one at once, as only a Stripe that forgets idempotency keys would let them, the first
/// counts.
async fn settled_id(stripe: &Stripe, mut payment: Payment, intent: Intent) -> Result<(Payment, Intent), Problem> {
    if payment.intent.is_some() {
        return Ok((payment, intent));
    }
    db::run(
        "update payments set intent = ?2, state = 'open', stripe_status = ?3, updated_at = ?4 where id = ?1 and state = 'creating' and intent is null",
        params![&payment.id, &intent.id, &intent.status, host::now_ms()],
    )?;
    payment = Payment::find(&payment.id)?.ok_or_else(|| Problem::internal("a payment is gone"))?;
    match &payment.intent {
        Some(known) if *known != intent.id => {
            let known = stripe.intent(known).await.map_err(Failure::problem)?;
            Ok((payment, known))
        }
        _ => Ok((payment, intent)),
    }
}

/// A payment that Stripe will never take.
pub fn give_up(payment: &Payment, why: &str) -> Result<(), Problem> {
    db::run(
        "update payments set state = 'failed', last_error = ?2, updated_at = ?3, updated_by = 'stripe' where id = ?1 and state = 'creating'",
        params![&payment.id, why, host::now_ms()],
    )?;
    Ok(())
}

/// A hold is longer than a minute, in which a payment is not looked after.
const _: () = assert!(HOLD_MS > MINUTE_MS);
