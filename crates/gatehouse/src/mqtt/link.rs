//! A connection to a broker, in either version of the protocol.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rumqttc::{NetworkOptions, QoS, TlsConfiguration, Transport, v5};

use super::address::Address;
use super::inbox::MAX_MESSAGES;

/// How long connecting may take, seconds.
const CONNECT_TIMEOUT_S: u64 = 10;

/// How many messages a broker that speaks MQTT 5 sends before the first is acknowledged. One that speaks 3.1.1 has a limit of its own.
const RECEIVE_MAXIMUM: u16 = 256;

/// How long a broker that speaks MQTT 5 keeps what was not acknowledged while we are away, seconds: a week.
const SESSION_EXPIRY_S: u32 = 7 * 24 * 3600;

/// The largest packet that a broker that speaks MQTT 5 sends, bytes; it drops others.
const MAX_PACKET: u32 = 16 << 20;

/// The largest packet that there is (MQTT 3.1.1 §2.2.3). With that version the broker cannot be told of a smaller one: it would send what is
/// larger over and over, and nothing else.
const LARGEST_PACKET: usize = 268_435_455;

/// The versions of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// MQTT 3.1.1.
    V4,
    /// MQTT 5.
    V5,
}

impl Version {
    /// The other one.
    pub const fn other(self) -> Self {
        match self {
            Self::V4 => Self::V5,
            Self::V5 => Self::V4,
        }
    }
}

/// Where the broker is, and who we are.
#[derive(Clone)]
pub struct Identity {
    /// Where it is.
    pub address: Address,
    /// Under what name it knows us.
    pub client_id: String,
    /// Empty for none.
    pub username: String,
    /// Its password.
    pub password: String,
    /// How the connection is encrypted, where it is.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// How often we say that we are there.
    pub keep_alive: Duration,
}

impl Identity {
    fn transport(&self) -> Transport {
        match &self.tls {
            Some(config) => Transport::tls_with_config(TlsConfiguration::Rustls(config.clone())),
            None => Transport::tcp(),
        }
    }

    /// The shortest that both versions of the client take without a panic.
    fn keep_alive(&self) -> Duration {
        self.keep_alive.max(Duration::from_secs(5))
    }

    /// The options of a client that speaks 3.1.1.
    pub fn options(&self) -> rumqttc::MqttOptions {
        let mut options = rumqttc::MqttOptions::new(&self.client_id, &self.address.host, self.address.port);
        options.set_transport(self.transport()).set_keep_alive(self.keep_alive());
        if !self.username.is_empty() {
            options.set_credentials(&self.username, &self.password);
        }
        options
    }

    fn options_v5(&self) -> v5::MqttOptions {
        let mut options = v5::MqttOptions::new(&self.client_id, &self.address.host, self.address.port);
        options.set_transport(self.transport()).set_keep_alive(self.keep_alive());
        if !self.username.is_empty() {
            options.set_credentials(&self.username, &self.password);
        }
        options
    }
}

/// The settings of sockets: answers are small, and must not wait for one another.
pub fn network_options() -> NetworkOptions {
    let mut options = NetworkOptions::new();
    options.set_tcp_nodelay(true);
    options.set_connection_timeout(CONNECT_TIMEOUT_S);
    options
}

/// What came over a connection.
#[derive(Debug)]
pub enum Incoming {
    /// It is open. Whether the broker still has the session of an earlier one.
    Connected {
        /// With its subscriptions and what was not acknowledged.
        session_present: bool,
    },
    /// The broker has taken the subscriptions, or not all of them.
    Subscribed {
        /// How many were refused.
        refused: usize,
    },
    /// A message.
    Message {
        /// Where it was published.
        topic: String,
        /// What it holds.
        payload: Bytes,
        /// How to acknowledge it, where that is expected.
        ack: Option<Ack>,
    },
    /// Nothing of interest.
    Other,
}

/// The number of a message on the connection that it came over, by which it is acknowledged. It came with QoS 1, as nothing else is subscribed to.
#[derive(Debug)]
pub struct Ack(u16);

/// Why a connection ended, or was none.
#[derive(Debug)]
pub struct Lost {
    /// In a sentence. Holds no password.
    pub cause: String,
    /// Whether the other version of the protocol might fare better.
    pub is_of_protocol: bool,
    /// Whether it was ended here, to go on over another one at once.
    is_renewed: bool,
}

impl Lost {
    /// A connection that could not be held.
    pub fn because(cause: String, is_of_protocol: bool) -> Self {
        Self { cause, is_of_protocol, is_renewed: false }
    }

    /// One that was ended for the broker to send once more what was not acknowledged.
    pub fn renewed() -> Self {
        Self { cause: "the broker is to send the rest".to_owned(), is_of_protocol: false, is_renewed: true }
    }

    /// Whether it is one of those.
    pub const fn is_renewed(&self) -> bool {
        self.is_renewed
    }
}

/// What is said over a connection.
pub enum Speaker {
    /// In 3.1.1.
    V4(rumqttc::AsyncClient),
    /// In 5.
    V5(v5::AsyncClient),
}

/// What is heard over a connection.
pub enum Hearer {
    /// In 3.1.1.
    V4(Box<rumqttc::EventLoop>),
    /// In 5.
    V5(Box<v5::EventLoop>),
}

