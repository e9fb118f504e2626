//! The demo's places: a car park with its spots and devices, and the four temples, which an installation has by itself.

use serde_json::{Value, json};

/// A site.
pub(super) struct Site {
    pub slug: &'static str,
    name: &'static str,
    pub kind: &'static str,
    latitude: f64,
    longitude: f64,
    capacity: i64,
    pub zones: &'static [Zone],
}

/// A zone: of spots, or an area with a capacity.
pub(super) struct Zone {
    pub code: &'static str,
    name: &'static str,
    area_m2: Option<f64>,
    pub capacity: i64,
}

const fn lot(code: &'static str, name: &'static str, spots: i64) -> Zone {
    Zone { code, name, area_m2: None, capacity: spots }
}

const fn area(code: &'static str, name: &'static str, area_m2: f64, capacity: i64) -> Zone {
    Zone { code, name, area_m2: Some(area_m2), capacity }
}

/// The car park's slug.
pub(super) const CITY_CENTRE: &str = "city-centre";

pub(super) const SITES: &[Site] = &[
    Site {
        slug: CITY_CENTRE,
        name: "City Centre",
        kind: "car_park",
        latitude: 23.0258,
        longitude: 72.5873,
        capacity: 180,
        zones: &[lot("B1", "Basement 1", 60), lot("B2", "Basement 2", 60), lot("OUT", "Outside", 40), lot("VIP", "VIP", 20)],
    },
    Site {
        slug: "somnath",
        name: "Somnath",
        kind: "temple",
        latitude: 20.8880,
        longitude: 70.4013,
        capacity: 10_000,
        zones: &[
            area("mainDarshan", "Main darshan", 1_600.0, 4_000),
            area("garbhaGriha", "Garbha griha", 450.0, 1_000),
            area("pradakshina", "Pradakshina path", 2_400.0, 3_000),
            area("museum", "Museum", 900.0, 2_000),
        ],
    },
    Site {
        slug: "dwarka",
        name: "Dwarka",
        kind: "temple",
        latitude: 22.2376,
        longitude: 68.9674,
        capacity: 8_000,
        zones: &[
            area("gate", "Swarga Dwar", 700.0, 1_600),
            area("queue", "Queue complex", 1_200.0, 3_200),
            area("sanctum", "Sanctum hall", 400.0, 900),
            area("ghat", "Gomti Ghat", 1_800.0, 2_300),
        ],
    },
    Site {
        slug: "ambaji",
        name: "Ambaji",
        kind: "temple",
        latitude: 24.3331,
        longitude: 72.8506,
        capacity: 7_000,
        zones: &[
            area("gate", "Main gate", 800.0, 1_800),
            area("queue", "Queue complex", 1_300.0, 3_200),
            area("sanctum", "Sanctum hall", 380.0, 900),
            area("chachar", "Chachar Chowk", 1_000.0, 1_100),
        ],
    },
    Site {
        slug: "pavagadh",
        name: "Pavagadh",
        kind: "temple",
        latitude: 22.4614,
        longitude: 73.5125,
        capacity: 5_000,
        zones: &[
            area("ropeway", "Ropeway station", 500.0, 1_000),
            area("steps", "Temple steps", 900.0, 2_000),
            area("queue", "Queue complex", 700.0, 1_500),
            area("sanctum", "Sanctum hall", 250.0, 500),
        ],
    },
];

impl Site {
    pub fn body(&self) -> Value {
        let tariff = match self.kind {
            "car_park" => json!({
                "currency": "INR", "per_hour": 4_000, "per_day": 30_000, "free_minutes": 10, "minimum": 2_000,
                "kinds": {
                    "ev": {"per_hour": 5_000, "per_day": 40_000},
                    "two_wheeler": {"per_hour": 1_000, "per_day": 8_000, "minimum": 1_000},
                    "vip": {"per_hour": 10_000, "per_day": 80_000, "free_minutes": 0},
                },
                "refund": {"full_until_minutes": 60, "late_percent": 50, "started_percent": 0},
            }),
            _ => json!({}),
        };
        json!({
            "slug": self.slug, "name": self.name, "kind": self.kind, "latitude": self.latitude, "longitude": self.longitude,
            "time_zone": "Asia/Kolkata", "capacity": self.capacity, "low_spots": 5, "tariff": tariff,
        })
    }
}

impl Zone {
    pub fn body(&self, position: usize) -> Value {
        let mut body = json!({"code": self.code, "name": self.name, "capacity": self.capacity, "position": position});
        if let Some(area_m2) = self.area_m2 {
            body["area_m2"] = json!(area_m2);
        }
        body
    }
}

/// A spot of the car park, with its device.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    zone: &'static str,
    number: i64,
}

/// Every spot of the car park.
pub(super) fn spots() -> Vec<Spot> {
    let lots = SITES.iter().filter(|site| site.slug == CITY_CENTRE).flat_map(|site| site.zones);
    lots.flat_map(|zone| (1..=zone.capacity).map(|number| Spot { zone: zone.code, number })).collect()
}

impl Spot {
    pub fn spot_id(&self) -> String {
        format!("{}-{:03}", self.zone, self.number)
    }

    pub fn device_code(&self) -> String {
        format!("PARK-{}-S{:03}", self.zone, self.number)
    }

    fn kind(&self) -> &'static str {
        match (self.zone, self.number) {
            ("VIP", _) => "vip",
            (_, 1..=4) => "accessible",
            ("B1", 51..) => "ev",
            ("B2", 49..) | ("OUT", 31..) => "two_wheeler",
            _ => "standard",
        }
    }

    fn status(&self) -> &'static str {
        match (self.zone, self.number) {
            ("VIP", 1..=6) => "reserved",
            ("B2", 17 | 18) | ("OUT", 30) => "out_of_service",
            _ => "in_service",
        }
    }

    /// Whether people may reserve it.
    pub fn is_offered(&self) -> bool {
        self.status() == "in_service"
    }

    /// What an hour costs, by the site's tariff, minor units.
    pub fn per_hour(&self) -> i64 {
        match self.kind() {
            "ev" => 5_000,
            "two_wheeler" => 1_000,
            "vip" => 10_000,
            _ => 4_000,
        }
    }

    pub fn body(&self) -> Value {
        json!({
            "spot_id": self.spot_id(), "site": CITY_CENTRE, "zone": self.zone, "kind": self.kind(), "status": self.status(),
        })
    }

    pub fn device_body(&self) -> Value {
        json!({
            "device_code": self.device_code(), "site": CITY_CENTRE, "zone": self.zone, "spot_id": self.spot_id(),
            "name": format!("Sensor of spot {}", self.spot_id()), "firmware": if self.zone == "OUT" { "1.3.7" } else { "1.4.2" },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_car_park_is_as_its_zones_say() {
        let spots = spots();
        assert_eq!(spots.len(), 180);
        assert_eq!((spots[4].spot_id().as_str(), spots[4].device_code().as_str()), ("B1-005", "PARK-B1-S005"));
        for kind in ["standard", "accessible", "ev", "two_wheeler", "vip"] {
            assert!(spots.iter().any(|spot| spot.kind() == kind), "no spot is {kind}");
        }
    }
}
