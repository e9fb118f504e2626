//! What nobody needs any more is removed, a bounded piece a run: the event feed, kept answers, tickets, and what the dispatcher has sent. What
//! belongs to one component is removed by that component's own run.

use const_format::formatcp;
use domain::dispatch::MessageState;
use domain::time::DAY_MS;
use kit::db::{self, Database, Executor as _, Fetch as _};
use kit::scheduled::BATCH;
use kit::{Problem, idempotency, params};
use serde::Serialize;
use utoipa::ToSchema;

/// How long the event feed reaches back, milliseconds: a stream that is resumed later starts anew.
const EVENTS_KEPT_MS: i64 = DAY_MS;

/// So many of the newest events stay, however old they are.
const EVENTS_KEPT: i64 = 1_000;

/// How long what was sent can be looked up, milliseconds.
const MESSAGES_KEPT_MS: i64 = 30 * DAY_MS;

/// How many rows were removed.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = CleanupRun)]
pub struct Summary {
    /// Of the event feed.
    pub events: usize,
    /// Kept answers and tickets that are past their end.
    pub expired: usize,
    /// Messages that were sent or dropped long ago, with their deliveries.
    pub messages: usize,
}

/// Removes them.
pub fn run(now: i64) -> Result<Summary, Problem> {
    let events = Database.run(REMOVE_EVENTS, params![now - EVENTS_KEPT_MS, BATCH, EVENTS_KEPT])?.len();
    let answers = Database.run(REMOVE_ANSWERS, params![now - idempotency::KEPT_MS, BATCH])?.len();
    let tickets = Database.run(REMOVE_TICKETS, params![now, BATCH])?.len();
    Ok(Summary { events, expired: answers + tickets, messages: messages(now - MESSAGES_KEPT_MS)? })
}

const REMOVE_EVENTS: &str = "delete from events where id in (
         select id from events where at < ?1 and id <= (select max(id) from events) - ?3 order by at limit ?2
     ) returning 1";

const REMOVE_ANSWERS: &str = "delete from idempotency_keys where (caller, key) in (
         select caller, key from idempotency_keys where created_at < ?1 order by created_at limit ?2
     ) returning 1";

const REMOVE_TICKETS: &str = "delete from event_tickets where ticket_hash in (
         select ticket_hash from event_tickets where expires_at < ?1 order by expires_at limit ?2
     ) returning 1";

const OLD_MESSAGES: &str = formatcp!(
    "select id from messages where state in ('{}', '{}') and id < ?1 order by id limit ?2",
    MessageState::Sent.into_str(),
    MessageState::Dropped.into_str()
);

/// Removes what was sent before this time. Dead letters stay until an administrator replays them.
fn messages(before: i64) -> Result<usize, Problem> {
    // A message's id begins with its time (UUIDv7), so that the index by state and id finds the oldest ones.
    let time = format!("{:012x}", before.max(0));
    let (high, low) = time.split_at(8);
    let bound = format!("{high}-{low}");
    if !Database.exists(OLD_MESSAGES, params![&bound, 1_i64])? {
        return Ok(0);
    }
    db::transaction(|db| {
        db.run(formatcp!("delete from deliveries where message_id in ({OLD_MESSAGES})"), params![&bound, BATCH])?;
        let gone = db.run(formatcp!("delete from messages where id in ({OLD_MESSAGES}) returning 1"), params![&bound, BATCH])?;
        // The oldest rows alone: what a dead letter still needs stays, and few of them are looked at again.
        db.run(
            "delete from outbox where id in (
                 select id from (select id, expanded_at from outbox order by id limit ?2) o
                 where expanded_at < ?1 and not exists (select 1 from messages m where m.outbox_id = o.id)
             )",
            params![before, BATCH],
        )?;
        db.run(
            "delete from alert_groups where id in (
                 select id from (select id, told_at from alert_groups order by id limit ?2) g
                 where told_at < ?1 and not exists (select 1 from outbox o where o.group_id = g.id)
             )",
            params![before, BATCH],
        )?;
        Ok::<_, Problem>(gone.len())
    })
}
