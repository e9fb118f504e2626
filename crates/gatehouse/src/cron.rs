//! The cron trigger.

use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use chrono::Utc;
use tokio_util::sync::CancellationToken;

use crate::component::{Component, one_line};

/// The longest that a run may take.
const TIMEOUT: Duration = Duration::from_secs(300);

/// A component's schedule. Expressions have six or seven fields, seconds first, in UTC.
pub struct Job {
    schedule: cron::Schedule,
    component: Arc<Component>,
}

impl Job {
    /// Parses the schedule.
    ///
    /// # Errors
    /// If the expression is malformed.
    pub fn new(expression: &str, component: Arc<Component>) -> Result<Self> {
        let schedule = (cron::Schedule::from_str(expression)).with_context(|| format!("cron expression {expression:?}"))?;
        Ok(Self { schedule, component })
    }

    /// Calls the component whenever it is due, until `stop` is cancelled. As on Spin, a run does not wait for the one before.
    pub async fn run(self, stop: CancellationToken) {
        let due = async {
            while let Some(next) = self.schedule.upcoming(Utc).next() {
                let wait = (next - Utc::now()).to_std().unwrap_or(Duration::ZERO);
                tokio::time::sleep(wait).await;
                let timestamp = u64::try_from(next.timestamp()).unwrap_or_default();
                tokio::spawn(run_once(self.component.clone(), timestamp));
            }
        };
        stop.run_until_cancelled(due).await;
    }
}

async fn run_once(component: Arc<Component>, timestamp: u64) {
    match tokio::time::timeout(TIMEOUT, component.handle_cron_event(timestamp)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(component = component.context.name, "the scheduled run failed: {}", one_line(&error)),
        Err(_) => tracing::error!(component = component.context.name, "the scheduled run timed out and was stopped"),
    }
}
