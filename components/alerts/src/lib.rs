//! Alerts and the history of what was sent about them (contract §6): S1's from cameras, S3's broadcasts, and those that the system
//! raises by itself. Also S1's cameras (§7).
//!
//! The schema's triggers write history, audit, feed and outbox in the transaction of each change, so nothing here does.

mod cameras;
mod inforce;
mod messages;
mod new;
mod read;
mod steps;
mod write;

use axum::Router;
use axum::routing::{get, patch, post};

fn router() -> Router {
    Router::new()
        .route("/api/alerts", get(read::list).post(write::create))
        .route("/api/alerts/active", get(inforce::all))
        .route("/api/alerts/temple/{temple_id}", get(inforce::of_temple))
        .route("/api/alerts/{id}", get(read::detail).patch(write::edit).put(write::edit).delete(write::delete))
        .route("/api/alerts/{id}/acknowledge", patch(steps::acknowledge).post(steps::acknowledge))
        .route("/api/alerts/{id}/resolve", patch(steps::resolve).post(steps::resolve))
        .route("/api/cameras", get(cameras::list).post(cameras::create))
        .route("/api/cameras/{id}", get(cameras::detail).patch(cameras::change).put(cameras::change).delete(cameras::delete))
        .route("/api/dispatch/messages", get(messages::list))
        .route("/api/dispatch/messages/{id}", get(messages::detail))
        .route("/api/dispatch/messages/{id}/replay", post(messages::replay))
}

kit::component!(router);
