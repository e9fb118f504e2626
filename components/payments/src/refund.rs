//! Refunds: rows that wait, sent to Stripe by whoever comes first, each with its own id as the idempotency key.

use std::time::{Duration, Instant};

use axum::extract::Path;
use const_format::formatcp;
use domain::currency;
use domain::payment::{PaymentState, RefundReason};
use domain::time::{AHEAD_TOLERANCE_MS, HOUR_MS, SECOND_MS};
use kit::caller::{Caller, Operator};
use kit::db::{self, Database, Executor as _, Fetch as _};
use kit::idempotency::{Idempotent, Once};
use kit::input::{Input, Int};
use kit::request::{Now, OptionalBody};
use kit::row::FromRow;
use kit::{Answer, Problem, host, params, refunds};

use crate::model::Payment;
use crate::stripe::{self, Failure, Stripe};
use crate::taken_over::refunds::{FAIL, UNDERWAY, WAITING, note, take_over_answer};
use crate::taken_over::{self, disputes};
use crate::view::{PaymentDetail, not_found};

/// How long a run takes up further rows.
pub const TAKES_UP: Duration = Duration::from_secs(15);

/// What staff gives back.
#[derive(Input)]
#[input(refuse_unknown, example = r#"{"amount": 1500}"#)]
pub struct NewRefund {
    /// Minor units; all that is left when it is not sent.
    amount: Option<Int<1, { u32::MAX as i64 }>>,
}

#[derive(FromRow)]
struct Balance {
    state: PaymentState,
    left: i64,
    currency: String,
    reservation: String,
}

/// Gives money of a payment back.
///
/// Answers with the payment. An empty body gives back all that is left. A field that is not known is refused: misspelt, it would mean all that is
/// left.
#[utoipa::path(post, path = "/api/payments/{id}/refund", responses((
    status = 409,
    description = "`reason` is `nothing_left`: the payment has brought in nothing, or less than that is `left` of it; what is disputed is not left."
)))]
pub async fn create(
    caller: Caller<Operator>,
    Now(now): Now,
    Path(id): Path<String>,
    request: Idempotent<OptionalBody<NewRefund>>,
) -> Answer<Once<PaymentDetail>> {
    let refunded = request.once(&caller.0, |tx, OptionalBody(new)| -> Answer<_> {
        let balance: Option<Balance> = tx.fetch_optional(
            "select b.state, b.received - b.refunded - b.disputed as left, p.currency, b.reservation
             from payment_balances b join payments p on p.no = b.no where b.payment = ?",
            params![&id],
        )?;
        let Balance { state, left, currency, reservation } = balance.ok_or_else(not_found)?;
        if state != PaymentState::Succeeded || left <= 0 {
            return Err(Problem::conflict("nothing of this payment is left to give back").because("nothing_left"));
        }
        let amount = new.amount.map_or(left, |amount| *amount);
        let step = currency::step(&currency);
        if amount % step != 0 {
            return Err(Problem::invalid_field("amount", format!("must be a multiple of {step} in {currency}")));
        }
        if amount > left {
            let detail = format!("{left} is left of this payment, in minor units");
            return Err(Problem::conflict(detail).because("nothing_left").with("left", left));
        }
        refunds::insert(tx, &id, amount, RefundReason::Operator, &caller.0.id, now)?;
        tx.run(
            "update reservations set paid = max(0, paid - ?2), updated_at = ?3, updated_by = ?4 where id = ?1",
            params![reservation, amount, now, &caller.0.id],
        )?;
        PaymentDetail::find(tx, &id)
    })?;
    if refunded.is_new() {
        spawn();
    }
    Ok(refunded)
}

/// One that this run alone sends for now.
#[derive(FromRow)]
struct Waiting {
    id: String,
    amount: i64,
    refund: Option<String>,
    payment: String,
    intent: String,
}

/// How long a refund rests after so many attempts as `attempts` says, milliseconds, in SQL.
const PAUSE_MS: &str = formatcp!("min({HOUR_MS}, {} << min(attempts, 12))", 30 * SECOND_MS);

/// The next refund that is due.
pub const TO_SEND: &str = formatcp!(
    "select no from refunds where state in {UNDERWAY}
         and (next_attempt_at <= ?1 or next_attempt_at > ?1 + {PAUSE_MS} + {AHEAD_TOLERANCE_MS})
     order by next_attempt_at limit 1"
);

const TAKE: &str = formatcp!(
    "update refunds set attempts = attempts + 1, sent_at = ?1, next_attempt_at = ?1 + {PAUSE_MS}
     where no = ({TO_SEND})
     returning id, amount, refund, payment, (select p.intent from payments p where p.id = payment) as intent"
);

