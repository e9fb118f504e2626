//! Mosquitto, of Debian's package, and clients of it.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rumqttc::{AsyncClient, Event, LastWill, MqttOptions, Packet, QoS, Transport};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::tools::{Running, debian_program, free_port};
use crate::{eventually, lock, unique};

/// What a broker on this machine takes at most.
const SOON: Duration = Duration::from_secs(60);

/// A broker. It can be stopped and started again, on the same port and with what it has stored.
pub struct Mosquitto {
    program: PathBuf,
    directory: tempfile::TempDir,
    port: u16,
    running: Option<Running>,
}

impl Mosquitto {
    /// One that lets everybody in; none where Mosquitto cannot be had.
    pub async fn start() -> Option<Self> {
        Self::start_with(|port, _| format!("listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n")).await
    }

    /// One with the configuration that this gives for a port and a directory, which is also told where to keep what it stores.
    pub async fn start_with(configuration: impl FnOnce(u16, &Path) -> String) -> Option<Self> {
        let program = debian_program("mosquitto", "mosquitto")?;
        let directory = tempfile::Builder::new().prefix("gatehouse-mosquitto-").tempdir().expect("a temporary directory");
        let port = free_port();
        let home = directory.path().display();
        // As root it would become somebody who cannot read this directory.
        let own = format!("user root\npersistence true\npersistence_location {home}/\nlog_dest file {home}/log\nlog_type all\n");
        let configuration = format!("{own}{}", configuration(port, directory.path()));
        std::fs::write(directory.path().join("mosquitto.conf"), configuration).expect("the directory takes files");
        let mut broker = Self { program, directory, port, running: None };
        broker.resume().await;
        Some(broker)
    }

    /// Starts it again.
    pub async fn resume(&mut self) {
        self.running = Some(Running::start(Command::new(&self.program).arg("-c").arg(self.directory.path().join("mosquitto.conf"))));
        let port = self.port;
        eventually("the broker listens", SOON, || async move { tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.ok() })
            .await;
    }

    /// Stops it in order: what it has to keep is stored.
    pub fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.terminate();
        }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `mqtt://` and where it is.
    pub fn address(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// How often Gatehouse has subscribed to anything.
    pub fn subscriptions(&self) -> usize {
        self.log().matches("Received SUBSCRIBE from gatehouse-").count()
    }

    /// Waits until Gatehouse has subscribed more often than that: before its first time the broker keeps nothing for it.
    pub async fn until_subscribed(&self, before: usize) {
        eventually("Gatehouse subscribes", SOON, || async { (self.subscriptions() > before).then_some(()) }).await;
    }

    /// How a client of this name speaks to it.
    pub fn options(&self, name: &str) -> MqttOptions {
        let mut options = MqttOptions::new(unique(name), "127.0.0.1", self.port);
        options.set_keep_alive(Duration::from_secs(30)).set_max_packet_size(1 << 21, 1 << 21);
        options
    }

    /// Publishes a message, and waits until the broker has it.
    pub async fn publish(&self, topic: &str, payload: impl Into<Vec<u8>>) {
        publish(self.options("publisher"), vec![(topic.to_owned(), payload.into())], false).await.expect("the broker takes it");
    }

    /// Publishes messages of JSON, and waits until the broker has all of them.
    pub async fn publish_all(&self, messages: impl IntoIterator<Item = (String, Value)>) {
        let messages = messages.into_iter().map(|(topic, message)| (topic, message.to_string().into_bytes())).collect();
        publish(self.options("publisher"), messages, false).await.expect("the broker takes them");
    }

    /// Publishes a message that the broker gives to all who come later.
    pub async fn publish_retained(&self, topic: &str, payload: impl Into<Vec<u8>>) {
        publish(self.options("publisher"), vec![(topic.to_owned(), payload.into())], true).await.expect("the broker takes it");
    }

    /// Listens to a topic filter from now on.
    pub async fn listen(&self, filter: &str) -> Listener {
        Listener::start(self.options("listener"), filter).await
    }

    /// A device that is connected with this last will, until it is dropped: its connection breaks then.
    pub async fn connect_with_will(&self, topic: &str, payload: &str) -> Connected {
        let mut options = self.options("device");
        options.set_last_will(LastWill::new(topic, payload, QoS::AtLeastOnce, false));
        let (client, mut events) = AsyncClient::new(options, 10);
        let (said, heard) = tokio::sync::oneshot::channel();
        let mut said = Some(said);
        let task = tokio::spawn(async move {
            // The client ends with the task: without it the connection would be closed in order.
            let _client = client;
            while let Ok(event) = events.poll().await {
                if matches!(event, Event::Incoming(Packet::ConnAck(_)))
                    && let Some(said) = said.take()
                {
                    let _ = said.send(());
                }
            }
        });
        heard.await.expect("the broker takes it");
        Connected(task)
    }
}

