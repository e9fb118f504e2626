//! Floor plans: a drawing of a site or of one of its zones, and where its spots are on it (docs/reference/plans.md).
//!
//! A component of its own: it alone reads drawings that people upload.

mod picture;
mod plain;
mod plan;
mod spots;
mod svg;

use kit::api::Api;
use kit::routes;

/// The routes.
pub fn api() -> Api {
    Api::new("plans", "Floor plans of sites and zones, and where their spots are.").routes(routes![
        plan::read,
        plan::delete,
        picture::read,
        picture::replace,
        spots::replace
    ])
}

kit::component!(crate::api);
