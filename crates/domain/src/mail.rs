//! Mails that administrators send (docs/reference/mail.md): where each stands, what its receiver's side reports of it, and who gets none.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use crate::FieldErrors;
use crate::mail_template::{Mail, Template, escape_html};
use crate::time::{DAY_MS, HOUR_MS};

/// The topic of the messages that carry them.
pub const TOPIC: &str = "mail.message";

/// How many recipients one request has at most.
pub const MAX_RECIPIENTS: usize = 1_000;

/// How long a mail and what became of it can be looked up, milliseconds: as long as the dispatcher's messages.
pub const KEPT_MS: i64 = 30 * DAY_MS;

/// How old a report of the mail service may be when it is signed, milliseconds: it is sent again for a day.
pub const REPORT_AGE_MS: i64 = 25 * HOUR_MS;

macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[derive(EnumString, IntoStaticStr, VariantArray, strum::VariantNames, ToSchema)]
        #[serde(rename_all = "snake_case")]
        #[strum(serialize_all = "snake_case", const_into_str)]
        pub enum $name {
            $($(#[$doc])* $variant),*
        }
    };
}

words! {
    /// Why a mail is written.
    Kind {
        /// To one person about something of theirs. It goes to people who want no circulars as well.
        Single,
        /// To many: it can be unsubscribed from.
        Bulk,
    }
}

words! {
    /// Where a mail stands.
    MailStatus {
        /// It is sent when it is due.
        Queued,
        /// It is not sent: its address is on the suppression list.
        Suppressed,
        /// The mail service has it.
        Sent,
        /// The receiver's server cannot take it now, and the mail service tries again.
        Deferred,
        /// The receiver's server has it.
        Delivered,
        /// The receiver's server has sent it back.
        Bounced,
        /// The receiver has called it spam.
        Complained,
        /// It could not be sent: `error` says why.
        Failed,
    }
}

words! {
    /// Why an address gets no mail.
    SuppressionReason {
        /// Its owner wants no circulars; a mail about something of theirs is sent.
        Unsubscribed,
        /// Mail to it comes back.
        Bounced,
        /// Its owner has called a mail spam.
        Complained,
        /// An administrator said so.
        Manual,
    }
}

words! {
    /// What the mail service reports.
    MailEvent {
        /// The receiver's server has taken it.
        Delivered,
        /// The receiver's server cannot take it now.
        Deferred,
        /// The address does not exist, or takes nothing for good.
        Bounced,
        /// The receiver's server has refused it this time.
        Blocked,
        /// The mail service has not sent it.
        Dropped,
        /// Its reader has called it spam.
        Complained,
        /// Its reader wants no circulars any more.
        Unsubscribed,
    }
}

impl MailEvent {
    /// Of an event of SendGrid's webhook; none for those that nothing follows from, such as `processed` and `open`. `bounce_type` is its field
    /// `type`, which tells a bounce for good from one of the moment.
    pub fn of_sendgrid(event: &str, bounce_type: Option<&str>) -> Option<Self> {
        match event {
            "delivered" => Some(Self::Delivered),
            "deferred" => Some(Self::Deferred),
            "bounce" if bounce_type == Some("blocked") => Some(Self::Blocked),
            "bounce" => Some(Self::Bounced),
            "blocked" => Some(Self::Blocked),
            "dropped" => Some(Self::Dropped),
            "spamreport" => Some(Self::Complained),
            "unsubscribe" | "group_unsubscribe" => Some(Self::Unsubscribed),
            _ => None,
        }
    }
}

/// What one request says to all of its recipients.
pub enum Letter {
    /// The words as they were sent.
    Words(Mail),
    /// A template that each recipient's values fill.
    Template(Box<Template>),
}

impl Letter {
    /// Of these parts. The error names each part of a template that cannot be read.
    pub fn new(subject: &str, text: &str, html: Option<&str>, is_template: bool) -> Result<Self, FieldErrors> {
        if is_template {
            return Template::new(subject, text, html).map(|template| Self::Template(Box::new(template)));
        }
        Ok(Self::Words(Mail { subject: subject.to_owned(), text: text.to_owned(), html: html.map(str::to_owned) }))
    }

