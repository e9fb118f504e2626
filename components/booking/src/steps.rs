//! Giving a booking back, taking it back, and a new ticket for it. What a step may start from is a condition of the update; the schema's
//! triggers move the waitlist up and tell the pilgrim.

use axum::Json;
use axum::extract::Path;
use domain::role::Role;
use kit::caller::{Caller, Operator, SignedIn};
use kit::fields::Fields;
use kit::request::{JsonBytes, Now};
use kit::{Answer, Problem, db, params};
use serde_json::Value;

use crate::lists::{by_id_or_code, visible};
use crate::ticket;

/// PATCH `/api/bookings/{id}/cancel`: by its owner, until its slot begins. Frees its places at once. 409 with `reason` `begun`, or its
/// status when it is none that can be given back.
pub async fn cancel(caller: Caller<SignedIn>, Now(now): Now, Path(id): Path<String>) -> Answer<Json<Value>> {
    let booking = visible(&caller.0, &id)?;
    if booking.user_id != caller.0.id {
        return Err(Problem::forbidden("only its owner gives a booking back; an operator revokes it"));
    }
    let cancelled = db::run(
        "update bookings set status = 'cancelled', ended_at = ?2, updated_at = ?2, updated_by = ?3
         where no = ?1 and user_id = ?3 and status in ('confirmed', 'waitlisted') and starts_at > ?2
         returning no",
        params![booking.no, now, &caller.0.id],
    )?;
    let after = by_id_or_code(db::run, &booking.id)?;
    if !cancelled.is_empty() {
        return Ok(Json(after.json()));
    }
    if after.starts_at <= now && matches!(after.status.into_str(), "confirmed" | "waitlisted") {
        return Err(Problem::conflict("the slot has begun already").because("begun"));
    }
    let status = after.status.into_str();
    Err(Problem::conflict(format!("the booking is {status}: it cannot be cancelled")).because(status))
}

/// PATCH `/api/bookings/{id}/revoke`: by an operator, `{reason?}`, while nobody has come in. Its ticket is refused from now on.
pub async fn revoke(caller: Caller<Operator>, Now(now): Now, Path(id): Path<String>, JsonBytes(body): JsonBytes) -> Answer<Json<Value>> {
    let mut fields = if body.is_empty() { Fields::of(Value::Object(serde_json::Map::new()))? } else { Fields::parse(&body)? };
    let reason = fields.opt_text("reason", 1..=200);
    fields.finish()?;
    let booking = visible(&caller.0, &id)?;
    let revoked = db::run(
        "update bookings set status = 'revoked', reason = ?4, ended_at = ?2, updated_at = ?2, updated_by = ?3
         where no = ?1 and status in ('confirmed', 'waitlisted')
         returning no",
        params![booking.no, now, &caller.0.id, reason],
    )?;
    let after = by_id_or_code(db::run, &booking.id)?;
    if revoked.is_empty() {
        let status = after.status.into_str();
        return Err(Problem::conflict(format!("the booking is {status}: it cannot be revoked")).because(status));
    }
    Ok(Json(after.json()))
}

/// POST `/api/bookings/{id}/reissue`: by its owner or an operator. A new ticket; those before are revoked.
pub async fn reissue(caller: Caller<SignedIn>, Now(now): Now, Path(id): Path<String>) -> Answer<Json<Value>> {
    let keys = ticket::keys().await?;
    let booking = visible(&caller.0, &id)?;
    let owner = (!caller.0.role.holds(Role::Operator)).then_some(&caller.0.id);
    let reissued = db::run(
        "update bookings set ticket = ticket + 1, updated_at = ?2, updated_by = ?3
         where no = ?1 and status = 'confirmed' and ticket < 255 and (?4 is null or user_id = ?4)
         returning no",
        params![booking.no, now, &caller.0.id, owner],
    )?;
    let after = by_id_or_code(db::run, &booking.id)?;
    if reissued.is_empty() {
        return Err(Problem::conflict(format!("the booking is {}: it gets no new ticket", after.status.into_str())).because("no_ticket"));
    }
    Ok(Json(after.json_with_ticket(&keys)?))
}
