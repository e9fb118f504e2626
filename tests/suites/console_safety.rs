//! What the console does when something is wrong: a broadcast reaches every page, a part that fails says so and can be asked for again, a list
//! holds still under the pointer.

use gatehouse_tests::browser::Browser;
use gatehouse_tests::{App, Place};
use serde_json::{Value, json};

struct Fixture {
    app: App,
    place: Place,
    email: String,
    password: String,
}

impl Fixture {
    async fn create() -> Self {
        let app = App::start().await;
        let place = app.place(6).await;
        app.new_device(&place, Some(0)).await;
        let (email, password) = app.new_user("operator", json!({})).await;
        Self { app, place, email, password }
    }

    fn page(&self, page: &str) -> String {
        format!("{}/console/s/{}/{page}", self.app.base_url(), self.place.site)
    }

    async fn enter(&self, browser: &Browser, page: &str) {
        browser.open(&self.page(page)).await;
        browser.sign_in(&self.email, &self.password).await;
        browser.wait_visible(".connection[data-state='live']").await;
    }

    async fn alert(&self, body: Value) -> String {
        let alert = self.app.operator().await.post("/api/alerts/", body).await.expect(201);
        alert["id"].as_str().expect("an id").to_owned()
    }

    async fn warning(&self, message: &str) -> String {
        self.alert(json!({ "alert_type": "intrusion", "severity": "warning", "message": message, "site": self.place.site })).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_critical_broadcast_lies_across_every_page_until_it_is_seen_or_over() {
    let fixture = Fixture::create().await;
    let browser = Browser::start(1280, 900).await;
    fixture.enter(&browser, "parking").await;
    let id = fixture.alert(json!({ "severity": "critical", "message": "EVACUATE by the west gate", "is_public": true })).await;
    let banner = format!("#banner-{id}");
    browser.wait_text(&format!("{banner}[role='alert'] strong"), |text| text == "EVACUATE by the west gate").await;
    assert!(browser.execute("return document.title").await.as_str().is_some_and(|title| title.starts_with("⚠ EVACUATE")));
    for page in ["overview", "alerts", "emergencies", "gate", "devices", "history", "me", "nothing-of-the-kind"] {
        browser.open(&fixture.page(page)).await;
        browser.wait_visible(&banner).await;
    }
    browser.assert_readable("banner").await;
    browser.click(&format!("{banner} .banner-seen")).await;
    browser.wait_hidden(&banner).await;
    // Also after a reload; another one is another matter.
    browser.open(&fixture.page("parking")).await;
    browser.wait_visible(".connection[data-state='live']").await;
    browser.wait_hidden(&banner).await;
    let body = json!({ "severity": "critical", "message": "All clear soon", "is_public": true, "expires_at": fixture.app.time(6) });
    let next = fixture.alert(body).await;
    browser.wait_visible(&format!("#banner-{next}")).await;
    browser.wait_hidden(&format!("#banner-{next}")).await;
    browser.assert_no_console_errors().await;

    // Who is not signed in sees it as well.
    let last = fixture.alert(json!({ "severity": "critical", "message": "Keep off the bridge", "is_public": true })).await;
    browser.click("#sign-out").await;
    browser.open(&format!("{}/console/s/somnath/home", fixture.app.base_url())).await;
    browser.wait_visible(&format!("#banner-{last}")).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_fails_says_so_and_is_asked_for_again() {
    let fixture = Fixture::create().await;
    let browser = Browser::start(1280, 900).await;
    fixture.enter(&browser, "me").await;
    // The page, what is asked for in vain, where that is said.
    let parts = [
        ("emergencies", "*/api/emergency/active*", "#sos-waiting-column"),
        ("parking", "*/api/spots?*", ".parking-page"),
        ("alerts", "*/api/alerts/?status=*", "#alerts"),
        ("devices", "*/api/devices/?*", "#devices"),
        ("arrivals", "*/api/reservations/arrivals*", "#arrivals"),
        ("broadcasts", "*/api/alerts/active*", "#casts"),
        ("cameras", "*/cctv/cameras/*", "#cameras"),
    ];
    for (page, pattern, part) in parts {
        browser.block(&[pattern]).await;
        browser.open(&fixture.page(page)).await;
        browser.wait_visible(&format!("{part} .failed[role='alert']")).await;
        browser.wait_visible(".connection[data-state='failed']").await;
        let empty = format!("return document.querySelectorAll(\"{part} .empty\").length");
        assert_eq!(browser.execute(&empty).await, 0, "{page} says that there is nothing");
        browser.block(&[]).await;
        // It may have asked again by itself in the meantime.
        browser.execute(&format!("document.querySelector(\"{part} .failed button\")?.click()")).await;
        browser.wait_hidden(&format!("{part} .failed")).await;
        browser.wait_visible(".connection[data-state='live']").await;
    }
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "counts what is there: needs an application of its own")]
async fn a_list_of_alerts_holds_still_under_the_pointer() {
    let fixture = Fixture::create().await;
    for number in 0..3 {
        fixture.warning(&format!("Number {number}")).await;
    }
    let browser = Browser::start(1280, 900).await;
    fixture.enter(&browser, "alerts").await;
    let order = "return [...document.querySelectorAll('#alerts .alert-message')].map((one) => one.textContent)";
    browser.wait_text("#alerts .alert:nth-child(1) .alert-message", |text| text == "Number 2").await;
    browser.point_at("#alerts .alert:nth-child(2)").await;
    browser.wait_visible(".alert-list[data-held]").await;
    fixture.warning("Number 3").await;
    fixture.alert(json!({ "alert_type": "fire", "severity": "critical", "message": "Smoke", "site": fixture.place.site })).await;
    browser.wait_text(".new-pill", |text| text == "2 new").await;
    assert_eq!(browser.execute(order).await, json!(["Number 2", "Number 1", "Number 0"]));
    browser.click(".new-pill").await;
    // The gravest first.
    browser.wait_text("#alerts .alert:nth-child(1) .alert-message", |text| text == "Smoke").await;
    assert_eq!(browser.execute(order).await, json!(["Smoke", "Number 3", "Number 2", "Number 1", "Number 0"]));
    // The notice leads there, wherever one is.
    browser.open(&fixture.page("parking")).await;
    browser.wait_visible(".connection[data-state='live']").await;
    let id = fixture.alert(json!({ "alert_type": "fire", "severity": "critical", "message": "Flames", "site": fixture.place.site })).await;
    browser.click(".toast .toast-show").await;
    browser.wait_visible(&format!("#alert-{id}")).await;
    browser.assert_no_console_errors().await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "counts what is there: needs an application of its own")]
async fn many_alerts_are_drawn_where_they_are_seen() {
    let fixture = Fixture::create().await;
    let operator = fixture.app.operator().await;
    for number in 0..120 {
        let body = json!({ "alert_type": "intrusion", "severity": if number % 40 == 0 { "critical" } else { "info" }, "message": format!("Number {number}"), "site": fixture.place.site });
        operator.post("/api/alerts/", body).await.expect(201);
    }
    let browser = Browser::start(1280, 900).await;
    fixture.enter(&browser, "alerts").await;
    browser.wait_text("#alerts-title .count", |text| text == "120").await;
    let drawn = browser.execute("return document.querySelectorAll('#alerts .alert').length").await;
    assert!(drawn.as_i64().is_some_and(|count| count > 5 && count < 60), "{drawn}");
    browser.wait_visible("#alerts .alert:nth-child(1)[data-severity='critical']").await;
    browser.execute("document.querySelector('.alerts-scroll').scrollTo(0, 1e6)").await;
    browser.wait_text("#alerts .alert:last-child .alert-message", |text| text == "Number 1").await;
    browser.click("#alerts .chip[data-severity='critical']").await;
    browser.wait_text("#alerts .alert:last-child .alert-message", |text| text == "Number 0").await;
    // The filter is in the address, and can be shared.
    browser.open(&fixture.page("alerts?severity=critical")).await;
    browser.wait_visible("#alerts .chip[data-severity='critical'][aria-pressed='true']").await;
    assert_eq!(browser.execute("return document.querySelectorAll('#alerts .alert').length").await, 3);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tabs_share_a_session_and_an_end_of_it() {
    let fixture = Fixture::create().await;
    let browser = Browser::start(1280, 900).await;
    fixture.enter(&browser, "parking").await;
    browser.new_tab(1280, 900).await;
    // No password is asked for again.
    browser.open(&fixture.page("alerts")).await;
    browser.wait_visible(".connection[data-state='live']").await;
    browser.switch_tab(0).await;
    browser.open(&fixture.page("devices")).await;
    browser.wait_visible(".connection[data-state='live']").await;
    browser.click("#sign-out").await;
    browser.wait_visible("#email").await;
    browser.switch_tab(1).await;
    browser.wait_visible("#email").await;
    browser.close().await;
}
