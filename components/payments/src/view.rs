//! Payments and refunds as the routes show them. Money is minor units of `currency`.

use const_format::concatcp;
use domain::payment::{PaymentState, RefundReason, RefundSource, RefundState};
use kit::db::{Executor, Fetch as _};
use kit::input::Timestamp;
use kit::row::FromRow;
use kit::{Problem, params};
use serde::Serialize;
use utoipa::ToSchema;

/// A payment.
#[derive(Serialize, FromRow, ToSchema)]
#[schema(as = Payment)]
pub struct PaymentView {
    #[serde(skip)]
    pub no: i64,
    /// The payment's id.
    id: String,
    /// The id of the user who pays.
    pub user_id: String,
    /// The id of the reservation that is paid for.
    #[row(column = "reservation")]
    reservation_id: String,
    /// Stripe's id of it; null until Stripe has answered, or somebody pays on its checkout page.
    #[row(column = "intent")]
    payment_intent_id: Option<String>,
    /// Stripe's id of the session of its checkout page; null where there is none.
    #[row(column = "session")]
    checkout_session_id: Option<String>,
    /// What is paid, minor units of `currency`.
    amount: i64,
    /// ISO 4217.
    currency: String,
    /// How far it is.
    state: PaymentState,
    /// The intent's status in Stripe's words.
    stripe_status: Option<String>,
    /// What it has brought in.
    received: i64,
    /// What of that goes back or has gone; a refund that failed does not count.
    refunded: i64,
    /// What of it the bank has taken back, since the card's holder disputes it.
    disputed: i64,
    /// Why the last attempt failed; null when none has.
    last_error: Option<String>,
    /// When it was paid; null until then.
    succeeded_at: Option<Timestamp>,
    /// When it was made.
    created_at: Timestamp,
    /// When it last changed.
    updated_at: Timestamp,
}

/// To be followed by a condition on `payments p`.
pub const SELECT: &str =
    "select p.no, p.id, p.user_id, p.reservation, p.intent, p.session, p.amount, p.currency, p.state, p.stripe_status, p.received,
        b.refunded, b.disputed, p.last_error, p.succeeded_at, p.created_at, p.updated_at
     from payments p join payment_balances b on b.no = p.no";

/// A refund.
#[derive(Serialize, FromRow, ToSchema)]
#[schema(as = Refund)]
pub struct RefundView {
    /// The refund's id.
    id: String,
    /// What is given back, minor units of the payment's currency.
    amount: i64,
    /// Why it is given back.
    reason: RefundReason,
    /// Whether it was made here, or at Stripe.
    source: RefundSource,
    /// How far it is.
    state: RefundState,
    /// Why the last attempt failed; null when none has.
    last_error: Option<String>,
    /// When it was made.
    created_at: Timestamp,
    /// When it last changed.
    updated_at: Timestamp,
}

/// A dispute, as Stripe has it.
#[derive(Serialize, FromRow, ToSchema)]
#[schema(as = Dispute)]
pub struct DisputeView {
    /// Stripe's id of it.
    id: String,
    /// What is disputed, minor units of the payment's currency.
    amount: i64,
    /// In Stripe's words, such as `fraudulent`.
    reason: String,
    /// In Stripe's words: `needs_response`, `under_review`, `won`, `lost`, or `warning_…` while the bank only inquires.
    status: String,
    /// Whether the bank has taken the amount back.
    is_withdrawn: bool,
    /// Until when the site may answer, at Stripe.
    evidence_due_by: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// A refund that cannot be made while a dispute is undecided.
#[derive(Serialize, FromRow, ToSchema)]
#[schema(as = HeldRefund)]
pub struct HeldRefundView {
    /// Stripe's id of the dispute.
    #[row(column = "dispute")]
    dispute_id: String,
    /// What is to be given back, minor units of the payment's currency.
    amount: i64,
    /// Why it is to be given back.
    reason: RefundReason,
    /// Whether the bank has this money: then it is given back if the dispute is won, and was by the bank if it is lost.
    is_in_bank: bool,
    /// Since when it is held.
    created_at: Timestamp,
}

/// A payment with its refunds and disputes.
#[derive(Serialize, ToSchema)]
pub struct PaymentDetail {
    #[serde(flatten)]
    pub payment: PaymentView,
    /// What was given back of it, or is to be.
    refunds: Vec<RefundView>,
    /// What is to be given back of it once a dispute is decided.
    held_refunds: Vec<HeldRefundView>,
    /// What its card's holder disputes of it.
    disputes: Vec<DisputeView>,
}

impl PaymentDetail {
    /// The one of this id; 404 when there is none.
    pub fn find(db: &dyn Executor, id: &str) -> Result<Self, Problem> {
        let payment = db.fetch_optional(concatcp!(SELECT, " where p.id = ?"), params![id])?;
        let refunds =
            "select id, amount, reason, source, state, last_error, created_at, updated_at from refunds where payment = ? order by no";
        let disputes =
            "select id, amount, reason, status, is_withdrawn, evidence_due_by, created_at, updated_at from disputes where payment = ?
            order by no";
        let held_refunds = "select dispute, amount, reason, is_in_bank, created_at from held_refunds where payment = ? order by no";
        Ok(Self {
            payment: payment.ok_or_else(not_found)?,
            refunds: db.fetch_all(refunds, params![id])?,
            held_refunds: db.fetch_all(held_refunds, params![id])?,
            disputes: db.fetch_all(disputes, params![id])?,
        })
    }
}

/// 404.
pub fn not_found() -> Problem {
    Problem::not_found("payment")
}
