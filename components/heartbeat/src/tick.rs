//! The scheduled run (docs/reference/rules.md#scheduled-work). Two at once do each thing once: a lease lets one of them work, and each step
//! is safe by itself besides, for a run whose lease ended may still be at it.

use std::collections::BTreeMap;

use axum::{Extension, Json};
use domain::time::AHEAD_TOLERANCE_MS;
use futures::future::join_all;
use kit::db::{Database, Executor as _, Fetch as _};
use kit::serve::Quiet;
use kit::trusted::Trusted;
use kit::{Answer, Problem, host, outbox, params, scheduled};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::settings::Settings;
use crate::{anomalies, cleanup, delivery, dispatch, escalation, health};

/// How long a run may last before the next one takes it for dead, milliseconds.
const LEASE_MS: i64 = 60_000;

/// What each step of the scheduled run did.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = ScheduledRun)]
pub struct Summary {
    /// Another run is at work: this one did nothing.
    skipped: bool,
    /// Devices whose health turned.
    health: health::Summary,
    /// Anomalies of sites and spots.
    anomalies: anomalies::Summary,
    /// Rungs that alerts and emergencies climbed.
    escalated: usize,
    /// Messages.
    dispatch: dispatch::Summary,
    /// Rows removed.
    removed: cleanup::Summary,
    /// Whether the dead man's switch was told.
    pinged: bool,
    /// What the other components' runs did, by their names, when this one asked them for theirs.
    #[serde(flatten)]
    components: BTreeMap<&'static str, Value>,
}

/// Does the scheduled work of every component now, for platforms without a cron trigger.
#[utoipa::path(post, path = "/internal/tick")]
pub async fn tick(_: Trusted) -> Answer<(Extension<Quiet>, Json<Summary>)> {
    let now = host::now_ms();
    let owner = host::new_id(now)?;
    if !begin(&owner, now)? {
        return Ok((Extension(Quiet), Json(Summary { skipped: true, ..Summary::default() })));
    }
    let mut steps = Steps::default();
    let mut components = BTreeMap::new();
    // Before the messages are sent, since they make some.
    let owner_id = &owner;
    let runs = scheduled::COMPONENTS.map(|name| async move { (name, outbox::post(&format!("/internal/tick/{name}"), owner_id).await) });
    for (name, run) in join_all(runs).await {
        components.insert(name, steps.record(name, run.map_err(Problem::internal)));
    }
    Ok((Extension(Quiet), Json(Summary { components, ..work(&owner, host::now_ms(), steps).await? })))
}

/// The cron event: the other components have their own.
pub async fn run() -> Result<Summary, Problem> {
    let now = host::now_ms();
    let owner = host::new_id(now)?;
    if !begin(&owner, now)? {
        return Ok(Summary { skipped: true, ..Summary::default() });
    }
    work(&owner, now, Steps::default()).await
}

/// A step that fails does not keep the others from being done; the run is then no good one: it is an error, the dead man's switch is not told,
/// and `/ready` still sees the good run before.
async fn work(owner: &str, now: i64, mut steps: Steps) -> Result<Summary, Problem> {
    let mut summary = Summary {
        health: steps.record("health", health::run(now)),
        anomalies: steps.record("anomalies", anomalies::run(now)),
        ..Summary::default()
    };
    match Settings::load().await {
        Ok(settings) => {
            summary.escalated = steps.record("escalation", escalation::climb(&settings, now));
            summary.dispatch = steps.record("dispatch", dispatch::drain(&settings).await);
            summary.removed = steps.record("clean-up", cleanup::run(now));
            if steps.failed.is_empty()
                && let Some(address) = &settings.dead_mans_switch
            {
                summary.pinged = ping(address).await;
            }
        }
        Err(problem) => steps.record("settings", Err(problem)),
    }
    end(owner, steps.failed.is_empty())?;
    if steps.failed.is_empty() { Ok(summary) } else { Err(Problem::internal(format!("steps that failed: {}", steps.failed.join(", ")))) }
}

#[derive(Default)]
struct Steps {
    failed: Vec<&'static str>,
}

impl Steps {
    fn record<T: Default>(&mut self, name: &'static str, result: Result<T, Problem>) -> T {
        result.unwrap_or_else(|problem| {
            let cause = problem.cause().unwrap_or(problem.detail());
            host::log("error", "a step of the scheduled run failed", json!({ "step": name, "cause": cause }));
            self.failed.push(name);
            T::default()
        })
    }
}

/// Takes the lease; false when another run holds it. One that was taken before the clock was set back is nobody's.
fn begin(owner: &str, now: i64) -> Result<bool, Problem> {
    Database.exists(
        "insert into leases (name, owner, lease_until, started_at) values ('tick', ?1, ?2 + ?3, ?2)
         on conflict (name) do update set owner = excluded.owner, lease_until = excluded.lease_until, started_at = excluded.started_at
         where leases.lease_until is null or leases.lease_until <= excluded.started_at or leases.started_at > excluded.started_at + ?4
         returning name",
        params![owner, now, LEASE_MS, AHEAD_TOLERANCE_MS],
    )
}

/// Gives the lease back and notes a good run.
fn end(owner: &str, good: bool) -> Result<(), Problem> {
    Database.run(
        "update leases set owner = null, lease_until = null, runs = runs + ?2, finished_at = iif(?2, ?3, finished_at)
         where name = 'tick' and owner = ?1",
        params![owner, good, host::now_ms()],
    )?;
    Ok(())
}

/// Tells the dead man's switch that the run was good; it raises the alarm when it hears nothing. Its address is a secret.
async fn ping(address: &str) -> bool {
    let Ok(request) = http::Request::get(address).body(bytes::Bytes::new()) else {
        host::log("warn", "the dead man's switch has no valid address", json!({}));
        return false;
    };
    let attempt = delivery::deliver(request).await;
    if let Some(error) = &attempt.error {
        host::log("warn", "the dead man's switch was not told", json!({ "error": error }));
    }
    attempt.error.is_none()
}
