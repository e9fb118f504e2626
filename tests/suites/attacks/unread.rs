//! Answers that are asked for and not taken.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use gatehouse_tests::process::Process;
use gatehouse_tests::{AT_ONCE, App};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

/// The most memory that the process may have at any time, MiB.
const MOST_MEMORY_MIB: u64 = 400;

/// A request for a megabyte, which anybody may make.
const LARGE: &[u8] = b"GET /api/openapi.json HTTP/1.1\r\nhost: a\r\n\r\n";

/// Within this every other answer must come from one that is: sooner than what nobody takes is given up by itself, after 30 s.
const BEFORE_THE_SEND_TIMEOUT: Duration = Duration::from_secs(25);

fn address(base_url: &str) -> SocketAddr {
    base_url.trim_start_matches("http://").parse().unwrap()
}

/// A connection from this address, over which so many answers are asked for.
async fn asking(server: SocketAddr, local: Ipv4Addr, count: usize) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((local, 0).into()).unwrap();
    let mut stream = socket.connect(server).await.unwrap();
    stream.write_all(&LARGE.repeat(count)).await.unwrap();
    stream
}

/// What comes until the connection ends, however it does.
async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    timeout(Duration::from_secs(30), stream.read_to_end(&mut bytes)).await.expect("the connection ends").ok();
    bytes
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn answers_that_nobody_reads_take_little_memory_and_keep_nobody_waiting() {
    rlimit::increase_nofile_limit(8_192).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let server = Process::start_compiled(directory.path(), &[]).await;
    let address = address(server.app.base_url());
    let mut unread = Vec::new();
    for number in 0..900_u16 {
        let local = Ipv4Addr::new(127, 0, 0, 2 + u8::try_from(number % 6).unwrap());
        // More than the system takes for a client by itself.
        unread.push(asking(address, local, 16).await);
    }
    for _ in 0..40 {
        let client = reqwest::Client::builder().no_proxy().timeout(BEFORE_THE_SEND_TIMEOUT).build().unwrap();
        let answer = client.get(format!("{}/api/sites", server.app.base_url())).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        sleep(Duration::from_millis(50)).await;
    }
    let peak = server.peak_memory_mib();
    assert!(peak < MOST_MEMORY_MIB, "{peak} MiB");
    drop(unread);
    server.app.admin().await.get("/api/users/me").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn who_takes_nothing_is_cut_and_who_takes_little_is_not() {
    let within = Duration::from_secs(3);
    let Some(app) = App::embedded_with(&[], |builder| builder.send_timeout(within)).await else { return };
    let address = address(app.base_url());
    let place = app.place(0).await;
    let operator = app.operator().await;
    let mut stream = app.anonymous().request(reqwest::Method::GET, "/api/events?channels=parking").send().await.unwrap();
    assert_eq!(stream.status(), 200);
    let whole = app.anonymous().get("/api/openapi.json").await.text().len();
    let mut unread = asking(address, Ipv4Addr::LOCALHOST, 8).await;
    let slow = async {
        let mut slow = asking(address, Ipv4Addr::LOCALHOST, 1).await;
        let (mut read, mut piece) = (0, vec![0; 64 << 10]);
        while read < whole {
            let taken = timeout(AT_ONCE, slow.read(&mut piece)).await.expect("a piece").expect("the connection stays");
            assert!(taken > 0, "cut after {read} bytes");
            read += taken;
            sleep(Duration::from_millis(300)).await;
        }
    };
    let begun = tokio::time::Instant::now();
    tokio::join!(slow, sleep(3 * within));
    assert!(begun.elapsed() > within, "it took longer than nothing may be taken");
    let taken = rest(&mut unread).await;
    assert!(taken.len() < 2 * whole, "{} bytes of eight answers of {whole}", taken.len());
    // A stream goes on: what is sent over it is taken.
    operator.post("/api/parking-data/add/", json!({"parking_lot": place.site, "available_spots": 9})).await.expect(201);
    operator.post("/api/parking-data/add/", json!({"parking_lot": place.site, "available_spots": 8})).await.expect(201);
    let told = async {
        let mut text = String::new();
        while !text.contains(&place.site) {
            text.push_str(&String::from_utf8_lossy(&stream.chunk().await.unwrap().expect("the stream goes on")));
        }
    };
    timeout(AT_ONCE, told).await.expect("the event");
}
