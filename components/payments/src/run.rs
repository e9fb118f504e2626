//! What the scheduled run does with payments: asks how open ones stand, cancels those that nobody waits for, sends refunds. Two at once do
//! each thing once: taking a row is moving its due time.

use std::time::{Duration, Instant};

use domain::time::{HOUR_MS, SECOND_MS};
use kit::{Problem, db, host, params};
use serde::Serialize;

use crate::intents::{fetch, give_up};
use crate::refund;
use crate::settle::{Payment, settle};
use crate::stripe::{Failure, Intent, Stripe};

/// How long a run takes up further rows.
const TAKES_UP: Duration = Duration::from_secs(15);

/// What a run did.
#[derive(Debug, Default, Serialize)]
pub struct Summary {
    /// Open payments whose state was fetched.
    pub checked: usize,
    /// Refunds that were sent, or asked after.
    pub refunds: usize,
    /// Whether Stripe did not answer, so that the rest waits.
    pub away: bool,
}

/// One run. Without a key there is nothing to do.
pub async fn run() -> Result<Summary, Problem> {
    let mut summary = Summary::default();
    let Some(stripe) = Stripe::configured().await? else { return Ok(summary) };
    let began = Instant::now();
    while began.elapsed() < TAKES_UP {
        let Some(payment) = take(host::now_ms())? else { break };
        summary.checked += 1;
        if let Err(failure) = check(&stripe, &payment).await? {
            return Ok(away(summary, &failure));
        }
    }
    send_refunds(&stripe, began, summary).await
}

async fn send_refunds(stripe: &Stripe, began: Instant, mut summary: Summary) -> Result<Summary, Problem> {
    while began.elapsed() < TAKES_UP {
        let Some(waiting) = refund::take(host::now_ms())? else { break };
        summary.refunds += 1;
        if let Err(failure) = refund::send(stripe, &waiting).await? {
            return Ok(away(summary, &failure));
        }
    }
    Ok(summary)
}

fn away(summary: Summary, failure: &Failure) -> Summary {
    host::log("warn", "Stripe does not answer", serde_json::json!({ "error": failure.summary() }));
    Summary { away: true, ..summary }
}

/// Takes the next open payment that is due to be looked at. It is due again after a pause that doubles, from 30 seconds to an hour.
fn take(now: i64) -> Result<Option<Payment>, Problem> {
    let rows = db::run(
        "update payments set checks = checks + 1, next_check_at = ?1 + min(?3, ?2 << min(checks, 12))
         where no = (
             select no from payments indexed by payments_to_check where state in ('creating', 'open', 'processing') and next_check_at <= ?1 order by next_check_at limit 1
         ) returning id",
        params![now, 30 * SECOND_MS, HOUR_MS],
    )?;
    let Some(row) = rows.first() else { return Ok(None) };
    Payment::find(row.text(0)?)
}

/// Fetches a payment's intent, or makes it where that was not written down, and takes over what it says. One that its reservation does not
/// wait for any more is cancelled, so that nobody pays in vain. The inner error is that Stripe is away.
async fn check(stripe: &Stripe, payment: &Payment) -> Result<Result<(), Failure>, Problem> {
    let mut intent = match fetch(stripe, payment).await {
        Ok(intent) => intent,
        Err(failure @ Failure::Refused { .. }) => {
            host::log(
                "error",
                "a payment cannot be looked up",
                serde_json::json!({ "payment_id": payment.id, "error": failure.summary() }),
            );
            give_up(payment, &failure.summary())?;
            return Ok(Ok(()));
        }
        Err(away) => return Ok(Err(away)),
    };
    if intent.is_open() && !is_wanted(payment, host::now_ms())? {
        match stripe.cancel(&intent.id, &payment.id).await {
            Ok(cancelled) => intent = cancelled,
            // It was paid just then, most likely.
            Err(Failure::Refused { .. }) => match stripe.intent(&intent.id).await {
                Ok(now) => intent = now,
                Err(failure) => return Ok(Err(failure)),
            },
            Err(away) => return Ok(Err(away)),
        }
    }
    take_over(payment, &intent)?;
    Ok(Ok(()))
}

fn take_over(payment: &Payment, intent: &Intent) -> Result<(), Problem> {
    // A refund that it makes is sent in the same run.
    db::transaction(|tx| settle(tx, payment, intent, host::now_ms())).map(drop)
}

/// Whether its reservation still waits for this payment.
fn is_wanted(payment: &Payment, now: i64) -> Result<bool, Problem> {
    let rows = db::run(
        "select 1 from payments p join reservations r on r.id = p.reservation
         where p.id = ?1 and p.superseded = 0 and r.price - r.paid = p.amount
             and ((r.status = 'pending_payment' and r.hold_expires_at > ?2) or (r.status in ('confirmed', 'arrived') and r.due_until > ?2))",
        params![&payment.id, now],
    )?;
    Ok(!rows.is_empty())
}

/// Sends the refunds that wait, after the answer has gone and without delaying it; the scheduled run is the safety net.
#[cfg(target_family = "wasm")]
pub fn soon() {
    spin_sdk::wasip3::spawn(async {
        let sent = match Stripe::configured().await {
            Ok(Some(stripe)) => send_refunds(&stripe, Instant::now(), Summary::default()).await.map(drop),
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
pub fn soon() {}
