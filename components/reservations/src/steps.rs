//! Cancelling, arriving, leaving.

use axum::extract::Path;
use axum::{Extension, Json};
use domain::reservation::{Actor, EARLY_ARRIVAL_MS, Event, Status, transition};
use domain::tariff::Tariff;
use domain::time::format_rfc3339;
use kit::caller::{Caller, Operator, Principal, SignedIn};
use kit::db::{self, Transaction};
use kit::request::{Now, RequestId};
use kit::{Answer, Problem, host, outbox, params};
use serde_json::Value;

use crate::lists::visible;
use crate::show::Reservation;

/// As whom a caller moves it: their own as its owner, somebody else's as staff.
pub fn actor(caller: &Principal, reservation: &Reservation) -> Actor {
    if caller.id == reservation.user_id { Actor::Owner } else { Actor::Operator }
}

/// Writes down what has lapsed of this reservation, as the scheduled run would: an unpaid hold, and a longer stay whose rest was not paid.
pub fn settle_lapsed(tx: &Transaction, id: &str, now: i64) -> Result<(), Problem> {
    tx.run(
        "update reservations set ends_at = paid_ends_at, price = paid_price, due_until = null, paid_ends_at = null, paid_price = null,
            updated_at = ?2, updated_by = 'system'
         where id = ?1 and due_until <= ?2",
        params![id, now],
    )?;
    tx.run(
        "update reservations set status = 'expired', ended_at = hold_expires_at, updated_at = ?2, updated_by = 'system'
         where id = ?1 and status = 'pending_payment' and hold_expires_at <= ?2",
        params![id, now],
    )?;
    Ok(())
}

/// Where the move leads; 409 when this actor may not make it.
fn lead(step: Event, reservation: &Reservation, by: Actor) -> Result<Status, Problem> {
    transition(step, reservation.status, by).ok_or_else(|| {
        let detail = format!("the reservation is {}", reservation.status.into_str().replace('_', " "));
        Problem::conflict(detail).because("not_possible")
    })
}

/// Writes refunds for so much of what was paid for it, from its newest payment on. The payments component sends them to Stripe.
pub fn give_back(tx: &Transaction, reservation: &Reservation, amount: i64, reason: &str, by: &str, now: i64) -> Result<(), Problem> {
    let mut left = amount;
    if left <= 0 {
        return Ok(());
    }
    let payments = tx.run(
        "select p.id, p.received - (select coalesce(sum(f.amount), 0) from refunds f where f.payment = p.id and f.state <> 'failed')
         from payments p where p.reservation = ? and p.state = 'succeeded' order by p.no desc",
        params![&reservation.id],
    )?;
    for row in payments.iter() {
        let part = row.int(1)?.min(left);
        if part > 0 {
            tx.run(
                "insert into refunds (id, payment, amount, reason, next_attempt_at, created_at, updated_at, updated_by)
                 values (?1, ?2, ?3, ?4, ?5, ?5, ?5, ?6)",
                params![host::new_id(now)?, row.text(0)?, part, reason, now, by],
            )?;
            left -= part;
        }
    }
    if left == 0 { Ok(()) } else { Err(Problem::internal("more was paid for a reservation than its payments brought in")) }
}

/// DELETE `/api/reservations/{id}`: cancels it → 200 with the reservation and `refund`, what goes back of what was paid: by the site's rule
/// for the driver, all of it when staff cancels. 409 once the driver has come, or when it is over.
pub async fn cancel(
    caller: Caller<SignedIn>,
    Now(now): Now,
    Extension(RequestId(request_id)): Extension<RequestId>,
    Path(id): Path<String>,
) -> Answer<Json<Value>> {
    let (shown, money) = db::transaction(|tx| {
        let run = |sql: &str, params| tx.run(sql, params);
        settle_lapsed(tx, &id, now)?;
        let old = visible(&caller.0, Reservation::find(run, &id)?)?;
        let by = actor(&caller.0, &old);
        let status = lead(Event::Cancel, &old, by)?;
        let back = if by == Actor::Operator { old.paid } else { refundable(tx, &old, now)? };
        tx.run(
            "update reservations set status = ?3, ended_at = ?4, paid = paid - ?5, due_until = null, paid_ends_at = null, paid_price = null,
                updated_at = ?4, updated_by = ?6
             where no = ?1 and status = ?2",
            params![old.no, old.status.into_str(), status.into_str(), now, back, &caller.0.id],
        )?;
        give_back(tx, &old, back, "cancelled", &caller.0.id, now)?;
        // An intent that is still open must not be paid any more.
        let open = tx.run(
            "update payments set next_check_at = ?2 where reservation = ?1 and state in ('creating', 'open', 'processing') returning no",
            params![&old.id, now],
        )?;
        let mut shown = Reservation::find(run, &id)?.json(now);
        shown["refund"] = back.into();
        Ok((shown, back > 0 || !open.is_empty()))
    })?;
    if money {
        outbox::wake("/internal/payments", request_id);
    }
    Ok(Json(shown))
}

fn refundable(tx: &Transaction, reservation: &Reservation, now: i64) -> Result<i64, Problem> {
    let rows = tx.run("select tariff from sites where slug = ?", params![&reservation.site])?;
    let tariff: Tariff =
        rows.first().map(|row| row.text(0)).transpose()?.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    Ok(tariff.refund.refund(reservation.paid, reservation.starts_at, now))
}

/// POST `/api/reservations/{id}/arrive`: the driver is there, where no sensor says so. From 15 minutes before the start until the end; 409
/// with `reason` `too_early` or `too_late` otherwise.
pub async fn arrive(caller: Caller<Operator>, Now(now): Now, Path(id): Path<String>) -> Answer<Json<Value>> {
    db::transaction(|tx| {
        let run = |sql: &str, params| tx.run(sql, params);
        settle_lapsed(tx, &id, now)?;
        let old = Reservation::find(run, &id)?;
        let status = lead(Event::Arrive, &old, Actor::Operator)?;
        if now < old.starts_at - EARLY_ARRIVAL_MS {
            let from = format_rfc3339(old.starts_at - EARLY_ARRIVAL_MS);
            return Err(Problem::conflict(format!("its time has not come: from {from}")).because("too_early"));
        }
        if now >= old.ends_at {
            return Err(Problem::conflict("its time is over").because("too_late"));
        }
        tx.run(
            "update reservations set status = ?3, arrived_at = ?4, left_at = null, updated_at = ?4, updated_by = ?5 where no = ?1 and status = ?2",
            params![old.no, old.status.into_str(), status.into_str(), now, &caller.0.id],
        )?;
        Ok(Json(Reservation::find(run, &id)?.json(now)))
    })
}

/// POST `/api/reservations/{id}/depart`: the driver has left, where no sensor says so. What is left of the stay is free for others.
pub async fn depart(caller: Caller<Operator>, Now(now): Now, Path(id): Path<String>) -> Answer<Json<Value>> {
    db::transaction(|tx| {
        let run = |sql: &str, params| tx.run(sql, params);
        let old = Reservation::find(run, &id)?;
        let status = lead(Event::Depart, &old, Actor::Operator)?;
        tx.run(
            "update reservations set status = ?3, left_at = coalesce(left_at, ?4), ended_at = ?4, updated_at = ?4, updated_by = ?5
             where no = ?1 and status = ?2",
            params![old.no, old.status.into_str(), status.into_str(), now, &caller.0.id],
        )?;
        Ok(Json(Reservation::find(run, &id)?.json(now)))
    })
}
