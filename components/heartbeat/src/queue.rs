//! The queue of messages in the database: taken by lease, told how each attempt ended.

use const_format::concatcp;
use domain::dispatch::{BACKOFF_CAP_MS, CLOCK_TOLERANCE_MS, LEASE_MS, MessageState, Next, Outcome, Priority, after_failure};
use domain::time::{MINUTE_MS, SECOND_MS};
use kit::db::{self, Database, Executor as _, Fetch as _};
use kit::row::FromRow;
use kit::{Problem, host, params};

use crate::cause::{self, Groups, Verdict};
use crate::channels::Message;
use crate::delivery::Attempt;

/// A message that this run alone may send until its lease ends.
#[derive(Debug)]
pub struct Leased {
    /// What is sent.
    pub message: Message,
    /// Who it goes before.
    pub priority: Priority,
    /// The proof of the lease.
    owner: String,
    /// Which attempt this is, from 1.
    attempt: u32,
    /// The start of the 24 hours in which it is tried.
    first_at: i64,
}

/// Messages that are due, in the order in which their classes are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Of emergencies, never tried.
    FirstOfEmergencies,
    /// Of emergencies, to be repeated.
    Emergencies,
    /// Of critical alerts, never tried: those by people first.
    FirstOfAlerts,
    /// All of them.
    Rest,
}

/// A message that could be taken.
#[derive(FromRow)]
pub struct Candidate {
    /// Its id.
    pub id: String,
    /// The channel's name.
    pub channel: String,
    /// Whom it is for.
    pub contact: String,
}

/// Contacts that have enough in flight are passed over: `?3` is their list.
const NOT_BUSY: &str = "not exists (select 1 from json_each(?3) where value ->> 0 = messages.channel and value ->> 1 = messages.contact)";

/// A message whose run died is due again when its lease has ended.
const IS_DUE: &str = "state in ('queued', 'sending') and next_attempt_at <= ?1 and (state = 'queued' or lease_until < ?1)";

impl Class {
    const fn candidates(self) -> &'static str {
        const START: &str = "select id, channel, contact from messages indexed by ";
        const FIRST: &str =
            concatcp!(START, "messages_first where state = 'queued' and attempts = 0 and next_attempt_at <= ?1 and ", NOT_BUSY);
        const DUE: &str = concatcp!(START, "messages_due where ", IS_DUE, " and ", NOT_BUSY);
        const EMERGENCY: i64 = Priority::Emergency.rank();
        const PERSON: i64 = Priority::Person.rank();
        const MACHINE: i64 = Priority::Machine.rank();
        match self {
            Self::FirstOfEmergencies => concatcp!(FIRST, " and priority = ", EMERGENCY, " order by next_attempt_at limit ?2"),
            Self::Emergencies => concatcp!(DUE, " and priority = ", EMERGENCY, " order by next_attempt_at limit ?2"),
            Self::FirstOfAlerts => {
                concatcp!(FIRST, " and priority in (", PERSON, ", ", MACHINE, ") order by priority desc, next_attempt_at limit ?2")
            }
            Self::Rest => concatcp!(DUE, " and priority in (0, 1, 2, 3) order by priority desc, next_attempt_at limit ?2"),
        }
    }
}

/// At most `limit` messages of this class that are due, but for those of `busy` contacts, a JSON array of channel and contact.
pub fn candidates(class: Class, now: i64, limit: usize, busy: &str) -> Result<Vec<Candidate>, Problem> {
    Database.fetch_all(class.candidates(), params![now, i64::try_from(limit).unwrap_or(i64::MAX), busy])
}

/// A message that was taken.
#[derive(FromRow)]
struct Taken {
    id: String,
    channel: String,
    contact: String,
    priority: i64,
    attempts: i64,
    first_at: i64,
}

