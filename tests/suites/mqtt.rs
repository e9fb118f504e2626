//! Sensors over MQTT (docs/guide/mqtt.md, docs/reference/rules.md#mqtt), with a real Mosquitto.

#[path = "mqtt/clients.rs"]
mod clients;
#[path = "mqtt/interruptions.rs"]
mod interruptions;
#[path = "mqtt/presence.rs"]
mod presence;
#[path = "mqtt/refusals.rs"]
mod refusals;
#[path = "mqtt/secured.rs"]
mod secured;
#[path = "mqtt/support.rs"]
mod support;

use gatehouse_tests::eventually;
use gatehouse_tests::mosquitto::Mosquitto;
use gatehouse_tests::process::serve_if_asked;
use serde_json::{Value, json};
use support::{SOON, listening, stored, stored_times, until_stored};

#[tokio::test(flavor = "multi_thread")]
async fn server_process() {
    serve_if_asked().await;
}

/// One message with one reading, one with an array, one with a reading a line; by either version of the protocol.
async fn readings_of_all_forms_arrive(version: &str) {
    let Some(broker) = Mosquitto::start().await else { return };
    let app = listening(&broker, &[("mqtt_version", version), ("mqtt_acks", "true")]).await;
    let place = app.place(2).await;
    let device = app.new_device(&place, Some(0)).await;
    let acks = broker.listen(&format!("gatehouse/{device}/ack")).await;
    let topic = format!("gatehouse/{device}/telemetry");

    let mut one = app.reading(&device, -60);
    one["occupied"] = json!(true);
    broker.publish(&topic, one.to_string()).await;
    until_stored(&app, &device, 1).await;
    let array = json!([app.reading(&device, -59), app.reading(&device, -58), one, {"voltage": "high"}]);
    broker.publish(&topic, array.to_string()).await;
    until_stored(&app, &device, 3).await;
    let line = app.reading(&device, -57);
    broker.publish(&topic, format!("{line}\n{}\n", app.reading(&device, -56))).await;
    until_stored(&app, &device, 5).await;

    // What came by this door is what the other one would have stored.
    let operator = app.operator().await;
    operator.post("/api/telemetry/", line).await.expect_problem(409);
    operator.post("/api/telemetry/", app.reading(&device, -55)).await.expect(201);
    let listed = operator.get(&format!("/api/telemetry/?device={device}")).await.expect(200)["items"].clone();
    let listed: Vec<_> = listed.as_array().unwrap().iter().map(without_time).collect();
    assert_eq!(listed.len(), 6);
    assert_eq!(listed[1], listed[5], "by either door");
    let state = operator.get(&format!("/api/devices/{device}")).await.expect(200);
    assert_eq!((&state["health"], &state["occupied"]), (&json!("healthy"), &json!(true)));

    let acks: Vec<_> = acks
        .wait_for(3)
        .await
        .into_iter()
        .map(|(_, ack)| [&ack["accepted"], &ack["duplicate"], &ack["rejected"]].map(Value::as_u64))
        .collect();
    assert_eq!(acks, [[1, 0, 0], [2, 1, 1], [2, 0, 0]].map(|ack| ack.map(Some)));
}

fn without_time(reading: &Value) -> Value {
    let mut reading = reading.clone();
    for field in ["timestamp", "received_at", "occupied"] {
        reading.as_object_mut().unwrap().remove(field);
    }
    reading
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn single_readings_and_batches_arrive_by_mqtt_5() {
    readings_of_all_forms_arrive("5").await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn single_readings_and_batches_arrive_by_mqtt_3_1_1() {
    readings_of_all_forms_arrive("3.1.1").await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn what_is_delivered_twice_or_retained_is_stored_once() {
    let Some(broker) = Mosquitto::start().await else { return };
    // It is there before anybody listens, and is given to whoever does.
    let app = listening(&broker, &[]).await;
    let place = app.place(1).await;
    let device = app.new_device(&place, Some(0)).await;
    let topic = format!("gatehouse/{device}/telemetry");
    let reading = app.reading(&device, -30).to_string();
    broker.publish_retained(&topic, reading.clone()).await;
    until_stored(&app, &device, 1).await;
    for _ in 0..3 {
        broker.publish(&topic, reading.clone()).await;
    }
    let app = app.restart().await;
    broker.publish(&topic, app.reading(&device, -29).to_string()).await;
    until_stored(&app, &device, 2).await;
    assert_eq!(stored_times(&app, &device).len(), 2);
    let rejected: i64 = app.db().query_row("select count(*) from mqtt_rejections", [], |row| row.get(0)).unwrap();
    assert_eq!(rejected, 0, "a repeat is no refusal");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_fleet_publishes_at_once_and_each_reading_is_stored_once() {
    let Some(broker) = Mosquitto::start().await else { return };
    let app = listening(&broker, &[]).await;
    let place = app.place(1).await;
    let mut devices = Vec::new();
    for _ in 0..20 {
        devices.push(app.new_device(&place, None).await);
    }
    let messages = (0..50).flat_map(|number| devices.iter().map(move |device| (number, device)));
    let messages: Vec<_> =
        messages.map(|(number, device)| (format!("gatehouse/{device}/telemetry"), app.reading(device, number - 100))).collect();
    broker.publish_all(messages).await;
    for device in &devices {
        until_stored(&app, device, 50).await;
    }
    assert_eq!(stored(&app), 1_000);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_critical_voltage_wakes_the_dispatcher() {
    let Some(broker) = Mosquitto::start().await else { return };
    let receiver = gatehouse_tests::receiver::Receiver::start().await;
    let app = listening(&broker, &[("webhook_origin", &receiver.origin())]).await;
    let place = app.place(1).await;
    let device = app.new_device(&place, Some(0)).await;
    let mut reading = app.reading(&device, 0);
    reading["voltage"] = json!(312.0);
    broker.publish(&format!("gatehouse/{device}/telemetry"), reading.to_string()).await;
    // No scheduled run comes in this test.
    eventually("the alert is told", SOON, || async { (!receiver.requests().is_empty()).then_some(()) }).await;
}
