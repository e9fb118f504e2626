//! Payments through Stripe (docs/reference/payments.md): payment intents, checkout pages, refunds, Stripe's webhook. No card data is seen or stored.
//!
//! What is asked of Stripe is written down first, and its id is the idempotency key there; what Stripe says of an intent is always fetched
//! from it, never taken from a message. So a program that dies between the two asks again and is answered the same, and nothing that was
//! paid is lost: the scheduled run ([`schedule`]) looks after whatever is open.

mod checkout;
mod confirm;
mod due;
mod intents;
mod list;
mod model;
mod opening;
mod read;
mod refund;
mod request;
mod schedule;
mod settle;
mod signature;
mod standing;
mod stripe;
mod taken_over;
mod view;
mod webhook;

use kit::api::Api;
use kit::{routes, scheduled};

use crate::schedule::Summary;

/// The routes.
pub fn api() -> Api {
    Api::new("payments", "Payments and refunds through Stripe.")
        .routes(routes![
            list::list,
            read::read,
            intents::create,
            checkout::create,
            checkout::setup,
            confirm::confirm,
            refund::create,
            webhook::receive
        ])
        .routes([scheduled::route::<Summary>()])
}

kit::component!(api, scheduled: scheduled::run::<Summary>);
