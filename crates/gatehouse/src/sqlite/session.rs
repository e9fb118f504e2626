//! What a guest takes for its connection.

use std::sync::Arc;

use super::statement::{self, Kind, Outcome, error, is_busy, locked};
use super::{BUSY_TIMEOUT, Database, Patience, connect};
use crate::wit::sqlite::sqlite::{Error, QueryResult, Value};

/// A guest's connection: its counters, and a real connection of its own while it needs one.
pub struct Session {
    database: Arc<Database>,
    own: Option<Own>,
    /// Rows changed by the last change.
    pub changes: u64,
    /// The last rowid inserted.
    pub last_rowid: i64,
}

struct Own {
    /// `None` only while it is being given back.
    connection: Option<rusqlite::Connection>,
    /// It bears marks of this guest: no other may have it.
    sticky: bool,
    permit: Option<tokio::sync::OwnedMutexGuard<()>>,
    database: Arc<Database>,
}

impl Session {
    /// A new connection.
    pub fn new(database: Arc<Database>) -> Self {
        Self { database, own: None, changes: 0, last_rowid: 0 }
    }

    /// Runs a statement to its end. A change outside a transaction is durable when this returns.
    pub async fn execute(&mut self, sql: String, parameters: Vec<Value>) -> Result<QueryResult, Error> {
        let kind = self.database.kind(&sql);
        let outcome = match (kind, &mut self.own) {
            (Kind::Denied, _) => return Err(Error::Io("not authorized".to_owned())),
            (_, Some(own)) => own.execute(kind, &sql, &parameters).await?,
            (Kind::AboutConnection, None) => {
                let message = "last_insert_rowid() and changes() are for transactions: outside one, ask the connection";
                return Err(Error::Io(message.to_owned()));
            }
            (Kind::Read, None) => self.database.read(&sql, &parameters).await?,
            (Kind::Write, None) => self.database.write(sql, parameters).await?,
            (_, None) => {
                let own = self.own.insert(Own::new(self.database.clone())?);
                let outcome = own.execute(kind, &sql, &parameters).await;
                self.let_go();
                outcome?
            }
        };
        self.let_go();
        if let Some((changes, last_rowid)) = outcome.counters {
            (self.changes, self.last_rowid) = (changes, last_rowid);
        }
        Ok(outcome.result)
    }

    /// Gives the own connection back when nothing needs it any more.
    fn let_go(&mut self) {
        if self.own.as_ref().is_some_and(Own::is_done) {
            self.own = None;
        }
    }
}

impl Own {
    fn new(database: Arc<Database>) -> Result<Self, Error> {
        let connection = database.spare.take().map_or_else(|| connect(&database.path), Ok);
        let connection = connection.map_err(|it| error(&it))?;
        Ok(Self { connection: Some(connection), sticky: false, permit: None, database })
    }

    fn is_done(&self) -> bool {
        !self.sticky && self.connection.as_ref().is_none_or(rusqlite::Connection::is_autocommit)
    }

    async fn execute(&mut self, kind: Kind, sql: &str, parameters: &[Value]) -> Result<Outcome, Error> {
        self.sticky |= kind == Kind::Sticky;
        let may_write = !matches!(kind, Kind::Read | Kind::AboutConnection | Kind::Begin(false));
        if may_write && self.permit.is_none() {
            let permit = tokio::time::timeout(BUSY_TIMEOUT, self.database.gate.clone().lock_owned());
            self.permit = Some(permit.await.map_err(|_| locked())?);
        }
        let mut patience = Patience::new();
        let outcome = loop {
            let Some(connection) = &self.connection else {
                return Err(Error::InvalidConnection);
            };
            match statement::run(connection, sql, parameters) {
                Err(failure) if is_busy(&failure) && patience.more().await => {}
                outcome => break outcome.map_err(|it| error(&it)),
            }
        };
        if self.connection.as_ref().is_none_or(rusqlite::Connection::is_autocommit) {
            self.permit = None;
        }
        outcome
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        let clean = connection.is_autocommit() || connection.execute_batch("rollback").is_ok();
        if clean && !self.sticky {
            self.database.spare.give(connection);
        }
    }
}
