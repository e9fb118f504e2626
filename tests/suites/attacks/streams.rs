//! Streams of events that are opened to keep others out.

use std::time::Duration;

use gatehouse_tests::{AT_ONCE, App};
use reqwest::{Response, StatusCode};

const PATH: &str = "/api/events?channels=parking";

/// A caller from this address of the machine, with a new connection for each request.
fn from(local: [u8; 4]) -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .local_address(Some(local.into()))
        .pool_max_idle_per_host(0)
        .timeout(Duration::from_secs(60))
        .build()
        .unwrap()
}

async fn open(app: &App, client: &reqwest::Client, headers: &[(&str, &str)]) -> Response {
    let request = client.get(format!("{}{PATH}", app.base_url()));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.send().await.expect("an answer")
}

async fn expect_full(response: Response) {
    assert_eq!((response.status(), response.headers()["retry-after"].to_str().unwrap()), (StatusCode::SERVICE_UNAVAILABLE, "30"));
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let document: serde_json::Value = response.json().await.unwrap();
    assert!(document["detail"].as_str().unwrap().contains("streams"), "{document}");
}

async fn expect_open(response: Response) -> Response {
    assert_eq!(response.status(), 200, "{:?}", response.text().await);
    response
}

/// Whether the server closes it within this time.
async fn has_ended(stream: &mut Response, within: Duration) -> bool {
    let end = async { while let Ok(Some(_)) = stream.chunk().await {} };
    tokio::time::timeout(within, end).await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn streams_of_strangers_keep_nobody_from_asking_and_give_way_to_who_is_signed_in() {
    // Of 32, an address has 8; of 16 streams, 4.
    let Some(app) = App::embedded_with(&[], |builder| builder.connections(32)).await else { return };
    let operator = app.operator().await;
    let locals: Vec<_> = (2..6).map(|last| from([127, 0, 0, last])).collect();
    let mut streams = Vec::new();
    for client in &locals {
        for _ in 0..4 {
            streams.push(expect_open(open(&app, client, &[]).await).await);
        }
        expect_full(open(&app, client, &[]).await).await;
    }
    let other = from([127, 0, 0, 7]);
    expect_full(open(&app, &other, &[]).await).await;
    // Who claims to be somebody is looked at before it is a stream.
    assert_eq!(open(&app, &other, &[("authorization", "Bearer nobody")]).await.status(), 401);
    for _ in 0..10 {
        for client in locals.iter().chain([&other]) {
            let answer = client.get(format!("{}/api/sites", app.base_url())).send().await.expect("an answer");
            assert_eq!(answer.status(), 200);
        }
    }
    let bearer = format!("Bearer {}", operator.token());
    let _known = expect_open(open(&app, &other, &[("authorization", &bearer)]).await).await;
    assert!(has_ended(&mut streams[0], AT_ONCE).await, "the oldest gives way");
    let _of_same_address = expect_open(open(&app, &locals[1], &[("authorization", &bearer)]).await).await;
    assert!(has_ended(&mut streams[4], AT_ONCE).await, "the oldest of its address gives way");
    for stream in [1, 5, 8] {
        assert!(!has_ended(&mut streams[stream], Duration::from_millis(500)).await, "{stream}");
    }
    // What has ended makes room.
    drop(streams);
    let again = async {
        while open(&app, &other, &[]).await.status() != 200 {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(40), again).await.expect("room for a stream");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn behind_a_proxy_each_client_has_its_own_share_of_streams() {
    let variables = [("trusted_proxies", "127.0.0.1")];
    let Some(app) = App::embedded_with(&variables, |builder| builder.connections(64).streams_per_address(2)).await else { return };
    let proxy = from([127, 0, 0, 1]);
    let mut streams = Vec::new();
    for client in ["203.0.113.1", "203.0.113.2", "2001:db8:1:2::1"] {
        for _ in 0..2 {
            streams.push(expect_open(open(&app, &proxy, &[("x-forwarded-for", client)]).await).await);
        }
        expect_full(open(&app, &proxy, &[("x-forwarded-for", client)]).await).await;
    }
    expect_full(open(&app, &proxy, &[("x-forwarded-for", "2001:db8:1:2::9")]).await).await;
    // What it opens for itself is many clients', and does not give way.
    for _ in 0..3 {
        streams.push(expect_open(open(&app, &proxy, &[]).await).await);
    }
    // Nobody else says for whom they ask.
    let stranger = from([127, 0, 0, 2]);
    for client in ["203.0.113.8", "203.0.113.9"] {
        streams.push(expect_open(open(&app, &stranger, &[("x-forwarded-for", client)]).await).await);
    }
    expect_full(open(&app, &stranger, &[("x-forwarded-for", "203.0.113.10")]).await).await;
}
