//! Tickets: a browser's `EventSource` cannot send headers, so it shows one of these in the query. One minute, one use.

use domain::role::Role;
use domain::time::{AHEAD_TOLERANCE_MS, MINUTE_MS};
use kit::api::Created;
use kit::caller::{Caller, SignedIn};
use kit::db::{Database, Executor as _, Fetch as _};
use kit::input::Timestamp;
use kit::request::Now;
use kit::{Answer, Problem, host, params};
use serde::Serialize;
use utoipa::ToSchema;

/// A ticket for one stream.
#[derive(Serialize, ToSchema)]
pub struct StreamTicket {
    /// What to send as `ticket` in the query.
    ticket: String,
    /// When it is void, a minute from now.
    expires_at: Timestamp,
}

/// Issues a ticket for one stream, valid for a minute and one use.
#[utoipa::path(post, path = "/api/events/ticket")]
pub async fn create(caller: Caller<SignedIn>, Now(now): Now) -> Answer<Created<StreamTicket>> {
    let ticket = host::new_secret()?;
    let expires_at = now + MINUTE_MS;
    Database.run(
        "insert into event_tickets (ticket_hash, user_id, role, expires_at) values (?, ?, ?, ?)",
        params![host::sha256(ticket.as_bytes()), &caller.0.id, caller.0.role, expires_at],
    )?;
    Ok(Created(StreamTicket { ticket, expires_at: Timestamp(expires_at) }))
}

const INVALID: &str = "the ticket is not valid, was used, or has expired";

/// The role of whom a ticket was given to, without using it up. 401 when it is unknown, used or past its minute.
pub fn look_at(ticket: &str, now: i64) -> Result<Role, Problem> {
    let role: Option<Role> = Database.fetch_scalar(
        "select role from event_tickets where ticket_hash = ? and expires_at > ?",
        params![host::sha256(ticket.as_bytes()), now],
    )?;
    role.ok_or_else(|| Problem::unauthorized(INVALID))
}

/// Takes a ticket, which is then used up; the role of whom it was given to. 401 when it is unknown, used or past its minute, or was
/// given before the clock was set back.
pub fn redeem(ticket: &str, now: i64) -> Result<Role, Problem> {
    let role: Option<Role> = Database.fetch_scalar(
        "delete from event_tickets where ticket_hash = ?1 and expires_at > ?2 and expires_at <= ?3 returning role",
        params![host::sha256(ticket.as_bytes()), now, now + MINUTE_MS + AHEAD_TOLERANCE_MS],
    )?;
    role.ok_or_else(|| Problem::unauthorized(INVALID))
}
