//! The scheduled run (docs/reference/rules.md#scheduled-work). Two at once do each thing once: a lease lets one of them work, and each step
//! is safe by itself besides, for a run whose lease ended may still be at it.

use std::collections::BTreeMap;

use axum::{Extension, Json};
use const_format::concatcp;
use domain::dispatch::CLOCK_TOLERANCE_MS;
use futures::future::join_all;
use kit::db::{Database, Fetch as _};
use kit::scheduled::{LastRuns, Noted};
use kit::serve::Quiet;
use kit::trusted::Trusted;
use kit::{Answer, Problem, host, outbox, params, scheduled};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::settings::Settings;
use crate::{anomalies, cleanup, delivery, dispatch, escalation, health, integrity, storage, urgent_watch, wake};

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
    /// Tables whose pages were checked.
    integrity: integrity::Summary,
    /// Tables whose sizes were found, and free pages that the file gave back.
    storage: storage::Summary,
    /// Components, heartbeat aside, whose last good run is too long ago: the dead man's switch is not told.
    late: Vec<&'static str>,
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
    let runs = scheduled::COMPONENTS.map(|name| async move { (name, outbox::post(&scheduled::path(name), owner_id).await) });
    for (name, run) in join_all(runs).await {
        components.insert(name, steps.record(name, run.map_err(Problem::internal)));
    }
    let done = work(&owner, host::now_ms(), steps).await;
    if done.is_ok() {
        wake::stay_behind().await?;
    }
    let storage = storage::run(host::now_ms());
    let done = done?;
    Ok((Extension(Quiet), Json(Summary { components, storage: storage?, ..done })))
}

/// The cron event, every 5 seconds: at 25 and 55 of a minute the scheduled run, after the other components' own; at all others a look for what
/// cannot wait, such as what the application had in hand when it was killed. `timestamp` is the event's, seconds since 1970.
///
/// The tables are looked at last: that may read them from one end to the other, and is for figures alone.
pub async fn event(timestamp: u64) -> Result<(), Problem> {
    let is_run = is_scheduled_run(timestamp);
    let run = if is_run { scheduled_run().await } else { Ok(()) };
    let urgent = watch_urgent().await;
    let storage = if is_run { storage::run(host::now_ms()).map(drop) } else { Ok(()) };
    // The first that failed is the event's answer; the others are told here.
    let failed: Vec<Problem> = [run, urgent, storage].into_iter().filter_map(Result::err).collect();
    for problem in failed.iter().skip(1) {
        host::log("error", "a part of the scheduled event failed", json!({ "cause": problem.cause().unwrap_or(problem.detail()) }));
    }
    failed.into_iter().next().map_or(Ok(()), Err)
}

async fn watch_urgent() -> Result<(), Problem> {
    if urgent_watch::is_needed()? {
        urgent_watch::stay(&Settings::load().await?).await?;
    }
    Ok(())
}

/// Events may be told with a second or two of delay.
const fn is_scheduled_run(timestamp: u64) -> bool {
    timestamp % 30 >= 25
}

async fn scheduled_run() -> Result<(), Problem> {
    let now = host::now_ms();
    let owner = host::new_id(now)?;
    if begin(&owner, now)? {
        work(&owner, now, Steps::default()).await?;
    }
    Ok(())
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
            summary.dispatch = steps.record("dispatch", dispatch::drain(&settings, None).await);
            summary.removed = steps.record("clean-up", cleanup::run(now).await);
            summary.integrity = steps.record("integrity", integrity::run(host::now_ms()));
            summary.late = end(owner, steps.failed.is_empty())?;
            if steps.failed.is_empty()
                && summary.late.is_empty()
                && let Some(address) = &settings.dead_mans_switch
            {
                summary.pinged = ping(address).await;
            }
        }
        Err(problem) => {
            steps.record::<()>("settings", Err(problem));
            end(owner, false)?;
        }
    }
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

/// The other components that are late. What only their absence tells is told by the dead man's switch, which hears nothing.
fn late(runs: LastRuns) -> Vec<&'static str> {
    let others: Vec<_> = runs.into_iter().filter(|run| run.component != scheduled::HEARTBEAT).collect();
    let late = scheduled::late(&others);
    if !late.is_empty() {
        host::log("error", "scheduled runs are late", json!({ "components": late }));
    }
    late
}

/// Takes the lease; false when another run holds it. One that lasts longer than it can was taken before the clock was set back.
fn begin(owner: &str, now: i64) -> Result<bool, Problem> {
    Database.exists(
        "insert into leases (name, owner, lease_until, started_at) values (?4, ?1, ?2 + ?3, ?2)
         on conflict (name) do update set owner = excluded.owner, lease_until = excluded.lease_until, started_at = excluded.started_at
         where leases.lease_until is null or leases.lease_until <= excluded.started_at or leases.lease_until > excluded.lease_until + ?5
         returning name",
        params![owner, now, LEASE_MS, scheduled::LEASE, CLOCK_TOLERANCE_MS],
    )
}

const END: &str = concatcp!(
    "update leases set owner = null, lease_until = null, runs = runs + ?2, finished_at = iif(?2, ?3, finished_at)
     where name = ?4 and owner = ?1 returning ",
    scheduled::NOTED
);

/// Gives the lease back and notes a good run; the other components that are late.
fn end(owner: &str, good: bool) -> Result<Vec<&'static str>, Problem> {
    let now = host::now_ms();
    let noted: Option<Noted> = Database.fetch_optional(END, params![owner, good, now, scheduled::LEASE])?;
    let runs = match noted {
        Some(noted) => noted.last_runs(now)?,
        // Another run has taken the lease.
        None => scheduled::last_runs(now)?,
    };
    Ok(late(runs))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_events_of_a_minute_two_are_scheduled_runs() {
        let runs: Vec<u64> = (0..60).step_by(5).filter(|second| is_scheduled_run(1_770_201_000 + second)).collect();
        assert_eq!(runs, [25, 55]);
        assert!(is_scheduled_run(1_770_201_026) && !is_scheduled_run(1_770_201_030));
    }
}
