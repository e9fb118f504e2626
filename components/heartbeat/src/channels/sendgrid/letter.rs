//! A mail that an administrator wrote, as SendGrid takes it (docs/reference/mail.md).

use domain::mail;
use serde::Deserialize;
use serde_json::Map;
use serde_json::Value;

use super::{Address, CustomArgs, Mail, Message, Part, Personalization, Tracking, WayOut};

/// What is sent of it: a document of the view `mail_documents`.
#[derive(Deserialize)]
pub struct Letter {
    id: String,
    name: Option<String>,
    subject: String,
    text: String,
    html: Option<String>,
    reply_to: Option<String>,
    is_template: bool,
    variables: Map<String, Value>,
    unsubscribe_url: Option<String>,
}

impl Letter {
    /// The letter that a message carries. The error is shown to administrators.
    pub fn of(message: &Message) -> Result<Self, String> {
        serde_json::from_str(message.content.for_people()).map_err(|_| "the mail is not there any more".to_owned())
    }

    /// The mail of it from this sender. The error is what the template lacks, which was looked at when the mail was taken.
    pub fn mail<'a>(&'a self, message: &'a Message, from: &'a str) -> Result<Mail<'a>, String> {
        let unsubscribe_url = self.unsubscribe_url.as_deref();
        let recipient =
            mail::Recipient { variables: &self.variables, email: &message.contact, name: self.name.as_deref(), unsubscribe_url };
        let filled = mail::Letter::new(&self.subject, &self.text, self.html.as_deref(), self.is_template)
            .and_then(|letter| letter.to(&recipient))
            .map_err(|errors| {
                let faults: Vec<_> = errors.into_iter().map(|(part, reason)| format!("its {part} {reason}")).collect();
                format!("the template does not fill: {}", faults.join("; "))
            })?;
        let mut content = vec![Part { r#type: "text/plain", value: filled.text }];
        content.extend(filled.html.map(|value| Part { r#type: "text/html", value }));
        Ok(Mail {
            personalizations: [Personalization {
                to: [Address { email: &message.contact, name: self.name.as_deref() }],
                custom_args: CustomArgs { message_id: &message.id, mail_id: Some(&self.id) },
            }],
            from: Address::of(from),
            reply_to: self.reply_to.as_deref().map(Address::of),
            subject: filled.subject,
            content,
            headers: unsubscribe_url.map(|url| WayOut {
                list_unsubscribe: format!("<{url}>"),
                list_unsubscribe_post: "List-Unsubscribe=One-Click",
            }),
            tracking_settings: Tracking::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::tests::message;
    use super::*;

    fn mail(change: Value) -> Value {
        let mut document = json!({
            "id": "mail-1", "address": "asha@example.com", "name": "Asha <Patel>", "subject": "For {{ name }}", "text": "Dear {{ name }}",
            "html": "<p>{{ name }}: {{ code }}</p>", "reply_to": "desk@example.com", "is_template": true, "variables": {"code": "A&1"},
            "unsubscribe_url": "https://gate.example/v0/api/mail/unsubscribe?token=t.u",
        });
        document.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let mut message = message("mail", "asha@example.com", 0);
        message.content.topic = mail::TOPIC.to_owned();
        message.content.payload = serde_json::value::to_raw_value(&document).unwrap();
        let letter = Letter::of(&message).unwrap();
        letter.mail(&message, "gate@example.com").map_or_else(Value::String, |mail| serde_json::to_value(mail).unwrap())
    }

    #[test]
    fn it_has_both_parts_and_the_way_out() {
        let mail = mail(json!({}));
        assert_eq!(mail["personalizations"][0]["to"][0], json!({"email": "asha@example.com", "name": "Asha <Patel>"}));
        assert_eq!(mail["personalizations"][0]["custom_args"], json!({"message_id": "0192-m", "mail_id": "mail-1"}));
        assert_eq!(mail["reply_to"], json!({"email": "desk@example.com"}));
        assert_eq!(mail["subject"], "For Asha <Patel>");
        assert_eq!((&mail["content"][0]["type"], &mail["content"][1]["type"]), (&json!("text/plain"), &json!("text/html")));
        assert!(mail["content"][1]["value"].as_str().unwrap().starts_with("<p>Asha &lt;Patel&gt;: A&amp;1</p>"));
        let headers = json!({
            "List-Unsubscribe": "<https://gate.example/v0/api/mail/unsubscribe?token=t.u>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        });
        assert_eq!(mail["headers"], headers);
        assert_eq!(mail["tracking_settings"]["click_tracking"]["enable"], false);
    }

    #[test]
    fn what_is_no_circular_has_no_such_headers_and_words_are_no_template() {
        let mail = mail(json!({"unsubscribe_url": null, "is_template": false, "html": null, "name": null, "reply_to": null}));
        assert!(mail.get("headers").is_none() && mail.get("reply_to").is_none());
        assert_eq!((&mail["subject"], mail["content"].as_array().unwrap().len()), (&json!("For {{ name }}"), 1));
        assert_eq!(mail["personalizations"][0]["to"][0], json!({"email": "asha@example.com"}));
    }

    #[test]
    fn what_does_not_fill_says_what_it_lacks() {
        let lacks = mail(json!({"variables": {}}));
        assert!(lacks.as_str().unwrap().contains("its html"), "{lacks}");
    }
}
