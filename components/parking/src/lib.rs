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

#[cfg(test)]
mod tests {
    use kit::input::{Input, parse};

    fn check_example<T: Input>() {
        let example = T::example().expect("an example");
        assert!(parse::<T>(example.as_bytes(), 1_800_000_000_000).is_ok(), "{}", T::NAME);
    }

    #[test]
    fn examples_are_valid() {
        check_example::<crate::sites::NewSite>();
        check_example::<crate::sites::SiteChange>();
        check_example::<crate::tariff::Tariff>();
        check_example::<crate::zones::NewZone>();
        check_example::<crate::zones::ZoneChange>();
        check_example::<crate::spots::NewSpot>();
        check_example::<crate::spots::SpotChange>();
        check_example::<crate::devices::create::NewDevice>();
        check_example::<crate::devices::update::DeviceChange>();
        check_example::<crate::credentials::NewCredential>();
        check_example::<crate::lots::NewLotCount>();
    }
}
