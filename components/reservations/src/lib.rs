//! Reservations of parking spots (contract §4): made by spot, or by site and kind; changed, cancelled, arrived at and left.
//!
//! That two never overlap on one spot is a condition inside the one insert and the one update. Sensors, time and payments move a reservation
//! elsewhere; who may move it where is one table in `domain::reservation`.

mod change;
mod lists;
mod quote;
mod reserve;
mod show;
mod steps;
mod taken;

use axum::Router;
use axum::routing::{get, post};

fn router() -> Router {
    Router::new()
        .route("/api/reservations", get(lists::list).post(reserve::create))
        .route("/api/reservations/arrivals", get(lists::arrivals))
        .route("/api/reservations/{id}", get(lists::detail).put(change::change).patch(change::change).delete(steps::cancel))
        .route("/api/reservations/{id}/arrive", post(steps::arrive))
        .route("/api/reservations/{id}/depart", post(steps::depart))
}

kit::component!(router);
