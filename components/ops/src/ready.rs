//! Whether the application may be sent requests.

use axum::Json;
use axum::response::{IntoResponse, Response};
use const_format::concatcp;
use domain::schedule::PERIOD_MS;
use domain::time::SECOND_MS;
use http::StatusCode;
use http::header::RETRY_AFTER;
use kit::api::{Request, Respond, answers_json};
use kit::db::{Database, Fetch as _};
use kit::input::Timestamp;
use kit::request::Now;
use kit::row::FromRow;
use kit::scheduled::{self, LastRun, Noted};
use kit::{Problem, config, host, key_value, migrate, params};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

/// Whether the application may be sent requests, and what is amiss.
#[derive(Serialize, ToSchema)]
pub struct Readiness {
    /// `ready` or `not_ready`.
    status: &'static str,
    /// What it depends on, each by itself.
    checks: Checks,
}

/// What readiness depends on; each `ok` or `failed` unless it says otherwise.
#[derive(Serialize, ToSchema)]
struct Checks {
    /// Whether the database answers.
    database: &'static str,
    /// Whether it takes changes, as a change of a second ago at most has shown: `ok`, or what keeps it from that: `disk_full`, `read_only`,
    /// `database_gone`, `database_damaged`, `disk_failure`, or else `failed`.
    writable: &'static str,
    /// Whether its pages are whole, as far as they were checked.
    integrity: &'static str,
    /// How far the database's schema is.
    migrations: Migrations,
    /// Whether the key-value store answers within half a second, or did not a moment ago.
    key_value: &'static str,
    /// When the scheduled work last ran.
    scheduled_run: ScheduledRuns,
    /// `ok`, or `pending` until the demo data is whole, where the variable `await_demo` is on.
    demo: &'static str,
}

/// Versions of the database schema.
#[derive(Serialize, ToSchema)]
struct Migrations {
    /// What the database is at; null when it does not answer.
    current: Option<i64>,
    /// What this build works with.
    latest: i64,
}

/// The scheduled runs of the components.
#[derive(Default, Serialize, ToSchema)]
struct ScheduledRuns {
    /// When the last good run of that component ended whose is the longest ago; null while one has not had its first.
    last_finished_at: Option<Timestamp>,
    /// How long ago that was.
    age_s: Option<i64>,
    /// Whether no component is late.
    on_time: bool,
    /// The components that are late: their last good run ended more than 120 s ago.
    late: Vec<&'static str>,
}

impl IntoResponse for Readiness {
    fn into_response(self) -> Response {
        match self.status {
            READY => Json(self).into_response(),
            _ => (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, (PERIOD_MS / SECOND_MS).to_string())], Json(self)).into_response(),
        }
    }
}

impl Respond for Readiness {
    fn describe(request: &mut Request<'_>) {
        answers_json::<Self>(request, 200, "Ready.");
        answers_json::<Self>(request, 503, "Not ready; `checks` says why. Come back after `Retry-After`.");
    }
}

const READY: &str = "ready";

const OK: &str = "ok";

const FAILED: &str = "failed";

/// Returns 200 when the application may be sent requests, else 503 with the failed check.
///
/// It may when the stores answer, the database takes changes and is whole, the migrations are done, no component's scheduled work is late, and a demo that is awaited is whole.
#[utoipa::path(get, path = "/ready")]
pub async fn ready(Now(now): Now) -> Readiness {
    // A variable that cannot be read is a failure of its own: better not ready than ready with half a demo.
    let demo_is_awaited = config::flag("await_demo").await.unwrap_or(true);
    let (writable, noted) = probe::write(now);
    let found = found(noted, now).unwrap_or_else(|problem| {
        host::log("error", "the database does not answer", json!({ "cause": problem.cause().unwrap_or(problem.detail()) }));
        None
    });
    let key_value = key_value::get("ready", now).await.is_ok();
    let is_whole = found.as_ref().is_some_and(|found| !found.is_damaged);
    let current = found.as_ref().map(|found| found.version);
    let scheduled_run = found.as_ref().map(|found| ScheduledRuns::of(&found.runs)).unwrap_or_default();
    let migrated = current.is_some_and(|current| current >= migrate::latest());
    let demo = !demo_is_awaited || found.as_ref().is_some_and(|found| found.demo_done);
    let word = |holds: bool| if holds { OK } else { FAILED };
    Readiness {
        status: if writable == OK && is_whole && migrated && key_value && scheduled_run.on_time && demo { READY } else { "not_ready" },
        checks: Checks {
            database: word(found.is_some()),
            writable,
            integrity: word(is_whole),
            migrations: Migrations { current, latest: migrate::latest() },
            key_value: word(key_value),
            scheduled_run,
            demo: if demo { OK } else { "pending" },
        },
    }
}

