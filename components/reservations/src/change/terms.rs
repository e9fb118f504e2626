//! The stay that a reservation is to become, and what becomes of its money.

use domain::currency;
use domain::refund::RefundRule;
use domain::reservation::{Actor, HOLD_MS, Status};
use kit::Problem;
use kit::input::At;
use kit::problem::FieldErrors;

use crate::model::Reservation;
use crate::pricing::Priced;
use crate::refunds::Funds;
use crate::request::{check_length, check_start};

/// The stay that it is to become.
pub struct New<'a> {
    pub is_same_spot: bool,
    pub start: i64,
    pub end: i64,
    pub priced: &'a Priced,
}

/// What becomes of the money, minor units.
pub struct Money {
    pub price: i64,
    pub status: Status,
    /// Of a longer stay, which is kept meanwhile: until when the difference is to be paid.
    pub due_until: Option<i64>,
    /// Whether it stays what it is until the difference is paid.
    pub waits: bool,
    pub refund: i64,
    /// What its driver does not get back any more.
    pub kept: i64,
}

impl New<'_> {
    /// Refuses a stay that is not offered, as far as it is new.
    pub fn check(&self, old: &Reservation, now: i64) -> Result<(), Problem> {
        let &Self { start, end, is_same_spot, .. } = self;
        let mut errors = FieldErrors::new();
        let mut at = At::top(&mut errors, now, false);
        if old.status == Status::Arrived {
            at.check_field(is_same_spot, "spot_id", "cannot be changed once the driver is there");
            at.check_field(start == old.starts_at, "start", "cannot be changed once the driver is there");
        }
        let is_same_currency = self.priced.currency() == old.currency;
        at.check_field(is_same_currency, "spot_id", "is paid in another currency: cancel, and reserve anew");
        at.check_field(end > now || end == old.ends_at, "end", "is past");
        // A start that stays was good when the reservation was made.
        if start != old.starts_at {
            check_start(start, &mut at);
        }
        check_length(start, end, &mut at);
        if errors.is_empty() { Ok(()) } else { Err(Problem::invalid(errors)) }
    }

    /// What becomes of the money, by the rule of the site where it was paid.
    pub fn money(&self, old: &Reservation, funds: &Funds, rule: &RefundRule, actor: Actor, now: i64) -> Result<Money, Problem> {
        let price = self.priced.price(self.start, self.end)?;
        let settled = Money { price, status: old.status, due_until: None, waits: false, refund: 0, kept: old.kept };
        if old.status == Status::PendingPayment {
            let status = if price > 0 { Status::PendingPayment } else { Status::Confirmed };
            return Ok(Money { status, ..settled });
        }
        // Else who may not have it all back any more would move it far ahead, and cancel then.
        if actor == Actor::Owner && self.start != old.starts_at && rule.percent(old.starts_at, now) < 100 {
            return Err(Problem::conflict("it is too close to its start to be moved").because("too_late"));
        }
        // Or to a site with another rule, and cancel there.
        let is_moved_away = actor == Actor::Owner && self.priced.site != old.site;
        let kept = if is_moved_away { funds.total() - funds.refundable(old, rule, now) } else { old.kept };
        let settled = Money { kept, ..settled };
        // What staff gave back of it is not asked for again, unless the new terms are dearer.
        if price > old.paid && price > old.price {
            if funds.is_undecided() {
                let detail = "a bank has yet to decide a dispute about what was paid: until then it can be changed to nothing dearer";
                return Err(Problem::conflict(detail).because("disputed"));
            }
            // Less than can be charged is not asked for by itself: it counts with the next change.
            if price - old.paid < currency::least_charge(&old.currency) {
                return Ok(settled);
            }
            let is_longer = self.start == old.starts_at && self.end > old.ends_at && self.is_same_spot;
            return Ok(if is_longer { Money { due_until: Some(now + HOLD_MS), ..settled } } else { Money { waits: true, ..settled } });
        }
        let less = (funds.total() - price).min(old.price - price).max(0);
        // What staff changes is not the driver's doing.
        let refund = if actor == Actor::Operator { less } else { funds.cap(old, rule.refund(less, &old.currency, old.starts_at, now)) };
        Ok(Money { refund, ..settled })
    }
}
