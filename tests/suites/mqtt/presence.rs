//! Whether a device is there, by its own word and by its last will.

use gatehouse_tests::mosquitto::Mosquitto;
use gatehouse_tests::{App, Client, eventually};
use serde_json::{Value, json};

use crate::support::{SOON, listening, until_stored};

async fn until_health(operator: &Client, device: &str, health: &str) -> Value {
    eventually(&format!("{device} is {health}"), SOON, || async {
        let device = operator.get(&format!("/api/devices/{device}")).await.expect(200);
        (device["health"] == health).then_some(device)
    })
    .await
}

async fn warnings(operator: &Client, status: &str) -> usize {
    let path = format!("/api/alerts/?alert_type=device_warning&status={status}");
    operator.get(&path).await.expect(200)["items"].as_array().unwrap().len()
}

async fn device_with_a_reading(app: &App, broker: &Mosquitto) -> String {
    let place = app.place(1).await;
    let device = app.new_device(&place, Some(0)).await;
    broker.publish(&format!("gatehouse/{device}/telemetry"), app.reading(&device, 0).to_string()).await;
    until_stored(app, &device, 1).await;
    device
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_last_will_is_a_warning_at_once_and_a_sign_of_life_ends_it() {
    let Some(broker) = Mosquitto::start().await else { return };
    let app = listening(&broker, &[]).await;
    let device = device_with_a_reading(&app, &broker).await;
    let operator = app.operator().await;
    until_health(&operator, &device, "healthy").await;

    let topic = format!("gatehouse/{device}/status");
    let connected = broker.connect_with_will(&topic, r#"{"status": "offline"}"#).await;
    drop(connected);
    until_health(&operator, &device, "warning").await;
    assert_eq!(warnings(&operator, "active").await, 1);
    // Said once more, and by the next scheduled run, it stays what it is.
    broker.publish(&topic, "offline").await;
    app.tick().await;
    assert_eq!(warnings(&operator, "active").await, 1);
    let overview = operator.get("/api/dashboard/overview/").await.expect(200);
    assert_eq!(overview["devices"], json!({"healthy": 0, "warning": 1, "offline": 0, "unknown": 0}));

    broker.publish(&topic, "online").await;
    until_health(&operator, &device, "healthy").await;
    assert_eq!((warnings(&operator, "active").await, warnings(&operator, "resolved").await), (0, 1));

    broker.publish(&topic, "\"OFFLINE\"").await;
    until_health(&operator, &device, "warning").await;
    broker.publish(&format!("gatehouse/{device}/telemetry"), app.reading(&device, 1).to_string()).await;
    until_health(&operator, &device, "healthy").await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn what_a_device_says_last_is_heard_last() {
    let Some(broker) = Mosquitto::start().await else { return };
    let app = listening(&broker, &[]).await;
    let device = device_with_a_reading(&app, &broker).await;
    let operator = app.operator().await;
    for round in 0..5 {
        let telemetry = format!("gatehouse/{device}/telemetry");
        let readings = (0..30).map(|number| (telemetry.clone(), app.reading(&device, -3_000 + round * 100 + number)));
        broker.publish_all(readings.chain([(format!("gatehouse/{device}/status"), json!("offline"))])).await;
        until_stored(&app, &device, 1 + 30 * (usize::try_from(round).unwrap() + 1)).await;
        until_health(&operator, &device, "warning").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_device_that_was_never_heard_of_does_not_leave() {
    let Some(broker) = Mosquitto::start().await else { return };
    let app = listening(&broker, &[]).await;
    let place = app.place(1).await;
    let device = app.new_device(&place, Some(0)).await;
    let rejected = broker.listen(&format!("gatehouse/{device}/rejected")).await;
    broker.publish(&format!("gatehouse/{device}/status"), "offline").await;
    broker.publish(&format!("gatehouse/{device}/status"), "what").await;
    rejected.wait_for(1).await;
    let operator = app.operator().await;
    until_health(&operator, &device, "unknown").await;
    assert_eq!(warnings(&operator, "active").await, 0);
}
