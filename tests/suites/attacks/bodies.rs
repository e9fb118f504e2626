//! Bodies that are large, or that turn into much when they are read.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::join_all;
use gatehouse_tests::process::Process;
use gatehouse_tests::{App, Client};
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;

/// The most memory that the process may have at any time, MiB.
const MOST_MEMORY_MIB: u64 = 400;

const MIB: usize = 1 << 20;

/// `[{"a":{"a":…}},…]` of this many bytes: each object takes a hundred times its text once it is read.
fn nested(bytes: usize) -> Bytes {
    let element = format!("{}1{}", r#"{"a":"#.repeat(100), "}".repeat(100));
    let mut body = String::with_capacity(bytes + element.len());
    body.push('[');
    while body.len() < bytes {
        body.push_str(&element);
        body.push(',');
    }
    body.pop();
    body.push(']');
    body.into()
}

/// An array with as many values as a body may have, padded to this many bytes.
fn most_values(bytes: usize) -> Bytes {
    let element = format!("{}1{}", r#"{"a":"#.repeat(19), "}".repeat(19));
    let mut body = format!("[{}", vec![element; 4_900].join(","));
    body.push_str(&" ".repeat(bytes.saturating_sub(body.len() + 1)));
    body.push(']');
    body.into()
}

async fn statuses(client: &Client, path: &str, bodies: impl IntoIterator<Item = reqwest::Body>) -> Vec<StatusCode> {
    let sent = bodies.into_iter().map(|body| {
        let request = client.request(Method::POST, path).header("content-type", "application/json").body(body);
        async move { request.send().await.expect("an answer").status() }
    });
    join_all(sent).await
}

/// Asks for something small again and again while `attack` runs; each answer is good.
async fn beside<T>(app: &App, attack: impl Future<Output = T>) -> T {
    let is_over = AtomicBool::new(false);
    let reader = async {
        // Each by a connection of its own: the server closes one that the attack has left idle, which a client may notice too late.
        let http = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().expect("a client");
        let reader = Client::new(http, app.base_url().to_owned(), None);
        let mut count = 0;
        while !is_over.load(Ordering::Relaxed) {
            reader.get("/api/sites").await.expect(200);
            count += 1;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        count
    };
    let attack = async {
        let outcome = attack.await;
        is_over.store(true, Ordering::Relaxed);
        outcome
    };
    let (outcome, count) = tokio::join!(attack, reader);
    assert!(count > 0);
    outcome
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn large_bodies_of_strangers_are_refused_and_take_no_memory() {
    let directory = tempfile::tempdir().unwrap();
    let server = Process::start_compiled(directory.path(), &[]).await;
    let stranger = server.app.anonymous();
    stranger.get("/api/sites").await.expect(200);
    let bodies: Vec<Bytes> = [2, 4, 6, 10].map(|mib| nested(mib * MIB - 1000)).into();
    for path in ["/api/auth/login", "/api/auth/register", "/api/emergency/", "/api/telemetry/"] {
        let whole = bodies.iter().cycle().take(48).map(|body| body.clone().into());
        let in_pieces = bodies.iter().cycle().take(16).map(|body| {
            let pieces: Vec<_> = body.chunks(64 * 1024).map(|piece| Ok::<_, std::io::Error>(body.slice_ref(piece))).collect();
            reqwest::Body::wrap_stream(futures::stream::iter(pieces).boxed())
        });
        let answers = beside(&server.app, async {
            let (whole, in_pieces) = tokio::join!(statuses(&stranger, path, whole), statuses(&stranger, path, in_pieces));
            [whole, in_pieces].concat()
        });
        assert_eq!(answers.await, vec![StatusCode::PAYLOAD_TOO_LARGE; 64], "{path}");
    }
    let peak = server.peak_memory_mib();
    assert!(peak < MOST_MEMORY_MIB, "{peak} MiB");
    server.app.admin().await.get("/api/users/me").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn bodies_of_those_who_are_signed_in_wait_for_memory() {
    let directory = tempfile::tempdir().unwrap();
    let server = Process::start_compiled(directory.path(), &[]).await;
    let operator = server.app.operator().await;
    let somnath = "/api/crowd/temple/somnath/update";
    let attack = async |path: &str, body: Bytes| {
        let bodies = (0..64).map(|_| body.clone().into());
        beside(&server.app, statuses(&operator, path, bodies)).await
    };
    // Beyond the limit of the route: refused before the body is read.
    for path in ["/api/bookings/", "/api/alerts/"] {
        let answers = attack(path, nested(1_850_000)).await;
        assert!(answers.iter().all(|status| *status == 413), "{path}: {answers:?}");
    }
    // Beyond the limit of a body's values: it has to be read. Who waits for memory in vain is told to come back.
    for path in ["/api/telemetry/bulk/", somnath] {
        let answers = attack(path, nested(1_850_000)).await;
        assert!(answers.iter().all(|status| [413, 503].contains(&status.as_u16())), "{path}: {answers:?}");
        assert!(answers.iter().any(|status| *status == 413), "{path}: {answers:?}");
    }
    // Within both: each element is read, and named as bad.
    for path in ["/api/telemetry/bulk/", somnath] {
        let answers = attack(path, most_values(1_850_000)).await;
        assert!(answers.iter().all(|status| [200, 503, 504].contains(&status.as_u16())), "{path}: {answers:?}");
        assert!(answers.iter().any(|status| *status == 200), "{path}: {answers:?}");
    }
    let peak = server.peak_memory_mib();
    assert!(peak < MOST_MEMORY_MIB, "{peak} MiB");
    let one = operator.post(somnath, json!({"zone": "museum", "count": 3, "timestamp": server.app.time(0)})).await;
    one.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_has_the_limit_of_its_route_as_it_is_sent_and_as_it_is_decoded() {
    let app = App::start().await;
    let admin = app.admin().await;
    let text = |bytes: usize| format!("{{\"email\": \"{}\"}}", "a".repeat(bytes - 13));
    let packed = |bytes: usize| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, text(bytes).as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let gzip = admin.header("content-encoding", "gzip");
    for (path, kib) in [
        ("/api/auth/login", 16),
        ("/v0/api/users/users/", 16),
        ("/api/sites", 256),
        ("/api/telemetry", 256),
        ("/api/parking-log/", 256),
        ("/api/bookings/", 256),
        ("/api/telemetry/bulk", 10_240),
        ("/api/telemetry/bulk/", 10_240),
        ("/api/bookings/checkin/batch/", 10_240),
        ("/api/crowd/temple/somnath/update", 10_240),
    ] {
        assert_eq!(text(100).len(), 100);
        for bytes in [kib * 1024, kib * 1024 + 1] {
            let is_too_large = bytes > kib * 1024;
            let plain = admin.send_bytes(Method::POST, path, "application/json", text(bytes)).await;
            assert_eq!(plain.status == 413, is_too_large, "{path}: {bytes} bytes: {}", plain.status);
            assert!(plain.status < 500, "{path}: {}", plain.status);
            let packed = gzip.send_bytes(Method::POST, path, "application/json", packed(bytes)).await;
            assert_eq!(packed.status == 413, is_too_large, "{path}: {bytes} bytes when decoded: {}", packed.status);
        }
    }
    // A client cannot say that it is on another route.
    let liar = app.anonymous().header("spin-raw-component-route", "/api/telemetry/bulk").header("content-encoding", "gzip");
    liar.send_bytes(Method::POST, "/api/telemetry", "application/json", packed(300 * 1024)).await.expect_problem(413);
}

#[tokio::test(flavor = "multi_thread")]
async fn json_has_an_end_in_depth_and_in_values() {
    let app = App::start().await;
    let operator = app.admin().await;
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    for path in ["/api/auth/login", "/api/sites", "/api/alerts/", "/api/crowd/temple/somnath/update", "/api/bookings/checkin/batch"] {
        operator.send_bytes(Method::POST, path, "application/json", deep(8_000)).await.expect_problem(400);
    }
    for path in ["/api/telemetry/bulk", "/api/crowd/temple/somnath/update", "/api/bookings/checkin/batch"] {
        let many = format!("[{}]", vec!["{}"; 100_000].join(","));
        operator.send_bytes(Method::POST, path, "application/json", many).await.expect_problem(413);
        let text = operator.send_bytes(Method::POST, path, "application/json", format!("[\"{}\"]", ",".repeat(200_000))).await;
        assert!([200, 422].contains(&text.status), "{path}: what stands in a text is no value: {}", text.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn who_announces_much_and_sends_nothing_keeps_nobody_waiting() {
    let Some(app) = App::embedded(&[]).await else { return };
    let operator = app.operator().await;
    let address = app.base_url().trim_start_matches("http://").to_owned();
    let mut silent = Vec::new();
    for _ in 0..8 {
        let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        let head = format!("POST /api/telemetry/bulk HTTP/1.1\r\nhost: {address}\r\ncontent-length: {}\r\n\r\n", 10 * MIB);
        stream.write_all(head.as_bytes()).await.unwrap();
        silent.push(stream);
    }
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    // Of a size for which room is taken; each is judged, and none is of a device that there is.
    let readings: Vec<_> = (0..1_000).map(|second| app.reading("NONE", -second)).collect();
    let answer = operator.post("/api/telemetry/bulk/", json!(readings)).await;
    assert!(![503, 504].contains(&answer.status), "{}", answer.status);
    drop(silent);
}
