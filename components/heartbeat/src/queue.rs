//! The queue of messages in the database: filled from the outbox, taken by lease, told how each attempt ended.

use const_format::concatcp;
use domain::dispatch::{EMERGENCY_TOPICS, LEASE_MS, Next, Outcome, after_failure};
use kit::db::{self, Database, Executor as _, Fetch as _};
use kit::row::FromRow;
use kit::{Problem, host, params};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::channels::{Content, Message, Person};
use crate::delivery::Attempt;
use crate::settings::Settings;

/// Rows of the outbox that one transaction turns into messages.
const EXPAND: i64 = 200;

#[derive(Serialize)]
struct NewMessage {
    id: String,
    outbox: i64,
    channel: &'static str,
    contact: String,
    urgent: i64,
}

/// A row of the outbox, with whom it concerns.
#[derive(FromRow)]
struct Waiting {
    id: i64,
    level: i64,
    urgent: i64,
    /// Whether it is for one person rather than for the control room.
    is_personal: bool,
    email: Option<String>,
    phone: Option<String>,
    /// The one address that it is for, in place of the person's own.
    mail_to: Option<String>,
}

const WAITING: &str = "select o.id, o.level, o.urgent, o.recipient is not null as is_personal, u.email, u.phone, o.mail_to
     from outbox o left join users u on u.id = o.recipient
     where o.expanded_at is null order by o.id limit ?";

