//! The channels over which people and programs are told: which are set up, what became of the last deliveries, and test messages. The component
//! `heartbeat` alone knows their configuration; it is asked, and tells no more than names and booleans.

use axum::Json;
use axum::extract::Path;
use const_format::{concatcp, formatcp};
use domain::dispatch::DeliveryOutcome;
use domain::time::{AHEAD_TOLERANCE_MS, MINUTE_MS, SECOND_MS};
use kit::api::Accepted;
use kit::caller::{Admin, Caller};
use kit::db::{self, Database, Executor, Fetch as _};
use kit::input::Timestamp;
use kit::request::{Now, RequestId};
use kit::row::FromRow;
use kit::{Answer, Problem, host, outbox, params};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How many of a channel's last deliveries are shown.
const DELIVERIES: i64 = 5;

/// How long a channel rests between two test messages, milliseconds.
const PAUSE_MS: i64 = MINUTE_MS;

/// A channel, as `heartbeat` tells of it.
#[derive(Deserialize)]
struct Setup {
    channel: String,
    tells_control_room: bool,
    tells_people: bool,
}

#[derive(Deserialize)]
struct Setups {
    channels: Vec<Setup>,
}

/// A channel over which people or programs are told.
#[derive(Serialize, ToSchema)]
pub struct DispatchChannel {
    /// Its name in messages and deliveries, such as `sms`.
    channel: String,
    /// Whether anybody is told through it.
    is_set_up: bool,
    /// Whether what concerns the control room goes through it.
    tells_control_room: bool,
    /// Whether a person is told through it of what is theirs, a booking say.
    tells_people: bool,
    /// When a test message was last asked for; null when never.
    tested_at: Option<Timestamp>,
    /// The last attempts to deliver something through it, the newest first.
    last_deliveries: Vec<LastDelivery>,
}

/// An attempt to deliver a message through a channel.
#[derive(Serialize, FromRow, ToSchema)]
pub struct LastDelivery {
    /// The message's id.
    message_id: String,
    /// What the message tells of, such as `alert.critical`.
    topic: String,
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

/// Every channel.
#[derive(Serialize, ToSchema)]
pub struct DispatchChannels {
    /// In the order in which somebody is told.
    items: Vec<DispatchChannel>,
}

const LAST: &str = formatcp!(
    "select d.message_id, o.topic, d.at, d.outcome, d.http_status, d.error, d.duration_ms
     from deliveries d indexed by deliveries_by_channel join messages m on m.id = d.message_id join outbox o on o.id = m.outbox_id
     where d.channel = ? order by d.at desc limit {DELIVERIES}"
);

async fn setups(request_id: &str) -> Result<Vec<Setup>, Problem> {
    let away = |error: String| {
        host::log("warn", "the dispatcher does not say which channels are set up", serde_json::json!({ "error": error }));
        Problem::unavailable("the dispatcher does not answer", 5)
    };
    let answered = outbox::post("/internal/dispatch/channels", request_id).await.map_err(away)?;
    let setups: Setups = serde_json::from_value(answered).map_err(|error| away(error.to_string()))?;
    Ok(setups.channels)
}

impl DispatchChannel {
    fn of(db: &dyn Executor, setup: Setup) -> Result<Self, Problem> {
        let tested_at = db.fetch_scalar("select tested_at from channel_tests where channel = ?", params![&setup.channel])?;
        let last_deliveries = db.fetch_all(LAST, params![&setup.channel])?;
        let Setup { channel, tells_control_room, tells_people } = setup;
        let is_set_up = tells_control_room || tells_people;
        Ok(Self { channel, is_set_up, tells_control_room, tells_people, tested_at: tested_at.map(Timestamp), last_deliveries })
    }
}

/// Lists the channels, with whether each is set up and what became of its last deliveries.
///
/// Names and booleans: no secret, and no address that a channel is configured with.
#[utoipa::path(get, path = "/api/dispatch/channels", responses((status = 503, description = "The dispatcher does not answer.")))]
pub async fn list(_: Caller<Admin>, RequestId(request_id): RequestId) -> Answer<Json<DispatchChannels>> {
    let items = setups(&request_id).await?.into_iter().map(|setup| DispatchChannel::of(&Database, setup));
    Ok(Json(DispatchChannels { items: items.collect::<Result<_, _>>()? }))
}

/// A test message that is on its way.
#[derive(Serialize, ToSchema)]
pub struct ChannelTest {
    /// The `subject` of its messages, one for each contact of the control room.
    id: String,
    /// The channel.
    channel: String,
    /// When it was asked for.
    at: Timestamp,
}

/// Takes the channel's minute: `?1` is the channel, `?2` now, `?3` who asks.
const TAKE: &str = concatcp!(
    "insert into channel_tests (channel, tested_at, tested_by) values (?1, ?2, ?3)
     on conflict (channel) do update set tested_at = ?2, tested_by = ?3
     where tested_at <= ?2 - ",
    PAUSE_MS,
    " or tested_at > ?2 + ",
    AHEAD_TOLERANCE_MS,
    " returning channel"
);

/// Sends a test message through a channel, to whom the control room has there.
///
/// It goes the way that all messages go: what became of it is in the channel's last deliveries. One a minute for each channel.
#[utoipa::path(
    post,
    path = "/api/dispatch/channels/{channel}/test",
    responses(
        (status = 404, description = "There is no such channel."),
        (status = 409, description = "It tells nobody of the control room: `reason` is `not_set_up`."),
        (status = 429, description = "It was tested within the last minute."),
        (status = 503, description = "The dispatcher does not answer."),
    )
)]
pub async fn test(
    caller: Caller<Admin>,
    Now(now): Now,
    RequestId(request_id): RequestId,
    Path(channel): Path<String>,
) -> Answer<Accepted<ChannelTest>> {
    let setup = setups(&request_id).await?.into_iter().find(|setup| setup.channel == channel);
    if !setup.ok_or_else(|| Problem::not_found("channel"))?.tells_control_room {
        return Err(Problem::conflict("the channel is not set up to tell the control room").because("not_set_up"));
    }
    let id = host::new_id(now)?;
    db::transaction(|db| {
        if !db.exists(TAKE, params![&channel, now, &caller.0.id])? {
            return Err(Problem::too_many("the channel was tested within the last minute", PAUSE_MS / SECOND_MS));
        }
        db.run("insert into new_channel_tests (id, channel, at, actor) values (?, ?, ?, ?)", params![&id, &channel, now, &caller.0.id])?;
        Ok(())
    })?;
    outbox::wake_dispatcher(request_id);
    Ok(Accepted(ChannelTest { id, channel, at: Timestamp(now) }))
}
