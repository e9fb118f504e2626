//! Rooms: what a client listens to, a channel or that of one site or zone.

use strum::{EnumString, IntoStaticStr};

use crate::event::Event;

/// The longest name of a site or zone.
const MAX_NAME: usize = 64;

/// A channel of the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case", ascii_case_insensitive)]
pub enum Channel {
    /// Alerts and broadcasts.
    #[strum(to_string = "alerts", serialize = "alert")]
    Alerts,
    /// Emergencies.
    #[strum(to_string = "emergency", serialize = "emergencies")]
    Emergency,
    /// Counts of zones.
    Crowd,
    /// Positions of shuttles.
    #[strum(to_string = "transport", serialize = "shuttles")]
    Transport,
    /// Spots, lots and devices.
    Parking,
}

/// What a client listens to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Room {
    /// The channel.
    pub channel: Channel,
    /// Only what is of this site, or of none; in lower case.
    pub site: Option<String>,
    /// Only what is of this zone, or of none; in lower case.
    pub zone: Option<String>,
}

impl Room {
    /// All of a channel.
    pub fn all_of(channel: Channel) -> Self {
        Self { channel, site: None, zone: None }
    }

    /// From a client's words; what is wrong with them otherwise.
    pub fn parse(channel: &str, site: Option<&str>, zone: Option<&str>) -> Result<Self, &'static str> {
        let channel = channel.trim().parse().map_err(|_| "channel must be of alerts, emergency, crowd, transport, parking")?;
        let name = |it: Option<&str>| match it.map(str::trim).filter(|it| !it.is_empty()) {
            Some(name) if name.chars().count() > MAX_NAME => Err("a site or zone has at most 64 characters"),
            name => Ok(name.map(str::to_lowercase)),
        };
        Ok(Self { channel, site: name(site)?, zone: name(zone)? })
    }

    /// Whether an event concerns it: what is of no one site or zone concerns each.
    pub fn takes(&self, event: &Event) -> bool {
        let site = match (&self.site, &event.site) {
            (Some(wanted), Some(site)) => wanted == site,
            _ => true,
        };
        event.kind.channel() == Some(self.channel)
            && site
            && self.zone.as_ref().is_none_or(|wanted| event.zones.is_empty() || event.zones.contains(wanted))
    }

    /// The rooms that an event concerns, when those can be told without looking at all of them.
    pub fn of(event: &Event) -> Option<Vec<Self>> {
        let (channel, site) = (event.kind.channel()?, event.site.as_ref()?);
        if event.zones.is_empty() {
            return None;
        }
        let zones = || event.zones.iter().map(Some).chain([None]);
        let rooms = [Some(site), None].into_iter().flat_map(|site| zones().map(move |zone| (site, zone)));
        Some(rooms.map(|(site, zone)| Self { channel, site: site.cloned(), zone: zone.cloned() }).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Kind;

    #[test]
    fn what_is_of_no_one_site_or_zone_concerns_each() {
        let room = |site, zone| Room::parse("Crowd", site, zone).unwrap();
        let event = Event::new(1, Kind::Crowd, r#"{"temple_id":"somnath","zone":"mainDarshan"}"#).unwrap();
        let rooms = [
            (room(None, None), true),
            (room(Some("Somnath"), None), true),
            (room(Some("somnath"), Some("maindarshan")), true),
            (room(None, Some("mainDarshan")), true),
            (room(Some("dwarka"), None), false),
            (room(Some("somnath"), Some("museum")), false),
            (Room::all_of(Channel::Alerts), false),
        ];
        let of = Room::of(&event).unwrap();
        for (room, taken) in rooms {
            assert_eq!((room.takes(&event), of.contains(&room)), (taken, taken), "{room:?}");
        }
        let everywhere = Event::new(1, Kind::Alert, r#"{"site":null,"zones":[]}"#).unwrap();
        assert!(Room::of(&everywhere).is_none());
        assert!(Room::parse("alert", Some("dwarka"), Some("x")).unwrap().takes(&everywhere));
        assert!(Room::parse("news", None, None).is_err() && Room::parse("crowd", Some(&"x".repeat(65)), None).is_err());
    }
}
