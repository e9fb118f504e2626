//! The host functions of `spin:sqlite`.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use tokio::sync::Mutex;
use wasmtime::component::{Accessor, FutureReader, HasData, Resource, ResourceTable, StreamReader};

use super::remote::{Connected, Location};
use crate::bindings::sqlite::sqlite::{Connection, Error, Host, HostConnection, HostConnectionWithStore, QueryResult, RowResult, Value};

/// The databases that a component may open.
pub struct SqliteAccess {
    /// The component's name.
    pub component: String,
    /// By label, those that the manifest grants it.
    pub granted: HashMap<String, Location>,
    /// The labels of all databases of the application.
    pub known: Arc<BTreeSet<String>>,
}

/// The part of an instance's state that `spin:sqlite` needs.
pub struct SqliteView<'a> {
    /// The databases that the component may open.
    pub access: &'a SqliteAccess,
    /// The resources that the instance holds.
    pub table: &'a mut ResourceTable,
}

/// Implements `spin:sqlite` for any store that has a [`SqliteView`].
pub struct SqliteHost;

impl HasData for SqliteHost {
    type Data<'a> = SqliteView<'a>;
}

/// What the resource table holds for a guest's `connection`.
type SharedSession = Arc<Mutex<Connected>>;

type OpenResult = Result<Resource<Connection>, Error>;
type StreamResult = Result<(Vec<String>, StreamReader<RowResult>, FutureReader<Result<(), Error>>), Error>;

impl SqliteView<'_> {
    fn open(&mut self, label: &str) -> wasmtime::Result<OpenResult> {
        let Some(database) = self.access.granted.get(label) else {
            let known = self.access.known.contains(label);
            return Ok(Err(if known { Error::AccessDenied } else { Error::NoSuchDatabase }));
        };
        let session: SharedSession = Arc::new(Mutex::new(database.connect(&self.access.component)));
        let resource = self.table.push(session)?;
        Ok(Ok(Resource::new_own(resource.rep())))
    }

    fn session(&self, connection: &Resource<Connection>) -> wasmtime::Result<SharedSession> {
        Ok(self.table.get(&Resource::<SharedSession>::new_borrow(connection.rep()))?.clone())
    }
}

/// A connection runs one statement at a time.
fn in_use() -> Error {
    Error::Io("the connection is in use".to_owned())
}

impl Host for SqliteView<'_> {}

impl HostConnection for SqliteView<'_> {
    async fn open(&mut self, label: String) -> wasmtime::Result<OpenResult> {
        Self::open(self, &label)
    }

    async fn execute(
        &mut self,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<Value>,
    ) -> wasmtime::Result<Result<QueryResult, Error>> {
        let session = self.session(&connection)?;
        let Ok(mut session) = session.try_lock() else {
            return Ok(Err(in_use()));
        };
        Ok(session.execute(statement, parameters).await)
    }

    async fn last_insert_rowid(&mut self, connection: Resource<Connection>) -> wasmtime::Result<i64> {
        Ok(self.session(&connection)?.try_lock().map_or(0, |it| it.last_insert_rowid()))
    }

    async fn changes(&mut self, connection: Resource<Connection>) -> wasmtime::Result<u64> {
        Ok(self.session(&connection)?.try_lock().map_or(0, |it| it.changes()))
    }

    async fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(Resource::<SharedSession>::new_own(connection.rep()))?;
        Ok(())
    }
}

impl<T: Send + 'static> HostConnectionWithStore<T> for SqliteHost {
    async fn open_async(accessor: &Accessor<T, Self>, label: String) -> wasmtime::Result<OpenResult> {
        accessor.with(|mut access| access.get().open(&label))
    }

    async fn last_insert_rowid_async(accessor: &Accessor<T, Self>, connection: Resource<Connection>) -> wasmtime::Result<i64> {
        let session = accessor.with(|mut access| access.get().session(&connection))?;
        Ok(session.lock().await.last_insert_rowid())
    }

    async fn changes_async(accessor: &Accessor<T, Self>, connection: Resource<Connection>) -> wasmtime::Result<u64> {
        let session = accessor.with(|mut access| access.get().session(&connection))?;
        Ok(session.lock().await.changes())
    }

    async fn execute_async(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<Value>,
    ) -> wasmtime::Result<StreamResult> {
        let session = accessor.with(|mut access| access.get().session(&connection))?;
        // On a task of its own: otherwise a synchronous call of the same instance would stop it halfway.
        let running = tokio::spawn(async move { session.lock().await.execute(statement, parameters).await });
        let outcome = running.await.unwrap_or_else(|_| Err(in_use()));
        // As on Spin, errors are reported by the future that follows the rows.
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
