//! What was held back from the event feed, so that a zone speaks at most every 5 s and a shuttle every 10 s, goes out here when nothing
//! came after it (contract §10).

use kit::{Problem, db, params};

/// Writes the events; how many. Zones and shuttles are few: there is one row for each.
pub fn run(now: i64) -> Result<usize, Problem> {
    let zones = db::run(
        "update crowd_state set published_at = ?1, published_up_to = at where at > published_up_to and published_at <= ?1 - 5000 returning 1",
        params![now],
    )?;
    let shuttles = db::run(
        "update shuttle_state set published_at = ?1, published_up_to = at where at > published_up_to and published_at <= ?1 - 10000 returning 1",
        params![now],
    )?;
    Ok(zones.len() + shuttles.len())
}
