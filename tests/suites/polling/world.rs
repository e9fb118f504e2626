//! A car park and a temple in which things happen at random, and what everybody should read of them.

#![allow(dead_code, reason = "each suite uses what it needs")]

use std::time::Duration;

use gatehouse_tests::{App, Client, Place, Response, unique};
use serde_json::{Value, json};

/// Numbers that are the same in each run.
pub struct Dice(pub u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % bound
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    fn coin(&mut self) -> bool {
        self.below(2) == 0
    }
}

pub struct World {
    pub place: Place,
    pub operator: Client,
    pub driver: Client,
    admin: Client,
    devices: Vec<(String, Client)>,
    temple: String,
}

impl World {
    /// A car park of four spots with a tariff, three with a sensor; a temple of one zone and slots on each day.
    pub async fn create(app: &App) -> Self {
        let (admin, place) = (app.admin().await, app.place(4).await);
        let tariff = json!({"currency": "INR", "per_hour": 4000, "per_day": 30000});
        admin.patch(&format!("/api/sites/{}", place.site), json!({"tariff": tariff})).await.expect(200);
        let mut devices = Vec::new();
        for spot in 0..3 {
            let code = app.new_device(&place, Some(spot)).await;
            let sender = app.device(&code).await;
            devices.push((code, sender));
        }
        let temple = unique("temple");
        let body = json!({
            "slug": temple, "name": "A temple", "kind": "temple", "latitude": 20.9, "longitude": 70.4, "time_zone": "Asia/Kolkata",
            "capacity": 5000,
        });
        admin.post("/api/sites", body).await.expect(201);
        admin.post(&format!("/api/sites/{temple}/zones"), json!({"code": "HALL", "name": "Hall", "capacity": 100})).await.expect(201);
        let weekdays = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
        for (start, end) in [("00:00", "12:00"), ("12:00", "24:00")] {
            let body = json!({"weekdays": weekdays, "start": start, "end": end, "capacity": 20, "bookings_per_person": 1000});
            admin.post(&format!("/api/sites/{temple}/slots"), body).await.expect(201);
        }
        Self { place, operator: app.operator().await, driver: app.visitor().await, admin, devices, temple }
    }

    /// All that is polled, as the operator asks for it.
    pub fn paths(&self, app: &App) -> Vec<String> {
        let (site, temple) = (&self.place.site, &self.temple);
        // The same period for half an hour, from 10 to 40 minutes ahead.
        let from_s = 600 + 1_800 - app.now_ms() / 1_000 % 1_800;
        let at = |plus_s| format!("{}Z", app.time(plus_s).split('.').next().expect("a second"));
        let (from, to) = (at(from_s), at(from_s + 4_500));
        vec![
            format!("/api/dashboard/overview?site={site}"),
            format!("/api/crowd/temple/{temple}/current"),
            format!("/api/spots?site={site}"),
            format!("/api/spots?site={site}&status=reserved"),
            format!("/api/spots/available?site={site}"),
            format!("/api/spots/available?from={from}&to={to}&site={site}"),
            format!("/api/zones?site={site}"),
            format!("/api/slots?site={site}"),
            format!("/api/devices/?site={site}"),
            format!("/api/devices/?site={site}&limit=2"),
            format!("/api/devices/?site={site}&health=healthy"),
            format!("/api/reservations?site={site}"),
            format!("/api/alerts/?site={site}"),
            format!("/api/alerts/active?site={site}"),
            format!("/api/bookings/temple/{temple}/slots"),
        ]
    }

    pub async fn get_response(&self, path: &str) -> Response {
        self.operator.get(path).await
    }

    pub async fn get(&self, path: &str) -> Value {
        self.get_response(path).await.expect(200)
    }

