//! What the temples have for emergencies, and what has come of it so far: crews and rooms, emergencies that are over, incidents that
//! were written down, and one announcement. Nobody is paged for any of it.

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};

use super::AT_ONCE;
use super::api::{Api, now_ms};
use super::pattern::{DAY_MS, HOUR_MS, MINUTE_MS, rfc3339};

/// What was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Made {
    pub resources: usize,
    pub emergencies: usize,
    pub incidents: usize,
    pub broadcasts: usize,
}

struct Crew {
    temple: &'static str,
    kind: &'static str,
    name: &'static str,
    contact: &'static str,
    capacity: i64,
    at: (f64, f64),
}

const fn crew(temple: &'static str, kind: &'static str, name: &'static str, contact: &'static str, capacity: i64, at: (f64, f64)) -> Crew {
    Crew { temple, kind, name, contact, capacity, at }
}

const CREWS: &[Crew] = &[
    crew("somnath", "ambulance", "Ambulance 1, main gate", "+912876000101", 2, (20.8891, 70.4009)),
    crew("somnath", "ambulance", "Ambulance 2, Veraval hospital", "+912876000102", 2, (20.9077, 70.3678)),
    crew("somnath", "security", "Security, north post", "+912876000111", 6, (20.8886, 70.4017)),
    crew("somnath", "security", "Security, promenade", "+912876000112", 4, (20.8869, 70.4022)),
    crew("somnath", "first_aid", "First-aid room", "+912876000121", 4, (20.8884, 70.4006)),
    crew("somnath", "facility", "Drinking water, queue complex", "+912876000131", 400, (20.8887, 70.4003)),
    crew("dwarka", "ambulance", "Ambulance 1, Swarga Dwar", "+912892000101", 2, (22.2381, 68.9669)),
    crew("dwarka", "security", "Security, Gomti Ghat", "+912892000111", 6, (22.2366, 68.9664)),
    crew("dwarka", "boat", "Rescue boat, Gomti Ghat", "+912892000112", 8, (22.2361, 68.9659)),
    crew("dwarka", "first_aid", "First-aid room", "+912892000121", 3, (22.2379, 68.9679)),
    crew("dwarka", "facility", "Rest hall", "+912892000131", 250, (22.2388, 68.9683)),
    crew("ambaji", "ambulance", "Ambulance 1, main gate", "+912749000101", 2, (24.3337, 72.8501)),
    crew("ambaji", "ambulance", "Ambulance 2, civil hospital", "+912749000102", 2, (24.3298, 72.8547)),
    crew("ambaji", "security", "Security, Chachar Chowk", "+912749000111", 8, (24.3329, 72.8509)),
    crew("ambaji", "first_aid", "First-aid room", "+912749000121", 3, (24.3334, 72.8512)),
    crew("ambaji", "facility", "Wheelchairs, main gate", "+912749000131", 20, (24.3338, 72.8503)),
    crew("pavagadh", "ambulance", "Ambulance 1, Machi", "+912676000101", 2, (22.4669, 73.5170)),
    crew("pavagadh", "security", "Security, temple steps", "+912676000111", 6, (22.4617, 73.5129)),
    crew("pavagadh", "first_aid", "First-aid post, ropeway", "+912676000121", 3, (22.4644, 73.5151)),
    crew("pavagadh", "maintenance", "Ropeway technicians", "+912676000141", 4, (22.4646, 73.5153)),
];

impl Crew {
    fn body(&self) -> Value {
        json!({
            "temple_id": self.temple, "type": self.kind, "name": self.name, "contact": self.contact, "capacity": self.capacity,
            "location": {"lat": self.at.0, "lng": self.at.1},
        })
    }
}

/// An emergency that is over: days ago, and minutes until it was acknowledged, taken up and resolved.
struct Over {
    temple: &'static str,
    kind: &'static str,
    severity: &'static str,
    description: &'static str,
    at: (f64, f64),
    days_ago: i64,
    minutes: [i64; 3],
    resolution: &'static str,
}

