//! What was done at Stripe and not here, taken over: refunds that its dashboard or another program has made, and disputes. Each is written down
//! as Stripe has it, so that no money is promised or asked for twice.

use const_format::formatcp;
use domain::payment::{RefundReason, RefundSource, RefundState, is_decided, is_withdrawn};
use kit::db::{Executor as _, Fetch as _, Transaction};
use kit::row::FromRow;
use kit::{Problem, host, params, refunds};

use crate::model::Payment;
use crate::refund::{note, state_of};
use crate::stripe::{Dispute, Failure, Refund, Stripe};

/// What Stripe has of an intent.
pub struct Found {
    /// Every refund.
    pub refunds: Vec<Refund>,
    /// Disputes.
    pub disputes: Vec<Dispute>,
}

/// Asks Stripe for everything that has become of an intent's money.
pub async fn find(stripe: &Stripe, intent: &str) -> Result<Found, Failure> {
    Ok(Found { refunds: stripe.refunds(intent).await?, disputes: stripe.disputes(intent).await? })
}

impl Found {
    /// Writes it down.
    pub fn take_over(&self, tx: &Transaction, payment: &Payment, now: i64) -> Result<(), Problem> {
        take_over_refunds(tx, payment, &self.refunds, now)?;
        self.disputes.iter().try_for_each(|dispute| take_over_dispute(tx, payment, dispute, now))
    }
}

/// One of ours that Stripe was not told of yet, as far as we know.
const WAITING: &str = formatcp!("state = '{}' and refund is null", RefundState::Pending.into_str());

/// The row of a refund of Stripe's, `?1`: of its id, or of ours, `?2`, when the answer to it was lost.
const KNOWN: &str = "select id from refunds where refund = ?1 or (id = ?2 and payment = ?3 and refund is null) limit 1";

/// One of as much that waits to be sent: staff has done by hand what we could not yet.
const SAME: &str = formatcp!("select id from refunds where payment = ?1 and amount = ?2 and {WAITING} order by no limit 1");

const INSERT: &str = formatcp!(
    "insert into refunds (id, payment, amount, reason, source, state, refund, next_attempt_at, created_at, updated_at, updated_by)
     values (?1, ?2, ?3, '{}', '{}', ?4, ?5, ?6, ?6, ?6, 'stripe')",
    RefundReason::Operator.into_str(),
    RefundSource::Stripe.into_str()
);

const KEEP_LESS: &str = "update reservations set paid = max(0, paid - ?2), updated_at = ?3, updated_by = 'stripe' where id = ?1";

fn take_over_refunds(tx: &Transaction, payment: &Payment, refunds: &[Refund], now: i64) -> Result<(), Problem> {
    let mut unknown = Vec::new();
    // First how those stand that are known: one that has failed makes room.
    for refund in refunds {
        let known: Option<String> = tx.fetch_scalar(KNOWN, params![&refund.id, refund.own_id(), &payment.id])?;
        match known {
            Some(id) => note(tx, &id, refund)?,
            None if refund.counts() && refund.amount > 0 => unknown.push(refund),
            None => {}
        }
    }
    for refund in unknown {
        let same: Option<String> = tx.fetch_scalar(SAME, params![&payment.id, refund.amount])?;
        if let Some(id) = same {
            note(tx, &id, refund)?;
            continue;
        }
        let dropped = make_room(tx, payment, refund.amount, now)?;
        let state = state_of(refund);
        tx.run(INSERT, params![host::new_id(now)?, &payment.id, refund.amount, state, &refund.id, now])?;
        tx.run(KEEP_LESS, params![&payment.reservation, refund.amount - dropped, now])?;
    }
    Ok(())
}

#[derive(FromRow)]
struct Waiting {
    id: String,
    amount: i64,
    reason: RefundReason,
}

