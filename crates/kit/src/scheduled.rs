//! Scheduled work: each component does that of its own tables.
//!
//! A component with scheduled work says what it is by one type, a [`Work`]. Its route is [`route`], for platforms without a cron trigger:
//! there POST `/internal/tick` of the component `heartbeat` asks each of [`COMPONENTS`] for its run. Its cron event is [`run`], which the
//! `[[trigger.cron]]` of the manifest calls:
//!
//! ```ignore
//! Api::new("crowd", "…").routes(routes![…]).routes([scheduled::route::<schedule::Summary>()])
//!
//! kit::component!(api, scheduled: scheduled::run::<schedule::Summary>);
//! ```
//!
//! Two runs at once do each thing once: each step's condition stands in its statement. When a run was good it is noted here, and here is
//! said who is late: for `/ready`, `/metrics` and the dead man's switch.

use std::collections::HashMap;

use axum::routing::MethodRouter;
use axum::{Extension, Json};
use domain::schedule;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::path::HttpMethod;

use crate::api::Route;
use crate::db::{Database, Executor as _, Fetch as _};
use crate::row::FromRow;
use crate::serve::Quiet;
use crate::trusted::Trusted;
use crate::{Answer, Problem, host, params};

/// The components with scheduled work, beside [`HEARTBEAT`]; a test compares them with the manifest.
pub const COMPONENTS: [&str; 7] = ["alerts", "auth", "booking", "crowd", "payments", "reservations", "transport"];

/// The component whose run is what is nobody else's. It notes it itself, with the lease of its run.
pub const HEARTBEAT: &str = "heartbeat";

/// The lease of heartbeat's run.
pub const LEASE: &str = "tick";

/// Rows of one table that one run changes or removes at most: a backlog takes several runs, and no writer waits long.
pub const BATCH: i64 = 5_000;

/// The scheduled work of a component; a value is what one run did.
pub trait Work: Sized + Serialize + ToSchema + Send + 'static {
    /// The component, one of [`COMPONENTS`].
    const COMPONENT: &'static str;

    /// Does what is due at `now`.
    fn run(now: i64) -> impl Future<Output = Result<Self, Problem>> + Send;
}

/// Does the work and notes that it was done: the cron event.
pub async fn run<W: Work>() -> Result<W, Problem> {
    let done = W::run(host::now_ms()).await?;
    Database.run(
        "insert into leases (name, finished_at, runs) values (?1, ?2, 1)
         on conflict (name) do update set finished_at = excluded.finished_at, runs = leases.runs + 1",
        params![W::COMPONENT, host::now_ms()],
    )?;
    Ok(done)
}

async fn tick<W: Work>(_: Trusted) -> Answer<(Extension<Quiet>, Json<W>)> {
    Ok((Extension(Quiet), Json(run::<W>().await?)))
}

/// POST `/internal/tick/NAME`, which does the same.
pub fn route<W: Work>() -> Route {
    Route {
        path: path(W::COMPONENT),
        methods: vec![HttpMethod::Post],
        handler: |filter| MethodRouter::new().on(filter, tick::<W>),
        #[cfg(not(target_family = "wasm"))]
        describe: Some(|schemas| {
            let summary = format!("Does the scheduled work of `{}` now, for platforms without a cron trigger.", W::COMPONENT);
            let operation = utoipa::openapi::path::OperationBuilder::new().summary(Some(summary)).build();
            crate::api::Documented::describe(&tick::<W>, &path(W::COMPONENT), operation, schemas)
        }),
        #[cfg(target_family = "wasm")]
        describe: None,
        name: "schedule::tick",
    }
}

/// The route that makes a component do its scheduled work.
pub fn path(component: &str) -> String {
    format!("/internal/tick/{component}")
}

/// How it stands with a component's scheduled work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastRun {
    /// The component.
    pub component: &'static str,
    /// When its last good run ended; none before the first.
    pub finished_at: Option<i64>,
    /// How long ago that was, milliseconds. Before the first run, how long it has been due: since the schema is what it is.
    pub age_ms: i64,
}

impl LastRun {
    /// Whether a good run is overdue.
    pub fn is_late(&self) -> bool {
        schedule::is_late(self.age_ms)
    }
}

/// How it stands with each of [`COMPONENTS`], and with [`HEARTBEAT`], which comes last.
pub fn last_runs(now: i64) -> Result<[LastRun; COMPONENTS.len() + 1], Problem> {
    let noted: Option<Noted> = Database.fetch_optional(NOTED, params![])?;
    let noted = noted.ok_or_else(|| Problem::internal("no row"))?;
    let finished = serde_json::from_str(&noted.finished).map_err(Problem::internal)?;
    Ok(stand(&finished, noted.migrated_at, now))
}

/// The components that are late.
pub fn late(runs: &[LastRun]) -> Vec<&'static str> {
    runs.iter().filter(|run| run.is_late()).map(|run| run.component).collect()
}

#[derive(FromRow)]
struct Noted {
    migrated_at: i64,
    finished: String,
}

const NOTED: &str = "select (select max(applied_at) from schema_migrations) as migrated_at,
        (select json_group_object(name, finished_at) from leases where finished_at is not null) as finished";

fn stand(finished: &HashMap<String, i64>, migrated_at: i64, now: i64) -> [LastRun; COMPONENTS.len() + 1] {
    let of = |component, lease| {
        let finished_at = finished.get(lease).copied();
        LastRun { component, finished_at, age_ms: now - finished_at.unwrap_or(migrated_at) }
    };
    std::array::from_fn(|index| COMPONENTS.get(index).map_or_else(|| of(HEARTBEAT, LEASE), |component| of(component, component)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MADE_AT: i64 = 1_800_000_000_000;

    fn late_at(finished: &[(&str, i64)], now: i64) -> Vec<&'static str> {
        let finished = finished.iter().map(|(name, at)| ((*name).to_owned(), *at)).collect();
        late(&stand(&finished, MADE_AT, now))
    }

    #[test]
    fn who_has_never_run_is_late_when_a_run_has_been_due_for_long() {
        assert!(late_at(&[], MADE_AT + schedule::LATE_MS).is_empty());
        let all = late_at(&[], MADE_AT + schedule::LATE_MS + 1);
        assert_eq!(all.len(), COMPONENTS.len() + 1);
        assert_eq!(all.last(), Some(&HEARTBEAT));
    }

    #[test]
    fn one_that_is_late_is_named_though_the_others_are_not() {
        let now = MADE_AT + 10 * schedule::LATE_MS;
        let mut finished: Vec<_> = COMPONENTS.iter().map(|name| (*name, now)).collect();
        finished.push((LEASE, now));
        assert!(late_at(&finished, now).is_empty());
        finished[2].1 = now - schedule::LATE_MS - 1;
        assert_eq!(late_at(&finished, now), ["booking"]);
        finished.pop();
        assert_eq!(late_at(&finished, now), ["booking", HEARTBEAT]);
    }

    #[test]
    fn no_component_is_named_as_a_lease_of_another_kind() {
        assert!(!COMPONENTS.contains(&LEASE) && !COMPONENTS.contains(&"dispatch"));
    }
}
