//! Reservations of parking spots (docs/reference/reservations.md): made by spot, or by site and kind; changed, cancelled, arrived at and left.
//!
//! That two never overlap on one spot is a condition inside the one insert and the one update. Sensors and payments move a reservation
//! elsewhere, time moves it in [`schedule`]; who may move it where is one table in `domain::reservation`.

mod available;
mod change;
mod conflict;
mod list;
mod model;
mod pending;
mod pricing;
mod read;
mod refunds;
mod request;
mod reserve;
mod schedule;
mod transitions;
mod view;

use kit::api::Api;
use kit::{routes, scheduled};

use crate::schedule::Summary;

/// The routes.
pub fn api() -> Api {
    Api::new("reservations", "Reservations of parking spots.")
        .routes(routes![
            list::list,
            reserve::create,
            list::arrivals,
            read::read,
            change::change,
            transitions::cancel,
            transitions::arrive,
            transitions::depart
        ])
        .routes([scheduled::route::<Summary>()])
}

kit::component!(api, scheduled: scheduled::run::<Summary>);
