//! Whether the application may be sent requests.

use axum::Json;
use axum::response::{IntoResponse, Response};
use domain::time::MINUTE_MS;
use http::StatusCode;
use http::header::RETRY_AFTER;
use kit::api::{Request, Respond, answers_json};
use kit::db::{Database, Fetch as _};
use kit::input::Timestamp;
use kit::request::Now;
use kit::row::FromRow;
use kit::{Problem, config, host, migrate, params};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

/// How often the scheduled run comes, seconds: when to ask again.
const RUN_EVERY_S: &str = "30";

/// From here on the scheduled run is late, milliseconds.
const LATE_MS: i64 = 2 * MINUTE_MS;

/// Whether the application may be sent requests, and what is amiss.
#[derive(Serialize, ToSchema)]
pub struct Readiness {
    /// `ready` or `not_ready`.
    status: &'static str,
    checks: Checks,
}

/// What readiness depends on; each `ok` or `failed`.
#[derive(Serialize, ToSchema)]
struct Checks {
    database: &'static str,
    migrations: Migrations,
    key_value: &'static str,
    scheduled_run: LastScheduledRun,
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

/// The last scheduled run.
#[derive(Serialize, ToSchema)]
struct LastScheduledRun {
    /// When it finished; null before the first.
    last_finished_at: Option<Timestamp>,
    /// How long ago that was.
    age_s: Option<i64>,
    on_time: bool,
}

impl IntoResponse for Readiness {
    fn into_response(self) -> Response {
        match self.status {
            READY => Json(self).into_response(),
            _ => (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, RUN_EVERY_S)], Json(self)).into_response(),
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

/// Returns 200 when the stores answer, the migrations are done, the last scheduled run was on time and a demo that is awaited is whole; else 503.
#[utoipa::path(get, path = "/ready")]
pub async fn ready(Now(now): Now) -> Readiness {
    // A variable that cannot be read is a failure of its own: better not ready than ready with half a demo.
    let demo_is_awaited = config::flag("await_demo").await.unwrap_or(true);
    let found = database().unwrap_or_else(|problem| {
        host::log("error", "the database does not answer", json!({ "cause": problem.cause().unwrap_or(problem.detail()) }));
        None
    });
    let key_value = store::answers().await;
    let current = found.as_ref().map(|found| found.version);
    let finished_at = found.as_ref().and_then(|found| found.finished_at);
    // Since the last run has finished; since the database was made, when none has.
    let age_ms = found.as_ref().map_or(0, |found| now - found.finished_at.unwrap_or(found.migrated_at));
    let on_time = found.is_some() && age_ms <= LATE_MS;
    let migrated = current.is_some_and(|current| current >= migrate::latest());
    let demo = !demo_is_awaited || found.as_ref().is_some_and(|found| found.demo_done);
    let word = |holds: bool| if holds { "ok" } else { "failed" };
    Readiness {
        status: if migrated && key_value && on_time && demo { READY } else { "not_ready" },
        checks: Checks {
            database: word(found.is_some()),
            migrations: Migrations { current, latest: migrate::latest() },
            key_value: word(key_value),
            scheduled_run: LastScheduledRun {
                last_finished_at: finished_at.map(Timestamp),
                age_s: finished_at.map(|_| age_ms / 1000),
                on_time,
            },
            demo: if demo { "ok" } else { "pending" },
        },
    }
}

/// The version of the schema, and when the scheduled run last finished.
#[derive(FromRow)]
struct Found {
    version: i64,
    migrated_at: i64,
    finished_at: Option<i64>,
    demo_done: bool,
}

fn database() -> Result<Option<Found>, Problem> {
    Database.fetch_optional(
        "select max(version) as version, min(applied_at) as migrated_at,
            (select finished_at from leases where name = 'tick') as finished_at,
            exists (select 1 from setup_steps where name = 'demo') as demo_done
         from schema_migrations",
        params![],
    )
}

#[cfg(target_family = "wasm")]
mod store {
    use spin_sdk::key_value::Store;

    pub async fn answers() -> bool {
        match Store::open_default().await {
            Ok(store) => store.get("ready").await.is_ok(),
            Err(_) => false,
        }
    }
}

#[cfg(not(target_family = "wasm"))]
mod store {
    pub async fn answers() -> bool {
        false
    }
}
