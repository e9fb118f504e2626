//! One instance of a component: the state behind its imports.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Weak};

use wasmtime::component::{HasData, ResourceTable};
use wasmtime::{Engine, Store, StoreLimits, StoreLimitsBuilder};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{ForbiddenHeaderFilter, WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::clock::Clock;
use crate::engine::MEMORY_LIMIT;
use crate::http::Router;
use crate::kv::KeyValue;
use crate::outbound::{AllowedHosts, Hooks};
use crate::sqlite::Database;
use crate::stdio::Stdio;
use crate::wit::cron_types;

/// What a component is and is granted; all its instances share it.
pub struct ComponentState {
    /// Its name in the manifest.
    pub name: String,
    /// Its variables, their templates filled.
    pub variables: HashMap<String, String>,
    /// The databases that it may open.
    pub databases: HashMap<String, Arc<Database>>,
    /// The labels of the databases that exist at all.
    pub known_databases: Arc<BTreeSet<String>>,
    /// The key-value stores that it may open.
    pub stores: BTreeSet<String>,
    /// The key-value stores of the application.
    pub key_value: Arc<KeyValue>,
    /// Where it may send requests.
    pub allowed_hosts: Arc<AllowedHosts>,
    /// The application's own routes.
    pub router: Weak<Router>,
    /// The headers that it may not set.
    pub forbidden_headers: ForbiddenHeaderFilter,
    /// The time that it sees.
    pub clock: Clock,
    /// Where it prints.
    pub stdio: Stdio,
}

/// The data of an instance's store.
pub struct Guest {
    /// The component that it is an instance of.
    pub component: Arc<ComponentState>,
    /// The resources that it holds.
    pub table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: Hooks,
    limits: StoreLimits,
}

/// How the generated bindings reach a [`Guest`] in its store.
pub struct GuestData;

impl HasData for GuestData {
    type Data<'a> = &'a mut Guest;
}

impl Guest {
    /// A store for a new instance.
    pub fn store(engine: &Engine, component: Arc<ComponentState>) -> Store<Self> {
        let mut wasi = WasiCtxBuilder::new();
        wasi.stdout(component.stdio.clone())
            .stderr(component.stdio.clone())
            .wall_clock(component.clock.clone())
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false);
        let hooks = Hooks::new(component.allowed_hosts.clone(), component.router.clone(), component.forbidden_headers.clone());
        let guest = Self {
            component,
            table: ResourceTable::new(),
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            hooks,
            limits: StoreLimitsBuilder::new().memory_size(MEMORY_LIMIT).build(),
        };
        let mut store = Store::new(engine, guest);
        store.limiter(|guest| &mut guest.limits);
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        store
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.hooks, table: &mut self.table, ctx: &mut self.http }
    }
}

impl cron_types::Host for Guest {}
