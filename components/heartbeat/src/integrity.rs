//! Whether the database's pages are whole: table by table, a short piece of each run, all of it once an hour.

use std::time::{Duration, Instant};

use domain::time::{AHEAD_TOLERANCE_MS, HOUR_MS};
use kit::db::{self, Database, DbError, Executor as _, Outage};
use kit::{Problem, host, params};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

/// How often each table is checked, milliseconds.
const EVERY_MS: i64 = HOUR_MS;

/// After how long a run begins no further table. One table is checked as a whole; the embedded host gives that five seconds.
const BUDGET: Duration = Duration::from_millis(500);

/// What a run checked.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = IntegrityRun)]
pub struct Summary {
    /// Tables that were checked.
    checked: usize,
    /// Tables of which some page is damaged.
    damaged: usize,
    /// Tables that could not be checked: too large for the time, or the platform does not do it.
    unknown: usize,
}

/// Those that were damaged are looked at again in each run, so that it is known when they are mended.
const DUE: &str = "select s.name from sqlite_schema s left join integrity_checks c on c.name = s.name
     where s.type = 'table' and s.name not like 'sqlite%'
         and (c.checked_at is null or c.checked_at <= ?1 - ?2 or c.checked_at > ?1 + ?3 or c.damage is not null)
     order by c.checked_at";

const NOTE: &str = "insert into integrity_checks (name, checked_at, damage)
     select value ->> 0, ?1, value ->> 1 from json_each(?2) where true
     on conflict (name) do update set checked_at = excluded.checked_at, damage = excluded.damage";

/// Checks what is due, and notes what was found.
pub fn run(now: i64) -> Result<Summary, Problem> {
    let began = Instant::now();
    let (mut summary, mut found) = (Summary::default(), Vec::new());
    for row in Database.run(DUE, params![now, EVERY_MS, AHEAD_TOLERANCE_MS])?.iter() {
        let table: String = row.scalar()?;
        let damage = match check(&table) {
            Ok(damage) => damage,
            Err(_) => {
                summary.unknown += 1;
                None
            }
        };
        summary.checked += 1;
        if let Some(damage) = &damage {
            summary.damaged += 1;
            host::log("error", "the database is damaged", json!({ "table": table, "damage": damage }));
        }
        found.push((table, damage));
        if began.elapsed() >= BUDGET {
            break;
        }
    }
    if !found.is_empty() {
        let found = serde_json::to_string(&found).map_err(Problem::internal)?;
        Database.run(NOTE, params![now, found])?;
    }
    Ok(summary)
}

/// What the check of a table has found first; the error is one that says nothing of its pages.
fn check(table: &str) -> Result<Option<String>, DbError> {
    let name = table.replace('"', "\"\"");
    match db::on_own_connection(&format!("pragma quick_check(\"{name}\")")) {
        Ok(rows) => Ok(rows.first().and_then(|row| row.scalar::<String>().ok()).filter(|line| line != "ok")),
        Err(DbError::Out { outage: Outage::Damaged, message }) => Ok(Some(message)),
        Err(error) => Err(error),
    }
}
