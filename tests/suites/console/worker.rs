//! The console's service worker: what it keeps, and what it must not.

use std::time::Duration;

use gatehouse_tests::browser::Browser;
use gatehouse_tests::{App, eventually};
use serde_json::json;

/// What is kept under an address: its content type, and how it begins.
const KEPT: &str = "return navigator.serviceWorker.ready.then(() => caches.open('gatehouse-console-2')).then((cache) => cache.match(path)) \
    .then(async (kept) => kept ? [kept.headers.get('content-type').split(';')[0], (await kept.text()).trim().slice(0, 15)] : null)";

async fn kept(browser: &Browser, path: &str) -> serde_json::Value {
    browser.execute(&format!("const path = {}; {KEPT}", json!(path))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_page_itself_is_kept_as_the_page() {
    let app = App::start().await;
    let browser = Browser::start(1280, 800).await;
    let page = json!(["text/html", "<!doctype html>"]);
    browser.open(&format!("{}/console/", app.base_url())).await;
    browser.wait_visible("#email").await;
    eventually("the page is kept", Duration::from_secs(20), async || (kept(&browser, "/console/").await == page).then_some(())).await;
    eventually("the worker answers", Duration::from_secs(20), async || {
        (browser.execute("return navigator.serviceWorker.controller !== null").await == true).then_some(())
    })
    .await;

    // A link may lead a browser to any file: it is kept as itself.
    for path in ["/console/favicon.svg", "/console/manifest.webmanifest", "/console/app.js", "/console/nothing"] {
        browser.open(&format!("{}{path}", app.base_url())).await;
    }
    browser.open(&format!("{}/console/account/register", app.base_url())).await;
    browser.wait_visible("main.login, main form").await;
    assert_eq!(kept(&browser, "/console/").await, page);
    assert_eq!(kept(&browser, "/console/favicon.svg").await[0], "image/svg+xml");
    assert!(kept(&browser, "/console/account/register").await.is_null(), "it is the page");
    browser.close().await;
}
