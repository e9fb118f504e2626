//! Telemetry: readings one by one and in bulk, what was stored of them, and the log of occupancy (docs/reference/rules.md#telemetry).
//!
//! What becomes of a reading is the crate `ingest`'s, which the component `mqtt` shares.

mod body;
mod buckets;
mod bulk;
mod filters;
mod list;
mod occupancy;
mod parking_log;
mod quiet;
mod retention;
mod rollups;
mod schedule;
mod single;

use kit::api::Api;
use kit::{routes, scheduled};

/// The routes.
pub fn api() -> Api {
    Api::new("telemetry", "Readings of sensors, and the log of occupancy.")
        .routes(routes![single::create, list::list, bulk::create, parking_log::create, parking_log::list])
        .routes([scheduled::route::<schedule::Summary>()])
}

kit::component!(api, scheduled: scheduled::run::<schedule::Summary>);
