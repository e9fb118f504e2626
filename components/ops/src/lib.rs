//! Operations (docs/reference/operations.md): `/health`, `/ready`, `/metrics`; decoys; and the problem document for every path that
//! nobody serves.

mod decoys;
mod figures;
mod metrics;
mod ready;

use axum::Json;
use axum::response::Redirect;
use axum::routing::get;
use kit::api::Api;
use kit::routes;
use serde::Serialize;
use utoipa::ToSchema;

/// The routes.
pub fn api() -> Api {
    Api::new("ops", "Whether the application runs and is ready, and its metrics.")
        .routes(routes![health, ready::ready, metrics::metrics])
        .undocumented(|router| router.route("/", get(async || Redirect::temporary("/console/"))))
        .undocumented(decoys::routes)
}

kit::component!(api);

/// That the process answers.
#[derive(Serialize, ToSchema)]
struct Health {
    /// `ok`.
    #[schema(example = "ok")]
    status: &'static str,
}

/// Returns `ok` while the process answers; nothing else is asked.
#[utoipa::path(get, path = "/health")]
async fn health() -> Json<Health> {
    Json(Health { status: "ok" })
}
