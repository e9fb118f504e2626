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
