//! A database file: its connections, and running single statements on them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use parking_lot::RwLock;

use super::busy::{BusyRetry, WriteLock, is_busy};
use super::connection::{Pool, connect};
use super::kind::Kind;
use super::statement::{self, Outcome};
use super::writer::Writer;
use crate::bindings::sqlite::sqlite::{Error, Value};

/// The most statements whose kind is cached.
const KIND_CACHE: usize = 4_096;

/// A database file.
pub struct Database {
    path: PathBuf,
    writer: Writer,
    write_lock: WriteLock,
    readers: Pool,
    /// Connections that sessions may borrow, for transactions.
    dedicated: Pool,
    kinds: RwLock<HashMap<String, Kind>>,
}

impl Database {
    /// Opens the file, which is created if it is missing. Must be called within a tokio runtime.
    pub fn open(path: &Path) -> Result<Arc<Self>> {
        let connection = connect(path).with_context(|| format!("cannot open {}", path.display()))?;
        let write_lock = WriteLock::default();
        Ok(Arc::new(Self {
            path: path.to_owned(),
            writer: Writer::new(connection, write_lock.clone())?,
            write_lock,
            readers: Pool::default(),
            dedicated: Pool::default(),
            kinds: RwLock::default(),
        }))
    }

    /// Sessions hold this while they write on a dedicated connection.
    pub(super) fn write_lock(&self) -> WriteLock {
        self.write_lock.clone()
    }

    /// Borrows a connection for one session alone.
    pub(super) fn acquire_dedicated(&self) -> rusqlite::Result<rusqlite::Connection> {
        self.dedicated.acquire(&self.path)
    }

    /// Returns a connection that has no transaction open, nor other state of its session.
    pub(super) fn release_dedicated(&self, connection: rusqlite::Connection) {
        self.dedicated.release(connection);
    }

    /// How a statement must be run.
    pub(super) fn kind(&self, sql: &str) -> Kind {
        if let Some(kind) = self.kinds.read().get(sql) {
            return *kind;
        }
        let mut compiled = true;
        let kind = Kind::classify(sql, || {
            let readonly = self.readers.acquire(&self.path).and_then(|reader| {
                let readonly = reader.prepare_cached(sql).map(|it| it.readonly());
                self.readers.release(reader);
                readonly
            });
            compiled = readonly.is_ok();
            // A statement that does not compile fails on a reader as well.
            readonly.unwrap_or(true)
        });
        if !compiled {
            // Not cached, as it may compile later: after a migration, or once the database is no longer busy.
            return kind;
        }
        let mut kinds = self.kinds.write();
        if kinds.len() >= KIND_CACHE {
            kinds.clear();
        }
        kinds.insert(sql.to_owned(), kind);
        kind
    }

    /// Runs a statement that changes nothing, on the caller's thread.
    pub async fn read(&self, sql: &str, parameters: &[Value]) -> Result<Outcome, Error> {
        let reader = self.readers.acquire(&self.path).map_err(Error::from)?;
        let retry = BusyRetry::new();
        loop {
            match statement::run(&reader, sql, parameters) {
                Err(error) if is_busy(&error) && retry.wait().await => {}
                outcome => {
                    self.readers.release(reader);
                    return outcome.map_err(Error::from);
                }
            }
        }
    }

    /// Runs one change and commits it, in a group with others.
    pub async fn write(&self, sql: String, parameters: Vec<Value>) -> Result<Outcome, Error> {
        self.writer.submit(sql, parameters).await
    }
}
