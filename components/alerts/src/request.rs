//! What a client sends of an alert: the fields of the parking security server's camera alerts and of broadcasts
//! (docs/reference/clients.md#parking-security).

use domain::alert::Severity;
use kit::db::{Executor, Fetch as _};
use kit::input::{At, Code, Future, Input, List, NotNull, NumberOrText, Patch, Recent, Slug, Text};
use kit::row::FromRow;
use kit::{Problem, params};

/// The type of an alert that was sent without one, as broadcasts are.
pub const BROADCAST: &str = "broadcast";

/// A new alert. One of `alert_type` and `message` must be there.
#[derive(Input)]
#[input(read_only(
    "id",
    "source",
    "subject",
    "status",
    "acknowledged_at",
    "acknowledged_by",
    "resolved_at",
    "resolved_by",
    "escalation",
    "created_at",
    "created_by",
    "updated_at"
))]
#[input(
    check,
    example = r#"{"site": "somnath", "severity": "warning", "message": "Gate 2 is closed until noon", "expires_at": "2099-02-04T12:00:00Z"}"#
)]
pub struct NewAlert {
    /// What it is, such as `overspeed`; `broadcast` when it is not sent.
    pub alert_type: Option<Text<1, 64>>,
    /// How grave it is.
    pub severity: Severity,
    /// For people; when it is not sent, it is made of the type, the vehicle, the location and the camera.
    pub message: Option<Text<1, 2000>>,
    /// The slug of the site that it concerns; each when it is not sent.
    #[input(alias("temple_id"))]
    pub site: Option<Slug>,
    /// Codes of zones of the site.
    pub zones: Option<List<Code, 0, 100>>,
    /// The vehicle that it is about.
    pub vehicle_id: Option<NumberOrText<1, 100>>,
    /// Where it is, in words.
    pub location: Option<NumberOrText<1, 200>>,
    /// The camera's name.
    pub camera: Option<NumberOrText<1, 100>>,
    /// The camera's code.
    pub camera_id: Option<NumberOrText<1, 100>>,
    /// Whether everybody may read it; when it is not sent, true of a broadcast that names no vehicle and no camera.
    pub is_public: Option<bool>,
    /// When it happened; now when it is not sent.
    pub timestamp: Option<Recent>,
    /// When it ends by itself.
    pub expires_at: Option<Future>,
}

impl NewAlert {
    fn check(&self, at: &mut At<'_>) {
        let is_described = self.alert_type.is_some() || self.message.is_some();
        at.check_field(is_described, "message", "is required of an alert without alert_type");
        let has_zones = self.zones.as_ref().is_some_and(|zones| !zones.is_empty());
        at.check_field(self.site.is_some() || !has_zones, "zones", "need their site");
    }

    /// The type, which is never empty.
    pub fn alert_type(&self) -> &str {
        self.alert_type.as_deref().unwrap_or(BROADCAST)
    }

    /// Only what looks like nothing but a broadcast is for the public unless it says so: a plate or a camera must not get out by default.
    pub fn is_public(&self) -> bool {
        let names_a_vehicle_or_camera = self.vehicle_id.is_some() || self.camera.is_some() || self.camera_id.is_some();
        self.is_public.unwrap_or(self.alert_type() == BROADCAST && !names_a_vehicle_or_camera)
    }

    /// The sentence for people; of an alert that came without one, such as `overspeed: vehicle GJ01AB1234 at Gate 2, camera North`.
    pub fn message(&self) -> String {
        if let Some(message) = &self.message {
            return message.to_string();
        }
        let vehicle = self.vehicle_id.as_deref().map(|it| format!("vehicle {it}"));
        let location = self.location.as_deref().map(|it| format!("at {it}"));
        let place = [vehicle, location].into_iter().flatten().collect::<Vec<_>>().join(" ");
        let camera = self.camera.as_deref().map(|it| format!("camera {it}"));
        let rest = [Some(place).filter(|it| !it.is_empty()), camera].into_iter().flatten().collect::<Vec<_>>().join(", ");
        if rest.is_empty() { self.alert_type().to_owned() } else { format!("{}: {rest}", self.alert_type()) }
    }
}

/// A change of an alert: what is not sent stays; null clears an optional field. Its status changes by acknowledging and resolving.
#[derive(Input)]
#[input(read_only(
    "id",
    "source",
    "status",
    "subject",
    "acknowledged_at",
    "acknowledged_by",
    "resolved_at",
    "resolved_by",
    "escalation",
    "created_at",
    "created_by",
    "updated_at",
    "history"
))]
#[input(check, example = r#"{"severity": "critical", "location": null}"#)]
pub struct AlertChange {
    /// What it is about.
    pub alert_type: NotNull<Text<1, 64>>,
    /// How grave it is.
    pub severity: NotNull<Severity>,
    /// What it says to people.
    pub message: NotNull<Text<1, 2000>>,
    /// Whether the public sees it.
    pub is_public: NotNull<bool>,
    /// When it happened.
    pub timestamp: NotNull<Recent>,
    /// The slug of the site that it is about; null for none.
    #[input(alias("temple_id"))]
    pub site: Patch<Slug>,
    /// The codes of the zones that it is about; null for none.
    pub zones: Patch<List<Code, 0, 100>>,
    /// The vehicle that it is about; null for none.
    pub vehicle_id: Patch<NumberOrText<1, 100>>,
    /// Where it is, in words; null for nowhere.
    pub location: Patch<NumberOrText<1, 200>>,
    /// The camera's name; null for none.
    pub camera: Patch<NumberOrText<1, 100>>,
    /// The camera's code; null for none.
    pub camera_id: Patch<NumberOrText<1, 100>>,
    /// When it ends by itself; null for never.
    pub expires_at: Patch<Future>,
}

