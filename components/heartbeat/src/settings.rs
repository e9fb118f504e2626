//! Where things are sent and with which secrets: this component's variables, read once an instance.

use domain::time::MINUTE_MS;
use kit::{Problem, config};

/// The origin that leaves a destination unset (RFC 2606: it can never exist).
const UNSET: &str = "https://unset.invalid";

/// The variables of the scheduled run. Secrets stand here in clear: it has no `Debug`, so that none reaches the log.
#[derive(Clone, Default)]
pub struct Settings {
    /// Scheme and host of the webhook's receiver; none when unset.
    pub webhook_origin: Option<String>,
    /// The path there.
    pub webhook_path: String,
    /// What webhooks are signed with: `whsec_` and base64, or any text.
    pub webhook_secret: String,
    /// Twilio's API.
    pub twilio_origin: String,
    /// The account; empty when there is none.
    pub twilio_account_sid: String,
    /// Its secret.
    pub twilio_auth_token: String,
    /// The sending number, or the SID of a messaging service (`MG…`).
    pub twilio_from: String,
    /// Who gets an SMS of everything.
    pub sms_to: Vec<String>,
    /// SendGrid's API.
    pub sendgrid_origin: String,
    /// Its key; empty when there is none.
    pub sendgrid_api_key: String,
    /// The sender's address.
    pub mail_from: String,
    /// Who gets a mail of everything.
    pub mail_to: Vec<String>,
    /// Scheme and host of a chat's incoming webhook; none when unset.
    pub chat_origin: Option<String>,
    /// The path there, which is the chat's secret.
    pub chat_path: String,
    /// The ntfy server; none when unset.
    pub ntfy_origin: Option<String>,
    /// The topic that gets everything.
    pub ntfy_topic: String,
    /// Its access token; empty when it needs none.
    pub ntfy_token: String,
    /// What is called at the end of a good run; none when unset.
    pub dead_mans_switch: Option<String>,
    /// How long a critical alert waits to be acknowledged before it climbs a rung, milliseconds.
    pub escalation_every_ms: i64,
    /// The rungs of the ladder: whom each adds. The first is reached after [`escalation_every_ms`](Self::escalation_every_ms).
    pub escalation_contacts: Vec<Vec<Contact>>,
}

/// Someone to reach through a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// `webhook`, `sms`, `mail`, `chat` or `ntfy`.
    pub channel: &'static str,
    /// A number, an address, a topic.
    pub address: String,
}

impl Contact {
    /// A contact of this channel.
    pub fn new(channel: &'static str, address: impl Into<String>) -> Self {
        Self { channel, address: address.into() }
    }
}

impl Settings {
    /// Reads them. The error is a variable that the host cannot give.
    pub async fn load() -> Result<Self, Problem> {
        Ok(Self {
            webhook_origin: origin(&config::get("webhook_origin").await?),
            webhook_path: path(&config::get("webhook_path").await?),
            webhook_secret: config::get("webhook_secret").await?,
            twilio_origin: bare(&config::get("twilio_origin").await?),
            twilio_account_sid: config::get("twilio_account_sid").await?,
            twilio_auth_token: config::get("twilio_auth_token").await?,
            twilio_from: config::get("twilio_from").await?,
            sms_to: config::list("sms_to").await?,
            sendgrid_origin: bare(&config::get("sendgrid_origin").await?),
            sendgrid_api_key: config::get("sendgrid_api_key").await?,
            mail_from: config::get("mail_from").await?,
            mail_to: config::list("mail_to").await?,
            chat_origin: origin(&config::get("chat_webhook_origin").await?),
            chat_path: path(&config::get("chat_webhook_path").await?),
            ntfy_origin: origin(&config::get("ntfy_origin").await?),
            ntfy_topic: config::get("ntfy_topic").await?,
            ntfy_token: config::get("ntfy_token").await?,
            dead_mans_switch: match origin(&config::get("dead_mans_switch_origin").await?) {
                Some(origin) => Some(origin + &path(&config::get("dead_mans_switch_path").await?)),
                None => None,
            },
            escalation_every_ms: config::number("escalation_minutes", 5).await?.saturating_mul(MINUTE_MS),
            escalation_contacts: ladder(&config::get("escalation_contacts").await?),
        })
    }

