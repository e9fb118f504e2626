//! The fleet over MQTT: each reading is published with QoS 1 on its device's topic. The broker says that it has it; what Gatehouse refuses is told on
//! `gatehouse/<device>/rejected`.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rumqttc::{AsyncClient, Event, EventLoop, Outgoing, Packet, QoS};
use serde_json::Value;
use tokio::sync::{Mutex, oneshot};
use tokio::task::JoinHandle;

use super::fleet::Message;
use super::stats::Stats;
use crate::mqtt::{Address, Identity, network_options};
use crate::tls;

/// How long what is refused may take to be told after the last reading.
const LAST_NOTICES: Duration = Duration::from_secs(2);

/// Readings that wait for the broker's word, in the order in which they were handed to the client: it gives them their numbers.
#[derive(Default)]
struct Waiting {
    unnumbered: VecDeque<oneshot::Sender<()>>,
    numbered: HashMap<u16, oneshot::Sender<()>>,
}

/// A connection to the broker.
pub(super) struct Publisher {
    client: AsyncClient,
    waiting: Arc<parking_lot::Mutex<Waiting>>,
    /// One reading is handed over at a time, so that the order is known.
    order: Mutex<()>,
    events: JoinHandle<()>,
}

impl Publisher {
    /// Connects, and listens to what is refused. `most` readings wait at once.
    ///
    /// # Errors
    /// If the address is none.
    pub fn start(address: &str, most: usize, stats: Arc<Stats>) -> Result<Self> {
        let address = Address::parse(address).context("--mqtt")?;
        let (username, password) = address.login.clone().unwrap_or_default();
        let identity = Identity {
            client_id: format!("gatehouse-simulate-{:016x}", fastrand::u64(..)),
            username,
            password,
            tls: address.is_tls.then(|| tls::client_config(None)).transpose()?,
            keep_alive: Duration::from_secs(30),
            address,
        };
        let most = u16::try_from(most).unwrap_or(u16::MAX).max(1);
        let mut options = identity.options();
        options.set_inflight(most);
        let (client, mut events) = AsyncClient::new(options, usize::from(most) + 8);
        events.set_network_options(network_options());
        let waiting: Arc<parking_lot::Mutex<Waiting>> = Arc::default();
        let events = tokio::spawn(attend(client.clone(), events, waiting.clone(), stats));
        Ok(Self { client, waiting, order: Mutex::default(), events })
    }

    /// Publishes a reading. Whether the broker has said that it has it.
    pub async fn send(&self, message: &Message) -> bool {
        let device = message.body["device_code"].as_str().unwrap_or_default();
        let (said, heard) = oneshot::channel();
        {
            let _order = self.order.lock().await;
            self.waiting.lock().unnumbered.push_back(said);
            let topic = format!("gatehouse/{device}/telemetry");
            if self.client.publish(topic, QoS::AtLeastOnce, false, message.body.to_string()).await.is_err() {
                self.waiting.lock().unnumbered.pop_back();
                return false;
            }
        }
        heard.await.is_ok()
    }

    /// Waits for the last refusals to be told.
    pub async fn finish(&self) {
        tokio::time::sleep(LAST_NOTICES).await;
        self.events.abort();
    }
}

/// Moves what is published and heard, from one connection to the next.
async fn attend(client: AsyncClient, mut events: EventLoop, waiting: Arc<parking_lot::Mutex<Waiting>>, stats: Arc<Stats>) {
    loop {
        match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                // Its queue holds more than there may be in it.
                let _ = client.try_subscribe("gatehouse/+/rejected", QoS::AtMostOnce);
            }
            Ok(Event::Outgoing(Outgoing::Publish(number))) => {
                let mut waiting = waiting.lock();
                if let Some(said) = waiting.unnumbered.pop_front() {
                    waiting.numbered.insert(number, said);
                }
            }
            Ok(Event::Incoming(Packet::PubAck(ack))) => {
                if let Some(said) = waiting.lock().numbered.remove(&ack.pkid) {
                    let _ = said.send(());
                }
            }
            Ok(Event::Incoming(Packet::Publish(notice))) => {
                let notice: Value = serde_json::from_slice(&notice.payload).unwrap_or_default();
                stats.refused_later(notice["reason"].as_str().unwrap_or("unknown"), notice["rejected"].as_u64().unwrap_or(1));
            }
            Ok(_) => {}
            Err(_) => {
                // What waits is not known to have arrived, and is not sent once more.
                *waiting.lock() = Waiting::default();
                events.clean();
                events.pending.clear();
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
    }
}

/// Publishes a reading and counts what came of it.
pub(super) async fn send(publisher: &Publisher, message: Message, stats: &Stats) {
    let begun = Instant::now();
    let is_published = publisher.send(&message).await;
    stats.count_published(is_published, begun.elapsed());
}
