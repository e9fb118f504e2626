//! The console, as emergencies and broadcasts go through it: the one who calls for help, and those who answer.

use std::time::Duration;

use gatehouse_tests::browser::Browser;
use gatehouse_tests::{App, Client};
use serde_json::{Value, json};

/// A temple with crews, an operator and a visitor.
struct Fixture {
    app: App,
    temple: String,
    operator: (String, String),
    visitor: (String, String),
    desk: Client,
}

impl Fixture {
    async fn create() -> Self {
        let app = App::start().await;
        let temple = gatehouse_tests::unique("temple");
        let admin = app.admin().await;
        let site = json!({
            "slug": temple, "name": "Somnath", "kind": "temple", "latitude": 20.8880, "longitude": 70.4013,
            "time_zone": "Asia/Kolkata", "capacity": 10_000,
        });
        admin.post("/api/sites", site).await.expect(201);
        for (code, name) in [("gate", "Main gate"), ("queue", "Queue complex"), ("sanctum", "Sanctum hall")] {
            let path = format!("/api/sites/{temple}/zones");
            admin.post(&path, json!({"code": code, "name": name, "area_m2": 900.0, "capacity": 2000})).await.expect(201);
        }
        let operator = app.new_user("operator", json!({"name": "Asha Desai"})).await;
        let visitor = app.new_user("visitor", json!({"name": "Ramesh Patel"})).await;
        let desk = app.login(&operator.0, &operator.1).await;
        for (kind, name, lat, contact) in [
            ("ambulance", "Ambulance 1", 20.8905, "+912876000001"),
            ("ambulance", "Ambulance 2", 20.9130, "+912876000002"),
            ("security", "Security, north post", 20.8884, "Radio 4"),
        ] {
            let resource = json!({
                "temple_id": temple, "type": kind, "name": name, "contact": contact, "location": {"lat": lat, "lng": 70.4013},
            });
            desk.post("/api/resources/", resource).await.expect(201);
        }
        Self { app, temple, operator, visitor, desk }
    }

    async fn enter(&self, browser: &Browser, who: &(String, String), page: &str) {
        // Tabs share a session, hosts do not: the visitor asks the same server by another name.
        let base = self.app.base_url();
        let base = if *who == self.visitor { base.replace("127.0.0.1", "localhost") } else { base.to_owned() };
        browser.open(&format!("{base}/console/")).await;
        browser.sign_in(&who.0, &who.1).await;
        browser.wait_visible(".connection[data-state='live']").await;
        browser.open(&format!("{base}/console/s/{}/{page}", self.temple)).await;
        browser.wait_visible(".connection[data-state='live']").await;
        browser.execute("window.sameDocument = true").await;
    }

