//! A chat's incoming webhook: `{"text": …}`, which Slack, Mattermost, Rocket.Chat and Google Chat take.

use bytes::Bytes;
use http::Request;
use kit::{Problem, config};
use serde::Serialize;

use super::{Channel, Message, Person, finish, text};
use crate::settings::{origin, path};

/// A chat's incoming webhook. Its path is its secret: there is no `Debug`, so that it does not reach the log.
#[derive(Default)]
pub struct Chat {
    /// Scheme and host; none when unset.
    origin: Option<String>,
    path: String,
}

/// Reads its variables.
pub async fn load() -> Result<Chat, Problem> {
    Ok(Chat { origin: origin(&config::get("chat_webhook_origin").await?), path: path(&config::get("chat_webhook_path").await?) })
}

#[derive(Serialize)]
struct Body {
    text: String,
}

impl Channel for Chat {
    fn name(&self) -> &'static str {
        "chat"
    }

    /// The contact, which is shown, is the host alone.
    fn control_room(&self) -> Vec<String> {
        self.origin.iter().cloned().collect()
    }

    fn person(&self, _: &Person) -> Option<String> {
        None
    }

    fn is_for_people(&self) -> bool {
        false
    }

    fn request(&self, message: &Message, _: i64) -> Result<Request<Bytes>, String> {
        let origin = self.origin.as_deref().ok_or("chat_webhook_origin is not set")?;
        let builder = Request::post(format!("{origin}{}", self.path)).header("idempotency-key", &message.id);
        let body = serde_json::to_vec(&Body { text: text::full(message) }).map_err(|error| error.to_string())?;
        finish(builder, "application/json", body)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::message;
    use super::*;

    #[test]
    fn the_text_says_what_and_where() {
        let chat = Chat { origin: Some("https://chat.example".to_owned()), path: "/services/T/B/x".to_owned() };
        let request = chat.request(&message("chat", "x", 1), 0).unwrap();
        assert_eq!(request.uri(), "https://chat.example/services/T/B/x");
        let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
        let text = body["text"].as_str().unwrap();
        assert!(text.contains("PARK-B1-S005 has been silent") && text.contains("city-centre B1") && text.contains("rung 1"), "{text}");
    }
}
