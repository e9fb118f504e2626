//! What was sent, or could not be: the dispatcher's messages, their deliveries, and the replay of dead letters
//! (docs/reference/rules.md#dispatch).

use axum::Json;
use axum::extract::Path;
use const_format::concatcp;
use domain::dispatch::{DeliveryOutcome, MessageState};
use kit::api::Accepted;
use kit::caller::{Admin, Caller};
use kit::db::{self, Database, Executor, Fetch as _};
use kit::input::{Input, Text, Timestamp};
use kit::page::{Listing, Order, Page};
use kit::request::{Now, OptionalBody, RequestId};
use kit::row::FromRow;
use kit::select::Select;
use kit::{Answer, Problem, outbox, params};
use serde::Serialize;
use utoipa::ToSchema;

/// A message to one contact through one channel.
#[derive(Serialize, FromRow, ToSchema)]
pub struct Message {
    /// Also the idempotency key that its receiver sees.
    id: String,
    /// How far its delivery is.
    state: MessageState,
    /// The channel's name, such as `twilio`.
    channel: String,
    /// Whom it goes to, in the channel's own terms: a number, an address, a topic.
    contact: String,
    /// Whether it goes before others.
    urgent: bool,
    /// How often its delivery was tried.
    attempts: i64,
    /// Why it is not sent: how the last attempt failed, or why it was dropped.
    last_error: Option<String>,
    /// When it was made.
    created_at: Timestamp,
    /// The start of the 24 hours in which it is tried; moved by a replay.
    first_at: Timestamp,
    /// Null unless it is queued.
    next_attempt_at: Option<Timestamp>,
    /// When it was delivered; null until then.
    sent_at: Option<Timestamp>,
    /// What it tells of, such as `alert.critical` or `emergency.reported`.
    topic: String,
    /// The id of the alert, the emergency, the booking, the reservation or the payment that it tells of: the topic says which.
    subject: String,
    /// The same, as older clients know it.
    #[row(column = "subject")]
    alert_id: String,
    /// The rung of the escalation.
    level: i64,
}

