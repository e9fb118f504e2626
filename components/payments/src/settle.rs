//! What Stripe says of an intent, taken over: the one place where a payment moves a reservation.
//!
//! It may be called at any time, any number of times, in any order: what has succeeded or was cancelled stays so, and each step is a
//! condition of its own statement.

use kit::db::{Row, Transaction};
use kit::{Problem, db, host, params, spot_is_free, spot_is_usable};

use crate::stripe::Intent;

/// A payment as the other modules need it.
#[derive(Clone, Debug)]
pub struct Payment {
    pub id: String,
    pub reservation: String,
    pub user_id: String,
    pub amount: i64,
    pub currency: String,
    pub intent: Option<String>,
}

/// What [`Payment::of`] reads, to be followed by a condition on `payments p`.
macro_rules! select {
    () => {
        "select p.id, p.reservation, p.user_id, p.amount, p.currency, p.intent from payments p"
    };
}

pub(crate) use select;

impl Payment {
    /// From a row of [`select`].
    pub fn of(row: &Row) -> Result<Self, Problem> {
        let text = |index: usize| row.text(index).map(str::to_owned);
        Ok(Self {
            id: text(0)?,
            reservation: text(1)?,
            user_id: text(2)?,
            amount: row.int(3)?,
            currency: text(4)?,
            intent: row.opt_text(5)?.map(str::to_owned),
        })
    }

    /// By its id.
    pub fn find(id: &str) -> Result<Option<Self>, Problem> {
        db::run(concat!(select!(), " where p.id = ?"), params![id])?.first().map(Self::of).transpose()
    }

    /// The one of this intent: by Stripe's id of it, or, when we died before that was written down, by what the intent says of itself.
    pub fn of_intent(intent: &Intent) -> Result<Option<Self>, Problem> {
        let rows = db::run(concat!(select!(), " where p.intent = ?"), params![&intent.id])?;
        match rows.first() {
            Some(row) => Self::of(row).map(Some),
            None => {
                let ours = intent.metadata.get("payment_id");
                let named = ours.map(|id| Self::find(id)).transpose()?.flatten();
                Ok(named.filter(|payment| payment.intent.is_none()))
            }
        }
    }
}

/// The reservation takes the payment: within its hold; or later, while its spot is still free for it; or as the rest for a longer stay.
/// `?1` is its id, `?2` what was received, `?3` now, `?4` the currency. From which states: `Event::Pay` in `domain::reservation`.
const TAKE: &str = concat!(
    "update reservations set status = iif(status in ('pending_payment', 'expired'), 'confirmed', status), paid = paid + ?2,
        hold_expires_at = null, due_until = null, paid_ends_at = null, paid_price = null, ended_at = null,
        announced = starts_at <= ?3, updated_at = ?3, updated_by = 'payment'
     where id = ?1 and price - paid = ?2 and currency = ?4 and (
        (status = 'pending_payment' and hold_expires_at > ?3)
        or (status in ('confirmed', 'arrived') and due_until > ?3)
        or (status in ('pending_payment', 'expired') and ends_at > ?3
            and exists (select 1 from spots s where s.spot_id = reservations.spot_id and ",
    spot_is_usable!("reservations.starts_at", "?3"),
    ") and ",
    spot_is_free!("reservations.spot_id", "reservations.starts_at", "reservations.ends_at", "?3", "reservations.no"),
    ")) returning no"
);

/// Writes down what Stripe says of a payment's intent. A payment that succeeded and is of no use any more is refunded, all of it, by a row
/// written here: true when there is one.
pub fn settle(tx: &Transaction, payment: &Payment, intent: &Intent, now: i64) -> Result<bool, Problem> {
    match intent.status.as_str() {
        "succeeded" => {
            let received = intent.received();
            let fresh = tx.run(
                "update payments set state = 'succeeded', stripe_status = ?2, received = ?3, intent = ?4, succeeded_at = ?5, last_error = null,
                    updated_at = ?5, updated_by = 'stripe'
                 where id = ?1 and state <> 'succeeded' and (intent is null or intent = ?4) returning no",
                params![&payment.id, &intent.status, received, &intent.id, now],
            )?;
            if fresh.is_empty() || received <= 0 {
                return Ok(false);
            }
            let currency = intent.currency.to_ascii_uppercase();
            if !tx.run(TAKE, params![&payment.reservation, received, now, currency])?.is_empty() {
                return Ok(false);
            }
            // Why it is of no use: the reservation is paid already or was changed, was cancelled, or has lapsed.
            tx.run(
                "insert into refunds (id, payment, amount, reason, next_attempt_at, created_at, updated_at, updated_by)
                 select ?1, ?2, ?3, case
                     when status = 'cancelled' then 'cancelled'
                     when status = 'expired' or (status = 'pending_payment' and hold_expires_at <= ?4) then 'late'
                     else 'duplicate' end,
                     ?4, ?4, ?4, 'system'
                 from reservations where id = ?5",
                params![host::new_id(now)?, &payment.id, received, now, &payment.reservation],
            )?;
            Ok(true)
        }
        status => {
            let state = match status {
                "canceled" => "cancelled",
                "processing" => "processing",
                _ => "open",
            };
            tx.run(
                "update payments set state = ?2, stripe_status = ?3, intent = ?4, updated_at = ?5, updated_by = 'stripe'
                 where id = ?1 and state in ('creating', 'open', 'processing') and (intent is null or intent = ?4)
                     and (state <> ?2 or stripe_status is not ?3)",
                params![&payment.id, state, status, &intent.id, now],
            )?;
            Ok(false)
        }
    }
}

/// The same in a transaction of its own; a refund that it makes is sent soon.
pub fn settle_now(payment: &Payment, intent: &Intent, now: i64) -> Result<(), Problem> {
    if db::transaction(|tx| settle(tx, payment, intent, now))? {
        crate::run::soon();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use domain::reservation::{Actor, Event, sources};

    use super::TAKE;

    #[test]
    fn a_payment_is_taken_from_the_states_of_the_table() {
        let (_, condition) = TAKE.split_once(" where id = ?1").unwrap();
        for status in sources(Event::Pay, Actor::Payment) {
            assert!(condition.contains(&format!("'{}'", status.into_str())), "{status:?}");
        }
        for other in ["overstayed", "completed", "cancelled", "no_show"] {
            assert!(!condition.contains(&format!("'{other}'")), "{other}");
        }
    }
}
