//! What operators of the gateway see, and what it refuses.

use gatehouse_tests::process::{Options, Process};
use gatehouse_tests::{App, Client};
use reqwest::Method;

use super::ways::{Way, alone};

#[tokio::test(flavor = "multi_thread")]
async fn it_says_how_it_is_and_what_it_has_done() {
    let app = App::start().await;
    for way in Way::all(&app).await {
        let caller = Client::new(reqwest::Client::new(), way.base_url.clone(), None);
        // Somebody has to listen before it follows the feed.
        caller.get("/socket.io/?EIO=4&transport=polling").await;
        let metrics = caller.get(if way.name == "inside" { "/metrics/gateway" } else { "/metrics" }).await;
        assert!(metrics.header("content-type").starts_with("application/openmetrics-text"), "{}", metrics.request);
        assert_eq!(metrics.status, 200);
        for name in ["clients{transport=\"websocket\"}", "rooms", "sessions", "dropped_total{reason=\"slow\"}", "delivery_seconds_count"] {
            assert!(metrics.text().contains(&format!("gatehouse_gateway_{name} ")), "{name}: {}", metrics.text());
        }
        assert!(!metrics.header("x-request-id").is_empty());
        for (path, status) in
            [("/ws/alerts/", 426), ("/ws/alerts", 426), ("/socket.io/", 400), ("/socket.io/?EIO=4&transport=telepathy", 400)]
        {
            assert_eq!(caller.get(path).await.status, status, "{path}");
        }
        caller.get("/ws/alerts/").await.expect_problem(426);
        let refused = caller.post("/ws/alerts/", serde_json::json!({})).await;
        refused.expect_problem(405);
        assert_eq!(refused.header("allow"), "GET");
        caller.header("origin", "https://evil.example").get("/socket.io/?EIO=4&transport=polling").await.expect_problem(403);
        way.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_of_its_own_is_ready_when_the_feed_comes_in() {
    let app = App::start().await;
    let gateway = alone(app.base_url(), &["--gateway-clients", "5", "--allowed-origins", "https://app.example.com"]).await;
    let caller = Client::new(reqwest::Client::new(), gateway.base_url(), None);
    caller.get("/health").await.expect(200);
    let ready = async || caller.get("/ready").await.status == 200;
    gatehouse_tests::eventually("the gateway is ready", std::time::Duration::from_secs(10), || async { ready().await.then_some(()) }).await;
    caller.get("/api/alerts/").await.expect_problem(404);
    let preflight =
        caller.header("origin", "https://app.example.com").send(Method::OPTIONS, "/socket.io/?EIO=4&transport=polling", None).await;
    assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (204, "https://app.example.com"));
    gateway.shutdown().await;

    let nobody = format!("http://127.0.0.1:{}", gatehouse_tests::tools::free_port());
    let lonely = alone(&nobody, &[]).await;
    let caller = Client::new(reqwest::Client::new(), lonely.base_url(), None);
    let unready = caller.get("/ready").await;
    unready.expect_problem(503);
    assert!(!unready.header("retry-after").is_empty());
    caller.get("/health").await.expect(200);
    lonely.shutdown().await;
}

/// A container's image need not have any: Debian's slim one has none.
#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn it_starts_where_there_are_no_certificate_authorities() {
    let directory = tempfile::tempdir().expect("a directory");
    let environment = vec![("SSL_CERT_FILE", "/nonexistent/certificates.pem"), ("SSL_CERT_DIR", "/nonexistent")];
    let server = Process::start_with(directory.path(), &[], Options { environment, ..Options::default() });
    let caller = Client::new(reqwest::Client::new(), server.app.base_url().to_owned(), None);
    caller.get("/socket.io/?EIO=4&transport=polling").await;
    assert_eq!(caller.get("/metrics/gateway").await.status, 200);
}