    /// Whom to tell of something on this rung of the ladder: on 0 every configured channel, above it that rung's people.
    pub fn contacts(&self, level: i64) -> Vec<Contact> {
        if level > 0 {
            let rung = usize::try_from(level - 1).ok().and_then(|rung| self.escalation_contacts.get(rung));
            return rung.cloned().unwrap_or_default();
        }
        let mut contacts = Vec::new();
        if let Some(origin) = &self.webhook_origin {
            contacts.push(Contact::new("webhook", format!("{origin}{}", self.webhook_path)));
        }
        if !self.twilio_account_sid.is_empty() {
            contacts.extend(self.sms_to.iter().map(|number| Contact::new("sms", number)));
        }
        if !self.sendgrid_api_key.is_empty() {
            contacts.extend(self.mail_to.iter().map(|address| Contact::new("mail", address)));
        }
        // The path of a chat's webhook is its secret: the contact, which is shown, is the host alone.
        if let Some(origin) = &self.chat_origin {
            contacts.push(Contact::new("chat", origin));
        }
        if self.ntfy_origin.is_some() && !self.ntfy_topic.is_empty() {
            contacts.push(Contact::new("ntfy", &self.ntfy_topic));
        }
        contacts
    }

    /// How many rungs the ladder has above the ground.
    pub fn rungs(&self) -> u32 {
        u32::try_from(self.escalation_contacts.len()).unwrap_or(u32::MAX)
    }
}

fn bare(origin: &str) -> String {
    origin.trim().trim_end_matches('/').to_owned()
}

fn origin(text: &str) -> Option<String> {
    let origin = bare(text);
    (!origin.is_empty() && !origin.eq_ignore_ascii_case(UNSET)).then_some(origin)
}

fn path(text: &str) -> String {
    let text = text.trim();
    if text.starts_with('/') { text.to_owned() } else { format!("/{text}") }
}

/// Reads `sms:+911…,mail:a@b|ntfy:topic`: rungs apart by `|`, contacts by `,`. What is not understood is left out, and said so.
fn ladder(text: &str) -> Vec<Vec<Contact>> {
    if text.trim().is_empty() {
        return Vec::new();
    }
    text.split('|').map(|rung| rung.split(',').filter_map(contact).collect()).collect()
}

fn contact(text: &str) -> Option<Contact> {
    let text = text.trim();
    let channel = |name: &str| ["sms", "mail", "ntfy"].into_iter().find(|channel| name.eq_ignore_ascii_case(channel));
    let read = text.split_once(':').and_then(|(name, address)| {
        let address = address.trim();
        channel(name.trim()).filter(|_| !address.is_empty()).map(|channel| Contact::new(channel, address))
    });
    if read.is_none() && !text.is_empty() {
        kit::host::log("warn", "escalation_contacts has a contact that is not sms:, mail: or ntfy:", serde_json::json!({}));
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ladder_is_read_rung_by_rung() {
        let ladder = ladder("sms:+911234567890, mail:a@b.example | ntfy:night | pager:7 |");
        assert_eq!(
            ladder,
            [
                vec![Contact::new("sms", "+911234567890"), Contact::new("mail", "a@b.example")],
                vec![Contact::new("ntfy", "night")],
                vec![],
                vec![],
            ]
        );
        assert!(super::ladder(" ").is_empty());
    }

    #[test]
    fn only_what_is_configured_is_told() {
        let mut settings = Settings { sms_to: vec!["+1".to_owned()], mail_to: vec!["a@b".to_owned()], ..Settings::default() };
        assert!(settings.contacts(0).is_empty());
        settings.twilio_account_sid = "AC1".to_owned();
        settings.webhook_origin = origin("https://hooks.example/");
        settings.webhook_path = path("in");
        settings.chat_origin = origin("https://chat.example");
        settings.chat_path = path("/services/secret");
        settings.ntfy_origin = origin("https://unset.invalid");
        settings.ntfy_topic = "gatehouse".to_owned();
        assert_eq!(
            settings.contacts(0),
            [Contact::new("webhook", "https://hooks.example/in"), Contact::new("sms", "+1"), Contact::new("chat", "https://chat.example"),]
        );
        assert!(settings.contacts(1).is_empty());
    }
}
