//! What people read.

use serde::Deserialize;

use super::Message;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Alert {
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
    description: Option<String>,
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

fn alert(message: &Message) -> Alert {
    let mut alert: Alert = serde_json::from_str(message.content.for_people()).unwrap_or_default();
    if alert.message.is_none()
        && let Some(kind) = &alert.r#type
    {
        let kind = kind.replace('_', " ");
        alert.message = Some(format!("SOS, {kind}: {}", alert.description.as_deref().unwrap_or_default()));
    }
    alert
}

/// One line: how grave, and what.
pub(super) fn title(message: &Message) -> String {
    let alert = alert(message);
    let severity = alert.severity.as_deref().unwrap_or("alert");
    // A title is a header or a subject: one line, whatever the message holds.
    let text = alert.message.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    cut(&format!("[{severity}] {text}"), MAX_TITLE)
}

/// What, where, and how far it has climbed, in at most so many characters.
pub(super) fn short(message: &Message, max: usize) -> String {
    let alert = alert(message);
    let mut text = format!("[{}] {}", alert.severity.as_deref().unwrap_or("alert"), alert.message.as_deref().unwrap_or_default());
    if let Some(place) = place(&alert) {
        text = format!("{text} ({place})");
    }
    if message.content.level > 0 {
        text = format!("Not acknowledged, rung {}: {text}", message.content.level);
    }
    cut(&text, max)
}

/// The same with when, and the alert's id.
pub(super) fn full(message: &Message) -> String {
    let alert = alert(message);
    let mut text = short(message, 4000);
    let what = if message.content.is_emergency() { "emergency" } else { "alert" };
    for (name, value) in [("at", &alert.timestamp), (what, &alert.id)] {
        if let Some(value) = value {
            text = format!("{text}\n{name}: {value}");
        }
    }
    text
}

fn place(alert: &Alert) -> Option<String> {
    let location = alert.location.as_ref().map(|place| match place {
        Place::Words(words) => words.clone(),
        // What a phone's map finds when it is pasted there.
        Place::Degrees { lat, lng } => format!("{lat:.6},{lng:.6}"),
    });
    let parts = alert.site.iter().chain(&alert.zones).chain(&location);
    let place = parts.map(String::as_str).collect::<Vec<_>>().join(" ");
    (!place.is_empty()).then_some(place)
}

fn cut(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    text.chars().take(max.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::message;
    use super::*;

    #[test]
    fn long_words_are_cut_between_characters() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("मंदिरमंदिर", 3), "मं…");
        assert_eq!(cut("abc", 0), "…");
    }

    #[test]
    fn an_emergency_is_told_with_its_place() {
        let mut message = message("sms", "+1", 1);
        message.content.topic = "emergency.escalated".to_owned();
        let document = r#"{"id":"e-1","temple_id":"somnath","type":"missing_person","severity":"medium","description":"a child in red",
            "location":{"lat":20.888,"lng":70.4013},"reported_at":"2026-02-04T10:30:00.000Z"}"#;
        message.content.payload = serde_json::value::RawValue::from_string(document.to_owned()).unwrap();
        assert_eq!(title(&message), "[medium] SOS, missing person: a child in red");
        assert_eq!(
            full(&message),
            "Not acknowledged, rung 1: [medium] SOS, missing person: a child in red (somnath 20.888000,70.401300)\n\
             at: 2026-02-04T10:30:00.000Z\nemergency: e-1"
        );
    }

    #[test]
    fn an_alert_that_is_not_understood_is_still_told() {
        let mut message = message("sms", "+1", 0);
        message.content.payload = serde_json::value::RawValue::from_string("[1]".to_owned()).unwrap();
        assert_eq!(title(&message), "[alert] ");
        assert_eq!(full(&message), "[alert] ");
    }
}
