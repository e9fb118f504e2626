//! Operations (contract §11): `/health`, `/ready`, `/metrics`; and the problem document for every path that nobody serves.

mod figures;
mod metrics;
mod ready;

use axum::routing::get;
use axum::{Json, Router, response::Redirect};
use serde_json::{Value, json};

fn router() -> Router {
    Router::new()
        .route("/", get(async || Redirect::temporary("/console/")))
        .route("/health", get(health))
        .route("/ready", get(ready::ready))
        .route("/metrics", get(metrics::metrics))
}

kit::component!(router);

/// GET `/health`: the process answers; nothing else is asked.
async fn health() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}
