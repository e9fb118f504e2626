//! What the tests share: an application that listens to a broker, and what it has stored.

use std::collections::BTreeSet;
use std::time::Duration;

use gatehouse_tests::mosquitto::Mosquitto;
use gatehouse_tests::{App, eventually};

/// What is published arrives within this time, also after the longest pause between two attempts to connect.
pub const SOON: Duration = Duration::from_secs(60);

/// The application, which listens to the broker.
pub async fn listening(broker: &Mosquitto, variables: &[(&str, &str)]) -> App {
    let address = broker.address();
    let variables: Vec<_> = [("mqtt_address", address.as_str())].into_iter().chain(variables.iter().copied()).collect();
    let before = broker.subscriptions();
    let app = App::embedded(&variables).await.expect("the embedded host");
    broker.until_subscribed(before).await;
    app
}

/// The times of the stored readings of a device.
pub fn stored_times(app: &App, device: &str) -> BTreeSet<i64> {
    let db = app.db();
    let mut statement =
        db.prepare("select r.at from readings r join devices d on d.id = r.device_id where d.code = ?").expect("a statement");
    let times = statement.query_map([device], |row| row.get(0)).expect("rows");
    times.map(|at| at.expect("a time")).collect()
}

/// How many readings are stored.
pub fn stored(app: &App) -> i64 {
    app.db().query_row("select count(*) from readings", [], |row| row.get(0)).expect("a count")
}

/// Waits until so many readings of a device are stored.
pub async fn until_stored(app: &App, device: &str, count: usize) {
    eventually(&format!("{count} readings of {device}"), SOON, || async { (stored_times(app, device).len() >= count).then_some(()) }).await;
    assert_eq!(stored_times(app, device).len(), count);
}
