//! Every page of the console, for every role, at three sizes, by day and by night: judged by axe-core, no wider than the screen, without an
//! error in the browser's log. With `GATEHOUSE_PICTURES` set to a directory it also makes a picture of each.

#[path = "console/world.rs"]
mod world;

use std::time::Duration;

use gatehouse::seed::{self, Credentials, Deployment};
use gatehouse_tests::browser::Browser;
use gatehouse_tests::{App, axe};
use serde_json::{Value, json};
use world::{Account, World};

const SIZES: [(u32, u32); 3] = [(1440, 900), (820, 1180), (390, 844)];

/// Of each page of the guide: the name of its picture, its address, and whether it is seen by night.
type Picture = (&'static str, &'static str, bool);

/// The guide's pictures, by who sees the page and how wide that screen is.
const GUIDE: [(&str, u32, &[Picture]); 4] = [
    ("public", 390, &[("sign-in", "account/sign-in", false), ("home", "s/somnath/home", false), ("way", "s/somnath/way", false)]),
    (
        "visitor",
        390,
        &[
            ("tickets", "s/somnath/tickets", false),
            ("book", "s/somnath/book/darshan", false),
            ("reserve", "s/city-centre/book/parking", false),
            ("me", "s/somnath/me", true),
            ("sos", "s/somnath/sos", false),
        ],
    ),
    (
        "operator",
        1280,
        &[
            ("overview", "s/all/overview", true),
            ("alerts", "s/city-centre/alerts", false),
            ("emergencies", "s/somnath/emergencies", true),
            ("parking", "s/city-centre/parking", false),
            ("crowd", "s/somnath/crowd", false),
            ("shuttles", "s/somnath/shuttles", false),
            ("cameras", "s/city-centre/cameras", true),
            ("broadcasts", "s/somnath/broadcasts", false),
            ("arrivals", "s/city-centre/arrivals", false),
            ("gate", "s/somnath/gate", false),
            ("devices", "s/city-centre/devices", false),
            ("device", "s/city-centre/devices/PARK-B1-S005", true),
            ("history", "s/all/history", false),
        ],
    ),
    (
        "admin",
        1280,
        &[
            ("setup", "s/all/setup", false),
            ("sites", "s/city-centre/sites", false),
            ("slots", "s/somnath/slots", false),
            ("users", "s/all/users", false),
            ("resources", "s/all/resources", false),
            ("integrations", "s/all/integrations", false),
            ("outbox", "s/all/outbox?state=sent", false),
            ("audit", "s/all/audit", false),
            ("system", "s/all/system", true),
        ],
    ),
];

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

/// What the guide shows: each page once, with the demo's data, in a directory of its own. Not asked for, nothing is done.
#[tokio::test(flavor = "multi_thread")]
async fn the_guides_pictures_are_made() {
    if std::env::var_os("GATEHOUSE_PICTURES").is_none() {
        return;
    }
    let app = App::start().await;
    let directory = tempfile::tempdir().expect("a directory");
    let (email, password) = app.admin_credentials();
    let args = seed::Args {
        base_url: app.base_url().to_owned(),
        admin_email: email.to_owned(),
        admin_password: password.to_owned(),
        credentials: directory.path().join("demo-credentials.json"),
        seed: 1,
        history_days: 7,
        every_minutes: 30,
        batch: seed::DEFAULT_BATCH,
        tick_secret: None,
        deployment: Deployment { clock: app.clock(), request_id: None },
    };
    seed::run(args.clone()).await.expect("seeding");
    let users = Credentials::load(&args.credentials).expect("the credentials file").users;
    for (role, width, pictures) in GUIDE {
        let browser = Browser::start(width, 900).await;
        browser.resize(width, 900).await;
        browser.open(&format!("{}/console/account/sign-in", app.base_url())).await;
        if let Some(user) = users.get(role) {
            browser.sign_in(&user.email, &user.password).await;
            browser.wait_visible(".connection[data-state='live']").await;
        }
        for (name, address, by_night) in pictures {
            browser.prefer_at_rest(*by_night).await;
            browser.open(&format!("{}/console/{address}", app.base_url())).await;
            browser.wait_visible("main").await;
            browser.wait_hidden(".skeleton").await;
            // The feed is open, and what is drawn later is there.
            tokio::time::sleep(Duration::from_secs(2)).await;
            browser.save_screenshot(&format!("console-{name}")).await;
        }
        browser.close().await;
    }
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
