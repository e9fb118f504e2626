//! The record: SQLite through `spin:sqlite`.
//!
//! Each instance keeps one connection for single statements; a transaction opens its own. The interface's synchronous `execute`
//! is used throughout: it gives all rows and the error at once, where `execute-async` returns before the statement has run.

use std::cell::OnceCell;

use crate::row::{Column, FromRow};
pub use crate::row::{Row, Rows};
use crate::{Problem, migrate};

/// A value that SQLite stores.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// 64-bit integer; booleans are 0 and 1, times milliseconds.
    Integer(i64),
    /// 64-bit float.
    Real(f64),
    /// UTF-8 text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
    /// SQL `null`.
    Null,
}

macro_rules! value_from {
    ($($from:ty => |$it:ident| $to:expr),* $(,)?) => {
        $(impl From<$from> for Value {
            fn from($it: $from) -> Self {
                $to
            }
        })*
    };
}

value_from! {
    i64 => |it| Value::Integer(it),
    i32 => |it| Value::Integer(it.into()),
    u32 => |it| Value::Integer(it.into()),
    u16 => |it| Value::Integer(it.into()),
    bool => |it| Value::Integer(it.into()),
    f64 => |it| Value::Real(it),
    &str => |it| Value::Text(it.to_owned()),
    &String => |it| Value::Text(it.clone()),
    String => |it| Value::Text(it),
    Vec<u8> => |it| Value::Blob(it),
    [u8; 32] => |it| Value::Blob(it.to_vec()),
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(it: Option<T>) -> Self {
        it.map_or(Value::Null, Into::into)
    }
}

/// The parameters of a statement: `params![now, "x", None::<i64>]`.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { ::std::vec![$($crate::db::Value::from($value)),*] };
}

/// Why a statement failed, as far as callers act on it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DbError {
    /// Another writer held the database for longer than the busy timeout.
    #[error("database is locked")]
    Busy,
    /// A unique constraint, with the columns that SQLite names (`table.column, …`).
    #[error("not unique: {0}")]
    Unique(String),
    /// A `not null` constraint, with the column.
    #[error("null: {0}")]
    NotNull(String),
    /// A foreign key.
    #[error("a foreign key does not hold")]
    Foreign,
    /// A `check` constraint, with its text.
    #[error("check: {0}")]
    Check(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl DbError {
    /// Sorts SQLite's message; the interface gives nothing else.
    #[cfg(any(target_family = "wasm", test))]
    fn from_message(message: &str) -> Self {
        // A remote database quotes SQLite's words inside its own.
        let quoted = |rest: &str| rest.split(['"', '`']).next().unwrap_or_default().trim_end().to_owned();
        let after = |prefix: &str| message.split_once(prefix).map(|(_, rest)| rest);
        if let Some(columns) = after("UNIQUE constraint failed: ") {
            Self::Unique(quoted(columns))
        } else if let Some(column) = after("NOT NULL constraint failed: ") {
            Self::NotNull(quoted(column))
        } else if let Some(text) = after("CHECK constraint failed: ") {
            Self::Check(text.to_owned())
        } else if message.contains("FOREIGN KEY constraint failed") {
            Self::Foreign
        } else if message.contains("database is locked") || message.contains("database is busy") {
            Self::Busy
        } else {
            Self::Other(message.to_owned())
        }
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_sorted_as_sqlite_words_them() {
        let unique = DbError::from_message("UNIQUE constraint failed: readings.device_id, readings.at");
        assert!(matches!(unique, DbError::Unique(columns) if columns == "readings.device_id, readings.at"));
        let remote = DbError::from_message(
            r#"stream error: `Error { message: "SQLite error: UNIQUE constraint failed: readings.device_id, readings.at", code: "SQLITE_CONSTRAINT" }`"#,
        );
        assert!(matches!(remote, DbError::Unique(columns) if columns == "readings.device_id, readings.at"));
        let null = DbError::from_message("NOT NULL constraint failed: readings.device_id");
        assert!(matches!(null, DbError::NotNull(column) if column == "readings.device_id"));
        assert!(matches!(DbError::from_message("database is locked"), DbError::Busy));
        assert!(matches!(DbError::from_message("SQLite error: database is locked (SQLITE_BUSY)"), DbError::Busy));
        assert!(matches!(DbError::from_message("FOREIGN KEY constraint failed"), DbError::Foreign));
    }
}
