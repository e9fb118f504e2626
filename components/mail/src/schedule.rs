//! What time does to mails: those of a month ago, what was reported of them, and what was written are removed. Who gets none stays.

use const_format::formatcp;
use domain::mail::KEPT_MS;
use kit::Problem;
use kit::scheduled::{Step, Work, due_of, run_steps};
use serde::Serialize;
use utoipa::ToSchema;

/// What a scheduled run did.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = MailRun)]
pub struct Summary {
    /// Rows that were removed.
    removed: usize,
}

impl Work for Summary {
    const COMPONENT: &'static str = "mail";

    const DUE: &'static [&'static str] = &due_of(&STEPS);

    async fn run(now: i64) -> Result<Self, Problem> {
        let removed = run_steps(STEPS, now)?;
        Ok(Self { removed: removed.iter().sum() })
    }
}

const STEPS: [Step; 3] = [REMOVE_MAILS, REMOVE_BATCHES, REMOVE_EVENTS];

/// A mail's id begins with its time (UUIDv7), and the key's order finds the oldest.
const REMOVE_MAILS: Step = Step {
    change: "delete from mail_messages where id in",
    due: formatcp!(
        "select id from mail_messages where id < printf('%08x-%04x', (?1 - {KEPT_MS}) >> 16, (?1 - {KEPT_MS}) & 65535) order by id limit ?2"
    ),
};

const REMOVE_BATCHES: Step = Step {
    change: "delete from mail_batches where id in",
    due: formatcp!(
        "select id from mail_batches b
         where created_at < ?1 - {KEPT_MS} and not exists (select 1 from mail_messages m where m.batch_id = b.id)
         order by created_at limit ?2"
    ),
};

const REMOVE_EVENTS: Step = Step {
    change: "delete from mail_events where id in",
    due: formatcp!("select id from mail_events where received_at < ?1 - {KEPT_MS} order by received_at limit ?2"),
};
