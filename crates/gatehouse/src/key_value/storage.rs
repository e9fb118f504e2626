//! Key-value pairs in a SQLite file.

use std::path::Path;
use std::sync::Arc;

use crate::bindings::key_value::key_value::Error;
use crate::bindings::sqlite::sqlite::{Error as SqliteError, RowResult, Value};
use crate::sqlite::Database;

/// The longest key, in bytes.
const MAX_KEY: usize = 256;

/// The largest value, in bytes.
const MAX_VALUE: usize = 1_000_000;

/// All key-value stores of the application, in one file. A write is durable when it returns, as in the application's databases.
pub struct KeyValue(Arc<Database>);

impl KeyValue {
    /// Opens the file, which is created if it is missing.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let setup = rusqlite::Connection::open(path)?;
        setup.busy_timeout(std::time::Duration::from_secs(5))?;
        setup.execute_batch(
            "pragma journal_mode = wal;
             create table if not exists entries (
                 store text not null, key text not null, value blob not null, primary key (store, key)
             ) strict, without rowid;",
        )?;
        Ok(Self(Database::open(path)?))
    }

    async fn read(&self, sql: &str, parameters: &[Value]) -> Result<Vec<RowResult>, Error> {
        let outcome = self.0.read(sql, parameters).await.map_err(to_key_value_error)?;
        Ok(outcome.result.rows)
    }

    async fn write(&self, sql: &str, parameters: Vec<Value>) -> Result<(), Error> {
        self.0.write(sql.to_owned(), parameters).await.map(drop).map_err(to_key_value_error)
    }

    /// The value of a key.
    pub async fn get(&self, store: &str, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let rows = self.read("select value from entries where store = ? and key = ?", &[text(store), text(key)]).await?;
        let value = rows.into_iter().next().and_then(|row| row.values.into_iter().next());
        Ok(match value {
            Some(Value::Blob(value)) => Some(value),
            _ => None,
        })
    }

    /// Sets the value of a key.
    ///
    /// # Errors
    /// If the key is longer than 256 bytes or the value larger than 1 MB.
    pub async fn set(&self, store: &str, key: &str, value: Vec<u8>) -> Result<(), Error> {
        if key.len() > MAX_KEY || value.len() > MAX_VALUE {
            return Err(Error::Other(format!("a key has at most {MAX_KEY} bytes, a value {MAX_VALUE}")));
        }
        let sql = "insert into entries values (?, ?, ?) on conflict do update set value = excluded.value";
        self.write(sql, vec![text(store), text(key), Value::Blob(value)]).await
    }

    /// Deletes a key, if it exists.
    pub async fn delete(&self, store: &str, key: &str) -> Result<(), Error> {
        self.write("delete from entries where store = ? and key = ?", vec![text(store), text(key)]).await
    }

    /// All keys of a store.
    pub async fn keys(&self, store: &str) -> Result<Vec<String>, Error> {
        let rows = self.read("select key from entries where store = ?", &[text(store)]).await?;
        let values = rows.into_iter().flat_map(|row| row.values);
        Ok(values.filter_map(|value| if let Value::Text(key) = value { Some(key) } else { None }).collect())
    }
}

fn text(it: &str) -> Value {
    Value::Text(it.to_owned())
}

fn to_key_value_error(error: SqliteError) -> Error {
    Error::Other(match error {
        SqliteError::Io(message) => message,
        _ => "the store cannot be written".to_owned(),
    })
}
