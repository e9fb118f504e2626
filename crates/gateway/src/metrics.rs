//! What the gateway counts, as Prometheus text.

use std::sync::atomic::AtomicI64;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::client::Gone;
use crate::event::Kind;

/// How clients are connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A WebSocket.
    WebSocket,
    /// Socket.IO, by WebSocket or polling.
    SocketIo,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TransportLabel {
    transport: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

/// Seconds from an event's arrival to its being written to a WebSocket.
const DELIVERY_BUCKETS: [f64; 10] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5];

/// The figures.
pub struct Metrics {
    registry: Registry,
    clients: Family<TransportLabel, Gauge>,
    rooms: Gauge,
    sessions: Gauge,
    connected: Gauge,
    last_event_id: Gauge<i64, AtomicI64>,
    events: Family<KindLabel, Counter>,
    dropped: Family<ReasonLabel, Counter>,
    refused: Family<ReasonLabel, Counter>,
    replays: Counter,
    messages: Family<TransportLabel, Counter>,
    delivery: Histogram,
}

impl Metrics {
    /// All at zero.
    pub fn new() -> Self {
        let mut all = Self {
            registry: Registry::with_prefix("gatehouse_gateway"),
            clients: Family::default(),
            rooms: Gauge::default(),
            sessions: Gauge::default(),
            connected: Gauge::default(),
            last_event_id: Gauge::default(),
            events: Family::default(),
            dropped: Family::default(),
            refused: Family::default(),
            replays: Counter::default(),
            messages: Family::default(),
            delivery: Histogram::new(DELIVERY_BUCKETS),
        };
        let registry = &mut all.registry;
        registry.register("clients", "Clients that are connected", all.clients.clone());
        registry.register("rooms", "Rooms that a client of the public's feed is in", all.rooms.clone());
        registry.register("sessions", "Tokens that clients came with", all.sessions.clone());
        registry.register("upstream_connected", "Whether the public's feed comes in", all.connected.clone());
        registry.register("last_event_id", "The id up to which the public's feed has been told", all.last_event_id.clone());
        registry.register("events", "Events that came in", all.events.clone());
        registry.register("dropped", "Clients that were sent away", all.dropped.clone());
        registry.register("refused", "Connections that were refused", all.refused.clone());
        registry.register("replays", "Streams that were opened for clients who had missed what is not kept here", all.replays.clone());
        registry.register("messages", "Messages from clients", all.messages.clone());
        let help = "From an event's arrival to its being written to a WebSocket, of one client in 16: how far clients lag";
        registry.register("delivery_seconds", help, all.delivery.clone());
        for transport in [Transport::WebSocket, Transport::SocketIo] {
            drop(all.clients.get_or_create(&transport.label()));
            drop(all.messages.get_or_create(&transport.label()));
        }
        for reason in ["slow", "session_ended", "too_many_messages", "silent"] {
            drop(all.dropped.get_or_create(&ReasonLabel { reason }));
        }
        for reason in ["origin", "token", "full", "address_full", "sessions_full", "unavailable", "rate", "request"] {
            drop(all.refused.get_or_create(&ReasonLabel { reason }));
        }
        all
    }

    pub(crate) fn joined(&self, transport: Transport) {
        self.clients.get_or_create(&transport.label()).inc();
    }

    pub(crate) fn left(&self, transport: Transport) {
        self.clients.get_or_create(&transport.label()).dec();
    }

    /// Whether the public's feed comes in.
    pub(crate) fn connected(&self, is_connected: bool) {
        self.connected.set(i64::from(is_connected));
    }

    pub(crate) fn event(&self, kind: Kind) {
        self.events.get_or_create(&KindLabel { kind: kind.into() }).inc();
    }

    pub(crate) fn replayed(&self) {
        self.replays.inc();
    }

    pub(crate) fn dropped(&self, reason: Gone) {
        let reason = match reason {
            Gone::Slow => "slow",
            Gone::Session => "session_ended",
            Gone::Talkative => "too_many_messages",
            Gone::Silent => "silent",
        };
        self.dropped.get_or_create(&ReasonLabel { reason }).inc();
    }

    pub(crate) fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&ReasonLabel { reason }).inc();
    }

    pub(crate) fn message(&self, transport: Transport) {
        self.messages.get_or_create(&transport.label()).inc();
    }

    pub(crate) fn delivered(&self, after: Duration) {
        self.delivery.observe(after.as_secs_f64());
    }

    /// The text, with what is counted elsewhere: rooms and the last id of the public's feed, sessions.
    pub(crate) fn text(&self, rooms: usize, cursor: i64, sessions: usize) -> String {
        self.rooms.set(i64::try_from(rooms).unwrap_or(i64::MAX));
        self.sessions.set(i64::try_from(sessions).unwrap_or(i64::MAX));
        self.last_event_id.set(cursor);
        let mut text = String::new();
        // Writing to a string does not fail.
        encode(&mut text, &self.registry).ok();
        text
    }
}

impl Transport {
    fn label(self) -> TransportLabel {
        TransportLabel { transport: if self == Self::WebSocket { "websocket" } else { "socket_io" } }
    }
}
