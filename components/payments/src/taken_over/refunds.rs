//! Refunds as Stripe has them, in the rows of ours or in rows of their own.

use const_format::formatcp;
use domain::payment::{RefundReason, RefundSource, RefundState};
use domain::time::{AHEAD_TOLERANCE_MS, SECOND_MS};
use kit::db::{Executor, Fetch as _, Transaction};
use kit::row::FromRow;
use kit::{Problem, host, params, refunds};

use crate::model::Payment;
use crate::stripe::Refund;

const FAILED: &str = RefundState::Failed.into_str();

/// The states in which Stripe is asked again, as the partial index has them.
pub const UNDERWAY: &str = formatcp!("('{}', '{}')", RefundState::UNDERWAY[0].into_str(), RefundState::UNDERWAY[1].into_str());

/// Writes down that one has failed: `?2` is why, `?3` now.
pub const FAIL: &str = formatcp!(
    "update refunds set state = '{FAILED}', last_error = ?2, updated_at = ?3, updated_by = 'stripe' where id = ?1 and state in {UNDERWAY}"
);

const NOTE: &str = formatcp!(
    "update refunds set state = ?2, refund = ?3, last_error = ?4, updated_at = ?5, updated_by = 'stripe'
     where id = ?1 and (refund is null or refund = ?3) and (state in {UNDERWAY} or (state = '{}' and ?2 = '{FAILED}'))
     returning no",
    RefundState::Succeeded.into_str()
);

/// What Stripe's status of a refund is here.
fn state_of(refund: &Refund) -> RefundState {
    match refund.status.as_deref() {
        Some("succeeded") => RefundState::Succeeded,
        Some("failed" | "canceled") => RefundState::Failed,
        _ => RefundState::Submitted,
    }
}

/// Writes down what Stripe says of a refund: false when that is no news, or the row is of another one.
pub fn note(db: &dyn Executor, id: &str, refund: &Refund) -> Result<bool, Problem> {
    let state = state_of(refund);
    let error = (state == RefundState::Failed).then(|| format!("Stripe says that it {}", refund.status.as_deref().unwrap_or_default()));
    Ok(!db.run(NOTE, params![id, state, &refund.id, error, host::now_ms()])?.is_empty())
}

/// One of ours that Stripe was not told of yet, as far as we know.
pub const WAITING: &str = formatcp!("state = '{}' and refund is null", RefundState::Pending.into_str());

/// The row of a refund of Stripe's, `?1`: of its id, or of ours, `?2`, when the answer to it was lost.
const KNOWN: &str = "select id from refunds where refund = ?1 or (id = ?2 and payment = ?3 and refund is null) limit 1";

/// How long after it was begun an attempt may still reach Stripe, milliseconds.
const UNDER_WAY_MS: i64 = 30 * SECOND_MS;

/// Over `?3`, now: no attempt to send it is under way, so that what Stripe has is all that has come of it.
const IS_IDLE: &str = formatcp!("(sent_at is null or sent_at not between ?3 - {UNDER_WAY_MS} and ?3 + {AHEAD_TOLERANCE_MS})");

/// One of as much that waits to be sent: staff has done by hand what we could not yet. One that is under way is another: both may be made.
const SAME: &str = formatcp!("select id from refunds where payment = ?1 and amount = ?2 and {WAITING} and {IS_IDLE} order by no limit 1");

const INSERT: &str = formatcp!(
    "insert into refunds (id, payment, amount, reason, source, state, refund, next_attempt_at, created_at, updated_at, updated_by)
     values (?1, ?2, ?3, '{}', '{}', ?4, ?5, ?6, ?6, ?6, 'stripe')",
    RefundReason::Operator.into_str(),
    RefundSource::Stripe.into_str()
);

/// Takes an amount off what a reservation's site keeps.
pub const KEEP_LESS: &str = "update reservations set paid = max(0, paid - ?2), updated_at = ?3, updated_by = 'stripe' where id = ?1";

/// The row of a refund of Stripe's, if it has one.
fn find_row(tx: &Transaction, payment: &Payment, refund: &Refund) -> Result<Option<String>, Problem> {
    tx.fetch_scalar(KNOWN, params![&refund.id, refund.own_id(), &payment.id])
}

