//! The host state of one component instance: the data of its Wasmtime store.

use std::collections::HashMap;
use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime::{Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::clock::Clock;
use crate::guest_body::Written;
use crate::key_value::{KeyValueAccess, KeyValueView};
use crate::memory::{InstanceMemory, Memory, Turn};
use crate::mqtt::{MqttAccess, MqttView};
use crate::outbound::OutboundHttp;
use crate::sqlite::{SqliteAccess, SqliteView};
use crate::stdio::Stdio;
use crate::traces::SpanContext;
use crate::variables::host::VariablesView;
use crate::whole_message;

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
    /// Where it may publish messages.
    pub mqtt: MqttAccess,
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
    memory: InstanceMemory,
    /// The bodies of the responses that the guest has made and not returned yet, by the response.
    bodies: Vec<(u32, Written)>,
    /// Whether the guest knows of [`crate::whole_message`].
    pub asks_for_whole_messages: bool,
}

impl InstanceState {
    /// Creates the store of a new instance, which yields to the scheduler at every tick of the engine's epoch.
    pub fn new_store(engine: &Engine, component: Arc<ComponentContext>, memory: &Arc<Memory>, turn: Turn) -> Store<Self> {
        let mut wasi = WasiCtxBuilder::new();
        let (name, value) = whole_message::AGREEMENT;
        wasi.env(name, value)
            .stdout(component.stdio.clone())
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
            memory: InstanceMemory::new(memory, turn),
            bodies: Vec::new(),
            asks_for_whole_messages: false,
            component,
        };
        let mut store = Store::new(engine, state);
        store.limiter_async(|state| &mut state.memory);
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        store
    }

    /// Says what the instance does from now on, for the traces of its outbound calls.
    pub fn set_span(&mut self, span: Option<SpanContext>) {
        self.outbound.set_span(span);
    }

    /// Says how the instance takes memory from now on.
    pub fn set_turn(&mut self, turn: Turn) {
        self.memory.set_turn(turn);
    }

    /// Keeps the body of a response.
    pub fn keep_body(&mut self, response: u32, body: Written) {
        self.bodies.push((response, body));
    }

    /// The body that was kept for a response.
    pub fn take_body(&mut self, response: u32) -> Option<Written> {
        let at = self.bodies.iter().position(|(of, _)| *of == response)?;
        Some(self.bodies.swap_remove(at).1)
    }

    /// What `spin:key-value` needs of this state.
    pub fn key_value(&mut self) -> KeyValueView<'_> {
        KeyValueView { access: &self.component.key_value, table: &mut self.table }
    }

    /// What `spin:mqtt` needs of this state.
    pub fn mqtt(&mut self) -> MqttView<'_> {
        MqttView { access: &self.component.mqtt, table: &mut self.table }
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
