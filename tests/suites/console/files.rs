//! How the console's files are served.

use gatehouse_tests::App;
use reqwest::Method;

#[tokio::test(flavor = "multi_thread")]
async fn the_files_are_compressed_tagged_and_locked_down() {
    let app = App::start().await;
    for path in [
        "/console/",
        "/console",
        "/console/app.js",
        "/console/lib/api.js",
        "/console/styles/base.css",
        "/console/favicon.svg",
        "/console/s/somnath/crowd",
    ] {
        let plain = app.anonymous().get(path).await;
        assert_eq!(plain.status, 200, "{path}");
        assert_eq!(plain.header("content-encoding"), "", "{path}");
        assert_eq!(plain.header("cache-control"), "no-cache", "{path}");
        let policy = plain.header("content-security-policy");
        for rule in [
            "default-src 'none'",
            "script-src 'self' 'sha256-",
            "style-src 'self';",
            "worker-src 'self';",
            "trusted-types gatehouse",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        // A gate reads QR codes, whoever calls for help says where they are; nobody else asks for anything.
        assert_eq!(plain.header("permissions-policy"), "camera=(self), geolocation=(self), microphone=(), payment=()", "{path}");
        for (name, value) in [("x-content-type-options", "nosniff"), ("x-frame-options", "DENY"), ("referrer-policy", "no-referrer")] {
            assert_eq!(plain.header(name), value, "{path}");
        }

        let etag = plain.header("etag");
        assert!(etag.starts_with('"') && etag.len() > 10, "{path}: {etag}");
        let again = app.anonymous().header("if-none-match", etag).get(path).await;
        assert_eq!(again.status, 304, "{path}");
        assert!(again.body.is_empty(), "{path}");
        assert_eq!(again.header("etag"), etag, "{path}");
        assert_eq!(app.anonymous().header("if-none-match", "\"other\"").get(path).await.status, 200, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_encoding_is_the_one_that_the_client_takes() {
    let app = App::start().await;
    let ask = async |encodings: &str| app.anonymous().header("accept-encoding", encodings).get("/console/app.js").await;
    let plain = ask("identity").await;
    let gzip = ask("gzip, deflate").await;
    let brotli = ask("gzip, deflate, br, zstd").await;
    assert_eq!((gzip.header("content-encoding"), brotli.header("content-encoding")), ("gzip", "br"));
    assert_eq!(gzip.body.get(..2), Some([0x1f, 0x8b].as_slice()));
    assert!(brotli.body.len() < gzip.body.len() && gzip.body.len() < plain.body.len());
    for answer in [&plain, &gzip, &brotli] {
        assert_eq!(answer.header("content-type"), "text/javascript; charset=utf-8");
        assert_eq!(answer.header("vary"), "accept-encoding, origin");
    }
    assert_ne!(plain.header("etag"), brotli.header("etag"), "two forms are two representations");
    assert_eq!(ask("br;q=0, gzip;q=0").await.body, plain.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_a_problem() {
    let app = App::start().await;
    for path in ["/console/nothing.js", "/console/..%2Fspin.toml", "/console/lib", "/console/lib/api.0123456789ab.js", "/console/%ff"] {
        let answer = app.anonymous().get(path).await;
        assert!(matches!(answer.status, 400 | 404), "{path}: {}", answer.status);
        answer.expect_problem(answer.status);
    }
    let answer = app.anonymous().send(Method::POST, "/console/", None).await;
    answer.expect_problem(405);
    assert!(answer.header("allow").contains("GET"));
    assert_eq!(app.anonymous().send(Method::HEAD, "/console/", None).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_page_loads_is_named_by_its_content_and_kept() {
    let app = App::start().await;
    let page = app.anonymous().get("/console/").await.text();
    let named: Vec<&str> = page
        .split("=\"")
        .filter_map(|rest| rest.split('"').next())
        .filter(|path| path.ends_with(".js") || path.ends_with(".css"))
        .collect();
    assert!(named.len() >= 5, "{named:?}");
    for path in named {
        let asset = app.anonymous().get(path).await;
        assert_eq!(asset.status, 200, "{path}");
        assert_eq!(asset.header("cache-control"), "public, max-age=31536000, immutable", "{path}");
    }
    // The map is the one thing inline, and the policy names its hash.
    let map = page.split("<script type=\"importmap\">").nth(1).and_then(|rest| rest.split("</script>").next()).expect("an import map");
    let map: serde_json::Value = serde_json::from_str(map).expect("JSON");
    let gate = map["imports"]["/console/lib/gate.js"].as_str().expect("a module that is loaded later");
    assert_eq!(app.anonymous().get(gate).await.status, 200, "{gate}");
}
