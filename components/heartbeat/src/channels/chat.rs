//! A chat's incoming webhook: `{"text": …}`, which Slack, Mattermost, Rocket.Chat and Google Chat take. Each has a markup of its own, and
//! nobody's words may speak it: a visitor's report must not call the whole channel, nor dress up a link as a button.

use bytes::Bytes;
use http::Request;
use kit::{Problem, config};
use serde::Serialize;

use super::{Channel, Message, Person, finish, text};
use crate::settings::path;

/// A chat's incoming webhook. Its path is its secret: there is no `Debug`, so that it does not reach the log.
#[derive(Default)]
pub struct Chat {
    /// Scheme and host; none when unset.
    origin: Option<String>,
    path: String,
}

/// Reads its variables.
pub async fn load() -> Result<Chat, Problem> {
    Ok(Chat { origin: config::origin("chat_webhook_origin").await?, path: path(&config::get("chat_webhook_path").await?) })
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
        let body = serde_json::to_vec(&Body { text: literal(&text::full(message)) }).map_err(|error| error.to_string())?;
        finish(builder, "application/json", body)
    }
}

/// A text that each of these chats shows as it is. `&`, `<` and `>` are escaped, as Slack's and Mattermost's documentation asks. What they
/// have no escape in common for is parted or replaced by what looks the same: the `@` of a mention and the brackets of a link by an
/// invisible space, the signs for bold, struck out and code by their mathematical likes.
fn literal(text: &str) -> String {
    const INVISIBLE: char = '\u{200b}';
    let mut literal = String::with_capacity(text.len() + 16);
    let (mut before, mut rest) = (None, text.chars().peekable());
    while let Some(c) = rest.next() {
        let after = rest.peek().copied();
        let in_word = |neighbour: Option<char>| neighbour.is_some_and(char::is_alphanumeric);
        match c {
            '&' => literal.push_str("&amp;"),
            '<' => literal.push_str("&lt;"),
            '>' => literal.push_str("&gt;"),
            '*' => literal.push('\u{2217}'),
            '~' => literal.push('\u{223c}'),
            '`' => literal.push('\u{2cb}'),
            // Within a word, such as a code, it marks nothing.
            '_' if !(in_word(before) && in_word(after)) => literal.push('\u{2cd}'),
            // Within an address it calls nobody.
            '@' if !in_word(before) => literal.extend(['@', INVISIBLE]),
            ']' if matches!(after, Some('(' | '[' | ':')) => literal.extend([']', INVISIBLE]),
            other => literal.push(other),
        }
        before = Some(c);
    }
    literal
}

#[cfg(test)]
mod tests {
    use super::super::tests::{message, sos};
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

    #[test]
    fn a_visitor_s_markup_arrives_as_text() {
        let chat = Chat { origin: Some("https://chat.example".to_owned()), path: "/services/T/B/x".to_owned() };
        let words = "<!channel> <http://evil.example|Acknowledge here>\n> R&D *now*\n@here [Acknowledge](http://evil.example) `x`";
        let request = chat.request(&sos("chat", "x", words), 0).unwrap();
        let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
        let text = body["text"].as_str().unwrap();
        assert!(text.contains("&lt;!channel&gt; &lt;http://evil.example|Acknowledge here&gt; &gt; R&amp;D"), "{text}");
        assert!(!text.contains(['<', '>', '*', '`']) && !text.contains("@here") && !text.contains("]("), "{text}");
        // What is no markup stays as it is.
        assert_eq!(literal("PARK_B1 a@b.example [critical] 20.888,70.401 मंदिर"), "PARK_B1 a@b.example [critical] 20.888,70.401 मंदिर");
        assert_eq!(literal("_x_ ~y~"), "\u{2cd}x\u{2cd} \u{223c}y\u{223c}");
    }
}
