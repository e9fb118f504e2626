//! Readings over MQTT: what a native program for just these messages reaches, each acknowledged when it is durable.

use std::sync::Arc;

use anyhow::Context as _;
use domain::reading::Reading;
use gatehouse_bench::{at_once, broker};
use rumqttc::{AsyncClient, Event, Packet, Publish, QoS};

use crate::server::now_ms;
use crate::store::Writer;
use crate::telemetry::judged;

/// How many messages are on their way at once, as the broker of the benchmark has it.
const WINDOW: usize = 256;

/// Listens until it is ended.
pub async fn listen(address: &str, db: &str) -> anyhow::Result<()> {
    let writer = Arc::new(Writer::start(db)?);
    let mut options = broker(address, "gatehouse-bench-limit")?;
    options.set_clean_session(false).set_manual_acks(true).set_max_packet_size(1 << 21, 1 << 21);
    let (client, mut events) = AsyncClient::new(options, 2 * WINDOW);
    events.set_network_options(at_once());
    client.subscribe("gatehouse/+/telemetry", QoS::AtLeastOnce).await?;
    loop {
        match events.poll().await.context("the broker has gone")? {
            Event::Incoming(Packet::SubAck(_)) => println!("listening"),
            Event::Incoming(Packet::Publish(publish)) => {
                let (client, writer) = (client.clone(), writer.clone());
                tokio::spawn(async move {
                    if store(&publish, &writer).await {
                        let _ = client.ack(&publish).await;
                    }
                });
            }
            _ => {}
        }
    }
}

/// Whether what the message holds is durable.
async fn store(publish: &Publish, writer: &Writer) -> bool {
    let now = now_ms();
    let Some(device) = publish.topic.strip_prefix("gatehouse/").and_then(|rest| rest.split('/').next()) else { return false };
    let own = |reading: &Reading| reading.device_code.eq_ignore_ascii_case(device);
    if publish.payload.first() != Some(&b'[') {
        return match judged(&publish.payload, now) {
            Ok(reading) if own(&reading) => writer.single(reading, now).await.is_ok(),
            _ => false,
        };
    }
    let Ok(raw) = serde_json::from_slice::<Vec<&serde_json::value::RawValue>>(&publish.payload) else { return false };
    let readings: Vec<Reading> = raw.iter().filter_map(|raw| judged(raw.get().as_bytes(), now).ok()).filter(own).collect();
    let sent = readings.len();
    writer.bulk(readings, now).await.is_ok_and(|stored| stored == sent)
}
