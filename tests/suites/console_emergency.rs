//! The console, as emergencies and broadcasts go through it: the one who calls for help, and those who answer.

use std::time::Duration;

use gatehouse_tests::browser::Browser;
use gatehouse_tests::{App, Client};
use serde_json::{Value, json};

/// A temple with crews, an operator and a visitor.
struct Stage {
    app: App,
    temple: String,
    operator: (String, String),
    visitor: (String, String),
    desk: Client,
}

impl Stage {
    async fn set() -> Self {
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
        browser.open(&format!("{}/console/#/{page}", self.app.base_url())).await;
        browser.fill("#email", &who.0).await;
        browser.fill("#password", &who.1).await;
        browser.click("form button[type='submit']").await;
        browser.see(".connection[data-state='live']").await;
        browser.run("window.sameDocument = true").await;
    }

    async fn sos(&self, kind: &str, severity: &str, description: &str) -> Value {
        let body = json!({
            "temple_id": self.temple, "type": kind, "severity": severity, "description": description,
            "location": {"lat": 20.8881, "lng": 70.4014},
        });
        self.desk.post("/api/emergency/", body).await.expect(201)
    }
}

async fn quiet(browser: &Browser) {
    let complaints = browser.complaints().await;
    assert!(complaints.is_empty(), "{complaints:#?}");
}

/// All text has the contrast that WCAG 2 asks for at level AA, in both lights; nothing is wider than the page.
async fn readable(browser: &Browser, name: &str) {
    for dark in [false, true] {
        browser.prefer_dark(dark).await;
        // Colours are transitions for a moment after they were switched.
        tokio::time::sleep(Duration::from_millis(700)).await;
        let faint = browser.run(include_str!("console/contrast.js")).await;
        assert_eq!(faint, json!([]), "{name}, dark: {dark}");
        picture(browser, &format!("{name}-{}", if dark { "dark" } else { "light" })).await;
    }
    browser.prefer_dark(false).await;
    assert_eq!(browser.run("return document.documentElement.scrollWidth <= innerWidth").await, true, "{name}");
}

