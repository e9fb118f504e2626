//! The console under `/console/`: what an operator sees and does in a browser; how its files are served, and its session, in the modules.

use std::time::Duration;

use gatehouse_tests::browser::Browser;
use gatehouse_tests::{App, Client, Place};
use serde_json::{Value, json};

#[path = "console/files.rs"]
mod files;
#[path = "console/proxy.rs"]
mod proxy;
#[path = "console/session.rs"]
mod session;
#[path = "console/sharing.rs"]
mod sharing;
#[path = "console/worker.rs"]
mod worker;

const ENTER: &str = "\u{e007}";
const RIGHT: &str = "\u{e014}";

/// A car park with devices, and an operator who is about to sign in.
struct Fixture {
    app: App,
    place: Place,
    devices: Vec<String>,
    token: tokio::sync::Mutex<String>,
    email: String,
    password: String,
}

impl Fixture {
    async fn create(app: App) -> Self {
        let place = app.place(6).await;
        let mut devices = Vec::new();
        for spot in 0..3 {
            devices.push(app.new_device(&place, Some(spot)).await);
        }
        let (email, password) = app.new_user("operator", json!({})).await;
        let token = app.login(&email, &password).await.token().to_owned().into();
        Self { app, place, devices, token, email, password }
    }

    /// A reading of the device of this index.
    async fn report(&self, device: usize, occupied: bool, plus_s: i64) {
        let mut reading = self.app.reading(&self.devices[device], plus_s);
        reading["occupied"] = json!(occupied);
        reading["battery"] = json!(0.64);
        self.operator().await.post("/api/telemetry/", reading).await.expect(201);
    }

    /// The operator of the API: wherever the application is by now, and signed in anew when the clock was moved.
    async fn operator(&self) -> Client {
        let mut token = self.token.lock().await;
        let operator = self.app.with_token(&token);
        if operator.get("/api/users/me").await.status == 200 {
            return operator;
        }
        let operator = self.app.login(&self.email, &self.password).await;
        *token = operator.token().to_owned();
        operator
    }

    /// The status of an alert, by the API.
    async fn status(&self, id: &str) -> String {
        let alert = self.operator().await.get(&format!("/api/alerts/{id}")).await.expect(200);
        alert["status"].as_str().expect("a status").to_owned()
    }

    async fn wait_status(&self, id: &str, wanted: &str) {
        gatehouse_tests::eventually("the server was told", Duration::from_secs(15), || async {
            (self.status(id).await == wanted).then_some(())
        })
        .await;
    }

    /// The live sessions of this client's user, but for its own.
    async fn sessions_of(&self, client: &Client) -> Vec<Value> {
        let listed = client.get("/api/users/me/sessions").await.expect(200);
        let sessions = listed["items"].as_array().expect("a list").clone();
        sessions.into_iter().filter(|session| session["is_current"] == false).collect()
    }

    async fn sessions(&self) -> Vec<Value> {
        self.sessions_of(&self.operator().await).await
    }

    async fn alert(&self, severity: &str, message: &str) -> String {
        let body = json!({ "alert_type": "intrusion", "severity": severity, "message": message, "site": self.place.site });
        let alert = self.operator().await.post("/api/alerts/", body).await.expect(201);
        alert["id"].as_str().expect("an id").to_owned()
    }

    fn bay(&self, spot: usize) -> String {
        format!("[data-spot='{}']", self.place.spots[spot])
    }

    fn bay_is(&self, spot: usize, state: &str) -> String {
        format!("{}[data-state='{state}']", self.bay(spot))
    }

    /// The address of a page about this fixture's car park.
    fn page(&self, base: &str, page: &str) -> String {
        format!("{base}/console/s/{}/{page}", self.place.site)
    }

    /// Opens a page of the console at `base` and signs in; the browser is live then.
    async fn enter(&self, browser: &Browser, base: &str, page: &str) {
        browser.open(&self.page(base, page)).await;
        browser.sign_in(&self.email, &self.password).await;
        browser.wait_visible(".connection[data-state='live']").await;
    }

