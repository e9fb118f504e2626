//! The record: SQLite through `spin:sqlite`.
//!
//! Each instance keeps one connection for single statements; a transaction opens its own. The interface's synchronous `execute`
//! is used throughout: it gives all rows and the error at once, where `execute-async` returns before the statement has run.

use std::cell::OnceCell;

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
    fn of_message(message: &str) -> Self {
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

/// The rows of an answer.
#[derive(Debug, Default)]
pub struct Rows(Vec<Row>);

/// One row; columns by position.
#[derive(Debug)]
pub struct Row(Vec<Value>);

impl Rows {
    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first row, if any.
    pub fn first(&self) -> Option<&Row> {
        self.0.first()
    }

    /// In the statement's order.
    pub fn iter(&self) -> std::slice::Iter<'_, Row> {
        self.0.iter()
    }
}

impl IntoIterator for Rows {
    type Item = Row;
    type IntoIter = std::vec::IntoIter<Row>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl FromIterator<Row> for Rows {
    fn from_iter<I: IntoIterator<Item = Row>>(rows: I) -> Self {
        Self(rows.into_iter().collect())
    }
}

fn mismatch(index: usize, wanted: &str) -> Problem {
    Problem::internal(format!("column {index} is not {wanted}"))
}

impl Row {
    /// A text that is not null.
    pub fn text(&self, index: usize) -> Result<&str, Problem> {
        self.opt_text(index)?.ok_or_else(|| mismatch(index, "text"))
    }

    /// A text, or none for null.
    pub fn opt_text(&self, index: usize) -> Result<Option<&str>, Problem> {
        match self.0.get(index) {
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(Value::Null) => Ok(None),
            _ => Err(mismatch(index, "text or null")),
        }
    }

    /// An integer that is not null.
    pub fn int(&self, index: usize) -> Result<i64, Problem> {
        self.opt_int(index)?.ok_or_else(|| mismatch(index, "an integer"))
    }

    /// An integer, or none for null.
    pub fn opt_int(&self, index: usize) -> Result<Option<i64>, Problem> {
        match self.0.get(index) {
            Some(Value::Integer(int)) => Ok(Some(*int)),
            Some(Value::Null) => Ok(None),
            _ => Err(mismatch(index, "an integer or null")),
        }
    }

    /// 0 or 1 as a boolean.
    pub fn bool(&self, index: usize) -> Result<bool, Problem> {
        Ok(self.int(index)? != 0)
    }

    /// A number that is not null.
    pub fn real(&self, index: usize) -> Result<f64, Problem> {
        self.opt_real(index)?.ok_or_else(|| mismatch(index, "a number"))
    }

    /// A number, or none for null.
    pub fn opt_real(&self, index: usize) -> Result<Option<f64>, Problem> {
        match self.0.get(index) {
            Some(Value::Real(real)) => Ok(Some(*real)),
            #[expect(clippy::cast_precision_loss, reason = "SQLite gives whole reals of expressions as integers")]
            Some(Value::Integer(int)) => Ok(Some(*int as f64)),
            Some(Value::Null) => Ok(None),
            _ => Err(mismatch(index, "a number or null")),
        }
    }

    /// A JSON text, for an answer that repeats it unread.
    pub fn json(&self, index: usize) -> Result<Box<serde_json::value::RawValue>, Problem> {
        serde_json::value::RawValue::from_string(self.text(index)?.to_owned()).map_err(Problem::internal)
    }

    /// A time in milliseconds as RFC 3339, or none for null.
    pub fn opt_time(&self, index: usize) -> Result<Option<String>, Problem> {
        Ok(self.opt_int(index)?.map(domain::time::format_rfc3339))
    }

    /// A time in milliseconds as RFC 3339.
    pub fn time(&self, index: usize) -> Result<String, Problem> {
        Ok(domain::time::format_rfc3339(self.int(index)?))
    }

