//! Who is told, through which channels: this component's variables, read once an instance.

use domain::time::MINUTE_MS;
use kit::{Problem, config};

use crate::channels::{self, Channel, Person};

/// The variables of the scheduled run. Its channels hold secrets: it has no `Debug`, so that none reaches the log.
pub struct Settings {
    /// Every channel, configured or not.
    pub channels: Vec<Box<dyn Channel>>,
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
    /// The channel's name.
    pub channel: &'static str,
    /// A number, an address, a topic.
    pub address: String,
}

impl Settings {
    /// Reads them. The error is a variable that the host cannot give.
    pub async fn load() -> Result<Self, Problem> {
        let channels = channels::load().await?;
        Ok(Self {
            dead_mans_switch: match config::origin("dead_mans_switch_origin").await? {
                Some(origin) => Some(origin + &path(&config::get("dead_mans_switch_path").await?)),
                None => None,
            },
            escalation_every_ms: config::number("escalation_minutes", 5).await?.saturating_mul(MINUTE_MS),
            escalation_contacts: ladder(&config::get("escalation_contacts").await?, &channels),
            channels,
        })
    }

    /// The channel of this name.
    pub fn channel(&self, name: &str) -> Option<&dyn Channel> {
        self.channels.iter().map(Box::as_ref).find(|channel| channel.name() == name)
    }

    /// Whom to tell of what concerns the control room, on this rung of the ladder: on 0 every configured channel, above it that rung's people.
    pub fn control_room(&self, level: i64) -> Vec<Contact> {
        if level > 0 {
            let rung = usize::try_from(level - 1).ok().and_then(|rung| self.escalation_contacts.get(rung));
            return rung.cloned().unwrap_or_default();
        }
        let of_channel = |channel: &dyn Channel| {
            let name = channel.name();
            channel.control_room().into_iter().map(move |address| Contact { channel: name, address })
        };
        self.channels.iter().map(Box::as_ref).flat_map(of_channel).collect()
    }

    /// How to tell a person of what is theirs. The control room's own contacts are spared.
    pub fn person(&self, person: &Person) -> Vec<Contact> {
        let of_channel = |channel: &dyn Channel| Some(Contact { channel: channel.name(), address: channel.person(person)? });
        self.channels.iter().map(Box::as_ref).filter_map(of_channel).collect()
    }

    /// How to reach whoever reads the mail of an address: what is told so, a code say, is for nobody else, so no program gets it.
    pub fn mail(&self, address: String) -> Vec<Contact> {
        let person = Person { email: Some(address), phone: None };
        let of_channel = |channel: &dyn Channel| Some(Contact { channel: channel.name(), address: channel.person(&person)? });
        self.channels.iter().map(Box::as_ref).filter(|channel| channel.is_for_people()).filter_map(of_channel).collect()
    }

    /// How many rungs the ladder has above the ground.
    pub fn rungs(&self) -> u32 {
        u32::try_from(self.escalation_contacts.len()).unwrap_or(u32::MAX)
    }
}

/// Without the slash at its end.
pub fn bare(origin: &str) -> String {
    origin.trim().trim_end_matches('/').to_owned()
}

/// With the slash at its start.
pub fn path(text: &str) -> String {
    let text = text.trim();
    if text.starts_with('/') { text.to_owned() } else { format!("/{text}") }
}

/// Reads `sms:+911…,mail:a@b|ntfy:topic`: rungs apart by `|`, contacts by `,`. What is not understood is left out, and said so.
fn ladder(text: &str, channels: &[Box<dyn Channel>]) -> Vec<Vec<Contact>> {
    if text.trim().is_empty() {
        return Vec::new();
    }
    text.split('|').map(|rung| rung.split(',').filter_map(|text| contact(text, channels)).collect()).collect()
}

fn contact(text: &str, channels: &[Box<dyn Channel>]) -> Option<Contact> {
    let text = text.trim();
    let people = || channels.iter().filter(|channel| channel.is_for_people()).map(|channel| channel.name());
    let read = text.split_once(':').and_then(|(name, address)| {
        let address = address.trim();
        let channel = people().find(|channel| name.trim().eq_ignore_ascii_case(channel)).filter(|_| !address.is_empty())?;
        Some(Contact { channel, address: address.to_owned() })
    });
    if read.is_none() && !text.is_empty() {
        let known = people().collect::<Vec<_>>().join(", ");
        kit::host::log("warn", "escalation_contacts has a contact of no channel for people", serde_json::json!({ "channels": known }));
    }
    read
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Request;

    use super::*;
    use crate::channels::Message;

    /// A channel that reaches one address of the control room, and people by phone.
    struct Double {
        name: &'static str,
        address: Option<&'static str>,
        is_for_people: bool,
    }

    impl Channel for Double {
        fn name(&self) -> &'static str {
            self.name
        }

        fn control_room(&self) -> Vec<String> {
            self.address.iter().map(|address| (*address).to_owned()).collect()
        }

        fn person(&self, person: &Person) -> Option<String> {
            person.phone.clone().filter(|_| self.is_for_people)
        }

        fn is_for_people(&self) -> bool {
            self.is_for_people
        }

        fn request(&self, _: &Message, _: i64) -> Result<Request<Bytes>, String> {
            Err("a double sends nothing".to_owned())
        }
    }

    fn channels() -> Vec<Box<dyn Channel>> {
        let double = |name, address, is_for_people| Box::new(Double { name, address, is_for_people }) as Box<dyn Channel>;
        vec![double("webhook", Some("https://hooks.example/in"), false), double("sms", Some("+1"), true), double("mail", None, true)]
    }

    fn contact(channel: &'static str, address: &str) -> Contact {
        Contact { channel, address: address.to_owned() }
    }

    #[test]
    fn the_ladder_is_read_rung_by_rung() {
        let ladder = ladder("sms:+911234567890, mail:a@b.example | SMS: night | pager:7, webhook:x |", &channels());
        assert_eq!(
            ladder,
            [vec![contact("sms", "+911234567890"), contact("mail", "a@b.example")], vec![contact("sms", "night")], vec![], vec![]]
        );
        assert!(super::ladder(" ", &channels()).is_empty());
    }

    #[test]
    fn only_who_is_configured_or_concerned_is_told() {
        let settings = Settings {
            channels: channels(),
            dead_mans_switch: None,
            escalation_every_ms: 0,
            escalation_contacts: vec![vec![contact("mail", "a@b.example")]],
        };
        assert_eq!(settings.control_room(0), [contact("webhook", "https://hooks.example/in"), contact("sms", "+1")]);
        assert_eq!(settings.control_room(1), [contact("mail", "a@b.example")]);
        assert!(settings.control_room(2).is_empty());
        let person = Person { email: None, phone: Some("+2".to_owned()) };
        assert_eq!(settings.person(&person), [contact("sms", "+2"), contact("mail", "+2")]);
    }

    #[test]
    fn a_path_begins_with_a_slash() {
        assert_eq!((path("in"), path("/in")), ("/in".to_owned(), "/in".to_owned()));
    }
}