/// Takes these messages, as far as they are still due: none of them is taken by two runs at once, since that is a condition of the update.
/// What is no longer true is dropped; the messages to be sent, the most urgent first, and how many were dropped.
pub fn lease(ids: &[String], now: i64, groups: &mut Groups) -> Result<(Vec<Leased>, usize), Problem> {
    let owner = host::new_id(now)?;
    let ids = serde_json::to_string(ids).map_err(Problem::internal)?;
    let mut taken: Vec<Taken> = Database.fetch_all(
        concatcp!(
            "update messages set state = 'sending', attempts = attempts + 1, lease_owner = ?2, lease_until = ?1 + ?3, set_at = ?1
             where id in (select value from json_each(?4)) and ",
            IS_DUE,
            " returning id, channel, contact, priority, attempts, first_at"
        ),
        params![now, &owner, LEASE_MS, ids],
    )?;
    taken.sort_by(|a, b| (b.priority, &a.id).cmp(&(a.priority, &b.id)));
    if taken.is_empty() {
        return Ok((Vec::new(), 0));
    }
    let ids = serde_json::to_string(&taken.iter().map(|taken| &taken.id).collect::<Vec<_>>()).map_err(Problem::internal)?;
    let mut causes = cause::read(&ids, now)?;
    let (mut leased, mut dropped) = (Vec::with_capacity(taken.len()), 0);
    for Taken { id, channel, contact, priority, attempts, first_at } in taken {
        let Some(index) = causes.iter().position(|cause| cause.id == id) else { continue };
        match causes.swap_remove(index).judge(groups)? {
            Verdict::Drop(reason) => {
                drop_untold(&id, &owner, reason)?;
                dropped += 1;
            }
            Verdict::Tell(content) => {
                let priority = Priority::from_rank(priority);
                leased.push(Leased {
                    message: Message { id, channel, contact, urgent: priority.is_urgent(), content },
                    priority,
                    owner: owner.clone(),
                    attempt: u32::try_from(attempts).unwrap_or(u32::MAX),
                    first_at,
                });
            }
        }
    }
    Ok((leased, dropped))
}

/// It was no attempt.
fn drop_untold(id: &str, owner: &str, reason: &str) -> Result<(), Problem> {
    Database.run(
        concatcp!(
            "update messages set state = '",
            MessageState::Dropped.into_str(),
            "', attempts = attempts - 1, last_error = ?3, lease_owner = null, lease_until = null
             where id = ?1 and state = 'sending' and lease_owner = ?2"
        ),
        params![id, owner, reason],
    )?;
    Ok(())
}

/// What was stored before the clock was set back is taken as now: nobody waits for a time that comes once more.
pub fn mend_clock(now: i64) -> Result<(), Problem> {
    let ahead = "state in ('queued', 'sending') and set_at > ?1 + ?2";
    if Database
        .exists(&format!("select 1 from messages indexed by messages_set where {ahead} limit 1"), params![now, CLOCK_TOLERANCE_MS])?
    {
        Database.run(
            &format!(
                "update messages indexed by messages_set set next_attempt_at = min(next_attempt_at, ?1), first_at = min(first_at, ?1),
                     lease_until = iif(state = 'sending', ?1 - 1, null), set_at = ?1 where {ahead}"
            ),
            params![now, CLOCK_TOLERANCE_MS],
        )?;
    }
    Ok(())
}

/// When the next message that cannot wait is due, or comes out of the outbox; none when there is none. What a run has in hand is due when
/// its lease ends.
pub fn next_urgent_at(now: i64) -> Result<Option<i64>, Problem> {
    const SOONEST: &str = "select min(at) from (
             select min(next_attempt_at) as at from messages indexed by messages_due
             where state in ('queued', 'sending') and priority in (1, 2, 3) and state = 'queued'
             union all
             select min(lease_until) + 1 from messages indexed by messages_due
             where state in ('queued', 'sending') and priority in (1, 2, 3) and state = 'sending'
             union all
             select iif(min(due_at) > ?1 + ?2, ?1, min(due_at)) from outbox indexed by outbox_waiting where expanded_at is null and urgent = 1
         )";
    const LONGEST_HOLD_MS: i64 = domain::alert_group::LONGEST_HOLD_MS + CLOCK_TOLERANCE_MS;
    Ok(Database.fetch_scalar::<Option<i64>>(SOONEST, params![now, LONGEST_HOLD_MS])?.flatten())
}

/// What a contact got within the last minute, what is on its way to it, and when the oldest of the former was.
pub struct Load {
    /// Sent within the last minute.
    pub sent: u32,
    /// Leased by any run, this one's own included.
    pub in_flight: u32,
    /// When the contact may take one more, milliseconds.
    pub free_at: i64,
}

/// What the deliveries and messages of a contact say.
#[derive(FromRow)]
struct ContactLoad {
    sent: i64,
    oldest_at: Option<i64>,
    in_flight: i64,
}

