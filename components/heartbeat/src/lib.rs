//! The scheduled run and the dispatcher: device health, anomalies, escalation, delivery of messages, clean-up (contract §6, §11).
//!
//! The cron trigger runs it every 30 s. Where a platform has none, POST `/internal/tick` does the same; POST `/internal/dispatch`
//! delivers at once what cannot wait. Both ask for the variable `tick_secret`. This component alone holds the providers' secrets.

use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use http::{HeaderMap, StatusCode};
use kit::serve::Quiet;
use kit::trusted::Trusted;
use kit::{Problem, host};

mod anomalies;
mod bookings;
mod channels;
mod cleanup;
mod dispatch;
mod escalation;
mod health;
mod held_back;
#[cfg_attr(not(target_family = "wasm"), allow(dead_code, reason = "only a component sends"))]
mod outbound;
mod queue;
mod reservations;
mod settings;
mod tick;
mod watch;

/// The routes.
pub fn router() -> Router {
    Router::new().route("/internal/tick", post(run_tick)).route("/internal/dispatch", post(run_dispatch))
}

kit::component!(router);

async fn run_tick(_: Trusted) -> Result<(axum::Extension<Quiet>, Json<tick::Summary>), Problem> {
    Ok((axum::Extension(Quiet), Json(tick::run(tick::Caller::Route).await?)))
}

/// With `Prefer: respond-async` (RFC 7240) it answers 202 and works on behind it, or leaves the work to the run that is looking out:
/// who wakes the dispatcher is not kept waiting by a receiver.
async fn run_dispatch(_: Trusted, headers: HeaderMap) -> Result<Response, Problem> {
    if !prefers_async(&headers) {
        let settings = settings::Settings::load().await?;
        return Ok((axum::Extension(Quiet), Json(dispatch::drain(&settings).await?)).into_response());
    }
    let watched = watch::is_kept(host::now_ms())?;
    if !watched {
        let settings = settings::Settings::load().await?;
        behind(async move {
            if let Err(problem) = dispatch::drain(&settings).await {
                let cause = problem.cause().unwrap_or(problem.detail());
                host::log("error", "the dispatcher failed", serde_json::json!({ "cause": cause }));
            }
        });
    }
    Ok((StatusCode::ACCEPTED, axum::Extension(Quiet), Json(serde_json::json!({ "watched": watched }))).into_response())
}

fn prefers_async(headers: &HeaderMap) -> bool {
    let preferences = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    preferences.flat_map(|value| value.split(',')).any(|one| one.trim().eq_ignore_ascii_case("respond-async"))
}

/// Goes on after the answer has gone.
#[cfg(target_family = "wasm")]
fn behind(work: impl Future<Output = ()> + 'static) {
    spin_sdk::wasip3::spawn(work);
}

/// Outside a component nothing is sent.
#[cfg(not(target_family = "wasm"))]
fn behind(_work: impl Future<Output = ()> + 'static) {}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ahead_of_the_work_is_asked_for_by_name() {
        let with = |value: &str| prefers_async(&HeaderMap::from_iter([(http::HeaderName::from_static("prefer"), value.parse().unwrap())]));
        assert!(with("respond-async") && with("wait=1, Respond-Async"));
        assert!(!with("return=minimal") && !prefers_async(&HeaderMap::new()));
    }
}
