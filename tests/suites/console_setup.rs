//! The first set-up, step by step, while the server fails in between: each step is taken again, and makes what is missing only.

#[path = "console/losing.rs"]
#[allow(dead_code, reason = "shared with the suite of lost answers")]
mod losing;

use gatehouse_tests::browser::Browser;
use gatehouse_tests::{App, Client, unique};
use losing::{lose, lose_nothing};
use serde_json::{Value, json};

const PHONE: (u32, u32) = (390, 844);
const SPOTS: usize = 6;

/// From the request of this number on, those of this kind are cut off: before they reach the server (`away`) or after (`lost`), until
/// `window.cutting` is false.
async fn cut_from(browser: &Browser, number: usize, method: &str, part: &str, how: &str) {
    let script = "
        const [from, method, part, how] = WHAT;
        const send = window.fetch;
        let count = 0;
        window.cutting = true;
        window.fetch = async (address, options = {}) => {
            const isOne = (options.method ?? 'GET') === method && new URL(address, location.href).pathname.includes(part);
            const isCut = isOne && window.cutting && ++count >= from;
            if (isCut && how === 'away') throw new TypeError('Failed to fetch');
            const answer = await send(address, options);
            if (isCut) throw new TypeError('Failed to fetch');
            return answer;
        };
    ";
    browser.execute(&script.replace("WHAT", &json!([number, method, part, how]).to_string())).await;
}

async fn cut_no_more(browser: &Browser) {
    browser.execute("window.cutting = false").await;
}

async fn submit(browser: &Browser) {
    browser.click("#setup form button[type='submit']").await;
}

async fn is_at(browser: &Browser, step: &str) {
    browser.wait_text("#setup-title", |text| text == step).await;
}

async fn says(browser: &Browser, words: &str) {
    browser.wait_text("#setup", |text| text.contains(words)).await;
}

/// The keys that are shown, with their devices.
async fn keys(browser: &Browser) -> Vec<[String; 2]> {
    let rows = "return [...document.querySelectorAll('#setup-keys tbody tr')].map((row) => [...row.cells].map((cell) => cell.textContent))";
    serde_json::from_value(browser.execute(rows).await).expect("rows of two cells")
}

/// How many keys of a device are in use.
async fn live_keys(admin: &Client, device: &str) -> usize {
    let listed = admin.get(&format!("/api/devices/{device}/credentials")).await.expect(200);
    listed["items"].as_array().unwrap().iter().filter(|one| one["revoked_at"].is_null()).count()
}