/// Publishes messages at least once, and waits until the broker has all of them.
///
/// # Errors
/// What ended the connection before.
pub async fn publish(mut options: MqttOptions, messages: Vec<(String, Vec<u8>)>, retain: bool) -> Result<(), String> {
    options.set_inflight(100);
    let count = messages.len();
    let (client, mut events) = AsyncClient::new(options, 10);
    let sending = tokio::spawn(async move {
        for (topic, payload) in messages {
            client.publish(topic, QoS::AtLeastOnce, retain, payload).await.expect("the client goes on");
        }
        // It lives until the last is acknowledged.
        std::future::pending::<()>().await;
        drop(client);
    });
    let mut acknowledged = 0;
    let done = tokio::time::timeout(Duration::from_secs(60), async {
        while acknowledged < count {
            match events.poll().await {
                Ok(Event::Incoming(Packet::PubAck(_))) => acknowledged += 1,
                Ok(_) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(())
    });
    let done = done.await.unwrap_or_else(|_| Err(format!("{acknowledged} of {count} messages were acknowledged in time")));
    sending.abort();
    done
}

/// A client that is connected until it is dropped.
pub struct Connected(JoinHandle<()>);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What was published where somebody listens.
pub struct Listener {
    heard: Arc<Mutex<Vec<(String, Value)>>>,
    task: JoinHandle<()>,
}

impl Listener {
    /// Listens to a topic filter from now on.
    pub async fn start(options: MqttOptions, filter: &str) -> Self {
        let heard: Arc<Mutex<Vec<(String, Value)>>> = Arc::default();
        let (client, mut events) = AsyncClient::new(options, 10);
        client.subscribe(filter, QoS::AtLeastOnce).await.expect("a filter");
        let (said, listens) = tokio::sync::oneshot::channel();
        let task = tokio::spawn({
            let heard = heard.clone();
            async move {
                let _client = client;
                let mut said = Some(said);
                loop {
                    match events.poll().await {
                        Ok(Event::Incoming(Packet::SubAck(_))) => drop(said.take().map(|said| said.send(()))),
                        Ok(Event::Incoming(Packet::Publish(message))) => {
                            let payload = serde_json::from_slice(&message.payload).unwrap_or(Value::Null);
                            lock(&heard).push((message.topic, payload));
                        }
                        Ok(_) => {}
                        Err(_) => return,
                    }
                }
            }
        });
        listens.await.expect("the broker takes the subscription");
        Self { heard, task }
    }

    /// What was heard so far, with the topic.
    pub fn heard(&self) -> Vec<(String, Value)> {
        lock(&self.heard).clone()
    }

    /// Waits for this many messages.
    pub async fn wait_for(&self, count: usize) -> Vec<(String, Value)> {
        eventually(&format!("{count} messages"), SOON, || async { Some(self.heard()).filter(|heard| heard.len() >= count) }).await
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Encrypts what a client says, by the certificate of this authority (PEM) alone.
pub fn trusting(mut options: MqttOptions, authority: &str) -> MqttOptions {
    options.set_transport(Transport::tls(authority.as_bytes().to_vec(), None, None));
    options
}
