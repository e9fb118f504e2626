//! Places and devices (docs/reference/rules.md#parking): sites, zones, spots, devices and their keys, the overview, the zones and slots of
//! the slot monitoring server, and the lot counts of the parking security server.

mod available;
mod credentials;
mod devices;
mod lots;
mod overview;
mod schedule;
mod sites;
mod slot_monitoring;
mod spots;
mod tariff;
mod thresholds;
mod zones;

use kit::api::Api;
use kit::{routes, scheduled};

/// The routes.
pub fn api() -> Api {
    Api::new("parking", "Sites, zones, spots, devices and their keys, lot counts, and the overview.")
        .routes(routes![sites::list, sites::create, sites::read, sites::update])
        .routes(routes![zones::list, zones::create, zones::update])
        .routes(routes![spots::list, spots::create, spots::read, spots::update, available::list])
        .routes(routes![devices::list, devices::create::create, devices::read, devices::update::update, devices::delete::delete])
        .routes(routes![credentials::list, credentials::create, credentials::revoke])
        .routes(routes![overview::read, slot_monitoring::list_zones, slot_monitoring::list_slots, lots::read_latest, lots::create])
        .routes([scheduled::route::<schedule::Summary>()])
}

kit::component!(crate::api, scheduled: scheduled::run::<crate::schedule::Summary>);
