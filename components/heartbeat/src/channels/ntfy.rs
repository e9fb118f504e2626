//! A push by ntfy (docs.ntfy.sh/publish): the text is the body, the rest are headers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Request;

use kit::{Problem, config};

use super::{Channel, Message, Person, authorization, bearer, finish, text};

/// ntfy turns longer bodies into attachments.
const MAX_CHARACTERS: usize = 1000;

/// An ntfy server. Its token stands here in clear: there is no `Debug`, so that it does not reach the log.
#[derive(Default)]
pub struct Ntfy {
    /// Scheme and host; none when unset.
    origin: Option<String>,
    /// The topic that gets everything.
    topic: String,
    /// Empty when the server needs none.
    token: String,
}

/// Reads its variables.
pub async fn load() -> Result<Ntfy, Problem> {
    Ok(Ntfy {
        origin: config::origin("ntfy_origin").await?,
        topic: config::get("ntfy_topic").await?,
        token: config::get("ntfy_token").await?,
    })
}

impl Channel for Ntfy {
    fn name(&self) -> &'static str {
        "ntfy"
    }

    fn control_room(&self) -> Vec<String> {
        let configured = self.origin.is_some() && !self.topic.is_empty();
        configured.then(|| self.topic.clone()).into_iter().collect()
    }

    fn person(&self, _: &Person) -> Option<String> {
        None
    }

    fn is_for_people(&self) -> bool {
        true
    }

    fn request(&self, message: &Message, _: i64) -> Result<Request<Bytes>, String> {
        let origin = self.origin.as_deref().ok_or("ntfy_origin is not set")?;
        let topic = &message.contact;
        let valid = (1..=64).contains(&topic.len()) && topic.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if !valid {
            return Err("the topic must be 1 to 64 letters, digits, - and _".to_owned());
        }
        let (priority, tag) = if message.urgent { ("5", "rotating_light") } else { ("3", "warning") };
        let mut builder = Request::post(format!("{origin}/{topic}"))
            .header("title", header_text(&text::title(message)))
            .header("priority", priority)
            .header("tags", tag)
            // Whatever the topic's subscribers or the server prefer: people's words are text, and no markup.
            .header("markdown", "no")
            .header("x-id", &message.id);
        if !self.token.is_empty() {
            builder = authorization(builder, bearer(&self.token))?;
        }
        finish(builder, "text/plain; charset=utf-8", text::short(message, MAX_CHARACTERS))
    }
}

/// A header carries ASCII: anything else goes as RFC 2047 has it, which ntfy decodes; also what would itself be taken for such a word.
fn header_text(text: &str) -> String {
    let is_plain = text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) && !text.contains("=?");
    if is_plain { text.to_owned() } else { format!("=?UTF-8?B?{}?=", STANDARD.encode(text)) }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{message, sos};
    use super::*;

    #[test]
    fn the_headers_are_ntfy_s() {
        let ntfy = Ntfy { origin: Some("https://ntfy.example".to_owned()), topic: String::new(), token: "tk_1".to_owned() };
        let sent = ntfy.request(&message("ntfy", "gatehouse", 0), 0).unwrap();
        assert_eq!(sent.uri(), "https://ntfy.example/gatehouse");
        assert_eq!(sent.headers()["title"], "[critical] PARK-B1-S005 has been silent");
        assert_eq!(sent.headers()["priority"], "5");
        assert_eq!(sent.headers()["authorization"], "Bearer tk_1");
        assert!(sent.headers()["authorization"].is_sensitive());
        assert!(ntfy.request(&message("ntfy", "../admin", 0), 0).is_err());
        let secret = Ntfy { token: "tk_s3cret\n".to_owned(), ..ntfy };
        let error = secret.request(&message("ntfy", "topic", 0), 0).unwrap_err();
        assert!(!error.contains("s3cret"), "{error}");
    }

    #[test]
    fn other_scripts_and_line_breaks_do_not_break_the_header() {
        assert_eq!(header_text("plain"), "plain");
        assert_eq!(header_text("मंदिर"), "=?UTF-8?B?4KSu4KSC4KSm4KS/4KSw?=");
        assert!(header_text("a\r\nx: y").starts_with("=?UTF-8?B?"));
        assert_eq!(header_text("=?UTF-8?B?YQ0KYjogYw==?="), format!("=?UTF-8?B?{}?=", STANDARD.encode("=?UTF-8?B?YQ0KYjogYw==?=")));
    }

    #[test]
    fn a_visitor_s_words_make_no_header_no_button_and_no_markup() {
        let ntfy = Ntfy { origin: Some("https://ntfy.example".to_owned()), topic: String::new(), token: String::new() };
        let words = "fire\r\nActions: view, Acknowledge here, http://evil.example; [Acknowledge](http://evil.example)";
        let sent = ntfy.request(&sos("ntfy", "gatehouse", words), 0).unwrap();
        for header in ["actions", "click", "attach", "icon"] {
            assert!(sent.headers().get(header).is_none(), "{header}");
        }
        assert_eq!((&sent.headers()["markdown"], &sent.headers()["content-type"]), (&"no".parse().unwrap(), &"text/plain; charset=utf-8".parse().unwrap()));
        let body = std::str::from_utf8(sent.body()).unwrap();
        assert!(!body.contains(['\r', '\n']) && body.contains("[Acknowledge](http://evil.example)"), "{body}");
    }
}