const OVER: &[Over] = &[
    Over {
        temple: "somnath",
        kind: "medical",
        severity: "critical",
        description: "An old man has collapsed in the queue complex",
        at: (20.8885, 70.4004),
        days_ago: 2,
        minutes: [1, 4, 38],
        resolution: "Taken to the hospital in Veraval, awake",
    },
    Over {
        temple: "somnath",
        kind: "missing_person",
        severity: "medium",
        description: "A girl of six in a yellow dress, last seen at the promenade",
        at: (20.8871, 70.4021),
        days_ago: 5,
        minutes: [2, 5, 27],
        resolution: "Found at the drinking water, with her parents again",
    },
    Over {
        temple: "somnath",
        kind: "security",
        severity: "high",
        description: "Two men are fighting at the main gate",
        at: (20.8890, 70.4011),
        days_ago: 9,
        minutes: [1, 3, 16],
        resolution: "Parted and led out",
    },
    Over {
        temple: "dwarka",
        kind: "accident",
        severity: "critical",
        description: "A boy has slipped into the water at Gomti Ghat",
        at: (22.2362, 68.9661),
        days_ago: 3,
        minutes: [1, 2, 21],
        resolution: "Pulled out by the rescue boat, unhurt",
    },
    Over {
        temple: "dwarka",
        kind: "medical",
        severity: "high",
        description: "A woman has fainted in the heat",
        at: (22.2378, 68.9676),
        days_ago: 11,
        minutes: [3, 6, 32],
        resolution: "Recovered in the first-aid room",
    },
    Over {
        temple: "ambaji",
        kind: "stampede",
        severity: "critical",
        description: "People are pressed against the barrier in front of the sanctum",
        at: (24.3332, 72.8507),
        days_ago: 6,
        minutes: [1, 2, 44],
        resolution: "The second exit was opened; nobody was hurt",
    },
    Over {
        temple: "ambaji",
        kind: "structural",
        severity: "medium",
        description: "A railing at the steps is loose",
        at: (24.3336, 72.8504),
        days_ago: 13,
        minutes: [7, 19, 95],
        resolution: "Fastened",
    },
    Over {
        temple: "pavagadh",
        kind: "medical",
        severity: "critical",
        description: "Chest pain on the temple steps, a man of about fifty",
        at: (22.4616, 73.5127),
        days_ago: 4,
        minutes: [2, 8, 61],
        resolution: "Carried to the ropeway and taken to Halol",
    },
    Over {
        temple: "pavagadh",
        kind: "other",
        severity: "high",
        description: "The ropeway has stood still for ten minutes with people in it",
        at: (22.4645, 73.5152),
        days_ago: 8,
        minutes: [1, 3, 25],
        resolution: "Runs again; everybody was brought down",
    },
];

impl Over {
    fn body(&self, now: i64) -> Value {
        // Each at another hour of the day.
        let reported = now - self.days_ago * DAY_MS - (self.days_ago * 83 % 600) * MINUTE_MS;
        let after = |index: usize| rfc3339(reported + self.minutes[index] * MINUTE_MS);
        json!({
            "temple_id": self.temple, "type": self.kind, "severity": self.severity, "description": self.description,
            "location": {"lat": self.at.0, "lng": self.at.1}, "reported_at": rfc3339(reported), "acknowledged_at": after(0),
            "in_progress_at": after(1), "resolved_at": after(2), "resolution": self.resolution,
        })
    }

    /// What operators wrote down of the graver ones.
    fn incident(&self, emergency: &str, now: i64) -> Option<Value> {
        (self.severity == "critical").then(|| {
            json!({
                "temple_id": self.temple, "type": self.kind, "severity": "critical", "title": self.description,
                "actions": self.resolution, "status": "closed", "emergency_id": emergency,
                "occurred_at": rfc3339(now - self.days_ago * DAY_MS - (self.days_ago * 83 % 600) * MINUTE_MS),
            })
        })
    }
}

/// Makes what is not there yet.
pub(super) async fn make(admin: &Api) -> anyhow::Result<Made> {
    let made = futures::stream::iter(CREWS).map(|crew| async move { admin.make("/api/resources/", &crew.body()).await });
    let made: Vec<bool> = made.buffer_unordered(AT_ONCE).try_collect().await?;
    let mut made = Made { resources: made.into_iter().filter(|made| *made).count(), ..Made::default() };
    let now = now_ms();
    for temple in ["somnath", "dwarka", "ambaji", "pavagadh"] {
        let present = admin.get(&format!("/api/emergency/temple/{temple}?status=resolved&limit=1")).await?.expect(&[200])?;
        if present["items"].as_array().is_some_and(|items| !items.is_empty()) {
            continue;
        }
        for over in OVER.iter().filter(|over| over.temple == temple) {
            let stored = admin.post("/api/emergency/past", &over.body(now)).await?.expect(&[201])?;
            made.emergencies += 1;
            let id = stored["id"].as_str().context("the emergency has no id")?;
            if let Some(incident) = over.incident(id, now) {
                admin.post("/api/incidents/", &incident).await?.expect(&[201])?;
                made.incidents += 1;
            }
        }
    }
    made.broadcasts = broadcast(admin, now).await?;
    Ok(made)
}

/// One announcement to everybody at Dwarka, unless there is or was one there.
async fn broadcast(admin: &Api, now: i64) -> anyhow::Result<usize> {
    let present = admin.get("/api/alerts/?site=dwarka&alert_type=broadcast&limit=1").await?.expect(&[200])?;
    if present["items"].as_array().is_some_and(|items| !items.is_empty()) {
        return Ok(0);
    }
    let body = json!({
        "site": "dwarka", "zones": ["ghat"], "severity": "info", "is_public": true,
        "message": "High tide at Gomti Ghat this evening: please stay behind the rope", "expires_at": rfc3339(now + 8 * HOUR_MS),
    });
    admin.post("/api/alerts/", &body).await?.expect(&[201])?;
    Ok(1)
}
