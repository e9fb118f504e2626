//! The WebSockets of sessions that began with polling.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

/// What ends the WebSocket of a session that began with polling, by the session's id.
#[derive(Default)]
pub struct Connections(Mutex<HashMap<String, CancellationToken>>);

impl Connections {
    /// What ends the WebSocket of a session that began with polling, if it has one.
    pub fn of(&self, sid: &str) -> Option<CancellationToken> {
        self.0.lock().get(sid).cloned()
    }
}

/// Its place there, until the WebSocket is closed.
pub struct Registered {
    connections: Arc<Connections>,
    sid: Option<String>,
}

impl Registered {
    /// Registers the WebSocket of a session that began with polling; of one that did not, nothing.
    pub fn new(connections: Arc<Connections>, sid: Option<String>, gone: &CancellationToken) -> Self {
        if let Some(sid) = &sid {
            connections.0.lock().insert(sid.clone(), gone.clone());
        }
        Self { connections, sid }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        if let Some(sid) = &self.sid {
            self.connections.0.lock().remove(sid);
        }
    }
}
