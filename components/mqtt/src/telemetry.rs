//! Readings, one or many in a message.

use domain::mqtt::{Rejection, Topic};
use domain::role::Role;
use http::StatusCode;
use ingest::payload::{self, Payload};
use ingest::{Stored, bulk, single};
use kit::caller::Principal;
use kit::input::Timestamp;
use kit::tally::Tally;
use kit::{Problem, host, outbox};
use serde::Serialize;

use crate::rejected::Rejected;
use crate::{Taken, publisher, settings};

/// What a device is told of what was stored, when the variable `mqtt_acks` is on.
#[derive(Serialize)]
struct Ack {
    /// The time of the reading, where the message was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<Timestamp>,
    accepted: usize,
    duplicate: usize,
    rejected: usize,
    received_at: Timestamp,
}

/// Stores what the message holds for the device of its topic.
pub async fn take(topic: &Topic<'_>, message: &[u8], now: i64) -> Taken {
    if message.len() > settings::max_message().await? {
        return Ok(Err(Rejected::new(Rejection::TooLarge, "the message is larger than a bulk request may be")));
    }
    let sender =
        Principal { id: format!("device:{}", topic.device), role: Role::Device, device: Some(topic.device.to_owned()), session: None };
    match payload::read(message, now) {
        Ok(Payload::One(reading)) => {
            let timestamp = Some(Timestamp(reading.at));
            let (accepted, duplicate) = match single::store(&sender, reading, now) {
                Ok(Stored { is_urgent, .. }) => {
                    wake(is_urgent, now).await;
                    (1, 0)
                }
                // A message that was delivered twice, or is retained, says nothing new.
                Err(problem) if problem.status() == StatusCode::CONFLICT => (0, 1),
                Err(problem) => return rejected_or_later(problem),
            };
            acknowledge(topic, &Ack { timestamp, accepted, duplicate, rejected: 0, received_at: Timestamp(now) }).await;
            Ok(Ok(()))
        }
        Ok(Payload::Many(parsed)) => match bulk::store(&sender, parsed, now) {
            Ok(Stored { answer, is_urgent }) => {
                wake(is_urgent, now).await;
                let Tally { accepted, duplicate, .. } = answer;
                let rejected = answer.rejected();
                acknowledge(topic, &Ack { timestamp: None, accepted, duplicate, rejected, received_at: Timestamp(now) }).await;
                Ok(Rejected::of_batch(&answer).map_or(Ok(()), Err))
            }
            Err(problem) => rejected_or_later(problem),
        },
        Err(problem) => rejected_or_later(problem),
    }
}

/// What is wrong with the message would be refused again; what is wrong here (a full disk, say) is for later.
pub fn rejected_or_later(problem: Problem) -> Taken {
    match Rejection::from_status(problem.status().as_u16()) {
        Some(reason) => Ok(Err(Rejected::by_problem(reason, &problem))),
        None => Err(problem),
    }
}

async fn wake(is_urgent: bool, now: i64) {
    if is_urgent && let Ok(id) = host::new_id(now) {
        outbox::wake_dispatcher_now(&id).await;
    }
}

/// Tells the device. That it cannot be told changes nothing of what is stored.
async fn acknowledge(topic: &Topic<'_>, ack: &Ack) {
    if settings::sends_acks().await.is_ok_and(|on| on)
        && let Ok(json) = serde_json::to_vec(ack)
    {
        publisher::publish(topic.ack(), json).await;
    }
}
