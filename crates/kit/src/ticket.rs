//! Tickets for streams: a browser's `EventSource` and `<img>` cannot send headers, so they show one of these in the query. One minute, one
//! use, one thing that it is for. Only its SHA-256 is kept; `heartbeat` removes those that nobody used.

use domain::role::Role;
use domain::time::{AHEAD_TOLERANCE_MS, MINUTE_MS};

use crate::caller::Principal;
use crate::db::{Database, Executor as _, Fetch as _};
use crate::input::Timestamp;
use crate::row::FromRow;
use crate::{Problem, host, params};

/// What a ticket is for.
#[derive(Clone, Copy, Debug)]
pub enum Scope<'a> {
    /// A stream of the event feed.
    Events,
    /// The pictures of the camera of this id.
    Camera(&'a str),
}

/// More than one, so that those who ask faster than the scheduled run removes do not make the table grow for ever.
const REMOVE_SOME_EXPIRED: &str = "delete from event_tickets where ticket_hash in (
     select ticket_hash from event_tickets where expires_at < ? order by expires_at limit 2
 )";

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

/// Whom this account is, with the role that they have now, in a session that they once began; 401 when it has ended, or the account is not
/// active any more.
pub fn current(user_id: &str, session: Option<String>) -> Result<Principal, Problem> {
    Principal { id: user_id.to_owned(), role: Role::Visitor, device: None, session }.current()
}

impl Scope<'_> {
    /// As it is kept.
    fn text(self) -> String {
        match self {
            Self::Events => "events".to_owned(),
            Self::Camera(id) => format!("camera:{}", id.to_ascii_lowercase()),
        }
    }

    /// Makes a ticket for this caller; it and when it is void.
    pub fn issue(self, caller: &Principal, now: i64) -> Result<(String, Timestamp), Problem> {
        let ticket = host::new_secret()?;
        let expires_at = now + MINUTE_MS;
        Database.run(REMOVE_SOME_EXPIRED, params![now])?;
        Database.run(
            "insert into event_tickets (ticket_hash, user_id, role, session, expires_at, scope) values (?, ?, ?, ?, ?, ?)",
            params![host::sha256(ticket.as_bytes()), &caller.id, caller.role, caller.session.as_deref(), expires_at, self.text()],
        )?;
        Ok((ticket, Timestamp(expires_at)))
    }

    /// Whom a ticket was given to, without using it up. 401 as for [`Self::redeem`].
    pub fn look_at(self, ticket: &str, now: i64) -> Result<Principal, Problem> {
        Holder::current(Database.fetch_optional(
            "select user_id, role, session from event_tickets where ticket_hash = ?1 and scope = ?2 and expires_at > ?3 and expires_at <= ?4",
            params![host::sha256(ticket.as_bytes()), self.text(), now, now + MINUTE_MS + AHEAD_TOLERANCE_MS],
        )?)
    }

    /// Takes a ticket, which is then used up; whom it was given to, with the role that they have now. 401 when it is unknown, for something
    /// else, used or past its minute, was given before the clock was set back, or when the session that it was asked for in has ended.
    pub fn redeem(self, ticket: &str, now: i64) -> Result<Principal, Problem> {
        Holder::current(Database.fetch_optional(
            "delete from event_tickets where ticket_hash = ?1 and scope = ?2 and expires_at > ?3 and expires_at <= ?4
             returning user_id, role, session",
            params![host::sha256(ticket.as_bytes()), self.text(), now, now + MINUTE_MS + AHEAD_TOLERANCE_MS],
        )?)
    }
}
