//! Connections at the media relay ask once, when they begin: each run asks the relay which go on, and ends those that may not.

use domain::camera::Level;
use domain::time::SECOND_MS;
use kit::db::{Database, Executor as _, Fetch as _};
use kit::row::FromRow;
use kit::ticket::current;
use kit::{Answer, Problem, params};

use crate::permission;
use crate::relay::Relay;

/// Sessions that one run asks after.
const BATCH: i64 = 200;

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

/// Notes which sessions go on, and ends those whose owner may not look any more, and what is left of those that have ended.
pub async fn run(relay: &Relay, now: i64) -> Answer<()> {
    let sessions: Vec<Session> = Database.fetch_all(
        "select id, camera_id, user_id, session, last_seen_at, ended_at, relay_connections
         from camera_sessions indexed by camera_sessions_at_relay where relay_connections <> '[]' order by last_seen_at limit ?1",
        params![BATCH],
    )?;
    for session in sessions {
        let known = connections(&session.relay_connections);
        if session.ended_at.is_some() {
            if !end_all(relay, &known).await {
                return Ok(());
            }
            forget(&session.id)?;
            continue;
        }
        let mut open = Vec::new();
        for (protocol, id) in known {
            let Ok(goes_on) = relay.has_session(&protocol, &id).await else { return Ok(()) };
            if goes_on {
                open.push((protocol, id));
            }
        }
        let because = match (may_look(&session, now), open.is_empty()) {
            (false, _) => Some("not_allowed"),
            (true, true) if session.last_seen_at > now - BEGINS_MS => continue,
            (true, true) => Some("left"),
            (true, false) => None,
        };
        // Where the relay does not do it now, the next run tries again.
        if because.is_none() || end_all(relay, &open).await {
            note(&session, &open, because, now)?;
        }
    }
    Ok(())
}

/// Whether a session's owner may still look. A database that does not answer ends nothing.
fn may_look(session: &Session, now: i64) -> bool {
    let refused = current(&session.user_id, session.session.clone())
        .and_then(|holder| permission::require(&session.camera_id, &holder, Level::View, now))
        .and_then(permission::require_active)
        .err();
    refused.is_none_or(|problem| problem.status().is_server_error())
}

/// Ends connections at the relay; whether it has.
pub async fn end_all(relay: &Relay, connections: &[Connection]) -> bool {
    for (protocol, id) in connections {
        if relay.kick(protocol, id).await.is_err() {
            return false;
        }
    }
    true
}

/// Forgets the connections of a session, which are over.
pub fn forget(session: &str) -> Answer<()> {
    Database.run("update camera_sessions set relay_connections = '[]' where id = ?", params![session])?;
    Ok(())
}

/// One that has asked meanwhile is left for the next run.
fn note(session: &Session, open: &[Connection], because: Option<&str>, now: i64) -> Answer<()> {
    let left = if because.is_some() { &[] } else { open };
    let left = serde_json::to_string(left).map_err(Problem::internal)?;
    Database.run(
        "update camera_sessions set last_seen_at = iif(?3 is null, ?2, last_seen_at), ended_at = iif(?3 is null, null, ?2), ended_because = ?3,
            relay_connections = ?4
         where id = ?1 and ended_at is null and relay_connections = ?5",
        params![&session.id, now, because, left, &session.relay_connections],
    )?;
    Ok(())
}
