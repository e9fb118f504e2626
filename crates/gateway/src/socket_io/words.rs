//! What Socket.IO clients say: who they are when they connect, and what they listen to.

use serde_json::{Value, json};

use crate::request::{Wishes, event_id};
use crate::room::{Channel, Room};

/// The most rooms in one message.
const MAX_WISHES: usize = 32;

/// What a client says as it connects.
#[derive(Debug)]
pub struct Connect {
    /// Its token.
    pub token: Option<String>,
    /// The id of the last event that it has.
    pub last_event_id: Option<i64>,
    /// What it listens to from the beginning.
    pub rooms: Vec<Room>,
}

impl Connect {
    /// What everybody listens to unless they ask for a part of it: what cannot wait.
    pub const DEFAULT: [Channel; 2] = [Channel::Alerts, Channel::Emergency];

    /// From `auth`, and the handshake's query and headers.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(auth: Option<&Value>, own: &Wishes, most: usize) -> Result<Self, String> {
        let field = |name: &str| auth.and_then(|auth| auth.get(name)).filter(|value| !value.is_null());
        let token = field("token").map(|token| token.as_str().ok_or("token must be text")).transpose()?;
        // With or without the name of its scheme.
        let token = token.map(|token| token.strip_prefix("Bearer ").unwrap_or(token).to_owned()).filter(|token| !token.is_empty());
        let last_event_id = match field("last_event_id") {
            Some(Value::String(id)) => Some(event_id(id)?),
            Some(id) => Some(event_id(&id.to_string())?),
            None => own.last_event_id,
        };
        let mut wished = match field("subscriptions") {
            Some(Value::Array(all)) if all.len() <= MAX_WISHES => all.iter().map(rooms).collect::<Result<Vec<_>, _>>()?.concat(),
            Some(_) => return Err(format!("subscriptions must be a list of {MAX_WISHES} at most")),
            None => Vec::new(),
        };
        for channel in Self::DEFAULT {
            if !wished.iter().any(|room| room.channel == channel) {
                wished.push(Room::all_of(channel));
            }
        }
        if wished.len() > most {
            return Err(format!("a client is in {most} rooms at most"));
        }
        Ok(Self { token: token.or_else(|| own.token.clone()), last_event_id, rooms: wished })
    }
}

/// The rooms of `{channel or channels, temple_id or site, zone}`, or of a channel's name alone.
///
/// # Errors
/// What is wrong with it.
pub fn rooms(wish: &Value) -> Result<Vec<Room>, String> {
    if let Some(channel) = wish.as_str() {
        return Ok(vec![Room::parse(channel, None, None)?]);
    }
    let text = |name: &str| match wish.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(format!("{name} must be text")),
    };
    let (site, zone) = (text("site")?.or(text("temple_id")?), text("zone")?.or(text("zone_id")?));
    let channels = match (wish.get("channels"), text("channel")?) {
        (_, Some(channel)) => vec![channel],
        (Some(Value::Array(all)), None) if all.len() <= MAX_WISHES => {
            all.iter().map(|it| it.as_str().ok_or("channels must be names")).collect::<Result<_, _>>()?
        }
        _ => return Err("channel must be of alerts, emergency, crowd, transport, parking".to_owned()),
    };
    Ok(channels.into_iter().map(|channel| Room::parse(channel, site, zone)).collect::<Result<_, _>>()?)
}

/// A room as clients are told of it.
pub fn room(room: &Room) -> Value {
    let mut text = json!({ "channel": <&'static str>::from(room.channel) });
    for (name, value) in [("temple_id", &room.site), ("zone", &room.zone)] {
        if let Some(value) = value {
            text[name] = json!(value);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_say_what_they_listen_to_in_several_ways() {
        let crowd = |site: Option<&str>| Room { channel: Channel::Crowd, site: site.map(str::to_owned), zone: None };
        assert_eq!(rooms(&json!({ "channel": "crowd", "temple_id": "somnath" })).unwrap(), [crowd(Some("somnath"))]);
        assert_eq!(rooms(&json!("crowd")).unwrap(), [crowd(None)]);
        let both = rooms(&json!({ "channels": ["crowd", "transport"], "site": "Dwarka" })).unwrap();
        assert_eq!(
            both.iter().map(room).collect::<Vec<_>>(),
            [json!({ "channel": "crowd", "temple_id": "dwarka" }), json!({ "channel": "transport", "temple_id": "dwarka" }),]
        );
        for bad in [json!(null), json!({}), json!({ "channel": 1 }), json!({ "channel": "news" }), json!({ "channels": [1] }), json!([1])] {
            assert!(rooms(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_cannot_wait_is_told_to_everybody_who_does_not_ask_for_a_part() {
        let read = |auth: Value| Connect::read(Some(&auth), &Wishes::default(), 4);
        let names = |connect: Connect| connect.rooms.iter().map(room).collect::<Vec<_>>();
        assert_eq!(
            names(Connect::read(None, &Wishes::default(), 4).unwrap()),
            [json!({ "channel": "alerts" }), json!({ "channel": "emergency" })]
        );
        let part =
            read(json!({ "token": "Bearer a.b", "last_event_id": 7, "subscriptions": [{ "channel": "alerts", "site": "x" }, "crowd"] }))
                .unwrap();
        assert_eq!((part.token.as_deref(), part.last_event_id), (Some("a.b"), Some(7)));
        assert_eq!(
            names(part),
            [json!({ "channel": "alerts", "temple_id": "x" }), json!({ "channel": "crowd" }), json!({ "channel": "emergency" })]
        );
        assert_eq!(read(json!({ "last_event_id": "12" })).unwrap().last_event_id, Some(12));
        for bad in [
            json!({ "token": 1 }),
            json!({ "last_event_id": "x" }),
            json!({ "subscriptions": "crowd" }),
            json!({ "subscriptions": ["crowd", "transport", "parking"] }),
        ] {
            assert!(read(bad.clone()).is_err(), "{bad}");
        }
    }
}
