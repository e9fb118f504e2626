//! The queue of messages in the database: filled from the outbox, taken by lease, told how each attempt ended.

use domain::dispatch::{LEASE_MS, Next, Outcome, after_failure};
use kit::db::Row;
use kit::{Problem, db, host, params};
use serde::Serialize;

use crate::channels::Message;
use crate::outbound::Reply;
use crate::settings::Settings;
use crate::{bookings, reservations};

/// Rows of the outbox that one transaction turns into messages.
const EXPAND: i64 = 200;

#[derive(Serialize)]
struct NewMessage<'a> {
    id: String,
    outbox: i64,
    channel: &'static str,
    contact: &'a str,
    urgent: i64,
}

/// Turns what waits in the outbox into one message for each contact; how many messages that made.
pub fn expand(settings: &Settings, now: i64) -> Result<usize, Problem> {
    let mut made = 0;
    // The look before the transaction spares the writer's lock when there is nothing, which is nearly always.
    while !db::run("select 1 from outbox where expanded_at is null limit 1", params![])?.is_empty() {
        made += db::transaction(|tx| {
            let waiting = tx.run(
                "select id, level, urgent, topic, subject from outbox where expanded_at is null order by id limit ?",
                params![EXPAND],
            )?;
            let mut messages = Vec::new();
            let mut rows = Vec::new();
            let contacts = |row: &Row| match row.text(3)? {
                topic if topic.starts_with(bookings::TOPICS) => bookings::contacts(tx, settings, row.text(4)?),
                topic if reservations::tells(topic) => reservations::contacts(tx, settings, topic, row.text(4)?),
                _ => Ok(settings.contacts(row.int(1)?)),
            };
            let contacts = waiting.iter().map(contacts).collect::<Result<Vec<_>, Problem>>()?;
            for (row, contacts) in waiting.iter().zip(&contacts) {
                rows.push(row.int(0)?);
                for contact in contacts {
                    messages.push(NewMessage {
                        id: host::new_id(now)?,
                        outbox: row.int(0)?,
                        channel: contact.channel,
                        contact: &contact.address,
                        urgent: row.int(2)?,
                    });
                }
            }
            let json = serde_json::to_string(&messages).map_err(Problem::internal)?;
            tx.run(
                "insert into messages (id, outbox_id, channel, contact, urgent, first_at, next_attempt_at, created_at)
                 select value ->> 'id', value ->> 'outbox', value ->> 'channel', value ->> 'contact', value ->> 'urgent', ?2, ?2, ?2
                 from json_each(?1) where true
                 on conflict do nothing",
                params![json, now],
            )?;
            let rows = serde_json::to_string(&rows).map_err(Problem::internal)?;
            tx.run("update outbox set expanded_at = ?2 where id in (select value from json_each(?1))", params![rows, now])?;
            Ok(messages.len())
        })?;
    }
    Ok(made)
}

/// A message that this run alone may send until its lease ends.
#[derive(Debug)]
pub struct Leased {
    /// What is sent.
    pub message: Message,
    /// The proof of the lease.
    owner: String,
    /// Which attempt this is, from 1.
    attempt: u32,
    /// The start of the 24 hours in which it is tried.
    first_at: i64,
}

/// Which messages are due: none of them is taken by two runs at once, since the choice is a part of the update. A message whose run
/// died is due again when its lease has ended.
const DUE: &str = "select id from messages
     where state in ('queued', 'sending') and urgent in (0, 1) and next_attempt_at <= ?1 and (state = 'queued' or lease_until < ?1)
     order by urgent desc, next_attempt_at limit ?4";

/// Those among them that are urgent and were never tried.
const DUE_FIRST: &str = "select id from messages indexed by messages_first
     where state = 'queued' and urgent = 1 and attempts = 0 and next_attempt_at <= ?1
     order by next_attempt_at limit ?4";

/// Takes at most `limit` messages that are due, what is urgent first.
pub fn lease(now: i64, limit: usize) -> Result<Vec<Leased>, Problem> {
    take(DUE, now, limit)
}

/// Takes at most `limit` messages that are urgent and were never tried, the longest due first.
pub fn lease_first(now: i64, limit: usize) -> Result<Vec<Leased>, Problem> {
    // The look beforehand spares a write when there is nothing.
    let waiting = "select 1 from messages indexed by messages_first
         where state = 'queued' and urgent = 1 and attempts = 0 and next_attempt_at <= ? limit 1";
    if limit == 0 || db::run(waiting, params![now])?.is_empty() {
        return Ok(Vec::new());
    }
    take(DUE_FIRST, now, limit)
}

