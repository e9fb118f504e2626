//! The temples' resources for emergencies, past emergencies with their incident reports, and one broadcast. None of it sends
//! notifications.

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};

use super::api::{AT_ONCE, Api};
use super::pattern::{DAY_MS, HOUR_MS, MINUTE_MS, rfc3339};

/// How many records were created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Created {
    pub resources: usize,
    pub emergencies: usize,
    pub incidents: usize,
    pub broadcasts: usize,
}

struct Resource {
    temple: &'static str,
    kind: &'static str,
    name: &'static str,
    contact: &'static str,
    capacity: i64,
    at: (f64, f64),
}

const fn resource(
    temple: &'static str,
    kind: &'static str,
    name: &'static str,
    contact: &'static str,
    capacity: i64,
    at: (f64, f64),
) -> Resource {
    Resource { temple, kind, name, contact, capacity, at }
}

const RESOURCES: &[Resource] = &[
    resource("somnath", "ambulance", "Ambulance 1, main gate", "+912876000101", 2, (20.8891, 70.4009)),
    resource("somnath", "ambulance", "Ambulance 2, Veraval hospital", "+912876000102", 2, (20.9077, 70.3678)),
    resource("somnath", "security", "Security, north post", "+912876000111", 6, (20.8886, 70.4017)),
    resource("somnath", "security", "Security, promenade", "+912876000112", 4, (20.8869, 70.4022)),
    resource("somnath", "first_aid", "First-aid room", "+912876000121", 4, (20.8884, 70.4006)),
    resource("somnath", "facility", "Drinking water, queue complex", "+912876000131", 400, (20.8887, 70.4003)),
    resource("dwarka", "ambulance", "Ambulance 1, Swarga Dwar", "+912892000101", 2, (22.2381, 68.9669)),
    resource("dwarka", "security", "Security, Gomti Ghat", "+912892000111", 6, (22.2366, 68.9664)),
    resource("dwarka", "boat", "Rescue boat, Gomti Ghat", "+912892000112", 8, (22.2361, 68.9659)),
    resource("dwarka", "first_aid", "First-aid room", "+912892000121", 3, (22.2379, 68.9679)),
    resource("dwarka", "facility", "Rest hall", "+912892000131", 250, (22.2388, 68.9683)),
    resource("ambaji", "ambulance", "Ambulance 1, main gate", "+912749000101", 2, (24.3337, 72.8501)),
    resource("ambaji", "ambulance", "Ambulance 2, civil hospital", "+912749000102", 2, (24.3298, 72.8547)),
    resource("ambaji", "security", "Security, Chachar Chowk", "+912749000111", 8, (24.3329, 72.8509)),
    resource("ambaji", "first_aid", "First-aid room", "+912749000121", 3, (24.3334, 72.8512)),
    resource("ambaji", "facility", "Wheelchairs, main gate", "+912749000131", 20, (24.3338, 72.8503)),
    resource("pavagadh", "ambulance", "Ambulance 1, Machi", "+912676000101", 2, (22.4669, 73.5170)),
    resource("pavagadh", "security", "Security, temple steps", "+912676000111", 6, (22.4617, 73.5129)),
    resource("pavagadh", "first_aid", "First-aid post, ropeway", "+912676000121", 3, (22.4644, 73.5151)),
    resource("pavagadh", "maintenance", "Ropeway technicians", "+912676000141", 4, (22.4646, 73.5153)),
];

impl Resource {
    fn body(&self) -> Value {
        json!({
            "temple_id": self.temple, "type": self.kind, "name": self.name, "contact": self.contact, "capacity": self.capacity,
            "location": {"lat": self.at.0, "lng": self.at.1},
        })
    }
}

/// An emergency that is resolved. `minutes`: from its report until it was acknowledged, in progress, and resolved.
struct PastEmergency {
    temple: &'static str,
    kind: &'static str,
    severity: &'static str,
    description: &'static str,
    at: (f64, f64),
    days_ago: i64,
    minutes: [i64; 3],
    resolution: &'static str,
}