const LEFT: &str = "select received - refunded - disputed from payment_balances where payment = ?";
const WAITING_OF: &str = formatcp!("select id, amount, reason from refunds where payment = ?1 and {WAITING} order by no desc");
const DROP: &str = formatcp!("delete from refunds where id = ?1 and {WAITING}");
/// Who deletes a row is who changed it last.
const SIGN: &str = "update refunds set updated_at = ?2, updated_by = 'stripe' where id = ?1";
/// Drops what waits to be sent of a payment, so far as `amount` and it are more than is left. What remains of one is a new one, since Stripe
/// takes no other amount under the same key. How much was dropped.
fn make_room(tx: &Transaction, payment: &Payment, amount: i64, now: i64) -> Result<i64, Problem> {
    let left: i64 = tx.fetch_scalar(LEFT, params![&payment.id])?.unwrap_or(0);
    let mut lacking = (amount - left).max(0);
    let mut dropped = 0;
    for waiting in tx.fetch_all::<Waiting>(WAITING_OF, params![&payment.id])? {
        if lacking == 0 {
            break;
        }
        let part = lacking.min(waiting.amount);
        tx.run(SIGN, params![&waiting.id, now])?;
        tx.run(DROP, params![&waiting.id])?;
        if waiting.amount > part {
            refunds::insert(tx, &payment.id, waiting.amount - part, waiting.reason, "stripe", now)?;
        }
        lacking -= part;
        dropped += part;
    }
    Ok(dropped)
}

#[derive(FromRow)]
struct KnownDispute {
    status: String,
    is_withdrawn: bool,
    deducted: i64,
}

const KNOWN_DISPUTE: &str = "select status, is_withdrawn, deducted from disputes where id = ?";

const NOTE_DISPUTE: &str = "insert into disputes (id, payment, amount, reason, status, is_withdrawn, deducted, evidence_due_by, created_at,
        updated_at, updated_by)
     values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, 'stripe')
     on conflict (id) do update set amount = excluded.amount, reason = excluded.reason, status = excluded.status,
        is_withdrawn = excluded.is_withdrawn, deducted = excluded.deducted, evidence_due_by = excluded.evidence_due_by,
        updated_at = excluded.updated_at, updated_by = excluded.updated_by";

const KEEP_AGAIN: &str = "update reservations set paid = paid + ?2, updated_at = ?3, updated_by = 'stripe' where id = ?1";

/// Writes a dispute down. What the bank has taken back is not there to be given back; when the dispute is won it is again.
fn take_over_dispute(tx: &Transaction, payment: &Payment, dispute: &Dispute, now: i64) -> Result<(), Problem> {
    if dispute.amount <= 0 {
        return Ok(());
    }
    let known: Option<KnownDispute> = tx.fetch_optional(KNOWN_DISPUTE, params![&dispute.id])?;
    if known.as_ref().is_some_and(|known| is_decided(&known.status)) && !is_decided(&dispute.status) {
        // Two events came side by side, and the one that looked first writes last.
        return Ok(());
    }
    let (was_withdrawn, deducted) = known.map_or((false, 0), |known| (known.is_withdrawn, known.deducted));
    let withdrawn = is_withdrawn(&dispute.status);
    let deducted = match (was_withdrawn, withdrawn) {
        (false, true) => {
            // What went back of this payment already was taken from the reservation then, and what others paid is not this one's.
            let left: i64 = tx.fetch_scalar(LEFT, params![&payment.id])?.unwrap_or(0);
            let dropped = make_room(tx, payment, dispute.amount, now)?;
            let paid: i64 = tx.fetch_scalar("select paid from reservations where id = ?", params![&payment.reservation])?.unwrap_or(0);
            let deducted = (dispute.amount - dropped).min(paid).min(left).max(0);
            tx.run(KEEP_LESS, params![&payment.reservation, deducted, now])?;
            deducted
        }
        (true, false) => {
            tx.run(KEEP_AGAIN, params![&payment.reservation, deducted, now])?;
            0
        }
        _ => deducted,
    };
    let params = params![
        &dispute.id,
        &payment.id,
        dispute.amount,
        &dispute.reason,
        &dispute.status,
        withdrawn,
        deducted,
        dispute.evidence_due_by(),
        now
    ];
    tx.run(NOTE_DISPUTE, params)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_what_stripe_was_not_told_of() {
        for statement in [DROP, SAME, WAITING_OF] {
            assert!(statement.contains("state = 'pending' and refund is null"), "{statement}");
        }
    }
}
