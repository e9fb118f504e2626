//! Connections at the media relay ask once, when they begin: each run asks the relay which go on, and ends those that may not.

use domain::camera::Level;
use domain::time::SECOND_MS;
use futures::future::join_all;
use kit::db::{Database, Executor as _, Fetch as _};
use kit::row::FromRow;
use kit::ticket::current;
use kit::{Answer, Problem, clock, host, params};

use crate::permission;
use crate::relay::{Failure, Relay};

/// Sessions that one run asks after.
const BATCH: i64 = 200;

/// How long a run asks after sessions, milliseconds: those that it does not come to are the first of the next.
const RUN_MS: u64 = 8_000;

/// A connection that has just been let in may not be known to the relay yet, milliseconds.
const BEGINS_MS: i64 = 10 * SECOND_MS;

/// A connection at the relay: its protocol and id.
pub type Connection = (String, String);

/// The connections of a session, as they are stored.
pub fn connections(stored: &str) -> Vec<Connection> {
    serde_json::from_str(stored).unwrap_or_default()
}

#[derive(FromRow)]
struct Session {
    id: String,
    camera_id: String,
    user_id: String,
    session: Option<String>,
    last_seen_at: i64,
    ended_at: Option<i64>,
    relay_connections: String,
}

/// Notes which sessions go on, and ends those whose owner may not look any more, and what is left of those that have ended. Those that were not looked
/// after for the longest time come first. One that the relay refuses to tell of keeps no other waiting; while it is away, all wait.
pub async fn run(relay: &Relay, now: i64) -> Answer<()> {
    let sessions: Vec<Session> = Database.fetch_all(
        "select id, camera_id, user_id, session, last_seen_at, ended_at, relay_connections
         from camera_sessions indexed by camera_sessions_at_relay where relay_connections <> '[]' order by last_seen_at limit ?1",
        params![BATCH],
    )?;
    let (started, mut refused) = (clock::now_ms(), 0_usize);
    for session in sessions {
        if clock::now_ms().saturating_sub(started) >= RUN_MS {
            break;
        }
        match look_after(relay, &session, now).await? {
            Ok(()) => {}
            Err(Failure::Away) => break,
            Err(Failure::Refused(_)) => refused += 1,
        }
    }
    if refused > 0 {
        host::log("warn", "the relay refuses to tell of connections, or to end them", serde_json::json!({ "sessions": refused }));
    }
    Ok(())
}

async fn look_after(relay: &Relay, session: &Session, now: i64) -> Answer<Result<(), Failure>> {
    let known = connections(&session.relay_connections);
    if session.ended_at.is_some() {
        return match end_all(relay, &known).await {
            Ok(()) => forget(&session.id).map(Ok),
            Err(failure) => Ok(Err(failure)),
        };
    }
    if !may_look(session, now) {
        // The token lets nobody in any more, whatever the relay does now; what it does not end is ended by the next run.
        let ended = end_all(relay, &known).await;
        let left = if ended.is_ok() { &[] } else { &known[..] };
        return note(session, left, Some("not_allowed"), now).map(|()| ended);
    }
    // A token opens a few connections: they are asked after together.
    let asked = join_all(known.iter().map(|(protocol, id)| relay.has_session(protocol, id))).await;
    let mut open = Vec::new();
    for (connection, goes_on) in known.into_iter().zip(asked) {
        match goes_on {
            Ok(true) => open.push(connection),
            Ok(false) => {}
            Err(failure) => return Ok(Err(failure)),
        }
    }
    let because = match open.is_empty() {
        true if session.last_seen_at > now - BEGINS_MS => return Ok(Ok(())),
        true => Some("left"),
        false => None,
    };
    note(session, &open, because, now).map(Ok)
}

/// Whether a session's owner may still look. A database that does not answer ends nothing.
fn may_look(session: &Session, now: i64) -> bool {
    let refused = current(&session.user_id, session.session.clone())
        .and_then(|holder| permission::require(&session.camera_id, &holder, Level::View, now))
        .and_then(permission::require_active)
        .err();
    refused.is_none_or(|problem| problem.status().is_server_error())
}

/// Ends connections at the relay: every one that it does not refuse to end.
pub async fn end_all(relay: &Relay, connections: &[Connection]) -> Result<(), Failure> {
    let mut ended = Ok(());
    for (protocol, id) in connections {
        match relay.kick(protocol, id).await {
            Err(Failure::Away) => return Err(Failure::Away),
            other => ended = ended.and(other),
        }
    }
    ended
}

/// Forgets the connections of a session, which are over.
pub fn forget(session: &str) -> Answer<()> {
    Database.run("update camera_sessions set relay_connections = '[]' where id = ?", params![session])?;
    Ok(())
}

/// One that has asked meanwhile is left for the next run.
fn note(session: &Session, left: &[Connection], because: Option<&str>, now: i64) -> Answer<()> {
    let left = serde_json::to_string(left).map_err(Problem::internal)?;
    Database.run(
        "update camera_sessions set last_seen_at = iif(?3 is null, ?2, last_seen_at), ended_at = iif(?3 is null, null, ?2), ended_because = ?3,
            relay_connections = ?4
         where id = ?1 and ended_at is null and relay_connections = ?5",
        params![&session.id, now, because, left, &session.relay_connections],
    )?;
    Ok(())
}
