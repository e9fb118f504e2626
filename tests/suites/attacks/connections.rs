//! Connections that are opened and say nothing, or begin a request and do not end it.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use gatehouse_tests::process::{Options, Process};

/// What systems give to a program.
const USUAL_DESCRIPTORS: u32 = 1_024;

/// Within this every answer must come; without bounds it took 24 seconds.
const AT_ONCE: Duration = Duration::from_secs(10);

fn address(server: &Process) -> SocketAddr {
    let url: reqwest::Url = server.app.base_url().parse().unwrap();
    SocketAddr::new(url.host_str().unwrap().parse().unwrap(), url.port().unwrap())
}

/// A caller with connections of its own, from this address.
async fn status_from(server: &Process, local: [u8; 4]) -> u16 {
    let client = reqwest::Client::builder().local_address(Some(local.into())).timeout(AT_ONCE).build().unwrap();
    client.get(format!("{}/api/sites", server.app.base_url())).send().await.expect("an answer").status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn idle_connections_keep_nobody_out() {
    // Both ends' descriptors are here, those of the attacker and of the others.
    rlimit::increase_nofile_limit(8_192).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let options = Options { descriptors: Some(USUAL_DESCRIPTORS), ..Options::default() };
    let server = Process::start_with(directory.path(), &[], options);
    assert_eq!(status_from(&server, [127, 0, 0, 1]).await, 200);
    // Streams are no idle connections: they stay.
    let mut stream = server.app.anonymous().request(reqwest::Method::GET, "/api/events?channels=parking").send().await.unwrap();
    assert_eq!(stream.status(), 200);
    for bytes in
        [&b""[..], b"GET /api/sites HTTP/1.1\r\nhost: a\r\n", b"POST /api/auth/login HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{"]
    {
        let mut silent = Vec::new();
        for number in 0..1_300 {
            // One that the system does not take any more is no worse for the server.
            let Ok(mut connection) = TcpStream::connect_timeout(&address(&server), AT_ONCE) else { break };
            connection.write_all(bytes).ok();
            silent.push(connection);
            if number % 100 == 99 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        assert!(silent.len() > 1_100, "{}", silent.len());
        for local in [[127, 0, 0, 1], [127, 0, 0, 2]] {
            assert_eq!(status_from(&server, local).await, 200, "after {bytes:?} from {local:?}");
        }
        server.app.admin().await.get("/api/users/me").await.expect(200);
    }
    let log = server.log();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("idle connections are closed")).collect();
    assert!(!lines.is_empty(), "{log}");
    assert!(lines.len() < 100, "one line for many: {}", lines.len());
    let place = server.app.place(0).await;
    let operator = server.app.operator().await;
    operator.post("/api/parking-data/add/", serde_json::json!({"parking_lot": place.site, "available_spots": 9})).await.expect(201);
    operator.post("/api/parking-data/add/", serde_json::json!({"parking_lot": place.site, "available_spots": 8})).await.expect(201);
    let told = async {
        let mut text = String::new();
        while !text.contains(&place.site) {
            text.push_str(&String::from_utf8_lossy(&stream.chunk().await.unwrap().expect("the stream goes on")));
        }
    };
    tokio::time::timeout(AT_ONCE, told).await.expect("the event");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn the_limit_of_descriptors_is_raised_to_what_the_system_allows() {
    let directory = tempfile::tempdir().unwrap();
    let server = Process::start(directory.path(), &[]);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.id())).unwrap();
    let files: Vec<_> = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap().split_whitespace().collect();
    assert_eq!(files[0], files[1], "soft and hard");
}
