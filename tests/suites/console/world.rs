//! Something of everything that the console's pages show, and the pages themselves: all of the route table, with the parameters that some take.

use gatehouse_tests::{App, Place, root, unique};
use serde_json::{Value, json};

/// A visitor's and an administrator's account: the e-mail and the password.
pub type Account = (String, String);

/// What there is.
pub struct World {
    pub app: App,
    pub place: Place,
    pub temple: String,
    pub visitor: Account,
    pub admin: Account,
    pub booking: String,
    pub reservation: String,
    pub device: String,
    pub camera: String,
}

fn text(document: &Value, field: &str) -> String {
    document[field].as_str().unwrap_or_else(|| panic!("{field}: {document}")).to_owned()
}

impl World {
    pub async fn create() -> Self {
        Self::of(App::start().await).await
    }

    /// The same in this application.
    pub async fn of(app: App) -> Self {
        let place = app.place(12).await;
        let admin = app.admin().await;
        let (visitor, operator) = (app.new_user("visitor", json!({})).await, app.new_user("admin", json!({})).await);
        let device = devices(&app, &place).await;
        let temple = temple(&app).await;
        for severity in ["critical", "warning", "info"] {
            let alert =
                json!({ "alert_type": "intrusion", "severity": severity, "message": format!("Something {severity}"), "site": place.site });
            admin.post("/api/alerts/", alert).await.expect(201);
        }
        let position = json!({ "lat": 20.8883, "lng": 70.4019, "accuracy_m": 8 });
        let report = json!({ "temple_id": temple, "type": "medical", "description": "Near the steps", "location": position });
        admin.post("/api/emergency/", report).await.expect(201);
        let resource = json!({ "temple_id": temple, "type": "ambulance", "name": unique("Ambulance"), "contact": "+912876000001" });
        admin.post("/api/resources/", resource).await.expect(201);
        let camera = json!({ "camera_id": unique("CAM"), "name": "Front gate", "site": place.site, "location": "Ramp" });
        let camera = text(&admin.post("/v0/api/cctv/cameras/register/", camera).await.expect(201)["camera"], "id");

        let pilgrim = app.login(&visitor.0, &visitor.1).await;
        let date = chrono::DateTime::from_timestamp_millis(app.now_ms() + 2 * 86_400_000).expect("a time").format("%Y-%m-%d").to_string();
        let wish = json!({ "temple_id": temple, "date": date, "slot": "06:00-07:00", "party_size": 2, "visitors": ["Asha", "Ravi"] });
        let booking = text(&pilgrim.post("/api/bookings/", wish).await.expect(201), "id");
        let stay = json!({ "spot_id": place.spots[5], "start": app.time(3600), "end": app.time(7200), "vehicle_plate": "GJ01AB1234" });
        let reservation = text(&pilgrim.post("/api/reservations", stay).await.expect(201), "id");
        Self { app, place, temple, visitor, admin: operator, booking, reservation, device, camera }
    }

    /// What anybody may see: the site in the address, and the page.
    pub fn public(&self) -> Vec<(String, String)> {
        let parking = [(self.place.site.clone(), "book/parking".to_owned())];
        let temple = ["home", "book/darshan", "way", "crowd", "shuttles", "broadcasts"].map(|page| (self.temple.clone(), page.to_owned()));
        temple.into_iter().chain(parking).collect()
    }

    /// What a visitor sees beside.
    pub fn of_visitors(&self) -> Vec<(String, String)> {
        let pages =
            ["tickets".into(), "me".into(), "sos".into(), format!("booking/{}", self.booking), format!("paid/{}", self.reservation)];
        pages.map(|page| (self.temple.clone(), page)).into()
    }

    /// What staff see.
    pub fn of_staff(&self) -> Vec<(String, String)> {
        let here = ["overview", "alerts", "parking", "cameras", "arrivals", "devices", "history", "sites"].map(str::to_owned);
        let here = here.into_iter().chain([format!("devices/{}", self.device), format!("cameras/{}", self.camera)]);
        let temple = ["emergencies", "gate", "slots", "users", "resources", "integrations", "outbox", "audit", "system"].map(str::to_owned);
        let temple = temple.into_iter().chain(["setup".to_owned(), format!("booking/{}", self.booking)]);
        let all = ["overview", "emergencies"].map(|page| ("all".to_owned(), page.to_owned()));
        here.map(|page| (self.place.site.clone(), page)).chain(temple.map(|page| (self.temple.clone(), page))).chain(all).collect()
    }

    /// Checks that no page of the route table was forgotten.
    pub fn assert_complete(&self) {
        let table = std::fs::read_to_string(root().join("static/routes.js")).expect("the route table");
        let (pages, _) = table.split_once("ACCOUNT_ROUTES").expect("the pages of accounts follow");
        let known: Vec<String> = [self.public(), self.of_visitors(), self.of_staff()].concat().into_iter().map(|(_, page)| page).collect();
        for key in pages.split("{ key: \"").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(known.iter().any(|page| page.split('/').next() == Some(key)), "{key} is visited by no test");
        }
    }
}

/// Four devices that have spoken; the code of one.
async fn devices(app: &App, place: &Place) -> String {
    let admin = app.admin().await;
    let mut code = String::new();
    for spot in 0..4 {
        code = app.new_device(place, Some(spot)).await;
        for minutes in [-20, -10, 0] {
            let mut reading = app.reading(&code, 60 * minutes);
            reading["occupied"] = json!(spot % 2 == 0);
            reading["battery"] = json!(0.7);
            admin.post("/api/telemetry/", reading).await.expect(201);
        }
    }
    code
}

/// A temple with a counted zone, slots and a shuttle.
async fn temple(app: &App) -> String {
    let admin = app.admin().await;
    let slug = unique("temple");
    let site = json!({
        "slug": slug, "name": "Hill temple", "kind": "temple", "latitude": 20.888, "longitude": 70.4013, "time_zone": "Asia/Kolkata", "capacity": 5000,
    });
    admin.post("/api/sites", site).await.expect(201);
    let zone = json!({ "code": "HALL", "name": "Great hall", "capacity": 1000, "area_m2": 400 });
    admin.post(&format!("/api/sites/{slug}/zones"), zone).await.expect(201);
    let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let slot = json!({ "weekdays": days, "start": "06:00", "end": "07:00", "capacity": 50 });
    admin.post(&format!("/api/sites/{slug}/slots"), slot).await.expect(201);
    for hour in 0..6 {
        let count = json!({ "zone": "HALL", "count": 420 - 30 * hour, "timestamp": app.time(-3600 * hour) });
        admin.post(&format!("/api/crowd/temple/{slug}/update"), count).await.expect(201);
    }
    let route = unique("R").to_uppercase();
    let stop =
        |name: &str, lat: f64, at: i64| json!({ "id": format!("{route}-{at}"), "name": name, "lat": lat, "lng": 70.0, "offset_s": at });
    let line = json!({
        "id": route, "temple_id": slug, "name": "Car park to temple", "polyline": [[20.0, 70.0], [20.02, 70.0]], "typical_kmh": 36,
        "departures": ["06:00"], "stops": [stop("Car park", 20.0, 0), stop("Temple", 20.02, 240)],
    });
    admin.post("/api/transport/routes", line).await.expect(201);
    let shuttle = json!({ "id": format!("{route}-1"), "temple_id": slug, "name": "Shuttle 1", "capacity": 20, "route_id": route });
    admin.post("/api/transport/shuttles", shuttle).await.expect(201);
    slug
}
