//! The document of the event feed (AsyncAPI 3.0): its channels, its messages, and what they carry, from the types that the routes answer with
//! and those of the feed's own.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::{document, to_value};

const DESCRIPTION: &str = "What happens, as it happens: the same events with the same ids as Server-Sent Events, WebSocket and Socket.IO. Ids rise; who says the \
    last one that they have, by `Last-Event-ID`, `last_event_id` in the query or in Socket.IO's `auth`, misses nothing of the last 24 hours.";

/// An event: its name in the feed, its name in Socket.IO, its channel, what it carries for everyone and for operators, and when it comes.
struct Event {
    name: &'static str,
    socket_io: &'static str,
    channel: &'static str,
    everyone: Option<&'static str>,
    operators: &'static str,
    summary: &'static str,
}

const fn event(
    name: &'static str,
    socket_io: &'static str,
    channel: &'static str,
    (everyone, operators): (Option<&'static str>, &'static str),
    summary: &'static str,
) -> Event {
    Event { name, socket_io, channel, everyone, operators, summary }
}

const fn same(schema: &'static str) -> (Option<&'static str>, &'static str) {
    (Some(schema), schema)
}

const EVENTS: [Event; 10] = [
    event("alert", "alert", "alerts", (Some("PublicAlert"), "Alert"), "An alert is new or has changed."),
    event("alert_deleted", "alert_deleted", "alerts", same("AlertDeleted"), "An alert is gone, or not for this reader any more."),
    event(
        "recording_transfer",
        "recording_transfer",
        "alerts",
        (None, "RecordingTransferEvent"),
        "An upload of a recording has begun, got on by 64 MiB, ended or been given up.",
    ),
    event("emergency", "emergency", "emergency", (Some("PublicEmergency"), "Emergency"), "An emergency is new or has changed."),
    event("crowd", "crowd_update", "crowd", same("CrowdEvent"), "A zone was counted; at most every 5 s for each zone."),
    event("shuttle", "transport_update", "transport", same("ShuttleEvent"), "A shuttle has moved; at most every 10 s for each."),
    event("spot", "parking_update", "parking", same("SpotEvent"), "A parking spot has turned."),
    event("lot", "parking_update", "parking", same("LotEvent"), "A lot was counted, and differs."),
    event("device", "parking_update", "parking", (None, "DeviceEvent"), "A device's health has turned."),
    event("reset", "reset", "every channel", same("Reset"), "Events were missed that are not kept any more."),
];

impl Event {
    /// The data: for everyone and for operators.
    fn data(&self) -> Value {
        let schemas: BTreeSet<_> = self.everyone.into_iter().chain([self.operators]).collect();
        let mut schemas: Vec<_> = schemas.into_iter().map(reference).collect();
        if schemas.len() == 1 { schemas.remove(0) } else { json!({ "anyOf": schemas }) }
    }

    fn message(&self, transport: Transport) -> Value {
        let name = match transport {
            Transport::SocketIo => self.socket_io,
            _ => self.name,
        };
        let who = match self.everyone {
            None => " For operators alone.".to_owned(),
            Some(everyone) if everyone != self.operators => format!(" Everyone gets a {everyone}, operators the {}.", self.operators),
            Some(_) => String::new(),
        };
        let payload = match transport {
            Transport::Sse => self.data(),
            Transport::WebSocket => json!({
                "type": "object",
                "required": ["message", "event", "event_id"],
                "properties": { "message": self.data(), "event": { "const": self.name }, "event_id": { "type": "integer", "format": "int64" } },
            }),
            Transport::SocketIo => json!({
                "allOf": [
                    self.data(),
                    { "type": "object", "required": ["event_id"], "properties": { "event_id": { "type": "integer", "format": "int64" } } },
                ],
            }),
        };
        json!({
            "name": name,
            "title": self.summary,
            "summary": format!("Of {}.{who}", self.channel),
            "contentType": "application/json",
            "payload": payload,
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Transport {
    Sse,
    WebSocket,
    SocketIo,
}

impl Transport {
    const ALL: [Self; 3] = [Self::Sse, Self::WebSocket, Self::SocketIo];

    fn name(self) -> &'static str {
        match self {
            Self::Sse => "sse",
            Self::WebSocket => "websocket",
            Self::SocketIo => "socketIo",
        }
    }

    fn about(self) -> (&'static str, &'static str) {
        match self {
            Self::Sse => (
                "/api/events",
                "Server-Sent Events. The name of a message is its `event:`, the payload its `data:`. See the API document for the query.",
            ),
            Self::WebSocket => (
                "/ws/alerts/",
                "A WebSocket. Without `channels` and `last_event_id` in its query, `alert` alone comes; with them, `{\"event\": \"ready\", \"event_id\": …}` comes first. \
                 What it is sent as `{\"message\": …}` comes back.",
            ),
            Self::SocketIo => (
                "/socket.io/",
                "Socket.IO 4. The name of a message is the event's, the payload its one argument. Alerts and emergencies come to everybody, the rest after \
                 `subscribe {channel, temple_id?, zone?}`.",
            ),
        }
    }
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// The whole document. The error says what it refers to and nobody declares.
pub fn asyncapi() -> Result<Value, String> {
    let (mut channels, mut operations, mut messages) = (Map::new(), Map::new(), Map::new());
    for transport in Transport::ALL {
        let (address, description) = transport.about();
        let mut own = Map::new();
        for event in &EVENTS {
            let id = format!("{}_{}", transport.name(), event.name);
            messages.insert(id.clone(), event.message(transport));
            own.insert(event.name.to_owned(), json!({ "$ref": format!("#/components/messages/{id}") }));
        }
        channels.insert(transport.name().to_owned(), json!({ "address": address, "description": description, "messages": own }));
        let operation = json!({ "action": "send", "channel": { "$ref": format!("#/channels/{}", transport.name()) } });
        operations.insert(format!("{}_tell", transport.name()), operation);
    }
    let schemas = schemas(&json!(messages))?;
    Ok(json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Gatehouse's events",
            "description": DESCRIPTION,
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0" },
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": { "messages": messages, "schemas": schemas },
    }))
}

/// The schemas that this refers to, and those that they refer to.
fn schemas(from: &Value) -> Result<Map<String, Value>, String> {
    let document = document()?;
    let mut known = document["components"]["schemas"].as_object().cloned().unwrap_or_default();
    for (name, schema) in events::schema::schemas() {
        let schema = to_value(&schema)?;
        if known.get(&name).is_some_and(|other| *other != schema) {
            return Err(format!("two different schemas are named {name}: rename one"));
        }
        known.insert(name, schema);
    }
    let (mut found, mut left) = (Map::new(), references(from));
    while let Some(name) = left.pop_first() {
        let schema = known.get(&name).ok_or_else(|| format!("a reference points to the schema {name}, which is not there"))?;
        left.extend(references(schema).into_iter().filter(|name| !found.contains_key(name)));
        let mut schema = schema.clone();
        // What an answer of the API may not have a message may: Socket.IO's has its id. Readers ignore what they do not know.
        if schema["additionalProperties"] == json!(false) {
            schema.as_object_mut().and_then(|schema| schema.remove("additionalProperties"));
        }
        found.insert(name, schema);
    }
    found.sort_keys();
    Ok(found)
}

fn references(value: &Value) -> BTreeSet<String> {
    let text = value.to_string();
    let names = text.split("\"#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next());
    names.map(str::to_owned).collect()
}
