//! The host functions of `spin:mqtt`: publishing, limited to `allowed_outbound_hosts`.
//!
//! As on Spin, a connection opens with its first message, and is not attended to between messages: one that was idle for too long has ended, which
//! the next message says.

use std::sync::Arc;
use std::time::Duration;

use rumqttc::{AsyncClient, Event, EventLoop, Outgoing, Packet, QoS};
use tokio::sync::Mutex;
use wasmtime::component::{Accessor, HasData, Resource, ResourceTable};

use super::address::Address;
use super::link::{Identity, network_options};
use crate::bindings::mqtt::mqtt::{self, Error, Host, HostConnection, HostConnectionWithStore};
use crate::outbound::AllowedHosts;
use crate::tls;

/// Messages that one connection has on their way at most.
const CAPACITY: usize = 16;

/// Where a component may publish.
#[derive(Clone)]
pub struct MqttAccess {
    /// The destinations that the manifest grants it.
    pub allowed_hosts: Arc<AllowedHosts>,
    /// How the certificates of brokers are checked; by the system's authorities unless set.
    pub tls: Option<Arc<rustls::ClientConfig>>,
}

/// The part of an instance's state that `spin:mqtt` needs.
pub struct MqttView<'a> {
    /// Where the component may publish.
    pub access: &'a MqttAccess,
    /// The resources that the instance holds.
    pub table: &'a mut ResourceTable,
}

/// Implements `spin:mqtt` for any store that has a [`MqttView`].
pub struct MqttHost;

impl HasData for MqttHost {
    type Data<'a> = MqttView<'a>;
}

/// What the resource table holds for a guest's `connection`.
struct Connection {
    client: AsyncClient,
    events: Mutex<EventLoop>,
}

impl MqttView<'_> {
    fn open(
        &mut self,
        address: &str,
        username: String,
        password: String,
        keep_alive_s: u64,
    ) -> wasmtime::Result<Result<Resource<mqtt::Connection>, Error>> {
        let Ok(address) = Address::parse(address) else { return Ok(Err(Error::InvalidAddress)) };
        // Without a name of its own no broker takes it.
        let Some(client_id) = address.client_id.clone() else { return Ok(Err(Error::InvalidAddress)) };
        if !self.access.allowed_hosts.allows(address.scheme(), &address.host, Some(address.port)) {
            tracing::warn!(host = address.host, "MQTT connection denied: the host is not in allowed_outbound_hosts");
            return Ok(Err(Error::ConnectionFailed(format!("address {}://{} is not permitted", address.scheme(), address.host))));
        }
        let tls = match (address.is_tls, &self.access.tls) {
            (false, _) => None,
            (true, Some(config)) => Some(config.clone()),
            (true, None) => match tls::client_config(None) {
                Ok(config) => Some(config),
                Err(error) => return Ok(Err(Error::ConnectionFailed(error.to_string()))),
            },
        };
        let identity = Identity { address, client_id, username, password, tls, keep_alive: Duration::from_secs(keep_alive_s) };
        let (client, mut events) = AsyncClient::new(identity.options(), CAPACITY);
        events.set_network_options(network_options());
        let Ok(resource) = self.table.push(Arc::new(Connection { client, events: Mutex::new(events) })) else {
            return Ok(Err(Error::TooManyConnections));
        };
        Ok(Ok(Resource::new_own(resource.rep())))
    }

    fn connection(&self, connection: &Resource<mqtt::Connection>) -> wasmtime::Result<Arc<Connection>> {
        Ok(self.table.get(&Resource::<Arc<Connection>>::new_borrow(connection.rep()))?.clone())
    }
}

impl Connection {
    /// Returns when the message is with the broker: when it was written with QoS 0, and when the broker has said so otherwise.
    async fn publish(&self, topic: String, payload: Vec<u8>, qos: mqtt::Qos) -> Result<(), Error> {
        let qos = match qos {
            mqtt::Qos::AtMostOnce => QoS::AtMostOnce,
            mqtt::Qos::AtLeastOnce => QoS::AtLeastOnce,
            mqtt::Qos::ExactlyOnce => QoS::ExactlyOnce,
        };
        let mut events = self.events.lock().await;
        self.client.try_publish(topic, qos, false, payload).map_err(|error| Error::Other(error.to_string()))?;
        loop {
            let event = events.poll().await.map_err(|error| Error::ConnectionFailed(error.to_string()))?;
            match (qos, event) {
                (QoS::AtMostOnce, Event::Outgoing(Outgoing::Publish(_)))
                | (QoS::AtLeastOnce, Event::Incoming(Packet::PubAck(_)))
                | (QoS::ExactlyOnce, Event::Incoming(Packet::PubComp(_))) => return Ok(()),
                _ => {}
            }
        }
    }
}

impl Host for MqttView<'_> {}

impl HostConnection for MqttView<'_> {
    async fn drop(&mut self, connection: Resource<mqtt::Connection>) -> wasmtime::Result<()> {
        self.table.delete(Resource::<Arc<Connection>>::new_own(connection.rep()))?;
        Ok(())
    }
}

impl<T: Send + 'static> HostConnectionWithStore<T> for MqttHost {
    async fn open(
        accessor: &Accessor<T, Self>,
        address: String,
        username: String,
        password: String,
        keep_alive_interval_in_secs: u64,
    ) -> wasmtime::Result<Result<Resource<mqtt::Connection>, Error>> {
        accessor.with(|mut access| access.get().open(&address, username, password, keep_alive_interval_in_secs))
    }

    async fn publish(
        accessor: &Accessor<T, Self>,
        connection: Resource<mqtt::Connection>,
        topic: String,
        payload: mqtt::Payload,
        qos: mqtt::Qos,
    ) -> wasmtime::Result<Result<(), Error>> {
        let connection = accessor.with(|mut access| access.get().connection(&connection))?;
        Ok(connection.publish(topic, payload, qos).await)
    }
}
