//! The console's crowd board and shuttle board, in a browser: live, for everybody and for operators, on any screen.

use gatehouse_tests::browser::Browser;
use gatehouse_tests::{App, Client, unique};
use serde_json::{Value, json};

/// A temple with two zones that were counted for hours, a route with two stops, and two shuttles of which one is silent.
struct Fixture {
    app: App,
    site: String,
    operator: Client,
    email: String,
    password: String,
}

impl Fixture {
    async fn create() -> Self {
        let app = App::start().await;
        let admin = app.admin().await;
        let site = unique("temple");
        let body = json!({
            "slug": site, "name": "Hill temple", "kind": "temple", "latitude": 20.0, "longitude": 70.0, "time_zone": "Asia/Kolkata",
            "capacity": 5000,
        });
        admin.post("/api/sites", body).await.expect(201);
        let zones = format!("/api/sites/{site}/zones");
        admin
            .post(&zones, json!({"code": "HALL", "name": "Great hall", "capacity": 1000, "area_m2": 400, "position": 1}))
            .await
            .expect(201);
        admin.post(&zones, json!({"code": "YARD", "name": "Yard", "capacity": 500, "position": 2})).await.expect(201);
        let (email, password) = app.new_user("operator", json!({})).await;
        let operator = app.login(&email, &password).await;
        let fixture = Self { app, site, operator, email, password };
        let counts: Vec<Value> = (0..48)
            .flat_map(|hour| {
                let count =
                    |zone: &str, count: i64| json!({"zone": zone, "count": count, "timestamp": fixture.app.time(-3600 * hour - 60)});
                [count("HALL", 200 + (hour * 37) % 90), count("YARD", 40 + (hour * 13) % 20)]
            })
            .collect();
        let tally = fixture.operator.post(&fixture.crowd("update"), json!(counts)).await.expect(200);
        assert_eq!(tally["accepted"], 96);
        fixture
    }

    fn crowd(&self, rest: &str) -> String {
        format!("/api/crowd/temple/{}/{rest}", self.site)
    }

    async fn count(&self, zone: &str, count: i64, plus_s: i64) {
        let body = json!({"zone": zone, "count": count, "timestamp": self.app.time(plus_s)});
        self.operator.post(&self.crowd("update"), body).await.expect(201);
    }

    /// Two shuttles of a straight route; their codes.
    async fn shuttles(&self) -> [String; 2] {
        let route = unique("R").to_uppercase();
        let stop = |name: &str, lat: f64, offset: i64| json!({"id": format!("{route}-{offset}"), "name": name, "lat": lat, "lng": 70.0, "offset_s": offset});
        let body = json!({
            "id": route, "temple_id": self.site, "name": "Car park to temple", "polyline": [[20.0, 70.0], [20.02, 70.0]], "typical_kmh": 36,
            "departures": ["06:00"], "stops": [stop("Car park", 20.0, 0), stop("Temple", 20.02, 240)],
        });
        self.operator.post("/api/transport/routes", body).await.expect(201);
        let mut codes = [format!("{route}-1"), format!("{route}-2")];
        for (index, code) in codes.iter_mut().enumerate() {
            let body =
                json!({"id": code, "temple_id": self.site, "name": format!("Shuttle {}", index + 1), "capacity": 20, "route_id": route});
            self.operator.post("/api/transport/shuttles", body).await.expect(201);
        }
        codes
    }

    async fn position(&self, shuttle: &str, lat: f64, passengers: i64, plus_s: i64) {
        let body = json!({"lat": lat, "lng": 70.0, "passengers": passengers, "timestamp": self.app.time(plus_s)});
        self.operator.post(&format!("/api/transport/shuttles/{shuttle}/location"), body).await.expect(201);
    }

    async fn enter(&self, browser: &Browser, page: &str) {
        self.enter_as(browser, page, &self.email, &self.password).await;
    }

    /// Signs in and opens the page of this temple.
    async fn enter_as(&self, browser: &Browser, page: &str, email: &str, password: &str) {
        browser.open(&format!("{}/console/", self.app.base_url())).await;
        browser.sign_in(email, password).await;
        browser.wait_visible(".connection[data-state='live']").await;
        browser.open(&format!("{}/console/s/{}/{page}", self.app.base_url(), self.site)).await;
        browser.wait_visible(".connection[data-state='live']").await;
    }
}

async fn assert_page_in_order(browser: &Browser, name: &str) {
    browser.assert_no_console_errors().await;
    browser.assert_readable(name).await;
    for width in [390, 768, 1280, 1920] {
        browser.resize(width, 800).await;
        browser.assert_no_horizontal_scroll(&format!("{name}-{width}")).await;
    }
    browser.resize(1280, 900).await;
}

