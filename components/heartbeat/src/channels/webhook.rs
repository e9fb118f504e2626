//! A signed webhook, as the Standard Webhooks specification has it (standardwebhooks.com).

use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use hmac::{Hmac, Mac as _};
use http::Request;
use serde::Serialize;
use kit::{Problem, config};
use serde_json::value::RawValue;
use sha2::Sha256;

use super::{Channel, Message, Person, finish, needed};
use crate::settings::path;

/// The channel's name.
pub const NAME: &str = "webhook";

/// The webhook's receiver. Its secret stands here in clear: there is no `Debug`, so that it does not reach the log.
#[derive(Default)]
pub struct Webhook {
    /// Scheme and host; none when unset.
    origin: Option<String>,
    path: String,
    /// What is signed with: `whsec_` and base64, or any text.
    secret: String,
}

/// Reads its variables.
pub async fn load() -> Result<Webhook, Problem> {
    Ok(Webhook {
        origin: config::origin("webhook_origin").await?,
        path: path(&config::get("webhook_path").await?),
        secret: config::get("webhook_secret").await?,
    })
}

/// Base64 with or without its padding: people lose it when they copy.
const LENIENT: GeneralPurpose =
    GeneralPurpose::new(&ALPHABET, GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent));

#[derive(Serialize)]
struct Body<'a> {
    id: &'a str,
    topic: &'a str,
    level: i64,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    alert: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    emergency: Option<&'a RawValue>,
    /// The alerts that are told of together with this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a RawValue>,
}

impl Webhook {
    fn address(&self) -> Option<String> {
        self.origin.as_ref().map(|origin| format!("{origin}{}", self.path))
    }
}

impl Channel for Webhook {
    fn name(&self) -> &'static str {
        NAME
    }

    fn control_room(&self) -> Vec<String> {
        self.address().into_iter().collect()
    }

    /// Other systems listen here to what concerns anybody.
    fn person(&self, _: &Person) -> Option<String> {
        self.address()
    }

    fn is_for_people(&self) -> bool {
        false
    }

    fn request(&self, message: &Message, now_ms: i64) -> Result<Request<Bytes>, String> {
        let address = self.address().ok_or("webhook_origin is not set")?;
        let secret = needed(&self.secret, "webhook_secret")?;
        let content = &message.content;
        let body = serde_json::to_vec(&Body {
            id: &message.id,
            topic: &content.topic,
            level: content.level,
            created_at: domain::time::format_rfc3339(content.created_at),
            alert: (!content.is_emergency()).then_some(&*content.payload),
            emergency: content.is_emergency().then_some(&*content.payload),
            group: content.group.as_deref(),
        })
        .map_err(|error| error.to_string())?;
        let timestamp = now_ms / 1000;
        let builder = Request::post(address)
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature(secret, &message.id, timestamp, &body)?)
            .header("idempotency-key", &message.id);
        finish(builder, "application/json", body)
    }
}

/// `v1,` and the HMAC-SHA-256 of `id.timestamp.body`. A secret `whsec_…` is base64 of the key, any other is the key itself.
fn signature(secret: &str, id: &str, timestamp: i64, body: &[u8]) -> Result<String, String> {
    let key = match secret.strip_prefix("whsec_") {
        Some(encoded) => LENIENT.decode(encoded).map_err(|_| "webhook_secret is not base64 after whsec_".to_owned())?,
        None => secret.as_bytes().to_vec(),
    };
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|error| error.to_string())?;
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    Ok(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::super::tests::message;
    use super::*;

    // The example of the specification's reference libraries.
    #[test]
    fn the_signature_is_the_specification_s() {
        let signed =
            signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signed.unwrap(), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    fn webhook(secret: &str) -> Webhook {
        Webhook { origin: Some("https://hooks.example".to_owned()), path: "/in".to_owned(), secret: secret.to_owned() }
    }

    #[test]
    fn the_alert_goes_as_the_routes_show_it() {
        let request = webhook("plain text").request(&message(NAME, "x", 0), 1_770_201_001_999).unwrap();
        assert_eq!(request.uri(), "https://hooks.example/in");
        assert_eq!(request.headers()["webhook-id"], "0192-m");
        assert_eq!(request.headers()["webhook-timestamp"], "1770201001");
        let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
        assert_eq!(body["id"], "0192-m");
        assert_eq!(body["topic"], "device.offline");
        assert_eq!(body["created_at"], "2026-02-04T10:30:00Z");
        assert_eq!(body["alert"]["id"], "a-1");
        assert!(signature("whsec_***", "id", 0, b"").is_err());
    }

    #[test]
    fn an_emergency_goes_under_its_own_name() {
        let mut message = message(NAME, "x", 0);
        message.content.topic = "emergency.reported".to_owned();
        let request = webhook("plain text").request(&message, 0).unwrap();
        let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
        assert_eq!(body["emergency"]["id"], "a-1");
        assert!(body.get("alert").is_none());
    }

    #[test]
    fn an_error_holds_no_secret() {
        let broken = Webhook { path: "/\n".to_owned(), ..webhook("s3cret\n") };
        let error = broken.request(&message(NAME, "x", 0), 0).unwrap_err();
        assert!(!error.contains("s3cret"), "{error}");
    }
}
