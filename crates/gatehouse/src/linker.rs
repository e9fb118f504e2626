//! The host interfaces that components may import.

use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Engine, Result};
use wasmtime_wasi_http::WasiHttpView as _;
use wasmtime_wasi_http::p3::bindings::http::{client, types};

use crate::bindings::{cron_types, key_value, mqtt, spin_mqtt_types, sqlite, variables};
use crate::http_types::HttpTypes;
use crate::instance_state::InstanceState;
use crate::key_value::KeyValueHost;
use crate::mqtt::MqttHost;
use crate::outbound::HttpClient;
use crate::sqlite::SqliteHost;
use crate::variables::host::VariablesHost;
use crate::whole_message;

/// Links every interface into every component: what the manifest does not grant is refused when it is called.
pub fn linker(engine: &Engine) -> Result<Linker<InstanceState>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi::p3::add_to_linker(&mut linker)?;
    types::add_to_linker::<_, HttpTypes>(&mut linker, InstanceState::http)?;
    client::add_to_linker::<_, HttpClient>(&mut linker, InstanceState::http)?;
    key_value::key_value::add_to_linker::<_, KeyValueHost>(&mut linker, InstanceState::key_value)?;
    mqtt::mqtt::add_to_linker::<_, MqttHost>(&mut linker, InstanceState::mqtt)?;
    sqlite::sqlite::add_to_linker::<_, SqliteHost>(&mut linker, InstanceState::sqlite)?;
    variables::variables::add_to_linker::<_, VariablesHost>(&mut linker, InstanceState::variables)?;
    cron_types::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    spin_mqtt_types::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    whole_message::add_to_linker(&mut linker)?;
    Ok(linker)
}

/// The interface consists of types alone.
impl cron_types::Host for InstanceState {}

/// So does this one.
impl spin_mqtt_types::Host for InstanceState {}
