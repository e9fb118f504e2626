//! A guest's connection to a database.

use std::sync::Arc;

use tokio::sync::OwnedMutexGuard;

use super::busy::{BUSY_TIMEOUT, BusyRetry, is_busy};
use super::database::Database;
use super::kind::Kind;
use super::statement::{self, Outcome, database_is_locked};
use crate::bindings::sqlite::sqlite::{Error, QueryResult, Value};

/// A guest's connection: its counters, and a dedicated SQLite connection while it needs one.
pub struct Session {
    database: Arc<Database>,
    dedicated: Option<Dedicated>,
    /// Rows changed by the most recent change.
    pub changes: u64,
    /// The rowid of the most recent insert.
    pub last_insert_rowid: i64,
}

/// A SQLite connection that one session uses alone.
struct Dedicated {
    /// `None` only while it is dropped.
    connection: Option<rusqlite::Connection>,
    /// The session has changed the connection's state (a temporary table, a setting): it must not be pooled again.
    modified: bool,
    /// Held from the first change to the end of the transaction.
    write_permit: Option<OwnedMutexGuard<()>>,
    database: Arc<Database>,
}

impl Session {
    /// A new connection.
    pub fn new(database: Arc<Database>) -> Self {
        Self { database, dedicated: None, changes: 0, last_insert_rowid: 0 }
    }

    /// Runs a statement to completion. A change outside a transaction is durable when this returns.
    pub async fn execute(&mut self, sql: String, parameters: Vec<Value>) -> Result<QueryResult, Error> {
        let kind = self.database.kind(&sql);
        let outcome = match (kind, &mut self.dedicated) {
            (Kind::Denied, _) => return Err(Error::Io("not authorized".to_owned())),
            (Kind::Check, _) => self.database.check(sql).await?,
            (_, Some(dedicated)) => dedicated.execute(kind, &sql, &parameters).await?,
            (Kind::ReadsCounters, None) => {
                let message = "last_insert_rowid() and changes() are for transactions: outside one, ask the connection";
                return Err(Error::Io(message.to_owned()));
            }
            (Kind::Read, None) => self.database.read(&sql, &parameters).await?,
            (Kind::ReadWhole, None) => self.database.read_whole(sql, parameters).await?,
            (Kind::Write, None) => self.database.write(sql, parameters).await?,
            (_, None) => {
                let dedicated = self.dedicated.insert(Dedicated::acquire(self.database.clone())?);
                let outcome = dedicated.execute(kind, &sql, &parameters).await;
                self.release_unneeded();
                outcome?
            }
        };
        self.release_unneeded();
        if let Some((changes, last_insert_rowid)) = outcome.counters {
            (self.changes, self.last_insert_rowid) = (changes, last_insert_rowid);
        }
        Ok(outcome.result)
    }

    fn release_unneeded(&mut self) {
        if self.dedicated.as_ref().is_some_and(Dedicated::is_unneeded) {
            self.dedicated = None;
        }
    }
}

impl Dedicated {
    fn acquire(database: Arc<Database>) -> Result<Self, Error> {
        let connection = database.acquire_dedicated()?;
        Ok(Self { connection: Some(connection), modified: false, write_permit: None, database })
    }

    fn in_transaction(&self) -> bool {
        self.connection.as_ref().is_some_and(|it| !it.is_autocommit())
    }

    fn is_unneeded(&self) -> bool {
        !self.modified && !self.in_transaction()
    }

    async fn execute(&mut self, kind: Kind, sql: &str, parameters: &[Value]) -> Result<Outcome, Error> {
        self.modified |= kind == Kind::ModifiesConnection;
        let may_write = !matches!(kind, Kind::Read | Kind::ReadWhole | Kind::ReadsCounters | Kind::Begin { immediate: false });
        if may_write && self.write_permit.is_none() {
            self.database.refuse_changes()?;
            let permit = tokio::time::timeout(BUSY_TIMEOUT, self.database.write_lock().lock_owned());
            self.write_permit = Some(permit.await.map_err(|_| database_is_locked())?);
        }
        let retry = BusyRetry::new();
        let outcome = loop {
            let Some(connection) = &self.connection else {
                return Err(Error::InvalidConnection);
            };
            match statement::run(connection, sql, parameters) {
                Err(error) if is_busy(&error) && retry.wait().await => {}
                outcome => break outcome.map_err(Error::from),
            }
        };
        if !self.in_transaction() && self.write_permit.take().is_some() {
            // It may have been a commit.
            return outcome.and_then(|outcome| self.database.confirm_commit().map(|()| outcome));
        }
        outcome
    }
}

impl Drop for Dedicated {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        let rolled_back = connection.is_autocommit() || connection.execute_batch("rollback").is_ok();
        if rolled_back && !self.modified {
            self.database.release_dedicated(connection);
        }
    }
}
