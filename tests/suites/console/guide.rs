//! The pictures of docs/guide/console.md, with the demo's data.

use std::time::Duration;

use gatehouse::seed::{self, Credentials, Deployment};
use gatehouse_tests::browser::Browser;
use gatehouse_tests::{App, Client};
use serde_json::json;

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
            ("booking", "s/somnath/booking/BOOKING", false),
            ("paid", "s/city-centre/paid/RESERVATION?payment=cancelled", false),
        ],
    ),
    (
        "operator",
        1280,
        &[
            ("overview", "s/all/overview", true),
            ("alerts", "s/city-centre/alerts", false),
            ("parking", "s/city-centre/parking", false),
            ("crowd", "s/somnath/crowd", false),
            ("shuttles", "s/somnath/shuttles", false),
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
            ("outbox", "s/all/outbox", false),
            ("cameras", "s/city-centre/cameras", true),
            ("camera", "s/city-centre/cameras/CAM-B1-01", false),
            ("audit", "s/all/audit", false),
            ("system", "s/all/system", true),
            // The last: while somebody waits, every page says so.
            ("emergencies", "s/somnath/emergencies", true),
        ],
    ),
];

/// What a demo at rest has not: somebody comes today, something is amiss, the scheduled work has run. Gives a booking's and a reservation's id.
async fn bring_to_life(app: &App, driver: &Client) -> (String, String) {
    let (admin, operator) = (app.admin().await, app.operator().await);
    let alert = json!({ "alert_type": "intrusion", "severity": "critical", "message": "Somebody climbed the fence at gate 3", "site": "city-centre" });
    operator.post("/api/alerts/", alert).await.expect(201);
    let (from, to) = (app.time(3600), app.time(3 * 3600));
    let free = app.anonymous().get(&format!("/api/spots/available?site=city-centre&limit=5&from={from}&to={to}")).await.expect(200);
    for (spot, plate) in free["items"].as_array().expect("spots").iter().zip(["GJ01AB1234", "GJ05KX7781", "GJ18BQ0042", "MH02CD9910"]) {
        let stay = json!({ "spot_id": spot["spot_id"], "start": from, "end": to, "vehicle_plate": plate });
        driver.post("/api/reservations", stay).await.expect(201);
    }
    let closed = json!({ "closed": true, "reason": "Maha Shivaratri: everybody comes without a booking" });
    let date = chrono::DateTime::from_timestamp_millis(app.now_ms() + 80 * 86_400_000).expect("a time").format("%Y-%m-%d");
    admin.put(&format!("/api/sites/somnath/slots/days/{date}"), closed).await.expect(200);
    app.tick().await;
    let first = async |path: &str| driver.get(path).await.expect(200)["items"][0]["id"].as_str().expect("an id").to_owned();
    (first("/api/bookings/my-bookings").await, first("/api/reservations").await)
}

/// Two who wait, and one who is helped.
async fn call_for_help(app: &App) {
    let (visitor, operator) = (app.visitor().await, app.operator().await);
    let place = |lat: f64, lng: f64| json!({ "lat": lat, "lng": lng, "accuracy_m": 9 });
    let fall = json!({ "type": "medical", "temple_id": "somnath", "description": "My father has fallen at the east gate", "location": place(20.8883, 70.4019) });
    visitor.post("/api/emergency/", fall).await.expect(201);
    let child =
        json!({ "type": "missing_person", "temple_id": "somnath", "severity": "medium", "description": "A girl of six in a red dress" });
    operator.post("/api/emergency/", child).await.expect(201);
    let smoke =
        json!({ "type": "fire", "temple_id": "somnath", "description": "Smoke from the kitchen", "location": place(20.8879, 70.4005) });
    let smoke = operator.post("/api/emergency/", smoke).await.expect(201);
    let path = format!("/api/emergency/{}", smoke["id"].as_str().expect("an id"));
    operator.patch(&format!("{path}/acknowledge"), json!({})).await.expect(200);
    let offered = operator.get(&format!("{path}/suggestions")).await.expect(200);
    operator.patch(&format!("{path}/assign"), json!({ "resource_id": offered["items"][0]["resource_id"] })).await.expect(200);
}

/// What the guide shows: each page once, with the demo's data.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "makes the guide's pictures"]
async fn the_guides_pictures_are_made() {
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
        tick_secret: Some(app.tick_secret().to_owned()),
        deployment: Deployment { clock: app.clock(), request_id: None },
    };
    seed::run(args.clone()).await.expect("seeding");
    let users = Credentials::load(&args.credentials).expect("the credentials file").users;
    let (booking, reservation) = bring_to_life(&app, &app.login(&users["visitor"].email, &users["visitor"].password).await).await;
    for (role, width, pictures) in GUIDE {
        let browser = Browser::start(width, 900).await;
        browser.resize(width, if width < 600 { 780 } else { 720 }).await;
        browser.open(&format!("{}/console/account/sign-in", app.base_url())).await;
        if let Some(user) = users.get(role) {
            browser.sign_in(&user.email, &user.password).await;
            browser.wait_visible(".connection[data-state='live']").await;
        }
        for (name, address, by_night) in pictures {
            if *name == "emergencies" {
                call_for_help(&app).await;
            }
            browser.prefer_at_rest(*by_night).await;
            let address = address.replace("BOOKING", &booking).replace("RESERVATION", &reservation);
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
