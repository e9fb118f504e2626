//! What nobody needs any more is removed, a bounded piece a run.

use domain::login::{FAILURE_WINDOW_MS, LOCK_MS};
use domain::time::DAY_MS;
use kit::{Problem, db, idempotency, params};
use serde::Serialize;

/// Rows of one table that one run removes: a backlog takes several runs, and no writer waits long.
const BATCH: i64 = 5_000;

/// How long the event feed reaches back, milliseconds: a stream that is resumed later starts anew.
const EVENTS_KEPT_MS: i64 = DAY_MS;

/// So many of the newest events stay, however old they are.
const EVENTS_KEPT: i64 = 1_000;

/// How long what was sent can be looked up, milliseconds.
const MESSAGES_KEPT_MS: i64 = 30 * DAY_MS;

/// How long each count of a crowd is kept, and the sums by quarter of an hour that heat maps and forecasts are made of, milliseconds.
const COUNTS_KEPT_MS: i64 = 100 * DAY_MS;
const QUARTERS_KEPT_MS: i64 = 400 * DAY_MS;

/// How long a shuttle's way is kept, milliseconds. Its newest position stays.
const POSITIONS_KEPT_MS: i64 = 7 * DAY_MS;

/// How many rows were removed.
#[derive(Debug, Default, Serialize)]
pub struct Summary {
    /// Of the event feed.
    pub events: usize,
    /// Failed sign-ins, kept answers, tickets and tokens that are past their end.
    pub expired: usize,
    /// Messages that were sent long ago, with their deliveries.
    pub messages: usize,
    /// Counts of crowds and positions of shuttles.
    pub movements: usize,
}

/// Removes them.
pub fn run(now: i64) -> Result<Summary, Problem> {
    let delete = |sql: &str, before: i64| db::run(sql, params![before, BATCH]).map(|rows| rows.len()).map_err(Problem::from);
    let events = db::run(
        "delete from events where id in (
             select id from events where at < ?1 and id <= (select max(id) from events) - ?3 order by at limit ?2
         ) returning 1",
        params![now - EVENTS_KEPT_MS, BATCH, EVENTS_KEPT],
    )?;
    let mut expired = delete(
        "delete from login_failures where id in (select id from login_failures where at < ?1 order by at limit ?2) returning 1",
        // A lock that its tenth failure set is counted from failures twice as old, see domain::login.
        now - 2 * (FAILURE_WINDOW_MS + LOCK_MS),
    )?;
    expired += delete(
        "delete from idempotency_keys where (caller, key) in (
             select caller, key from idempotency_keys where created_at < ?1 order by created_at limit ?2
         ) returning 1",
        now - idempotency::KEPT_MS,
    )?;
    expired += delete(
        "delete from event_tickets where ticket_hash in (
             select ticket_hash from event_tickets where expires_at < ?1 order by expires_at limit ?2
         ) returning 1",
        now,
    )?;
    expired += delete(
        "delete from refresh_tokens where token_hash in (
             select token_hash from refresh_tokens where expires_at < ?1 order by expires_at limit ?2
         ) returning 1",
        now,
    )?;
    // A family is forgotten when it has no token left that could be tried, and a day after, when its access tokens are past too.
    expired += delete(
        "delete from revoked_families where family in (
             select family from revoked_families r
             where revoked_at < ?1 and not exists (select 1 from refresh_tokens t where t.family = r.family)
             order by revoked_at limit ?2
         ) returning 1",
        now - DAY_MS,
    )?;
    Ok(Summary { events: events.len(), expired, messages: messages(now - MESSAGES_KEPT_MS)?, movements: movements(now)? })
}

/// Removes what crowds and shuttles did long ago, zone by zone and shuttle by shuttle, the oldest first: their keys find it without an
/// index of time.
fn movements(now: i64) -> Result<usize, Problem> {
    let mut gone = 0;
    for (table, key, time, parts, kept) in [
        ("crowd_readings", ["site", "zone"], "at", "crowd_state", COUNTS_KEPT_MS),
        ("crowd_quarters", ["site", "zone"], "start", "crowd_state", QUARTERS_KEPT_MS),
        ("shuttle_positions", ["shuttle", "shuttle"], "at", "shuttle_state", POSITIONS_KEPT_MS),
        ("crowd_booked", ["site", "site"], "starts_at", "(select slug as site from sites)", QUARTERS_KEPT_MS),
    ] {
        let [one, other] = key;
        let of_part = format!("{one} = ?1 and {other} = ?2");
        let old = db::run(
            &format!(
                "select distinct {one}, {other} from {parts} p
                 where exists (select 1 from {table} t where t.{one} = p.{one} and t.{other} = p.{other} and t.{time} < ?1) limit ?2"
            ),
            params![now - kept, BATCH],
        )?;
        for part in old.iter() {
            let removed = db::run(
                &format!(
                    "delete from {table} where {of_part} and {time} < min(?3, coalesce(
                         (select {time} from {table} where {of_part} order by {time} limit 1 offset ?4), ?3
                     )) returning 1"
                ),
                params![part.text(0)?, part.text(1)?, now - kept, BATCH],
            )?;
            gone += removed.len();
        }
    }
    Ok(gone)
}

/// Removes what was sent before this time. Dead letters stay until an administrator replays them.
fn messages(before: i64) -> Result<usize, Problem> {
    // A message's id begins with its time (UUIDv7), so that the index by state and id finds the oldest ones.
    let time = format!("{:012x}", before.max(0));
    let (high, low) = time.split_at(8);
    let bound = format!("{high}-{low}");
    let old = "select id from messages where state = 'sent' and id < ?1 order by id limit ?2";
    if db::run(old, params![&bound, 1_i64])?.is_empty() {
        return Ok(0);
    }
    db::transaction(|tx| {
        tx.run(&format!("delete from deliveries where message_id in ({old})"), params![&bound, BATCH])?;
        let gone = tx.run(&format!("delete from messages where id in ({old}) returning 1"), params![&bound, BATCH])?;
        // The oldest rows alone: what a dead letter still needs stays, and few of them are looked at again.
        tx.run(
            "delete from outbox where id in (
                 select id from (select id, expanded_at from outbox order by id limit ?2) o
                 where expanded_at < ?1 and not exists (select 1 from messages m where m.outbox_id = o.id)
             )",
            params![before, BATCH],
        )?;
        Ok(gone.len())
    })
}
