//! One stream.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use domain::role::Role;
use futures::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, StatusCode};
use kit::caller::{MaybeCaller, Principal};
use kit::db::Database;
use kit::request::Now;
use kit::ticket::Scope;
use kit::{Answer, clock};

use crate::feed;
use crate::subscription::Subscription;

/// How often a stream looks for new events, milliseconds.
const PAUSE_MS: u64 = 250;

/// A comment goes out this often: it keeps proxies from closing the stream, and shows us that a client has left, milliseconds.
const COMMENT_EVERY_MS: u64 = 15_000;

/// A stream ends after this long, milliseconds, so that none is held for ever; its client resumes at once.
const LASTS_MS: u64 = 15 * 60 * 1000;

/// When a client comes back after a stream has ended, milliseconds.
const RETRY_MS: u64 = 2000;

/// Nginx passes on what it gets at once.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Streams events as they happen, as Server-Sent Events.
///
/// Operators get everything, with a token or a ticket; others what is public. `event:` is `spot`, `device`, `lot`, `alert`, `alert_deleted`,
/// `recording_transfer`, `emergency`, `crowd`, `shuttle`, or `reset` when what was asked for is no longer kept: load the present state afresh. `Last-Event-ID`
/// resumes with nothing lost. A comment comes every 15 s; a stream ends after 15 minutes and is to be resumed. With its session (logout, new
/// password, dismissal) a stream ends within 15 s.
#[utoipa::path(get, path = "/api/events", responses(
    (status = 200, description = "The stream.", content_type = "text/event-stream", body = String),
))]
pub async fn open(MaybeCaller(caller): MaybeCaller, Now(now): Now, mut subscription: Subscription) -> Answer<Response> {
    subscription.require_site(&Database)?;
    let holder = match &subscription.ticket {
        // A look at the headers, as link checkers and proxies take it, must not spend what the stream needs.
        Some(ticket) if subscription.is_head => Some(Scope::Events.look_at(ticket, now)?),
        Some(ticket) => Some(Scope::Events.redeem(ticket, now)?),
        None => caller,
    };
    subscription.everything = holder.as_ref().is_some_and(sees_everything);
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store"), (X_ACCEL_BUFFERING, "no")];
    if subscription.is_head {
        return Ok(headers.into_response());
    }
    let start = feed::start(subscription.last_event_id)?;

    let opened = clock::now_ms();
    let greeting = Some(greeting(&start));
    // Who began at the end has nothing to catch up on.
    let newest = Some(start.newest).filter(|newest| *newest > start.cursor);
    let state = Stream { cursor: start.cursor, newest, subscription, holder, greeting, opened, commented: opened, behind: true };
    let body = Body::from_stream(stream::unfold(state, |mut state| async move {
        let piece = state.next().await?;
        Some((Ok::<_, std::convert::Infallible>(piece), state))
    }));
    Ok((headers, body).into_response())
}

/// Goes out at once. The bare `id` gives a client that has seen no event yet a place to resume from.
fn greeting(start: &feed::Start) -> String {
    let mut text = format!(": connected\nretry: {RETRY_MS}\nid: {}\n\n", start.cursor);
    if start.reset {
        text.push_str(&feed::frame(start.cursor, "reset", r#"{"reason":"events were missed: load the present state again"}"#));
    }
    text
}

fn sees_everything(holder: &Principal) -> bool {
    holder.role.holds(Role::Operator)
}

struct Stream {
    subscription: Subscription,
    /// Who opened it; none when nobody was signed in.
    holder: Option<Principal>,
    cursor: i64,
    /// What it has to read up to until it has caught up; none once it has.
    newest: Option<i64>,
    greeting: Option<String>,
    opened: u64,
    commented: u64,
    /// Whether more may be there already.
    behind: bool,
}

impl Stream {
    /// The next piece to send; none at the stream's end. It is asked for when the client has taken the piece before, so that a slow
    /// client costs no memory: it falls behind and reads on from its cursor.
    async fn next(&mut self) -> Option<String> {
        if let Some(greeting) = self.greeting.take() {
            return Some(greeting);
        }
        loop {
            // Also between two pages that are there: other streams of the instance want their turn.
            clock::sleep_ms(if self.behind { 1 } else { PAUSE_MS }).await;
            let now = clock::now_ms();
            if now.saturating_sub(self.opened) >= LASTS_MS {
                return None;
            }
            let is_comment_due = now.saturating_sub(self.commented) >= COMMENT_EVERY_MS;
            if is_comment_due && !self.is_still_allowed() {
                return None;
            }
            let batch = feed::after(self.cursor, &self.subscription);
            self.cursor = batch.cursor;
            self.behind = batch.more;
            let mut piece = batch.text;
            if self.newest.is_some_and(|newest| self.cursor >= newest) {
                self.newest = None;
                // Who has missed events that are not for them could not tell otherwise.
                piece.push_str(&format!(": caught up\nid: {}\n\n", self.cursor));
            }
            if is_comment_due {
                self.commented = now;
                // With the id, so that a client which is sent little does not resume from long ago.
                piece.push_str(&format!(": still here\nid: {}\n\n", self.cursor));
            }
            if !piece.is_empty() {
                return Some(piece);
            }
        }
    }

    /// Whether who opened it is still signed in, and still sees as much: who lost or won rights comes back for a stream of those that they
    /// have. A database that does not answer ends nothing; it is asked again with the next comment.
    fn is_still_allowed(&self) -> bool {
        let Some(holder) = &self.holder else { return true };
        match holder.current() {
            Ok(holder) => sees_everything(&holder) == self.subscription.everything,
            Err(problem) => problem.status() != StatusCode::UNAUTHORIZED,
        }
    }
}