/// How much of this priority the contact has to bear at the moment. What lies ahead of the clock was before it was set back.
pub fn load(message: &Message, priority: Priority, now: i64) -> Result<Load, Problem> {
    let load: Option<ContactLoad> = Database.fetch_optional(
        "select count(*) as sent, min(d.at) as oldest_at, (
             select count(*) from messages
             where state = 'sending' and lease_until >= ?3 and priority = ?5 and +channel = ?1 and +contact = ?2
         ) as in_flight
         from deliveries d join messages m on m.id = d.message_id
         where d.channel = ?1 and d.contact = ?2 and d.at > ?3 - ?4 and d.at <= ?3 + ?6 and d.outcome = 'sent' and m.priority = ?5",
        params![&message.channel, &message.contact, now, MINUTE_MS, priority.rank(), CLOCK_TOLERANCE_MS],
    )?;
    let load = load.ok_or_else(|| Problem::internal("a count gave no row"))?;
    Ok(Load {
        sent: u32::try_from(load.sent).unwrap_or(u32::MAX),
        in_flight: u32::try_from(load.in_flight).unwrap_or(u32::MAX),
        // A second when all that loads it is still on its way.
        free_at: load.oldest_at.map_or(now + SECOND_MS, |oldest| (oldest + MINUTE_MS).max(now + 1)),
    })
}

/// Gives a message back unsent until a later time. It was no attempt.
pub fn defer(leased: &Leased, now: i64, until: i64) -> Result<(), Problem> {
    Database.run(
        "update messages set state = 'queued', attempts = attempts - 1, next_attempt_at = ?3, set_at = ?4, lease_owner = null, lease_until = null
         where id = ?1 and state = 'sending' and lease_owner = ?2",
        params![&leased.message.id, &leased.owner, until, now],
    )?;
    Ok(())
}

/// Lets all else that is due to this contact, and is as urgent, wait as well: in a storm there are thousands, and taking each only to
/// give it back would use up the run. How many they are.
pub fn defer_the_rest(leased: &Leased, now: i64, until: i64) -> Result<usize, Problem> {
    let rows = Database.run(
        "update messages indexed by messages_due set next_attempt_at = ?5, set_at = ?4
         where state in ('queued', 'sending') and state = 'queued' and priority = ?3 and next_attempt_at <= ?4
             and channel = ?1 and contact = ?2
         returning 1",
        params![&leased.message.channel, &leased.message.contact, leased.priority.rank(), now, until],
    )?;
    Ok(rows.len())
}

/// A receiver asked to be left alone: all else to it waits as well, for as long as its priority lets it and an hour at most, when the next one
/// asks again. Emergencies are tried each by itself.
fn pause_contact(db: &dyn db::Executor, leased: &Leased, asked_ms: i64, now: i64) -> Result<(), Problem> {
    let Message { channel, contact, .. } = &leased.message;
    let asked_ms = asked_ms.min(BACKOFF_CAP_MS);
    // Of many that were on their way at once, the first has said it.
    let is_paused = "select 1 from contact_pauses where channel = ?1 and contact = ?2 and until > ?4 - ?5 and set_at <= ?3 + ?5";
    if db.exists(is_paused, params![channel, contact, now, now.saturating_add(asked_ms), CLOCK_TOLERANCE_MS])? {
        return Ok(());
    }
    for priority in [Priority::Ordinary, Priority::Machine, Priority::Person] {
        db.run(
            "update messages indexed by messages_due set next_attempt_at = ?5, set_at = ?4
             where state in ('queued', 'sending') and state = 'queued' and priority = ?3 and next_attempt_at < ?5
                 and channel = ?1 and contact = ?2",
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
        None => ("sent", "sent", None, None),
        Some(Next::Retry { at }) => ("queued", "retry", Some(*at), Some(error.to_owned())),
        // What was refused needs no further reason.
        Some(Next::Dead { .. }) if attempt.outcome == Outcome::Refused => ("dead", "dead", None, Some(error.to_owned())),
        Some(Next::Dead { reason }) => ("dead", "dead", None, Some(format!("{error}; {reason}"))),
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
            "update messages set state = ?3, lease_owner = null, lease_until = null, last_error = ?4,
                 next_attempt_at = coalesce(?5, next_attempt_at), set_at = ?6, sent_at = iif(?3 = 'sent', ?6, null)
             where id = ?1 and state = 'sending' and lease_owner = ?2",
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
