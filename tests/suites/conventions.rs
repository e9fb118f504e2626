//! Conventions on every route (docs/reference/rules.md).

use gatehouse_tests::App;
use reqwest::Method;
use serde_json::{Value, json};

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

#[tokio::test(flavor = "multi_thread")]
async fn head_is_answered_as_get_without_a_body() {
    let app = App::start().await;
    let answer = app.anonymous().send(Method::HEAD, "/health", None).await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.is_empty());
}
