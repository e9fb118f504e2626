//! Clients as their authors write them: the examples of docs/guide/mqtt.md as they stand there, and the simulated fleet.

use std::process::Command;
use std::time::Duration;

use gatehouse::seed::{self, Deployment};
use gatehouse::simulate;
use gatehouse_tests::mosquitto::Mosquitto;
use gatehouse_tests::tools::{debian_program, output, python_with_paho};
use gatehouse_tests::{App, eventually, root};
use serde_json::json;

use crate::support::{SOON, listening, stored, until_stored};

/// The example of this language in the guide, with the device, the broker and the time of this test.
fn example(language: &str, app: &App, broker: &Mosquitto) -> String {
    let guide = std::fs::read_to_string(root().join("docs/guide/mqtt.md")).unwrap();
    let begins = format!("```{language}\n");
    let (_, rest) = guide.split_once(&begins).unwrap_or_else(|| panic!("no example in {language}"));
    let (example, _) = rest.split_once("```").unwrap();
    let port = broker.port().to_string();
    let now = app.time(0);
    for piece in ["broker.example", "8883"] {
        assert!(example.contains(piece), "{piece} is not in the example in {language}");
    }
    // Against a broker of this machine: without TLS and password, and by the clock of this test.
    let lines = example.lines().filter(|line| !line.contains("tls_set") && !line.contains("username_pw_set"));
    let example: String = lines.map(|line| format!("{line}\n")).collect();
    example
        .replace("broker.example", "127.0.0.1")
        .replace("8883", &port)
        .replace(" --cafile ca.pem -u PARK-B1-S005 -P \"$KEY\"", "")
        .replace("$(date -u +%FT%TZ)", &now)
        .replace("datetime.now(timezone.utc).isoformat()", &format!("\"{now}\""))
}

async fn device(app: &App) {
    let place = app.place(1).await;
    let body = json!({"device_code": "PARK-B1-S005", "site": place.site, "zone": place.zone});
    app.admin().await.post("/api/devices/", body).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn the_guides_command_line_works_as_it_stands_there() {
    if debian_program("mosquitto-clients", "mosquitto_pub").is_none() {
        return;
    }
    let Some(broker) = Mosquitto::start().await else { return };
    let app = listening(&broker, &[]).await;
    device(&app).await;
    let script = example("sh", &app, &broker);
    tokio::task::spawn_blocking(move || output(Command::new("sh").args(["-ec", &script]))).await.unwrap();
    until_stored(&app, "PARK-B1-S005", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn the_guides_publisher_in_python_works_as_it_stands_there() {
    let Some(broker) = Mosquitto::start().await else { return };
    let app = listening(&broker, &[("mqtt_acks", "true")]).await;
    device(&app).await;
    let acks = broker.listen("gatehouse/PARK-B1-S005/ack").await;
    let script = example("python", &app, &broker);
    tokio::task::spawn_blocking(move || output(Command::new(python_with_paho()).args(["-c", &script]))).await.unwrap();
    until_stored(&app, "PARK-B1-S005", 1).await;
    acks.wait_for(1).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn the_simulated_fleet_publishes() {
    let Some(broker) = Mosquitto::start().await else { return };
    let app = listening(&broker, &[]).await;
    let directory = tempfile::tempdir().unwrap();
    let credentials = directory.path().join("demo-credentials.json");
    let (email, password) = app.admin_credentials();
    let deployment = Deployment { clock: app.clock(), request_id: None };
    let seeding = seed::Args {
        base_url: app.base_url().to_owned(),
        admin_email: email.to_owned(),
        admin_password: password.to_owned(),
        credentials: credentials.clone(),
        seed: 1,
        history_days: 0,
        every_minutes: 20,
        batch: seed::DEFAULT_BATCH,
        tick_secret: None,
        deployment: deployment.clone(),
    };
    seed::run(seeding).await.expect("seeding");
    let before = stored(&app);
    let summary = simulate::run(simulate::Args {
        base_url: None,
        mqtt: Some(broker.address()),
        credentials,
        rate: 100.0,
        duration: Some(Duration::from_secs(5)),
        devices: None,
        faults: "late=10,duplicate=10,bad=15,surge=0".parse().expect("faults"),
        silent: Vec::new(),
        concurrency: 32,
        seed: 1,
        deployment,
    })
    .await
    .expect("a run");
    assert!(summary.errors == 0 && summary.sent >= 250 && summary.published == summary.sent, "{summary}");
    let reasons: Vec<_> = summary.refused_later.keys().map(String::as_str).collect();
    assert_eq!(reasons, ["invalid", "unknown_device"], "{summary}");
    let refused: u64 = summary.refused_later.values().sum();
    let most = i64::try_from(summary.published - refused).unwrap();
    // Repeats are neither refused nor stored.
    eventually("what was published is stored", SOON, || async { (stored(&app) - before > most * 8 / 10).then_some(()) }).await;
    assert!(stored(&app) - before <= most, "{summary}");
}
