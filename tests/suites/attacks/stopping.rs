//! What a client has sent when the server is told to stop is answered.

use std::time::Duration;

use gatehouse_tests::root;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

async fn start(state: &std::path::Path) -> gatehouse::App {
    let builder = gatehouse::App::builder()
        .manifest(root().join("spin.toml"))
        .state_dir(state)
        .cache_dir(gatehouse_tests::cache_directory())
        .listen("127.0.0.1:0")
        .clock(gatehouse_tests::clock_at_start())
        .cron(false);
    let app = builder.start().await.unwrap();
    app.load_components().await.unwrap();
    app
}

async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer));
    read.await.expect("the connection ends").expect("and not by a reset");
    String::from_utf8_lossy(&answer).into_owned()
}

fn expect_last(answer: &str, status: u16, what: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{what}: {answer:?}");
    assert!(answer.to_lowercase().contains("connection: close"), "{what}: {answer:?}");
}

/// On one thread: while the test opens connections, the server accepts none of them.
#[tokio::test]
#[cfg_attr(remote, ignore = "needs a process of its own")]
async fn connections_that_wait_to_be_accepted_are_answered() {
    let state = tempfile::tempdir().unwrap();
    let app = start(state.path()).await;
    let address = app.base_url().trim_start_matches("http://").to_owned();
    let waiting: Vec<_> = (0..40)
        .map(|_| {
            let mut stream = std::net::TcpStream::connect(&address).unwrap();
            std::io::Write::write_all(&mut stream, b"GET /health HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
            stream.set_nonblocking(true).unwrap();
            TcpStream::from_std(stream).unwrap()
        })
        .collect();
    let stopped = tokio::spawn(app.shutdown());
    for mut stream in waiting {
        expect_last(&rest(&mut stream).await, 200, "waiting");
    }
    stopped.await.unwrap();
    assert!(TcpStream::connect(&address).await.is_err(), "it takes no more");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs a process of its own")]
async fn requests_that_are_half_sent_are_answered() {
    let state = tempfile::tempdir().unwrap();
    let app = start(state.path()).await;
    let address = app.base_url().trim_start_matches("http://").to_owned();
    let open = async |bytes: &[u8]| {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream
    };
    let mut in_head = open(b"GET /health HTTP/1.1\r\nho").await;
    let mut in_body = open(b"POST /api/auth/login HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{").await;
    let mut second = open(b"GET /health HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut idle = open(b"GET /health HTTP/1.1\r\nhost: a\r\n\r\n").await;
    for stream in [&mut second, &mut idle] {
        let mut head = Vec::new();
        while !head.ends_with(b"}") {
            let mut byte = [0];
            stream.read_exact(&mut byte).await.unwrap();
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        assert!(head.starts_with("HTTP/1.1 200 ") && !head.to_lowercase().contains("connection: close"), "{head}");
    }
    second.write_all(b"GET /health HTTP/1.1\r\nhost: a\r\n").await.unwrap();
    let mut stream = open(b"GET /api/events?channels=parking HTTP/1.1\r\nhost: a\r\n\r\n").await;
    stream.read_u8().await.unwrap();
    // What was sent has arrived.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let stopped = tokio::spawn(app.shutdown());
    // An idle connection ends at once, while others are still sending.
    assert_eq!(rest(&mut idle).await, "");
    assert!(!stopped.is_finished());
    in_head.write_all(b"st: a\r\n\r\n").await.unwrap();
    in_body.write_all(b"}").await.unwrap();
    second.write_all(b"\r\n").await.unwrap();
    expect_last(&rest(&mut in_head).await, 200, "half a head");
    expect_last(&rest(&mut in_body).await, 422, "half a body");
    expect_last(&rest(&mut second).await, 200, "half of a second head");
    // Nothing but the stream is left, which does not end by itself.
    tokio::time::timeout(Duration::from_secs(5), stopped).await.expect("the server stops before the time to drain is over").unwrap();
}