    /// Goes to another page by the navigation, in the same document.
    async fn go(&self, browser: &Browser, page: &str) {
        browser.click(&format!("nav.pages a[href='/console/s/{}/{page}']", self.place.site)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reading_turns_a_spot_without_a_reload() {
    let fixture = Fixture::create(App::start().await).await;
    let browser = Browser::start(1280, 800).await;
    fixture.enter(&browser, fixture.app.base_url(), "parking").await;
    browser.wait_visible(&fixture.bay(0)).await;
    browser.execute("window.sameDocument = true").await;
    browser.wait_text(".zone-count", |text| text == "6 of 6 free").await;

    fixture.report(0, true, 0).await;
    browser.wait_visible(&fixture.bay_is(0, "occupied")).await;
    browser.wait_text(".zone-count", |text| text == "5 of 6 free").await;
    browser.wait_text(".figure[data-state='occupied'] .figure-value", |text| text == "1").await;
    fixture.report(0, false, 1).await;
    browser.wait_visible(&fixture.bay_is(0, "free")).await;

    // An administrator closes a spot: the plan says so as well.
    let closed =
        fixture.app.admin().await.patch(&format!("/api/spots/{}", fixture.place.spots[4]), json!({ "status": "out_of_service" })).await;
    closed.expect(200);
    browser.wait_visible(&fixture.bay_is(4, "out_of_service")).await;
    browser.wait_text(".figure[data-state='out_of_service'] .figure-value", |text| text == "1").await;

    fixture.go(&browser, "devices").await;
    let row = format!("[data-device='{}']", fixture.devices[0]);
    browser.wait_visible(&format!("{row}[data-health='healthy']")).await;
    browser.wait_visible(&format!("[data-device='{}'][data-health='unknown']", fixture.devices[1])).await;
    assert_eq!(browser.execute("return window.sameDocument").await, true);
    browser.assert_no_console_errors().await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn devices_show_their_health_as_it_ages() {
    let Some(app) = App::embedded(&[]).await else { return };
    let fixture = Fixture::create(app).await;
    fixture.report(0, true, 0).await;
    fixture.app.advance(Duration::from_secs(300));
    fixture.report(1, false, 0).await;
    fixture.app.tick().await;
    let browser = Browser::start(1280, 800).await;
    fixture.enter(&browser, fixture.app.base_url(), "devices").await;
    browser.wait_visible(&format!("[data-device='{}'][data-health='warning']", fixture.devices[0])).await;
    browser.wait_visible(&format!("[data-device='{}'][data-health='healthy']", fixture.devices[1])).await;
    browser.wait_visible(&format!("[data-device='{}'][data-health='unknown']", fixture.devices[2])).await;
    browser.wait_text(&format!("[data-device='{}'] .device-seen", fixture.devices[0]), |text| text == "5 min ago").await;
    browser.wait_text(&format!("[data-device='{}'] .battery", fixture.devices[0]), |text| text == "64 %").await;
    browser.wait_text(&format!("[data-device='{}'] .supply", fixture.devices[0]), |text| text.contains("230 V")).await;
    // The one in trouble comes first, and its spot is marked on the plan.
    browser.wait_text(".device:first-child .device-code", |text| text == fixture.devices[0]).await;
    fixture.go(&browser, "parking").await;
    browser.wait_visible(&format!("{} .bay-stale[data-health='warning']", fixture.bay(0))).await;
    fixture.go(&browser, "devices").await;

    browser.click(".chip[data-health='healthy']").await;
    browser.wait_hidden(&format!("[data-device='{}']", fixture.devices[0])).await;
    browser.click(".chip:first-child").await;
    browser.fill(".search input", &fixture.devices[2]).await;
    browser.wait_hidden(&format!("[data-device='{}']", fixture.devices[0])).await;
    browser.wait_visible(&format!("[data-device='{}']", fixture.devices[2])).await;

    // Its heartbeat comes back, and so does its health.
    browser.fill(".search input", &fixture.devices[0]).await;
    fixture.report(0, true, 0).await;
    browser.wait_visible(&format!("[data-device='{}'][data-health='healthy']", fixture.devices[0])).await;
    // The filter is in the address, and the page of one device a link away.
    assert!(browser.execute("return location.search").await.as_str().is_some_and(|query| query.contains("q=")));
    browser.click(&format!("[data-device='{}'] .device-code", fixture.devices[0])).await;
    browser.wait_text("h1", |text| text == fixture.devices[0]).await;
    browser.wait_visible(".chart canvas").await;
    browser.execute("history.back()").await;
    browser.wait_visible(&format!("[data-device='{}']", fixture.devices[0])).await;
    browser.assert_no_console_errors().await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "counts what is there: needs an application of its own")]
async fn an_alert_arrives_and_is_acknowledged_and_resolved() {
    let fixture = Fixture::create(App::start().await).await;
    let browser = Browser::start(1280, 800).await;
    fixture.enter(&browser, fixture.app.base_url(), "alerts").await;

    let evil = "<img src=x onerror=\"window.broken=1\"><script>window.broken=1</script> & \"quotes\"";
    let id = fixture.alert("critical", evil).await;
    let card = format!("#alert-{id}");
    browser.wait_text(&format!("{card} .alert-message"), |text| text == evil).await;
    browser.wait_text(".toast[role='alert'] p", |text| text == evil).await;
    assert_eq!(browser.execute("return document.querySelectorAll('.alert img, .toast img, .alert script').length").await, 0);
    assert_eq!(browser.execute("return window.broken ?? null").await, Value::Null);
    browser.wait_text(".alerts-panel h2 .count", |text| text == "1").await;
    assert!(browser.execute("return document.title").await.as_str().is_some_and(|title| title.starts_with("(1)")));
    browser.click(".toast [aria-label='Dismiss']").await;
    browser.wait_hidden(".toast").await;

    browser.click(&format!("{card} .alert-buttons button:first-child")).await;
    browser.wait_visible(&format!("{card}[data-status='acknowledged']")).await;
    browser.wait_text(&format!("{card} .alert-step"), |text| text.contains("Acknowledged by you")).await;
    // For some seconds it can be undone, and nobody has been told yet.
    assert_eq!(fixture.status(&id).await, "active");
    browser.click(".toast-undo").await;
    browser.wait_visible(&format!("{card}[data-status='active']")).await;
    browser.click(&format!("{card} .alert-buttons button:first-child")).await;
    fixture.wait_status(&id, "acknowledged").await;

    browser.click(&format!("{card} .alert-buttons button:last-child")).await;
    fixture.wait_status(&id, "resolved").await;
    // It stays where it was as long as somebody stands there.
    browser.execute("document.activeElement.blur()").await;
    browser.click("h2#alerts-title").await;
    browser.wait_hidden(&format!("#alerts {card}")).await;
    browser.click("#resolved .panel-actions a").await;
    browser.wait_visible(&format!("#resolved {card}[data-status='resolved']")).await;

    // What another operator does is seen here too.
    let id = fixture.alert("warning", "A door stands open").await;
    browser.wait_visible(&format!("#alerts #alert-{id}[data-severity='warning']")).await;
    fixture.operator().await.patch(&format!("/api/alerts/{id}/acknowledge"), json!({})).await.expect(200);
    browser.wait_visible(&format!("#alert-{id}[data-status='acknowledged']")).await;
    browser.assert_no_console_errors().await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_fits_a_phone_and_can_be_read_in_both_colours() {
    let fixture = Fixture::create(App::start().await).await;
    fixture.report(0, true, 0).await;
    for severity in ["critical", "warning", "info"] {
        fixture
            .alert(severity, &format!("Something of severity {severity}, aLongWordWithoutAnyPlaceToBreakItAtAll_{}", "x".repeat(80)))
            .await;
    }
    let admin = fixture.app.admin().await;
    for (spot, status) in [(4, "out_of_service"), (5, "reserved")] {
        admin.patch(&format!("/api/spots/{}", fixture.place.spots[spot]), json!({ "status": status })).await.expect(200);
    }
    let browser = Browser::start(360, 740).await;
    browser.open(&format!("{}/console/", fixture.app.base_url())).await;
    browser.wait_visible("#email").await;
    browser.assert_readable("sign-in").await;
    fixture.enter(&browser, fixture.app.base_url(), "parking").await;
    browser.click(&fixture.bay(0)).await;
    browser.wait_visible(".spot-card").await;
    for (width, height) in [(360, 740), (768, 1024), (1440, 900), (2560, 1440)] {
        browser.resize(width, height).await;
        browser.assert_readable(&format!("parking-{width}")).await;
    }
    fixture.go(&browser, "alerts").await;
    browser.wait_visible(".alert[data-severity='critical']").await;
    for (width, height) in [(2560, 1440), (1440, 900), (768, 1024), (360, 740)] {
        browser.resize(width, height).await;
        browser.assert_readable(&format!("alerts-{width}")).await;
    }
    browser.assert_no_console_errors().await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plan_can_be_walked_with_the_keyboard() {
    let fixture = Fixture::create(App::start().await).await;
    fixture.report(1, true, 0).await;
    let browser = Browser::start(1280, 800).await;
    fixture.enter(&browser, fixture.app.base_url(), "parking").await;
    browser.wait_visible(&fixture.bay_is(1, "occupied")).await;
    browser.execute("document.querySelector('.bay[tabindex=\"0\"]').focus()").await;
    browser.press(RIGHT).await;
    assert_eq!(browser.execute("return document.activeElement.dataset.spot").await, json!(fixture.place.spots[1]));
    assert_eq!(browser.execute("return document.querySelectorAll('.bay[tabindex=\"0\"]').length").await, 1);
    browser.press(ENTER).await;
    browser.wait_text(".spot-card strong", |text| text == fixture.place.spots[1]).await;
    browser.wait_text(".spot-card .facts", |text| text.contains("Occupied") && text.contains(&fixture.devices[1])).await;
    let nameless = "return [...document.querySelectorAll('button, input, select, a')].filter((element) => \
        !element.innerText.trim() && !element.getAttribute('aria-label') && !element.labels?.length).length";
    assert_eq!(browser.execute(nameless).await, 0, "every control has a name");
    browser.assert_no_console_errors().await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_sees_what_is_theirs_and_no_more() {
    let fixture = Fixture::create(App::start().await).await;
    fixture.alert("critical", "Only for operators").await;
    let (email, password) = fixture.app.new_user("visitor", json!({})).await;
    let browser = Browser::start(1280, 800).await;
    browser.open(&format!("{}/console/", fixture.app.base_url())).await;
    browser.sign_in(&email, &password).await;
    browser.wait_visible(".connection[data-state='live']").await;
    // At most five things to go to, and what is not theirs says so.
    assert_eq!(browser.execute("return document.querySelectorAll('nav.pages a').length").await, 5);
    browser.open(&fixture.page(fixture.app.base_url(), "way")).await;
    browser.wait_visible("#free").await;
    for page in ["parking", "alerts", "devices", "users", "gate"] {
        browser.open(&fixture.page(fixture.app.base_url(), page)).await;
        browser.wait_text(".not-found h1", |text| text == "This page is not for your account").await;
    }
    browser.open(&fixture.page(fixture.app.base_url(), "nonsense")).await;
    browser.wait_text(".not-found h1", |text| text == "There is no such page").await;
    assert_eq!(browser.execute("return document.querySelectorAll('#alerts, #devices, .alert, .toast').length").await, 0);
    browser.assert_no_console_errors().await;
    browser.close().await;
}
