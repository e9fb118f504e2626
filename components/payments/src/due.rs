//! What is due of a reservation.

use domain::reservation::Status;
use kit::caller::Principal;
use kit::db::{Database, Executor, Fetch as _};
use kit::row::FromRow;
use kit::{Problem, params};

use crate::model::Payment;

/// What the view `reservation_dues` tells of a reservation.
#[derive(FromRow)]
struct StoredDue {
    user_id: String,
    status: Status,
    amount: i64,
    currency: String,
    due_by: Option<i64>,
}

/// What is due of a reservation, and until when.
pub struct Due {
    pub amount: i64,
    pub currency: String,
    pub until: i64,
}

impl StoredDue {
    /// 409 with a `reason` when nothing is due.
    fn into_due(self, now: i64) -> Result<Due, Problem> {
        let refused = |detail: &str, reason| Err(Problem::conflict(detail).because(reason));
        match (self.status, self.due_by) {
            (Status::Confirmed | Status::Arrived, None) | (Status::Overstayed | Status::Completed, _) => {
                refused("the reservation is paid already", "paid")
            }
            (Status::Expired, _) => refused("the reservation has lapsed: make another", "lapsed"),
            (Status::Cancelled | Status::NoShow, _) => refused("the reservation is not to be paid any more", "not_possible"),
            (Status::PendingPayment | Status::Confirmed | Status::Arrived, Some(until)) if until > now => {
                Ok(Due { amount: self.amount, currency: self.currency, until })
            }
            (Status::PendingPayment | Status::Confirmed | Status::Arrived, _) => {
                refused("it was not paid in time: it has lapsed", "lapsed")
            }
        }
    }
}

/// What is due of the caller's reservation; 404 for somebody else's.
pub fn find_due(db: &dyn Executor, caller: &Principal, reservation: &str, now: i64) -> Result<Due, Problem> {
    let due: Option<StoredDue> = db.fetch_optional(
        "select user_id, status, amount, currency, due_by from reservation_dues where reservation = ?",
        params![reservation],
    )?;
    let due = due.filter(|due| due.user_id == caller.id).ok_or_else(|| Problem::not_found("reservation"))?;
    due.into_due(now)
}

/// 409 unless this payment is still what its reservation waits for.
pub fn require_wanted(caller: &Principal, payment: &Payment, now: i64) -> Result<(), Problem> {
    if find_due(&Database, caller, &payment.reservation, now)?.amount == payment.amount {
        return Ok(());
    }
    Err(Problem::conflict("the reservation was changed and costs something else now: make another intent").because("changed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_follows_the_reservation() {
        let due = |status, due_by| {
            let stored = StoredDue { user_id: String::new(), status, amount: 100, currency: "INR".to_owned(), due_by };
            stored.into_due(10).map(|due| due.until).map_err(|problem| problem.detail().to_owned())
        };
        assert_eq!(due(Status::PendingPayment, Some(11)), Ok(11));
        assert_eq!(due(Status::Arrived, Some(11)), Ok(11));
        for (status, due_by, detail) in [
            (Status::PendingPayment, Some(10), "not paid in time"),
            (Status::Confirmed, None, "paid already"),
            (Status::Overstayed, Some(11), "paid already"),
            (Status::Expired, None, "make another"),
            (Status::NoShow, None, "not to be paid"),
        ] {
            assert!(due(status, due_by).unwrap_err().contains(detail), "{status:?}");
        }
    }
}
