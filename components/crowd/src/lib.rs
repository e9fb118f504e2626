//! How crowded a temple's zones are (contract §6): counts come in, levels, history, a heat map and forecasts go out.
//!
//! A count is stored with the zone's new state in one transaction; what the levels turn to is `domain::crowd`'s to say. Triggers keep the
//! sums by quarter of an hour, the event feed and the alerts (migrations/0009_crowd.sql).

mod calendar;
mod current;
mod heatmap;
mod history;
mod place;
mod predictions;
mod update;
mod updates;

use axum::Router;
use axum::routing::{get, post};

/// Every route of this component.
pub fn router() -> Router {
    Router::new()
        .route("/api/crowd/temple/{id}/update", post(update::send))
        .route("/api/crowd/temple/{id}/current", get(current::current))
        .route("/api/crowd/temple/{id}/history", get(history::history))
        .route("/api/crowd/temple/{id}/predictions", get(predictions::predictions))
        .route("/api/crowd/temple/{id}/heatmap", get(heatmap::as_json))
        .route("/api/crowd/temple/{id}/heatmap.json", get(heatmap::as_json))
        .route("/api/crowd/temple/{id}/heatmap.svg", get(heatmap::as_svg))
        .route("/api/crowd/temple/{id}/heatmap.png", get(heatmap::as_png))
}

kit::component!(router);
