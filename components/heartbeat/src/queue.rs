//! The queue of messages in the database: taken by lease, told how each attempt ended.

use const_format::{concatcp, formatcp};
use domain::dispatch::{CLOCK_TOLERANCE_MS, LEASE_MS, MessageState, Priority};
use kit::db::{Database, Executor as _, Fetch as _};
use kit::row::FromRow;
use kit::{Problem, host, params};

use crate::cause::{self, Groups, Verdict};
use crate::channels::Message;
use crate::drain_lease;
use crate::expand::IS_DUE as IS_DUE_IN_OUTBOX;

mod outcome;
mod throttle;

pub use outcome::record;
pub use throttle::{defer, defer_the_rest, load};

const QUEUED: &str = MessageState::Queued.into_str();
const SENDING: &str = MessageState::Sending.into_str();

/// A message that waits, or that a run has in hand, as the partial indexes have it.
const IS_OPEN: &str = formatcp!("state in ('{QUEUED}', '{SENDING}')");

/// A message of the run that has the lease `?2`.
const IS_MINE: &str = formatcp!("id = ?1 and state = '{SENDING}' and lease_owner = ?2");

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
const IS_DUE: &str = formatcp!("{IS_OPEN} and next_attempt_at <= ?1 and (state = '{QUEUED}' or lease_until < ?1)");

impl Class {
    const fn candidates(self) -> &'static str {
        const START: &str = "select id, channel, contact from messages indexed by ";
        const FIRST: &str =
            formatcp!("{START}messages_first where state = '{QUEUED}' and attempts = 0 and next_attempt_at <= ?1 and {NOT_BUSY}");
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

/// What there is to do for a run that looks.
#[derive(FromRow)]
pub struct Waiting {
    /// Whether a run holds the dispatcher's lease, which takes all that comes.
    pub is_watched: bool,
    /// Whether something was stored before the clock was set back, see [`mend_clock`].
    pub ahead: bool,
    /// Whether rows of the outbox are to be turned into messages.
    pub outbox: bool,
    first_of_emergencies: bool,
    emergencies: bool,
    first_of_alerts: bool,
    rest: bool,
}

impl Waiting {
    /// Whether messages of this class are due, those of busy contacts among them.
    pub fn has(&self, class: Class) -> bool {
        match class {
            Class::FirstOfEmergencies => self.first_of_emergencies,
            Class::Emergencies => self.emergencies,
            Class::FirstOfAlerts => self.first_of_alerts,
            Class::Rest => self.rest,
        }
    }
}

/// What there is to do, in one read: nearly always nothing. A run that has looked before need not look for what lies ahead again.
pub fn waiting(now: i64, is_first: bool) -> Result<Waiting, Problem> {
    const WAITING: &str = concatcp!(
        "select exists (",
        drain_lease::HELD,
        ") as is_watched, ?4 and (exists (select 1 from ",
        OUTBOX_AHEAD,
        ") or exists (select 1 from ",
        MESSAGES_AHEAD,
        ")) as ahead, exists (select 1 from outbox where ",
        IS_DUE_IN_OUTBOX,
        ") as outbox, exists (",
        Class::FirstOfEmergencies.candidates(),
        ") as first_of_emergencies, exists (",
        Class::Emergencies.candidates(),
        ") as emergencies, exists (",
        Class::FirstOfAlerts.candidates(),
        ") as first_of_alerts, exists (",
        Class::Rest.candidates(),
        ") as rest"
    );
    Database.fetch_optional(WAITING, params![now, 1_i64, "[]", is_first])?.ok_or_else(|| Problem::internal("no row"))
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
        formatcp!(
            "update messages set state = '{SENDING}', attempts = attempts + 1, lease_owner = ?2, lease_until = ?1 + ?3, set_at = ?1
             where id in (select value from json_each(?4)) and {IS_DUE}
             returning id, channel, contact, priority, attempts, first_at"
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
        formatcp!(
            "update messages set state = '{}', attempts = attempts - 1, last_error = ?3, lease_owner = null, lease_until = null
             where {IS_MINE}",
            MessageState::Dropped.into_str()
        ),
        params![id, owner, reason],
    )?;
    Ok(())
}

/// Rows of the outbox that wait and were written before the clock was set back.
const OUTBOX_AHEAD: &str =
    formatcp!("outbox indexed by outbox_waiting where expanded_at is null and due_at > ?1 and created_at > ?1 + {CLOCK_TOLERANCE_MS}");

/// Messages that were set to something before the clock was set back.
const IS_AHEAD: &str = formatcp!("{IS_OPEN} and set_at > ?1 + {CLOCK_TOLERANCE_MS}");
const MESSAGES_AHEAD: &str = formatcp!("messages indexed by messages_set where {IS_AHEAD}");

/// What was stored before the clock was set back is taken as now: nobody waits for a time that comes once more.
pub fn mend_clock(now: i64) -> Result<(), Problem> {
    Database.run(formatcp!("update outbox set due_at = ?1 where id in (select id from {OUTBOX_AHEAD})"), params![now])?;
    Database.run(
        formatcp!(
            "update messages indexed by messages_set set next_attempt_at = min(next_attempt_at, ?1), first_at = min(first_at, ?1),
                 lease_until = iif(state = '{SENDING}', ?1 - 1, null), set_at = ?1 where {IS_AHEAD}"
        ),
        params![now],
    )?;
    Ok(())
}

/// When the next message that cannot wait is due, or comes out of the outbox; none when there is none. What a run has in hand is due when
/// its lease ends, and what was stored before the clock was set back is due now.
pub fn next_urgent_at(now: i64) -> Result<Option<i64>, Problem> {
    const SOONEST: &str = formatcp!(
        "select min(at) from (
             select min(next_attempt_at) as at from messages indexed by messages_due
             where {IS_OPEN} and priority in (1, 2, 3) and state = '{QUEUED}'
             union all
             select min(lease_until) + 1 from messages indexed by messages_due
             where {IS_OPEN} and priority in (1, 2, 3) and state = '{SENDING}'
             union all
             select iif(min(due_at) > ?1 + ?2, ?1, min(due_at)) from outbox indexed by outbox_waiting where expanded_at is null and urgent = 1
             union all
             select ?1 where exists (select 1 from {OUTBOX_AHEAD} and urgent = 1)
             union all
             select ?1 where exists (
                 select 1 from {MESSAGES_AHEAD} and priority in (1, 2, 3)
             )
         )"
    );
    const LONGEST_HOLD_MS: i64 = domain::alert_group::LONGEST_HOLD_MS + CLOCK_TOLERANCE_MS;
    Ok(Database.fetch_scalar::<Option<i64>>(SOONEST, params![now, LONGEST_HOLD_MS])?.flatten())
}
