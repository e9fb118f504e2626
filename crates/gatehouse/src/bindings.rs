//! Bindings generated from WIT: Spin's host interfaces, and the worlds of the cron and the MQTT trigger.

#![allow(missing_docs, reason = "generated code")]
#![allow(clippy::all, reason = "generated code")]

mod generated {
    include!(concat!(env!("OUT_DIR"), "/spin.rs"));
}
pub use generated::spin::{key_value, mqtt, sqlite, variables};

mod cron_world {
    wasmtime::component::bindgen!({
        path: "../../wit/cron.wit",
        world: "spin:cron/spin-cron",
        exports: { default: async | store },
    });
}
pub use cron_world::{SpinCronPre, spin::cron::cron_types};

mod mqtt_world {
    wasmtime::component::bindgen!({
        path: "../../wit/mqtt.wit",
        world: "spin:mqtt-trigger/spin-mqtt",
        exports: { default: async | store },
    });
}
pub use mqtt_world::{SpinMqtt, SpinMqttPre, spin::mqtt_trigger::spin_mqtt_types};
