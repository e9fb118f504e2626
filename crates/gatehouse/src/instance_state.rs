//! The host state of one component instance: the data of its Wasmtime store.

use std::collections::HashMap;
use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime::{Engine, Store, StoreLimits, StoreLimitsBuilder};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::clock::Clock;
use crate::engine::MAX_INSTANCE_MEMORY;
use crate::key_value::{KeyValueAccess, KeyValueView};
use crate::outbound::OutboundHttp;
use crate::sqlite::{SqliteAccess, SqliteView};
use crate::stdio::Stdio;
use crate::variables::host::VariablesView;

/// A component's configuration and what the manifest grants it. All its instances share it.
pub struct ComponentContext {
    /// Its name in the manifest.
    pub name: String,
    /// Its variables, templates expanded.
    pub variables: HashMap<String, String>,
    /// The databases that it may open.
    pub sqlite: SqliteAccess,
    /// The key-value stores that it may open.
    pub key_value: KeyValueAccess,
    /// Where it may send requests.
    pub outbound: OutboundHttp,
    /// Its wall clock.
    pub clock: Clock,
    /// Its standard output and error.
    pub stdio: Stdio,
}

/// The host state of an instance.
pub struct InstanceState {
    /// The component that it is an instance of.
    pub component: Arc<ComponentContext>,
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outbound: OutboundHttp,
    limits: StoreLimits,
}

impl InstanceState {
    /// Creates the store of a new instance, which yields to the scheduler at every tick of the engine's epoch.
    pub fn new_store(engine: &Engine, component: Arc<ComponentContext>) -> Store<Self> {
        let mut wasi = WasiCtxBuilder::new();
        wasi.stdout(component.stdio.clone())
            .stderr(component.stdio.clone())
            .wall_clock(component.clock.clone())
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false);
        let state = Self {
            table: ResourceTable::new(),
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            outbound: component.outbound.clone(),
            limits: StoreLimitsBuilder::new().memory_size(MAX_INSTANCE_MEMORY).build(),
            component,
        };
        let mut store = Store::new(engine, state);
        store.limiter(|state| &mut state.limits);
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        store
    }

    /// What `spin:key-value` needs of this state.
    pub fn key_value(&mut self) -> KeyValueView<'_> {
        KeyValueView { access: &self.component.key_value, table: &mut self.table }
    }

    /// What `spin:sqlite` needs of this state.
    pub fn sqlite(&mut self) -> SqliteView<'_> {
        SqliteView { access: &self.component.sqlite, table: &mut self.table }
    }

    /// What `spin:variables` needs of this state.
    pub fn variables(&mut self) -> VariablesView<'_> {
        VariablesView { values: &self.component.variables }
    }
}

impl WasiView for InstanceState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for InstanceState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.outbound, table: &mut self.table, ctx: &mut self.http }
    }
}
