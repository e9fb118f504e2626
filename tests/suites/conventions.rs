//! Conventions on every route (docs/reference/rules.md).

use std::time::Duration;

use gatehouse_tests::App;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

mod conventions {
    mod bodies;
}

const COMPONENTS: [&str; 7] =
    ["/api/auth/login", "/api/sites", "/api/telemetry/", "/api/alerts/", "/api/events?channels=none", "/internal/tick", "/health"];

#[tokio::test(flavor = "multi_thread")]
async fn a_path_works_with_and_without_its_trailing_slash() {
    let app = App::start().await;
    let admin = app.admin().await;
    for path in ["/api/sites", "/api/devices", "/api/alerts", "/api/zones", "/api/slots", "/api/dashboard/overview", "/api/parking-data"] {
        admin.get(path).await.expect(200);
        admin.get(&format!("{path}/")).await.expect(200);
        admin.get(&format!("{path}/?site=nowhere")).await;
    }
}

/// Lists that answer an object whatever `plain_lists` says, and why.
const NEVER_PLAIN: [(&str, &str); 1] = [("/api/parking-data", "its old clients read the fields of one lot beside the list")];

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn who_knows_no_paging_gets_bare_arrays_where_the_variable_says_so() {
    let Some(app) = App::embedded(&[("plain_lists", "true")]).await else { return };
    let admin = app.admin().await;
    let document = std::fs::read_to_string(gatehouse_tests::root().join("docs/reference/openapi.json")).expect("the API document");
    let document: Value = serde_json::from_str(&document).expect("JSON");
    let is_list = |operation: &Value| operation["parameters"].as_array().into_iter().flatten().any(|it| it["name"] == "cursor");
    let paths = document["paths"].as_object().expect("paths").iter();
    // Those that can be asked for without anything else.
    let needs = |operation: &Value| operation["parameters"].as_array().into_iter().flatten().any(|it| it["required"] == true);
    let plain = |path: &str, operation: &Value| is_list(operation) && !needs(operation) && !path.contains('{');
    let lists: Vec<_> = paths.filter(|(path, item)| plain(path, &item["get"])).map(|(path, _)| path).collect();
    assert!(lists.len() > 15, "{lists:?}");
    for path in lists {
        let plain = admin.get(path).await.expect(200);
        assert_eq!(plain.is_array(), NEVER_PLAIN.iter().all(|(name, _)| name != path), "{path}: {plain}");
        let page = admin.get(&format!("{path}?limit=2")).await.expect(200);
        assert!(page["items"].is_array(), "who names a limit knows pages: {path}: {page}");
    }

    // More than a page of them, and the filters hold.
    let place = app.place(60).await;
    app.place(1).await;
    let spots = app.anonymous().get(&format!("/api/spots?site={}", place.site)).await.expect(200);
    assert_eq!(spots.as_array().map(Vec::len), Some(60));
    let page = app.anonymous().get(&format!("/api/spots?site={}&limit=50", place.site)).await.expect(200);
    let cursor = page["next_cursor"].as_str().expect("a next page");
    let rest = app.anonymous().get(&format!("/api/spots?site={}&cursor={cursor}", place.site)).await.expect(200);
    assert_eq!(rest["items"].as_array().map(Vec::len), Some(10));
    app.anonymous().get("/api/spots?colour=red").await.expect_invalid(&["colour"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_is_a_problem_document() {
    let app = App::start().await;
    let (admin, anonymous) = (app.admin().await, app.anonymous());
    anonymous.get("/no/such/path").await.expect_problem(404);
    anonymous.get("/api/alerts/").await.expect_problem(401);
    app.visitor().await.get("/api/alerts/").await.expect_problem(403);
    admin.get("/api/devices/NO-SUCH-DEVICE").await.expect_problem(404);
    let wrong_method = admin.send(Method::DELETE, "/api/sites", None).await;
    wrong_method.expect_problem(405);
    let allow = wrong_method.header("allow");
    assert!(allow.contains("GET") && allow.contains("POST"), "{allow}");
    admin.send_bytes(Method::POST, "/api/sites", "application/json", "{").await.expect_problem(400);
    admin.send_bytes(Method::POST, "/api/sites", "application/json", [0xff, 0xfe].to_vec()).await.expect_problem(400);
    admin.send_bytes(Method::POST, "/api/sites", "text/plain", "{}").await.expect_problem(415);
    admin.post("/api/sites", json!([1, 2])).await.expect_problem(422);
    admin.get("/api/devices/?colour=red").await.expect_invalid(&["colour"]);
    admin.get("/api/devices/?limit=0").await.expect_invalid(&["limit"]);
    admin.get("/api/devices/?limit=501&cursor=%21").await.expect_invalid(&["cursor", "limit"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_is_refused_and_the_application_goes_on() {
    let app = App::start().await;
    let admin = app.admin().await;
    let body = vec![b' '; 10 * 1024 * 1024 + 1];
    let answer = admin.send_bytes(Method::POST, "/api/sites", "application/json", body).await;
    answer.expect_problem(413);
    for name in ["x-content-type-options", "x-frame-options", "referrer-policy", "content-security-policy"] {
        assert!(!answer.header(name).is_empty(), "{name}");
    }
    admin.get("/api/sites").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn deeply_nested_json_is_refused_without_harm() {
    let app = App::start().await;
    let admin = app.admin().await;
    let body = "[".repeat(200_000);
    for path in ["/api/sites", "/api/telemetry/", "/api/telemetry/bulk/", "/api/alerts/", "/api/auth/login"] {
        let answer = admin.send_bytes(Method::POST, path, "application/json", body.clone()).await;
        assert!((400..500).contains(&answer.status), "{path}: {} {}", answer.status, answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_a_request_id_and_security_headers() {
    let app = App::start().await;
    let client = app.anonymous();
    for path in COMPONENTS {
        let long = "a".repeat(128);
        assert_eq!(client.header("x-request-id", &long).get(path).await.header("x-request-id"), long, "{path}");
        let kept = client.header("x-request-id", "gate-7.a_B").get(path).await;
        assert_eq!(kept.header("x-request-id"), "gate-7.a_B", "{path}");
        let replaced = client.header("x-request-id", "no spaces please").get(path).await;
        let id = replaced.header("x-request-id");
        assert!(!id.is_empty() && !id.contains(' '), "{path}: {id}");
        assert_ne!(client.get(path).await.header("x-request-id"), id, "{path}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(kept.header(name), value, "{path}: {name}");
        }
        assert!(kept.header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn browsers_of_allowed_origins_may_call_and_no_others() {
    let Some(app) = App::embedded(&[("allowed_origins", "https://app.example.com, https://ops.example.com")]).await else { return };
    let client = app.anonymous();
    let allowed = client.header("origin", "https://ops.example.com").get("/api/sites").await;
    assert_eq!(allowed.header("access-control-allow-origin"), "https://ops.example.com");
    assert!(allowed.header("vary").contains("origin"));
    for stranger in ["https://evil.example", "https://ops.example.com.evil.example", "null", "http://ops.example.com"] {
        let refused = client.header("origin", stranger).get("/api/sites").await;
        assert_eq!(refused.header("access-control-allow-origin"), "", "{stranger}");
    }
    let ask = client.header("access-control-request-method", "POST").header("access-control-request-headers", "authorization");
    let preflight = ask.header("origin", "https://app.example.com").send(Method::OPTIONS, "/api/alerts/", None).await;
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.header("access-control-allow-origin"), "https://app.example.com");
    assert!(preflight.header("access-control-allow-headers").contains("authorization"));
    assert!(preflight.header("access-control-allow-methods").contains("PATCH"));
    let preflight = ask.header("origin", "https://evil.example").send(Method::OPTIONS, "/api/alerts/", None).await;
    assert_eq!(preflight.header("access-control-allow-origin"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_paged_by_an_opaque_cursor() {
    let app = App::start().await;
    let place = app.place(7).await;
    let client = app.anonymous();
    let mut seen = Vec::new();
    let mut path = format!("/api/spots?site={}&limit=3", place.site);
    loop {
        let page = client.get(&path).await.expect(200);
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 3);
        seen.extend(items.iter().map(|spot| spot["spot_id"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/spots?site={}&limit=3&cursor={cursor}", place.site);
    }
    assert_eq!(seen, place.spots);
}

/// Sends bytes as they are over a connection of its own; what comes back until the other side closes it.
async fn raw(app: &App, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(app.base_url().trim_start_matches("http://")).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await.expect("the connection is closed").ok();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn the_server_s_own_refusals_are_problem_documents_that_browsers_may_read() {
    let Some(app) = App::embedded(&[("allowed_origins", "https://ops.example.com")]).await else { return };
    let origin = "host: a\r\norigin: https://ops.example.com\r\nx-request-id: gate-7\r\nconnection: close\r\n";
    let many_headers: String = (0..150).map(|number| format!("x-{number}: 1\r\n")).collect();
    let cases = [
        (414, format!("GET /{} HTTP/1.1\r\n{origin}\r\n", "a".repeat(10_000))),
        (431, format!("GET /health HTTP/1.1\r\n{origin}{many_headers}\r\n")),
        (431, format!("GET /health HTTP/1.1\r\n{origin}x-long: {}\r\n\r\n", "a".repeat(20_000))),
        (413, format!("POST /api/sites HTTP/1.1\r\n{origin}content-length: 99999999\r\nexpect: 100-continue\r\n\r\n")),
        (400, format!("POST /api/sites HTTP/1.1\r\n{origin}transfer-encoding: chunked\r\n\r\nnonsense\r\n")),
        (404, format!("GET /nowhere HTTP/1.1\r\n{origin}\r\n")),
    ];
    for (status, request) in &cases {
        let answer = raw(&app, request.as_bytes()).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{status}: {answer:?}"));
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {head}");
        for header in
            ["content-type: application/problem+json", "x-request-id: gate-7", "access-control-allow-origin: https://ops.example.com"]
        {
            assert!(head.to_lowercase().contains(header), "{status}: {header}: {head}");
        }
        assert!(head.to_lowercase().contains("vary: origin"), "{status}: {head}");
        let document: Value = serde_json::from_str(body).unwrap();
        assert_eq!((&document["status"], &document["request_id"]), (&json!(status), &json!("gate-7")), "{body}");
    }
    // What is no request at all has neither an origin nor an id.
    for (status, request) in [
        (431, format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(70_000))),
        (431, format!("GET / HTTP/1.1\r\n{}\r\n", (0..500).map(|number| format!("x-{number}: 1\r\n")).collect::<String>())),
        (400, "nonsense\r\n\r\n".to_owned()),
    ] {
        let answer = raw(&app, request.as_bytes()).await.to_lowercase();
        assert!(answer.starts_with(&format!("http/1.1 {status} ")), "{status}: {answer}");
        assert!(answer.contains("x-request-id: ") && answer.contains("application/problem+json"), "{status}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_body_that_is_announced_and_too_large_is_never_asked_for() {
    let Some(app) = App::embedded(&[]).await else { return };
    let head = "POST /api/telemetry/bulk/ HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999\r\nexpect: 100-continue\r\n\r\n";
    let answer = raw(&app, head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 ") && !answer.contains("100 Continue"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_body_that_was_too_large_is_refused_with_the_request_s_id_and_for_its_page() {
    let Some(app) = App::embedded(&[("allowed_origins", "https://ops.example.com")]).await else { return };
    let page = app.admin().await.header("origin", "https://ops.example.com").header("x-request-id", "gate-8");
    for path in ["/api/sites", "/api/telemetry/bulk/"] {
        let answer = page.send_bytes(Method::POST, path, "application/json", vec![b' '; 10 * 1024 * 1024 + 1]).await;
        answer.expect_problem(413);
        assert_eq!(answer.header("x-request-id"), "gate-8", "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "https://ops.example.com", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_uuid_is_read_in_either_case() {
    let app = App::start().await;
    let operator = app.operator().await;
    let alert = operator.post("/api/alerts/", json!({"severity": "info", "message": "a door stands open"})).await.expect(201);
    let id = alert["id"].as_str().unwrap();
    assert_eq!(operator.get(&format!("/api/alerts/{}", id.to_uppercase())).await.expect(200)["id"], alert["id"]);
    operator.patch(&format!("/api/alerts/{}/acknowledge/", id.to_uppercase()), json!({})).await.expect(200);
    let trail = app.admin().await.get(&format!("/api/event-logs/?subject={}", id.to_uppercase())).await.expect(200);
    assert!(!trail["items"].as_array().unwrap().is_empty());
}
