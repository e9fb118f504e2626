//! Shuttles, their routes, where they are and when they come (contract §6).
//!
//! A position is one insert; triggers keep each shuttle's newest and the event feed (migrations/0010_transport.sql). Arrivals are
//! estimated when they are asked for, by `domain::transit`, and each says what it rests on.

mod eta;
mod list;
mod location;
mod route;
mod routes;
mod shuttles;
mod stops;

use axum::Router;
use axum::routing::get;

/// Every route of this component.
pub fn router() -> Router {
    Router::new()
        .route("/api/transport/shuttles", get(shuttles::list).post(shuttles::create))
        .route("/api/transport/shuttles/{id}", get(shuttles::detail).patch(shuttles::change).delete(shuttles::remove))
        .route("/api/transport/shuttles/{id}/location", get(location::detail).post(location::send).patch(location::send))
        // As a client reads it that takes the contract's `/{id}/location` to follow `/api/transport`.
        .route("/api/transport/{id}/location", get(location::detail).post(location::send).patch(location::send))
        .route("/api/transport/routes", get(routes::list).post(routes::create))
        .route("/api/transport/routes/{id}", get(routes::detail).patch(routes::change).delete(routes::remove))
        .route("/api/transport/stops/{id}/eta", get(stops::arrivals))
}

kit::component!(router);
