//! Giving money back for a reservation. The component of payments sends it to Stripe.

use const_format::formatcp;
use domain::payment::{PaymentState, RefundReason, is_decided};
use domain::refund::{RefundRule, Split, split};
use domain::tariff::Tariff;
use kit::db::{Executor, Fetch as _};
use kit::refunds::{self, Held};
use kit::row::FromRow;
use kit::{Problem, params};

use crate::model::Reservation;

/// The route that makes the component of payments do what waits there; see [`kit::outbox::wake`].
pub const PAYMENTS: &str = "/internal/tick/payments";

/// What was paid for a reservation, minor units: what the site has, and what banks have taken back of it.
pub struct Funds {
    paid: i64,
    /// What was decided comes first.
    disputes: Vec<Disputed>,
}

/// What a bank has taken back of a payment.
#[derive(FromRow)]
struct Disputed {
    dispute: String,
    payment: String,
    /// In Stripe's words.
    status: String,
    deducted: i64,
}

/// A payment of the reservation that has brought in money, and how much of that is left.
#[derive(FromRow)]
struct Balance {
    payment: String,
    left: i64,
}

const DISPUTED: &str = "select dispute, payment, status, deducted from reservation_disputes where reservation = ? order by no";

const BALANCES: &str = formatcp!(
    "select payment, received - refunded - disputed as left from payment_balances where reservation = ? and +state = '{}' order by no desc",
    PaymentState::Succeeded.into_str()
);

const DEDUCT_LESS: &str = "update disputes set deducted = deducted - ?2 where id = ?1";

impl Funds {
    /// Those of a reservation.
    pub fn of(db: &dyn Executor, reservation: &Reservation) -> Result<Self, Problem> {
        let mut disputes: Vec<Disputed> = db.fetch_all(DISPUTED, params![&reservation.id])?;
        disputes.sort_by_key(|disputed| !is_decided(&disputed.status));
        Ok(Self { paid: reservation.paid, disputes })
    }

    /// All that was paid and not given back by the site.
    pub fn total(&self) -> i64 {
        self.paid + self.disputed()
    }

    fn disputed(&self) -> i64 {
        self.disputes.iter().map(|disputed| disputed.deducted).sum()
    }

    /// Whether a bank has some of it, and may have to give it up.
    pub fn is_undecided(&self) -> bool {
        self.disputes.iter().any(|disputed| disputed.deducted > 0 && !is_decided(&disputed.status))
    }

    /// What the rule of a site gives back when its driver cancels now.
    pub fn refundable(&self, reservation: &Reservation, rule: &RefundRule, now: i64) -> i64 {
        self.cap(reservation, rule.refund(self.total(), &reservation.currency, reservation.starts_at, now))
    }

    /// So much of a refund to its driver as no earlier site has kept.
    pub fn cap(&self, reservation: &Reservation, refund: i64) -> i64 {
        refund.min(self.total() - reservation.kept).max(0)
    }

    /// What of `refund` goes back at once.
    pub fn split(&self, refund: i64) -> Split {
        split(refund, self.disputed())
    }

    /// Writes the refunds: what goes back at once from its newest payment on; of the rest, what a bank has and may have to give up is held until
    /// then.
    pub fn give_back(
        &self,
        db: &dyn Executor,
        reservation: &Reservation,
        refund: Split,
        reason: RefundReason,
        by: &str,
        now: i64,
    ) -> Result<(), Problem> {
        let mut rest = refund.from_bank;
        for Disputed { dispute, payment, status, deducted } in &self.disputes {
            let part = rest.min(*deducted);
            rest -= part;
            if part > 0 && !is_decided(status) {
                refunds::hold(db, &Held { dispute, payment, amount: part, reason, is_in_bank: true }, by, now)?;
                db.run(DEDUCT_LESS, params![dispute, part])?;
            }
        }
        let mut rest = refund.at_once;
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
}

/// The refund rule of the site where a reservation is.
pub fn rule(db: &dyn Executor, reservation: &Reservation) -> Result<RefundRule, Problem> {
    let tariff: Option<String> = db.fetch_scalar("select tariff from site_tariffs where site = ?", params![&reservation.site])?;
    let tariff: Tariff = tariff.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    Ok(tariff.refund)
}
