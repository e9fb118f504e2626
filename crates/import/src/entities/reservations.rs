//! Reservations of spots, and what was paid for them.

use domain::reservation::{self, Status};
use rusqlite::params;

use super::{CREATED, money, places};
use crate::context::{ACTOR, Context};
use crate::failure::{Failure, Outcome, Refusal};
use crate::row::{Row, missing};
use crate::source::Entity;

fn status(word: &str) -> Option<Status> {
    Some(match word.to_ascii_lowercase().replace([' ', '-'], "_").as_str() {
        "pending" | "pending_payment" => Status::PendingPayment,
        "confirmed" | "paid" | "active" | "reserved" => Status::Confirmed,
        "completed" | "finished" => Status::Completed,
        "cancelled" | "canceled" => Status::Cancelled,
        "expired" => Status::Expired,
        "no_show" => Status::NoShow,
        _ => return None,
    })
}

/// Whether another stay keeps the spot for some of this time.
const OVERLAPS: &str = "select 1 from reservations
     where spot_id = ?1 and status in ('pending_payment', 'confirmed', 'arrived') and ends_at > ?2 and starts_at < ?3";

/// A reservation. What is paid for it comes with its payments.
pub fn reservation(row: &mut Row, cx: &mut Context<'_>) -> Result<Outcome, Failure> {
    let user = cx.needed_reference(row, Entity::Users, &["user_id", "user"])?;
    let spot = places::spot_of(row, cx)?.ok_or_else(|| missing(&["spot_id"]))?;
    let starts = row.moment(&["start_time", "start", "starts_at"])?.ok_or_else(|| missing(&["start_time"]))?;
    let ends = row.moment(&["end_time", "end", "ends_at"])?.ok_or_else(|| missing(&["end_time"]))?;
    let typed = row.needed_text(&["vehicle_plate", "plate", "license_plate", "vehicle_number"])?;
    let plate = reservation::plate(&typed).ok_or_else(|| Refusal::of("bad_plate", typed))?;
    let word = row.needed_text(&["status"])?;
    let mut status = status(&word).ok_or_else(|| Refusal::of("unknown_status", word))?;
    let price = money::amount(row, cx, &["total_amount", "total_price", "amount", "price", "cost"])?;
    let (price, currency) = match price {
        Some(price) => price,
        None => (0, cx.args.currency.clone().ok_or_else(|| Refusal::of("no_currency", "say --currency"))?),
    };
    let created = row.created(CREATED)?;
    let cancelled = row.past(&["cancelled_at"])?;
    // A hold is for minutes: whoever had not paid begins anew here.
    if status == Status::PendingPayment {
        cx.note("unpaid_hold", "expired: who wants the spot reserves it here");
        status = Status::Expired;
    }
    if status == Status::Confirmed && ends <= cx.now() {
        cx.note("time_is_over", "completed, since its time is over");
        status = Status::Completed;
    }
    if status == Status::Confirmed && cx.store.exists(OVERLAPS, params![spot, starts, ends])? {
        return Err(Refusal::of("overlaps", format!("{spot} is kept for another stay for some of its time")).into());
    }
    let ended = (status != Status::Confirmed).then(|| cancelled.unwrap_or_else(|| ends.min(cx.now())));
    let id = cx.new_id(created)?;
    cx.store.run(
        "insert into reservations (id, user_id, spot_id, site, kind, starts_at, ends_at, plate, status, price, currency, ended_at, created_at,
            updated_at, updated_by)
         select ?1, ?2, spot_id, site, kind, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13 from spots where spot_id = ?3",
        params![id, user, spot, starts, ends, plate, status.into_str(), price, currency.to_ascii_uppercase(), ended, created, cx.now(), ACTOR],
    )?;
    Ok(Outcome::Created(id))
}

/// A payment that succeeded at Stripe, so that it can be given back from here. No other brought money in.
pub fn payment(row: &mut Row, cx: &mut Context<'_>) -> Result<Outcome, Failure> {
    let reservation = cx.needed_reference(row, Entity::Reservations, &["reservation_id", "reservation"])?;
    let status = row.needed_text(&["status", "payment_status"])?.to_ascii_lowercase();
    if !matches!(status.as_str(), "succeeded" | "paid" | "completed") {
        return Err(Refusal::of("brought_no_money", format!("it is {status}")).into());
    }
    let intent = row.needed_text(&["stripe_payment_intent_id", "payment_intent_id", "stripe_payment_intent", "intent_id"])?;
    if !intent.starts_with("pi_") {
        return Err(Refusal::of("no_intent", "its id is none of Stripe's payment intents").into());
    }
    let (amount, currency) = money::amount(row, cx, &["amount", "total_amount"])?.ok_or_else(|| missing(&["amount"]))?;
    let own = "select currency from reservations where id = ?1";
    if cx.store.find::<String>(own, [&reservation])?.as_deref() != Some(currency.as_str()) {
        return Err(Refusal::of("another_currency", format!("{currency} is not the reservation's")).into());
    }
    let created = row.created(CREATED)?;
    let paid = row.past(&["paid_at", "succeeded_at"])?.unwrap_or(created);
    let id = cx.new_id(created)?;
    cx.store.run(
        "insert into payments (id, reservation, user_id, amount, currency, intent, state, stripe_status, received, next_check_at, succeeded_at,
            created_at, updated_at, updated_by)
         select ?1, id, user_id, ?3, ?4, ?5, 'succeeded', 'succeeded', ?3, ?8, ?6, ?7, ?8, ?9 from reservations where id = ?2",
        params![id, reservation, amount, currency, intent, paid, created, cx.now(), ACTOR],
    )?;
    // What was given back of it at Stripe comes with Stripe's own account of it.
    cx.store.run(
        "update reservations set paid = paid + ?2, updated_at = ?3, updated_by = ?4 where id = ?1",
        params![reservation, amount, cx.now(), ACTOR],
    )?;
    Ok(Outcome::Created(id))
}