    /// The value as SQLite gave it.
    pub fn value(&self, index: usize) -> Option<&Value> {
        self.0.get(index)
    }
}

thread_local! {
    static CONNECTION: OnceCell<backend::Connection> = const { OnceCell::new() };
}

/// What runs a statement: a [`Transaction`], or the instance's own connection ([`run`]).
pub type Run<'a> = &'a dyn Fn(&str, Vec<Value>) -> Result<Rows, DbError>;

/// Runs one statement on this instance's connection, committed when this returns. The schema is there: the instance's first call
/// migrates ([`migrate`]).
pub fn run(sql: &str, params: Vec<Value>) -> Result<Rows, DbError> {
    on_connection(|connection| connection.run(sql, params))
}

/// As [`run`], for a change that gives no rows: how many rows it inserted, updated or deleted itself. What its triggers changed does
/// not count.
pub fn run_counted(sql: &str, params: Vec<Value>) -> Result<u64, DbError> {
    on_connection(|connection| {
        connection.run(sql, params)?;
        Ok(connection.changes())
    })
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
pub fn transaction<T>(work: impl FnOnce(&Transaction) -> Result<T, Problem>) -> Result<T, Problem> {
    // The instance's connection has made sure of the schema.
    run("select 1", Vec::new())?;
    let transaction = Transaction(backend::Connection::open()?);
    transaction.run("begin immediate", Vec::new())?;
    match work(&transaction) {
        Ok(value) => {
            transaction.run("commit", Vec::new())?;
            Ok(value)
        }
        Err(problem) => {
            // A connection that is dropped rolls back too; what this says of the refusal is not more than the refusal.
            let _ = transaction.run("rollback", Vec::new());
            Err(problem)
        }
    }
}

/// An open transaction, see [`transaction`].
pub struct Transaction(backend::Connection);

impl Transaction {
    /// Runs one statement inside it.
    pub fn run(&self, sql: &str, params: Vec<Value>) -> Result<Rows, DbError> {
        self.0.run(sql, params)
    }
}

#[cfg(target_family = "wasm")]
pub(crate) mod backend {
    use spin_sdk::sqlite::wit::sqlite;

    use super::{DbError, Row, Rows, Value};

    pub struct Connection(sqlite::Connection);

    impl Connection {
        pub fn open() -> Result<Self, DbError> {
            sqlite::Connection::open("default").map(Self).map_err(error)
        }

        pub fn run(&self, sql: &str, params: Vec<Value>) -> Result<Rows, DbError> {
            let params: Vec<_> = params.into_iter().map(lower).collect();
            let result = self.0.execute(sql, &params).map_err(error)?;
            let rows = result.rows.into_iter();
            Ok(Rows(rows.map(|row| Row(row.values.into_iter().map(lift).collect())).collect()))
        }

        /// Rows that the last change on this connection changed.
        pub fn changes(&self) -> u64 {
            self.0.changes()
        }
    }

    fn error(error: sqlite::Error) -> DbError {
        match error {
            sqlite::Error::Io(message) => DbError::of_message(&message),
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
        let unique = DbError::of_message("UNIQUE constraint failed: readings.device_id, readings.at");
        assert!(matches!(unique, DbError::Unique(columns) if columns == "readings.device_id, readings.at"));
        let remote = DbError::of_message(
            r#"stream error: `Error { message: "SQLite error: UNIQUE constraint failed: readings.device_id, readings.at", code: "SQLITE_CONSTRAINT" }`"#,
        );
        assert!(matches!(remote, DbError::Unique(columns) if columns == "readings.device_id, readings.at"));
        let null = DbError::of_message("NOT NULL constraint failed: readings.device_id");
        assert!(matches!(null, DbError::NotNull(column) if column == "readings.device_id"));
        assert!(matches!(DbError::of_message("database is locked"), DbError::Busy));
        assert!(matches!(DbError::of_message("SQLite error: database is locked (SQLITE_BUSY)"), DbError::Busy));
        assert!(matches!(DbError::of_message("FOREIGN KEY constraint failed"), DbError::Foreign));
    }
}
