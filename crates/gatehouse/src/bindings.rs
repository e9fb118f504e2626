//! Bindings generated from WIT: Spin's host interfaces, and the world of the cron trigger.

#![allow(missing_docs, reason = "generated code")]
#![allow(clippy::all, reason = "generated code")]

mod generated {
    include!(concat!(env!("OUT_DIR"), "/spin.rs"));
}
pub use generated::spin::{key_value, sqlite, variables};

mod cron_world {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "spin:cron/spin-cron",
        exports: { default: async | store },
    });
}
pub use cron_world::{SpinCronPre, spin::cron::cron_types};
