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
    for path in ["/console/favicon.svg", "/console/app.js", "/console/nothing"] {
        browser.open(&format!("{}{path}", app.base_url())).await;
    }
    browser.open(&format!("{}/console/account/register", app.base_url())).await;
    browser.wait_visible("main form").await;
    assert_eq!(kept(&browser, "/console/").await, page);
    assert_eq!(kept(&browser, "/console/favicon.svg").await[0], "image/svg+xml");
    assert!(kept(&browser, "/console/account/register").await.is_null(), "it is the page");
    browser.close().await;
}

/// Puts another script into the place of each that is kept.
const POISON: &str = "return caches.open('gatehouse-console-2').then(async (cache) => {
    const paths = (await cache.keys()).map((one) => new URL(one.url).pathname).filter((path) => path.endsWith('.js'));
    for (const path of paths) {
        const kept = await (await cache.match(path, { ignoreVary: true })).text();
        await cache.put(path, new Response(`globalThis.poisoned = true;${kept}`, { headers: { 'content-type': 'text/javascript' } }));
    }
    return paths.filter((path) => /core|app/.test(path)).length;
})";

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_somebody_put_into_the_cache_does_not_run() {
    let app = App::start().await;
    let browser = Browser::start(1280, 800).await;
    browser.open(&format!("{}/console/", app.base_url())).await;
    browser.wait_visible("#email").await;
    eventually("the scripts are kept", Duration::from_secs(20), async || (browser.execute(POISON).await == 2).then_some(())).await;
    browser.open(&format!("{}/console/account/sign-in", app.base_url())).await;
    // The right ones are asked for instead.
    browser.wait_visible("#email").await;
    assert!(browser.execute("return globalThis.poisoned ?? null").await.is_null());

    // Whatever the page names is what the server has under that name.
    let script = "const { integrity } = JSON.parse(document.querySelector('script[type=\"importmap\"]').textContent);
        return Promise.all(Object.entries(integrity).map(async ([path, wanted]) => {
            const digest = new Uint8Array(await crypto.subtle.digest('SHA-384', await (await fetch(path, { cache: 'reload' })).arrayBuffer()));
            return wanted === `sha384-${btoa(String.fromCharCode(...digest))}` ? null : path;
        })).then((all) => [all.length > 60, all.filter(Boolean)])";
    assert_eq!(browser.execute(script).await, json!([true, []]));
    let bare = "return [...document.querySelectorAll('script[src], link[rel=\"modulepreload\"], link[rel=\"stylesheet\"]')] \
        .filter((one) => !one.integrity.startsWith('sha384-')).length";
    assert_eq!(browser.execute(bare).await, 0);
    browser.close().await;
}
