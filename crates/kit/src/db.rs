//! The record: SQLite through `spin:sqlite`.
//!
//! Each instance keeps one connection for single statements; a transaction opens its own. The interface's synchronous `execute`
//! is used throughout: it gives all rows and the error at once, where `execute-async` returns before the statement has run.

pub mod error;
pub mod value;

use std::cell::OnceCell;

use crate::row::{Column, FromRow};
pub use crate::row::{Row, Rows};
use crate::{Problem, migrate};
pub use error::DbError;
pub use value::Value;

thread_local! {
    static CONNECTION: OnceCell<backend::Connection> = const { OnceCell::new() };
}

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
        on_connection(|connection| connection.run(sql, params))
    }
}

impl Database {
    /// As [`Executor::run`], for a change that gives no rows: how many rows it inserted, updated or deleted itself. What its triggers
    /// changed does not count.
    pub fn run_counted(self, sql: &str, params: Vec<Value>) -> Result<u64, DbError> {
        on_connection(|connection| {
            connection.run(sql, params)?;
            Ok(connection.changes())
        })
    }
}

fn on_connection<T>(work: impl FnOnce(&backend::Connection) -> Result<T, DbError>) -> Result<T, DbError> {
    CONNECTION.with(|cell| {
        let connection = match cell.get() {
            Some(connection) => connection,
            None => {
                let opened = backend::Connection::open()?;
                migrate::ensure(&opened)?;
                cell.get_or_init(|| opened)
            }
        };
        work(connection)
    })
}

/// Runs `work` between `begin immediate` and `commit` on a connection that no other request shares, and rolls back when it
/// refuses. Keep it short: writers wait for each other.
pub fn transaction<T, E: From<DbError>>(work: impl FnOnce(&Transaction) -> Result<T, E>) -> Result<T, E> {
    // The instance's connection has made sure of the schema.
    Database.run("select 1", Vec::new())?;
    let transaction = Transaction(backend::Connection::open()?);
    transaction.run("begin immediate", Vec::new())?;
    match work(&transaction) {
        Ok(value) => {
            transaction.run("commit", Vec::new())?;
            Ok(value)
        }
        Err(refusal) => {
            // A connection that is dropped rolls back too; what this says of the refusal is not more than the refusal.
            let _ = transaction.run("rollback", Vec::new());
            Err(refusal)
        }
    }
}

/// An open transaction, see [`transaction`].
pub struct Transaction(backend::Connection);

impl Executor for Transaction {
    fn run(&self, sql: &str, params: Vec<Value>) -> Result<Rows, DbError> {
        self.0.run(sql, params)
    }
}

#[cfg(target_family = "wasm")]
pub(crate) mod backend {
    use spin_sdk::sqlite::wit::sqlite;

    use super::{DbError, Rows, Value};

    pub struct Connection(sqlite::Connection);

    impl Connection {
        pub fn open() -> Result<Self, DbError> {
            sqlite::Connection::open("default").map(Self).map_err(error)
        }

        pub fn run(&self, sql: &str, params: Vec<Value>) -> Result<Rows, DbError> {
            let params: Vec<_> = params.into_iter().map(lower).collect();
            let result = self.0.execute(sql, &params).map_err(error)?;
            Ok(Rows::new(result.columns, result.rows.into_iter().map(|row| row.values.into_iter().map(lift).collect())))
        }

        /// Rows that the last change on this connection changed.
        pub fn changes(&self) -> u64 {
            self.0.changes()
        }
    }

    fn error(error: sqlite::Error) -> DbError {
        match error {
            sqlite::Error::Io(message) => DbError::from_message(&message),
            other => DbError::Other(format!("{other:?}")),
        }
    }

    fn lower(value: Value) -> sqlite::Value {
        match value {
            Value::Integer(it) => sqlite::Value::Integer(it),
            Value::Real(it) => sqlite::Value::Real(it),
            Value::Text(it) => sqlite::Value::Text(it),
            Value::Blob(it) => sqlite::Value::Blob(it),
            Value::Null => sqlite::Value::Null,
        }
    }

    fn lift(value: sqlite::Value) -> Value {
        match value {
            sqlite::Value::Integer(it) => Value::Integer(it),
            sqlite::Value::Real(it) => Value::Real(it),
            sqlite::Value::Text(it) => Value::Text(it),
            sqlite::Value::Blob(it) => Value::Blob(it),
            sqlite::Value::Null => Value::Null,
        }
    }
}

/// Outside a component there is no database; what needs one is tested over HTTP.
#[cfg(not(target_family = "wasm"))]
pub(crate) mod backend {
    use super::{DbError, Rows, Value};

    pub struct Connection;

    impl Connection {
        pub fn open() -> Result<Self, DbError> {
            Err(DbError::Other("there is no database outside Spin".to_owned()))
        }

        pub fn run(&self, _sql: &str, _params: Vec<Value>) -> Result<Rows, DbError> {
            Err(DbError::Other("there is no database outside Spin".to_owned()))
        }

        pub fn changes(&self) -> u64 {
            0
        }
    }
}
