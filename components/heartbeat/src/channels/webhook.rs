//! A signed webhook, as the Standard Webhooks specification has it (standardwebhooks.com).

use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use hmac::{Hmac, Mac as _};
use http::Request;
use serde::Serialize;
use serde_json::value::RawValue;
use sha2::Sha256;

use super::{Message, finish, needed};
use crate::settings::Settings;

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
}

pub(super) fn request(message: &Message, settings: &Settings, now_ms: i64) -> Result<Request<Bytes>, String> {
    let origin = settings.webhook_origin.as_deref().ok_or("webhook_origin is not set")?;
    let secret = needed(&settings.webhook_secret, "webhook_secret")?;
    let content = &message.content;
    let body = serde_json::to_vec(&Body {
        id: &message.id,
        topic: &content.topic,
        level: content.level,
        created_at: domain::time::format_rfc3339(content.created_at),
        alert: (!content.is_emergency()).then_some(&content.alert),
        emergency: content.is_emergency().then_some(&content.alert),
    })
    .map_err(|error| error.to_string())?;
    let timestamp = now_ms / 1000;
    let builder = Request::post(format!("{origin}{}", settings.webhook_path))
        .header("webhook-id", &message.id)
        .header("webhook-timestamp", timestamp)
        .header("webhook-signature", signature(secret, &message.id, timestamp, &body)?)
        .header("idempotency-key", &message.id);
    finish(builder, "application/json", body)
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

    #[test]
    fn the_alert_goes_as_the_routes_show_it() {
        let settings = Settings {
            webhook_origin: Some("https://hooks.example".to_owned()),
            webhook_path: "/in".to_owned(),
            webhook_secret: "plain text".to_owned(),
            ..Settings::default()
        };
        let request = request(&message("webhook", "x", 0), &settings, 1_770_201_001_999).unwrap();
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
        let settings = Settings {
            webhook_origin: Some("https://hooks.example".to_owned()),
            webhook_secret: "plain text".to_owned(),
            ..Settings::default()
        };
        let mut message = message("webhook", "x", 0);
        message.content.topic = "emergency.reported".to_owned();
        let request = request(&message, &settings, 0).unwrap();
        let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
        assert_eq!(body["emergency"]["id"], "a-1");
        assert!(body.get("alert").is_none());
    }
}
