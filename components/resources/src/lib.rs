//! What a temple can send or use, with its maintenance calendar; past incidents; and the audit trail's read side (contract §6).
//!
//! The schema's triggers write history and audit in the transaction of each change, so nothing here does.

mod availability;
mod event_logs;
mod incidents;
mod maintenance;
mod resources;

use axum::Router;
use axum::routing::{get, patch};

/// Every route of this component.
pub fn router() -> Router {
    Router::new()
        .route("/api/resources", get(resources::list).post(resources::create))
        .route("/api/resources/availability", get(availability::all))
        .route("/api/resources/{id}", get(resources::detail).patch(resources::change).put(resources::change).delete(resources::retire))
        .route("/api/resources/{id}/availability", get(availability::one))
        .route("/api/resources/{id}/maintenance", get(maintenance::list).post(maintenance::create))
        .route("/api/resources/{id}/maintenance/{window}", patch(maintenance::change).delete(maintenance::delete))
        .route("/api/incidents", get(incidents::list).post(incidents::create))
        .route("/api/incidents/{id}", get(incidents::detail).patch(incidents::change).put(incidents::change).delete(incidents::delete))
        .route("/api/event-logs", get(event_logs::list))
        .route("/api/event-logs/{id}", get(event_logs::detail))
}

kit::component!(router);
