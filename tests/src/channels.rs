//! The variables of channels that lead to a [`Receiver`], by its origin.

use crate::App;
use crate::receiver::{NTFY_TOKEN, Receiver, SENDGRID_KEY, TWILIO_ACCOUNT, TWILIO_TOKEN, WEBHOOK_SECRET};

/// Where requests of each of [`every`] arrive.
pub const PATHS: [&str; 5] = ["/hooks/in", "/2010-04-01/", "/v3/mail/send", "/chat/T0/B0/xyz", "/gate-alerts"];

/// The webhook.
pub fn webhook(origin: &str) -> [(&str, &str); 3] {
    [("webhook_origin", origin), ("webhook_path", PATHS[0]), ("webhook_secret", WEBHOOK_SECRET)]
}

/// SMS, for people who are written to; to the control room it takes `sms_to`.
pub fn sms(origin: &str) -> [(&str, &str); 4] {
    [
        ("twilio_origin", origin),
        ("twilio_account_sid", TWILIO_ACCOUNT),
        ("twilio_auth_token", TWILIO_TOKEN),
        ("twilio_from", "+15550001111"),
    ]
}

/// Mail, to the control room too.
pub fn mail(origin: &str) -> [(&str, &str); 4] {
    [("sendgrid_origin", origin), ("sendgrid_api_key", SENDGRID_KEY), ("mail_from", "gate@example.com"), ("mail_to", "ops@example.com")]
}

/// The chat.
pub fn chat(origin: &str) -> [(&str, &str); 2] {
    [("chat_webhook_origin", origin), ("chat_webhook_path", PATHS[3])]
}

/// Push.
pub fn push(origin: &str) -> [(&str, &str); 3] {
    [("ntfy_origin", origin), ("ntfy_topic", "gate-alerts"), ("ntfy_token", NTFY_TOKEN)]
}

/// All of them, with this number (or list of numbers) for the control room's SMS.
pub fn every<'a>(origin: &'a str, sms_to: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut variables = vec![("sms_to", sms_to)];
    variables.extend(webhook(origin));
    variables.extend(sms(origin));
    variables.extend(mail(origin));
    variables.extend(chat(origin));
    variables.extend(push(origin));
    variables
}

impl App {
    /// The application with its webhook, and no other channel, pointed at the receiver.
    pub async fn with_webhook(receiver: &Receiver) -> Option<Self> {
        Self::embedded(&webhook(&receiver.origin())).await
    }
}
