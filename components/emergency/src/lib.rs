//! Emergencies (contract §6): reported by anyone who is signed in, taken in hand by operators, with the nearest resource that is free.
//!
//! The schema's triggers write history, audit, feed and outbox in the transaction of each change, so nothing here does.

mod assign;
mod past;
mod read;
mod report;
mod stats;
mod steps;

use axum::Router;
use axum::routing::{get, patch, post};

/// Every route of this component.
pub fn router() -> Router {
    Router::new()
        .route("/api/emergency", get(read::list).post(report::report))
        .route("/api/emergency/past", post(past::record))
        .route("/api/emergency/active", get(read::active))
        .route("/api/emergency/temple/{temple_id}", get(read::of_temple))
        .route("/api/emergency/stats/temple/{temple_id}", get(stats::of_temple))
        .route("/api/emergency/{id}", get(read::detail))
        .route("/api/emergency/{id}/acknowledge", patch(steps::acknowledge).post(steps::acknowledge))
        .route("/api/emergency/{id}/in-progress", patch(steps::in_progress).post(steps::in_progress))
        .route("/api/emergency/{id}/resolve", patch(steps::resolve).post(steps::resolve))
        .route("/api/emergency/{id}/suggestions", get(assign::suggestions))
        .route("/api/emergency/{id}/assign", patch(assign::assign).post(assign::assign))
        .route("/api/emergency/{id}/release", patch(assign::release).post(assign::release))
}

kit::component!(router);
