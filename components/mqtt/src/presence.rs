//! Whether a device is there: its own word, or its last will, which the broker publishes when the connection breaks.

use domain::anomaly::Kind;
use domain::health::{Health, LEFT_MS};
use domain::mqtt::{Rejection, Topic};
use kit::db::{self, Database, Fetch as _};
use kit::row::FromRow;
use kit::system_alerts::{self, SystemAlert};
use kit::{Problem, params};
use serde_json::Value;

use crate::Taken;
use crate::rejected::Rejected;
use crate::telemetry::rejected_or_later;

/// What a status says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Online,
    Offline,
}

impl Presence {
    /// `online` or `offline` in any case: as text, as a JSON text, or as the field `status` of an object.
    fn parse(message: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(message).ok()?.trim();
        match serde_json::from_str::<Value>(text) {
            Ok(Value::String(word)) => Self::from_word(&word),
            Ok(Value::Object(fields)) => Self::from_word(fields.get("status")?.as_str()?),
            Ok(_) => None,
            Err(_) => Self::from_word(text),
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        match word.trim() {
            word if word.eq_ignore_ascii_case("online") => Some(Self::Online),
            word if word.eq_ignore_ascii_case("offline") => Some(Self::Offline),
            _ => None,
        }
    }
}

/// Notes what the message says of the device of its topic.
pub fn take(topic: &Topic<'_>, message: &[u8], now: i64) -> Taken {
    let noted = match Presence::parse(message) {
        Some(Presence::Online) => came(topic.device, now),
        Some(Presence::Offline) => left(topic.device, now),
        None => {
            return Ok(Err(Rejected::new(
                Rejection::Unreadable,
                "a status is `online`, `offline`, or an object with one of them as `status`",
            )));
        }
    };
    noted.map_or_else(rejected_or_later, |()| Ok(Ok(())))
}

/// A sign of life, as a reading is one.
fn came(device: &str, now: i64) -> Result<(), Problem> {
    let noted = Database.run_counted(
        "update device_state set last_seen_at = max(coalesce(last_seen_at, 0), ?2), health = ?3
         where device_id = (select id from devices where code = ?1 and is_active = 1)",
        params![device, now, Health::Healthy],
    )?;
    if noted == 0 { Err(Problem::not_found("active device")) } else { Ok(()) }
}

/// An active device.
#[derive(FromRow)]
struct Device {
    id: i64,
    code: String,
    site: Option<String>,
    zone: Option<String>,
}

const TURN: &str = "update device_state set last_seen_at = min(last_seen_at, ?2), health = ?3, health_changed_at = ?4
     where device_id = ?1 and last_seen_at is not null and health in (?5, ?6) returning device_id";

/// A warning at once, as if it had been silent for the time that makes one: what comes after takes its usual course. Nothing for a device that
/// was never heard of, or is a warning or offline already.
fn left(device: &str, now: i64) -> Result<(), Problem> {
    let found: Option<Device> =
        Database.fetch_optional("select id, code, site, zone from devices where code = ? and is_active = 1", params![device])?;
    let Device { id, code, site, zone } = found.ok_or_else(|| Problem::not_found("active device"))?;
    db::transaction(|db| {
        let turned = db.exists(TURN, params![id, now - LEFT_MS, Health::Warning, now, Health::Healthy, Health::Unknown])?;
        if turned {
            let message = format!("{code} has left: it said so, or its connection to the broker broke");
            let alert = SystemAlert::of(Kind::DeviceWarning, &code, site.as_deref(), zone.as_deref(), message);
            system_alerts::raise(db, &alert, now)?;
        }
        Ok::<_, Problem>(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_a_word_or_an_object_with_it() {
        for (message, presence) in [
            ("offline", Some(Presence::Offline)),
            (" ONLINE\n", Some(Presence::Online)),
            ("\"offline\"", Some(Presence::Offline)),
            (r#"{"status": "Offline", "reason": "power"}"#, Some(Presence::Offline)),
            (r#"{"status": "online"}"#, Some(Presence::Online)),
            ("", None),
            ("asleep", None),
            ("0", None),
            ("{}", None),
            (r#"{"status": 1}"#, None),
            ("[\"offline\"]", None),
        ] {
            assert_eq!(Presence::parse(message.as_bytes()), presence, "{message}");
        }
        assert_eq!(Presence::parse(b"\xff"), None);
    }
}