/// Kept where `GATEHOUSE_PICTURES` says, for people to look at.
async fn picture(browser: &Browser, name: &str) {
    if let Some(directory) = std::env::var_os("GATEHOUSE_PICTURES") {
        std::fs::write(std::path::Path::new(&directory).join(format!("{name}.png")), browser.screenshot().await).expect("a picture");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_calls_and_an_operator_answers_and_both_see_it_go() {
    let stage = Stage::set().await;
    let browser = Browser::start(1280, 900).await;
    stage.enter(&browser, &stage.operator, "emergencies").await;
    browser.read("#sos-waiting-title + *, .sos-column[data-column='waiting'] .empty", |text| text == "Nobody is waiting.").await;

    browser.new_tab(390, 844).await;
    browser.stand_at(20.8883, 70.4019).await;
    stage.enter(&browser, &stage.visitor, "emergencies").await;
    browser.see("#sos-send").await;
    browser.read(".sos-where", |text| text.starts_with("Position: yours")).await;
    browser.click(".sos-choice:has(input[value='medical'])").await;
    browser.fill("#sos-description", "My father has fallen near the steps").await;
    readable(&browser, "visitor-form").await;
    browser.click("#sos-send").await;
    browser.read(".report[data-status='reported'] .report-text", |text| text.contains("My father")).await;
    assert_eq!(browser.run("return document.activeElement.id").await, "reports-title");

    // The operator's board has it, without a reload.
    browser.go_to_tab(0).await;
    browser.read("#sos-waiting .sos-text", |text| text == "My father has fallen near the steps").await;
    browser.read("#sos-waiting .sos-at", |text| text == "20.88830, 70.40190").await;
    browser.read("#sos-waiting .sos-who", |text| text.contains("Ramesh Patel")).await;
    browser.see(".toast[data-severity='critical']").await;
    let first = browser.read("#sos-waiting .sos-age", |text| text.contains(':')).await;
    browser.read("#sos-waiting .sos-age", |text| text != first).await;
    readable(&browser, "board-waiting").await;

    browser.click("#sos-waiting .sos-next").await;
    browser.see("#sos-hand .sos-card[data-status='acknowledged']").await;
    // Whoever helps and is nearest comes first.
    browser.read("#sos-hand .sos-suggestion[data-best] .sos-name", |text| text.starts_with("Ambulance 1")).await;
    browser.read("#sos-hand .sos-suggestion[data-best] .sos-distance", |text| text.ends_with(" m")).await;
    readable(&browser, "board-suggestions").await;
    browser.click("#sos-hand .sos-suggestion[data-best] button").await;
    browser.read("#sos-hand .sos-crew", |text| text.contains("Ambulance 1")).await;
    browser.read("#sos-hand .sos-suggestion[data-best] .sos-name", |text| text.starts_with("Ambulance 2")).await;

    browser.go_to_tab(1).await;
    browser.read(".report[data-status='acknowledged'] .report-help", |text| text == "On the way: Ambulance.").await;

    browser.go_to_tab(0).await;
    browser.click("#sos-hand .sos-next").await;
    browser.see("#sos-hand .sos-card[data-status='in_progress']").await;
    browser.click("#sos-hand .sos-resolve").await;
    browser.fill("#sos-hand .sos-note textarea", "Taken to the hospital").await;
    readable(&browser, "board-resolving").await;
    browser.click("#sos-hand .sos-note button").await;
    browser.miss("#sos-hand .sos-card").await;
    browser.click(".sos-over summary").await;
    browser.read(".sos-over .sos-who", |text| text == "Taken to the hospital").await;
    assert_eq!(browser.run("return window.sameDocument").await, true);

    browser.go_to_tab(1).await;
    browser.read(".report[data-status='resolved'] .report-help", |text| text.starts_with("Over after")).await;
    assert_eq!(browser.run("return document.querySelectorAll('.report .step[data-done]').length").await, 4);
    assert_eq!(browser.run("return window.sameDocument").await, true);
    readable(&browser, "visitor-resolved").await;
    quiet(&browser).await;

    let listed = stage.desk.get("/api/emergency/?status=resolved").await.expect(200);
    assert_eq!((&listed["items"][0]["resolution"], &listed["items"].as_array().unwrap().len()), (&json!("Taken to the hospital"), &1));
    let ambulances = stage.desk.get("/api/resources/?type=ambulance").await.expect(200);
    assert!(ambulances["items"].as_array().unwrap().iter().all(|ambulance| ambulance["status"] == "available"));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_every_page_operators_see_that_somebody_waits() {
    let stage = Stage::set().await;
    let browser = Browser::start(1280, 900).await;
    stage.enter(&browser, &stage.operator, "parking").await;
    browser.miss(".sos-strip").await;
    let critical = stage.sos("stampede", "critical", "People are pressed against the barrier").await;
    browser.read(".sos-strip", |text| text.starts_with("1 emergency waits for an answer")).await;
    browser.read(".toast[data-severity='critical'] strong", |text| text == "SOS, Somnath: Crowd crush").await;
    stage.sos("missing_person", "medium", "A child of six in a red shirt").await;
    browser.read(".sos-strip", |text| text.starts_with("2 emergencies wait")).await;
    readable(&browser, "strip").await;
    // The notice leads to the board, and there to the emergency.
    browser.click(".toast[data-severity='critical'] button:not([aria-label])").await;
    browser.see(&format!("#sos-waiting #sos-{}", critical["id"].as_str().unwrap())).await;
    browser.miss(".sos-strip").await;
    let wanted = format!("sos-{}", critical["id"].as_str().unwrap());
    gatehouse_tests::eventually("it has the focus", Duration::from_secs(5), async || {
        (browser.run("return document.activeElement.id").await == json!(wanted)).then_some(())
    })
    .await;

    // The gravest first, and of equals the newest.
    stage.sos("fire", "critical", "Smoke from the kitchen").await;
    gatehouse_tests::eventually("the order", Duration::from_secs(10), async || {
        let order = browser.run("return [...document.querySelectorAll('#sos-waiting .sos-kind')].map((one) => one.textContent)").await;
        (order == json!(["Fire", "Crowd crush", "Missing person"])).then_some(())
    })
    .await;
    // What somebody else does shows here as well.
    let path = format!("/api/emergency/{}/acknowledge", critical["id"].as_str().unwrap());
    stage.desk.patch(&path, json!({})).await.expect(200);
    browser.see(&format!("#sos-hand #sos-{}", critical["id"].as_str().unwrap())).await;
    // Neither a car park nor another temple that was chosen hides who waits.
    let elsewhere = json!({"slug": "ambaji", "name": "Ambaji", "kind": "temple", "latitude": 24.3, "longitude": 72.8, "time_zone": "Asia/Kolkata", "capacity": 7000});
    stage.app.admin().await.post("/api/sites", elsewhere).await.expect(201);
    let car_park = stage.app.place(2).await.site;
    browser.open("about:blank").await;
    browser.open(&format!("{}/console/#/emergencies", stage.app.base_url())).await;
    browser.see("#sos-waiting .sos-card").await;
    browser.click(&format!("#site option[value='{car_park}']")).await;
    browser.see("#sos-waiting .sos-card").await;
    browser.click("#site option[value='ambaji']").await;
    browser.read(".sos-elsewhere", |text| text == "2 more wait at other temples: show all").await;
    browser.click(".sos-elsewhere").await;
    browser.see("#sos-waiting .sos-card").await;
    browser.resize(390, 844).await;
    readable(&browser, "board-phone").await;
    quiet(&browser).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_says_what_is_wrong_with_it_and_is_sent_once() {
    let stage = Stage::set().await;
    let browser = Browser::start(900, 900).await;
    stage.enter(&browser, &stage.visitor, "emergencies").await;
    // Without a position of its own: the temple's.
    browser.read(".sos-where", |text| text.starts_with("Position: that of Somnath")).await;
    browser.fill("#sos-description", "Help at gate 2").await;
    browser.click(".sos-typed summary").await;
    browser.fill("#sos-lat", "120").await;
    browser.fill("#sos-lng", "70").await;
    browser.read(".sos-where", |text| text == "Position: as typed below.").await;
    browser.click("#sos-send").await;
    browser.read(".form-error", |text| text.starts_with("Location: its lat must be a number from -90 to 90")).await;
    assert_eq!(browser.run("return document.getElementById('sos-description').value").await, "Help at gate 2", "nothing typed is lost");
    browser.fill("#sos-lat", "20.8890").await;
    // An impatient finger.
    browser
        .run("const form = document.querySelector('.sos-form'); form.requestSubmit(); form.requestSubmit(); document.getElementById('sos-send').click();")
        .await;
    browser.see(".report[data-status='reported']").await;
    let listed = stage.desk.get("/api/emergency/").await.expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    assert_eq!(listed["items"][0]["location"], json!({"lat": 20.889, "lng": 70.0}));
    quiet(&browser).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_announces_everybody_sees_until_it_is_over() {
    let stage = Stage::set().await;
    let browser = Browser::start(1280, 900).await;
    stage.enter(&browser, &stage.operator, "broadcasts").await;
    browser.new_tab(390, 844).await;
    stage.enter(&browser, &stage.visitor, "broadcasts").await;
    browser.read(".casts-page .empty", |text| text == "Nothing is announced at the moment.").await;
    assert_eq!(browser.run("return document.querySelector('.cast-form')").await, Value::Null);

    browser.go_to_tab(0).await;
    browser.click(&format!("#cast-site option[value='{}']", stage.temple)).await;
    browser.click(".sos-choice:has(input[value='queue'])").await;
    browser.click(".sos-choice:has(input[value='warning'])").await;
    browser.fill("#cast-message", "The queue is closed for half an hour. Please wait in the shade.").await;
    browser.click("#cast-send").await;
    browser.read(".cast-message", |text| text.starts_with("The queue is closed")).await;
    browser.read(".cast-ends", |text| text == "Ends in 120 min" || text == "Ends in 2 h").await;
    readable(&browser, "broadcasts").await;

    browser.go_to_tab(1).await;
    browser.read(".cast-message", |text| text.starts_with("The queue is closed")).await;
    browser.read(".cast-place", |text| text == "Somnath · Queue").await;
    assert_eq!(browser.run("return document.querySelectorAll('.cast button').length").await, 0);
    readable(&browser, "broadcasts-phone").await;
    // One that ends while it is looked at is gone in that second.
    let body = json!({
        "site": stage.temple, "severity": "info", "message": "A moment", "expires_at": stage.app.time(4),
    });
    stage.desk.post("/api/alerts/", body).await.expect(201);
    browser.read(".cast:last-child .cast-message", |text| text == "A moment").await;
    gatehouse_tests::eventually("it is over", Duration::from_secs(10), async || {
        (browser.run("return document.querySelectorAll('.casts-page > section > .casts > .cast').length").await == 1).then_some(())
    })
    .await;

    browser.go_to_tab(0).await;
    browser.click(".cast .alert-buttons button:nth-child(1)").await;
    browser.read(".cast .alert-step", |text| text == "Seen by you").await;
    browser.click(".cast .alert-buttons button:nth-child(2)").await;
    browser.read(".casts-past summary", |text| text.starts_with("Told before (")).await;
    browser.go_to_tab(1).await;
    browser.read(".casts-page .empty", |text| text == "Nothing is announced at the moment.").await;
    quiet(&browser).await;
    browser.close().await;
}
