//! Disputes as Stripe has them. What a bank has taken back is not there to be given back by the site; it is again when the dispute is won.

use domain::payment::{RefundReason, is_decided, is_withdrawn};
use kit::db::{Database, Executor as _, Fetch as _, Transaction};
use kit::refunds::{self, Held};
use kit::row::FromRow;
use kit::{Problem, params};

use super::refunds::{Dropped, KEEP_LESS, LEFT, drop_waiting, make_room};
use crate::model::Payment;
use crate::stripe::Dispute;

#[derive(FromRow)]
struct Known {
    id: String,
    status: String,
    is_withdrawn: bool,
    deducted: i64,
}

const KNOWN: &str = "select id, status, is_withdrawn, deducted from disputes where id = ?";
const KNOWN_OF: &str = "select id, status, is_withdrawn, deducted from disputes where payment = ? order by no";

const NOTE: &str = "insert into disputes (id, payment, amount, reason, status, is_withdrawn, deducted, evidence_due_by, created_at,
        updated_at, updated_by)
     values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, 'stripe')
     on conflict (id) do update set amount = excluded.amount, reason = excluded.reason, status = excluded.status,
        is_withdrawn = excluded.is_withdrawn, deducted = excluded.deducted, evidence_due_by = excluded.evidence_due_by,
        updated_at = excluded.updated_at, updated_by = excluded.updated_by";

const KEEP_AGAIN: &str = "update reservations set paid = paid + ?2, updated_at = ?3, updated_by = 'stripe' where id = ?1";

/// The ids of a payment's disputes that are not decided, as far as we know.
pub fn undecided(payment: &Payment) -> Result<Vec<String>, Problem> {
    let known: Vec<Known> = Database.fetch_all(KNOWN_OF, params![&payment.id])?;
    Ok(known.into_iter().filter(|known| !is_decided(&known.status)).map(|known| known.id).collect())
}

/// Writes a dispute down. Refunds that wait are held while the bank has the money. True when those are made now that it has given it up.
pub fn take_over(tx: &Transaction, payment: &Payment, dispute: &Dispute, now: i64) -> Result<bool, Problem> {
    if dispute.amount <= 0 {
        return Ok(false);
    }
    let known: Option<Known> = tx.fetch_optional(KNOWN, params![&dispute.id])?;
    if known.as_ref().is_some_and(|known| is_decided(&known.status)) && !is_decided(&dispute.status) {
        // Two events came side by side, and the one that looked first writes last.
        return Ok(false);
    }
    let (was_withdrawn, deducted) = known.map_or((false, 0), |known| (known.is_withdrawn, known.deducted));
    let withdrawn = is_withdrawn(&dispute.status);
    let mut held = Vec::new();
    let deducted = match (was_withdrawn, withdrawn) {
        (false, true) => {
            // What went back of this payment already was taken from the reservation then, and what others paid is not this one's.
            let left: i64 = tx.fetch_scalar(LEFT, params![&payment.id])?.unwrap_or(0);
            held = make_room(tx, payment, dispute.amount, now)?;
            let dropped: i64 = held.iter().map(|dropped| dropped.amount).sum();
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
    tx.run(NOTE, params)?;
    for dropped in held {
        let Dropped { amount, reason } = dropped;
        refunds::hold(tx, &Held { dispute: &dispute.id, payment: &payment.id, amount, reason, is_in_bank: true }, "stripe", now)?;
    }
    if is_decided(&dispute.status) { settle_held(tx, payment, dispute, now) } else { Ok(false) }
}

/// Holds a refund that waits until the dispute of its payment is decided, since Stripe refunds nothing of it meanwhile. False when there is no
/// such dispute.
pub fn hold_waiting(tx: &Transaction, payment: &Payment, refund: &str, now: i64) -> Result<bool, Problem> {
    let known: Vec<Known> = tx.fetch_all(KNOWN_OF, params![&payment.id])?;
    let Some(dispute) = known.iter().rfind(|known| !is_decided(&known.status)) else { return Ok(false) };
    let Some(Dropped { amount, reason }) = drop_waiting(tx, refund, now)? else { return Ok(false) };
    refunds::hold(tx, &Held { dispute: &dispute.id, payment: &payment.id, amount, reason, is_in_bank: false }, "stripe", now)?;
    Ok(true)
}

#[derive(FromRow)]
struct HeldRow {
    no: i64,
    amount: i64,
    reason: RefundReason,
    is_in_bank: bool,
}

const HELD: &str = "select no, amount, reason, is_in_bank from held_refunds where dispute = ? order by no";
const DROP_HELD: &str = "delete from held_refunds where no = ?1";
/// Before a row is deleted: the audit trail takes who deletes it from `updated_by`.
const SIGN_HELD: &str = "update held_refunds set updated_at = ?2, updated_by = 'stripe' where no = ?1";

/// Makes the refunds that a dispute has held, as far as the money is there still; true when there are any. When it is lost, the bank has given back
/// what it had.
fn settle_held(tx: &Transaction, payment: &Payment, dispute: &Dispute, now: i64) -> Result<bool, Problem> {
    let mut makes_refunds = false;
    for held in tx.fetch_all::<HeldRow>(HELD, params![&dispute.id])? {
        tx.run(SIGN_HELD, params![held.no, now])?;
        tx.run(DROP_HELD, params![held.no])?;
        if held.is_in_bank && is_withdrawn(&dispute.status) {
            continue;
        }
        let left: i64 = tx.fetch_scalar(LEFT, params![&payment.id])?.unwrap_or(0);
        let amount = held.amount.min(left);
        if amount > 0 {
            refunds::insert(tx, &payment.id, amount, held.reason, "stripe", now)?;
            makes_refunds = true;
        }
    }
    Ok(makes_refunds)
}
