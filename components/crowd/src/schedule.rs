//! What time does to crowds: events that were held back go out, and what is old is removed.

use const_format::concatcp;
use domain::crowd::PUBLISH_INTERVAL_MS;
use domain::time::{AHEAD_TOLERANCE_MS, DAY_MS};
use kit::db::{Database, Fetch as _};
use kit::row::FromRow;
use kit::scheduled::{BATCH, Work};
use kit::{Answer, Problem, params};
use serde::Serialize;
use utoipa::ToSchema;

/// How long counts are kept, milliseconds.
const COUNTS_KEPT_MS: i64 = 100 * DAY_MS;
/// How long the sums by quarter of an hour and the booked slots are kept, which heat maps and forecasts are made of, milliseconds.
const SUMS_KEPT_MS: i64 = 400 * DAY_MS;

/// What the scheduled run did.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = CrowdRun)]
pub struct Summary {
    /// Events of zones that had been held back and were written now.
    held_back: u64,
    /// Old counts and sums that were removed.
    removed: u64,
}

impl Work for Summary {
    const COMPONENT: &'static str = "crowd";

    async fn run(now: i64) -> Result<Self, Problem> {
        let held_back = Database.run_counted(PUBLISH, params![now]);
        // Also when that failed.
        let removed = remove_old(now)?;
        Ok(Summary { held_back: held_back?, removed })
    }
}

fn remove_old(now: i64) -> Answer<u64> {
    let mut removed = Database.run_counted(REMOVE_BOOKED, params![now - SUMS_KEPT_MS, BATCH])?;
    removed += remove(OLD_COUNTS, REMOVE_COUNTS, now - COUNTS_KEPT_MS)?;
    removed += remove(OLD_SUMS, REMOVE_SUMS, now - SUMS_KEPT_MS)?;
    Ok(removed)
}

/// The newest count of a zone that was not told goes out when the zone's last event is old enough; a trigger writes the event.
const PUBLISH: &str = concatcp!(
    "update crowd_state set published_at = ?1, published_up_to = at
     where at <> published_up_to and (published_at <= ?1 - ",
    PUBLISH_INTERVAL_MS,
    " or published_at > ?1 + ",
    AHEAD_TOLERANCE_MS,
    ")"
);

const REMOVE_BOOKED: &str = "delete from crowd_booked where (site, starts_at, ends_at, lead) in (
         select b.site, b.starts_at, b.ends_at, b.lead from sites s cross join crowd_booked b on b.site = s.slug where b.starts_at < ?1 limit ?2
     )";

const OLD_COUNTS: &str = "select site, zone from crowd_state s
     where exists (select 1 from crowd_readings r where r.site = s.site and r.zone = s.zone and r.at < ?1)";
const REMOVE_COUNTS: &str = "delete from crowd_readings where site = ?1 and zone = ?2 and at < min(?3, coalesce(
         (select at from crowd_readings where site = ?1 and zone = ?2 order by at limit 1 offset ?4), ?3
     ))";

const OLD_SUMS: &str = "select site, zone from crowd_state s
     where exists (select 1 from crowd_quarters q where q.site = s.site and q.zone = s.zone and q.start < ?1)";
const REMOVE_SUMS: &str = "delete from crowd_quarters where site = ?1 and zone = ?2 and start < min(?3, coalesce(
         (select start from crowd_quarters where site = ?1 and zone = ?2 order by start limit 1 offset ?4), ?3
     ))";

#[derive(FromRow)]
struct Zone {
    site: String,
    zone: String,
}

/// Removes what is older, zone by zone, the oldest first: the tables' keys find it without an index of time.
fn remove(zones: &str, statement: &str, before: i64) -> Answer<u64> {
    let mut removed = 0;
    for zone in Database.fetch_all::<Zone>(zones, params![before])? {
        removed += Database.run_counted(statement, params![zone.site, zone.zone, before, BATCH])?;
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use domain::crowd::BUCKET_MS;

    use super::*;

    #[test]
    fn the_triggers_hold_events_back_and_sum_counts_up_by_the_domains_numbers() {
        let triggers = include_str!("../../../migrations/0009_crowd.sql");
        let moved = include_str!("../../../migrations/0025_time.sql");
        assert!(moved.contains(&format!(
            "(published_at <= new.received_at - {PUBLISH_INTERVAL_MS} or published_at > new.received_at + {AHEAD_TOLERANCE_MS})"
        )));
        assert!(triggers.contains(&format!("new.at - new.at % {BUCKET_MS},")));
    }
}
