//! Every page of the console, for every role, at three sizes, by day and by night: judged by axe-core, no wider than the screen, without an
//! error in the browser's log. With `GATEHOUSE_PICTURES` set to a directory it also makes a picture of each, and those of the guide.

#[path = "console/guide.rs"]
mod guide;
#[path = "console/world.rs"]
mod world;

use std::time::Duration;

use gatehouse_tests::browser::Browser;
use gatehouse_tests::{App, axe};
use serde_json::{Value, json};
use world::{Account, World};

const SIZES: [(u32, u32); 3] = [(1440, 900), (820, 1180), (390, 844)];

async fn judge(browser: &Browser, world: &World, role: &str, pages: Vec<(String, String)>) {
    for (site, page) in pages {
        browser.resize(1440, 900).await;
        browser.open(&format!("{}/console/s/{site}/{page}", world.app.base_url())).await;
        judge_at_all_sizes(browser, &format!("{role}-{}", name_of(&site, &page))).await;
        browser.assert_no_console_errors().await;
    }
}

/// What pictures of a page are called: without the ids, which are others each time.
fn name_of(site: &str, page: &str) -> String {
    let (page, detail) = page.split_once('/').unwrap_or((page, ""));
    let detail = if detail.is_empty() || matches!(detail, "darshan" | "parking") { detail } else { "one" };
    [page, detail, if site == "all" { site } else { "" }].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

/// In both colour schemes; all that is no colour is the same in both.
async fn judge_at_all_sizes(browser: &Browser, name: &str) {
    for (width, height) in SIZES {
        browser.resize(width, height).await;
        browser.wait_visible("main").await;
        // Nothing is being loaded any more.
        browser.wait_hidden(".skeleton").await;
        for scheme in ["light", "dark"] {
            let name = format!("{name}-{width}-{scheme}");
            browser.prefer_at_rest(scheme == "dark").await;
            let found = if scheme == "light" { axe::violations(browser).await } else { axe::faint_texts(browser).await };
            assert_eq!(found, json!([]), "{name}");
            browser.assert_no_horizontal_scroll(&name).await;
            browser.save_screenshot(&name).await;
        }
    }
}

async fn enter(world: &World, (email, password): &Account) -> Browser {
    let browser = Browser::start(1440, 900).await;
    browser.open(&format!("{}/console/", world.app.base_url())).await;
    browser.sign_in(email, password).await;
    browser.wait_visible("#sign-out").await;
    browser
}

#[tokio::test(flavor = "multi_thread")]
async fn what_anybody_may_see_is_in_order() {
    let world = World::create().await;
    world.assert_complete();
    let browser = Browser::start(1440, 900).await;
    for page in ["sign-in", "register", "forgot"] {
        browser.open(&format!("{}/console/account/{page}", world.app.base_url())).await;
        browser.wait_visible("main form").await;
        judge_at_all_sizes(&browser, &format!("account-{page}")).await;
    }
    let mut pages = world.public();
    pages.push((world.temple.clone(), "nothing-of-the-kind".to_owned()));
    judge(&browser, &world, "public", pages).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitors_pages_are_in_order() {
    let world = World::create().await;
    let browser = enter(&world, &world.visitor).await;
    judge(&browser, &world, "visitor", world.of_visitors()).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_of_staff_are_in_order() {
    let world = World::create().await;
    let browser = enter(&world, &world.admin).await;
    judge(&browser, &world, "staff", world.of_staff()).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_pages_later_the_memory_is_what_it_was() {
    let World { app, place, .. } = World::create().await;
    let (email, password) = app.new_user("operator", json!({})).await;
    let browser = Browser::start(1440, 900).await;
    browser.open(&format!("{}/console/", app.base_url())).await;
    browser.sign_in(&email, &password).await;
    browser.wait_visible(".connection[data-state='live']").await;
    let pages = ["overview", "alerts", "emergencies", "parking", "devices", "arrivals", "crowd", "shuttles", "broadcasts", "history"];
    let walk = async |times: usize| {
        for page in pages.iter().cycle().take(times) {
            let link = format!("document.querySelector(\"nav.pages a[href$='/{page}']\").click()");
            browser.execute(&link).await;
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
        browser.devtools("HeapProfiler.collectGarbage", json!({})).await;
        let heap = browser.execute("return [performance.memory.usedJSHeapSize, document.querySelectorAll('*').length]").await;
        heap[0].as_f64().expect("Chromium says how much")
    };
    browser.open(&format!("{}/console/s/{}/overview", app.base_url(), place.site)).await;
    browser.wait_visible(".connection[data-state='live']").await;
    // Each page is loaded once before it counts.
    let before = walk(40).await;
    let after = walk(300).await;
    assert!(after < before * 1.5 + 4e6, "{before} → {after}");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_speaks_three_languages_and_tells_the_time_as_one_likes() {
    let app = App::start().await;
    let browser = Browser::start(390, 844).await;
    browser.open(&format!("{}/console/", app.base_url())).await;
    for (code, word) in [("hi", "साइन इन करें"), ("gu", "સાઇન ઇન કરો"), ("en", "Sign in")] {
        browser.click(&format!(".languages [lang='{code}']")).await;
        browser.wait_text("form button[type='submit']", |text| text == word).await;
        assert_eq!(browser.execute("return document.documentElement.lang").await, code);
    }
    let (email, password) = app.new_user("visitor", json!({})).await;
    browser.sign_in(&email, &password).await;
    browser.wait_visible("#sign-out").await;
    browser.resize(1440, 900).await;
    browser.open(&format!("{}/console/s/somnath/me", app.base_url())).await;
    // On the temple's clock, and it says so.
    browser.wait_text(".clock", |text| text.contains("IST") || text.contains("GMT+5:30")).await;
    browser.click("#set-hours option[value='24']").await;
    browser.wait_text(".clock", |text| !text.contains('m')).await;
    browser.click("#set-hours option[value='12']").await;
    browser.wait_text(".clock", |text| text.to_lowercase().contains('m')).await;
    browser.assert_no_console_errors().await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_asks_for_no_asset_again() {
    let app = App::start().await;
    let browser = Browser::start(1440, 900).await;
    browser.open(&format!("{}/console/s/somnath/crowd", app.base_url())).await;
    browser.wait_visible(".crowd-zone").await;
    browser.open("about:blank").await;
    browser.open(&format!("{}/console/s/somnath/crowd", app.base_url())).await;
    browser.wait_visible(".crowd-zone").await;
    let asked = "return performance.getEntriesByType('resource').filter((one) => /\\.(js|css)$/.test(one.name) && one.transferSize > 0 && !one.workerStart).map((one) => one.name)";
    let asked = browser.execute(asked).await;
    let again: Vec<&Value> = asked.as_array().expect("a list").iter().filter(|name| !name.as_str().unwrap().ends_with("/sw.js")).collect();
    assert!(again.is_empty(), "{again:?}");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_load_is_small() {
    let app = App::start().await;
    for (page, there) in [("account/sign-in", "#email"), ("s/somnath/home", "#crowd-now li"), ("s/somnath/crowd", ".crowd-zone")] {
        // One that was never here.
        let browser = Browser::start(390, 844).await;
        browser.open(&format!("{}/console/{page}", app.base_url())).await;
        browser.wait_visible(there).await;
        let asked = "const all = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]; \
            return [all.reduce((sum, one) => sum + one.transferSize, 0), ...all.map((one) => one.name)]";
        let asked = browser.execute(asked).await;
        let requests = asked.as_array().expect("a list").len() - 1;
        assert!(requests <= 20 && asked[0].as_i64().is_some_and(|bytes| bytes <= 90_000), "{page}: {requests} requests: {asked:#}");
        browser.close().await;
    }
}
