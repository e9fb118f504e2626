//! What the deployment does once all of the demo has been sent.

use anyhow::Context as _;
use serde_json::Value;

use super::api::{self, Deployment};

/// The most runs that sum up what was sent: each does a bounded piece of it.
const MOST_RUNS: usize = 200;

/// What a run of telemetry has done, while there is anything to do.
const DONE_BY_RUN: [&str; 5] = ["rolled_up", "corrected", "occupancy_quarters", "late_occupancy", "removed"];

/// Has what was sent summed up, so that analyses of the demo's past have their figures from the beginning.
pub(crate) async fn sum_up(base_url: &str, tick_secret: &str, deployment: &Deployment) -> anyhow::Result<()> {
    let url = format!("{}/internal/tick/telemetry", api::trim(base_url));
    let http = api::http_client(base_url, deployment)?;
    for _ in 0..MOST_RUNS {
        let run = http.post(&url).header("x-tick-secret", tick_secret).send().await.and_then(reqwest::Response::error_for_status);
        let done: Value = run.context("summing up the history")?.json().await.context("summing up the history")?;
        let mut is_done = true;
        for name in DONE_BY_RUN {
            is_done &= done[name].as_i64().with_context(|| format!("a run of telemetry does not say `{name}`"))? == 0;
        }
        if is_done {
            return Ok(());
        }
    }
    anyhow::bail!("the history is not summed up after {MOST_RUNS} runs")
}

/// Tells the deployment that its demo is whole.
pub(crate) async fn tell_done(base_url: &str, tick_secret: &str, deployment: &Deployment) -> anyhow::Result<()> {
    let url = format!("{}/internal/setup/demo", api::trim(base_url));
    let tell = api::http_client(base_url, deployment)?.post(url).header("x-tick-secret", tick_secret);
    let answer = tell.send().await.and_then(reqwest::Response::error_for_status);
    answer.context("telling that the demo is whole").map(drop)
}
