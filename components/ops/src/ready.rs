//! Whether the application may be sent requests.

use axum::Json;
use axum::response::{IntoResponse, Response};
use domain::time::{MINUTE_MS, format_rfc3339};
use http::StatusCode;
use http::header::RETRY_AFTER;
use kit::request::Now;
use kit::{Problem, db, host, migrate, params};
use serde_json::json;

/// How often the scheduled run comes, seconds: when to ask again.
const RUN_EVERY_S: &str = "30";

/// From here on the scheduled run is late, milliseconds.
const LATE_MS: i64 = 2 * MINUTE_MS;

/// GET `/ready`: 200 when the stores answer, the migrations are done and the last scheduled run was on time; else 503, with what is
/// amiss in the same document.
pub async fn ready(Now(now): Now) -> Response {
    let (database, migrations, scheduled) = match database(now) {
        Ok((current, scheduled)) => (true, json!({ "current": current, "latest": migrate::latest() }), scheduled),
        Err(problem) => {
            host::log("error", "the database does not answer", json!({ "cause": problem.cause().unwrap_or(problem.detail()) }));
            (false, json!({ "current": null, "latest": migrate::latest() }), Scheduled { finished_at: None, age_ms: 0, on_time: false })
        }
    };
    let migrated = migrations["current"].as_i64().is_some_and(|current| current >= migrate::latest());
    let key_value = store::answers().await;
    let ready = database && migrated && key_value && scheduled.on_time;
    let word = |holds: bool| if holds { "ok" } else { "failed" };
    let document = json!({
        "status": if ready { "ready" } else { "not_ready" },
        "checks": {
            "database": word(database),
            "migrations": migrations,
            "key_value": word(key_value),
            "scheduled_run": {
                "last_finished_at": scheduled.finished_at.map(format_rfc3339),
                "age_s": scheduled.finished_at.map(|_| scheduled.age_ms / 1000),
                "on_time": scheduled.on_time,
            },
        },
    });
    if ready {
        return Json(document).into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, RUN_EVERY_S)], Json(document)).into_response()
}

struct Scheduled {
    finished_at: Option<i64>,
    /// Since the last run has finished; since the database was made, when none has.
    age_ms: i64,
    on_time: bool,
}

/// The version of the schema, and when the scheduled run last finished.
fn database(now: i64) -> Result<(i64, Scheduled), Problem> {
    let rows = db::run(
        "select max(version), min(applied_at), (select finished_at from leases where name = 'tick') from schema_migrations",
        params![],
    )?;
    let row = rows.first().ok_or_else(|| Problem::internal("no row"))?;
    let finished_at = row.opt_int(2)?;
    let age_ms = now - finished_at.map_or_else(|| row.int(1), Ok)?;
    Ok((row.int(0)?, Scheduled { finished_at, age_ms, on_time: age_ms <= LATE_MS }))
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