impl ScheduledRuns {
    fn of(runs: &[LastRun]) -> Self {
        let finished: Option<Vec<_>> = runs.iter().map(|run| run.finished_at.map(|at| (at, run.age_ms))).collect();
        let first = finished.and_then(|finished| finished.into_iter().min());
        let late = scheduled::late(runs);
        Self {
            last_finished_at: first.map(|(at, _)| Timestamp(at)),
            age_s: first.map(|(_, age_ms)| age_ms / SECOND_MS),
            on_time: late.is_empty(),
            late,
        }
    }
}

/// What the database tells of itself.
#[derive(FromRow)]
struct Setup {
    version: Option<i64>,
    demo_done: bool,
    is_damaged: bool,
    #[row(flatten)]
    runs: Noted,
}

/// The columns of [`Setup`].
const SETUP: &str = concatcp!(
    "(select max(version) from schema_migrations) as version, exists (select 1 from setup_steps where name = 'demo') as demo_done,
     exists (select 1 from integrity_checks where damage is not null) as is_damaged, ",
    scheduled::NOTED
);

/// The version of the schema, whether the demo data is whole, and how it stands with the scheduled work.
struct Found {
    version: i64,
    demo_done: bool,
    is_damaged: bool,
    runs: Vec<LastRun>,
}

/// What the write probe was answered, or else is read.
fn found(noted: Option<Setup>, now: i64) -> Result<Option<Found>, Problem> {
    let setup = match noted {
        Some(setup) => Some(setup),
        None => Database.fetch_optional(concatcp!("select ", SETUP), params![])?,
    };
    let Some(Setup { version: Some(version), demo_done, is_damaged, runs }) = setup else { return Ok(None) };
    Ok(Some(Found { version, demo_done, is_damaged, runs: runs.last_runs(now)?.to_vec() }))
}

/// Whether changes are taken, found out by one, which gives what else is asked as well. Who asks often costs no more than a change a second and
/// instance.
mod probe {
    use std::cell::Cell;
    use std::time::{Duration, Instant};

    use const_format::concatcp;
    use kit::db::{Database, DbError, Executor as _};
    use kit::row::FromRow as _;
    use kit::{host, params};
    use serde_json::json;

    use super::{FAILED, OK, SETUP, Setup};

    const HOLDS_FOR: Duration = Duration::from_secs(1);

    thread_local! {
        static LAST: Cell<Option<(Instant, &'static str)>> = const { Cell::new(None) };
    }

    const PROBE: &str =
        concatcp!("insert into write_probe (id, at) values (1, ?) on conflict (id) do update set at = excluded.at returning ", SETUP);

    pub fn write(now: i64) -> (&'static str, Option<Setup>) {
        if let Some((_, word)) = LAST.get().filter(|(at, _)| at.elapsed() < HOLDS_FOR) {
            return (word, None);
        }
        let written = Database.run(PROBE, params![now]);
        let word = match &written {
            Ok(_) => OK,
            Err(DbError::Out { outage, .. }) => outage.word(),
            Err(_) => FAILED,
        };
        if let Err(error) = &written {
            host::log("error", "the database takes no changes", json!({ "cause": error.to_string() }));
        }
        LAST.set(Some((Instant::now(), word)));
        (word, written.ok().and_then(|rows| Setup::from_row(rows.first()?).ok()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(component: &'static str, finished_at: Option<i64>, age_ms: i64) -> LastRun {
        LastRun { component, finished_at, age_ms }
    }

    #[test]
    fn the_run_that_is_the_longest_ago_counts() {
        let runs = ScheduledRuns::of(&[run("auth", Some(280_000), 20_000), run("crowd", Some(150_000), 150_000)]);
        assert_eq!((runs.last_finished_at.map(|at| at.0), runs.age_s, runs.on_time), (Some(150_000), Some(150), false));
        assert_eq!(runs.late, ["crowd"]);
    }

    #[test]
    fn who_has_not_had_its_first_run_yet_is_on_time_for_a_while() {
        let runs = ScheduledRuns::of(&[run("auth", Some(280_000), 20_000), run("crowd", None, 60_000)]);
        assert!(runs.on_time && runs.late.is_empty());
        assert!(runs.last_finished_at.is_none() && runs.age_s.is_none());
    }

    #[test]
    fn a_database_that_does_not_answer_is_not_on_time() {
        assert!(!ScheduledRuns::default().on_time);
    }
}
