//! `spin:sqlite`: databases in files, each with one writer that commits in groups and a pool of readers.
//!
//! To a guest it is as if each of its connections were one to the file, as on Spin. Single statements go to whichever real
//! connection suits them; a transaction, or anything that would leave a mark on a connection, gets one of its own.

mod host;
mod session;
mod statement;
mod writer;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

pub use self::host::Connection;
pub use self::session::Session;
pub use self::statement::Outcome;
use self::statement::{Kind, error, is_busy};
use self::writer::Writer;
use crate::wit::sqlite::sqlite::{Error, Value};

/// How long a statement waits for the write lock before "database is locked", as on Spin.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The most idle connections that are kept, of each kind.
const POOL: usize = 4;

/// The most statements whose kind is remembered.
const KINDS: usize = 4_096;

/// Held by whoever writes, so that writers within this process queue fairly instead of polling SQLite's lock.
type Gate = Arc<tokio::sync::Mutex<()>>;

/// A database file.
pub struct Database {
    path: PathBuf,
    writer: Writer,
    gate: Gate,
    readers: Pool,
    /// For transactions of guests.
    spare: Pool,
    kinds: RwLock<HashMap<String, Kind>>,
}

#[derive(Default)]
struct Pool(Mutex<Vec<rusqlite::Connection>>);

impl Pool {
    fn take(&self) -> Option<rusqlite::Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn give(&self, connection: rusqlite::Connection) {
        let mut pool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if pool.len() < POOL {
            pool.push(connection);
        }
    }
}

fn connect(path: &Path) -> rusqlite::Result<rusqlite::Connection> {
    let connection = rusqlite::Connection::open(path)?;
    connection.set_prepared_statement_cache_capacity(256);
    // These read the file, which somebody may be turning to WAL just now.
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.execute_batch("pragma foreign_keys = on; pragma synchronous = full;")?;
    // From here on, waiting is done outside, where it blocks no thread.
    connection.busy_timeout(Duration::ZERO)?;
    Ok(connection)
}

impl Database {
    /// Opens the file, which is made when missing. Must be called within a tokio runtime.
    pub fn open(path: &Path) -> Result<Arc<Self>> {
        let connection = connect(path).with_context(|| format!("cannot open {}", path.display()))?;
        let gate = Gate::default();
        Ok(Arc::new(Self {
            path: path.to_owned(),
            writer: Writer::new(connection, gate.clone())?,
            gate,
            readers: Pool::default(),
            spare: Pool::default(),
            kinds: RwLock::default(),
        }))
    }

    fn reader(&self) -> rusqlite::Result<rusqlite::Connection> {
        self.readers.take().map_or_else(|| connect(&self.path), Ok)
    }

    fn kind(&self, sql: &str) -> Kind {
        if let Some(kind) = self.kinds.read().unwrap_or_else(PoisonError::into_inner).get(sql) {
            return *kind;
        }
        let mut compiled = true;
        let kind = Kind::of(sql, || {
            let readonly = self.reader().and_then(|reader| {
                let readonly = reader.prepare_cached(sql).map(|it| it.readonly());
                self.readers.give(reader);
                readonly
            });
            compiled = readonly.is_ok();
            // What does not compile fails as a read does, too.
            readonly.unwrap_or(true)
        });
        if !compiled {
            // It may compile later: when a migration is through, or the database is no longer busy.
            return kind;
        }
        let mut kinds = self.kinds.write().unwrap_or_else(PoisonError::into_inner);
        if kinds.len() >= KINDS {
            kinds.clear();
        }
        kinds.insert(sql.to_owned(), kind);
        kind
    }

    /// Runs a statement that changes nothing, on the caller's thread.
    pub async fn read(&self, sql: &str, parameters: &[Value]) -> Result<Outcome, Error> {
        let reader = self.reader().map_err(|it| error(&it))?;
        let mut patience = Patience::new();
        loop {
            match statement::run(&reader, sql, parameters) {
                Err(failure) if is_busy(&failure) && patience.more().await => {}
                outcome => {
                    self.readers.give(reader);
                    return outcome.map_err(|it| error(&it));
                }
            }
        }
    }

    /// Runs one autocommitted change, in a group with others.
    pub async fn write(&self, sql: String, parameters: Vec<Value>) -> Result<Outcome, Error> {
        self.writer.submit(sql, parameters).await
    }
}

/// Waiting for a lock that somebody outside this process holds.
struct Patience(Instant);

impl Patience {
    fn new() -> Self {
        Self(Instant::now() + BUSY_TIMEOUT)
    }

    /// Waits a little; `false` when the time is up.
    async fn more(&mut self) -> bool {
        let more = Instant::now() < self.0;
        if more {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        more
    }
}
