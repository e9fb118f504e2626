//! The event feed as Server-Sent Events (docs/reference/rules.md#realtime).
//!
//! A component of its own: a panic ends every stream that its instance holds, so nothing else runs here.

mod feed;
pub mod schema;
mod stream;
mod subscription;
mod ticket;

use kit::api::Api;
use kit::routes;

/// The routes.
pub fn api() -> Api {
    Api::new("events", "The event feed, as Server-Sent Events.").routes(routes![stream::open, ticket::create])
}

kit::component!(api);
