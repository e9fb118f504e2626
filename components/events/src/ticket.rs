//! Tickets: a browser's EventSource cannot send headers, so it shows one of these in the query. One minute, one use.

use axum::Json;
use domain::role::Role;
use domain::time::{MINUTE_MS, format_rfc3339};
use http::StatusCode;
use kit::caller::{Caller, SignedIn};
use kit::request::Now;
use kit::{Answer, Problem, db, host, params};
use serde_json::{Value, json};

/// POST `/api/events/ticket` → 201 `{ticket, expires_at}`.
pub async fn issue(caller: Caller<SignedIn>, Now(now): Now) -> Answer<(StatusCode, Json<Value>)> {
    let ticket = host::new_secret()?;
    let expires_at = now + MINUTE_MS;
    db::run(
        "insert into event_tickets (ticket_hash, user_id, role, expires_at) values (?, ?, ?, ?)",
        params![host::sha256(ticket.as_bytes()), &caller.0.id, caller.0.role.into_str(), expires_at],
    )?;
    Ok((StatusCode::CREATED, Json(json!({ "ticket": ticket, "expires_at": format_rfc3339(expires_at) }))))
}

/// Takes a ticket, which is then used up; the role of whom it was given to. 401 when it is unknown, used or past its minute.
pub fn redeem(ticket: &str, now: i64) -> Result<Role, Problem> {
    let rows = db::run(
        "delete from event_tickets where ticket_hash = ? and expires_at > ? returning role",
        params![host::sha256(ticket.as_bytes()), now],
    )?;
    let row = rows.first().ok_or_else(|| Problem::unauthorized("the ticket is not valid, was used, or has expired"))?;
    row.text(0)?.parse().map_err(|_| Problem::internal("a ticket of unknown role"))
}