const PAST_EMERGENCIES: &[PastEmergency] = &[
    PastEmergency {
        temple: "somnath",
        kind: "medical",
        severity: "critical",
        description: "An old man has collapsed in the queue complex",
        at: (20.8885, 70.4004),
        days_ago: 2,
        minutes: [1, 4, 38],
        resolution: "Taken to the hospital in Veraval, awake",
    },
    PastEmergency {
        temple: "somnath",
        kind: "missing_person",
        severity: "medium",
        description: "A girl of six in a yellow dress, last seen at the promenade",
        at: (20.8871, 70.4021),
        days_ago: 5,
        minutes: [2, 5, 27],
        resolution: "Found at the drinking water, with her parents again",
    },
    PastEmergency {
        temple: "somnath",
        kind: "security",
        severity: "high",
        description: "Two men are fighting at the main gate",
        at: (20.8890, 70.4011),
        days_ago: 9,
        minutes: [1, 3, 16],
        resolution: "Parted and led out",
    },
    PastEmergency {
        temple: "dwarka",
        kind: "accident",
        severity: "critical",
        description: "A boy has slipped into the water at Gomti Ghat",
        at: (22.2362, 68.9661),
        days_ago: 3,
        minutes: [1, 2, 21],
        resolution: "Pulled out by the rescue boat, unhurt",
    },
    PastEmergency {
        temple: "dwarka",
        kind: "medical",
        severity: "high",
        description: "A woman has fainted in the heat",
        at: (22.2378, 68.9676),
        days_ago: 11,
        minutes: [3, 6, 32],
        resolution: "Recovered in the first-aid room",
    },
    PastEmergency {
        temple: "ambaji",
        kind: "stampede",
        severity: "critical",
        description: "People are pressed against the barrier in front of the sanctum",
        at: (24.3332, 72.8507),
        days_ago: 6,
        minutes: [1, 2, 44],
        resolution: "The second exit was opened; nobody was hurt",
    },
    PastEmergency {
        temple: "ambaji",
        kind: "structural",
        severity: "medium",
        description: "A railing at the steps is loose",
        at: (24.3336, 72.8504),
        days_ago: 13,
        minutes: [7, 19, 95],
        resolution: "Fastened",
    },
    PastEmergency {
        temple: "pavagadh",
        kind: "medical",
        severity: "critical",
        description: "Chest pain on the temple steps, a man of about fifty",
        at: (22.4616, 73.5127),
        days_ago: 4,
        minutes: [2, 8, 61],
        resolution: "Carried to the ropeway and taken to Halol",
    },
    PastEmergency {
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

impl PastEmergency {
    fn body(&self, now: i64) -> Value {
        // At a different hour of the day for each.
        let reported = now - self.days_ago * DAY_MS - (self.days_ago * 83 % 600) * MINUTE_MS;
        let after = |index: usize| rfc3339(reported + self.minutes[index] * MINUTE_MS);
        json!({
            "temple_id": self.temple, "type": self.kind, "severity": self.severity, "description": self.description,
            "location": {"lat": self.at.0, "lng": self.at.1}, "reported_at": rfc3339(reported), "acknowledged_at": after(0),
            "in_progress_at": after(1), "resolved_at": after(2), "resolution": self.resolution,
        })
    }

    /// The incident report of a critical one.
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

/// Creates what does not exist yet.
pub(super) async fn create(admin: &Api) -> anyhow::Result<Created> {
    let requests = futures::stream::iter(RESOURCES).map(|resource| async move { admin.create("/api/resources/", &resource.body()).await });
    let resources: Vec<bool> = requests.buffer_unordered(AT_ONCE).try_collect().await?;
    let mut created = Created { resources: resources.into_iter().filter(|created| *created).count(), ..Created::default() };
    let now = admin.now_ms();
    for temple in ["somnath", "dwarka", "ambaji", "pavagadh"] {
        let present = admin.get(&format!("/api/emergency/temple/{temple}?status=resolved&limit=1")).await?.expect(&[200])?;
        if present["items"].as_array().is_some_and(|items| !items.is_empty()) {
            continue;
        }
        for past in PAST_EMERGENCIES.iter().filter(|past| past.temple == temple) {
            let stored = admin.post("/api/emergency/past", &past.body(now)).await?.expect(&[201])?;
            created.emergencies += 1;
            let id = stored["id"].as_str().context("the emergency has no id")?;
            if let Some(incident) = past.incident(id, now) {
                admin.post("/api/incidents/", &incident).await?.expect(&[201])?;
                created.incidents += 1;
            }
        }
    }
    created.broadcasts = broadcast(admin, now).await?;
    Ok(created)
}

/// Creates a broadcast to everybody at Dwarka, unless there has been one. Returns how many.
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
