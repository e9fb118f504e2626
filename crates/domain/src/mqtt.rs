//! What devices say over MQTT: the topics, and why a message is refused (docs/reference/rules.md#mqtt).

use strum::{IntoStaticStr, VariantArray};

use crate::device_code::is_device_code;

/// What a topic is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Readings.
    Telemetry,
    /// Whether the device is there, also as the last will that the broker publishes for it.
    Status,
}

/// A topic that devices publish on: `gatehouse/<device>/telemetry` or `gatehouse/<device>/status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Topic<'a> {
    /// The device's code, well-formed, in the case in which it was published.
    pub device: &'a str,
    /// What it is about.
    pub subject: Subject,
}

impl<'a> Topic<'a> {
    /// Reads a topic; `None` when it is none of these.
    pub fn parse(topic: &'a str) -> Option<Self> {
        let (device, subject) = topic.strip_prefix("gatehouse/")?.split_once('/')?;
        let subject = match subject {
            "telemetry" => Subject::Telemetry,
            "status" => Subject::Status,
            _ => return None,
        };
        is_device_code(device).then_some(Self { device, subject })
    }

    /// Where the device is told what was refused.
    pub fn rejected(&self) -> String {
        format!("gatehouse/{}/rejected", self.device)
    }

    /// Where the device is told what was stored.
    pub fn ack(&self) -> String {
        format!("gatehouse/{}/ack", self.device)
    }
}

/// Why a message, or a reading of a batch, is refused. The words are kept, and are labels of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantArray, strum::VariantNames)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Rejection {
    /// The topic is none that devices publish on.
    Topic,
    /// It is larger than a batch may be, or holds too many readings.
    TooLarge,
    /// It is not JSON, or no reading, batch or status.
    Unreadable,
    /// A field is missing or out of its range.
    Invalid,
    /// The topic and the reading name different devices.
    Mismatch,
    /// There is no such active device.
    UnknownDevice,
    /// A reading of a batch is refused, whose others are stored.
    InBatch,
}

impl Rejection {
    /// What the refusal comes down to that the routes would answer with this HTTP status. None where it is no refusal of what was sent: the same
    /// message may be taken later.
    pub const fn from_status(status: u16) -> Option<Self> {
        match status {
            403 => Some(Self::Mismatch),
            404 => Some(Self::UnknownDevice),
            413 => Some(Self::TooLarge),
            422 => Some(Self::Invalid),
            400..=499 => Some(Self::Unreadable),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_names_a_device_and_what_it_is_about() {
        let topic = Topic::parse("gatehouse/PARK-B1-S005/telemetry").unwrap();
        assert_eq!((topic.device, topic.subject), ("PARK-B1-S005", Subject::Telemetry));
        assert_eq!(topic.rejected(), "gatehouse/PARK-B1-S005/rejected");
        assert_eq!(topic.ack(), "gatehouse/PARK-B1-S005/ack");
        assert_eq!(Topic::parse("gatehouse/a/status").map(|topic| topic.subject), Some(Subject::Status));
    }

    #[test]
    fn other_topics_are_none() {
        for topic in [
            "",
            "gatehouse",
            "gatehouse/",
            "gatehouse//telemetry",
            "gatehouse/a",
            "gatehouse/a/",
            "gatehouse/a/ack",
            "gatehouse/a/telemetry/x",
            "gatehouse/a b/telemetry",
            "gatehouse/../status",
            "/gatehouse/a/telemetry",
            "Gatehouse/a/telemetry",
            "other/a/telemetry",
        ] {
            assert_eq!(Topic::parse(topic), None, "{topic}");
        }
    }

    #[test]
    fn refusals_of_the_routes_have_a_reason_here() {
        let words = [400, 403, 404, 413, 415, 422].map(|status| Rejection::from_status(status).map(|reason| reason.into_str()));
        assert_eq!(words, ["unreadable", "mismatch", "unknown_device", "too_large", "unreadable", "invalid"].map(Some));
        assert_eq!([500, 503].map(Rejection::from_status), [None, None]);
    }
}
