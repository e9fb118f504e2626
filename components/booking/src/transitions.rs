//! Cancelling and revoking a booking, and a new ticket for it. What a transition may start from is a condition of the update; the schema's
//! triggers move the waitlist up and tell the pilgrim.

use axum::Json;
use axum::extract::Path;
use const_format::formatcp;
use domain::booking::{MAX_TICKET, Status};
use domain::role::Role;
use kit::caller::{Caller, Operator, SignedIn};
use kit::db::{Database, Fetch as _};
use kit::input::{Input, Text};
use kit::request::{Now, OptionalBody};
use kit::{Answer, Problem, params};

use crate::model::{Booking, TicketedBooking};
use crate::sql::{CANCELLABLE, CANCELLED, CONFIRMED, REVOKED};
use crate::ticket;

const CANCEL: &str = formatcp!(
    "update bookings set status = '{CANCELLED}', ended_at = ?2, updated_at = ?2, updated_by = ?3
     where no = ?1 and user_id = ?3 and starts_at > ?2 and status in {CANCELLABLE} returning no"
);

/// Cancels one's own booking, until its slot begins. Its places are free at once.
#[utoipa::path(
    method(patch, post),
    path = "/api/bookings/{id}/cancel",
    responses(
        (status = 403, description = "Only its owner cancels a booking; an operator revokes it."),
        (status = 409, description = "Too late: `reason` is `begun`, or the status that the booking has by now."),
    )
)]
pub async fn cancel(caller: Caller<SignedIn>, Now(now): Now, Path(id): Path<String>) -> Answer<Json<Booking>> {
    let booking = Booking::visible_to(&caller.0, &id)?;
    if booking.user_id != caller.0.id {
        return Err(Problem::forbidden("only its owner gives a booking back; an operator revokes it"));
    }
    let cancelled = Database.exists(CANCEL, params![booking.no, now, &caller.0.id])?;
    let after = Booking::get(&Database, &booking.id)?;
    if cancelled {
        return Ok(Json(after));
    }
    if after.starts_at.0 <= now && Status::CANCELLABLE.contains(&after.status) {
        return Err(Problem::conflict("the slot has begun already").because("begun"));
    }
    let status = after.status.into_str();
    Err(Problem::conflict(format!("the booking is {status}: it cannot be cancelled")).because(status))
}

/// Why a booking is revoked.
#[derive(Input)]
#[input(example = r#"{"reason": "Duplicate booking"}"#)]
pub struct Revocation {
    /// The pilgrim is told.
    reason: Option<Text<1, 200>>,
}

const REVOKE: &str = formatcp!(
    "update bookings set status = '{REVOKED}', reason = ?4, ended_at = ?2, updated_at = ?2, updated_by = ?3 where no = ?1 and status in {CANCELLABLE} returning no"
);

/// Revokes a booking, while nobody has come in. Its ticket is refused from now on.
#[utoipa::path(
    method(patch, post),
    path = "/api/bookings/{id}/revoke",
    responses((status = 409, description = "It is too late: `reason` is the status that the booking has by now."))
)]
pub async fn revoke(
    caller: Caller<Operator>,
    Now(now): Now,
    Path(id): Path<String>,
    OptionalBody(revocation): OptionalBody<Revocation>,
) -> Answer<Json<Booking>> {
    let booking = Booking::visible_to(&caller.0, &id)?;
    let revoked = Database.exists(REVOKE, params![booking.no, now, &caller.0.id, revocation.reason])?;
    let after = Booking::get(&Database, &booking.id)?;
    if !revoked {
        let status = after.status.into_str();
        return Err(Problem::conflict(format!("the booking is {status}: it cannot be revoked")).because(status));
    }
    Ok(Json(after))
}

const REISSUE: &str = formatcp!(
    "update bookings set ticket = ticket + 1, updated_at = ?2, updated_by = ?3
     where no = ?1 and status = '{CONFIRMED}' and ticket < {MAX_TICKET} and (?4 is null or user_id = ?4)
     returning no"
);

/// Gives a booking a new ticket: its owner or an operator asks for it. Those before are revoked.
#[utoipa::path(
    post,
    path = "/api/bookings/{id}/reissue",
    responses((status = 409, description = "It gets no new ticket: `reason` is `no_ticket`."))
)]
pub async fn reissue(caller: Caller<SignedIn>, Now(now): Now, Path(id): Path<String>) -> Answer<Json<TicketedBooking>> {
    let keys = ticket::keys().await?;
    let booking = Booking::visible_to(&caller.0, &id)?;
    let owner = (!caller.0.role.holds(Role::Operator)).then_some(&caller.0.id);
    let reissued = Database.exists(REISSUE, params![booking.no, now, &caller.0.id, owner])?;
    let after = Booking::get(&Database, &booking.id)?;
    if !reissued {
        return Err(Problem::conflict(format!("the booking is {}: it gets no new ticket", after.status.into_str())).because("no_ticket"));
    }
    Ok(Json(after.with_ticket(&keys, now)?))
}
