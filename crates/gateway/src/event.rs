//! Events of the feed, as clients get them.

use std::borrow::Cow;
use std::collections::HashSet;
use std::time::Instant;

use serde::Deserialize;
use serde_json::value::RawValue;
use strum::{EnumString, IntoStaticStr};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::room::Channel;

/// What an event tells of: the `event:` of the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Kind {
    /// An alert, new or changed.
    Alert,
    /// An alert that is gone.
    AlertDeleted,
    /// An upload of a recording, which has got on.
    RecordingTransfer,
    /// An emergency, new or changed.
    Emergency,
    /// The count of a zone.
    Crowd,
    /// The position of a shuttle.
    Shuttle,
    /// The state of a parking spot.
    Spot,
    /// The health of a device.
    Device,
    /// The count of a lot.
    Lot,
    /// Events were missed that are not kept any more.
    Reset,
}

impl Kind {
    /// The channel that carries it; none of what concerns all.
    pub fn channel(self) -> Option<Channel> {
        Some(match self {
            Self::Alert | Self::AlertDeleted | Self::RecordingTransfer => Channel::Alerts,
            Self::Emergency => Channel::Emergency,
            Self::Crowd => Channel::Crowd,
            Self::Shuttle => Channel::Transport,
            Self::Spot | Self::Device | Self::Lot => Channel::Parking,
            Self::Reset => return None,
        })
    }

    /// Its name in Socket.IO.
    pub fn socket_io(self) -> &'static str {
        match self {
            Self::Crowd => "crowd_update",
            Self::Shuttle => "transport_update",
            Self::Spot | Self::Device | Self::Lot => "parking_update",
            other => other.into(),
        }
    }
}

/// An event, with the texts that clients of each transport get, made once for all of them.
#[derive(Debug)]
pub struct Event {
    /// Its id: they rise.
    pub id: i64,
    /// What it tells of.
    pub kind: Kind,
    /// The site that it is of; none when it concerns each.
    pub site: Option<String>,
    /// The zones that it is of, in lower case; none when it concerns each.
    pub zones: Vec<String>,
    /// When it came from the application.
    pub received: Instant,
    /// The message to WebSockets.
    pub websocket: Utf8Bytes,
    /// The argument of the Socket.IO event.
    pub socket_io: Box<RawValue>,
    /// What of it a later event replaces: a zone's count, a shuttle's position.
    subject: Option<String>,
}

/// What decides who gets an event. Anything else in it is passed on unread.
#[derive(Default, Deserialize)]
struct Facts<'a> {
    #[serde(borrow, default)]
    site: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    temple_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    zone: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    zones: Option<Vec<Cow<'a, str>>>,
    #[serde(borrow, default)]
    shuttle_id: Option<Cow<'a, str>>,
}

impl Event {
    /// From an event of the feed; none if its data is no object.
    pub fn new(id: i64, kind: Kind, data: &str) -> Option<Self> {
        let facts: Facts<'_> = serde_json::from_str(data).ok()?;
        let name: &'static str = kind.into();
        let fields = data.trim().strip_prefix('{')?;
        let comma = if fields.trim_start().starts_with('}') { "" } else { "," };
        let socket_io = RawValue::from_string(format!(r#"{{"event_id":{id}{comma}{fields}"#)).ok()?;
        let site = facts.site.or(facts.temple_id).map(|site| site.to_lowercase());
        let zones = facts.zones.unwrap_or_default().into_iter().chain(facts.zone).map(|zone| zone.to_lowercase()).collect::<Vec<_>>();
        let subject = match kind {
            Kind::Crowd => zones.first().cloned(),
            Kind::Shuttle => facts.shuttle_id.map(Cow::into_owned),
            _ => None,
        };
        Some(Self {
            id,
            kind,
            site,
            zones,
            received: Instant::now(),
            websocket: format!(r#"{{"message":{data},"event":"{name}","event_id":{id}}}"#).into(),
            socket_io,
            subject,
        })
    }
}

/// Of events that come at once, after a gap, leaves out counts and positions that a later one replaces: the application sends each
/// at most every few seconds, and what was missed is not made up for by a burst.
pub fn coalesce<T>(events: &mut Vec<T>, event: impl Fn(&T) -> Option<&Event>) {
    let mut seen = HashSet::new();
    let mut keep: Vec<bool> = events
        .iter()
        .rev()
        .map(|it| match event(it) {
            Some(Event { kind, site, subject: Some(subject), .. }) => seen.insert((*kind, site.clone(), subject.clone())),
            _ => true,
        })
        .collect();
    events.retain(|_| keep.pop().unwrap_or(true));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_is_passed_on_as_it_is() {
        let event = Event::new(7, Kind::Crowd, r#"{"temple_id":"somnath","zone":"mainDarshan","count":3}"#).unwrap();
        assert_eq!((event.site.as_deref(), &event.zones[..]), (Some("somnath"), &["maindarshan".to_owned()][..]));
        assert_eq!(event.socket_io.get(), r#"{"event_id":7,"temple_id":"somnath","zone":"mainDarshan","count":3}"#);
        let message = r#"{"message":{"temple_id":"somnath","zone":"mainDarshan","count":3},"event":"crowd","event_id":7}"#;
        assert_eq!(event.websocket.as_str(), message);
        assert_eq!(Event::new(1, Kind::Alert, "{}").unwrap().socket_io.get(), r#"{"event_id":1}"#);
        let alert = Event::new(1, Kind::Alert, r#"{"site":null,"zones":["A","b"]}"#).unwrap();
        assert_eq!((alert.site, alert.zones), (None, vec!["a".to_owned(), "b".to_owned()]));
        assert!(Event::new(1, Kind::Alert, "[1]").is_none() && Event::new(1, Kind::Alert, "").is_none());
    }

    #[test]
    fn of_a_burst_the_newest_of_each_zone_and_shuttle_is_left_and_every_alert() {
        let event = |id, kind, data: &str| Event::new(id, kind, data).unwrap();
        let zone = |id, zone: &str| event(id, Kind::Crowd, &format!(r#"{{"temple_id":"somnath","zone":"{zone}"}}"#));
        let mut burst = vec![
            zone(1, "a"),
            event(2, Kind::Alert, "{}"),
            zone(3, "b"),
            event(4, Kind::Shuttle, r#"{"shuttle_id":"S1"}"#),
            event(5, Kind::Alert, "{}"),
            zone(6, "a"),
            event(7, Kind::Shuttle, r#"{"shuttle_id":"S1"}"#),
            event(8, Kind::Shuttle, r#"{"shuttle_id":"S2"}"#),
        ];
        coalesce(&mut burst, |event| Some(event));
        assert_eq!(burst.iter().map(|event| event.id).collect::<Vec<_>>(), [2, 3, 5, 6, 7, 8]);
    }
}
