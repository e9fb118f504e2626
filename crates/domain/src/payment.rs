//! Payments and refunds: their states (docs/reference/payments.md).

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use crate::reservation;

/// The state of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[derive(EnumString, IntoStaticStr, VariantArray, strum::VariantNames, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum PaymentState {
    /// It is written down; Stripe has no intent of it yet: it has not answered, or nobody has paid on the checkout page.
    Creating,
    /// Stripe has an intent that waits for the payer.
    Open,
    /// Stripe waits for the bank.
    Processing,
    /// The money has come in.
    Succeeded,
    /// Its intent was cancelled.
    Cancelled,
    /// Stripe will not take it, or nobody has paid before its checkout page was closed.
    Failed,
}

impl PaymentState {
    /// The states that may still lead to money.
    pub const UNDERWAY: [Self; 3] = [Self::Creating, Self::Open, Self::Processing];
}

/// The state of a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[derive(EnumString, IntoStaticStr, VariantArray, strum::VariantNames, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum RefundState {
    /// It waits to be sent to Stripe.
    Pending,
    /// Stripe has it.
    Submitted,
    /// The money has gone back.
    Succeeded,
    /// The money has not gone back, and will not by itself.
    Failed,
}

impl RefundState {
    /// The states in which Stripe is asked again.
    pub const UNDERWAY: [Self; 2] = [Self::Pending, Self::Submitted];
}

/// Why money goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[derive(EnumString, IntoStaticStr, VariantArray, strum::VariantNames, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum RefundReason {
    /// The reservation was cancelled.
    Cancelled,
    /// The reservation costs less than before.
    Changed,
    /// The payment came after the reservation had expired and its spot was no longer free.
    Late,
    /// The payment was not needed: another one was there, or the price had changed.
    Duplicate,
    /// Staff gave it back.
    Operator,
}

impl RefundReason {
    /// Why a payment is given back that its reservation did not take: the reservation was cancelled, has lapsed, or is paid already or was
    /// changed. `due_by` is until when it was to be paid, if anything is due.
    pub fn of_useless(reservation: reservation::Status, due_by: Option<i64>, now: i64) -> Self {
        match reservation {
            reservation::Status::Cancelled => Self::Cancelled,
            reservation::Status::Expired => Self::Late,
            reservation::Status::PendingPayment if due_by.is_some_and(|due_by| due_by <= now) => Self::Late,
            _ => Self::Duplicate,
        }
    }
}

/// Who made a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[derive(EnumString, IntoStaticStr, VariantArray, strum::VariantNames, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum RefundSource {
    /// It was made here, and sent to Stripe.
    Gatehouse,
    /// It was made at Stripe, and taken over.
    Stripe,
}

/// Whether the bank has taken the amount of a dispute back from the site, by its status in Stripe's words. It has not while it only inquires
/// (`warning_…`), and has given it back when the dispute is won.
pub fn is_withdrawn(dispute_status: &str) -> bool {
    matches!(dispute_status, "needs_response" | "under_review" | "lost")
}

/// Whether a dispute is over, by its status in Stripe's words.
pub fn is_decided(dispute_status: &str) -> bool {
    matches!(dispute_status, "won" | "lost" | "prevented" | "warning_closed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_they_are_written() {
        assert!(PaymentState::VARIANTS.iter().all(|state| state.into_str().parse() == Ok(*state)));
        assert!(RefundState::VARIANTS.iter().all(|state| state.into_str().parse() == Ok(*state)));
        assert!(RefundSource::VARIANTS.iter().all(|source| source.into_str().parse() == Ok(*source)));
        assert!(RefundReason::VARIANTS.iter().all(|reason| reason.into_str().parse() == Ok(*reason)));
    }

    #[test]
    fn a_payment_goes_back_for_what_became_of_its_reservation() {
        use reservation::Status::{Cancelled, Confirmed, Expired, PendingPayment};
        for (status, due_by, reason) in [
            (Cancelled, None, RefundReason::Cancelled),
            (Expired, Some(10), RefundReason::Late),
            (PendingPayment, Some(9), RefundReason::Late),
            (PendingPayment, Some(10), RefundReason::Late),
            (PendingPayment, Some(11), RefundReason::Duplicate),
            (PendingPayment, None, RefundReason::Duplicate),
            (Confirmed, Some(9), RefundReason::Duplicate),
        ] {
            assert_eq!(RefundReason::of_useless(status, due_by, 10), reason, "{status:?} {due_by:?}");
        }
    }

    #[test]
    fn a_dispute_takes_money_until_it_is_won() {
        let words = [
            "needs_response",
            "under_review",
            "lost",
            "won",
            "prevented",
            "warning_needs_response",
            "warning_under_review",
            "warning_closed",
        ];
        assert_eq!(words.map(is_withdrawn), [true, true, true, false, false, false, false, false]);
        assert_eq!(words.map(is_decided), [false, false, true, true, true, false, false, true]);
    }
}
