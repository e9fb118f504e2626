//! Operations (docs/reference/operations.md): `/health`, `/ready`, `/metrics`; and the problem document for every path that nobody serves.

mod figures;
mod metrics;
mod ready;

use axum::response::Redirect;
use axum::routing::get;
use axum::{Extension, Json};
use kit::api::Api;
use kit::routes;
use kit::serve::Quiet;
use serde::Serialize;
use utoipa::ToSchema;

/// The routes.
pub fn api() -> Api {
    Api::new("ops", "Whether the application runs and is ready, and its metrics.")
        .routes(routes![health, ready::ready, metrics::metrics])
        .undocumented(|router| router.route("/", get(async || Redirect::temporary("/console/"))))
}

kit::component!(api);

/// That the process answers.
#[derive(Serialize, ToSchema)]
struct Health {
    /// `ok`.
    status: &'static str,
}

/// Returns `ok` while the process answers; nothing else is asked.
#[utoipa::path(get, path = "/health")]
async fn health() -> (Extension<Quiet>, Json<Health>) {
    // Asked more often than anything else, and never different: it needs no tag.
    (Extension(Quiet), Json(Health { status: "ok" }))
}