    /// The mail to one recipient. The error names each part that their values do not fill.
    pub fn to(&self, recipient: &Recipient<'_, impl Serialize>) -> Result<Mail, FieldErrors> {
        let mail = match self {
            Self::Words(mail) => mail.clone(),
            Self::Template(template) => template.fill(recipient)?,
        };
        Ok(match recipient.unsubscribe_url {
            Some(url) => with_way_out(mail, url),
            None => mail,
        })
    }
}

/// Who a mail is for, and what fills its template: the fields, after `variables`.
#[derive(Serialize)]
pub struct Recipient<'a, V> {
    /// Names and values.
    #[serde(flatten)]
    pub variables: &'a V,
    /// The address.
    pub email: &'a str,
    /// The person's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    /// The signed address that takes them off the list; none in a mail that is no circular.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unsubscribe_url: Option<&'a str>,
}

/// With the address that takes the recipient off the list, in each part that does not have it.
fn with_way_out(mut mail: Mail, url: &str) -> Mail {
    // Escaped or not, the token looks the same.
    let token = url.rsplit('=').next().unwrap_or(url);
    if !mail.text.contains(token) {
        mail.text = format!("{}\n\n-- \nTo get no more of these mails: {url}\n", mail.text.trim_end());
    }
    if let Some(html) = mail.html.as_mut().filter(|html| !html.contains(token)) {
        let line = format!("<p><a href=\"{}\">Get no more of these mails</a></p>", escape_html(url));
        let end = html.to_ascii_lowercase().rfind("</body>").unwrap_or(html.len());
        html.insert_str(end, &line);
    }
    mail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bounce_of_the_moment_is_none_for_good() {
        assert_eq!(MailEvent::of_sendgrid("bounce", Some("bounce")), Some(MailEvent::Bounced));
        assert_eq!(MailEvent::of_sendgrid("bounce", None), Some(MailEvent::Bounced));
        assert_eq!(MailEvent::of_sendgrid("bounce", Some("blocked")), Some(MailEvent::Blocked));
        assert_eq!(MailEvent::of_sendgrid("group_unsubscribe", None), Some(MailEvent::Unsubscribed));
        for event in ["processed", "open", "click", "group_resubscribe", ""] {
            assert_eq!(MailEvent::of_sendgrid(event, None), None, "{event}");
        }
    }

    fn to(letter: &Letter, unsubscribe_url: Option<&str>) -> Mail {
        let variables = serde_json::json!({"code": "A-1", "email": "not this"});
        letter.to(&Recipient { variables: &variables, email: "a@b.example", name: Some("Asha"), unsubscribe_url }).unwrap()
    }

    #[test]
    fn words_are_sent_as_they_are_and_a_template_is_filled() {
        let (subject, text, html) = ("{{ name }}", "{{ code }} for {{ email }}", Some("<p>{{ name }}</p>"));
        let words = to(&Letter::new(subject, text, html, false).unwrap(), None);
        assert_eq!((&*words.subject, &*words.text, words.html.as_deref()), (subject, text, html));
        let filled = to(&Letter::new(subject, text, html, true).unwrap(), None);
        assert_eq!((&*filled.subject, &*filled.text, filled.html.as_deref()), ("Asha", "A-1 for a@b.example", Some("<p>Asha</p>")));
        assert!(Letter::new("s", "{{", None, true).is_err());
    }

    #[test]
    fn every_circular_has_the_way_out_once() {
        let url = "https://gate.example/v0/api/mail/unsubscribe?token=abc.def-_9";
        let plain = to(&Letter::new("s", "Closed today.", Some("<HTML><BODY>Closed</BODY></HTML>"), false).unwrap(), Some(url));
        assert_eq!(plain.text, format!("Closed today.\n\n-- \nTo get no more of these mails: {url}\n"));
        assert!(plain.html.unwrap().contains(&format!("<a href=\"{url}\">Get no more of these mails</a></p></BODY>")));
        let own = Letter::new("s", "Off: {{ unsubscribe_url }}", Some("<a href=\"{{ unsubscribe_url }}\">off</a>"), true).unwrap();
        let own = to(&own, Some(url));
        assert_eq!(own.text, format!("Off: {url}"));
        assert_eq!(own.html.unwrap().matches("abc.def-_9").count(), 1);
    }
}
