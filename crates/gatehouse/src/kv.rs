//! `spin:key-value`: small values in a SQLite file of their own. A scratch pad: a write survives this process, and is given to the
//! disk soon after.

use std::path::Path;
use std::sync::Arc;

use wasmtime::component::{Accessor, FutureReader, Resource, StreamReader};

use crate::guest::{Guest, GuestData};
use crate::sqlite::Database;
use crate::wit::key_value::key_value::{Error, Host, HostStore, HostStoreWithStore};
use crate::wit::sqlite::sqlite::{Error as SqlError, RowResult, Value};

/// The longest key, in bytes.
const KEY: usize = 256;

/// The largest value, in bytes.
const VALUE: usize = 1_000_000;

/// All stores of the application.
pub struct KeyValue(Arc<Database>);

/// The resource that a guest holds: its label.
pub struct Store(String);

impl KeyValue {
    /// Opens the file, which is made when missing.
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

    async fn rows(&self, sql: &str, parameters: &[Value]) -> Result<Vec<RowResult>, Error> {
        let outcome = self.0.read(sql, parameters).await.map_err(other)?;
        Ok(outcome.result.rows)
    }

    async fn get(&self, store: &str, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let sql = "select value from entries where store = ? and key = ?";
        let rows = self.rows(sql, &[text(store), text(key)]).await?;
        let value = rows.into_iter().next().and_then(|row| row.values.into_iter().next());
        Ok(match value {
            Some(Value::Blob(value)) => Some(value),
            _ => None,
        })
    }

    async fn set(&self, store: &str, key: &str, value: Vec<u8>) -> Result<(), Error> {
        if key.len() > KEY || value.len() > VALUE {
            return Err(Error::Other(format!("a key has at most {KEY} bytes, a value {VALUE}")));
        }
        let sql = "insert into entries values (?, ?, ?) on conflict do update set value = excluded.value";
        let parameters = vec![text(store), text(key), Value::Blob(value)];
        self.0.write(sql.to_owned(), parameters).await.map(drop).map_err(other)
    }

    async fn delete(&self, store: &str, key: &str) -> Result<(), Error> {
        let sql = "delete from entries where store = ? and key = ?";
        let parameters = vec![text(store), text(key)];
        self.0.write(sql.to_owned(), parameters).await.map(drop).map_err(other)
    }

    async fn keys(&self, store: &str) -> Result<Vec<String>, Error> {
        let rows = self.rows("select key from entries where store = ?", &[text(store)]).await?;
        Ok(rows
            .into_iter()
            .flat_map(|row| row.values)
            .filter_map(|value| if let Value::Text(key) = value { Some(key) } else { None })
            .collect())
    }
}

fn text(it: &str) -> Value {
    Value::Text(it.to_owned())
}

fn other(error: SqlError) -> Error {
    Error::Other(match error {
        SqlError::Io(message) => message,
        _ => "the store cannot be written".to_owned(),
    })
}

impl Host for Guest {}

impl HostStore for Guest {
    async fn drop(&mut self, store: Resource<Store>) -> wasmtime::Result<()> {
        self.table.delete(store)?;
        Ok(())
    }
}

type Done<T> = wasmtime::Result<Result<T, Error>>;

fn store_of<T: 'static>(accessor: &Accessor<T, GuestData>, store: &Resource<Store>) -> wasmtime::Result<(Arc<KeyValue>, String)> {
    accessor.with(|mut access| {
        let guest = access.get();
        Ok((guest.component.key_value.clone(), guest.table.get(store)?.0.clone()))
    })
}

impl<T: Send + 'static> HostStoreWithStore<T> for GuestData {
    async fn open(accessor: &Accessor<T, Self>, label: String) -> Done<Resource<Store>> {
        accessor.with(|mut access| {
            let guest = access.get();
            if !guest.component.stores.contains(&label) {
                return Ok(Err(if label == "default" { Error::AccessDenied } else { Error::NoSuchStore }));
            }
            Ok(Ok(guest.table.push(Store(label))?))
        })
    }

    async fn get(accessor: &Accessor<T, Self>, store: Resource<Store>, key: String) -> Done<Option<Vec<u8>>> {
        let (stores, store) = store_of(accessor, &store)?;
        Ok(stores.get(&store, &key).await)
    }

    async fn set(accessor: &Accessor<T, Self>, store: Resource<Store>, key: String, value: Vec<u8>) -> Done<()> {
        let (stores, store) = store_of(accessor, &store)?;
        Ok(stores.set(&store, &key, value).await)
    }

    async fn delete(accessor: &Accessor<T, Self>, store: Resource<Store>, key: String) -> Done<()> {
        let (stores, store) = store_of(accessor, &store)?;
        Ok(stores.delete(&store, &key).await)
    }

    async fn exists(accessor: &Accessor<T, Self>, store: Resource<Store>, key: String) -> Done<bool> {
        let (stores, store) = store_of(accessor, &store)?;
        Ok(stores.get(&store, &key).await.map(|it| it.is_some()))
    }

    async fn get_keys(
        accessor: &Accessor<T, Self>,
        store: Resource<Store>,
    ) -> wasmtime::Result<(StreamReader<String>, FutureReader<Result<(), Error>>)> {
        let (stores, store) = store_of(accessor, &store)?;
        let (keys, end) = match stores.keys(&store).await {
            Ok(keys) => (keys, Ok(())),
            Err(error) => (Vec::new(), Err(error)),
        };
        accessor.with(|mut access| {
            let keys = StreamReader::new(&mut access, keys)?;
            let end = FutureReader::new(&mut access, async move { wasmtime::error::Ok(end) })?;
            Ok((keys, end))
        })
    }
}
