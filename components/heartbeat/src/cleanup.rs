//! What nobody needs any more is removed, a bounded piece a run: the event feed, kept answers, tickets, visits to decoys, what the dispatcher
//! has sent, and of the audit trail what was exported. What belongs to one component is removed by that component's own run.

use const_format::formatcp;
use domain::dispatch::MessageState;
use domain::time::DAY_MS;
use kit::db::{self, Executor as _};
use kit::scheduled::{BATCH, Step, due, run_steps};
use kit::{Problem, idempotency, params, retention};
use serde::Serialize;
use utoipa::ToSchema;

/// How long the event feed reaches back unless the variable says otherwise, days: a stream that is resumed later starts anew.
const EVENTS_DAYS: i64 = 1;

/// So many of the newest events stay, however old they are.
const EVENTS_KEPT: i64 = 1_000;

/// How long what was sent can be looked up unless the variable says otherwise, days.
const MESSAGES_DAYS: i64 = 30;

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
    /// Lines of the audit trail that were exported.
    pub audit: usize,
}

/// How long is kept what variables say, milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kept {
    events_ms: i64,
    messages_ms: i64,
    audit_ms: i64,
}

impl Kept {
    async fn load() -> Result<Self, Problem> {
        Ok(Self {
            events_ms: retention::kept_ms("events_days", EVENTS_DAYS).await?,
            messages_ms: retention::kept_ms("messages_days", MESSAGES_DAYS).await?,
            audit_ms: retention::kept_ms("audit_days", 0).await?,
        })
    }

    fn events(self) -> String {
        format!(
            "select id from events where at < ?1 - {} and id <= (select max(id) from events) - {EVENTS_KEPT} order by at limit ?2",
            self.events_ms
        )
    }

    /// A message's id begins with its time (UUIDv7), so that the index by state and id finds the oldest ones.
    fn messages(self) -> String {
        format!(
            "select id from messages where state in ('{}', '{}')
                 and id < (select substr(time, 1, 8) || '-' || substr(time, 9) from (select printf('%012x', max(0, ?1 - {})) as time))
             order by id limit ?2",
            MessageState::Sent.into_str(),
            MessageState::Dropped.into_str(),
            self.messages_ms
        )
    }

    /// The oldest lines alone are looked at: those that were exported follow each other.
    fn audit(self) -> String {
        format!(
            "select id from (
                 select id, at from audit_log where id <= (select up_to from audit_exported where id = 1) order by id limit ?2
             ) where at < ?1 - {}",
            self.audit_ms
        )
    }

    /// Whether the very oldest line is one of them.
    fn oldest_audit(self) -> String {
        format!("select 1 from (select ?2), ({}) limit 1", self.audit().replace("limit ?2", "limit 1"))
    }
}

/// Removes them.
pub async fn run(now: i64) -> Result<Summary, Problem> {
    let kept = Kept::load().await?;
    let (events, messages, audit) = (kept.events(), kept.messages(), kept.oldest_audit());
    let steps = [Step { change: "delete from events where id in", due: &events }, REMOVE_ANSWERS, REMOVE_TICKETS, REMOVE_VISITS];
    let due = due([steps[0].due, steps[1].due, steps[2].due, steps[3].due, &messages, &audit], now)?;
    if !due.contains(&true) {
        return Ok(Summary::default());
    }
    let [events, answers, tickets, visits] = run_steps(steps, now)?;
    let [.., messages_are_due, audit_is_due] = due;
    Ok(Summary {
        events,
        expired: answers + tickets + visits,
        messages: if messages_are_due { remove_messages(kept, now)? } else { 0 },
        audit: if audit_is_due { remove_audit(kept, now)? } else { 0 },
    })
}

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

/// Removes what was sent long ago. Dead letters stay until an administrator replays them.
fn remove_messages(kept: Kept, now: i64) -> Result<usize, Problem> {
    let (old, before) = (kept.messages(), now.saturating_sub(kept.messages_ms));
    db::transaction(|db| {
        db.run(&format!("delete from deliveries where message_id in ({old})"), params![now, BATCH])?;
        let gone = db.run(&format!("delete from messages where id in ({old}) returning 1"), params![now, BATCH])?;
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

/// Removes what was exported, with what each line changed. The schema refuses to remove any other.
fn remove_audit(kept: Kept, now: i64) -> Result<usize, Problem> {
    let old = kept.audit();
    db::transaction(|db| {
        db.run(&format!("delete from audit_changes where line in ({old})"), params![now, BATCH])?;
        let gone = db.run(&format!("delete from audit_log where id in ({old}) returning 1"), params![now, BATCH])?;
        Ok::<_, Problem>(gone.len())
    })
}
