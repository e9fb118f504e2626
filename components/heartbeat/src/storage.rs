//! How large the tables are, for the metrics, and the file's free pages, which are given back. Each table is looked at on its own, a short piece of
//! each run: once an hour, a large one more seldom, since all its pages are read.
//!
//! Nobody waits for it. It begins when all else that a run does is done and told, under a lease of its own, so that the next run is not kept from
//! its work by pages that take long to read.

use std::time::{Duration, Instant};

use domain::dispatch::CLOCK_TOLERANCE_MS;
use domain::time::{HOUR_MS, MINUTE_MS};
use kit::db::{self, Database, Executor as _, Fetch as _};
use kit::row::FromRow;
use kit::{Problem, host, params};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

/// How often a table is looked at, milliseconds; and so many more for each KiB that it has: 512 MiB once in about a day and a half.
const EVERY_MS: i64 = HOUR_MS;
const FURTHER_MS_A_KIB: i64 = 250;

/// After how long a run begins no further table.
const BUDGET: Duration = Duration::from_millis(250);

/// A table that was found to have so many bytes is all that a run looks at.
const LARGE_BYTES: i64 = 64 * 1024 * 1024;

/// How long a run may look before the next one takes it for dead, milliseconds.
const LEASE_MS: i64 = 10 * MINUTE_MS;

/// The pages that one step gives back, and the most steps of a run: 8 MiB of pages of 4 KiB at a time.
const PAGES: i64 = 2_048;
const STEPS: usize = 4;

/// So many free pages stay in the file, for what is written next.
const SPARE_PAGES: i64 = 1_024;

/// The name in `table_sizes` of the file's free pages.
const FREE: &str = "";

/// What a run found.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = StorageRun)]
pub struct Summary {
    /// Tables whose sizes were found.
    measured: usize,
    /// Free pages that the file gave back.
    pages_given_back: i64,
}

#[derive(FromRow)]
struct Due {
    name: String,
    /// As it was found the last time.
    bytes: i64,
}

/// Tables that were not looked at for so long, the longest first; a time that was noted before the clock was set back is not waited for.
const DUE: &str = "select n.name, coalesce(s.bytes, 0) as bytes from (
         select name from sqlite_schema where type = 'table' and name not like 'sqlite%' union all select ''
     ) n left join table_sizes s on s.name = n.name
     where s.measured_at is null or s.measured_at > ?1 + ?2 or s.measured_at + ?2 + s.bytes / 1024 * ?3 <= ?1
     order by s.measured_at";

/// From the pages of the table and of its indexes. Of a table without rowids the inner pages have rows too.
const MEASURE: &str = "select coalesce(sum(d.pgsize), 0) as bytes,
         coalesce(sum(iif(d.name = ?1 and (d.pagetype = 'leaf' or (d.pagetype = 'internal' and t.sql like '%without rowid')), d.ncell, 0)), 0) as row_count
     from sqlite_schema t cross join sqlite_schema s on s.tbl_name = t.name cross join dbstat d on d.name = s.name
     where t.name = ?1 and t.type = 'table' and s.rootpage > 0";

#[derive(FromRow)]
struct Size {
    row_count: i64,
    bytes: i64,
}

/// What could not be found this time stays as it was found before.
const NOTE: &str = "insert into table_sizes (name, rows, bytes, measured_at)
     select r.value ->> 0, r.value ->> 1, r.value ->> 2, r.value ->> 3 from json_each(?1) r where true
     on conflict (name) do update set rows = iif(excluded.rows < 0, rows, excluded.rows), bytes = iif(excluded.rows < 0, bytes, excluded.bytes),
         measured_at = excluded.measured_at";

const FORGET: &str = "delete from table_sizes where name <> '' and name not in (select name from sqlite_schema where type = 'table')";

/// Looks at what is due, unless another run is at it.
pub fn run(now: i64) -> Result<Summary, Problem> {
    let due: Vec<Due> = Database.fetch_all(DUE, params![now, EVERY_MS, FURTHER_MS_A_KIB])?;
    if due.is_empty() {
        return Ok(Summary::default());
    }
    let owner = host::new_id(now)?;
    if !Database.exists(TAKE, params![&owner, now, LEASE_MS, CLOCK_TOLERANCE_MS])? {
        return Ok(Summary::default());
    }
    let looked = look_at(due, now);
    Database.run("update leases set owner = null, lease_until = null where name = 'storage' and owner = ?", params![owner])?;
    looked
}

/// A lease that lasts longer than it can was taken before the clock was set back.
const TAKE: &str = "insert into leases (name, owner, lease_until, started_at) values ('storage', ?1, ?2 + ?3, ?2)
     on conflict (name) do update set owner = excluded.owner, lease_until = excluded.lease_until, started_at = excluded.started_at
     where leases.lease_until is null or leases.lease_until <= excluded.started_at or leases.lease_until > excluded.lease_until + ?4
     returning name";

fn look_at(due: Vec<Due>, now: i64) -> Result<Summary, Problem> {
    let (began, mut summary, mut found) = (Instant::now(), Summary::default(), Vec::new());
    for Due { name, bytes } in due {
        let is_large = bytes >= LARGE_BYTES;
        if is_large && !found.is_empty() {
            break;
        }
        if name == FREE {
            let (left, given_back) = give_back();
            // Where it gave some and more are left, it is due again at once.
            let measured_at = if given_back > 0 && left > SPARE_PAGES { 0 } else { now };
            summary.pages_given_back = given_back;
            found.push((name, left, 0, measured_at));
            Database.run(FORGET, params![])?;
        } else {
            let size = measure(&name);
            summary.measured += 1;
            found.push((name, size.row_count, size.bytes, now));
        }
        if is_large || began.elapsed() >= BUDGET {
            break;
        }
    }
    Database.run(NOTE, params![serde_json::to_string(&found).map_err(Problem::internal)?])?;
    Ok(summary)
}

fn measure(name: &str) -> Size {
    match Database.fetch_optional::<Size>(MEASURE, params![name]) {
        Ok(size) => size.unwrap_or(Size { row_count: 0, bytes: 0 }),
        Err(problem) => {
            // A database without `dbstat` tells no sizes, which is no fault: it is asked again in an hour.
            let cause = problem.cause().unwrap_or(problem.detail());
            let level = if cause.contains("dbstat") { "debug" } else { "warn" };
            host::log(level, "the size of a table is not known", json!({ "table": name, "cause": cause }));
            Size { row_count: -1, bytes: 0 }
        }
    }
}

/// Gives free pages back to the file system, where the file can: how many are left, and how many were given. A remote database may refuse to: then
/// it sees to its file itself, and below 0 are left.
fn give_back() -> (i64, i64) {
    let Some(before) = free_pages() else { return (-1, 0) };
    let mut free = before;
    for _ in 0..STEPS {
        let spare = free - SPARE_PAGES;
        if spare <= 0 || db::on_own_connection(&format!("pragma incremental_vacuum({})", spare.min(PAGES))).is_err() {
            break;
        }
        let left = free_pages().unwrap_or(free);
        if left >= free {
            break;
        }
        free = left;
    }
    (free, before - free)
}

fn free_pages() -> Option<i64> {
    db::on_own_connection("pragma freelist_count").ok()?.first()?.scalar().ok()
}
