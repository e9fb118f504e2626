//! The record: SQLite through `spin:sqlite`.
//!
//! Each instance keeps one connection for single statements ([`kept`]); a transaction opens its own. The interface's synchronous `execute`
//! is used throughout: it gives all rows and the error at once, where `execute-async` returns before the statement has run.

pub(crate) mod backend;
pub mod error;
mod kept;
pub(crate) mod patience;
pub mod value;

use crate::Problem;
use crate::row::{Column, FromRow};
pub use crate::row::{Row, Rows};
pub use error::{DbError, Outage};
pub use value::Value;

/// Something that runs SQL: a [`Transaction`], or the instance's own connection ([`Database`]).
pub trait Executor {
    /// Runs one statement.
    fn run(&self, sql: &str, params: Vec<Value>) -> Result<Rows, DbError>;
}

/// What statements are usually asked for.
pub trait Fetch: Executor {
    /// The first row as a `T`, if there is one.
    fn fetch_optional<T: FromRow>(&self, sql: &str, params: Vec<Value>) -> Result<Option<T>, Problem> {
        self.run(sql, params)?.first().map(T::from_row).transpose()
    }

    /// Each row as a `T`.
    fn fetch_all<T: FromRow>(&self, sql: &str, params: Vec<Value>) -> Result<Vec<T>, Problem> {
        self.run(sql, params)?.read()
    }

    /// The first column of the first row, if there is one.
    fn fetch_scalar<T: Column>(&self, sql: &str, params: Vec<Value>) -> Result<Option<T>, Problem> {
        self.run(sql, params)?.first().map(Row::scalar).transpose()
    }

    /// Whether the statement gives any row.
    fn exists(&self, sql: &str, params: Vec<Value>) -> Result<bool, Problem> {
        Ok(!self.run(sql, params)?.is_empty())
    }
}

impl<E: Executor + ?Sized> Fetch for E {}

/// This instance's connection: each statement is committed when it returns. The schema is there: the instance's first call migrates
/// ([`migrate`]).
#[derive(Clone, Copy, Debug)]
pub struct Database;

impl Executor for Database {
    fn run(&self, sql: &str, params: Vec<Value>) -> Result<Rows, DbError> {
        if !kept::is_read(sql) {
            crate::kept::forget();
        }
        let params = backend::lower(params);
        kept::with(sql, |connection| patience::retry(|| connection.run(sql, &params)))
    }
}

impl Database {
    /// As [`Executor::run`], for a change that gives no rows: how many rows it inserted, updated or deleted itself. What its triggers
    /// changed does not count.
    pub fn run_counted(self, sql: &str, params: Vec<Value>) -> Result<u64, DbError> {
        crate::kept::forget();
        let params = backend::lower(params);
        kept::with(sql, |connection| {
            patience::retry(|| connection.run(sql, &params))?;
            connection.changes()
        })
    }
}

/// Runs one statement that changes nothing of what is stored on a connection of its own, which has nothing of the database in its cache.
pub fn on_own_connection(sql: &str) -> Result<Rows, DbError> {
    backend::Connection::open()?.run(sql, &backend::lower(Vec::new()))
}

/// Runs `work` between `begin immediate` and `commit` on a connection that no other request shares, and rolls back when it
/// refuses. Keep it short: writers wait for each other.
pub fn transaction<T, E: From<DbError>>(work: impl FnOnce(&Transaction) -> Result<T, E>) -> Result<T, E> {
    crate::kept::forget();
    let transaction = Transaction(kept::begin()?);
    match work(&transaction) {
        Ok(value) => {
            patience::retry(|| transaction.0.control("commit"))?;
            Ok(value)
        }
        Err(refusal) => {
            // A connection that is dropped rolls back too; what this says of the refusal is not more than the refusal.
            let _ = transaction.0.control("rollback");
            Err(refusal)
        }
    }
}

/// An open transaction, see [`transaction`].
pub struct Transaction(backend::Connection);

impl Executor for Transaction {
    fn run(&self, sql: &str, params: Vec<Value>) -> Result<Rows, DbError> {
        self.0.run(sql, &backend::lower(params))
    }
}
