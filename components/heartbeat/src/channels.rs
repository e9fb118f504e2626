//! The channels: each turns a message into the request that its receiver's published API asks for. Nothing is sent here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT};
use http::request::Builder;
use http::{HeaderValue, Request};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::settings::Settings;

mod chat;
mod ntfy;
mod sendgrid;
mod twilio;
mod webhook;
mod words;

/// One message to one contact.
#[derive(Debug)]
pub struct Message {
    /// Its id, the same at each attempt: receivers tell a repeat by it.
    pub id: String,
    /// `webhook`, `sms`, `mail`, `chat` or `ntfy`.
    pub channel: String,
    /// Whom it is for, as the channel names them.
    pub contact: String,
    /// Whether it passes what is not.
    pub urgent: bool,
    /// What it tells.
    pub content: Content,
}

impl Message {
    /// Whether it goes out however much its contact got of late: an emergency to a webhook. A program can take it, and in a stampede
    /// the hundredth report counts like the first; people's phones are spared even then.
    pub fn cannot_wait(&self) -> bool {
        self.channel == "webhook" && self.content.is_emergency()
    }
}

/// What is told: a row of the outbox.
#[derive(Debug, Deserialize)]
pub struct Content {
    /// `alert.critical`, `device.offline`, `alert.escalated`, `emergency.reported`, `emergency.escalated`.
    pub topic: String,
    /// The rung of the escalation ladder, from 0.
    pub level: i64,
    /// When its cause was, milliseconds.
    pub created_at: i64,
    /// The alert, or the emergency, as the routes show it.
    pub alert: Box<RawValue>,
}

impl Content {
    /// Whether it tells of an emergency; of an alert otherwise.
    pub fn is_emergency(&self) -> bool {
        self.topic.starts_with("emergency.")
    }
}

/// The request that carries a message. `now_ms` is when it is sent. The error, which is shown to administrators, is what the
/// configuration or the message lacks: such a message can never be sent as things are.
pub fn request(message: &Message, settings: &Settings, now_ms: i64) -> Result<Request<Bytes>, String> {
    match message.channel.as_str() {
        "webhook" => webhook::request(message, settings, now_ms),
        "sms" => twilio::request(message, settings),
        "mail" => sendgrid::request(message, settings),
        "chat" => chat::request(message, settings),
        "ntfy" => ntfy::request(message, settings),
        other => Err(format!("there is no channel {other}")),
    }
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
                alert: RawValue::from_string(alert.to_owned()).unwrap(),
            },
        }
    }

    #[test]
    fn a_channel_that_is_not_configured_says_what_it_lacks_and_no_secret() {
        let settings = Settings { webhook_secret: "s3cret\n".to_owned(), ..Settings::default() };
        for channel in ["webhook", "sms", "mail", "chat", "ntfy", "pigeon"] {
            let error = request(&message(channel, "x", 0), &settings, 0).unwrap_err();
            assert!(!error.contains("s3cret"), "{error}");
        }
        let settings =
            Settings { ntfy_origin: Some("https://ntfy.example".to_owned()), ntfy_token: "tk_s3cret\n".to_owned(), ..Settings::default() };
        let error = request(&message("ntfy", "topic", 0), &settings, 0).unwrap_err();
        assert!(!error.contains("s3cret"), "{error}");
    }
}