fn zone(code: &str) -> String {
    format!("[data-zone='{code}']")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_crowd_board_lives() {
    let fixture = Fixture::create().await;
    let browser = Browser::start(1280, 900).await;
    fixture.enter(&browser, "crowd").await;
    browser.wait_text("#crowd-title", |text| text == "Crowd at Hill temple").await;
    browser.wait_text(&format!("{} .crowd-count", zone("HALL")), |text| text == "200").await;
    browser.wait_text(&format!("{} .crowd-share", zone("HALL")), |text| text == "of 1,000 · 20 %").await;
    browser.wait_text(&format!("{} .crowd-density", zone("HALL")), |text| text == "0.5 persons/m²").await;
    browser.wait_visible(&format!("{}[data-level='low']", zone("HALL"))).await;
    browser.wait_text(&format!("{} .crowd-next", zone("HALL")), |text| text.starts_with("From ") && text.contains(" to ")).await;
    browser.wait_visible(&format!("{} .chart-ahead", zone("HALL"))).await;
    browser.wait_visible(&format!("{} .chart-band", zone("HALL"))).await;
    browser.execute("window.sameDocument = true").await;
    // Far more people than a bound: the level turns at once, in the browser too.
    tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    fixture.count("HALL", 700, 0).await;
    browser.wait_visible(&format!("{}[data-level='high']", zone("HALL"))).await;
    browser.wait_text(&format!("{} .crowd-count", zone("HALL")), |text| text == "700").await;
    browser.wait_text(&format!("{} .crowd-trend", zone("HALL")), |text| text.contains("rising")).await;
    browser.wait_text(".crowd-total", |text| text == "740").await;
    browser.wait_text(".crowd-now .level", |text| text == "High").await;
    assert_eq!(browser.execute("return window.sameDocument").await, true);

    // The heat map: two zones, each of 24 hours.
    browser.wait_visible(".heat td").await;
    assert_eq!(
        browser.execute("return [...document.querySelectorAll('.heat tbody tr')].map((row) => row.cells.length)").await,
        json!([25, 25])
    );
    browser.click(".heat-spans [data-days='28']").await;
    browser.wait_visible(".heat-spans [data-days='28'][aria-pressed='true']").await;
    assert_page_in_order(&browser, "crowd").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_sees_the_crowd_and_no_heat_map() {
    let fixture = Fixture::create().await;
    let (email, password) = fixture.app.new_user("visitor", json!({})).await;
    let browser = Browser::start(390, 844).await;
    fixture.enter_as(&browser, "crowd", &email, &password).await;
    browser.wait_text(&format!("{} .crowd-count", zone("YARD")), |text| text == "40").await;
    browser.wait_hidden(".heat-panel").await;
    assert_page_in_order(&browser, "crowd-visitor").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shuttle_board_lives() {
    let fixture = Fixture::create().await;
    let [moving, silent] = fixture.shuttles().await;
    fixture.position(&moving, 20.004, 5, -40).await;
    fixture.position(&moving, 20.006, 5, -1).await;
    fixture.position(&silent, 20.01, 20, -300).await;
    let browser = Browser::start(1280, 900).await;
    fixture.enter(&browser, "shuttles").await;
    let row = |code: &str| format!("li[data-shuttle='{code}']");
    browser
        .wait_text(&format!("{} .shuttle-next", row(&moving)), |text| {
            text.contains("Temple") && text.contains("min") && text.contains("at its own speed")
        })
        .await;
    browser.wait_text(&format!("{} .seats-words", row(&moving)), |text| text == "5 of 20 places").await;
    browser.wait_visible(&format!("{}[data-stale][data-full]", row(&silent))).await;
    browser.wait_text(&format!("{} .shuttle-seen", row(&silent)), |text| text.contains("no position since 5 min ago")).await;
    browser.wait_text(&format!("{} .shuttle-basis", row(&silent)), |text| text == "by the timetable").await;
    assert_eq!(browser.execute("return document.querySelectorAll('.route-line, .stop').length").await, 3);
    browser.wait_visible(&format!("g[data-shuttle='{silent}'][data-stale]")).await;
    let place = format!("return document.querySelector(\"g[data-shuttle='{moving}']\").style.transform");
    let before = browser.execute(&place).await;

    // It drives on, and the silent one speaks again.
    tokio::time::sleep(std::time::Duration::from_secs(10)).await;
    fixture.position(&moving, 20.008, 7, 0).await;
    browser.wait_text(&format!("{} .seats-words", row(&moving)), |text| text == "7 of 20 places").await;
    assert_ne!(browser.execute(&place).await, before);
    fixture.position(&silent, 20.011, 3, 0).await;
    browser.wait_visible(&format!("{}:not([data-stale])", row(&silent))).await;
    assert_page_in_order(&browser, "shuttles").await;
    browser.close().await;
}
