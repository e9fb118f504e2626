//! Every page of the console, for every role, at three sizes, by day and by night: judged by axe-core, no wider than the screen, without an
//! error in the browser's log. With `GATEHOUSE_PICTURES` set to a directory it also makes a picture of each.

use std::time::Duration;

use gatehouse_tests::browser::Browser;
use gatehouse_tests::{App, Place, axe};
use serde_json::{Value, json};

const SIZES: [(u32, u32); 3] = [(1440, 900), (820, 1180), (390, 844)];

const PUBLIC: [&str; 7] = ["home", "book/darshan", "book/parking", "way", "crowd", "shuttles", "broadcasts"];
const VISITOR: [&str; 3] = ["tickets", "me", "sos"];
const OPERATOR: [&str; 10] =
    ["overview", "alerts", "emergencies", "parking", "cameras", "arrivals", "gate", "devices", "history", "nothing-of-the-kind"];
const ADMIN: [&str; 9] = ["setup", "sites", "slots", "users", "resources", "integrations", "outbox", "audit", "system"];

/// Something of everything that pages show.
async fn furnish(app: &App) -> Place {
    let place = app.place(12).await;
    let admin = app.admin().await;
    for spot in 0..4 {
        let device = app.new_device(&place, Some(spot)).await;
        let mut reading = app.reading(&device, 0);
        reading["occupied"] = json!(spot % 2 == 0);
        admin.post("/api/telemetry/", reading).await.expect(201);
    }
    for severity in ["critical", "warning", "info"] {
        let alert =
            json!({ "alert_type": "intrusion", "severity": severity, "message": format!("Something {severity}"), "site": place.site });
        admin.post("/api/alerts/", alert).await.expect(201);
    }
    let report = json!({ "temple_id": "somnath", "type": "medical", "description": "Near the steps", "location": {"lat": 20.8883, "lng": 70.4019, "accuracy_m": 8} });
    admin.post("/api/emergency/", report).await.expect(201);
    admin
        .post("/api/crowd/temple/somnath/update", json!({ "zone": "mainDarshan", "count": 420, "timestamp": app.time(0) }))
        .await
        .expect(201);
    place
}

async fn judge(browser: &Browser, base: &str, sites: &[&str], role: &str, pages: &[&str]) {
    for page in pages {
        for site in sites {
            for (width, height) in SIZES {
                browser.resize(width, height).await;
                browser.open(&format!("{base}/console/s/{site}/{page}")).await;
                browser.wait_visible("main").await;
                // Nothing is being loaded any more.
                browser.wait_hidden(".skeleton").await;
                for scheme in ["light", "dark"] {
                    let name = format!("{role}-{}-{site}-{width}-{scheme}", page.replace('/', "-"));
                    browser.prefer_dark(scheme == "dark").await;
                    tokio::time::sleep(Duration::from_millis(400)).await;
                    assert_eq!(axe::violations(browser).await, json!([]), "{name}");
                    browser.assert_no_horizontal_scroll(&name).await;
                    browser.save_screenshot(&name).await;
                }
            }
        }
        browser.assert_no_console_errors().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_anybody_may_see_is_in_order() {
    let app = App::start().await;
    furnish(&app).await;
    let browser = Browser::start(1440, 900).await;
    for (width, height) in SIZES {
        browser.resize(width, height).await;
        for page in ["account/sign-in", "account/register", "account/forgot"] {
            browser.open(&format!("{}/console/{page}", app.base_url())).await;
            browser.wait_visible("main form").await;
            assert_eq!(axe::violations(&browser).await, json!([]), "{page} {width}");
            browser.assert_no_horizontal_scroll(page).await;
            browser.save_screenshot(&format!("{}-{width}", page.replace('/', "-"))).await;
        }
    }
    judge(&browser, app.base_url(), &["somnath"], "public", &PUBLIC).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitors_pages_are_in_order() {
    let app = App::start().await;
    furnish(&app).await;
    let (email, password) = app.new_user("visitor", json!({})).await;
    let browser = Browser::start(1440, 900).await;
    browser.open(&format!("{}/console/", app.base_url())).await;
    browser.sign_in(&email, &password).await;
    browser.wait_visible("#sign-out").await;
    judge(&browser, app.base_url(), &["somnath"], "visitor", &VISITOR).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_of_staff_are_in_order() {
    let app = App::start().await;
    let place = furnish(&app).await;
    let (email, password) = app.new_user("admin", json!({})).await;
    let browser = Browser::start(1440, 900).await;
    browser.open(&format!("{}/console/", app.base_url())).await;
    browser.sign_in(&email, &password).await;
    browser.wait_visible("#sign-out").await;
    judge(&browser, app.base_url(), &[&place.site], "operator", &OPERATOR).await;
    judge(&browser, app.base_url(), &["all"], "operator", &["overview", "emergencies"]).await;
    judge(&browser, app.base_url(), &["somnath"], "admin", &ADMIN).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_pages_later_the_memory_is_what_it_was() {
    let app = App::start().await;
    let place = furnish(&app).await;
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
