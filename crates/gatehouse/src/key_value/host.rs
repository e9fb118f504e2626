//! The host functions of `spin:key-value`.

use std::collections::BTreeSet;
use std::sync::Arc;

use wasmtime::component::{Accessor, FutureReader, HasData, Resource, ResourceTable, StreamReader};

use super::storage::KeyValue;
use crate::bindings::key_value::key_value::{Error, Host, HostStore, HostStoreWithStore, Store};

/// The key-value stores that a component may open.
pub struct KeyValueAccess {
    /// The labels that the manifest grants it.
    pub granted: BTreeSet<String>,
    /// The stores of the application.
    pub stores: Arc<KeyValue>,
}

/// The part of an instance's state that `spin:key-value` needs.
pub struct KeyValueView<'a> {
    /// The stores that the component may open.
    pub access: &'a KeyValueAccess,
    /// The resources that the instance holds.
    pub table: &'a mut ResourceTable,
}

/// Implements `spin:key-value` for any store that has a [`KeyValueView`].
pub struct KeyValueHost;

impl HasData for KeyValueHost {
    type Data<'a> = KeyValueView<'a>;
}

/// What the resource table holds for a guest's `store`.
struct Label(String);

impl KeyValueView<'_> {
    fn open(&mut self, label: String) -> wasmtime::Result<Result<Resource<Store>, Error>> {
        if !self.access.granted.contains(&label) {
            return Ok(Err(if label == "default" { Error::AccessDenied } else { Error::NoSuchStore }));
        }
        let resource = self.table.push(Label(label))?;
        Ok(Ok(Resource::new_own(resource.rep())))
    }

    fn label(&self, store: &Resource<Store>) -> wasmtime::Result<String> {
        Ok(self.table.get(&Resource::<Label>::new_borrow(store.rep()))?.0.clone())
    }
}

impl Host for KeyValueView<'_> {}

impl HostStore for KeyValueView<'_> {
    async fn drop(&mut self, store: Resource<Store>) -> wasmtime::Result<()> {
        self.table.delete(Resource::<Label>::new_own(store.rep()))?;
        Ok(())
    }
}

type HostResult<T> = wasmtime::Result<Result<T, Error>>;

fn lookup<T: 'static>(accessor: &Accessor<T, KeyValueHost>, store: &Resource<Store>) -> wasmtime::Result<(Arc<KeyValue>, String)> {
    accessor.with(|mut access| {
        let view = access.get();
        Ok((view.access.stores.clone(), view.label(store)?))
    })
}

impl<T: Send + 'static> HostStoreWithStore<T> for KeyValueHost {
    async fn open(accessor: &Accessor<T, Self>, label: String) -> HostResult<Resource<Store>> {
        accessor.with(|mut access| access.get().open(label))
    }

    async fn get(accessor: &Accessor<T, Self>, store: Resource<Store>, key: String) -> HostResult<Option<Vec<u8>>> {
        let (stores, label) = lookup(accessor, &store)?;
        Ok(stores.get(&label, &key).await)
    }

    async fn set(accessor: &Accessor<T, Self>, store: Resource<Store>, key: String, value: Vec<u8>) -> HostResult<()> {
        let (stores, label) = lookup(accessor, &store)?;
        Ok(stores.set(&label, &key, value).await)
    }

    async fn delete(accessor: &Accessor<T, Self>, store: Resource<Store>, key: String) -> HostResult<()> {
        let (stores, label) = lookup(accessor, &store)?;
        Ok(stores.delete(&label, &key).await)
    }

    async fn exists(accessor: &Accessor<T, Self>, store: Resource<Store>, key: String) -> HostResult<bool> {
        let (stores, label) = lookup(accessor, &store)?;
        Ok(stores.get(&label, &key).await.map(|it| it.is_some()))
    }

    async fn get_keys(
        accessor: &Accessor<T, Self>,
        store: Resource<Store>,
    ) -> wasmtime::Result<(StreamReader<String>, FutureReader<Result<(), Error>>)> {
        let (stores, label) = lookup(accessor, &store)?;
        let (keys, end) = match stores.keys(&label).await {
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