async fn enter(app: &App, site: &str, query: &str) -> Browser {
    let who = app.new_user("admin", json!({})).await;
    let browser = losing::start(app.base_url(), Some(&who), PHONE).await;
    browser.open(&format!("{}/console/s/{site}/setup{query}", app.base_url())).await;
    browser
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_and_a_zone_whose_answers_are_lost_are_gone_on_with() {
    let app = App::start().await;
    let (slug, browser) = (unique("place"), enter(&app, "all", "").await);
    let fields = [("slug", slug.as_str()), ("name", "North lot"), ("latitude", "20.9"), ("longitude", "70.4"), ("capacity", "60")];
    for (name, value) in fields {
        browser.fill(&format!("#setup input[name='{name}']"), value).await;
    }
    lose(&browser, "*", "/api/sites", "lost").await;
    submit(&browser).await;
    says(&browser, "It is not known whether it was done.").await;
    lose_nothing(&browser).await;
    // What is there as it was asked for was made.
    submit(&browser).await;
    is_at(&browser, "Zone").await;

    browser.fill("#setup input[name='code']", "N1").await;
    browser.fill("#setup input[name='name']", "Level one").await;
    lose(&browser, "*", "/zones", "504").await;
    submit(&browser).await;
    says(&browser, "It is not known whether it was done.").await;
    lose_nothing(&browser).await;
    submit(&browser).await;
    is_at(&browser, "Spots").await;
    let zones = app.anonymous().get(&format!("/api/sites/{slug}/zones")).await.expect(200);
    assert_eq!(zones["items"].as_array().map(Vec::len), Some(1), "{zones}");

    // Of another that has the name already, it says so, and offers it.
    browser.open(&format!("{}/console/s/all/setup", app.base_url())).await;
    for (name, value) in fields {
        browser.fill(&format!("#setup input[name='{name}']"), if name == "name" { "South lot" } else { value }).await;
    }
    submit(&browser).await;
    browser.wait_visible("#setup .form-error[role='alert']").await;
    browser.click(&format!("#setup-site option[value='{slug}']")).await;
    is_at(&browser, "Zone").await;
    browser.click("#setup-zone option[value='N1']").await;
    is_at(&browser, "Spots").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn spots_devices_and_keys_are_made_once_each_however_often_it_stops() {
    let app = App::start().await;
    let (place, admin) = (app.place(0).await, app.admin().await);
    let browser = enter(&app, &place.site, "?step=2&zone=B1").await;
    let prefix = format!("{}-", place.site.to_uppercase());
    browser.fill("#setup input[name='prefix']", &prefix).await;
    browser.fill("#setup input[name='count']", &SPOTS.to_string()).await;
    cut_from(&browser, 4, "POST", "/api/spots", "away").await;
    submit(&browser).await;
    says(&browser, "3 of 6 spots are there.").await;
    says(&browser, &format!("It stopped at {prefix}004.")).await;
    says(&browser, "The server cannot be reached.").await;
    is_at(&browser, "Spots").await;
    cut_no_more(&browser).await;
    submit(&browser).await;
    is_at(&browser, "Devices and keys").await;
    let spots = app.anonymous().get(&format!("/api/spots?site={}", place.site)).await.expect(200);
    assert_eq!(spots["items"].as_array().map(Vec::len), Some(SPOTS), "{spots}");

    // Twice in a moment is once. The fourth key is made, but nobody hears of it.
    cut_from(&browser, 4, "POST", "/credentials", "lost").await;
    browser.wait_text("#setup", |text| text.contains("each of the 6 spots")).await;
    browser.execute("const make = document.querySelector('#setup-make'); make.click(); make.click()").await;
    says(&browser, "3 of 6 devices have a key.").await;
    says(&browser, &format!("It stopped at {prefix}004.")).await;
    assert_eq!(keys(&browser).await.len(), 3, "what was made is shown");
    browser.assert_no_horizontal_scroll("keys").await;
    cut_no_more(&browser).await;
    browser.click("#setup-make").await;
    says(&browser, "6 of 6 devices have a key.").await;
    let made = keys(&browser).await;
    assert_eq!(made.len(), SPOTS, "{made:?}");
    for [device, key] in &made {
        assert_eq!(live_keys(&admin, device).await, 1, "{device}");
        app.with_token(key).post("/api/telemetry/", app.reading(device, 0)).await.expect(201);
    }

    // Taken once more, there is nothing to do.
    browser.open(&format!("{}/console/s/{}/setup?step=3&zone=B1", app.base_url(), place.site)).await;
    browser.click("#setup-make").await;
    says(&browser, "6 of 6 devices have a key.").await;
    assert_eq!(keys(&browser).await, Vec::<[String; 2]>::new());
    for [device, _] in &made {
        assert_eq!(live_keys(&admin, device).await, 1, "{device}");
    }
    browser.click("#setup .button-main").await;
    is_at(&browser, "Done").await;
    browser.assert_no_console_errors().await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn spots_that_are_elsewhere_are_not_said_to_be_here() {
    let app = App::start().await;
    let (place, other) = (app.place(0).await, app.place(3).await);
    let browser = enter(&app, &place.site, "?step=2&zone=B1").await;
    browser.fill("#setup input[name='prefix']", &format!("{}-", other.site.to_uppercase())).await;
    browser.fill("#setup input[name='count']", "3").await;
    submit(&browser).await;
    says(&browser, "0 of 3 spots are there.").await;
    is_at(&browser, "Spots").await;
    let spots: Value = app.anonymous().get(&format!("/api/spots?site={}", place.site)).await.expect(200);
    assert_eq!(spots["items"], json!([]));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_a_colleague_is_not_taken_from_its_device() {
    let app = App::start().await;
    let (place, admin) = (app.place(1).await, app.admin().await);
    let (spot, browser) = (&place.spots[0], enter(&app, &place.site, "?step=3&zone=B1").await);
    browser.wait_text("#setup", |text| text.contains("each of the 1 spots")).await;
    cut_from(&browser, 1, "POST", "/credentials", "lost").await;
    browser.click("#setup-make").await;
    says(&browser, &format!("It stopped at {spot}.")).await;
    cut_no_more(&browser).await;
    let path = format!("/api/devices/{spot}/credentials");
    let lost = admin.get(&path).await.expect(200)["items"][0].clone();
    // By its label alone it would be one of those that nobody has read.
    let made = admin.post(&path, json!({ "label": lost["label"] })).await.expect(201);
    browser.click("#setup-make").await;
    says(&browser, "1 of 1 devices have a key.").await;
    says(&browser, "Those that had a key before keep it.").await;
    assert_eq!(keys(&browser).await, Vec::<[String; 2]>::new());
    assert_eq!(live_keys(&admin, spot).await, 1);
    app.with_token(made["key"].as_str().expect("a key")).post("/api/telemetry/", app.reading(spot, 0)).await.expect(201);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_stands_elsewhere_is_not_said_to_be_here() {
    let app = App::start().await;
    let (place, admin) = (app.place(2).await, app.admin().await);
    // It has the name of the spot, and is in its zone, but on no spot.
    let spot = &place.spots[0];
    admin.post("/api/devices/", json!({ "device_code": spot, "site": place.site, "zone": place.zone })).await.expect(201);
    let browser = enter(&app, &place.site, "?step=3&zone=B1").await;
    browser.wait_text("#setup", |text| text.contains("each of the 2 spots")).await;
    browser.click("#setup-make").await;
    browser.wait_visible("#setup .form-error[role='alert']").await;
    says(&browser, "0 of 2 devices have a key.").await;
    says(&browser, &format!("It stopped at {spot}.")).await;
    assert_eq!(live_keys(&admin, spot).await, 0);
    browser.close().await;
}
