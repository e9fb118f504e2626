//! What was done at Stripe and not here, taken over: refunds that its dashboard or another program has made, and disputes. Each is written down
//! as Stripe has it, so that no money is promised or asked for twice.

use domain::payment::is_withdrawn;
use kit::Problem;
use kit::db::Transaction;

use crate::model::Payment;
use crate::stripe::{Dispute, Failure, Refund, Stripe};

pub mod disputes;
pub mod refunds;

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
    /// Writes it down. True when that makes refunds that are to be sent.
    ///
    /// What a bank has given up comes first, then what has gone back, then what a bank has taken: each counts with what was there before it.
    pub fn take_over(&self, tx: &Transaction, payment: &Payment, now: i64) -> Result<bool, Problem> {
        let (withdrawn, given_up): (Vec<_>, Vec<_>) = self.disputes.iter().partition(|dispute| is_withdrawn(&dispute.status));
        let mut makes_refunds = false;
        for dispute in given_up {
            makes_refunds |= disputes::take_over(tx, payment, dispute, now)?;
        }
        refunds::take_over(tx, payment, &self.refunds, now)?;
        for dispute in withdrawn {
            disputes::take_over(tx, payment, dispute, now)?;
        }
        Ok(makes_refunds)
    }
}
