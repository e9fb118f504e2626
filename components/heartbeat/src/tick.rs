//! The scheduled run (contract §11). Two at once do each thing once: a lease lets one of them work, and each step is safe by itself
//! besides, for a run whose lease ended may still be at it.

use kit::{Problem, db, host, params};
use serde::Serialize;
use serde_json::json;

use crate::settings::Settings;
use crate::{anomalies, bookings, cleanup, dispatch, escalation, health, held_back, outbound, reservations};

/// How long a run may last before the next one takes it for dead, milliseconds.
const LEASE_MS: i64 = 60_000;

/// What each step did.
#[derive(Debug, Default, Serialize)]
pub struct Summary {
    /// Another run is at work: this one did nothing.
    pub skipped: bool,
    /// Devices whose health turned.
    pub health: health::Summary,
    /// Anomalies of sites and spots.
    pub anomalies: anomalies::Summary,
    /// Bookings that time has overtaken.
    pub bookings: bookings::Summary,
    /// Events of crowds and shuttles that had been held back.
    pub held_back: usize,
    /// Reservations that time has overtaken.
    pub reservations: reservations::Summary,
    /// Alerts that ended by themselves.
    pub expired: usize,
    /// Rungs that alerts and emergencies climbed.
    pub escalated: usize,
    /// Messages.
    pub dispatch: dispatch::Summary,
    /// Rows removed.
    pub removed: cleanup::Summary,
    /// Whether the dead-man's switch was told.
    pub pinged: bool,
}

/// Who runs it.
#[derive(Clone, Copy, PartialEq)]
#[cfg_attr(not(target_family = "wasm"), allow(dead_code, reason = "only a component has a cron trigger"))]
pub enum Caller {
    /// The cron trigger, which runs the component of payments too.
    Trigger,
    /// POST `/internal/tick`, for all that there is to do.
    Route,
}

/// One run. A step that fails does not keep the others from being done; the run is then no good one: it is an error, the dead-man's
/// switch is not told, and `/ready` still sees the good run before.
pub async fn run(caller: Caller) -> Result<Summary, Problem> {
    let now = host::now_ms();
    let owner = host::new_id(now)?;
    if !begin(&owner, now)? {
        return Ok(Summary { skipped: true, ..Summary::default() });
    }
    let mut steps = Steps::default();
    let mut summary = Summary {
        health: steps.of("health", health::run(now)),
        anomalies: steps.of("anomalies", anomalies::run(now)),
        bookings: steps.of("bookings", bookings::run(now)),
        held_back: steps.of("held-back events", held_back::run(now)),
        reservations: steps.of("reservations", reservations::run(now)),
        expired: steps.of("expiry", escalation::expire(now)),
        ..Summary::default()
    };
    if caller == Caller::Route {
        // Before the messages are sent, since it makes some.
        steps.of("payments", reservations::look_after_payments(&owner).await);
    }
    match Settings::load().await {
        Ok(settings) => {
            summary.escalated = steps.of("escalation", escalation::climb(&settings, now));
            summary.dispatch = steps.of("dispatch", dispatch::drain(&settings).await);
            summary.removed = steps.of("clean-up", cleanup::run(now));
            if steps.failed.is_empty()
                && let Some(address) = &settings.dead_mans_switch
            {
                summary.pinged = ping(address).await;
            }
        }
        Err(problem) => steps.of("settings", Err(problem)),
    }
    end(&owner, steps.failed.is_empty())?;
    if steps.failed.is_empty() { Ok(summary) } else { Err(Problem::internal(format!("steps that failed: {}", steps.failed.join(", ")))) }
}

#[derive(Default)]
struct Steps {
    failed: Vec<&'static str>,
}

impl Steps {
    fn of<T: Default>(&mut self, name: &'static str, result: Result<T, Problem>) -> T {
        result.unwrap_or_else(|problem| {
            let cause = problem.cause().unwrap_or(problem.detail());
            host::log("error", "a step of the scheduled run failed", json!({ "step": name, "cause": cause }));
            self.failed.push(name);
            T::default()
        })
    }
}

/// Takes the lease; false when another run holds it.
fn begin(owner: &str, now: i64) -> Result<bool, Problem> {
    let rows = db::run(
        "insert into leases (name, owner, lease_until, started_at) values ('tick', ?1, ?2 + ?3, ?2)
         on conflict (name) do update set owner = excluded.owner, lease_until = excluded.lease_until, started_at = excluded.started_at
         where leases.lease_until is null or leases.lease_until <= excluded.started_at
         returning name",
        params![owner, now, LEASE_MS],
    )?;
    Ok(!rows.is_empty())
}

/// Gives the lease back and notes a good run.
fn end(owner: &str, good: bool) -> Result<(), Problem> {
    db::run(
        "update leases set owner = null, lease_until = null, runs = runs + ?2, finished_at = iif(?2, ?3, finished_at)
         where name = 'tick' and owner = ?1",
        params![owner, good, host::now_ms()],
    )?;
    Ok(())
}

/// Tells the dead-man's switch that the run was good; it raises the alarm when it hears nothing. Its address is a secret.
async fn ping(address: &str) -> bool {
    let Ok(request) = http::Request::get(address).body(bytes::Bytes::new()) else {
        host::log("warn", "the dead-man's switch has no valid address", json!({}));
        return false;
    };
    let reply = outbound::send(request).await;
    if let Some(error) = &reply.error {
        host::log("warn", "the dead-man's switch was not told", json!({ "error": error }));
    }
    reply.error.is_none()
}
