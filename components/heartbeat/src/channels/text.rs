//! What people read.
//!
//! It holds words of people whom nobody knows: all of it is put on one line each, without what screens act on instead of showing.

use serde::Deserialize;

use super::Message;

/// What a message's payload says, as far as people are told of it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Payload {
    message: Option<String>,
    severity: Option<String>,
    #[serde(alias = "temple_id")]
    site: Option<String>,
    zones: Vec<String>,
    location: Option<Place>,
    #[serde(alias = "reported_at")]
    timestamp: Option<String>,
    id: Option<String>,
    /// An emergency has no message: it has these.
    r#type: Option<String>,
    reported_type: Option<String>,
    description: Option<String>,
    location_approximate: bool,
    place: Option<String>,
    reported_by: Option<String>,
    reporter_name: Option<String>,
    reporter_phone: Option<String>,
}

/// An alert says where in words, an emergency in degrees.
#[derive(Deserialize)]
#[serde(untagged)]
enum Place {
    Words(String),
    Degrees { lat: f64, lng: f64 },
}

/// How long a title may be, characters.
const MAX_TITLE: usize = 120;

/// How much of a name, or of a place in words, comes before what happened, characters.
const MAX_PART: usize = 60;

/// What is told in one line: what comes first and is never cut, what people said, what comes last and is not cut either.
struct Line {
    head: String,
    words: String,
    tail: String,
}

impl Line {
    /// In at most so many characters; what people said is cut first.
    fn fit(&self, max: usize) -> String {
        let room = max.saturating_sub(self.head.chars().count() + self.tail.chars().count());
        cut(&format!("{}{}{}", self.head, cut(&self.words, room), self.tail), max)
    }
}

fn payload(message: &Message) -> Payload {
    serde_json::from_str(message.content.for_people()).unwrap_or_default()
}

impl Payload {
    fn severity(&self) -> String {
        line(self.severity.as_deref().unwrap_or("alert"))
    }

    /// Of an emergency: `SOS, missing person: `, with the reporter's own word for what we have none for.
    fn emergency(&self) -> Option<String> {
        let kind = self.r#type.as_ref().filter(|_| self.message.is_none())?;
        let own = self.reported_type.as_deref().map(|word| format!(" ({})", part(word))).unwrap_or_default();
        let says = if self.words().is_empty() { "" } else { ": " };
        Some(format!("SOS, {}{own}{says}", line(&kind.replace('_', " "))))
    }

    /// What somebody said of it.
    fn words(&self) -> String {
        line(self.message.as_deref().or(self.description.as_deref()).unwrap_or_default())
    }

    /// The site, its zones, and the place in degrees or in words.
    fn place(&self) -> Option<String> {
        let location = self.location.as_ref().map(|place| match place {
            Place::Words(words) => line(words),
            // What a phone's map finds when it is pasted there.
            Place::Degrees { lat, lng } if self.location_approximate => format!("{lat:.6},{lng:.6} (approximate)"),
            Place::Degrees { lat, lng } => format!("{lat:.6},{lng:.6}"),
        });
        let parts: Vec<_> = self.site.iter().chain(&self.zones).map(|part| line(part)).chain(location).collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    }

    /// Who reported it, and how they are called back.
    fn reporter(&self) -> String {
        match (&self.reporter_phone, &self.reporter_name, self.reported_by.as_deref().and_then(|by| by.strip_prefix("device:"))) {
            (Some(phone), Some(name), _) => format!(", call {} ({})", part(phone), part(name)),
            (Some(phone), None, _) => format!(", call {}", part(phone)),
            (None, Some(name), _) => format!(", reported by {}, who left no number", part(name)),
            (None, None, Some(device)) => format!(", reported by the panic button {}", part(device)),
            (None, None, None) => String::new(),
        }
    }

    /// Of an emergency, where it is and whom to call come first: whoever reads no further than that can go. Of anything else, what it is.
    fn line(&self) -> Line {
        let severity = self.severity();
        let Some(emergency) = self.emergency() else {
            let place = self.place().map(|place| format!(" ({place})")).unwrap_or_default();
            return Line { head: format!("[{severity}] "), words: self.words(), tail: place };
        };
        let degrees = self.place().unwrap_or_else(|| "place not known".to_owned());
        let place = self.place.as_deref().map(|place| format!(", {}", part(place))).unwrap_or_default();
        let head = format!("[{severity}] {degrees}{}{place}. {emergency}", self.reporter());
        Line { head, words: self.words(), tail: String::new() }
    }
}

/// One line: how grave, and what.
pub(super) fn title(message: &Message) -> String {
    let payload = payload(message);
    let emergency = payload.emergency().unwrap_or_default();
    cut(&format!("[{}] {emergency}{}", payload.severity(), payload.words()), MAX_TITLE)
}

