//! Mail by SendGrid's v3 API.

use bytes::Bytes;
use http::Request;
use kit::{Problem, config};
use serde::Serialize;

use super::{Channel, Message, Person, authorization, bearer, finish, needed, text};
use crate::settings::bare;

mod letter;

use letter::Letter;

/// An account at SendGrid. Its key stands here in clear: there is no `Debug`, so that it does not reach the log.
#[derive(Default)]
pub struct SendGrid {
    /// Scheme and host of the API.
    origin: String,
    /// Empty when there is none.
    api_key: String,
    /// The sender's address.
    from: String,
    /// Who gets a mail of everything.
    to: Vec<String>,
}

/// Reads its variables.
pub async fn load() -> Result<SendGrid, Problem> {
    Ok(SendGrid {
        origin: bare(&config::get("sendgrid_origin").await?),
        api_key: config::get("sendgrid_api_key").await?,
        from: config::get("mail_from").await?,
        to: config::list("mail_to").await?,
    })
}

/// POST `/v3/mail/send`.
#[derive(Serialize)]
struct Mail<'a> {
    personalizations: [Personalization<'a>; 1],
    from: Address<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<Address<'a>>,
    subject: String,
    /// The plain text first.
    content: Vec<Part>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<WayOut>,
    tracking_settings: Tracking,
}

/// The headers by which a reader's program takes them off the list with one click (RFC 8058 section 3).
#[derive(Serialize)]
struct WayOut {
    #[serde(rename = "List-Unsubscribe")]
    list_unsubscribe: String,
    #[serde(rename = "List-Unsubscribe-Post")]
    list_unsubscribe_post: &'static str,
}

/// Nothing of a mail is rewritten on its way: no link leads elsewhere than it says, and no `<% %>` in somebody's words becomes a link
/// that takes the control room off the list.
#[derive(Default, Serialize)]
struct Tracking {
    click_tracking: ClickTracking,
    open_tracking: Switch,
    subscription_tracking: Switch,
}

#[derive(Default, Serialize)]
struct ClickTracking {
    enable: bool,
    enable_text: bool,
}

#[derive(Default, Serialize)]
struct Switch {
    enable: bool,
}

#[derive(Serialize)]
struct Personalization<'a> {
    to: [Address<'a>; 1],
    custom_args: CustomArgs<'a>,
}

/// What SendGrid's events say of the mail that they are about.
#[derive(Serialize)]
struct CustomArgs<'a> {
    message_id: &'a str,
    /// Of a mail that an administrator wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    mail_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Address<'a> {
    email: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

impl<'a> Address<'a> {
    fn of(email: &'a str) -> Self {
        Self { email, name: None }
    }
}

#[derive(Serialize)]
struct Part {
    r#type: &'static str,
    value: String,
}

impl Channel for SendGrid {
    fn name(&self) -> &'static str {
        "mail"
    }

    fn control_room(&self) -> Vec<String> {
        if self.api_key.is_empty() { Vec::new() } else { self.to.clone() }
    }

    fn person(&self, person: &Person) -> Option<String> {
        person.email.clone().filter(|_| !self.api_key.is_empty())
    }

    fn is_for_people(&self) -> bool {
        true
    }

    fn request(&self, message: &Message, _: i64) -> Result<Request<Bytes>, String> {
        let key = needed(&self.api_key, "sendgrid_api_key")?;
        let from = needed(&self.from, "mail_from")?;
        let letter = if message.content.topic == domain::mail::TOPIC { Some(Letter::of(message)?) } else { None };
        let mail = match &letter {
            Some(letter) => letter.mail(message, from)?,
            None => Mail {
                personalizations: [Personalization {
                    to: [Address::of(&message.contact)],
                    custom_args: CustomArgs { message_id: &message.id, mail_id: None },
                }],
                from: Address::of(from),
                reply_to: None,
                subject: text::title(message),
                content: vec![Part { r#type: "text/plain", value: text::full(message) }],
                headers: None,
                tracking_settings: Tracking::default(),
            },
        };
        let body = serde_json::to_vec(&mail).map_err(|error| error.to_string())?;
        let builder = Request::post(format!("{}/v3/mail/send", self.origin));
        finish(authorization(builder, bearer(key))?, "application/json", body)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{message, sos};
    use super::*;

    #[test]
    fn it_is_the_document_that_sendgrid_takes() {
        let sendgrid = SendGrid {
            origin: "https://api.sendgrid.com".to_owned(),
            api_key: "SG.key".to_owned(),
            from: "gate@example.com".to_owned(),
            to: Vec::new(),
        };
        let request = sendgrid.request(&message("mail", "ops@example.com", 0), 0).unwrap();
        assert_eq!(request.uri(), "https://api.sendgrid.com/v3/mail/send");
        assert_eq!(request.headers()["authorization"], "Bearer SG.key");
        let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
        assert_eq!(body["personalizations"][0]["to"][0]["email"], "ops@example.com");
        assert_eq!(body["personalizations"][0]["custom_args"]["message_id"], "0192-m");
        assert_eq!(body["from"]["email"], "gate@example.com");
        assert_eq!(body["subject"], "[critical] PARK-B1-S005 has been silent");
        assert_eq!(body["content"][0]["type"], "text/plain");
    }

    #[test]
    fn a_visitor_s_words_are_plain_text_of_one_line_in_the_subject_too() {
        let sendgrid = SendGrid {
            origin: "https://api.sendgrid.com".to_owned(),
            api_key: "SG.key".to_owned(),
            from: "gate@example.com".to_owned(),
            to: Vec::new(),
        };
        let words = "fire\r\nBcc: all@example.com\u{2028}\u{85}<b>x</b> <% here %>";
        let request = sendgrid.request(&sos("mail", "ops@example.com", words), 0).unwrap();
        let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
        assert_eq!(body["subject"], "[critical] SOS, medical: fire Bcc: all@example.com <b>x</b> <% here %>");
        assert_eq!((body["content"].as_array().unwrap().len(), &body["content"][0]["type"]), (1, &serde_json::json!("text/plain")));
        assert!(body["content"][0]["value"].as_str().unwrap().contains("<b>x</b> <% here %>"));
        let off = serde_json::json!({
            "click_tracking": {"enable": false, "enable_text": false}, "open_tracking": {"enable": false},
            "subscription_tracking": {"enable": false},
        });
        assert_eq!(body["tracking_settings"], off);
    }
}