impl AlertChange {
    fn check(&self, at: &mut At<'_>) {
        let is_any_sent = self.alert_type.0.is_some()
            || self.severity.0.is_some()
            || self.message.0.is_some()
            || self.is_public.0.is_some()
            || self.timestamp.0.is_some()
            || self.site.is_sent()
            || self.zones.is_sent()
            || self.vehicle_id.is_sent()
            || self.location.is_sent()
            || self.camera.is_sent()
            || self.camera_id.is_sent()
            || self.expires_at.is_sent();
        if !is_any_sent {
            at.refuse_whole("has no field of an alert");
        }
    }
}

#[derive(FromRow)]
struct AskedZone {
    asked: String,
    code: Option<String>,
}

/// The zones as the site writes them, as a JSON array; 422 naming those that it does not have.
pub fn canonical_zones<'a>(db: &dyn Executor, site: Option<&str>, zones: impl Iterator<Item = &'a str>) -> Result<String, Problem> {
    let zones = serde_json::to_string(&zones.collect::<Vec<_>>()).map_err(Problem::internal)?;
    let rows: Vec<AskedZone> = db.fetch_all(
        "select asked.value as asked, z.code as code from json_each(?) as asked
         left join zone_codes z on z.site = ? and z.code = asked.value
         order by asked.key",
        params![zones, site],
    )?;
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for AskedZone { asked, code } in rows {
        match code {
            Some(code) if known.contains(&code) => {}
            Some(code) => known.push(code),
            None => unknown.push(asked),
        }
    }
    if !unknown.is_empty() {
        return Err(Problem::invalid_field("zones", format!("the site has no zone {}", unknown.join(", "))));
    }
    serde_json::to_string(&known).map_err(Problem::internal)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: i64 = 1_770_201_000_000;

    fn parse(body: Value) -> Result<NewAlert, Problem> {
        kit::input::parse(body.to_string().as_bytes(), NOW)
    }

    #[test]
    fn an_old_camera_client_is_understood_and_kept_private() {
        let alert = parse(json!({
            "vehicle_id": 4711, "timestamp": "2026-02-04T10:29:00Z", "alert_type": "overspeed", "location": "Gate 2",
            "severity": "high", "camera": "North", "camera_id": "CAM-1",
        }))
        .unwrap();
        assert_eq!(alert.severity, Severity::Critical);
        assert_eq!(alert.vehicle_id.as_deref(), Some("4711"));
        assert_eq!(alert.message(), "overspeed: vehicle 4711 at Gate 2, camera North");
        assert!(!alert.is_public());
    }

    #[test]
    fn a_broadcast_is_public_unless_it_says_otherwise() {
        let body = json!({ "site": "somnath", "severity": "warning", "message": "gate closed" });
        let with = |field: &str, value: Value| {
            let mut body = body.clone();
            body[field] = value;
            parse(body).unwrap()
        };
        assert!(parse(body.clone()).unwrap().is_public());
        assert!(!with("is_public", json!(false)).is_public());
        assert!(!with("alert_type", json!("intrusion")).is_public());
        assert!(!with("camera_id", json!("CAM-1")).is_public());
    }

    #[test]
    fn every_bad_field_is_named_at_once() {
        let problem = parse(json!({
            "severity": "purple", "message": 3, "site": "", "zones": "B1", "timestamp": "2026-02-04T10:36:00Z",
            "expires_at": "2026-02-04T10:30:00Z", "is_public": "yes", "camera": {},
        }))
        .err()
        .unwrap();
        let names: Vec<_> = problem.errors().keys().map(String::as_str).collect();
        assert_eq!(names, ["camera", "expires_at", "is_public", "message", "severity", "site", "timestamp", "zones"]);
        assert_eq!(parse(json!({ "severity": "info" })).err().unwrap().errors().len(), 1);
        assert_eq!(parse(json!([])).err().unwrap().status(), 422);
    }

    #[test]
    fn examples_are_valid() {
        kit::input::parse::<NewAlert>(NewAlert::example().unwrap().as_bytes(), NOW).unwrap();
        kit::input::parse::<AlertChange>(AlertChange::example().unwrap().as_bytes(), NOW).unwrap();
    }
}