    async fn report_emergency(&self, kind: &str, severity: &str, description: &str) -> Value {
        let body = json!({
            "temple_id": self.temple, "type": kind, "severity": severity, "description": description,
            "location": {"lat": 20.8881, "lng": 70.4014},
        });
        self.desk.post("/api/emergency/", body).await.expect(201)
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "counts what is there: needs an application of its own")]
async fn a_visitor_calls_and_an_operator_answers_and_both_see_it_go() {
    let fixture = Fixture::create().await;
    let browser = Browser::start(1280, 900).await;
    fixture.enter(&browser, &fixture.operator, "emergencies").await;
    browser.wait_text(".sos-column[data-column='waiting'] .empty", |text| text == "Nobody is waiting.").await;

    browser.new_tab(390, 844).await;
    browser.set_location(20.8883, 70.4019).await;
    fixture.enter(&browser, &fixture.visitor, "sos").await;
    browser.wait_visible(".sos-type[data-type='medical']").await;
    browser.wait_text(".sos-where", |text| text.starts_with("Position: yours")).await;
    browser.fill("#sos-description", "My father has fallen near the steps").await;
    browser.assert_readable("visitor-form").await;
    // One tap sends it.
    browser.click(".sos-type[data-type='medical']").await;
    browser.wait_text(".report[data-status='reported'] .report-text", |text| text.contains("My father")).await;
    assert_eq!(browser.execute("return document.activeElement.id").await, "reports-title");

    // The operator's board has it, without a reload.
    browser.switch_tab(0).await;
    browser.wait_text("#sos-waiting .sos-text", |text| text == "My father has fallen near the steps").await;
    browser.wait_text("#sos-waiting .sos-at", |text| text == "20.88830, 70.40190").await;
    browser.wait_text("#sos-waiting .sos-who", |text| text.contains("Ramesh Patel")).await;
    // Its place is known well, and shown on the map.
    browser.wait_hidden("#sos-waiting .tag").await;
    browser.wait_visible(".sos-map-mark[data-status='reported']:not([data-approximate])").await;
    browser.wait_visible(".toast[data-severity='critical']").await;
    let first = browser.wait_text("#sos-waiting .sos-age", |text| text.contains(':')).await;
    browser.wait_text("#sos-waiting .sos-age", |text| text != first).await;
    browser.assert_readable("board-waiting").await;

    // By a key: what waits the longest of the gravest is taken in hand.
    browser.execute("document.querySelector('#sos-waiting .sos-card').focus()").await;
    browser.press("a").await;
    browser.wait_visible("#sos-hand .sos-card[data-status='acknowledged']").await;
    browser.execute("document.querySelector('#sos-hand .sos-card').focus()").await;
    browser.press("d").await;
    // Whoever helps and is nearest comes first, with a link that calls.
    browser.wait_visible("#sos-hand .sos-suggestion[data-best] a[href='tel:+912876000001']").await;
    browser.wait_text("#sos-hand .sos-suggestion[data-best] .sos-name", |text| text.starts_with("Ambulance 1")).await;
    browser.wait_text("#sos-hand .sos-suggestion[data-best] .sos-distance", |text| text.ends_with(" m")).await;
    browser.assert_readable("board-suggestions").await;
    browser.click("#sos-hand .sos-suggestion[data-best] button").await;
    browser.wait_text("#sos-hand .sos-crew", |text| text.contains("Ambulance 1")).await;
    browser.wait_text("#sos-hand .sos-suggestion[data-best] .sos-name", |text| text.starts_with("Ambulance 2")).await;

    browser.switch_tab(1).await;
    browser.wait_text(".report[data-status='acknowledged'] .report-help", |text| text == "On the way: Ambulance.").await;

    browser.switch_tab(0).await;
    browser.click("#sos-hand .sos-next").await;
    browser.wait_visible("#sos-hand .sos-card[data-status='in_progress']").await;
    browser.click("#sos-hand .sos-resolve").await;
    browser.fill("#sos-hand .sos-note textarea", "Taken to the hospital").await;
    browser.assert_readable("board-resolving").await;
    browser.click("#sos-hand .sos-note button").await;
    browser.wait_hidden("#sos-hand .sos-card").await;
    browser.click(".sos-over summary").await;
    browser.wait_text(".sos-over .sos-who", |text| text == "Taken to the hospital").await;
    assert_eq!(browser.execute("return window.sameDocument").await, true);

    browser.switch_tab(1).await;
    browser.wait_text(".report[data-status='resolved'] .report-help", |text| text.starts_with("Closed after")).await;
    assert_eq!(browser.execute("return document.querySelectorAll('.report .step[data-done]').length").await, 4);
    assert_eq!(browser.execute("return window.sameDocument").await, true);
    browser.assert_readable("visitor-resolved").await;
    browser.assert_no_console_errors().await;

    let listed = fixture.desk.get("/api/emergency/?status=resolved").await.expect(200);
    assert_eq!((&listed["items"][0]["resolution"], &listed["items"].as_array().unwrap().len()), (&json!("Taken to the hospital"), &1));
    let ambulances = fixture.desk.get("/api/resources/?type=ambulance").await.expect(200);
    assert!(ambulances["items"].as_array().unwrap().iter().all(|ambulance| ambulance["status"] == "available"));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "counts what is there: needs an application of its own")]
