//! A push by ntfy (docs.ntfy.sh/publish): the text is the body, the rest are headers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Request;

use super::{Message, authorization, bearer, finish, words};
use crate::settings::Settings;

/// ntfy turns longer bodies into attachments.
const MAX_CHARACTERS: usize = 1000;

pub(super) fn request(message: &Message, settings: &Settings) -> Result<Request<Bytes>, String> {
    let origin = settings.ntfy_origin.as_deref().ok_or("ntfy_origin is not set")?;
    let topic = &message.contact;
    let valid = (1..=64).contains(&topic.len()) && topic.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if !valid {
        return Err("the topic must be 1 to 64 letters, digits, - and _".to_owned());
    }
    let (priority, tag) = if message.urgent { ("5", "rotating_light") } else { ("3", "warning") };
    let mut builder = Request::post(format!("{origin}/{topic}"))
        .header("title", header_text(&words::title(message)))
        .header("priority", priority)
        .header("tags", tag)
        .header("x-id", &message.id);
    if !settings.ntfy_token.is_empty() {
        builder = authorization(builder, bearer(&settings.ntfy_token))?;
    }
    finish(builder, "text/plain; charset=utf-8", words::short(message, MAX_CHARACTERS))
}

/// A header carries ASCII: anything else goes as RFC 2047 has it, which ntfy decodes.
fn header_text(text: &str) -> String {
    if text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) { text.to_owned() } else { format!("=?UTF-8?B?{}?=", STANDARD.encode(text)) }
}

#[cfg(test)]
mod tests {
    use super::super::tests::message;
    use super::*;

    #[test]
    fn the_headers_are_ntfy_s() {
        let settings =
            Settings { ntfy_origin: Some("https://ntfy.example".to_owned()), ntfy_token: "tk_1".to_owned(), ..Settings::default() };
        let sent = request(&message("ntfy", "gatehouse", 0), &settings).unwrap();
        assert_eq!(sent.uri(), "https://ntfy.example/gatehouse");
        assert_eq!(sent.headers()["title"], "[critical] PARK-B1-S005 has been silent");
        assert_eq!(sent.headers()["priority"], "5");
        assert_eq!(sent.headers()["authorization"], "Bearer tk_1");
        assert!(sent.headers()["authorization"].is_sensitive());
        assert!(request(&message("ntfy", "../admin", 0), &settings).is_err());
    }

    #[test]
    fn other_scripts_and_line_breaks_do_not_break_the_header() {
        assert_eq!(header_text("plain"), "plain");
        assert_eq!(header_text("मंदिर"), "=?UTF-8?B?4KSu4KSC4KSm4KS/4KSw?=");
        assert!(header_text("a\r\nx: y").starts_with("=?UTF-8?B?"));
    }
}