/// Takes over every refund of a payment.
pub fn take_over(tx: &Transaction, payment: &Payment, refunds: &[Refund], now: i64) -> Result<(), Problem> {
    let mut unknown = Vec::new();
    // First how those stand that are known: one that has failed makes room.
    for refund in refunds {
        match find_row(tx, payment, refund)? {
            Some(id) => drop(note(tx, &id, refund)?),
            None => unknown.push(refund),
        }
    }
    for refund in unknown {
        // One that we have made is never one that somebody has made by hand.
        let same: Option<String> = match refund.own_id() {
            None if refund.counts() => tx.fetch_scalar(SAME, params![&payment.id, refund.amount, now])?,
            _ => None,
        };
        match same {
            Some(id) => drop(note(tx, &id, refund)?),
            None => insert(tx, payment, refund, now)?,
        }
    }
    Ok(())
}

/// Writes down a refund that Stripe has made for us: in its own row, or as one more when that stands for another by now.
pub fn take_over_answer(tx: &Transaction, payment: &Payment, refund: &Refund, now: i64) -> Result<(), Problem> {
    match find_row(tx, payment, refund)? {
        Some(id) => note(tx, &id, refund).map(drop),
        None => insert(tx, payment, refund, now),
    }
}

/// Writes down one that has no row. What waits here gives way to it.
fn insert(tx: &Transaction, payment: &Payment, refund: &Refund, now: i64) -> Result<(), Problem> {
    if !refund.counts() || refund.amount <= 0 {
        return Ok(());
    }
    let dropped: i64 = make_room(tx, payment, refund.amount, now)?.iter().map(|dropped| dropped.amount).sum();
    tx.run(INSERT, params![host::new_id(now)?, &payment.id, refund.amount, state_of(refund), &refund.id, now])?;
    tx.run(KEEP_LESS, params![&payment.reservation, refund.amount - dropped, now])?;
    Ok(())
}

#[derive(FromRow)]
struct Waiting {
    id: String,
    amount: i64,
    reason: RefundReason,
}

/// What was to be given back and is not to be sent any more.
pub struct Dropped {
    pub amount: i64,
    pub reason: RefundReason,
}

/// How much of a payment, `?`, is left.
pub const LEFT: &str = "select received - refunded - disputed from payment_balances where payment = ?";
const WAITING_OF: &str = formatcp!("select id, amount, reason from refunds where payment = ?1 and {WAITING} order by no desc");
const WAITING_ONE: &str = formatcp!("select id, amount, reason from refunds where id = ?1 and {WAITING}");
const DROP: &str = formatcp!("delete from refunds where id = ?1 and {WAITING}");
/// Before a row is deleted: the audit trail takes who deletes it from `updated_by`.
const SIGN: &str = "update refunds set updated_at = ?2, updated_by = 'stripe' where id = ?1";

fn drop_row(tx: &Transaction, id: &str, now: i64) -> Result<(), Problem> {
    tx.run(SIGN, params![id, now])?;
    tx.run(DROP, params![id])?;
    Ok(())
}

/// Drops one that waits to be sent; none when it does not.
pub fn drop_waiting(tx: &Transaction, id: &str, now: i64) -> Result<Option<Dropped>, Problem> {
    let Some(Waiting { id, amount, reason }) = tx.fetch_optional(WAITING_ONE, params![id])? else { return Ok(None) };
    drop_row(tx, &id, now)?;
    Ok(Some(Dropped { amount, reason }))
}

/// Drops what waits to be sent of a payment, so far as `amount` and it are more than is left. What remains of one is a new one, since Stripe
/// takes no other amount under the same key.
pub fn make_room(tx: &Transaction, payment: &Payment, amount: i64, now: i64) -> Result<Vec<Dropped>, Problem> {
    let left: i64 = tx.fetch_scalar(LEFT, params![&payment.id])?.unwrap_or(0);
    let mut lacking = (amount - left).max(0);
    let mut dropped = Vec::new();
    for waiting in tx.fetch_all::<Waiting>(WAITING_OF, params![&payment.id])? {
        if lacking == 0 {
            break;
        }
        let part = lacking.min(waiting.amount);
        drop_row(tx, &waiting.id, now)?;
        if waiting.amount > part {
            refunds::insert(tx, &payment.id, waiting.amount - part, waiting.reason, "stripe", now)?;
        }
        lacking -= part;
        dropped.push(Dropped { amount: part, reason: waiting.reason });
    }
    Ok(dropped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_what_stripe_was_not_told_of() {
        for statement in [DROP, SAME, WAITING_OF, WAITING_ONE] {
            assert!(statement.contains("state = 'pending' and refund is null"), "{statement}");
        }
    }
}
