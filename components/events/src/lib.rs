//! The event feed as Server-Sent Events (contract §10).
//!
//! A component of its own: a panic ends every stream that its instance holds, so nothing else runs here.

mod clock;
mod feed;
mod stream;
mod ticket;
mod wanted;

use axum::Router;
use axum::routing::{get, post};

fn router() -> Router {
    Router::new().route("/api/events", get(stream::open)).route("/api/events/ticket", post(ticket::issue))
}

kit::component!(router);
