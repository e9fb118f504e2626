//! Giving money back for a reservation. The component of payments sends it to Stripe.

use const_format::formatcp;
use domain::payment::{PaymentState, RefundReason};
use domain::tariff::Tariff;
use kit::db::{Executor, Fetch as _};
use kit::row::FromRow;
use kit::{Problem, params, refunds};

use crate::model::Reservation;

/// The route that makes the component of payments do what waits there; see [`kit::outbox::wake`].
pub const PAYMENTS: &str = "/internal/tick/payments";

/// A payment of the reservation that has brought in money, and how much of that is left.
#[derive(FromRow)]
struct Balance {
    payment: String,
    left: i64,
}

const BALANCES: &str = formatcp!(
    "select payment, received - refunded - disputed as left from payment_balances where reservation = ? and +state = '{}' order by no desc",
    PaymentState::Succeeded.into_str()
);

/// Writes refunds for so much of what was paid for it, from its newest payment on.
pub fn give_back(
    db: &dyn Executor,
    reservation: &Reservation,
    amount: i64,
    reason: RefundReason,
    by: &str,
    now: i64,
) -> Result<(), Problem> {
    let mut rest = amount;
    if rest <= 0 {
        return Ok(());
    }
    for Balance { payment, left } in db.fetch_all(BALANCES, params![&reservation.id])? {
        let part = left.min(rest);
        if part > 0 {
            refunds::insert(db, &payment, part, reason, by, now)?;
            rest -= part;
        }
    }
    if rest == 0 { Ok(()) } else { Err(Problem::internal("more was paid for a reservation than its payments brought in")) }
}

/// What the site's rule gives back when its driver cancels it, minor units.
pub fn refundable(db: &dyn Executor, reservation: &Reservation, now: i64) -> Result<i64, Problem> {
    let tariff: Option<String> = db.fetch_scalar("select tariff from site_tariffs where site = ?", params![&reservation.site])?;
    let tariff: Tariff = tariff.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    Ok(tariff.refund.refund(reservation.paid, &reservation.currency, reservation.starts_at, now))
}
