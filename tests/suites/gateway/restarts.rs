//! Either side restarts in mid-stream: nothing is lost and nothing comes twice, by the ids from end to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gatehouse_tests::clients::{Language, Program};
use gatehouse_tests::forwarder::Forwarder;
use gatehouse_tests::process::Process;
use gatehouse_tests::{App, unique};
use serde_json::{Value, json};

use super::ways::alone;

const JS: &str = include_str!("resuming.js");
const PYTHON: &str = include_str!("resuming.py");

const STARTED: Duration = Duration::from_secs(60);

/// Between two of a client's lines, while the application starts again.
const PATIENCE: Duration = Duration::from_secs(60);

/// Alerts in all, and after how many of them something is restarted.
const ALERTS: usize = 240;
const PHASE: usize = 80;

fn newest(app: &App) -> i64 {
    app.db().query_row("select coalesce(max(id), 0) from events", [], |row| row.get(0)).expect("a number")
}

fn written(app: &App, after: i64) -> Vec<i64> {
    let database = app.db();
    let mut rows = database.prepare("select id from events where channel = 'alerts' and id > ? order by id").expect("a statement");
    rows.query_map([after], |row| row.get(0)).expect("rows").map(|id| id.expect("an id")).collect()
}

/// Raises alerts through this address whatever happens, until so many were acknowledged.
async fn write(base_url: &str, token: &str, count: usize) {
    let http = reqwest::Client::new();
    let mut acknowledged = 0;
    while acknowledged < count {
        let body = json!({ "severity": "info", "message": unique("alert") });
        let request = http.post(format!("{base_url}/api/alerts/")).bearer_auth(token).json(&body).timeout(Duration::from_secs(5));
        match request.send().await {
            Ok(response) if response.status() == 201 => acknowledged += 1,
            _ => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn clients(url: &str, from: i64) -> Vec<(String, Program)> {
    let from = from.to_string();
    let mut clients = Vec::new();
    for (name, language, text, transports) in [
        ("Socket.IO by WebSocket", Language::JavaScript, JS, "websocket"),
        ("Socket.IO by polling", Language::JavaScript, JS, "polling"),
        ("Socket.IO by both", Language::JavaScript, JS, "polling,websocket"),
        ("WebSocket", Language::Python, PYTHON, ""),
    ] {
        let mut client = Program::start(language, name, text, &[url, &from, transports], &[]).await;
        client.next("connected", STARTED).await;
        clients.push((name.to_owned(), client));
    }
    clients
}

/// The ids that each client gets until it has the last one.
async fn read(clients: Vec<(String, Program)>, done: Arc<AtomicBool>, last: impl Fn() -> i64) -> Vec<(String, Vec<i64>)> {
    let mut all = Vec::new();
    for (name, mut client) in clients {
        let (mut ids, mut other) = (Vec::new(), Vec::new());
        loop {
            let is_done = done.load(Ordering::Acquire);
            if is_done && ids.last() == Some(&last()) {
                break;
            }
            let Some(line) = client.line(if is_done { PATIENCE } else { Duration::from_millis(200) }).await else {
                assert!(!is_done, "{name} waits for {} and has {:?}; it says {other:?}", last(), ids.last());
                continue;
            };
            let said: Value = serde_json::from_str(&line).expect("a line of JSON");
            if said[0] == "id" {
                ids.push(said[1].as_i64().unwrap_or_else(|| panic!("{name}: {said}")));
            } else {
                other.push(line);
            }
        }
        // Nothing comes after it.
        while let Some(line) = client.line(Duration::from_millis(300)).await {
            assert!(!line.contains("\"id\""), "{name}: {line}");
        }
        all.push((name, ids));
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn in_front_of_an_application_that_is_killed_and_by_a_gateway_that_restarts() {
    let state = tempfile::tempdir().expect("a temporary directory");
    let mut process = Process::start(state.path(), &[]);
    let token = process.app.operator().await.token().to_owned();
    let application = Forwarder::start(process.app.base_url()).await;
    let mut gateway = alone(&application.base_url(), &[]).await;
    let front = Forwarder::start(&gateway.base_url()).await;
    let start = newest(&process.app);
    let clients = clients(&front.base_url(), start).await;
    let done = Arc::new(AtomicBool::new(false));
    let address = application.base_url();
    let work = async {
        for phase in 0..ALERTS / PHASE {
            write(&address, &token, PHASE / 2).await;
            // In the middle of it, so that something happens while each is away.
            let writing = write(&address, &token, PHASE / 2);
            let restarting = async {
                if phase % 2 == 0 {
                    process.kill_9();
                    process = Process::start(state.path(), &[]);
                    application.lead_to(process.app.base_url());
                } else {
                    gateway.shutdown().await;
                    tokio::time::sleep(Duration::from_millis(300)).await;
                    gateway = alone(&application.base_url(), &[]).await;
                    front.lead_to(&gateway.base_url());
                }
                (process, gateway)
            };
            let ((), (restarted, other)) = futures::join!(writing, restarting);
            (process, gateway) = (restarted, other);
        }
        done.store(true, Ordering::Release);
        (process, gateway)
    };
    let database = state.path().join("default.db");
    let last = || -> i64 {
        let connection = rusqlite::Connection::open(&database).expect("the database opens");
        connection.query_row("select max(id) from events where channel = 'alerts'", [], |row| row.get(0)).expect("a number")
    };
    let ((process, gateway), read) = futures::join!(work, read(clients, done.clone(), last));
    let written = written(&process.app, start);
    assert!(written.len() >= ALERTS, "{}", written.len());
    for (name, ids) in read {
        assert_eq!(ids, written, "{name}");
    }
    gateway.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn inside_an_application_that_is_killed() {
    let state = tempfile::tempdir().expect("a temporary directory");
    let mut process = Process::start(state.path(), &[]);
    let token = process.app.operator().await.token().to_owned();
    let front = Forwarder::start(process.app.base_url()).await;
    let start = newest(&process.app);
    let clients = clients(&front.base_url(), start).await;
    let done = Arc::new(AtomicBool::new(false));
    let address = front.base_url();
    let work = async {
        for _ in 0..2 {
            write(&address, &token, PHASE / 2).await;
            let writing = write(&address, &token, PHASE / 2);
            let restarting = async {
                process.kill_9();
                process = Process::start(state.path(), &[]);
                front.lead_to(process.app.base_url());
                process
            };
            let ((), restarted) = futures::join!(writing, restarting);
            process = restarted;
        }
        done.store(true, Ordering::Release);
        process
    };
    let database = state.path().join("default.db");
    let last = || -> i64 {
        let connection = rusqlite::Connection::open(&database).expect("the database opens");
        connection.query_row("select max(id) from events where channel = 'alerts'", [], |row| row.get(0)).expect("a number")
    };
    let (process, read) = futures::join!(work, read(clients, done.clone(), last));
    let written = written(&process.app, start);
    for (name, ids) in read {
        assert_eq!(ids, written, "{name}");
    }
}
