//! A double of SendGrid: what its API v3 takes of a mail, checked as its documentation has it, and its signed event webhook.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::EncodePublicKey as _;
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::{App, Response};

/// The one key that it knows.
pub const KEY: &str = "SG.a-sendgrid-key";

/// A domain whose addresses are refused as no addresses, with 400: what is asked for them fails for good.
pub const REFUSED: &str = "@refused.example";

/// A domain for which it has no time, with 503: what is asked for them is tried again.
pub const BUSY: &str = "@busy.example";

/// Headers that a mail must not set (reference of `POST /v3/mail/send`, `headers`).
const RESERVED: [&str; 12] = [
    "x-sg-id",
    "x-sg-eid",
    "received",
    "dkim-signature",
    "content-type",
    "content-transfer-encoding",
    "to",
    "from",
    "subject",
    "reply-to",
    "cc",
    "bcc",
];

/// Fields of a mail, and of a personalization.
const OF_MAIL: [&str; 17] = [
    "personalizations",
    "from",
    "reply_to",
    "reply_to_list",
    "subject",
    "content",
    "attachments",
    "template_id",
    "headers",
    "categories",
    "custom_args",
    "send_at",
    "batch_id",
    "asm",
    "ip_pool_name",
    "mail_settings",
    "tracking_settings",
];
const OF_PERSONALIZATION: [&str; 10] =
    ["from", "to", "cc", "bcc", "subject", "headers", "substitutions", "dynamic_template_data", "custom_args", "send_at"];

