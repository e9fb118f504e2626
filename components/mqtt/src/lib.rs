//! What devices send over MQTT (docs/guide/mqtt.md): readings on `gatehouse/<device>/telemetry`, whether they are there on
//! `gatehouse/<device>/status`. Which device may publish as which is the broker's to say; here the device of the topic is the sender.
//!
//! The readings go the way of the HTTP routes, which is the crate `ingest`. A message is dealt with when it is stored or refused; only what
//! cannot be stored at present is given back to the trigger, as an error.

mod presence;
mod publisher;
mod rejected;
mod settings;
mod telemetry;

use domain::mqtt::{Rejection, Subject, Topic};
use kit::{Problem, host};

use crate::rejected::Rejected;

/// What became of a message: dealt with, or refused for good. The problem is one that passes, so that the message is to be given once more.
type Taken = Result<Result<(), Rejected>, Problem>;

async fn handle(topic: String, message: Vec<u8>) -> Result<(), Problem> {
    let now = host::now_ms();
    let parsed = Topic::parse(&topic);
    let taken = match &parsed {
        Some(it) if it.subject == Subject::Telemetry => telemetry::take(it, &message, now).await?,
        Some(it) => presence::take(it, &message, now)?,
        None => Err(Rejected::new(Rejection::Topic, "devices publish on gatehouse/<device>/telemetry and gatehouse/<device>/status")),
    };
    match taken {
        Ok(()) => Ok(()),
        Err(rejected) => rejected.tell(&topic, parsed.as_ref(), &message, now).await,
    }
}

kit::message_component!(handle);
