//! Tickets for streams of the feed.

use kit::Answer;
use kit::api::Created;
use kit::caller::{Caller, SignedIn};
use kit::input::Timestamp;
use kit::request::Now;
use kit::ticket::Scope;
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
    let (ticket, expires_at) = Scope::Events.issue(&caller.0, now)?;
    Ok(Created(StreamTicket { ticket, expires_at }))
}
