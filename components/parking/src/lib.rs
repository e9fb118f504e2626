//! Places and devices (contract §3): sites, zones, spots, devices and their keys, the overview, S2's zones and slots, S1's lot counts.

mod available;
mod credentials;
mod devices;
mod lots;
mod overview;
mod place;
mod sites;
mod slots;
mod spots;
mod tariff;
mod zones;

use axum::Router;
use axum::routing::{delete, get, patch, post};

/// Every route of this component.
pub fn router() -> Router {
    Router::new()
        .route("/api/sites", get(sites::list).post(sites::create))
        .route("/api/sites/{site}", get(sites::detail).patch(sites::change))
        .route("/api/sites/{site}/zones", get(zones::list).post(zones::create))
        .route("/api/sites/{site}/zones/{zone}", patch(zones::change))
        .route("/api/spots", get(spots::list).post(spots::create))
        .route("/api/spots/available", get(available::list))
        .route("/api/spots/{spot_id}", get(spots::detail).patch(spots::change))
        .route("/api/devices", get(devices::list).post(devices::create))
        .route("/api/devices/{code}", get(devices::detail).patch(devices::change).delete(devices::remove))
        .route("/api/devices/{code}/credentials", get(credentials::list).post(credentials::create))
        .route("/api/devices/{code}/credentials/{id}", delete(credentials::revoke))
        .route("/api/dashboard/overview", get(overview::overview))
        .route("/api/zones", get(slots::zones))
        .route("/api/slots", get(slots::slots))
        .route("/api/parking-data", get(lots::latest))
        .route("/api/parking-data/add", post(lots::add))
}

kit::component!(router);
