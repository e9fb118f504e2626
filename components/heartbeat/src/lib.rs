//! The scheduled run and the dispatcher: device health, anomalies, escalation, delivery of messages, clean-up (contract §6, §11).
//!
//! The cron trigger runs it every 30 s. Where a platform has none, POST `/internal/tick` does the same; POST `/internal/dispatch`
//! delivers at once what cannot wait. Both ask for the variable `tick_secret`. This component alone holds the providers' secrets.

use axum::routing::post;
use axum::{Json, Router};
use kit::Problem;
use kit::serve::Quiet;
use kit::trusted::Trusted;

mod anomalies;
mod bookings;
mod channels;
mod cleanup;
mod dispatch;
mod escalation;
mod health;
#[cfg_attr(not(target_family = "wasm"), allow(dead_code, reason = "only a component sends"))]
mod outbound;
mod queue;
mod reservations;
mod settings;
mod tick;

/// The routes.
pub fn router() -> Router {
    Router::new().route("/internal/tick", post(run_tick)).route("/internal/dispatch", post(run_dispatch))
}

kit::component!(router);

async fn run_tick(_: Trusted) -> Result<(axum::Extension<Quiet>, Json<tick::Summary>), Problem> {
    Ok((axum::Extension(Quiet), Json(tick::run(tick::Caller::Route).await?)))
}

async fn run_dispatch(_: Trusted) -> Result<(axum::Extension<Quiet>, Json<dispatch::Summary>), Problem> {
    let settings = settings::Settings::load().await?;
    Ok((axum::Extension(Quiet), Json(dispatch::drain(&settings).await?)))
}

#[cfg(target_family = "wasm")]
#[allow(unsafe_code, missing_docs)]
mod cron {
    wit_bindgen::generate!({ path: "../../wit", world: "spin-cron" });

    struct Cron;
    export!(Cron);

    impl Guest for Cron {
        async fn handle_cron_event(_: Metadata) -> Result<(), Error> {
            match crate::tick::run(crate::tick::Caller::Trigger).await {
                Ok(_) => Ok(()),
                Err(problem) => Err(Error::Other(problem.cause().unwrap_or(problem.detail()).to_owned())),
            }
        }
    }
}