const AWAY: &str = "update refunds set last_error = ?2, sent_at = null where id = ?1";

/// Takes the next one that is due. It is due again after a pause that doubles, from 30 seconds to an hour, should this run die.
fn take(now: i64) -> Result<Option<Waiting>, Problem> {
    Database.fetch_optional(TAKE, params![now])
}

/// What sending has done.
pub struct Sent {
    /// Refunds that were sent, or asked after.
    pub count: usize,
    /// Whether Stripe did not answer, so that the rest waits.
    pub is_away: bool,
}

/// Sends those that are due, until a while after `began`.
pub async fn send_due(stripe: &Stripe, began: Instant) -> Result<Sent, Problem> {
    let mut count = 0;
    while began.elapsed() < TAKES_UP {
        let Some(waiting) = take(host::now_ms())? else { break };
        count += 1;
        if let Err(away) = send(stripe, &waiting).await? {
            away.log();
            return Ok(Sent { count, is_away: true });
        }
    }
    Ok(Sent { count, is_away: false })
}

/// Sends it, or asks how it stands. The inner error is that Stripe is away; the refund waits.
async fn send(stripe: &Stripe, waiting: &Waiting) -> Result<Result<(), Failure>, Problem> {
    let answered = match &waiting.refund {
        None => stripe.refund(&waiting.id, &waiting.intent, waiting.amount).await,
        Some(refund) => stripe.refund_state(refund).await,
    };
    match answered {
        Ok(refund) => note_answer(waiting, &refund).map(Ok),
        Err(failure @ Failure::Refused { .. }) => {
            match still_waits(stripe, waiting).await? {
                Ok(true) => {}
                settled => return Ok(settled.map(drop)),
            }
            if failure.is_of_dispute() && hold(waiting)? {
                return Ok(Ok(()));
            }
            host::log("error", "a refund was refused", serde_json::json!({ "refund_id": waiting.id, "error": failure.summary() }));
            Database.run(FAIL, params![&waiting.id, failure.summary(), host::now_ms()])?;
            Ok(Ok(()))
        }
        Err(away) => {
            Database.run(AWAY, params![&waiting.id, away.summary()])?;
            Ok(Err(away))
        }
    }
}

/// Writes down what Stripe has made of it. It may stand for another refund by now, or be dropped: then this one came besides.
fn note_answer(waiting: &Waiting, refund: &stripe::Refund) -> Result<(), Problem> {
    if note(&Database, &waiting.id, refund)? {
        return Ok(());
    }
    match Payment::find(&waiting.payment)? {
        Some(payment) => db::transaction(|tx| take_over_answer(tx, &payment, refund, host::now_ms())),
        None => Ok(()),
    }
}

/// Holds it while the dispute that Stripe has refused it for is undecided: false when none is.
fn hold(waiting: &Waiting) -> Result<bool, Problem> {
    match Payment::find(&waiting.payment)? {
        Some(payment) => db::transaction(|tx| disputes::hold_waiting(tx, &payment, &waiting.id, host::now_ms())),
        None => Ok(false),
    }
}

/// Whether a refund that Stripe has refused is still to be sent. It is not when the money has gone back at Stripe, or the bank has taken it
/// back: what was done there is looked up first. The inner error is that Stripe is away.
async fn still_waits(stripe: &Stripe, waiting: &Waiting) -> Result<Result<bool, Failure>, Problem> {
    if waiting.refund.is_some() {
        return Ok(Ok(true));
    }
    match taken_over::find(stripe, &waiting.intent).await {
        Ok(found) => {
            if let Some(payment) = Payment::find(&waiting.payment)? {
                // What that makes is sent by this run.
                db::transaction(|tx| found.take_over(tx, &payment, host::now_ms()))?;
            }
        }
        Err(Failure::Refused { .. }) => {}
        Err(away) => return Ok(Err(away)),
    }
    Database.exists(WAITS, params![&waiting.id]).map(Ok)
}

const WAITS: &str = formatcp!("select 1 from refunds where id = ? and {WAITING}");

/// Sends the refunds that wait, after the answer has gone and without delaying it; the scheduled run is the safety net.
#[cfg(target_family = "wasm")]
pub fn spawn() {
    spin_sdk::wasip3::spawn(async {
        let sent = match Stripe::configured().await {
            Ok(Some(stripe)) => send_due(&stripe, Instant::now()).await.map(drop),
            Ok(None) => Ok(()),
            Err(problem) => Err(problem),
        };
        if let Err(problem) = sent {
            host::log("warn", "refunds wait", serde_json::json!({ "cause": problem.cause().unwrap_or(problem.detail()) }));
        }
    });
}

/// Outside a component nothing is sent.
#[cfg(not(target_family = "wasm"))]
pub fn spawn() {}