async fn a_visitor_takes_a_report_back_and_an_operator_closes_a_false_alarm() {
    let fixture = Fixture::create().await;
    let browser = Browser::start(1280, 900).await;
    fixture.enter(&browser, &fixture.operator, "emergencies").await;
    browser.new_tab(390, 844).await;
    fixture.enter(&browser, &fixture.visitor, "home").await;
    // On a phone, the way there is on every page.
    browser.click(".sos-fixed").await;
    browser.wait_text(".sos-where", |text| text.starts_with("Position: that of Somnath")).await;
    // Without a word, and without a position.
    browser.click(".sos-type[data-type='other']").await;
    browser.wait_visible(".report[data-status='reported'] .report-cancel").await;
    browser.click(".report-cancel").await;
    browser.wait_text(".report-cancel", |text| text == "Yes, cancel my report").await;
    browser.assert_readable("visitor-cancelling").await;
    browser.click(".report-cancel").await;
    browser.wait_text(".report[data-status='cancelled'] .report-help", |text| text == "Cancelled by you.").await;
    browser.wait_hidden(".report-cancel").await;

    browser.switch_tab(0).await;
    browser.wait_hidden("#sos-waiting .sos-card").await;
    browser.click(".sos-over summary").await;
    browser.wait_text(".sos-over .sos-who", |text| text == "Cancelled").await;
    // Of one of which only the type is known, the board says what is not.
    fixture.desk.post("/api/emergency/", json!({"type": "fire"})).await.expect(201);
    browser.wait_text("#sos-waiting .sos-place", |text| text.starts_with("Place not known")).await;
    browser.wait_text("#sos-waiting .sos-at", |text| text == "No position").await;
    browser.click("#sos-waiting .sos-dismiss").await;
    browser.fill("#sos-waiting .sos-note textarea", "A drill").await;
    browser.assert_readable("board-dismissing").await;
    browser.click("#sos-waiting .sos-note button").await;
    browser.wait_hidden("#sos-waiting .sos-card").await;
    browser.wait_text(".sos-over .sos-card[data-status='false_alarm'] .sos-who", |text| text == "False alarm: A drill").await;
    browser.assert_no_console_errors().await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "counts what is there: needs an application of its own")]
async fn on_every_page_operators_see_that_somebody_waits() {
    let fixture = Fixture::create().await;
    let browser = Browser::start(1280, 900).await;
    fixture.enter(&browser, &fixture.operator, "alerts").await;
    browser.wait_hidden(".sos-strip").await;
    let critical = fixture.report_emergency("stampede", "critical", "People are pressed against the barrier").await;
    browser.wait_text(".sos-strip", |text| text.starts_with("1 emergency waits for an answer")).await;
    browser.wait_text(".toast[data-severity='critical'] strong", |text| text == "SOS, Somnath: Crowd crush").await;
    fixture.report_emergency("missing_person", "medium", "A child of six in a red shirt").await;
    browser.wait_text(".sos-strip", |text| text.starts_with("2 emergencies wait")).await;
    browser.assert_readable("strip").await;
    // The notice leads to the board, and there to the emergency.
    browser.click(".toast[data-severity='critical'] .toast-show").await;
    browser.wait_visible(&format!("#sos-waiting #sos-{}", critical["id"].as_str().unwrap())).await;
    browser.wait_hidden(".sos-strip").await;
    let wanted = format!("sos-{}", critical["id"].as_str().unwrap());
    gatehouse_tests::eventually("it has the focus", Duration::from_secs(5), async || {
        (browser.execute("return document.activeElement.id").await == json!(wanted)).then_some(())
    })
    .await;

    // The gravest first, and of equals the newest.
    fixture.report_emergency("fire", "critical", "Smoke from the kitchen").await;
    gatehouse_tests::eventually("the order", Duration::from_secs(10), async || {
        let order = browser.execute("return [...document.querySelectorAll('#sos-waiting .sos-kind')].map((one) => one.textContent)").await;
        (order == json!(["Fire", "Crowd crush", "Missing person"])).then_some(())
    })
    .await;
    // What somebody else does shows here as well.
    let path = format!("/api/emergency/{}/acknowledge", critical["id"].as_str().unwrap());
    fixture.desk.patch(&path, json!({})).await.expect(200);
    browser.wait_visible(&format!("#sos-hand #sos-{}", critical["id"].as_str().unwrap())).await;
    // Neither a car park nor another temple that was chosen hides who waits.
    let car_park = fixture.app.place(2).await.site;
    browser.open("about:blank").await;
    browser.open(&format!("{}/console/s/{}/emergencies", fixture.app.base_url(), fixture.temple)).await;
    browser.wait_visible("#sos-waiting .sos-card").await;
    browser.click(&format!("#site option[value='{car_park}']")).await;
    browser.wait_visible("#sos-waiting .sos-card").await;
    browser.click("#site option[value='ambaji']").await;
    browser.wait_text(".sos-elsewhere", |text| text == "2 more wait at other temples: show all").await;
    browser.click(".sos-elsewhere").await;
    browser.wait_visible("#sos-waiting .sos-card").await;
    browser.resize(390, 844).await;
    browser.assert_readable("board-phone").await;
    browser.assert_no_console_errors().await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "counts what is there: needs an application of its own")]