const SELECT: &str = concatcp!(
    "select m.id, m.state, m.channel, m.contact, m.urgent, m.attempts, m.last_error, m.created_at, m.first_at,
        iif(m.state = '",
    MessageState::Queued.into_str(),
    "', m.next_attempt_at, null) as next_attempt_at, m.sent_at, o.topic, o.subject, o.level
     from messages m join outbox o on o.id = m.outbox_id where "
);

/// A message with its attempts.
#[derive(Serialize, ToSchema)]
pub struct MessageDetail {
    #[serde(flatten)]
    message: Message,
    /// Each attempt, the first first.
    deliveries: Vec<Delivery>,
}

/// An attempt to deliver a message.
#[derive(Serialize, FromRow, ToSchema)]
pub struct Delivery {
    /// From 1.
    attempt: i64,
    /// When it was tried.
    at: Timestamp,
    /// What came of it.
    outcome: DeliveryOutcome,
    /// The status that the channel's service answered; null without an answer.
    http_status: Option<i64>,
    /// Why it failed; null when it did not.
    error: Option<String>,
    /// How long the receiver took, milliseconds.
    duration_ms: i64,
}

fn not_found() -> Problem {
    Problem::not_found("message")
}

/// Which messages.
#[derive(Input)]
pub struct Filters {
    /// Dead letters are `dead`.
    state: Option<MessageState>,
    /// The channel's name, such as `webhook`, `sms` or `mail`.
    channel: Option<Text<1, 32>>,
    /// What they tell of, such as `alert.critical`.
    topic: Option<Text<1, 64>>,
    /// The newest first unless it says otherwise.
    order: Option<Order>,
}

/// Lists messages, the newest first.
#[utoipa::path(get, path = "/api/dispatch/messages")]
pub async fn list(_: Caller<Admin>, listing: Listing<Filters>) -> Answer<Page<Message>> {
    let Filters { state, channel, topic, order } = &listing.filters;
    let (start, order) = match order {
        Some(Order::Asc) => (concatcp!(SELECT, "m.id > coalesce(?, '')"), "m.id"),
        // Above every id in SQLite's order of text.
        _ => (concatcp!(SELECT, "m.id < coalesce(?, '~')"), "m.id desc"),
    };
    // Few are anything but sent or dropped.
    let (of_few, of_most) = state.map_or((None, None), |state| match state {
        MessageState::Sent | MessageState::Dropped => (None, Some(state)),
        state => (Some(state), None),
    });
    let messages = Select::new(start, params![listing.after_text(0)])
        .and_equal("m.state", of_few)
        .and_equal("m.topic", topic.as_deref())
        .and_equal("m.channel", channel.as_deref())
        .and_equal("m.state", of_most)
        .fetch(&Database, order, listing.fetch())?;
    Ok(listing.page(messages, |message: &Message| [message.id.clone()]))
}

/// Returns a message with its deliveries, one for each attempt.
#[utoipa::path(get, path = "/api/dispatch/messages/{id}")]
pub async fn detail(_: Caller<Admin>, Path(id): Path<String>) -> Answer<Json<MessageDetail>> {
    let message = find(&Database, &id)?;
    let deliveries = Database.fetch_all(
        "select attempt, at, outcome, http_status, error, duration_ms from deliveries where message_id = ? order by attempt",
        params![id],
    )?;
    Ok(Json(MessageDetail { message, deliveries }))
}

fn find(db: &dyn Executor, id: &str) -> Result<Message, Problem> {
    db.fetch_optional(concatcp!(SELECT, "m.id = ?"), params![id])?.ok_or_else(not_found)
}

const REPLAY: &str = concatcp!(
    "update messages set state = '",
    MessageState::Queued.into_str(),
    "', first_at = ?1, next_attempt_at = ?1, set_at = ?1, lease_until = null, lease_owner = null
     where id = ?2 and state = '",
    MessageState::Dead.into_str(),
    "' returning id"
);

/// Which dead letters are to be sent again.
#[derive(Input)]
#[input(refuse_unknown, example = r#"{"channel": "sms", "topic": "emergency.reported"}"#)]
pub struct DeadLetters {
    /// Only those of this channel, by its name.
    channel: Option<Text<1, 32>>,
    /// Only those that tell of this, such as `alert.critical`.
    topic: Option<Text<1, 64>>,
}

/// What was queued again.
#[derive(Serialize, ToSchema)]
pub struct Replayed {
    /// How many dead letters were queued again.
    replayed: usize,
    /// Whether there are more of them: ask again.
    has_more: bool,
}

/// The dead letters that one request queues again.
const MOST_REPLAYED: usize = 500;

const REPLAY_ALL: &str = concatcp!(
    "update messages set state = '",
    MessageState::Queued.into_str(),
    "', first_at = ?1, next_attempt_at = ?1, set_at = ?1, lease_until = null, lease_owner = null
     where state = '",
    MessageState::Dead.into_str(),
    "' and id in (
         select m.id from messages m indexed by messages_by_state
         where m.state = '",
    MessageState::Dead.into_str(),
    "' and (?2 is null or m.channel = ?2) and (?3 is null or m.topic = ?3) order by m.id limit ",
    MOST_REPLAYED,
    ") returning id"
);

/// Queues dead letters again, for another 24 hours: all of them, or those of a channel or a topic.
///
/// The oldest first, up to 500 at once. Asked twice, none is sent twice: what is queued is no dead letter. What is no longer true by then is dropped
/// and not sent. A field that is not known is refused: misspelt, it would mean all of them.
#[utoipa::path(post, path = "/api/dispatch/messages/replay")]
pub async fn replay_all(
    caller: Caller<Admin>,
    Now(now): Now,
    RequestId(request_id): RequestId,
    OptionalBody(which): OptionalBody<DeadLetters>,
) -> Answer<Accepted<Replayed>> {
    let replayed = db::transaction(|db| -> Answer<_> {
        let params = params![now, which.channel.as_deref(), which.topic.as_deref()];
        let ids: Vec<ReplayedId> = db.fetch_all(REPLAY_ALL, params)?;
        let ids: Vec<String> = ids.into_iter().map(|replayed| replayed.id).collect();
        db.run(
            "insert into audit_log (at, actor, action, entity, subject) select ?1, ?2, 'replayed', 'messages', value from json_each(?3)",
            params![now, &caller.0.id, serde_json::to_string(&ids).map_err(Problem::internal)?],
        )?;
        Ok(ids.len())
    })?;
    if replayed > 0 {
        outbox::wake_dispatcher(request_id);
    }
    Ok(Accepted(Replayed { replayed, has_more: replayed == MOST_REPLAYED }))
}

#[derive(FromRow)]
struct ReplayedId {
    id: String,
}

/// Queues a dead letter again, for another 24 hours.
///
/// `attempts` goes on from where it was, since it numbers the deliveries.
#[utoipa::path(post, path = "/api/dispatch/messages/{id}/replay", responses((status = 409, description = "The message is no dead letter.")))]
pub async fn replay(
    caller: Caller<Admin>,
    Now(now): Now,
    RequestId(request_id): RequestId,
    Path(id): Path<String>,
) -> Answer<Accepted<Message>> {
    let message = db::transaction(|db| {
        if !db.exists(REPLAY, params![now, &id])? {
            let state = find(db, &id)?.state.into_str();
            return Err(Problem::conflict(format!("the message is {state}: only a dead one is replayed")));
        }
        db.run(
            "insert into audit_log (at, actor, action, entity, subject) values (?, ?, 'replayed', 'messages', ?)",
            params![now, &caller.0.id, &id],
        )?;
        find(db, &id)
    })?;
    outbox::wake_dispatcher(request_id);
    Ok(Accepted(message))
}
