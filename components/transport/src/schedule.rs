//! What time does to shuttles: events that were held back go out, and old positions are removed.

use const_format::formatcp;
use domain::time::{AHEAD_TOLERANCE_MS, DAY_MS};
use domain::transit::PUBLISH_INTERVAL_MS;
use kit::db::{Database, Executor as _, Fetch as _};
use kit::row::FromRow;
use kit::scheduled::{BATCH, Step, Work, run_steps};
use kit::{Problem, params};
use serde::Serialize;
use utoipa::ToSchema;

/// How long positions are kept, milliseconds. Each shuttle's newest stays in its state.
const POSITIONS_KEPT_MS: i64 = 7 * DAY_MS;

/// What the scheduled run did.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = TransportRun)]
pub struct Summary {
    /// Events of shuttles that had been held back and were written now.
    held_back: usize,
    /// Old positions that were removed.
    removed: usize,
}

impl Work for Summary {
    const COMPONENT: &'static str = "transport";

    const DUE: &'static [&'static str] = &[PUBLISH.due, OLD_POSITIONS];

    async fn run(now: i64) -> Result<Self, Problem> {
        let published = run_steps([PUBLISH], now);
        // Also when that failed.
        let mut removed = 0;
        for shuttle in Database.fetch_all::<OldPositions>(OLD_POSITIONS, params![now, BATCH])? {
            removed += Database.run(REMOVE_POSITIONS, params![shuttle.shuttle, now - POSITIONS_KEPT_MS, BATCH])?.len();
        }
        let [held_back] = published?;
        Ok(Summary { held_back, removed })
    }
}

/// The newest position of a shuttle that was not told goes out when the shuttle's last event is old enough; a trigger writes the event.
const PUBLISH: Step = Step {
    change: "update shuttle_state set published_at = ?1, published_up_to = at where shuttle in",
    due: formatcp!(
        "select shuttle from shuttle_state
         where at <> published_up_to and (published_at <= ?1 - {PUBLISH_INTERVAL_MS} or published_at > ?1 + {AHEAD_TOLERANCE_MS}) limit ?2"
    ),
};

/// A shuttle with positions that are too old.
#[derive(FromRow)]
struct OldPositions {
    shuttle: String,
}

// Shuttle by shuttle, the oldest first: the table's key finds them without an index of time.
const OLD_POSITIONS: &str = formatcp!(
    "select shuttle from shuttle_state s
     where exists (select 1 from shuttle_positions p where p.shuttle = s.shuttle and p.at < ?1 - {POSITIONS_KEPT_MS}) limit ?2"
);
const REMOVE_POSITIONS: &str = "delete from shuttle_positions where shuttle = ?1 and at < min(?2, coalesce(
         (select at from shuttle_positions where shuttle = ?1 order by at limit 1 offset ?3), ?2
     )) returning 1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trigger_holds_events_back_by_the_domains_number() {
        let triggers = include_str!("../../../migrations/0025_time.sql");
        assert!(triggers.contains(&format!(
            "(published_at <= new.received_at - {PUBLISH_INTERVAL_MS} or published_at > new.received_at + {AHEAD_TOLERANCE_MS})"
        )));
    }
}
