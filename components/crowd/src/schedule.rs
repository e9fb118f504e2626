//! What time does to crowds: events that were held back go out, and what is old is removed.

use const_format::formatcp;
use domain::crowd::PUBLISH_INTERVAL_MS;
use domain::time::{AHEAD_TOLERANCE_MS, DAY_MS};
use kit::db::{Database, Executor as _, Fetch as _};
use kit::row::FromRow;
use kit::scheduled::{BATCH, Step, Work, due, run_steps};
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
    held_back: usize,
    /// Old counts and sums that were removed.
    removed: usize,
}

impl Work for Summary {
    const COMPONENT: &'static str = "crowd";

    const DUE: &'static [&'static str] = &[PUBLISH.due, REMOVE_BOOKED.due, OLD_COUNTS, OLD_SUMS];

    async fn run(now: i64) -> Result<Self, Problem> {
        let done = run_steps([PUBLISH, REMOVE_BOOKED], now);
        // Also when one of those failed.
        let removed = remove_old(now)?;
        let [held_back, booked] = done?;
        Ok(Summary { held_back, removed: removed + booked })
    }
}

fn remove_old(now: i64) -> Answer<usize> {
    let [old_counts, old_sums] = due([OLD_COUNTS, OLD_SUMS], now)?;
    let mut removed = 0;
    if old_counts {
        removed += remove(OLD_COUNTS, REMOVE_COUNTS, now)?;
    }
    if old_sums {
        removed += remove(OLD_SUMS, REMOVE_SUMS, now)?;
    }
    Ok(removed)
}

/// The newest count of a zone that was not told goes out when the zone's last event is old enough; a trigger writes the event.
const PUBLISH: Step = Step {
    change: "update crowd_state set published_at = ?1, published_up_to = at where (site, zone) in",
    due: formatcp!(
        "select site, zone from crowd_state
         where at <> published_up_to and (published_at <= ?1 - {PUBLISH_INTERVAL_MS} or published_at > ?1 + {AHEAD_TOLERANCE_MS}) limit ?2"
    ),
};

const REMOVE_BOOKED: Step = Step {
    change: "delete from crowd_booked where (site, starts_at, ends_at, lead) in",
    due: formatcp!(
        "select b.site, b.starts_at, b.ends_at, b.lead from sites s cross join crowd_booked b on b.site = s.slug
         where b.starts_at < ?1 - {SUMS_KEPT_MS} limit ?2"
    ),
};

// Zones with what is too old, and its removal, zone by zone, the oldest first: the tables' keys find it without an index of time.

const OLD_COUNTS: &str = formatcp!(
    "select site, zone from crowd_state s
     where exists (select 1 from crowd_readings r where r.site = s.site and r.zone = s.zone and r.at < ?1 - {COUNTS_KEPT_MS}) limit ?2"
);
const REMOVE_COUNTS: &str = formatcp!(
    "delete from crowd_readings where site = ?3 and zone = ?4 and at < min(?1 - {COUNTS_KEPT_MS}, coalesce(
         (select at from crowd_readings where site = ?3 and zone = ?4 order by at limit 1 offset ?2), ?1
     )) returning 1"
);

const OLD_SUMS: &str = formatcp!(
    "select site, zone from crowd_state s
     where exists (select 1 from crowd_quarters q where q.site = s.site and q.zone = s.zone and q.start < ?1 - {SUMS_KEPT_MS}) limit ?2"
);
const REMOVE_SUMS: &str = formatcp!(
    "delete from crowd_quarters where site = ?3 and zone = ?4 and start < min(?1 - {SUMS_KEPT_MS}, coalesce(
         (select start from crowd_quarters where site = ?3 and zone = ?4 order by start limit 1 offset ?2), ?1
     )) returning 1"
);

#[derive(FromRow)]
struct Zone {
    site: String,
    zone: String,
}

fn remove(zones: &str, statement: &str, now: i64) -> Answer<usize> {
    let mut removed = 0;
    for zone in Database.fetch_all::<Zone>(zones, params![now, BATCH])? {
        removed += Database.run(statement, params![now, BATCH, zone.site, zone.zone])?.len();
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
