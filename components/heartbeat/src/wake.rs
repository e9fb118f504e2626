//! Dispatch at once, for what cannot wait for the scheduled run.

use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::HeaderMap;
use kit::api::{Accepted, Request, Respond, answers_json};
use kit::serve::Quiet;
use kit::trusted::Trusted;
use kit::{Answer, Problem, host};
use serde::Serialize;
use utoipa::ToSchema;

use crate::settings::Settings;
use crate::{dispatch, queue, urgent_watch};

/// That the messages are, or will be, taken by a run that goes on behind the answer.
#[derive(Serialize, ToSchema)]
pub struct DispatchWoken {
    /// Whether a run was at work already, which takes them.
    watched: bool,
}

/// What a call for dispatch is answered.
pub enum Dispatched {
    /// The run is over.
    Done(dispatch::Summary),
    /// The run goes on behind the answer.
    Woken(DispatchWoken),
}

impl IntoResponse for Dispatched {
    fn into_response(self) -> Response {
        match self {
            Self::Done(summary) => (Extension(Quiet), Json(summary)).into_response(),
            Self::Woken(woken) => (Extension(Quiet), Accepted(woken)).into_response(),
        }
    }
}

impl Respond for Dispatched {
    fn describe(request: &mut Request<'_>) {
        answers_json::<dispatch::Summary>(request, 200, "What the run did.");
        answers_json::<DispatchWoken>(request, 202, "A run goes on behind the answer, as `Prefer: respond-async` asks.");
    }
}

/// Delivers now what is due.
///
/// With `Prefer: respond-async` (RFC 7240) it answers 202 and works on behind it, or leaves the work to the run that holds the dispatcher's
/// lease: who wakes the dispatcher is not kept waiting by a receiver.
#[utoipa::path(post, path = "/internal/dispatch")]
pub async fn dispatch(_: Trusted, headers: HeaderMap) -> Answer<Dispatched> {
    if !prefers_async(&headers) {
        return Ok(Dispatched::Done(dispatch::drain(&Settings::load().await?, None).await?));
    }
    let waiting = queue::waiting(host::now_ms(), true)?;
    let watched = waiting.is_watched;
    if !watched {
        let settings = Settings::load().await?;
        spawn(async move {
            note(dispatch::drain(&settings, Some(waiting)).await.map(drop));
            note(urgent_watch::stay(&settings).await);
        });
    }
    Ok(Dispatched::Woken(DispatchWoken { watched }))
}

/// Stays behind the answer for what cannot wait and is due soon, if there is any.
pub async fn stay_behind() -> Result<(), Problem> {
    if urgent_watch::is_needed()? {
        let settings = Settings::load().await?;
        spawn(async move { note(urgent_watch::stay(&settings).await) });
    }
    Ok(())
}

fn note(result: Result<(), Problem>) {
    if let Err(problem) = result {
        let cause = problem.cause().unwrap_or(problem.detail());
        host::log("error", "the dispatcher failed", serde_json::json!({ "cause": cause }));
    }
}

fn prefers_async(headers: &HeaderMap) -> bool {
    let preferences = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    preferences.flat_map(|value| value.split(',')).any(|one| one.trim().eq_ignore_ascii_case("respond-async"))
}

/// Goes on after the answer has gone.
#[cfg(target_family = "wasm")]
fn spawn(work: impl Future<Output = ()> + 'static) {
    spin_sdk::wasip3::spawn(work);
}

/// Outside a component nothing is sent.
#[cfg(not(target_family = "wasm"))]
fn spawn(_work: impl Future<Output = ()> + 'static) {}

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
