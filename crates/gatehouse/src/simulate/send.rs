//! Sending at a rate, whatever the answers take.

use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::Plan;
use super::fleet::{Fleet, Message};
use super::mqtt::{self, Publisher};
use super::stats::Stats;
use crate::seed::api::Api;

/// Readings per second of the first round of a [`Plan`] with `fast_start`.
const FAST_START_RATE: f64 = 100.0;

/// Sends at the plan's rate until its duration has passed or `stop` is cancelled, then waits for the last responses.
pub(super) async fn send_at_rate(mut fleet: Fleet, sender: &Arc<Sender>, plan: &Plan, stop: &CancellationToken) {
    let permits = Arc::new(Semaphore::new(plan.concurrency.max(1)));
    let bar = plan.progress.then(progress_line);
    let started = Instant::now();
    let mut due = tokio::time::Instant::now();
    let mut first_round = if plan.fast_start { fleet.len() } else { 0 };
    let mut tasks = tokio::task::JoinSet::new();
    let deadline = plan.duration.map(|duration| due + duration);
    loop {
        while let Some(done) = tasks.try_join_next() {
            drop(done);
        }
        let rate = if first_round > 0 { FAST_START_RATE.max(plan.rate) } else { plan.rate };
        first_round = first_round.saturating_sub(1);
        due += Duration::from_secs_f64(1.0 / rate);
        if deadline.is_some_and(|deadline| due >= deadline) {
            break;
        }
        let permit = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            permit = async {
                tokio::time::sleep_until(due).await;
                Arc::clone(&permits).acquire_owned().await
            } => permit,
        };
        let Ok(permit) = permit else { break };
        if deadline.is_some_and(|deadline| tokio::time::Instant::now() >= deadline) {
            break;
        }
        // After a delay of more than a second, the missed readings are not sent in a burst.
        due = due.max(tokio::time::Instant::now() - Duration::from_secs(1));
        let message = fleet.next_message(plan.deployment.now_ms());
        if let Some(bar) = &bar {
            bar.set_message(sender.stats.line(started.elapsed()));
        }
        let sender = Arc::clone(sender);
        tasks.spawn(async move {
            sender.send(message).await;
            drop(permit);
        });
    }
    while tasks.join_next().await.is_some() {}
    sender.stats.finish(started.elapsed());
    if let Some(publisher) = &sender.publisher {
        publisher.finish().await;
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
}

/// Where a fleet's messages go.
pub(super) struct Sender {
    pub http: reqwest::Client,
    pub url: String,
    pub operator: Option<Api>,
    pub publisher: Option<Publisher>,
    pub stats: Arc<Stats>,
}

impl Sender {
    async fn send(&self, message: Message) {
        if let Some(publisher) = &self.publisher {
            return mqtt::send(publisher, message, &self.stats).await;
        }
        let begun = Instant::now();
        // A device key may not send readings of another device, known or not; an operator may.
        let status = match (&self.operator, message.by_operator) {
            (Some(operator), true) => operator.post("/api/telemetry/", &message.body).await.map(|reply| reply.status.as_u16()).ok(),
            _ => {
                let request = self.http.post(&self.url).bearer_auth(&message.key).json(&message.body);
                match request.send().await {
                    Ok(response) => {
                        let status = response.status().as_u16();
                        // Read to its end, so that the connection can be reused.
                        response.bytes().await.ok().map(|_| status)
                    }
                    Err(_) => None,
                }
            }
        };
        self.stats.count(message.kind, status, begun.elapsed());
    }
}

/// A line on stderr. Hidden if stderr is not a terminal.
fn progress_line() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed_precise} {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
