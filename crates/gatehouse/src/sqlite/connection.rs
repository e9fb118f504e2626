//! Connections to a database file, and pools of them.

use std::path::Path;
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::{Connection, OpenFlags, Result};

use super::busy::BUSY_TIMEOUT;

/// The most idle connections in a pool.
const MAX_IDLE: usize = 4;

/// The most prepared statements that a connection keeps.
const STATEMENT_CACHE: usize = 256;

/// Whether a file that is missing is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Create {
    /// The first time that it is opened.
    Yes,
    /// Ever after: an empty file is not what was there.
    No,
}

/// Opens a connection with foreign keys enforced and every commit synced. It reports a held lock at once: see
/// [`super::busy::BusyRetry`].
pub fn connect(path: &Path, create: Create) -> Result<Connection> {
    let mut flags = OpenFlags::default();
    flags.set(OpenFlags::SQLITE_OPEN_CREATE, create == Create::Yes);
    let connection = Connection::open_with_flags(path, flags)?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    // The pragmas read the file, which another connection may be switching to WAL at this moment.
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.execute_batch("pragma foreign_keys = on; pragma synchronous = full;")?;
    connection.busy_timeout(Duration::ZERO)?;
    Ok(connection)
}

/// Idle connections.
#[derive(Default)]
pub struct Pool(Mutex<Vec<Connection>>);

impl Pool {
    /// Takes an idle connection, or opens one.
    pub fn acquire(&self, open: impl FnOnce() -> Result<Connection>) -> Result<Connection> {
        let idle = self.0.lock().pop();
        idle.map_or_else(open, Ok)
    }

    /// Returns a connection for others to use.
    pub fn release(&self, connection: Connection) {
        let mut idle = self.0.lock();
        if idle.len() < MAX_IDLE {
            idle.push(connection);
        }
    }
}