fn take(due: &str, now: i64, limit: usize) -> Result<Vec<Leased>, Problem> {
    let owner = host::new_id(now)?;
    let rows = db::run(
        &format!(
            "update messages set state = 'sending', attempts = attempts + 1, lease_owner = ?2, lease_until = ?1 + ?3
             where id in ({due})
             returning id, channel, contact, urgent, attempts, first_at, (
                 select json_object('topic', topic, 'level', level, 'created_at', created_at, 'alert', json(iif(json_valid(payload), payload, json_quote(payload))))
                 from outbox where outbox.id = outbox_id
             )"
        ),
        params![now, &owner, LEASE_MS, i64::try_from(limit).unwrap_or(i64::MAX)],
    )?;
    let mut leased = Vec::with_capacity(rows.len());
    for row in rows.iter() {
        leased.push(Leased {
            message: Message {
                id: row.text(0)?.to_owned(),
                channel: row.text(1)?.to_owned(),
                contact: row.text(2)?.to_owned(),
                urgent: row.bool(3)?,
                content: serde_json::from_str(row.text(6)?).map_err(Problem::internal)?,
            },
            owner: owner.clone(),
            attempt: u32::try_from(row.int(4)?).unwrap_or(u32::MAX),
            first_at: row.int(5)?,
        });
    }
    leased.sort_by(|a, b| (b.message.urgent, &a.message.id).cmp(&(a.message.urgent, &b.message.id)));
    Ok(leased)
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

/// How much a contact has to bear at the moment.
pub fn load(message: &Message, now: i64) -> Result<Load, Problem> {
    const MINUTE_MS: i64 = domain::time::MINUTE_MS;
    let rows = db::run(
        "select count(*), min(at), (
             select count(*) from messages where state = 'sending' and lease_until >= ?3 and +channel = ?1 and +contact = ?2
         )
         from deliveries where channel = ?1 and contact = ?2 and at > ?3 - ?4 and outcome = 'sent'",
        params![&message.channel, &message.contact, now, MINUTE_MS],
    )?;
    let row = rows.first().ok_or_else(|| Problem::internal("a count gave no row"))?;
    Ok(Load {
        sent: u32::try_from(row.int(0)?).unwrap_or(u32::MAX),
        in_flight: u32::try_from(row.int(2)?).unwrap_or(u32::MAX),
        // A second when all that loads it is still on its way.
        free_at: row.opt_int(1)?.map_or(now + 1000, |oldest| oldest + MINUTE_MS),
    })
}

/// Gives a message back unsent until a later time. It was no attempt.
pub fn defer(leased: &Leased, until: i64) -> Result<(), Problem> {
    db::run(
        "update messages set state = 'queued', attempts = attempts - 1, next_attempt_at = ?3, lease_owner = null, lease_until = null
         where id = ?1 and state = 'sending' and lease_owner = ?2",
        params![&leased.message.id, &leased.owner, until],
    )?;
    Ok(())
}

/// Lets all else that is due to this contact, and is as urgent, wait as well: in a storm there are thousands, and taking each only to
/// give it back would use up the run. How many they are. What cannot wait (see [`Message::cannot_wait`]) is let alone.
pub fn defer_the_rest(message: &Message, now: i64, until: i64) -> Result<usize, Problem> {
    let rows = db::run(
        "update messages indexed by messages_due set next_attempt_at = ?5
         where state in ('queued', 'sending') and state = 'queued' and urgent = ?3 and next_attempt_at <= ?4
             and channel = ?1 and contact = ?2
             and not (?1 = 'webhook' and exists (
                 select 1 from outbox o where o.id = messages.outbox_id and o.topic in ('emergency.reported', 'emergency.escalated')
             ))
         returning 1",
        params![&message.channel, &message.contact, message.urgent, now, until],
    )?;
    Ok(rows.len())
}

/// Writes down how an attempt ended: its line in the history, and what becomes of the message. The message itself changes only under
/// the attempt's own lease; who lost it has still tried, which the history tells.
pub fn record(leased: &Leased, reply: &Reply, now: i64, duration_ms: i64) -> Result<Outcome, Problem> {
    let next = match reply.outcome {
        Outcome::Delivered => None,
        Outcome::Retry | Outcome::Refused => {
            let retryable = reply.outcome == Outcome::Retry;
            Some(after_failure(leased.first_at, leased.attempt, now, jitter()?, retryable, reply.retry_after_ms))
        }
    };
    let error = reply.error.as_deref().unwrap_or_default();
    let (state, outcome, due, error) = match &next {
        None => ("sent", "sent", None, None),
        Some(Next::Retry { at }) => ("queued", "retry", Some(*at), Some(error.to_owned())),
        // What was refused needs no further reason.
        Some(Next::Dead { .. }) if reply.outcome == Outcome::Refused => ("dead", "dead", None, Some(error.to_owned())),
        Some(Next::Dead { reason }) => ("dead", "dead", None, Some(format!("{error}; {reason}"))),
    };
    db::transaction(|tx| {
        tx.run(
            "insert into deliveries (message_id, attempt, channel, contact, at, outcome, http_status, error, duration_ms)
             values (?1, 1 + coalesce((select max(attempt) from deliveries where message_id = ?1), 0), ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                &leased.message.id,
                &leased.message.channel,
                &leased.message.contact,
                now,
                outcome,
                reply.status,
                error.clone(),
                duration_ms
            ],
        )?;
        tx.run(
            "update messages set state = ?3, lease_owner = null, lease_until = null, last_error = ?4,
                 next_attempt_at = coalesce(?5, next_attempt_at), sent_at = iif(?3 = 'sent', ?6, null)
             where id = ?1 and state = 'sending' and lease_owner = ?2",
            params![&leased.message.id, &leased.owner, state, error, due, now],
        )?;
        Ok(match next {
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
