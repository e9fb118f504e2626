//! How attempts ended, and what follows.

use const_format::formatcp;
use domain::dispatch::{BACKOFF_CAP_MS, CLOCK_TOLERANCE_MS, DeliveryOutcome, MessageState, Next, Outcome, Priority, after_failure};
use kit::db::{self, Executor, Fetch as _};
use kit::{Problem, host, params};

use super::{IS_MINE, IS_OPEN, Leased, QUEUED};
use crate::channels::Message;
use crate::delivery::Attempt;

const SENT: &str = MessageState::Sent.into_str();

/// A receiver asked to be left alone: all else to it waits as well, for as long as its priority lets it and an hour at most, when the next one
/// asks again. Emergencies are tried each by itself.
fn pause_contact(db: &dyn Executor, leased: &Leased, asked_ms: i64, now: i64) -> Result<(), Problem> {
    let Message { channel, contact, .. } = &leased.message;
    let asked_ms = asked_ms.min(BACKOFF_CAP_MS);
    // Of many that were on their way at once, the first has said it.
    let is_paused = "select 1 from contact_pauses where channel = ?1 and contact = ?2 and until > ?4 - ?5 and set_at <= ?3 + ?5";
    if db.exists(is_paused, params![channel, contact, now, now.saturating_add(asked_ms), CLOCK_TOLERANCE_MS])? {
        return Ok(());
    }
    for priority in [Priority::Ordinary, Priority::Machine, Priority::Person] {
        db.run(
            formatcp!(
                "update messages indexed by messages_due set next_attempt_at = ?5, set_at = ?4
                 where {IS_OPEN} and state = '{QUEUED}' and priority = ?3 and next_attempt_at < ?5 and channel = ?1 and contact = ?2"
            ),
            params![channel, contact, priority.rank(), now, now.saturating_add(priority.granted_pause_ms(asked_ms))],
        )?;
    }
    db.run(
        "insert into contact_pauses (channel, contact, until, set_at) values (?1, ?2, ?4, ?3)
         on conflict (channel, contact) do update set until = excluded.until, set_at = excluded.set_at",
        params![channel, contact, now, now.saturating_add(asked_ms)],
    )?;
    Ok(())
}

/// Writes down how an attempt ended: its line in the history, and what becomes of the message. The message itself changes only under
/// the attempt's own lease; who lost it has still tried, which the history tells.
pub fn record(leased: &Leased, attempt: &Attempt, now: i64, duration_ms: i64) -> Result<Outcome, Problem> {
    let next = match attempt.outcome {
        Outcome::Delivered => None,
        Outcome::Retry | Outcome::Refused => {
            let retryable = attempt.outcome == Outcome::Retry;
            let asked = attempt.retry_after_ms;
            Some(after_failure(leased.priority, leased.first_at, leased.attempt, now, jitter()?, retryable, asked))
        }
    };
    let error = attempt.error.as_deref().unwrap_or_default();
    let (state, outcome, due, error) = match &next {
        None => (MessageState::Sent, DeliveryOutcome::Sent, None, None),
        Some(Next::Retry { at }) => (MessageState::Queued, DeliveryOutcome::Retry, Some(*at), Some(error.to_owned())),
        // What was refused needs no further reason.
        Some(Next::Dead { .. }) if attempt.outcome == Outcome::Refused => {
            (MessageState::Dead, DeliveryOutcome::Dead, None, Some(error.to_owned()))
        }
        Some(Next::Dead { reason }) => (MessageState::Dead, DeliveryOutcome::Dead, None, Some(format!("{error}; {reason}"))),
    };
    db::transaction(|db| {
        db.run(
            "insert into deliveries (message_id, attempt, channel, contact, at, outcome, http_status, error, duration_ms)
             values (?1, 1 + coalesce((select max(attempt) from deliveries where message_id = ?1), 0), ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                &leased.message.id,
                &leased.message.channel,
                &leased.message.contact,
                now,
                outcome,
                attempt.status,
                error.clone(),
                duration_ms
            ],
        )?;
        db.run(
            formatcp!(
                "update messages set state = ?3, lease_owner = null, lease_until = null, last_error = ?4,
                     next_attempt_at = coalesce(?5, next_attempt_at), set_at = ?6, sent_at = iif(?3 = '{SENT}', ?6, null)
                 where {IS_MINE}"
            ),
            params![&leased.message.id, &leased.owner, state, error, due, now],
        )?;
        if let (Outcome::Retry, Some(asked_ms)) = (attempt.outcome, attempt.retry_after_ms.filter(|asked| *asked > 0)) {
            pause_contact(db, leased, asked_ms, now)?;
        }
        Ok::<_, Problem>(match next {
            None => Outcome::Delivered,
            Some(Next::Retry { .. }) => Outcome::Retry,
            Some(Next::Dead { .. }) => Outcome::Refused,
        })
    })
}

/// A number from 0 to 1, so that messages that failed together do not come back together.
fn jitter() -> Result<f64, Problem> {
    Ok(f64::from(u32::from_le_bytes(host::random::<4>()?)) / f64::from(u32::MAX))
}
