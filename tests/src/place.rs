//! Car parks with their devices, made for one test.

use serde_json::{Value, json};

use crate::{App, Client, unique};

/// A car park made for one test: its names are its own, so that tests share a database without meeting.
pub struct Place {
    /// The site's slug.
    pub site: String,
    /// The code of its one zone.
    pub zone: String,
    /// Its spots.
    pub spots: Vec<String>,
}

impl App {
    /// A car park with one zone and `spots` spots.
    pub async fn place(&self, spots: usize) -> Place {
        let admin = self.admin().await;
        let site = unique("site");
        let zone = "B1".to_owned();
        admin
            .post(
                "/api/sites",
                json!({
                    "slug": site, "name": "A car park", "kind": "car_park", "latitude": 20.9, "longitude": 70.4,
                    "time_zone": "Asia/Kolkata", "capacity": spots,
                }),
            )
            .await
            .expect(201);
        admin.post(&format!("/api/sites/{site}/zones"), json!({"code": zone, "name": "Basement 1"})).await.expect(201);
        let mut place = Place { site, zone, spots: Vec::new() };
        for number in 1..=spots {
            let spot_id = format!("{}-{number:03}", place.site.to_uppercase());
            admin
                .post("/api/spots", json!({"spot_id": spot_id, "site": place.site, "zone": place.zone, "kind": "standard"}))
                .await
                .expect(201);
            place.spots.push(spot_id);
        }
        place
    }

    /// A device on a zone of `place`, or on its spot of this index; its code.
    pub async fn new_device(&self, place: &Place, spot: Option<usize>) -> String {
        let code = unique("DEV").to_uppercase();
        let mut body = json!({"device_code": code, "site": place.site, "zone": place.zone});
        if let Some(index) = spot {
            body["spot_id"] = json!(place.spots[index]);
        }
        self.admin().await.post("/api/devices/", body).await.expect(201);
        code
    }

    /// A caller with a new key of this device.
    pub async fn device(&self, code: &str) -> Client {
        let answer = self.admin().await.post(&format!("/api/devices/{code}/credentials"), json!({})).await;
        let key = answer.expect(201)["key"].as_str().expect("a key").to_owned();
        self.with_token(&key)
    }

    /// A reading of this device within all limits, at `plus_s` seconds from now.
    pub fn reading(&self, device_code: &str, plus_s: i64) -> Value {
        json!({
            "device_code": device_code, "voltage": 230.0, "current": 2.5, "power_factor": 0.95, "timestamp": self.time(plus_s),
        })
    }
}
