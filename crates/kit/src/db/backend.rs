//! Connections of `spin:sqlite`.

use super::{DbError, Rows, Value};

#[cfg(target_family = "wasm")]
pub use guest::{Connection, Params, lower};
#[cfg(not(target_family = "wasm"))]
pub use native::{Connection, Params, lower};

impl Connection {
    /// Runs a statement without parameters and rows.
    pub fn control(&self, sql: &str) -> Result<(), DbError> {
        self.run(sql, &Params::default()).map(drop)
    }
}

#[cfg(target_family = "wasm")]
mod guest {
    use spin_sdk::sqlite::wit::sqlite;

    use super::{DbError, Rows, Value};

    pub struct Connection(sqlite::Connection);

    /// Parameters as the interface takes them.
    pub type Params = Vec<sqlite::Value>;

    impl Connection {
        pub fn open() -> Result<Self, DbError> {
            sqlite::Connection::open("default").map(Self).map_err(error)
        }

        pub fn run(&self, sql: &str, params: &Params) -> Result<Rows, DbError> {
            let result = self.0.execute(sql, params).map_err(error)?;
            Ok(Rows::new(result.columns, result.rows.into_iter().map(|row| row.values.into_iter().map(lift).collect())))
        }

        /// Rows that the last change on this connection changed.
        pub fn changes(&self) -> Result<u64, DbError> {
            let changes = self.0.changes();
            if changes > 0 {
                return Ok(changes);
            }
            // Of a remote database the interface counts nothing (libsql 0.5): the database itself does. Where the interface counts, the
            // function may be refused outside a transaction.
            match self.run("select changes()", &Params::new()) {
                Ok(rows) => Ok(rows.first().and_then(|row| row.scalar::<i64>().ok()).and_then(|it| u64::try_from(it).ok()).unwrap_or(0)),
                // The change has been made: it is not to be made again because its count is not known.
                Err(DbError::Away(message)) => Err(DbError::Other(message)),
                Err(_) => Ok(0),
            }
        }
    }

    fn error(error: sqlite::Error) -> DbError {
        match error {
            sqlite::Error::Io(message) => DbError::from_message(&message),
            sqlite::Error::DatabaseFull => DbError::from_message("database or disk is full"),
            other => DbError::Other(format!("{other:?}")),
        }
    }

    pub fn lower(params: Vec<Value>) -> Params {
        let lower = |value| match value {
            Value::Integer(it) => sqlite::Value::Integer(it),
            Value::Real(it) => sqlite::Value::Real(it),
            Value::Text(it) => sqlite::Value::Text(it),
            Value::Blob(it) => sqlite::Value::Blob(it),
            Value::Null => sqlite::Value::Null,
        };
        params.into_iter().map(lower).collect()
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
mod native {
    use super::{DbError, Rows, Value};

    pub struct Connection;

    pub type Params = Vec<Value>;

    impl Connection {
        pub fn open() -> Result<Self, DbError> {
            Err(none())
        }

        pub fn run(&self, _sql: &str, _params: &Params) -> Result<Rows, DbError> {
            Err(none())
        }

        pub fn changes(&self) -> Result<u64, DbError> {
            Err(none())
        }
    }

    pub fn lower(params: Vec<Value>) -> Params {
        params
    }

    fn none() -> DbError {
        DbError::Other("there is no database outside Spin".to_owned())
    }
}