    /// Does one thing; what it was.
    pub async fn change(&self, app: &App, dice: &mut Dice) -> String {
        let (code, sender) = dice.pick(&self.devices);
        let spot = dice.pick(&self.place.spots);
        let device_path = format!("/api/devices/{code}");
        // Some are refused, by the state in which they come: that is as good.
        let answer = match dice.below(16) {
            0..=2 => {
                let mut reading = app.reading(code, 0);
                reading["occupied"] = json!(dice.coin());
                sender.post("/api/telemetry/", reading).await
            }
            3 => {
                let event = json!({"device_code": code, "is_occupied": dice.coin(), "timestamp": app.time(0)});
                sender.post("/api/parking-log/", event).await
            }
            4 => {
                let status = dice.pick(&["in_service", "in_service", "reserved", "out_of_service"]);
                self.admin.patch(&format!("/api/spots/{spot}"), json!({"status": status, "force": true})).await
            }
            5 => self.admin.patch(&format!("/api/spots/{spot}"), json!({"kind": dice.pick(&["standard", "ev"])})).await,
            6..=7 => {
                let start = [0, 600, 2_400][dice.below(3)] + 30;
                let body = json!({
                    "spot_id": spot, "start": app.time(start), "end": app.time(start + 1_200), "vehicle_plate": "GJ01AB1234",
                });
                self.driver.post("/api/reservations", body).await
            }
            8 => {
                let own = self.driver.get("/api/reservations").await.expect(200);
                let ids: Vec<_> = own["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect();
                let id = if ids.is_empty() { "none".to_owned() } else { dice.pick(&ids).clone() };
                self.driver.delete(&format!("/api/reservations/{id}")).await
            }
            9 => self.admin.patch(&device_path, json!({"is_active": dice.coin()})).await,
            10 => {
                let spot = if dice.coin() { json!(spot) } else { Value::Null };
                self.admin.patch(&device_path, json!({"spot_id": spot})).await
            }
            11 => {
                let expires = [json!(app.time(90)), Value::Null];
                let body = json!({
                    "site": self.place.site, "severity": "warning", "message": "a gate is stuck", "is_public": dice.coin(),
                    "expires_at": dice.pick(&expires),
                });
                self.operator.post("/api/alerts/", body).await
            }
            12 => {
                let body = json!({"zone": "HALL", "count": dice.below(120), "timestamp": app.time(0)});
                self.operator.post(&format!("/api/crowd/temple/{}/update", self.temple), body).await
            }
            13 => {
                let date = app.time(19_800 + 86_400)[..10].to_owned();
                let body = json!({"temple_id": self.temple, "date": date, "slot": "00:00-12:00", "party_size": 1 + dice.below(5)});
                self.driver.post("/api/bookings/", body).await
            }
            14 => app.internal("/internal/tick").await,
            _ => {
                // None of their sums is a span by which something turns.
                let seconds = *dice.pick(&[7, 43, 61, 131, 617, 1_021]);
                app.advance(Duration::from_secs(seconds));
                return format!("{seconds} s pass");
            }
        };
        format!("{} {}", answer.request, answer.status)
    }

    /// Compares what is read with what is made anew.
    pub async fn check(&self, app: &App, when: &str) {
        for path in self.paths(app) {
            let kept = comparable(&path, self.get(&path).await);
            if path.contains("/overview") || path.ends_with("/current") {
                // No list: these are held against what they are made from.
                continue;
            }
            let fresh = self.get(&anew(&path)).await;
            assert_eq!(kept, comparable(&path, fresh), "{when}: {path}");
        }
        self.check_overview(when).await;
        self.check_crowd(app, when).await;
        self.check_exports(when).await;
    }

    /// What is told in the forms of standards is what the spots say.
    async fn check_exports(&self, when: &str) {
        let site = &self.place.site;
        let spots = self.get(&anew(&format!("/api/spots?site={site}"))).await;
        let spots = spots["items"].as_array().unwrap();
        let zones = self.get(&format!("/api/export/geojson/zones?site={site}")).await;
        for state in ["free", "occupied", "reserved", "out_of_service"] {
            let tally = spots.iter().filter(|spot| spot["status"] == state).count();
            assert_eq!(zones["features"][0]["properties"]["spots"][state], tally, "{when}: {state}");
        }
        let places = self.get(&format!("/api/export/apds/places?site={site}")).await;
        let taken: Vec<_> = places["data"].as_array().unwrap()[2..]
            .iter()
            .map(|space| space["hierarchyElementReference"]["demandTable"][0]["demandType"][0]["count"] == 1)
            .collect();
        let wanted: Vec<_> = spots.iter().map(|spot| spot["status"] == "occupied" || spot["status"] == "reserved").collect();
        assert_eq!(taken, wanted, "{when}");
    }

    async fn check_overview(&self, when: &str) {
        let site = &self.place.site;
        let overview = self.get(&format!("/api/dashboard/overview?site={site}")).await;
        let spots = self.get(&anew(&format!("/api/spots?site={site}"))).await;
        let devices = self.get(&anew(&format!("/api/devices/?site={site}&is_active=true"))).await;
        let tally = |list: &Value, field: &str, word: &str| {
            json!(list["items"].as_array().unwrap().iter().filter(|item| item[field] == word).count())
        };
        for state in ["free", "occupied", "reserved", "out_of_service"] {
            assert_eq!(overview[state], tally(&spots, "status", state), "{when}: {state}");
            assert_eq!(overview["by_zone"][0][state], overview[state], "{when}: {state}");
        }
        for health in ["healthy", "warning", "offline", "unknown"] {
            assert_eq!(overview["devices"][health], tally(&devices, "health", health), "{when}: {health}");
        }
    }

    async fn check_crowd(&self, app: &App, when: &str) {
        let zone = self.get(&format!("/api/crowd/temple/{}/current", self.temple)).await["zones"][0].clone();
        let stored: Option<(i64, i64)> = app
            .db()
            .query_row("select count, at from crowd_state where site = ?", [&self.temple], |row| Ok((row.get(0)?, row.get(1)?)))
            .ok();
        assert_eq!(zone["count"], json!(stored.map(|(count, _)| count)), "{when}");
        let is_stale = stored.is_none_or(|(_, at)| app.now_ms() - at > domain::crowd::STALE_MS);
        assert_eq!(zone["stale"], json!(is_stale), "{when}");
    }
}

/// The same request in words that nobody has used yet, so that nothing is kept of its answer: of two parameters of one name the last counts.
fn anew(path: &str) -> String {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static ASKED: AtomicUsize = AtomicUsize::new(1_000);
    let number = ASKED.fetch_add(1, Ordering::Relaxed);
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let limit = if query.contains("limit=") { "" } else { "&limit=50" };
    format!("{path}?limit={number}&{query}{limit}")
}

/// Without what is another thing at each moment.
fn comparable(path: &str, mut answer: Value) -> Value {
    if path.contains("/available?site") {
        for item in answer["items"].as_array_mut().unwrap() {
            item.as_object_mut().unwrap().retain(|name, _| name != "from" && name != "to");
        }
    }
    answer
}