/// What, where, and how far it has climbed, in at most so many characters.
pub(super) fn short(message: &Message, max: usize) -> String {
    let mut line = payload(message).line();
    if message.content.level > 0 {
        line.head = format!("Not acknowledged, rung {}: {}", message.content.level, line.head);
    }
    line.fit(max)
}

/// The same with when, and the alert's id.
pub(super) fn full(message: &Message) -> String {
    let Payload { timestamp, id, .. } = payload(message);
    let mut text = short(message, 4000);
    let what = if message.content.is_emergency() { "emergency" } else { "alert" };
    for (name, value) in [("at", timestamp), (what, id)] {
        if let Some(value) = value {
            text = format!("{text}\n{name}: {}", line(&value));
        }
    }
    text
}

/// On one line, without control characters and without those that turn the direction of what follows.
fn line(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let shown = |word: &str| word.chars().filter(|c| !c.is_control() && !turns(*c)).collect::<String>();
    text.split_whitespace().map(shown).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The same of a name or a place, which leaves room for what else is told.
fn part(text: &str) -> String {
    cut(&line(text), MAX_PART)
}

fn cut(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    text.chars().take(max.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{message, sos};
    use super::*;

    #[test]
    fn long_words_are_cut_between_characters() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("मंदिरमंदिर", 3), "मं…");
        assert_eq!(cut("abc", 0), "…");
    }

    fn told(change: serde_json::Value) -> Message {
        let mut message = sos("sms", "+1", "a child in red");
        let mut document: serde_json::Value = serde_json::from_str(message.content.for_people()).unwrap();
        document.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        message.content.payload = serde_json::value::to_raw_value(&document).unwrap();
        message
    }

    #[test]
    fn an_emergency_is_told_with_its_place_and_who_to_call_first() {
        let mut message = told(json!({"type": "missing_person", "severity": "medium", "location_approximate": false}));
        message.content.level = 1;
        message.content.topic = "emergency.escalated".to_owned();
        assert_eq!(title(&message), "[medium] SOS, missing person: a child in red");
        assert_eq!(
            full(&message),
            "Not acknowledged, rung 1: [medium] somnath 20.888100,70.401400, call +919876543210 (Asha Patel). \
             SOS, missing person: a child in red\nat: 2026-02-04T10:30:00.000Z\nemergency: e-1"
        );
    }

    #[test]
    fn an_emergency_of_which_little_is_known_is_told_all_the_same() {
        let nobody = json!({
            "temple_id": null, "location": null, "description": null, "reporter_name": null, "reporter_phone": null, "type": "other",
            "reported_type": "An elephant",
        });
        assert_eq!(short(&told(nobody.clone()), 600), "[critical] place not known. SOS, other (An elephant)");
        assert_eq!(title(&told(nobody)), "[critical] SOS, other (An elephant)");
        let button = json!({
            "location": null, "description": null, "reporter_name": null, "reporter_phone": null, "reported_by": "device:PB-1",
            "place": "By the lift, spot B1-07, Basement 1",
        });
        assert_eq!(
            short(&told(button), 600),
            "[critical] somnath, reported by the panic button PB-1, By the lift, spot B1-07, Basement 1. SOS, medical"
        );
        let unreachable = told(json!({"reporter_phone": null, "place": "behind the east gate"}));
        assert_eq!(
            short(&unreachable, 600),
            "[critical] somnath 20.888100,70.401400 (approximate), reported by Asha Patel, who left no number, behind the east gate. \
             SOS, medical: a child in red"
        );
    }

    #[test]
    fn nothing_that_people_write_pushes_out_the_place_or_makes_a_line_of_its_own() {
        let long = "x y\n".repeat(700);
        let message = told(json!({
            "description": long, "reporter_name": long, "place": long, "reported_type": long, "type": "other", "temple_id": "s".repeat(64),
        }));
        let text = short(&message, 612);
        assert_eq!(text.chars().count(), 612);
        assert!(text.contains("20.888100,70.401400") && text.contains("+919876543210") && text.contains("SOS, other"), "{text}");
        assert_eq!(full(&message).lines().count(), 3);
        assert_eq!(line("a\u{202e}b\u{7}\r\n\u{2028} c\td"), "ab c d");
        // Of an alert likewise.
        let mut alert = message;
        let document = json!({"severity": "critical", "message": long, "site": "city-centre", "zones": ["B1"]});
        alert.content.payload = serde_json::value::to_raw_value(&document).unwrap();
        assert!(short(&alert, 612).ends_with("… (city-centre B1)"));
    }

    #[test]
    fn an_alert_that_is_not_understood_is_still_told() {
        let mut message = message("sms", "+1", 0);
        message.content.payload = serde_json::value::RawValue::from_string("[1]".to_owned()).unwrap();
        assert_eq!(title(&message), "[alert] ");
        assert_eq!(full(&message), "[alert] ");
    }
}
