//! The API document and the two pages that show it: how they are served, and what a reader sees and does in a browser.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use gatehouse_tests::browser::Browser;
use gatehouse_tests::{App, root};
use reqwest::Method;
use serde_json::{Value, json};

const DOCUMENTS: [&str; 4] = ["/api/openapi.json", "/api/openapi.json/", "/api/docs/schema", "/api/docs/schema/"];
const SWAGGER_UI: [&str; 4] = ["/api/docs", "/api/docs/", "/api/docs/swagger", "/api/docs/swagger/"];
const REDOC: [&str; 4] = ["/api/redoc", "/api/redoc/", "/api/docs/redoc", "/api/docs/redoc/"];

/// What a file that is no page is held to.
const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";

/// The operation that is tried.
const PATH: &str = "/api/users/me";

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_the_committed_one() {
    let app = App::start().await;
    let committed = std::fs::read(root().join("docs/reference/openapi.json")).unwrap();
    for path in DOCUMENTS {
        let answer = app.anonymous().get(path).await;
        let document = answer.expect(200);
        assert!(answer.body == committed, "{path}");
        assert_eq!(answer.header("content-type"), "application/json", "{path}");
        assert_eq!(answer.header("content-security-policy"), NOTHING, "{path}");
        assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1.")), "{path}");
        assert_eq!(document["servers"][0]["url"], "/", "whoever reads it here calls here");
        assert!(document["paths"][PATH]["get"].is_object(), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_of_events_is_the_committed_one() {
    let app = App::start().await;
    let committed = std::fs::read(root().join("docs/reference/asyncapi.json")).unwrap();
    for path in ["/api/asyncapi.json", "/api/asyncapi.json/"] {
        let answer = app.anonymous().get(path).await;
        assert_eq!(answer.expect(200)["asyncapi"], "3.0.0");
        assert!(answer.body == committed, "{path}");
        assert_eq!(answer.header("content-type"), "application/json", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_compressed_and_sent_once() {
    let app = App::start().await;
    let assets = ["/api/docs/assets/swagger-ui/swagger-ui-bundle.js", "/api/docs/assets/redoc/redoc.standalone.js"];
    for path in DOCUMENTS.into_iter().chain(SWAGGER_UI).chain(REDOC).chain(assets) {
        let ask = async |encodings: &str| app.anonymous().header("accept-encoding", encodings).get(path).await;
        let (plain, gzip, brotli) = (ask("identity").await, ask("gzip, deflate").await, ask("gzip, deflate, br, zstd").await);
        assert_eq!(plain.header("content-encoding"), "", "{path}");
        assert_eq!((gzip.header("content-encoding"), brotli.header("content-encoding")), ("gzip", "br"), "{path}");
        assert!(brotli.body.len() < gzip.body.len() && gzip.body.len() < plain.body.len(), "{path}");
        for answer in [&plain, &gzip, &brotli] {
            assert_eq!(answer.header("vary"), "accept-encoding, origin", "{path}");
            assert_eq!(answer.header("cache-control"), "no-cache", "{path}");
        }
        assert_ne!(plain.header("etag"), brotli.header("etag"), "{path}: two forms are two representations");

        let again = app.anonymous().header("if-none-match", plain.header("etag")).get(path).await;
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
        assert_eq!(again.header("etag"), plain.header("etag"), "{path}");
        assert_eq!(app.anonymous().header("if-none-match", "\"other\"").get(path).await.status, 200, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_page_is_as_locked_down_as_it_can_be() {
    let app = App::start().await;
    for (paths, redoc) in [(SWAGGER_UI, false), (REDOC, true)] {
        for path in paths {
            let page = app.anonymous().get(path).await;
            assert_eq!(page.status, 200, "{path}");
            assert_eq!(page.header("content-type"), "text/html; charset=utf-8", "{path}");
            let policy = page.header("content-security-policy");
            let rules: BTreeSet<&str> = policy.split("; ").collect();
            for rule in [
                "default-src 'none'",
                "script-src 'self'",
                "connect-src 'self'",
                "img-src 'self' data:",
                "base-uri 'none'",
                "form-action 'none'",
                "frame-ancestors 'none'",
                "require-trusted-types-for 'script'",
            ] {
                assert!(rules.contains(rule), "{path}: {policy}");
            }
            assert!(!policy.contains("unsafe") && !policy.contains("http"), "{path}: {policy}");
            assert_eq!(rules.contains("style-src 'self'"), !redoc, "{path}: {policy}");
            assert_eq!(rules.contains("worker-src blob:"), redoc, "{path}: {policy}");
            for (name, value) in [
                ("x-content-type-options", "nosniff"),
                ("x-frame-options", "DENY"),
                ("referrer-policy", "no-referrer"),
                ("cross-origin-opener-policy", "same-origin"),
                ("cross-origin-resource-policy", "same-origin"),
                ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=()"),
            ] {
                assert_eq!(page.header(name), value, "{path}: {name}");
            }

            let text = page.text();
            let assets: Vec<&str> = text.split('"').filter(|part| part.starts_with("/api/docs/assets/")).collect();
            assert!(assets.len() >= 4, "{path}: {text}");
            for asset in assets {
                let answer = app.anonymous().get(asset).await;
                assert_eq!(answer.status, 200, "{path}: {asset}");
                let kind = match asset.rsplit('.').next().unwrap() {
                    "css" => "text/css; charset=utf-8",
                    "svg" => "image/svg+xml",
                    _ => "text/javascript; charset=utf-8",
                };
                assert_eq!(answer.header("content-type"), kind, "{asset}");
                assert_eq!(answer.header("content-security-policy"), NOTHING, "{asset}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_a_problem() {
    let app = App::start().await;
    for path in [
        "/api/docs/nothing",
        "/api/docs/assets",
        "/api/docs/assets/nothing.js",
        "/api/docs/assets/redoc.html",
        "/api/docs/assets/..%2Fopenapi.json",
        "/api/redoc/nothing",
    ] {
        app.anonymous().get(path).await.expect_problem(404);
    }
    for path in ["/api/openapi.json", "/api/docs", "/api/redoc"] {
        let answer = app.anonymous().send(Method::POST, path, None).await;
        answer.expect_problem(405);
        assert!(answer.header("allow").contains("GET"), "{path}");
        assert_eq!(app.anonymous().send(Method::HEAD, path, None).await.status, 200, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn pages_of_allowed_origins_may_read_the_document() {
    let Some(app) = App::embedded(&[("allowed_origins", "https://app.example.com")]).await else { return };
    let from = async |origin: &str| app.anonymous().header("origin", origin).get("/api/openapi.json").await;
    assert_eq!(from("https://app.example.com").await.header("access-control-allow-origin"), "https://app.example.com");
    assert_eq!(from("https://evil.example").await.header("access-control-allow-origin"), "");
}

#[test]
fn the_component_is_granted_nothing() {
    let manifest: toml::Table = std::fs::read_to_string(root().join("spin.toml")).unwrap().parse().unwrap();
    let component = manifest["component"]["api-docs"].as_table().unwrap();
    let keys: Vec<&str> = component.keys().map(String::as_str).collect();
    assert_eq!(keys, ["build", "source", "variables"]);
    let variables: Vec<&str> = component["variables"].as_table().unwrap().keys().map(String::as_str).collect();
    assert_eq!(variables, ["allowed_origins", "hsts", "log_level", "max_body_kib", "proxy_header", "trusted_proxies"]);
}

/// The operations of the document, as `METHOD path`.
fn operations(document: &Value) -> BTreeSet<String> {
    const METHODS: [&str; 7] = ["get", "put", "post", "delete", "options", "head", "patch"];
    let paths = document["paths"].as_object().expect("paths");
    let of_path = |(path, item): (&String, &Value)| {
        let methods = METHODS.iter().filter(|method| item.get(**method).is_some());
        methods.map(|method| format!("{} {path}", method.to_uppercase())).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of_path).collect()
}

/// The operations that Swagger UI shows, as [`operations`] has them.
const SWAGGER_UI_OPERATIONS: &str = "return [...document.querySelectorAll('.opblock')].map((block) =>
    block.querySelector('.opblock-summary-method').textContent + ' ' + block.querySelector('[data-path]').dataset.path)";

/// The operations that ReDoc shows, as [`redoc_ids`] has them: the end of a section's id, after its tag.
const REDOC_OPERATIONS: &str = r"return [...document.querySelectorAll('#redoc [data-section-id]')]
    .map((section) => /(?:operation|paths)\/.*$/.exec(section.dataset.sectionId)?.[0]).filter(Boolean)";

/// The operations of the document as ReDoc names them: by their ids, or by path and method.
fn redoc_ids(document: &Value) -> BTreeSet<String> {
    let id = |operation: &String| {
        let (method, path) = operation.split_once(' ').expect("`METHOD path`");
        let method = method.to_lowercase();
        match document["paths"][path][&method]["operationId"].as_str() {
            Some(id) => format!("operation/{id}"),
            None => format!("paths/{}/{method}", path.replace('~', "~0").replace('/', "~1")),
        }
    };
    operations(document).iter().map(id).collect()
}

/// Scrolls through the page until a script that lists what is there has listed these, in whatever order, and nothing else. Swagger UI
/// renders only what is near the visible part.
async fn shows(browser: &Browser, script: &str, wanted: &BTreeSet<String>) {
    let step = "if (innerHeight + scrollY + 1 >= document.body.scrollHeight) scrollTo(0, 0); else scrollBy(0, innerHeight / 2);";
    let seen = RefCell::new(BTreeSet::new());
    gatehouse_tests::eventually("all operations are shown", Duration::from_secs(60), || async {
        let shown: Vec<String> = serde_json::from_value(browser.execute(script).await).expect("a list of texts");
        browser.execute(step).await;
        let mut seen = seen.borrow_mut();
        seen.extend(shown);
        assert!(seen.is_subset(wanted), "{:?}", seen.difference(wanted));
        (*seen == *wanted).then_some(())
    })
    .await;
    browser.execute("scrollTo(0, 0)").await;
}

/// The name of the security scheme by which the tried operation takes a bearer token.
fn bearer_scheme(document: &Value) -> String {
    let requirements = document["paths"][PATH]["get"].get("security").or_else(|| document.get("security"));
    let names = requirements.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object).flat_map(|it| it.keys());
    let is_bearer = |name: &&String| {
        let scheme = &document["components"]["securitySchemes"][name.as_str()];
        scheme["type"] == "http" && scheme["scheme"].as_str().is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer"))
    };
    names.into_iter().find(is_bearer).expect("a bearer token is taken").clone()
}

/// Checks that the page complained of nothing, and that all that it loaded came from the application.
async fn quiet_and_alone(browser: &Browser, app: &App) {
    browser.assert_no_console_errors().await;
    let script = "return performance.getEntriesByType('resource').map((entry) => [entry.name, entry.responseStatus])";
    let loaded: Vec<(String, u16)> = serde_json::from_value(browser.execute(script).await).unwrap();
    assert!(loaded.len() > 3, "{loaded:?}");
    for (address, status) in &loaded {
        assert!(
            address.starts_with(&format!("{}/", app.base_url())) || address.starts_with("data:") || address.starts_with("blob:"),
            "{address}"
        );
        assert!(*status < 400, "{address}: {status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_is_tried_with_a_token_in_swagger_ui() {
    let app = App::start().await;
    let document = app.anonymous().get("/api/openapi.json").await.expect(200);
    let (email, password) = app.new_user("visitor", json!({})).await;
    let token = app.login(&email, &password).await.token().to_owned();

    let browser = Browser::start(1280, 900).await;
    browser.open(&format!("{}/api/docs/", app.base_url())).await;
    shows(&browser, SWAGGER_UI_OPERATIONS, &operations(&document)).await;

    browser.click(".btn.authorize").await;
    browser.wait_visible(".modal-ux .auth-container").await;
    let mark = format!(
        "for (const form of document.querySelectorAll('.auth-container')) {{
            if (form.querySelector('h4 code').textContent === {}) form.setAttribute('data-tried', '');
        }}",
        json!(bearer_scheme(&document))
    );
    browser.execute(&mark).await;
    browser.fill("[data-tried] input", &token).await;
    browser.click("[data-tried] button.authorize").await;
    browser.click("[data-tried] button.btn-done").await;
    browser.wait_hidden(".modal-ux").await;

    let operation = format!(".opblock-get:has([data-path='{PATH}'])");
    browser.fill(".operation-filter-input", PATH).await;
    gatehouse_tests::eventually("the list is filtered", Duration::from_secs(20), || async {
        let shown: Vec<String> = serde_json::from_value(browser.execute(SWAGGER_UI_OPERATIONS).await).expect("a list of texts");
        (!shown.is_empty() && shown.iter().all(|operation| operation.contains(PATH))).then_some(())
    })
    .await;
    browser.click(&format!("{operation} .opblock-summary-control")).await;
    browser.click(&format!("{operation} .try-out__btn")).await;
    browser.click(&format!("{operation} .execute")).await;
    browser.wait_text(&format!("{operation} .live-responses-table .response .response-col_status"), |text| text.starts_with("200")).await;
    browser.wait_text(&format!("{operation} .live-responses-table .response .highlight-code"), |text| text.contains(&email)).await;
    quiet_and_alone(&browser, &app).await;

    // The token goes with the page.
    assert_eq!(browser.execute("return localStorage.length + sessionStorage.length").await, 0);
    browser.open(&format!("{}/api/docs/swagger/", app.base_url())).await;
    browser.wait_visible(".btn.authorize.unlocked").await;
    browser.wait_visible(".opblock").await;
    quiet_and_alone(&browser, &app).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redoc_shows_the_operations_and_finds_them() {
    let app = App::start().await;
    let document = app.anonymous().get("/api/openapi.json").await.expect(200);
    let summary = document["paths"][PATH]["get"]["summary"].as_str().expect("a summary").to_owned();
    let browser = Browser::start(1280, 900).await;
    for path in ["/api/redoc", "/api/docs/redoc/"] {
        browser.open(&format!("{}{path}", app.base_url())).await;
        browser.wait_visible("#redoc [data-section-id]").await;
        shows(&browser, REDOC_OPERATIONS, &redoc_ids(&document)).await;
        browser.fill("#redoc input[type='text']", &summary).await;
        browser.wait_text("[data-role='search:results']", |text| text.contains(&summary)).await;
        quiet_and_alone(&browser, &app).await;
    }
    browser.close().await;
}