async fn a_report_is_sent_once_and_says_what_is_not_known() {
    let fixture = Fixture::create().await;
    let browser = Browser::start(900, 900).await;
    fixture.enter(&browser, &fixture.visitor, "sos").await;
    browser.wait_text(".sos-where", |text| text.starts_with("Position: that of Somnath")).await;
    browser.fill("#sos-description", "Help at gate 2").await;
    // An impatient finger.
    browser.execute("for (let turn = 0; turn < 3; turn += 1) document.querySelector(\".sos-type[data-type='fire']\").click()").await;
    browser.wait_visible(".report[data-status='reported']").await;
    assert_eq!(browser.execute("return document.getElementById('sos-description').value").await, "", "it is sent");
    let listed = fixture.desk.get("/api/emergency/").await.expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    let report = &listed["items"][0];
    assert_eq!(
        (&report["type"], &report["temple_id"], &report["description"]),
        (&json!("fire"), &json!(fixture.temple), &json!("Help at gate 2"))
    );
    // Where nobody measured, nothing is made up: what there is, is marked.
    assert!(report["location"].is_null() || report["location_approximate"] == true, "{report}");
    browser.assert_no_console_errors().await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_announces_everybody_sees_until_it_is_over() {
    let fixture = Fixture::create().await;
    let browser = Browser::start(1280, 900).await;
    fixture.enter(&browser, &fixture.operator, "broadcasts").await;
    browser.new_tab(390, 844).await;
    fixture.enter(&browser, &fixture.visitor, "broadcasts").await;
    browser.wait_text(".casts-page .empty", |text| text == "Nothing is announced at the moment.").await;
    assert_eq!(browser.execute("return document.querySelector('.cast-form')").await, Value::Null);

    browser.switch_tab(0).await;
    browser.click(&format!("#cast-site option[value='{}']", fixture.temple)).await;
    browser.click(".sos-choice:has(input[value='queue'])").await;
    browser.click(".sos-choice:has(input[value='warning'])").await;
    browser.fill("#cast-message", "The queue is closed for half an hour. Please wait in the shade.").await;
    browser.click("#cast-send").await;
    browser.wait_text(".cast-message", |text| text.starts_with("The queue is closed")).await;
    browser.wait_text(".cast-ends", |text| text == "Ends in 120 min" || text == "Ends in 2 h").await;
    browser.assert_readable("broadcasts").await;

    browser.switch_tab(1).await;
    browser.wait_text(".cast-message", |text| text.starts_with("The queue is closed")).await;
    browser.wait_text(".cast-place", |text| text == "Somnath · Queue").await;
    assert_eq!(browser.execute("return document.querySelectorAll('.cast button').length").await, 0);
    browser.assert_readable("broadcasts-phone").await;
    // One that ends while it is looked at is gone in that second.
    let body = json!({
        "site": fixture.temple, "severity": "info", "message": "A moment", "expires_at": fixture.app.time(4),
    });
    fixture.desk.post("/api/alerts/", body).await.expect(201);
    browser.wait_text(".cast:last-child .cast-message", |text| text == "A moment").await;
    gatehouse_tests::eventually("it is over", Duration::from_secs(10), async || {
        (browser.execute("return document.querySelectorAll('#casts .fresh > .casts > .cast').length").await == 1).then_some(())
    })
    .await;

    browser.switch_tab(0).await;
    browser.click(".cast .alert-buttons button:nth-child(1)").await;
    browser.wait_text(".cast .alert-step", |text| text == "Seen by you").await;
    browser.click(".cast .cast-end").await;
    browser.wait_text(".casts-past summary", |text| text.starts_with("History (")).await;
    browser.switch_tab(1).await;
    browser.wait_text(".casts-page .empty", |text| text == "Nothing is announced at the moment.").await;
    browser.assert_no_console_errors().await;
    browser.close().await;
}