/// A refusal: the status, the field and the words.
pub type Refusal = (u16, &'static str, String);

/// Judges a request for `POST /v3/mail/send`; the error is what SendGrid answers, whose success is an empty 202.
pub fn judge(authorization: &str, content_type: &str, body: &[u8]) -> Result<(), Refusal> {
    if authorization != format!("Bearer {KEY}") {
        return Err((401, "", "The provided authorization grant is invalid, expired, or revoked".to_owned()));
    }
    if content_type != "application/json" {
        return Err((415, "", "Content-Type should be application/json.".to_owned()));
    }
    let Ok(Value::Object(mail)) = serde_json::from_slice::<Value>(body) else { return Err((400, "", "Bad Request".to_owned())) };
    known(&mail, &OF_MAIL, "")?;
    let people = mail.get("personalizations").and_then(Value::as_array).filter(|people| (1..=1000).contains(&people.len()));
    let people = people
        .ok_or_else(|| bad("personalizations", "The personalizations field is required and must have at least one personalization."))?;
    let mut have_subjects = true;
    for person in people {
        have_subjects &= personalization(person)?;
    }
    address(mail.get("from"), "from.email")?;
    if let Some(reply_to) = mail.get("reply_to") {
        address(Some(reply_to), "reply_to.email")?;
    }
    let subject = mail.get("subject").and_then(Value::as_str).filter(|subject| !subject.is_empty() && !subject.contains(['\r', '\n']));
    if !have_subjects && subject.is_none() {
        return Err(bad(
            "subject",
            "The subject is required. You can get around this requirement if you use a template with a subject defined.",
        ));
    }
    content(mail.get("content"))?;
    if let Some(headers) = mail.get("headers") {
        self::headers(headers)?;
    }
    Ok(())
}

fn bad(field: &'static str, message: impl Into<String>) -> Refusal {
    (400, field, message.into())
}

fn known(object: &Map<String, Value>, names: &[&str], field: &'static str) -> Result<(), Refusal> {
    match object.keys().find(|name| !names.contains(&name.as_str())) {
        Some(name) => Err(bad(field, format!("Additional property {name} is not allowed"))),
        None => Ok(()),
    }
}

/// An address as `{email, name?}`.
fn address(value: Option<&Value>, field: &'static str) -> Result<String, Refusal> {
    let refused = || bad(field, "Does not contain a valid address.");
    let object = value.and_then(Value::as_object).ok_or_else(refused)?;
    known(object, &["email", "name"], field)?;
    if object.get("name").is_some_and(|name| !name.is_string()) {
        return Err(refused());
    }
    let email = object.get("email").and_then(Value::as_str).ok_or_else(refused)?;
    let is_address = email.split_once('@').is_some_and(|(local, host)| !local.is_empty() && host.contains('.'));
    if !is_address || email.contains([' ', '<', '>', ',', '\n']) || email.ends_with(REFUSED) {
        return Err(refused());
    }
    if email.ends_with(BUSY) {
        return Err((503, "", "Service Unavailable".to_owned()));
    }
    Ok(email.to_lowercase())
}

/// Whether it has a subject of its own.
fn personalization(person: &Value) -> Result<bool, Refusal> {
    const FIELD: &str = "personalizations";
    let person = person.as_object().ok_or_else(|| bad(FIELD, "Invalid type. Expected: object."))?;
    known(person, &OF_PERSONALIZATION, FIELD)?;
    let mut seen = HashSet::new();
    for list in ["to", "cc", "bcc"] {
        let Some(addresses) = person.get(list) else { continue };
        for one in addresses.as_array().ok_or_else(|| bad(FIELD, "Invalid type. Expected: array."))? {
            if !seen.insert(address(Some(one), "personalizations.0.to.0.email")?) {
                return Err(bad(FIELD, "Each email address in the personalization block should be unique between to, cc, and bcc."));
            }
        }
    }
    if !person.get("to").and_then(Value::as_array).is_some_and(|to| (1..=1000).contains(&to.len())) {
        return Err(bad("personalizations.0.to", "The to array is required for all personalization objects."));
    }
    if let Some(arguments) = person.get("custom_args") {
        let arguments = arguments.as_object().ok_or_else(|| bad(FIELD, "custom_args must be an object."))?;
        if !arguments.values().all(Value::is_string) || Value::from(arguments.clone()).to_string().len() > 10_000 {
            return Err(bad("personalizations.0.custom_args", "custom_args must be strings, of at most 10,000 bytes together."));
        }
    }
    if let Some(headers) = person.get("headers") {
        self::headers(headers)?;
    }
    Ok(person.contains_key("subject"))
}

/// Plain text first, then HTML, then anything else; nothing is empty.
fn content(content: Option<&Value>) -> Result<(), Refusal> {
    let parts = content.and_then(Value::as_array).filter(|parts| !parts.is_empty());
    let parts = parts.ok_or_else(|| bad("content", "Unless a valid template_id is provided, the content parameter is required."))?;
    let mut ranks = Vec::new();
    for part in parts {
        let part = part.as_object().ok_or_else(|| bad("content", "Invalid type. Expected: object."))?;
        known(part, &["type", "value"], "content")?;
        let text = |name: &str| part.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let kind = text("type").filter(|kind| !kind.contains([';', ',', '\r', '\n']));
        let (Some(kind), Some(_)) = (kind, text("value")) else {
            return Err(bad("content", "The content value must be a string at least one character in length."));
        };
        ranks.push(match kind {
            "text/plain" => 0,
            "text/html" => 1,
            _ => 2,
        });
    }
    if !ranks.is_sorted() || ranks.windows(2).any(|pair| pair[0] == pair[1] && pair[0] < 2) {
        return Err(bad(
            "content",
            "If present, text/plain and text/html may only be provided once, text/plain first, followed by text/html.",
        ));
    }
    Ok(())
}

fn headers(headers: &Value) -> Result<(), Refusal> {
    let headers = headers.as_object().ok_or_else(|| bad("headers", "Invalid type. Expected: object."))?;
    for (name, value) in headers {
        if RESERVED.contains(&name.to_lowercase().as_str()) {
            return Err(bad("headers", format!("The header {name} is reserved and cannot be used.")));
        }
        if !value.as_str().is_some_and(|value| value.is_ascii() && !value.contains(['\r', '\n'])) {
            return Err(bad("headers", "Header values must be strings, without line breaks."));
        }
    }
    Ok(())
}

/// The key pair of the event webhook.
pub struct Events(SigningKey);

impl Events {
    /// A pair of this number.
    pub fn new(number: u8) -> Self {
        Self(SigningKey::from_slice(&[number; 32]).expect("a key"))
    }

    /// The public key, as SendGrid's settings show it.
    pub fn public_key(&self) -> String {
        STANDARD.encode(self.0.verifying_key().to_public_key_der().expect("a key in DER"))
    }

    /// The signature of a body at a time.
    pub fn sign(&self, at_s: i64, body: &[u8]) -> String {
        let signature: Signature = self.0.sign(&[at_s.to_string().as_bytes(), body].concat());
        STANDARD.encode(signature.to_der())
    }

    /// Reports these events to the application, now.
    pub async fn report(&self, app: &App, events: &Value) -> Response {
        let (at, body) = (app.now_ms() / 1000, events.to_string());
        let signature = self.sign(at, body.as_bytes());
        let client = app
            .anonymous()
            .header("x-twilio-email-event-webhook-signature", &signature)
            .header("x-twilio-email-event-webhook-timestamp", &at.to_string());
        client.send_bytes(Method::POST, "/api/webhooks/sendgrid", "application/json", body).await
    }
}

/// An event of the webhook about a mail that was sent, with its custom arguments as fields.
pub fn event(kind: &str, id: &str, email: &str, mail_id: &str, at_s: i64) -> Value {
    json!({
        "email": email, "timestamp": at_s, "smtp-id": "<14c5d75ce93.dfd.64b469@ismtpd-555>", "event": kind, "category": ["cat facts"],
        "sg_event_id": id, "sg_message_id": "14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0", "mail_id": mail_id,
        "reason": "550 5.1.1 The email account does not exist", "status": "5.1.1", "type": "bounce",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(change: impl FnOnce(&mut Value)) -> Option<(u16, &'static str)> {
        let mut mail = json!({
            "personalizations": [{"to": [{"email": "a@b.example", "name": "A"}], "custom_args": {"a": "b"}}], "from": {"email": "gate@b.example"},
            "subject": "Hello", "content": [{"type": "text/plain", "value": "x"}, {"type": "text/html", "value": "<p>"}],
            "headers": {"List-Unsubscribe": "<https://b.example>"},
        });
        change(&mut mail);
        judge(&format!("Bearer {KEY}"), "application/json", mail.to_string().as_bytes()).err().map(|(status, field, _)| (status, field))
    }

    #[test]
    fn it_refuses_what_the_real_one_refuses() {
        assert_eq!(judged(|_| ()), None);
        assert_eq!(
            judged(|mail| mail["content"] = json!([{"type": "text/html", "value": "<p>"}, {"type": "text/plain", "value": "x"}])),
            Some((400, "content"))
        );
        assert_eq!(judged(|mail| mail["headers"]["Subject"] = json!("x")), Some((400, "headers")));
        assert_eq!(judged(|mail| mail["colour"] = json!("red")), Some((400, "")));
        assert_eq!(judged(|mail| mail["subject"] = json!("")), Some((400, "subject")));
        assert_eq!(
            judged(|mail| mail["personalizations"][0]["custom_args"]["a"] = json!(7)),
            Some((400, "personalizations.0.custom_args"))
        );
        assert_eq!(judged(|mail| mail["personalizations"][0]["to"] = json!([])), Some((400, "personalizations.0.to")));
        assert_eq!(judged(|mail| mail["personalizations"][0]["cc"] = json!([{"email": "A@b.example"}])), Some((400, "personalizations")));
        assert_eq!(judged(|mail| mail["personalizations"][0]["to"][0]["email"] = json!(format!("x{BUSY}"))), Some((503, "")));
        assert_eq!(judge("Bearer x", "application/json", b"{}").err().map(|refusal| refusal.0), Some(401));
    }
}
