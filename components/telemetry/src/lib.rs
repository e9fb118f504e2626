//! Telemetry: readings one by one and in bulk, what was stored of them, and the log of occupancy (docs/reference/rules.md#telemetry).
//!
//! The hottest path of Gatehouse. A reading is one statement: `readings` refuses what is unknown or stored already, and triggers
//! keep the device's state, occupancy, alerts and the event feed (migrations/0005_telemetry.sql).

mod batch;
mod body;
mod buckets;
mod bulk;
mod filters;
mod list;
mod parking_log;
mod quiet;
mod single;

use kit::api::Api;
use kit::routes;

/// The routes.
pub fn api() -> Api {
    Api::new("telemetry", "Readings of sensors, and the log of occupancy.").routes(routes![
        single::create,
        list::list,
        bulk::create,
        parking_log::create,
        parking_log::list
    ])
}

kit::component!(api);
