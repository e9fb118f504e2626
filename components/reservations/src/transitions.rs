//! Cancelling, arriving, leaving.

use axum::Json;
use axum::extract::Path;
use const_format::{concatcp, formatcp};
use domain::payment::{PaymentState, RefundReason};
use domain::reservation::{Actor, EARLY_ARRIVAL_MS, Event, Status, transition};
use domain::time::format_rfc3339;
use kit::caller::{Caller, Operator, SignedIn};
use kit::db::{self, Executor, Fetch as _};
use kit::request::{Now, RequestId};
use kit::{Answer, Problem, outbox, params};

use crate::model::Reservation;
use crate::refunds::{self, Funds, PAYMENTS};
use crate::schedule::settle_lapsed;
use crate::view::{CancelledReservation, ReservationView};

/// Where the move leads; 409 when this actor may not make it.
fn next_status(event: Event, reservation: &Reservation, by: Actor) -> Result<Status, Problem> {
    transition(event, reservation.status, by).ok_or_else(|| reservation.not_possible(""))
}

const CANCEL: &str =
    "update reservations set status = ?3, ended_at = ?4, paid = paid - ?5, due_until = null, paid_ends_at = null, paid_price = null,
        updated_at = ?4, updated_by = ?6
     where no = ?1 and status = ?2";

/// Has payments look at once at a payment that must not be made any more.
const CHECK_PAYMENTS: &str = formatcp!(
    "update payments set next_check_at = ?2 where reservation = ?1 and state in ('{}', '{}', '{}') returning no",
    PaymentState::UNDERWAY[0].into_str(),
    PaymentState::UNDERWAY[1].into_str(),
    PaymentState::UNDERWAY[2].into_str()
);

/// Cancels a reservation.
///
/// What goes back of what was paid is `refund`: by the site's rule for the driver, all of it when staff cancels. What a bank has taken back in a
/// dispute counts as given back; the site gives it back when it wins the dispute.
#[utoipa::path(delete, path = "/api/reservations/{id}", responses((
    status = 409,
    description = "The driver has come, or it is over: `reason` is `not_possible`."
)))]
pub async fn cancel(
    caller: Caller<SignedIn>,
    Now(now): Now,
    RequestId(request_id): RequestId,
    Path(id): Path<String>,
) -> Answer<Json<CancelledReservation>> {
    let (cancelled, wakes_payments) = db::transaction(|tx| -> Answer<_> {
        settle_lapsed(tx, &id, now)?;
        let old = Reservation::find_for(tx, &caller.0, &id)?;
        let by = old.actor(&caller.0);
        let status = next_status(Event::Cancel, &old, by)?;
        let funds = Funds::of(tx, &old)?;
        let refund = if by == Actor::Operator { funds.total() } else { funds.refundable(&old, &refunds::rule(tx, &old)?, now) };
        let refund = funds.split(refund);
        tx.run(CANCEL, params![old.no, old.status, status, now, refund.at_once, &caller.0.id])?;
        funds.give_back(tx, &old, refund, RefundReason::Cancelled, &caller.0.id, now)?;
        let is_being_paid = tx.exists(CHECK_PAYMENTS, params![&old.id, now])?;
        let reservation = ReservationView::new(Reservation::find(tx, &id)?, now);
        Ok((CancelledReservation { reservation, refund: refund.at_once }, refund.at_once > 0 || is_being_paid))
    })?;
    if wakes_payments {
        outbox::wake(PAYMENTS, request_id);
    }
    Ok(Json(cancelled))
}

const BY_STAFF: &str = ", updated_at = ?4, updated_by = ?5 where no = ?1 and status = ?2";
const ARRIVE: &str = concatcp!("update reservations set status = ?3, arrived_at = ?4, left_at = null", BY_STAFF);
const DEPART: &str = concatcp!("update reservations set status = ?3, left_at = coalesce(left_at, ?4), ended_at = ?4", BY_STAFF);

/// Notes that the driver is there, where no sensor says so.
///
/// From 15 minutes before the start until the end.
#[utoipa::path(post, path = "/api/reservations/{id}/arrive", responses((
    status = 409,
    description = "`reason` is `too_early`, `too_late` or `not_possible`."
)))]
pub async fn arrive(caller: Caller<Operator>, Now(now): Now, Path(id): Path<String>) -> Answer<Json<ReservationView>> {
    db::transaction(|tx| {
        settle_lapsed(tx, &id, now)?;
        let old = Reservation::find(tx, &id)?;
        let status = next_status(Event::Arrive, &old, Actor::Operator)?;
        if now < old.starts_at - EARLY_ARRIVAL_MS {
            let from = format_rfc3339(old.starts_at - EARLY_ARRIVAL_MS);
            return Err(Problem::conflict(format!("its time has not come: from {from}")).because("too_early"));
        }
        if now >= old.ends_at {
            return Err(Problem::conflict("its time is over").because("too_late"));
        }
        move_to(tx, ARRIVE, &old, status, now, &caller.0.id)
    })
}

/// Notes that the driver has left, where no sensor says so.
///
/// What is left of the stay is free for others.
#[utoipa::path(post, path = "/api/reservations/{id}/depart", responses((
    status = 409,
    description = "The driver is not there: `reason` is `not_possible`."
)))]
pub async fn depart(caller: Caller<Operator>, Now(now): Now, Path(id): Path<String>) -> Answer<Json<ReservationView>> {
    db::transaction(|tx| {
        let old = Reservation::find(tx, &id)?;
        let status = next_status(Event::Depart, &old, Actor::Operator)?;
        move_to(tx, DEPART, &old, status, now, &caller.0.id)
    })
}

/// Runs [`ARRIVE`] or [`DEPART`].
fn move_to(db: &dyn Executor, change: &str, old: &Reservation, status: Status, now: i64, by: &str) -> Answer<Json<ReservationView>> {
    db.run(change, params![old.no, old.status, status, now, by])?;
    Ok(Json(ReservationView::new(Reservation::find(db, &old.id)?, now)))
}
