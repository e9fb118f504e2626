//! Money that goes back. The row is written in the transaction of its cause; the component of payments sends it to Stripe.

use domain::payment::RefundReason;

use crate::db::Executor;
use crate::{Problem, host, params};

/// Writes a refund of `amount`, minor units, that is due at once. The schema refuses more than is left of the payment.
pub fn insert(db: &dyn Executor, payment: &str, amount: i64, reason: RefundReason, by: &str, now: i64) -> Result<(), Problem> {
    db.run(
        "insert into refunds (id, payment, amount, reason, next_attempt_at, created_at, updated_at, updated_by)
         values (?1, ?2, ?3, ?4, ?5, ?5, ?5, ?6)",
        params![host::new_id(now)?, payment, amount, reason, now, by],
    )?;
    Ok(())
}

/// A refund that cannot be made while a dispute is undecided.
pub struct Held<'a> {
    /// Stripe's id of the dispute.
    pub dispute: &'a str,
    /// The payment's id.
    pub payment: &'a str,
    /// Minor units.
    pub amount: i64,
    /// Why it is given back.
    pub reason: RefundReason,
    /// Whether the bank has this money: then nothing is left to give back if the dispute is lost.
    pub is_in_bank: bool,
}

/// Writes it down.
pub fn hold(db: &dyn Executor, held: &Held<'_>, by: &str, now: i64) -> Result<(), Problem> {
    let &Held { dispute, payment, amount, reason, is_in_bank } = held;
    db.run(
        "insert into held_refunds (dispute, payment, amount, reason, is_in_bank, created_at, updated_at, updated_by)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7)",
        params![dispute, payment, amount, reason, is_in_bank, now, by],
    )?;
    Ok(())
}