/// A new connection, which opens when it is first listened to. The broker is to keep its session, and waits for acknowledgements.
pub fn connect(identity: &Identity, version: Version) -> (Speaker, Hearer) {
    // As many acknowledgements as there may be messages, and the subscriptions.
    let capacity = MAX_MESSAGES + 8;
    match version {
        Version::V4 => {
            let mut options = identity.options();
            options.set_clean_session(false).set_manual_acks(true).set_max_packet_size(LARGEST_PACKET, LARGEST_PACKET);
            let (client, mut events) = rumqttc::AsyncClient::new(options, capacity);
            events.set_network_options(network_options());
            (Speaker::V4(client), Hearer::V4(Box::new(events)))
        }
        Version::V5 => {
            let mut options = identity.options_v5();
            options.set_clean_start(false).set_manual_acks(true).set_connection_timeout(CONNECT_TIMEOUT_S);
            options
                .set_network_options(network_options())
                .set_session_expiry_interval(Some(SESSION_EXPIRY_S))
                .set_receive_maximum(Some(RECEIVE_MAXIMUM))
                .set_max_packet_size(Some(MAX_PACKET));
            let (client, events) = v5::AsyncClient::new(options, capacity);
            (Speaker::V5(client), Hearer::V5(Box::new(events)))
        }
    }
}

impl Speaker {
    /// Subscribes to filters, each with whether its messages are acknowledged. False when that cannot be said.
    pub fn subscribe<'a>(&self, filters: impl Iterator<Item = (&'a str, bool)>) -> bool {
        let qos = |at_least_once| if at_least_once { QoS::AtLeastOnce } else { QoS::AtMostOnce };
        match self {
            Self::V4(client) => {
                let filters = filters.map(|(filter, acked)| rumqttc::SubscribeFilter::new(filter.to_owned(), qos(acked)));
                client.try_subscribe_many(filters).is_ok()
            }
            Self::V5(client) => {
                let qos = |acked| if acked { v5::mqttbytes::QoS::AtLeastOnce } else { v5::mqttbytes::QoS::AtMostOnce };
                client.try_subscribe_many(filters.map(|(filter, acked)| v5::mqttbytes::v5::Filter::new(filter, qos(acked)))).is_ok()
            }
        }
    }

    /// Acknowledges a message of this connection. False when that cannot be said.
    pub fn acknowledge(&self, ack: &Ack) -> bool {
        match self {
            Self::V4(client) => {
                let mut publish = rumqttc::Publish::new("", QoS::AtLeastOnce, Vec::new());
                publish.pkid = ack.0;
                client.try_ack(&publish).is_ok()
            }
            Self::V5(client) => {
                let mut publish = v5::mqttbytes::v5::Publish::new("", v5::mqttbytes::QoS::AtLeastOnce, Bytes::new(), None);
                publish.pkid = ack.0;
                client.try_ack(&publish).is_ok()
            }
        }
    }
}

impl Hearer {
    /// What comes next.
    ///
    /// # Errors
    /// When the connection cannot be opened or has ended. There is nothing more to hear then.
    pub async fn next(&mut self) -> Result<Incoming, Lost> {
        match self {
            Self::V4(events) => events.poll().await.map(incoming_v4).map_err(|error| {
                use rumqttc::ConnectionError::{ConnectionRefused, MqttState};
                Lost::because(error.to_string(), matches!(error, MqttState(_) | ConnectionRefused(_)))
            }),
            Self::V5(events) => events.poll().await.map(incoming_v5).map_err(|error| {
                use v5::ConnectionError::{ConnectionRefused, MqttState};
                Lost::because(error.to_string(), matches!(error, MqttState(_) | ConnectionRefused(_)))
            }),
        }
    }
}

fn incoming_v4(event: rumqttc::Event) -> Incoming {
    use rumqttc::{Event, Packet, SubscribeReasonCode};

    match event {
        Event::Incoming(Packet::ConnAck(ack)) => Incoming::Connected { session_present: ack.session_present },
        Event::Incoming(Packet::SubAck(ack)) => Incoming::Subscribed {
            refused: ack.return_codes.iter().filter(|code| !matches!(code, SubscribeReasonCode::Success(_))).count(),
        },
        Event::Incoming(Packet::Publish(publish)) => Incoming::Message {
            topic: publish.topic,
            payload: publish.payload,
            ack: (publish.qos != QoS::AtMostOnce).then_some(Ack(publish.pkid)),
        },
        _ => Incoming::Other,
    }
}

fn incoming_v5(event: v5::Event) -> Incoming {
    use v5::Event;
    use v5::mqttbytes::QoS;
    use v5::mqttbytes::v5::{Packet, SubscribeReasonCode};

    match event {
        Event::Incoming(Packet::ConnAck(ack)) => Incoming::Connected { session_present: ack.session_present },
        Event::Incoming(Packet::SubAck(ack)) => Incoming::Subscribed {
            refused: ack.return_codes.iter().filter(|code| !matches!(code, SubscribeReasonCode::Success(_))).count(),
        },
        Event::Incoming(Packet::Publish(publish)) => Incoming::Message {
            topic: String::from_utf8_lossy(&publish.topic).into_owned(),
            payload: publish.payload,
            ack: (publish.qos != QoS::AtMostOnce).then_some(Ack(publish.pkid)),
        },
        _ => Incoming::Other,
    }
}
