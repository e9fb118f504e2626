//! Key-value pairs in a SQLite file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use rusqlite::ErrorCode;

use crate::bindings::key_value::key_value::Error;
use crate::bindings::sqlite::sqlite::{Error as SqliteError, RowResult, Value};
use crate::faults::Faults;
use crate::private_files;
use crate::sqlite::Database;

/// The longest key, in bytes.
const MAX_KEY: usize = 256;

/// The largest value, in bytes.
const MAX_VALUE: usize = 1_000_000;

/// All key-value stores of the application, in one file. A write is durable when it returns, as in the application's databases.
pub struct KeyValue {
    database: Arc<Database>,
    faults: Faults,
}

impl KeyValue {
    /// Opens the file, which is created if it is missing. One that is damaged is set aside, and made anew: nothing in it is the record.
    pub fn open(path: &Path, faults: Faults) -> anyhow::Result<Self> {
        let cannot_open = || format!("cannot open {}", path.display());
        private_files::create(path).with_context(cannot_open)?;
        match set_up(path) {
            Err(error) if is_damage(&error) => {
                let aside = set_aside(path).with_context(|| format!("cannot set {} aside, which is damaged", path.display()))?;
                tracing::warn!(file = %path.display(), aside = %aside.display(), "the key-value store was damaged: set aside, and made anew: {error}");
                set_up(path).with_context(cannot_open)?;
            }
            result => result.with_context(cannot_open)?,
        }
        Ok(Self { database: Database::open_scratch(path)?, faults })
    }

    async fn read(&self, sql: &str, parameters: &[Value]) -> Result<Vec<RowResult>, Error> {
        self.faults.key_value_call().await;
        let outcome = self.database.read(sql, parameters).await.map_err(to_key_value_error)?;
        Ok(outcome.result.rows)
    }

    async fn write(&self, sql: &str, parameters: Vec<Value>) -> Result<(), Error> {
        self.faults.key_value_call().await;
        self.database.write(sql.to_owned(), parameters).await.map(drop).map_err(to_key_value_error)
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

/// Makes the table unless it is there; the error also of a file with damaged pages. It is small: a few hundred kilobytes at most.
fn set_up(path: &Path) -> rusqlite::Result<()> {
    let setup = rusqlite::Connection::open(path)?;
    setup.busy_timeout(std::time::Duration::from_secs(5))?;
    setup.execute_batch(
        "pragma journal_mode = wal;
         create table if not exists entries (
             store text not null, key text not null, value blob not null, primary key (store, key)
         ) strict, without rowid;",
    )?;
    let found: String = setup.query_row("pragma quick_check(1)", [], |row| row.get(0))?;
    if found == "ok" {
        return Ok(());
    }
    Err(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT), Some(found)))
}

fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// Renames the file, and removes what SQLite keeps beside it, which would be taken as that of the next one.
fn set_aside(path: &Path) -> std::io::Result<PathBuf> {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let named = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let aside = named(&format!(".damaged-{}", since_epoch.as_secs()));
    std::fs::rename(path, &aside)?;
    for beside in ["-wal", "-shm", "-journal"] {
        match std::fs::remove_file(named(beside)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(aside)
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
