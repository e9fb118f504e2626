//! What was sent, or could not be: the messages of the dispatcher, their deliveries, and the replay of dead letters (contract §6).

use axum::extract::Path;
use axum::{Extension, Json};
use http::StatusCode;
use kit::caller::{Admin, Caller};
use kit::db::{self, Row};
use kit::page::{Listing, Page};
use kit::request::{Now, Query, RequestId};
use kit::{Answer, Problem, outbox, params};
use serde_json::{Value, json};

use crate::read::below;

const STATES: [&str; 4] = ["queued", "sending", "sent", "dead"];
const CHANNELS: [&str; 5] = ["webhook", "sms", "mail", "chat", "ntfy"];

/// What a message shows, in the order that [`message`] reads.
const SELECT: &str = "select m.id, m.state, m.channel, m.contact, m.urgent, m.attempts, m.last_error, m.created_at, m.first_at,
        m.next_attempt_at, m.sent_at, o.topic, o.subject, o.level
     from messages m join outbox o on o.id = m.outbox_id";

fn message(row: &Row) -> Result<Value, Problem> {
    let state = row.text(1)?;
    let waiting = state == "queued";
    Ok(json!({
        "id": row.text(0)?,
        "state": state,
        "channel": row.text(2)?,
        "contact": row.text(3)?,
        "urgent": row.bool(4)?,
        "attempts": row.int(5)?,
        "last_error": row.opt_text(6)?,
        "created_at": row.time(7)?,
        "first_at": row.time(8)?,
        "next_attempt_at": if waiting { row.opt_time(9)? } else { None },
        "sent_at": row.opt_time(10)?,
        "topic": row.text(11)?,
        // The alert's id, or the emergency's: the topic tells which.
        "subject": row.text(12)?,
        "alert_id": row.text(12)?,
        "level": row.int(13)?,
    }))
}

/// GET `/api/dispatch/messages`: newest first; filters `state` (dead letters: `?state=dead`) and `channel`.
pub async fn list(_: Caller<Admin>, Query(query): Query) -> Answer<Page<Value>> {
    let listing = Listing::parse(&query, &["state", "channel"])?;
    let mut sql = format!("{SELECT} where m.id < ?");
    let mut params = vec![below(&listing)];
    if let Some(state) = listing.choice("state", &STATES)? {
        sql.push_str(" and m.state = ?");
        params.push(state.into());
    }
    if let Some(channel) = listing.choice("channel", &CHANNELS)? {
        // With `+`, SQLite looks the state up in its index, which tells more apart than the channel's.
        sql.push_str(if listing.filter("state").is_some() { " and +m.channel = ?" } else { " and m.channel = ?" });
        params.push(channel.into());
    }
    sql.push_str(" order by m.id desc limit ?");
    params.push(listing.fetch().into());
    let rows = db::run(&sql, params)?;
    listing.page(rows, |row| Ok(json!([row.text(0)?])), message)
}

/// GET `/api/dispatch/messages/{id}`: with its `deliveries`, one for each attempt.
pub async fn detail(_: Caller<Admin>, Path(id): Path<String>) -> Answer<Json<Value>> {
    let mut shown = one(&id)?;
    let rows = db::run(
        "select attempt, at, outcome, http_status, error, duration_ms from deliveries where message_id = ? order by attempt",
        params![&id],
    )?;
    let deliveries = rows.iter().map(|row| {
        Ok(json!({
            "attempt": row.int(0)?,
            "at": row.time(1)?,
            "outcome": row.text(2)?,
            "http_status": row.opt_int(3)?,
            "error": row.opt_text(4)?,
            "duration_ms": row.int(5)?,
        }))
    });
    shown["deliveries"] = deliveries.collect::<Result<Vec<Value>, Problem>>()?.into();
    Ok(Json(shown))
}

fn one(id: &str) -> Result<Value, Problem> {
    let rows = db::run(&format!("{SELECT} where m.id = ?"), params![id])?;
    message(rows.first().ok_or_else(|| Problem::not_found("message"))?)
}

/// POST `/api/dispatch/messages/{id}/replay` → 202: a dead letter is due again, for another 24 hours. Any other message: 409.
///
/// `attempts` goes on from where it was, since it numbers the deliveries.
pub async fn replay(
    caller: Caller<Admin>,
    Now(now): Now,
    Extension(RequestId(request_id)): Extension<RequestId>,
    Path(id): Path<String>,
) -> Answer<(StatusCode, Json<Value>)> {
    db::transaction(|transaction| {
        let queued = transaction.run(
            "update messages set state = 'queued', first_at = ?1, next_attempt_at = ?1, lease_until = null, lease_owner = null
             where id = ?2 and state = 'dead' returning id",
            params![now, &id],
        )?;
        if queued.first().is_none() {
            let rows = transaction.run("select state from messages where id = ?", params![&id])?;
            let row = rows.first().ok_or_else(|| Problem::not_found("message"))?;
            return Err(Problem::conflict(format!("the message is {}: only a dead one is replayed", row.text(0)?)));
        }
        transaction.run(
            "insert into audit_log (at, actor, action, entity, subject) values (?, ?, 'replayed', 'messages', ?)",
            params![now, &caller.0.id, &id],
        )?;
        Ok(())
    })?;
    outbox::wake_dispatcher(request_id);
    Ok((StatusCode::ACCEPTED, Json(one(&id)?)))
}
