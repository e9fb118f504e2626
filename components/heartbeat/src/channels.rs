//! The channels: each turns a message into the request that its receiver's published API asks for. Nothing is sent here.
//!
//! A new channel is one file here with a type that is a [`Channel`], its name in the list below, its variables in the manifest, and a row
//! in docs/reference/dispatch.md.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT};
use http::request::Builder;
use http::{HeaderValue, Request};
use kit::Problem;
use serde_json::value::RawValue;

mod text;

macro_rules! channels {
    ($($name:ident),* $(,)?) => {
        $(mod $name;)*

        /// Every channel with its configuration, in the order in which somebody is told. The error is a variable that the host cannot give.
        pub async fn load() -> Result<Vec<Box<dyn Channel>>, Problem> {
            Ok(vec![$(Box::new($name::load().await?)),*])
        }
    };
}

channels!(webhook, twilio, sendgrid, chat, ntfy);

/// A way to reach somebody.
pub trait Channel: Send + Sync {
    /// Its name in messages, deliveries and `escalation_contacts`.
    fn name(&self) -> &'static str;

    /// Who is told of everything that concerns the control room; none when it is not configured.
    fn control_room(&self) -> Vec<String>;

    /// Where a person is reached; none when that is not known or the channel is not configured.
    fn person(&self, person: &Person) -> Option<String>;

    /// Whether a rung of the escalation ladder may name contacts of it.
    fn is_for_people(&self) -> bool;

    /// The request that carries a message. `now_ms` is when it is sent. The error, which is shown to administrators, is what the
    /// configuration or the message lacks: such a message can never be sent as things are.
    fn request(&self, message: &Message, now_ms: i64) -> Result<Request<Bytes>, String>;
}

/// Somebody whom a message concerns, such as the pilgrim of a booking.
#[derive(Debug, Default)]
pub struct Person {
    /// Their e-mail address; none when their account is gone.
    pub email: Option<String>,
    /// Their phone number.
    pub phone: Option<String>,
}

/// One message to one contact.
#[derive(Debug)]
pub struct Message {
    /// Its id, the same at each attempt: receivers tell a repeat by it.
    pub id: String,
    /// The channel's name.
    pub channel: String,
    /// Whom it is for, as the channel names them.
    pub contact: String,
    /// Whether it passes what is not.
    pub urgent: bool,
    /// What it tells.
    pub content: Content,
}

/// What is told: a row of the outbox.
#[derive(Debug)]
pub struct Content {
    /// What happened, such as `alert.critical`, `device.offline`, `emergency.reported`, `booking.confirmed`.
    pub topic: String,
    /// The rung of the escalation ladder, from 0.
    pub level: i64,
    /// When its cause was, milliseconds.
    pub created_at: i64,
    /// What it is about, as the routes show it: an alert, an emergency, a booking, a reservation, a refund.
    pub payload: Box<RawValue>,
    /// The same with other words, where people are told something else: of a group of alerts, of an end.
    pub told: Option<Box<RawValue>>,
    /// What programs are told of a group of alerts.
    pub group: Option<Box<RawValue>>,
}

impl Content {
    /// Whether it tells of an emergency, or of its end.
    pub fn is_emergency(&self) -> bool {
        self.topic.starts_with("emergency.")
    }

    /// What people read of it.
    pub fn for_people(&self) -> &str {
        self.told.as_ref().unwrap_or(&self.payload).get()
    }
}

/// Whether people read what goes through a channel: they are spared more than they can take in, where a program says itself when it is too
/// much, and they are told what is, where a program is told of each event.
pub fn is_read_by_people(channel: &str) -> bool {
    channel != webhook::NAME
}

/// What every request has: who sends it, and a body whose length is told.
fn finish(builder: Builder, content_type: &'static str, body: impl Into<Bytes>) -> Result<Request<Bytes>, String> {
    let body = body.into();
    builder
        .header(USER_AGENT, concat!("gatehouse/", env!("CARGO_PKG_VERSION")))
        .header(CONTENT_TYPE, content_type)
        .header(CONTENT_LENGTH, body.len())
        .body(body)
        // What is wrong may be a secret with a line break in it: it is not repeated.
        .map_err(|_| "its address or a header is not valid: check the variables".to_owned())
}

/// `Authorization` of a value that logs must not show.
fn authorization(builder: Builder, value: String) -> Result<Builder, String> {
    let mut value = HeaderValue::try_from(value).map_err(|_| "its key or token has characters that a header cannot carry".to_owned())?;
    value.set_sensitive(true);
    Ok(builder.header(AUTHORIZATION, value))
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// What a channel cannot do without.
fn needed<'a>(value: &'a str, name: &str) -> Result<&'a str, String> {
    if value.is_empty() { Err(format!("{name} is not set")) } else { Ok(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub fn message(channel: &str, contact: &str, level: i64) -> Message {
        let alert = r#"{"id":"a-1","alert_type":"device_offline","severity":"critical","message":"PARK-B1-S005 has been silent","site":"city-centre","zones":["B1"]}"#;
        Message {
            id: "0192-m".to_owned(),
            channel: channel.to_owned(),
            contact: contact.to_owned(),
            urgent: true,
            content: Content {
                topic: "device.offline".to_owned(),
                level,
                created_at: 1_770_201_000_000,
                payload: RawValue::from_string(alert.to_owned()).unwrap(),
                told: None,
                group: None,
            },
        }
    }

    /// An emergency in these words, of somebody who can be called back.
    pub fn sos(channel: &str, contact: &str, description: &str) -> Message {
        let document = serde_json::json!({
            "id": "e-1", "temple_id": "somnath", "type": "medical", "severity": "critical", "description": description,
            "location": {"lat": 20.8881, "lng": 70.4014}, "location_approximate": true, "reported_by": "u-1",
            "reporter_name": "Asha Patel", "reporter_phone": "+919876543210", "reported_at": "2026-02-04T10:30:00.000Z",
        });
        let mut message = message(channel, contact, 0);
        message.content.topic = "emergency.reported".to_owned();
        message.content.payload = serde_json::value::to_raw_value(&document).unwrap();
        message
    }

    #[test]
    fn a_channel_that_is_not_configured_says_what_it_lacks_and_tells_nobody() {
        let channels: [Box<dyn Channel>; 5] = [
            Box::new(webhook::Webhook::default()),
            Box::new(twilio::Twilio::default()),
            Box::new(sendgrid::SendGrid::default()),
            Box::new(chat::Chat::default()),
            Box::new(ntfy::Ntfy::default()),
        ];
        let person = Person { email: Some("a@b.example".to_owned()), phone: Some("+1".to_owned()) };
        for channel in channels {
            assert!(channel.request(&message(channel.name(), "x", 0), 0).is_err(), "{}", channel.name());
            assert!(channel.control_room().is_empty() && channel.person(&person).is_none(), "{}", channel.name());
        }
    }
}
