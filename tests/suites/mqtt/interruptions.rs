//! The broker goes and comes back, the program is killed, the database is held: each reading is stored once, and none is lost.

use std::collections::BTreeSet;
use std::time::Duration;

use gatehouse_tests::App;
use gatehouse_tests::mosquitto::Mosquitto;
use gatehouse_tests::process::Process;
use serde_json::Value;

use crate::support::{listening, stored_times, until_stored};

/// So many readings of a device, a second apart, from `first` on.
fn readings(app: &App, device: &str, first: i64, count: i64) -> Vec<(String, Value)> {
    (first..first + count).map(|number| (format!("gatehouse/{device}/telemetry"), app.reading(device, number - 50_000))).collect()
}

/// The stored readings of a device, once there are so many of them or nothing more has come for a while.
async fn settled(app: &App, device: &str, expected: usize) -> BTreeSet<i64> {
    let mut stored = BTreeSet::new();
    let mut idle = 0;
    while stored.len() < expected && idle < 60 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = stored_times(app, device);
        idle = if now.len() > stored.len() { 0 } else { idle + 1 };
        stored = now;
    }
    stored
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_broker_that_comes_back_goes_on_where_it_was() {
    let Some(mut broker) = Mosquitto::start().await else { return };
    for version in ["3.1.1", "5"] {
        let app = listening(&broker, &[("mqtt_version", version)]).await;
        let place = app.place(1).await;
        let device = app.new_device(&place, Some(0)).await;
        broker.publish_all(readings(&app, &device, 0, 5)).await;
        until_stored(&app, &device, 5).await;
        broker.stop();
        tokio::time::sleep(Duration::from_secs(2)).await;
        broker.resume().await;
        // Also what it takes before the application is back.
        broker.publish_all(readings(&app, &device, 5, 5)).await;
        until_stored(&app, &device, 10).await;
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_broker_that_is_away_at_the_start_is_waited_for() {
    let Some(mut broker) = Mosquitto::start().await else { return };
    broker.stop();
    let address = broker.address();
    let app = App::embedded(&[("mqtt_address", &address)]).await.expect("the embedded host");
    app.anonymous().get("/health").await.expect(200);
    let place = app.place(1).await;
    let device = app.new_device(&place, Some(0)).await;
    broker.resume().await;
    broker.until_subscribed(0).await;
    broker.publish_all(readings(&app, &device, 0, 3)).await;
    until_stored(&app, &device, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn while_the_application_is_away_the_broker_keeps_its_readings() {
    let Some(mut broker) = Mosquitto::start().await else { return };
    let app = listening(&broker, &[]).await;
    let place = app.place(1).await;
    let device = app.new_device(&place, Some(0)).await;
    broker.publish_all(readings(&app, &device, 0, 1)).await;
    until_stored(&app, &device, 1).await;
    let later = readings(&app, &device, 1, 500);
    let state = app.stop_keeping_state().await;
    broker.publish_all(later).await;
    broker.stop();
    broker.resume().await;
    let address = broker.address();
    let server = Process::start(state.path(), &[("mqtt_address", &address)]);
    until_stored(&server.app, &device, 501).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn kill_9_with_unacknowledged_messages_loses_none_and_stores_none_twice() {
    let Some(broker) = Mosquitto::start().await else { return };
    for version in ["3.1.1", "5"] {
        let directory = tempfile::tempdir().unwrap();
        let address = broker.address();
        let variables = [("mqtt_address", address.as_str()), ("mqtt_version", version)];
        let mut devices = Vec::new();
        let mut published: i64 = 0;
        let before = broker.subscriptions();
        for round in 0..3 {
            let server = Process::start(directory.path(), &variables);
            if devices.is_empty() {
                let place = server.app.place(1).await;
                for _ in 0..4 {
                    devices.push(server.app.new_device(&place, None).await);
                }
                broker.until_subscribed(before).await;
            }
            // Interleaved, so that all lanes are at work when it is killed.
            let of_devices: Vec<_> = devices.iter().map(|device| readings(&server.app, device, published, 400)).collect();
            let messages = (0..400).flat_map(|number| of_devices.iter().map(move |of| of[number].clone()));
            broker.publish_all(messages.collect::<Vec<_>>()).await;
            published += 400;
            tokio::time::sleep(Duration::from_millis(40 + 60 * round)).await;
            server.kill_9();
        }
        let server = Process::start(directory.path(), &variables);
        let expected = usize::try_from(published).unwrap();
        for device in &devices {
            let times = settled(&server.app, device, expected).await;
            assert_eq!(times.len(), expected, "MQTT {version}, {}", server.log());
            let counted: i64 = server
                .app
                .db()
                .query_row("select s.readings from device_state s join devices d on d.id = s.device_id where d.code = ?", [device], |row| {
                    row.get(0)
                })
                .unwrap();
            assert_eq!(counted, published, "MQTT {version}: each is counted once");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn what_cannot_be_stored_is_not_acknowledged_and_is_stored_when_it_can_be() {
    let Some(broker) = Mosquitto::start().await else { return };
    let Some(disk) = gatehouse_tests::disk::SmallDisk::mount(32) else { return };
    let address = broker.address();
    let app = App::embedded_in(disk.path(), &[("mqtt_address", &address)]).await.expect("the embedded host");
    broker.until_subscribed(0).await;
    let place = app.place(1).await;
    let device = app.new_device(&place, Some(0)).await;
    let other = app.new_device(&place, None).await;
    broker.publish_all(readings(&app, &device, 0, 10)).await;
    until_stored(&app, &device, 10).await;
    disk.fill();
    broker.publish_all(readings(&app, &device, 10, 2_000).into_iter().chain(readings(&app, &other, 0, 100))).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(stored_times(&app, &device).len() < 2_010, "the disk takes everything");
    disk.make_room();
    until_stored(&app, &device, 2_010).await;
    until_stored(&app, &other, 100).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_database_that_is_held_delays_and_loses_nothing() {
    let Some(broker) = Mosquitto::start().await else { return };
    let app = listening(&broker, &[]).await;
    let place = app.place(1).await;
    let device = app.new_device(&place, Some(0)).await;
    let holder = app.db();
    holder.execute_batch("begin immediate").unwrap();
    broker.publish_all(readings(&app, &device, 0, 100)).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    holder.execute_batch("rollback").unwrap();
    until_stored(&app, &device, 100).await;
}
