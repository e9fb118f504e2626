//! Publishes readings over MQTT with QoS 1, as fast as the broker takes them, and prints one JSON object when it has all of them.
//!
//! `--readings` of them from number `--start` on, `--per-message` in each message: of one device then, as its topic is the device's. Each connection has
//! devices of its own.

use std::time::Instant;

use gatehouse_bench::{DEVICES, Options, at_once, broker, device_code, write_json};
use rumqttc::{AsyncClient, Event, Packet, QoS};

/// How many messages of one connection wait for the broker's word.
const INFLIGHT: u16 = 100;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse(0)?;
    let (readings, per_message): (u64, u64) = (options.value("readings")?, options.value("per-message")?);
    let (start, base_ms): (u64, i64) = (options.value("start")?, options.value("base-ms")?);
    let connections: u64 = options.value("connections")?;
    anyhow::ensure!(readings % (DEVICES * per_message) == 0 && start % DEVICES == 0, "each device has as many as any other");
    let address = options.text("broker")?.to_owned();
    let begun = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for connection in 0..connections {
        let address = address.clone();
        tasks.spawn(async move {
            let own = (0..readings / per_message).filter(|message| message % DEVICES % connections == connection);
            let messages = own.map(|message| payload(message, per_message, start, base_ms)).collect::<Vec<_>>();
            publish(&address, connection, messages).await
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    println!("{}", serde_json::json!({"seconds": begun.elapsed().as_secs_f64(), "next": start + readings}));
    Ok(())
}

/// A message's topic and what it holds: its device's next readings.
fn payload(message: u64, per_message: u64, start: u64, base_ms: i64) -> (String, Vec<u8>) {
    let (device, turn) = (message % DEVICES, message / DEVICES);
    let mut json = Vec::new();
    if per_message > 1 {
        json.push(b'[');
    }
    for reading in turn * per_message..(turn + 1) * per_message {
        if json.len() > 1 {
            json.push(b',');
        }
        write_json(&mut json, start + reading * DEVICES + device, base_ms);
    }
    if per_message > 1 {
        json.push(b']');
    }
    (format!("gatehouse/{}/telemetry", device_code(device)), json)
}

async fn publish(address: &str, connection: u64, messages: Vec<(String, Vec<u8>)>) -> anyhow::Result<()> {
    let mut options = broker(address, &format!("gatehouse-bench-{}-{connection}", std::process::id()))?;
    options.set_inflight(INFLIGHT).set_max_packet_size(1 << 21, 1 << 21);
    let (client, mut events) = AsyncClient::new(options, 10);
    events.set_network_options(at_once());
    let mut left = messages.len();
    let sending = tokio::spawn(async move {
        for (topic, payload) in messages {
            if client.publish(topic, QoS::AtLeastOnce, false, payload).await.is_err() {
                break;
            }
        }
        client
    });
    while left > 0 {
        if let Event::Incoming(Packet::PubAck(_)) = events.poll().await? {
            left -= 1;
        }
    }
    drop(sending.await?);
    Ok(())
}
