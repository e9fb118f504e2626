//! What is refused is counted and told, and keeps nothing from arriving that follows it.

use gatehouse_tests::mosquitto::Mosquitto;
use serde_json::{Value, json};

use crate::support::{listening, stored, until_stored};

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn what_is_refused_is_counted_and_told_and_blocks_nothing() {
    let Some(broker) = Mosquitto::start().await else { return };
    let app = listening(&broker, &[]).await;
    let place = app.place(2).await;
    let (device, other) = (app.new_device(&place, Some(0)).await, app.new_device(&place, Some(1)).await);
    let rejected = broker.listen("gatehouse/+/rejected").await;
    let topic = format!("gatehouse/{device}/telemetry");
    let mut out_of_range = app.reading(&device, -10);
    out_of_range["voltage"] = json!(501);
    out_of_range["power_factor"] = json!("bad");
    let batch = json!([app.reading(&device, -9), app.reading(&other, -9), {"device_code": device}]);
    let poison: [(&str, String); 7] = [
        ("unreadable", "not JSON \u{1F4A5}".to_owned()),
        ("unreadable", String::new()),
        ("invalid", out_of_range.to_string()),
        ("mismatch", app.reading(&other, -10).to_string()),
        ("in_batch", batch.to_string()),
        ("too_large", json!(vec![0; 5_001]).to_string()),
        ("invalid", "{}".to_owned()),
    ];
    for (_, payload) in &poison {
        broker.publish(&topic, payload.clone()).await;
    }
    broker.publish("gatehouse/GHOST-1/telemetry", app.reading("GHOST-1", 0).to_string()).await;
    broker.publish(&format!("gatehouse/{device}/status"), "asleep").await;
    broker.publish(&topic, app.reading(&device, -8).to_string()).await;
    until_stored(&app, &device, 2).await;

    let notices = rejected.wait_for(9).await;
    let of_device: Vec<&Value> =
        notices.iter().filter(|(at, _)| *at == format!("gatehouse/{device}/rejected")).map(|(_, notice)| notice).collect();
    let reasons: Vec<_> = of_device.iter().map(|notice| notice["reason"].as_str().unwrap()).collect();
    let expected: Vec<_> = poison.iter().map(|(reason, _)| *reason).chain(["unreadable"]).collect();
    assert_eq!(reasons, expected, "in the order of the messages");
    let invalid = of_device[2];
    assert!(invalid["errors"]["voltage"].is_array() && invalid["errors"]["power_factor"].is_array(), "{invalid}");
    assert_eq!((invalid["topic"].as_str(), invalid["payload"].as_str()), (Some(topic.as_str()), Some(out_of_range.to_string().as_str())));
    assert_eq!((&of_device[4]["rejected"], &of_device[4]["readings"][0]["index"]), (&json!(2), &json!(1)));
    let ghosts: Vec<_> = notices.iter().filter(|(at, _)| at == "gatehouse/GHOST-1/rejected").map(|(_, notice)| &notice["reason"]).collect();
    assert_eq!(ghosts, ["unknown_device"]);

    assert!(crate::support::stored_times(&app, &other).is_empty(), "nobody speaks for another device");
    let metrics = app.anonymous().get("/metrics").await.text();
    for (reason, count) in
        [("unreadable", 3), ("invalid", 2), ("mismatch", 1), ("in_batch", 2), ("too_large", 1), ("unknown_device", 1), ("topic", 0)]
    {
        let line = format!("gatehouse_mqtt_rejected_total{{reason=\"{reason}\"}} {count}");
        assert!(metrics.lines().any(|it| it == line), "{line} is not in\n{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_device_out_of_use_sends_nothing() {
    let Some(broker) = Mosquitto::start().await else { return };
    let app = listening(&broker, &[]).await;
    let place = app.place(1).await;
    let device = app.new_device(&place, Some(0)).await;
    app.admin().await.patch(&format!("/api/devices/{device}"), json!({"is_active": false})).await.expect(200);
    let rejected = broker.listen(&format!("gatehouse/{device}/rejected")).await;
    for topic in ["telemetry", "status"] {
        let payload = if topic == "status" { json!("online") } else { app.reading(&device, 0) };
        broker.publish(&format!("gatehouse/{device}/{topic}"), payload.to_string()).await;
    }
    let reasons: Vec<_> = rejected.wait_for(2).await.into_iter().map(|(_, notice)| notice["reason"].clone()).collect();
    assert_eq!(reasons, ["unknown_device", "unknown_device"]);
    assert_eq!(stored(&app), 0);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn what_is_refused_without_end_is_logged_once_a_minute() {
    let Some(broker) = Mosquitto::start().await else { return };
    let directory = tempfile::tempdir().unwrap();
    let address = broker.address();
    let server = gatehouse_tests::process::Process::start(directory.path(), &[("mqtt_address", &address)]);
    broker.until_subscribed(0).await;
    let place = server.app.place(1).await;
    let device = server.app.new_device(&place, Some(0)).await;
    let messages = (0..200).map(|_| (format!("gatehouse/{device}/telemetry"), json!("nonsense")));
    broker.publish_all(messages).await;
    broker.publish(&format!("gatehouse/{device}/telemetry"), server.app.reading(&device, 0).to_string()).await;
    until_stored(&server.app, &device, 1).await;
    let lines: Vec<_> = server.log().lines().filter(|line| line.contains("mqtt message rejected")).map(str::to_owned).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let counted: i64 =
        server.app.db().query_row("select count from mqtt_rejections where reason = 'unreadable'", [], |row| row.get(0)).unwrap();
    assert_eq!(counted, 200);
}
