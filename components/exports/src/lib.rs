//! What others read in the forms of their standards (docs/reference/exports.md): DATEX II, APDS and GeoJSON. Everything in them is public
//! elsewhere too.

mod apds;
mod datex2;
mod geojson;
mod media;
mod prices;
mod publisher;
mod scope;

use kit::api::Api;
use kit::routes;

/// The routes.
pub fn api() -> Api {
    Api::new("exports", "Car parks, their spaces, prices and occupancy as DATEX II, APDS and GeoJSON.")
        .routes(routes![datex2::accepted, datex2::xml, datex2::json])
        .routes(routes![apds::places, apds::rates, apds::right_specifications])
        .routes(routes![geojson::places::sites, geojson::places::zones, geojson::shuttles::list])
}

kit::component!(crate::api);
