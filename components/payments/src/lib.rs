//! Payments through Stripe (contract §4): payment intents, refunds, Stripe's webhook. No card data is seen or stored.
//!
//! What is asked of Stripe is written down first, and its id is the idempotency key there; what Stripe says of an intent is always fetched
//! from it, never taken from a message. So a program that dies between the two asks again and is answered the same, and nothing that was
//! paid is lost: the scheduled run ([`run`]) looks after whatever is open.

mod confirm;
mod intents;
mod lists;
mod refund;
mod run;
mod settle;
mod signature;
mod stripe;
mod webhook;
#[cfg_attr(not(target_family = "wasm"), allow(dead_code, reason = "only a component sends"))]
mod wire;

use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use kit::Answer;
use kit::serve::Quiet;
use kit::trusted::Trusted;

fn router() -> Router {
    Router::new()
        .route("/api/payments", get(lists::list))
        .route("/api/payments/create-intent", post(intents::create))
        .route("/api/payments/confirm", post(confirm::confirm))
        .route("/api/payments/{id}", get(lists::detail))
        .route("/api/payments/{id}/refund", post(refund::create))
        .route("/api/webhooks/stripe", post(webhook::receive))
        .route("/internal/payments", post(look_after))
}

kit::component!(router);

/// POST `/internal/payments`, with the secret: what the cron trigger does too.
async fn look_after(_: Trusted) -> Answer<(Extension<Quiet>, Json<run::Summary>)> {
    Ok((Extension(Quiet), Json(run::run().await?)))
}

#[cfg(target_family = "wasm")]
#[allow(unsafe_code, missing_docs)]
mod cron {
    wit_bindgen::generate!({ path: "../../wit", world: "spin-cron" });

    struct Cron;
    export!(Cron);

    impl Guest for Cron {
        async fn handle_cron_event(_: Metadata) -> Result<(), Error> {
            match crate::run::run().await {
                Ok(_) => Ok(()),
                Err(problem) => Err(Error::Other(problem.cause().unwrap_or(problem.detail()).to_owned())),
            }
        }
    }
}
