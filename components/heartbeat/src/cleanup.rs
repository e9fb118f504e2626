//! What nobody needs any more is removed, a bounded piece a run: the event feed, kept answers, tickets, visits to decoys, and what the dispatcher
//! has sent. What belongs to one component is removed by that component's own run.

use const_format::formatcp;
use domain::dispatch::MessageState;
use domain::time::DAY_MS;
use kit::db::{self, Database, Executor as _, Fetch as _};
use kit::scheduled::{BATCH, Step, due, run_steps};
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
    /// Kept answers, tickets and visits to decoys that are past their end.
    pub expired: usize,
    /// Messages that were sent or dropped long ago, with their deliveries.
    pub messages: usize,
}

/// Removes them.
pub fn run(now: i64) -> Result<Summary, Problem> {
    let steps = [REMOVE_EVENTS, REMOVE_ANSWERS, REMOVE_TICKETS, REMOVE_VISITS];
    if !due([steps[0].due, steps[1].due, steps[2].due, steps[3].due, OLD_MESSAGES], now)?.contains(&true) {
        return Ok(Summary::default());
    }
    let [events, answers, tickets, visits] = run_steps(steps, now)?;
    Ok(Summary { events, expired: answers + tickets + visits, messages: messages(now)? })
}

const REMOVE_EVENTS: Step = Step {
    change: "delete from events where id in",
    due: formatcp!(
        "select id from events where at < ?1 - {EVENTS_KEPT_MS} and id <= (select max(id) from events) - {EVENTS_KEPT} order by at limit ?2"
    ),
};

const REMOVE_ANSWERS: Step = Step {
    change: "delete from idempotency_keys where (caller, key) in",
    due: formatcp!(
        "select caller, key from idempotency_keys where created_at < ?1 - {} order by created_at limit ?2",
        idempotency::KEPT_MS
    ),
};

const REMOVE_TICKETS: Step = Step {
    change: "delete from event_tickets where ticket_hash in",
    due: "select ticket_hash from event_tickets where expires_at < ?1 order by expires_at limit ?2",
};

/// How long it is known who visited a decoy, milliseconds.
const VISITS_KEPT_MS: i64 = 90 * DAY_MS;

const REMOVE_VISITS: Step = Step {
    change: "delete from decoy_visits where (day, address) in",
    due: formatcp!("select day, address from decoy_visits where last_at < ?1 - {VISITS_KEPT_MS} order by last_at limit ?2"),
};

/// A message's id begins with its time (UUIDv7), so that the index by state and id finds the oldest ones.
const OLD_MESSAGES: &str = formatcp!(
    "select id from messages where state in ('{}', '{}')
         and id < (select substr(time, 1, 8) || '-' || substr(time, 9) from (select printf('%012x', max(0, ?1 - {MESSAGES_KEPT_MS})) as time))
     order by id limit ?2",
    MessageState::Sent.into_str(),
    MessageState::Dropped.into_str()
);

/// Removes what was sent long ago. Dead letters stay until an administrator replays them.
fn messages(now: i64) -> Result<usize, Problem> {
    if !Database.exists(OLD_MESSAGES, params![now, 1_i64])? {
        return Ok(0);
    }
    let before = now - MESSAGES_KEPT_MS;
    db::transaction(|db| {
        db.run(formatcp!("delete from deliveries where message_id in ({OLD_MESSAGES})"), params![now, BATCH])?;
        let gone = db.run(formatcp!("delete from messages where id in ({OLD_MESSAGES}) returning 1"), params![now, BATCH])?;
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