/// Turns what waits in the outbox into one message for each contact; how many messages that made.
pub fn expand(settings: &Settings, now: i64) -> Result<usize, Problem> {
    let mut made = 0;
    // The look before the transaction spares the writer's lock when there is nothing, which is nearly always.
    while Database.exists("select 1 from outbox where expanded_at is null limit 1", params![])? {
        made += db::transaction(|db| {
            let waiting: Vec<Waiting> = db.fetch_all(WAITING, params![EXPAND])?;
            let mut messages = Vec::new();
            let mut rows = Vec::with_capacity(waiting.len());
            for Waiting { id, level, urgent, is_personal, email, phone, mail_to } in waiting {
                rows.push(id);
                let contacts = match mail_to {
                    Some(address) => settings.mail(address),
                    None if is_personal => settings.person(&Person { email, phone }),
                    None => settings.control_room(level),
                };
                for contact in contacts {
                    messages.push(NewMessage {
                        id: host::new_id(now)?,
                        outbox: id,
                        channel: contact.channel,
                        contact: contact.address,
                        urgent,
                    });
                }
            }
            let json = serde_json::to_string(&messages).map_err(Problem::internal)?;
            db.run(
                "insert into messages (id, outbox_id, channel, contact, urgent, first_at, next_attempt_at, created_at)
                 select value ->> 'id', value ->> 'outbox', value ->> 'channel', value ->> 'contact', value ->> 'urgent', ?2, ?2, ?2
                 from json_each(?1) where true
                 on conflict do nothing",
                params![json, now],
            )?;
            let rows = serde_json::to_string(&rows).map_err(Problem::internal)?;
            db.run("update outbox set expanded_at = ?2 where id in (select value from json_each(?1))", params![rows, now])?;
            Ok::<_, Problem>(messages.len())
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
    if limit == 0 || !Database.exists(waiting, params![now])? {
        return Ok(Vec::new());
    }
    take(DUE_FIRST, now, limit)
}

/// A message that was taken, with its row of the outbox.
#[derive(FromRow)]
struct Taken {
    id: String,
    channel: String,
    contact: String,
    urgent: bool,
    attempts: i64,
    first_at: i64,
    topic: String,
    level: i64,
    caused_at: i64,
    payload: String,
}

fn take(due: &str, now: i64, limit: usize) -> Result<Vec<Leased>, Problem> {
    let owner = host::new_id(now)?;
    let taken: Vec<Taken> = Database.fetch_all(
        &format!(
            "update messages set state = 'sending', attempts = attempts + 1, lease_owner = ?2, lease_until = ?1 + ?3
             where id in ({due})
             returning id, channel, contact, urgent, attempts, first_at,
                 (select topic from outbox where outbox.id = outbox_id) as topic,
                 (select level from outbox where outbox.id = outbox_id) as level,
                 (select created_at from outbox where outbox.id = outbox_id) as caused_at,
                 (select payload from outbox where outbox.id = outbox_id) as payload"
        ),
        params![now, &owner, LEASE_MS, i64::try_from(limit).unwrap_or(i64::MAX)],
    )?;
    let mut leased = taken.into_iter().map(|taken| Leased::new(taken, &owner)).collect::<Result<Vec<_>, _>>()?;
    leased.sort_by(|a, b| (b.message.urgent, &a.message.id).cmp(&(a.message.urgent, &b.message.id)));
    Ok(leased)
}

impl Leased {
    fn new(taken: Taken, owner: &str) -> Result<Self, Problem> {
        // What is no JSON goes out as a text.
        let payload = RawValue::from_string(taken.payload.clone()).or_else(|_| serde_json::value::to_raw_value(&taken.payload));
        Ok(Self {
            message: Message {
                id: taken.id,
                channel: taken.channel,
                contact: taken.contact,
                urgent: taken.urgent,
                content: Content {
                    topic: taken.topic,
                    level: taken.level,
                    created_at: taken.caused_at,
                    payload: payload.map_err(Problem::internal)?,
                },
            },
            owner: owner.to_owned(),
            attempt: u32::try_from(taken.attempts).unwrap_or(u32::MAX),
            first_at: taken.first_at,
        })
    }
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

/// How much a contact has to bear at the moment.
pub fn load(message: &Message, now: i64) -> Result<Load, Problem> {
    const MINUTE_MS: i64 = domain::time::MINUTE_MS;
    let load: Option<ContactLoad> = Database.fetch_optional(
        "select count(*) as sent, min(at) as oldest_at, (
             select count(*) from messages where state = 'sending' and lease_until >= ?3 and +channel = ?1 and +contact = ?2
         ) as in_flight
         from deliveries where channel = ?1 and contact = ?2 and at > ?3 - ?4 and outcome = 'sent'",
        params![&message.channel, &message.contact, now, MINUTE_MS],
    )?;
    let load = load.ok_or_else(|| Problem::internal("a count gave no row"))?;
    Ok(Load {
        sent: u32::try_from(load.sent).unwrap_or(u32::MAX),
        in_flight: u32::try_from(load.in_flight).unwrap_or(u32::MAX),
        // A second when all that loads it is still on its way.
        free_at: load.oldest_at.map_or(now + 1000, |oldest| oldest + MINUTE_MS),
    })
}

/// Gives a message back unsent until a later time. It was no attempt.
pub fn defer(leased: &Leased, until: i64) -> Result<(), Problem> {
    Database.run(
        "update messages set state = 'queued', attempts = attempts - 1, next_attempt_at = ?3, lease_owner = null, lease_until = null
         where id = ?1 and state = 'sending' and lease_owner = ?2",
        params![&leased.message.id, &leased.owner, until],
    )?;
    Ok(())
}

/// Lets all else that is due to this contact, and is as urgent, wait as well: in a storm there are thousands, and taking each only to
/// give it back would use up the run. How many they are. What bypasses the throttle (see [`Message::bypasses_throttle`]) is let alone.
pub fn defer_the_rest(message: &Message, now: i64, until: i64) -> Result<usize, Problem> {
    let rows = Database.run(DEFER_THE_REST, params![&message.channel, &message.contact, message.urgent, now, until])?;
    Ok(rows.len())
}

const DEFER_THE_REST: &str = concatcp!(
    "update messages indexed by messages_due set next_attempt_at = ?5
     where state in ('queued', 'sending') and state = 'queued' and urgent = ?3 and next_attempt_at <= ?4
         and channel = ?1 and contact = ?2
         and not (?1 = 'webhook' and exists (
             select 1 from outbox o where o.id = messages.outbox_id and o.topic in ('",
    EMERGENCY_TOPICS[0],
    "', '",
    EMERGENCY_TOPICS[1],
    "')
         ))
     returning 1"
);

/// Writes down how an attempt ended: its line in the history, and what becomes of the message. The message itself changes only under
/// the attempt's own lease; who lost it has still tried, which the history tells.
pub fn record(leased: &Leased, attempt: &Attempt, now: i64, duration_ms: i64) -> Result<Outcome, Problem> {
    let next = match attempt.outcome {
        Outcome::Delivered => None,
        Outcome::Retry | Outcome::Refused => {
            let retryable = attempt.outcome == Outcome::Retry;
            Some(after_failure(leased.first_at, leased.attempt, now, jitter()?, retryable, attempt.retry_after_ms))
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
                 next_attempt_at = coalesce(?5, next_attempt_at), sent_at = iif(?3 = 'sent', ?6, null)
             where id = ?1 and state = 'sending' and lease_owner = ?2",
            params![&leased.message.id, &leased.owner, state, error, due, now],
        )?;
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
