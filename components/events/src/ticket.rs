//! Tickets: a browser's `EventSource` cannot send headers, so it shows one of these in the query. One minute, one use.

use domain::role::Role;
use domain::time::{AHEAD_TOLERANCE_MS, MINUTE_MS};
use kit::api::Created;
use kit::caller::{Caller, Principal, SignedIn};
use kit::db::{Database, Executor as _, Fetch as _};
use kit::input::Timestamp;
use kit::request::Now;
use kit::row::FromRow;
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
        "insert into event_tickets (ticket_hash, user_id, role, session, expires_at) values (?, ?, ?, ?, ?)",
        params![host::sha256(ticket.as_bytes()), &caller.0.id, caller.0.role, caller.0.session.as_deref(), expires_at],
    )?;
    Ok(Created(StreamTicket { ticket, expires_at: Timestamp(expires_at) }))
}

/// Whom a ticket was given to.
#[derive(FromRow)]
struct Holder {
    user_id: String,
    role: Role,
    session: Option<String>,
}

impl Holder {
    /// With the role that they have now; 401 when the session that the ticket was asked for in has ended.
    fn current(holder: Option<Self>) -> Result<Principal, Problem> {
        let Some(Self { user_id, role, session }) = holder else {
            return Err(Problem::unauthorized("the ticket is not valid, was used, or has expired"));
        };
        Principal { id: user_id, role, device: None, session }.current()
    }
}

/// Whom a ticket was given to, without using it up. 401 as for [`redeem`].
pub fn look_at(ticket: &str, now: i64) -> Result<Principal, Problem> {
    Holder::current(Database.fetch_optional(
        "select user_id, role, session from event_tickets where ticket_hash = ?1 and expires_at > ?2 and expires_at <= ?3",
        params![host::sha256(ticket.as_bytes()), now, now + MINUTE_MS + AHEAD_TOLERANCE_MS],
    )?)
}

/// Takes a ticket, which is then used up; whom it was given to, with the role that they have now. 401 when it is unknown, used or past its
/// minute, was given before the clock was set back, or when the session that it was asked for in has ended.
pub fn redeem(ticket: &str, now: i64) -> Result<Principal, Problem> {
    Holder::current(Database.fetch_optional(
        "delete from event_tickets where ticket_hash = ?1 and expires_at > ?2 and expires_at <= ?3 returning user_id, role, session",
        params![host::sha256(ticket.as_bytes()), now, now + MINUTE_MS + AHEAD_TOLERANCE_MS],
    )?)
}
