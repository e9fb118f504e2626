//! Shuttles, their routes, where they are and when they come (docs/reference/transport.md).
//!
//! A position is one insert; triggers keep each shuttle's newest and the event feed (migrations/0010_transport.sql). Arrivals are
//! estimated when they are asked for, by `domain::transit`, and each says what it rests on.

mod change;
mod eta;
mod line;
mod location;
mod routes;
mod schedule;
mod shuttles;
mod stops;

use kit::api::Api;
use kit::{routes, scheduled};

use crate::schedule::Summary;

/// The routes.
pub fn api() -> Api {
    Api::new("transport", "Shuttles, their routes, where they are and when they come.")
        .routes(routes![
            shuttles::list,
            shuttles::create,
            shuttles::read,
            shuttles::update,
            shuttles::delete,
            location::read,
            location::create,
            location::update,
            routes::read::list,
            routes::write::create,
            routes::read::read,
            routes::write::update,
            routes::write::delete,
            stops::arrivals
        ])
        .routes([scheduled::route::<Summary>()])
        .alias("/api/transport/{id}/location", routes![location::read, location::create, location::update])
}

kit::component!(api, scheduled: scheduled::run::<Summary>);
