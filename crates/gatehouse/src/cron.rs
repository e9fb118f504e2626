//! The cron trigger.

use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use chrono::Utc;
use tokio_util::sync::CancellationToken;

use crate::component::Component;

/// The longest that a run may take.
const LONGEST: Duration = Duration::from_secs(300);

/// A component's schedule. Expressions have six or seven fields, seconds first, in UTC.
pub struct Job {
    schedule: cron::Schedule,
    component: Arc<Component>,
}

impl Job {
    /// Parses the schedule.
    pub fn new(expression: &str, component: Arc<Component>) -> Result<Self> {
        let schedule = (cron::Schedule::from_str(expression)).with_context(|| format!("cron expression {expression:?}"))?;
        Ok(Self { schedule, component })
    }

    /// Calls the component whenever it is due, until `stop`. As on Spin a run does not wait for the one before it.
    pub async fn run(self, stop: CancellationToken) {
        let due = async {
            while let Some(next) = self.schedule.upcoming(Utc).next() {
                let wait = (next - Utc::now()).to_std().unwrap_or(Duration::ZERO);
                tokio::time::sleep(wait).await;
                let at = u64::try_from(next.timestamp()).unwrap_or_default();
                tokio::spawn(call(self.component.clone(), at));
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = due => {}
        }
    }
}

/// Calls a component now, as if it were due.
pub async fn call(component: Arc<Component>, at: u64) {
    match tokio::time::timeout(LONGEST, component.cron_event(at)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(component = component.state.name, "the scheduled run failed: {error:#}"),
        Err(_) => tracing::error!(component = component.state.name, "the scheduled run took too long and was stopped"),
    }
}
