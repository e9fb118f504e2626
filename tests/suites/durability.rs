//! Acknowledged means durable: what was answered with 201 is there after kill -9, readings and messages alike.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use futures::future::join_all;
use gatehouse_tests::process::{Process, serve_if_asked};
use gatehouse_tests::rfc3339;
use reqwest::Method;
use serde_json::json;

#[path = "durability/mixed.rs"]
mod mixed;

#[tokio::test(flavor = "multi_thread")]
async fn server_process() {
    serve_if_asked().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn kill_9_under_load_loses_no_acknowledged_reading() {
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeSet::new();
    let mut device = String::new();
    for round in 0..3_i64 {
        let server = Process::start(directory.path(), &[]);
        if device.is_empty() {
            let place = server.app.place(1).await;
            device = server.app.new_device(&place, Some(0)).await;
        }
        let operator = server.app.operator().await;
        let heard = Mutex::new(Vec::new());
        let base_ms = server.app.now_ms() - 10_000_000 + round * 1_000_000;
        let senders = (0..16_i64).map(|sender| {
            let (operator, device, heard) = (&operator, &device, &heard);
            async move {
                for count in 0.. {
                    let at = base_ms + sender * 50_000 + count;
                    let timestamp = rfc3339(at);
                    let reading = json!({
                        "device_code": device, "voltage": 230.0, "current": 1.0, "power_factor": 1.0, "timestamp": timestamp,
                    });
                    match operator.request(Method::POST, "/api/telemetry/").json(&reading).send().await {
                        Ok(answer) if answer.status() == 201 => heard.lock().unwrap().push(at),
                        Ok(answer) => panic!("{}", answer.status()),
                        Err(_) => return,
                    }
                }
            }
        });
        let killer = async {
            // The first answer waits for the component to be compiled.
            while heard.lock().unwrap().len() < 200 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            tokio::time::sleep(Duration::from_millis(300 + 211 * u64::try_from(round).unwrap())).await;
            server.kill_9();
        };
        tokio::join!(join_all(senders), killer);
        let heard = heard.into_inner().unwrap();
        acknowledged.extend(heard);
    }

    let server = Process::start(directory.path(), &[]);
    let stored: BTreeSet<i64> = {
        let db = server.app.db();
        let mut statement = db.prepare("select at from readings").unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    let lost: Vec<_> = acknowledged.difference(&stored).collect();
    assert!(lost.is_empty(), "{} of {} acknowledged readings are gone", lost.len(), acknowledged.len());
    let counted: i64 = server.app.db().query_row("select readings from device_state", [], |row| row.get(0)).unwrap();
    assert_eq!(usize::try_from(counted).unwrap(), stored.len());
    let operator = server.app.operator().await;
    operator.post("/api/telemetry/", server.app.reading(&device, 0)).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn kill_9_under_load_loses_no_queued_message() {
    let receiver = gatehouse_tests::receiver::Receiver::start().await;
    receiver.respond_with(503);
    let origin = receiver.origin();
    let variables = [("webhook_origin", origin.as_str())];
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeSet::new();
    for _ in 0..2 {
        let server = Process::start(directory.path(), &variables);
        let operator = server.app.operator().await;
        let heard = Mutex::new(Vec::new());
        let senders = (0..8).map(|_| {
            let (operator, heard) = (&operator, &heard);
            async move {
                loop {
                    let alert = json!({"alert_type": "intrusion", "severity": "critical", "message": "A gate is open"});
                    match operator.request(Method::POST, "/api/alerts/").json(&alert).send().await {
                        Ok(answer) if answer.status() == 201 => {
                            if let Ok(alert) = answer.json::<serde_json::Value>().await {
                                heard.lock().unwrap().push(alert["id"].as_str().unwrap().to_owned());
                            }
                        }
                        Ok(answer) => panic!("{}", answer.status()),
                        Err(_) => return,
                    }
                    // Hundreds suffice: each is delivered below.
                    tokio::time::sleep(Duration::from_millis(60)).await;
                }
            }
        });
        let killer = async {
            while heard.lock().unwrap().len() < 20 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
            server.kill_9();
        };
        tokio::join!(join_all(senders), killer);
        acknowledged.extend(heard.into_inner().unwrap());
    }

    let server = Process::start(directory.path(), &variables);
    let db = server.app.db();
    let queued: BTreeSet<String> = {
        let mut statement = db.prepare("select subject from outbox").unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    let lost: Vec<_> = acknowledged.difference(&queued).collect();
    assert!(lost.is_empty(), "{} of {} acknowledged alerts would never be told", lost.len(), acknowledged.len());
}
