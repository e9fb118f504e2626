//! What Stripe says of an intent or a checkout page, taken over: the one place where a payment moves a reservation.
//!
//! It may be called at any time, any number of times, in any order: what has succeeded or was cancelled stays so, and each step is a
//! condition of its own statement.

use const_format::formatcp;
use domain::payment::{PaymentState, RefundReason};
use domain::reservation::Status;
use kit::caller::SYSTEM;
use kit::db::{self, Executor as _, Fetch as _, Transaction};
use kit::row::FromRow;
use kit::{Problem, params, refunds};

use crate::model::{Payment, UNDERWAY};
use crate::refund;
use crate::standing::Standing;

const PENDING: &str = Status::PendingPayment.into_str();
const CONFIRMED: &str = Status::Confirmed.into_str();
const ARRIVED: &str = Status::Arrived.into_str();
const EXPIRED: &str = Status::Expired.into_str();
const SUCCEEDED: &str = PaymentState::Succeeded.into_str();

const USABLE: &str = kit::spot_is_usable!(from: "reservations.starts_at", now: "?3");
const FREE: &str = kit::spot_is_unclaimed!(
    spot: "reservations.spot_id", from: "reservations.starts_at", to: "reservations.ends_at", now: "?3", except: "reservations.no"
);

/// The reservation takes the payment: within its hold; or later, while its spot is still free for it; or as the rest for a longer stay. For a
/// change of another kind there is [`TAKE_CHANGE`].
/// `?1` is its id, `?2` what was received, `?3` now, `?4` the currency. From which states: `Event::Pay` in `domain::reservation`.
const TAKE: &str = formatcp!(
    "update reservations set status = iif(status in ('{PENDING}', '{EXPIRED}'), '{CONFIRMED}', status), paid = paid + ?2,
        hold_expires_at = null, due_until = null, paid_ends_at = null, paid_price = null, ended_at = null,
        announced = starts_at <= ?3, updated_at = ?3, updated_by = 'payment'
     where id = ?1 and price - paid = ?2 and currency = ?4 and (
        (status = '{PENDING}' and hold_expires_at > ?3)
        or (status in ('{CONFIRMED}', '{ARRIVED}') and due_until > ?3)
        or (status in ('{PENDING}', '{EXPIRED}') and ends_at > ?3
            and exists (select 1 from spot_presence s where s.spot_id = reservations.spot_id and {USABLE}) and {FREE})
     ) returning no"
);

/// A paid reservation becomes what it was to become once the difference is paid, which this is; the parameters are those of [`TAKE`].
const TAKE_CHANGE: &str = formatcp!(
    "update reservations set spot_id = c.spot_id, site = c.site, kind = c.kind, starts_at = c.starts_at, ends_at = c.ends_at, price = c.price,
        kept = c.kept, paid = paid + ?2, announced = c.starts_at <= ?3, updated_at = ?3, updated_by = 'payment'
     from reservation_changes c
     where id = ?1 and c.reservation_no = reservations.no and c.price - paid = ?2 and currency = ?4 and c.due_until > ?3
        and status in ('{CONFIRMED}', '{ARRIVED}')
     returning no"
);
const FORGET_CHANGE: &str = "delete from reservation_changes where reservation_no = (select no from reservations where id = ?1)";

const SUCCEED: &str = formatcp!(
    "update payments set state = '{SUCCEEDED}', stripe_status = ?2, received = ?3, intent = ?4, succeeded_at = ?5, last_error = null,
        updated_at = ?5, updated_by = 'stripe'
     where id = ?1 and state <> '{SUCCEEDED}' and (intent is null or intent = ?4) returning no"
);

/// Why a payment is of no use: the reservation as it is.
#[derive(FromRow)]
struct Dues {
    status: Status,
    due_by: Option<i64>,
}

/// Gives back all of a payment that is of no use.
fn give_back(tx: &Transaction, payment: &Payment, received: i64, now: i64) -> Result<(), Problem> {
    let dues: Option<Dues> =
        tx.fetch_optional("select status, due_by from reservation_dues where reservation = ?", params![&payment.reservation])?;
    let Dues { status, due_by } = dues.ok_or_else(|| Problem::internal("a payment without a reservation"))?;
    refunds::insert(tx, &payment.id, received, RefundReason::of_useless(status, due_by, now), SYSTEM, now)
}

const NOTE: &str = formatcp!(
    "update payments set state = ?2, stripe_status = ?3, intent = ?4, updated_at = ?5, updated_by = 'stripe'
     where id = ?1 and state in {UNDERWAY} and (intent is null or intent = ?4) and (state <> ?2 or stripe_status is not ?3)"
);

const CLOSE: &str = formatcp!(
    "update payments set state = '{}', stripe_status = ?2, last_error = 'its checkout page was closed before anybody paid', updated_at = ?3,
        updated_by = 'stripe'
     where id = ?1 and state = '{}' and intent is null",
    PaymentState::Failed.into_str(),
    PaymentState::Creating.into_str()
);

/// Writes down what Stripe says of a payment. A payment that succeeded and is of no use any more is refunded, all of it, by a row
/// written here: true when there is one.
pub fn settle(tx: &Transaction, payment: &Payment, standing: &Standing, now: i64) -> Result<bool, Problem> {
    let Some(intent) = &standing.intent else {
        if standing.is_closed_unpaid() {
            tx.run(CLOSE, params![&payment.id, standing.status(), now])?;
        }
        return Ok(false);
    };
    let state = match intent.status.as_str() {
        "succeeded" => {
            let received = intent.received();
            let is_new = tx.exists(SUCCEED, params![&payment.id, &intent.status, received, &intent.id, now])?;
            if !is_new || received <= 0 {
                return Ok(false);
            }
            let currency = intent.currency.to_ascii_uppercase();
            if tx.exists(TAKE, params![&payment.reservation, received, now, &currency])? {
                return Ok(false);
            }
            if tx.exists(TAKE_CHANGE, params![&payment.reservation, received, now, currency])? {
                tx.run(FORGET_CHANGE, params![&payment.reservation])?;
                return Ok(false);
            }
            give_back(tx, payment, received, now)?;
            return Ok(true);
        }
        "canceled" => PaymentState::Cancelled,
        _ if standing.is_closed_unpaid() => PaymentState::Cancelled,
        "processing" => PaymentState::Processing,
        _ => PaymentState::Open,
    };
    tx.run(NOTE, params![&payment.id, state, &intent.status, &intent.id, now])?;
    Ok(false)
}

/// The same in a transaction of its own; a refund that it makes is sent behind the answer.
pub fn settle_now(payment: &Payment, standing: &Standing, now: i64) -> Result<(), Problem> {
    if db::transaction(|tx| settle(tx, payment, standing, now))? {
        refund::spawn();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use domain::reservation::{Actor, Event, sources};
    use strum::VariantArray as _;

    use super::*;

    #[test]
    fn a_payment_is_taken_from_the_states_of_the_table() {
        let (_, condition) = TAKE.split_once(" where id = ?1").unwrap();
        let allowed = sources(Event::Pay, Actor::Payment);
        for status in Status::VARIANTS {
            let is_named = condition.contains(&format!("'{}'", status.into_str()));
            assert_eq!(is_named, allowed.contains(status), "{status:?}");
        }
    }
}
