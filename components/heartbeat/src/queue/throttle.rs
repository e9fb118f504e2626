//! What a contact has to bear, and what waits so that it is not too much.

use const_format::formatcp;
use domain::dispatch::{CLOCK_TOLERANCE_MS, DeliveryOutcome, Priority};
use domain::time::{MINUTE_MS, SECOND_MS};
use kit::db::{Database, Executor as _, Fetch as _};
use kit::row::FromRow;
use kit::{Problem, params};

use super::{IS_MINE, IS_OPEN, Leased, QUEUED, SENDING};
use crate::channels::Message;

const DELIVERED: &str = DeliveryOutcome::Sent.into_str();

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
        formatcp!(
            "select count(*) as sent, min(d.at) as oldest_at, (
                 select count(*) from messages
                 where state = '{SENDING}' and lease_until >= ?3 and priority = ?5 and +channel = ?1 and +contact = ?2
             ) as in_flight
             from deliveries d join messages m on m.id = d.message_id
             where d.channel = ?1 and d.contact = ?2 and d.at > ?3 - ?4 and d.at <= ?3 + ?6 and d.outcome = '{DELIVERED}' and m.priority = ?5"
        ),
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
        formatcp!(
            "update messages set state = '{QUEUED}', attempts = attempts - 1, next_attempt_at = ?3, set_at = ?4, lease_owner = null,
                 lease_until = null
             where {IS_MINE}"
        ),
        params![&leased.message.id, &leased.owner, until, now],
    )?;
    Ok(())
}

/// Lets all else that is due to this contact, and is as urgent, wait as well: in a storm there are thousands, and taking each only to
/// give it back would use up the run. How many they are.
pub fn defer_the_rest(leased: &Leased, now: i64, until: i64) -> Result<usize, Problem> {
    let rows = Database.run(
        formatcp!(
            "update messages indexed by messages_due set next_attempt_at = ?5, set_at = ?4
             where {IS_OPEN} and state = '{QUEUED}' and priority = ?3 and next_attempt_at <= ?4 and channel = ?1 and contact = ?2
             returning 1"
        ),
        params![&leased.message.channel, &leased.message.contact, leased.priority.rank(), now, until],
    )?;
    Ok(rows.len())
}
