//! A chat's incoming webhook: `{"text": …}`, which Slack, Mattermost, Rocket.Chat and Google Chat take.

use bytes::Bytes;
use http::Request;
use serde_json::json;

use super::{Message, finish, words};
use crate::settings::Settings;

pub(super) fn request(message: &Message, settings: &Settings) -> Result<Request<Bytes>, String> {
    let origin = settings.chat_origin.as_deref().ok_or("chat_webhook_origin is not set")?;
    let builder = Request::post(format!("{origin}{}", settings.chat_path)).header("idempotency-key", &message.id);
    finish(builder, "application/json", json!({ "text": words::full(message) }).to_string())
}

#[cfg(test)]
mod tests {
    use super::super::tests::message;
    use super::*;

    #[test]
    fn the_text_says_what_and_where() {
        let settings = Settings {
            chat_origin: Some("https://chat.example".to_owned()),
            chat_path: "/services/T/B/x".to_owned(),
            ..Settings::default()
        };
        let request = request(&message("chat", "x", 1), &settings).unwrap();
        assert_eq!(request.uri(), "https://chat.example/services/T/B/x");
        let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
        let text = body["text"].as_str().unwrap();
        assert!(text.contains("PARK-B1-S005 has been silent") && text.contains("city-centre B1") && text.contains("rung 1"), "{text}");
    }
}
