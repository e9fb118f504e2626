//! Heads of requests that are large, or do not end.

use std::time::Duration;

use gatehouse_tests::App;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

async fn connect(app: &App, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(app.base_url().trim_start_matches("http://")).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn half_a_head_is_kept_up_to_32_kib_and_refused_beyond() {
    let Some(app) = App::embedded(&[]).await else { return };
    let half = |bytes: usize| format!("GET /health HTTP/1.1\r\nhost: a\r\nx-long: {}", "a".repeat(bytes));
    for (bytes, what) in [(40 << 10, "one header"), (120 << 10, "more than the system takes at once")] {
        let mut stream = connect(&app, half(bytes).as_bytes()).await;
        let mut answer = String::new();
        // At once: the head has no end, and the client has 30 seconds for it.
        let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_string(&mut answer)).await;
        read.unwrap_or_else(|_| panic!("{what}: no answer")).unwrap_or_else(|error| panic!("{what}: {error}: {answer}"));
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{what}: {answer:?}"));
        assert!(head.starts_with("HTTP/1.1 431 "), "{what}: {head}");
        let head = head.to_lowercase();
        for header in ["content-type: application/problem+json", "x-request-id: ", "connection: close"] {
            assert!(head.contains(header), "{what}: {header}: {head}");
        }
        assert_eq!(serde_json::from_str::<Value>(body).unwrap()["status"], 431, "{what}");
    }
    // One that ends within the limits is served, in however many pieces it comes.
    let mut stream = connect(&app, half(15 << 10).as_bytes()).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    stream.write_all(b"\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(Duration::from_secs(10), stream.read_to_string(&mut answer)).await.expect("an answer").unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}
