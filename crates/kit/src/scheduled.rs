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
use const_format::concatcp;
use domain::schedule;
use domain::time::{AHEAD_TOLERANCE_MS, is_ahead, not_ahead};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::path::HttpMethod;

use crate::api::Route;
use crate::db::{Database, Executor as _, Fetch as _, Value};
use crate::row::{FromRow, Json as JsonColumn};
use crate::serve::Quiet;
use crate::trusted::Trusted;
use crate::{Answer, Problem, host, params};

/// The components with scheduled work, beside [`HEARTBEAT`]; a test compares them with the manifest.
pub const COMPONENTS: [&str; 11] =
    ["alerts", "auth", "booking", "cameras", "crowd", "mail", "parking", "payments", "reservations", "telemetry", "transport"];

/// The component whose run is what is nobody else's. It notes it itself, with the lease of its run.
pub const HEARTBEAT: &str = "heartbeat";

/// The lease of heartbeat's run.
pub const LEASE: &str = "tick";

/// Rows of one table that one run changes or removes at most: a backlog takes several runs, and no writer waits long.
pub const BATCH: i64 = 5_000;

/// The scheduled work of a component; a value is what one run did, the default one that has done nothing.
pub trait Work: Default + Serialize + ToSchema + Send + 'static {
    /// The component, one of [`COMPONENTS`].
    const COMPONENT: &'static str;

    /// Selects of which at least one gives a row whenever there is anything to do. Their parameters are those of a [`Step`].
    const DUE: &'static [&'static str];

    /// Does what is due at `now`.
    fn run(now: i64) -> impl Future<Output = Result<Self, Problem>> + Send;
}

/// Does the work and notes that it was done: the cron event. Nearly always there is nothing to do, and that takes one statement.
pub async fn run<W: Work>() -> Result<W, Problem> {
    // Where that cannot be asked as a whole, the work may still be done in part, and says what has failed.
    if note_unless_due(W::COMPONENT, W::DUE, host::now_ms()).unwrap_or(false) {
        return Ok(W::default());
    }
    let done = W::run(host::now_ms()).await?;
    note_unless_due(W::COMPONENT, &[], host::now_ms())?;
    Ok(done)
}

/// Notes a good run of a component, unless one of these selects gives a row: whether it did.
fn note_unless_due(component: &str, selects: &[&str], now: i64) -> Result<bool, Problem> {
    let none_due: String = selects.iter().map(|select| format!(" and not exists ({select})")).collect();
    let note = format!(
        "insert into leases (name, finished_at, runs) select ?3, ?1, 1 where true{none_due}
         on conflict (name) do update set finished_at = excluded.finished_at, runs = leases.runs + 1 returning 1"
    );
    Database.exists(&note, params![now, BATCH, component])
}

/// Which rows these steps are for: of a [`Work`] that has no others.
pub const fn due_of<const N: usize>(steps: &[Step<'static>; N]) -> [&'static str; N] {
    let mut due = [""; N];
    let mut index = 0;
    while index < N {
        due[index] = steps[index].due;
        index += 1;
    }
    due
}

/// A step of a run that changes the rows that a select gives, or the oldest of them.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// The statement up to what the keys of its rows are to be `in`: `delete from a where id in`.
    pub change: &'a str,
    /// The select of those keys. `?1` is now, and `?2` how many at most, which it must bound itself by.
    pub due: &'a str,
}

/// Runs the steps that have anything to do; how many rows each has changed. Which have is asked in one read: nearly always none has, and no
/// writer waits. A step that fails does not keep the others from being done; the first failure is the answer.
pub fn run_steps<const N: usize>(steps: [Step<'_>; N], now: i64) -> Result<[usize; N], Problem> {
    let mut done = [0; N];
    // What one changes may be what a later one has to do.
    let Some(first) = due(steps.map(|step| step.due), now)?.into_iter().position(|is_due| is_due) else { return Ok(done) };
    let mut failure = None;
    for (step, done) in steps.iter().zip(&mut done).skip(first) {
        match Database.run(&format!("{} ({}) returning 1", step.change, step.due), params![now, BATCH]) {
            Ok(rows) => *done = rows.len(),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    failure.map_or(Ok(done), |error| Err(error.into()))
}

/// Which of these selects give any row, in one read. Their parameters are those of a [`Step`].
pub fn due<const N: usize>(selects: [&str; N], now: i64) -> Result<[bool; N], Problem> {
    let columns: Vec<_> = selects.iter().map(|select| format!("exists ({select})")).collect();
    // Each parameter is there, whether or not a select has it.
    let found = Database.run(&format!("select {} from (select ?1, ?2)", columns.join(", ")), params![now, BATCH])?;
    let found = found.first().ok_or_else(|| Problem::internal("no row"))?;
    let mut due = [false; N];
    for (due, value) in due.iter_mut().zip(found.values()) {
        *due = *value != Value::Integer(0);
    }
    Ok(due)
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
pub type LastRuns = [LastRun; COMPONENTS.len() + 1];

/// How it stands with each of them.
pub fn last_runs(now: i64) -> Result<LastRuns, Problem> {
    let noted: Option<Noted> = Database.fetch_optional(concatcp!("select ", NOTED), params![])?;
    noted.ok_or_else(|| Problem::internal("no row"))?.last_runs(now)
}

const TAKE_AS_NOW: &str = "update leases set finished_at = ?1 where finished_at > ?1 + ?2";

/// The components that are late.
pub fn late(runs: &[LastRun]) -> Vec<&'static str> {
    runs.iter().filter(|run| run.is_late()).map(|run| run.component).collect()
}

/// What is noted of the runs, as the columns [`NOTED`] of a statement give it.
#[derive(FromRow)]
pub struct Noted {
    migrated_at: i64,
    finished: JsonColumn<HashMap<String, i64>>,
}

/// The columns of [`Noted`].
pub const NOTED: &str = "(select max(applied_at) from schema_migrations) as migrated_at,
        (select json_group_object(name, finished_at) from leases where finished_at is not null) as finished";

impl Noted {
    /// How it stands with each of them at `now`. A run that was noted before the clock was set back is taken as one of now, and kept as that:
    /// nobody is late for it, nor in time for as long as the clock takes to come there again.
    pub fn last_runs(self, now: i64) -> Result<LastRuns, Problem> {
        let JsonColumn(mut finished) = self.finished;
        if finished.values().any(|at| is_ahead(*at, now)) {
            Database.run(TAKE_AS_NOW, params![now, AHEAD_TOLERANCE_MS])?;
            finished.values_mut().for_each(|at| *at = not_ahead(*at, now));
        }
        Ok(stand(&finished, self.migrated_at, now))
    }
}

fn stand(finished: &HashMap<String, i64>, migrated_at: i64, now: i64) -> LastRuns {
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
