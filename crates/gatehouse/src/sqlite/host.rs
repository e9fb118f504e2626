//! The host functions of `spin:sqlite`.

use std::sync::Arc;

use tokio::sync::Mutex;
use wasmtime::component::{Accessor, FutureReader, Resource, StreamReader};

use super::Session;
use crate::guest::{Guest, GuestData};
use crate::wit::sqlite::sqlite::{Error, Host, HostConnection, HostConnectionWithStore, QueryResult, RowResult, Value};

/// The resource that a guest holds.
pub struct Connection(Arc<Mutex<Session>>);

type Opened = Result<Resource<Connection>, Error>;
type Streamed = Result<(Vec<String>, StreamReader<RowResult>, FutureReader<Result<(), Error>>), Error>;

impl Guest {
    fn open_database(&mut self, label: &str) -> wasmtime::Result<Opened> {
        let Some(database) = self.component.databases.get(label) else {
            let known = self.component.known_databases.contains(label);
            return Ok(Err(if known { Error::AccessDenied } else { Error::NoSuchDatabase }));
        };
        let session = Session::new(database.clone());
        Ok(Ok(self.table.push(Connection(Arc::new(Mutex::new(session))))?))
    }

    fn session(&self, connection: &Resource<Connection>) -> wasmtime::Result<Arc<Mutex<Session>>> {
        Ok(self.table.get(connection)?.0.clone())
    }
}

/// A connection does one thing at a time.
fn occupied() -> Error {
    Error::Io("the connection is in use".to_owned())
}

impl Host for Guest {}

impl HostConnection for Guest {
    async fn open(&mut self, label: String) -> wasmtime::Result<Opened> {
        self.open_database(&label)
    }

    async fn execute(
        &mut self,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<Value>,
    ) -> wasmtime::Result<Result<QueryResult, Error>> {
        let session = self.session(&connection)?;
        let Ok(mut session) = session.try_lock() else {
            return Ok(Err(occupied()));
        };
        Ok(session.execute(statement, parameters).await)
    }

    async fn last_insert_rowid(&mut self, connection: Resource<Connection>) -> wasmtime::Result<i64> {
        Ok(self.session(&connection)?.try_lock().map_or(0, |it| it.last_rowid))
    }

    async fn changes(&mut self, connection: Resource<Connection>) -> wasmtime::Result<u64> {
        Ok(self.session(&connection)?.try_lock().map_or(0, |it| it.changes))
    }

    async fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        Ok(())
    }
}

impl<T: Send + 'static> HostConnectionWithStore<T> for GuestData {
    async fn open_async(accessor: &Accessor<T, Self>, label: String) -> wasmtime::Result<Opened> {
        accessor.with(|mut access| access.get().open_database(&label))
    }

    async fn last_insert_rowid_async(accessor: &Accessor<T, Self>, connection: Resource<Connection>) -> wasmtime::Result<i64> {
        let session = accessor.with(|mut access| access.get().session(&connection))?;
        Ok(session.lock().await.last_rowid)
    }

    async fn changes_async(accessor: &Accessor<T, Self>, connection: Resource<Connection>) -> wasmtime::Result<u64> {
        let session = accessor.with(|mut access| access.get().session(&connection))?;
        Ok(session.lock().await.changes)
    }

    async fn execute_async(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<Value>,
    ) -> wasmtime::Result<Streamed> {
        let session = accessor.with(|mut access| access.get().session(&connection))?;
        // On a task of its own: a synchronous call of the same instance would keep it from going on.
        let running = tokio::spawn(async move { session.lock().await.execute(statement, parameters).await });
        let outcome = running.await.unwrap_or_else(|_| Err(occupied()));
        // As on Spin, what goes wrong is told by the future that follows the rows.
        let (result, end) = match outcome {
            Ok(result) => (result, Ok(())),
            Err(error) => (QueryResult::default(), Err(error)),
        };
        accessor.with(|mut access| {
            let rows = StreamReader::new(&mut access, result.rows)?;
            let end = FutureReader::new(&mut access, async move { wasmtime::error::Ok(end) })?;
            Ok(Ok((result.columns, rows, end)))
        })
    }
}
