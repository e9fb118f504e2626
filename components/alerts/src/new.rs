//! What an alert may say: the fields of S1's camera alerts and of S3's broadcasts, checked.

use domain::alert::Severity;
use domain::time::MINUTE_MS;
use kit::db::Run;
use kit::fields::Fields;
use kit::{Problem, params};
use serde_json::Value;

/// How far ahead of ours a sender's clock may be.
const AHEAD_MS: i64 = 5 * MINUTE_MS;

/// The type of an alert that was sent without one: S3's broadcasts have none.
pub const BROADCAST: &str = "broadcast";

/// S1 clients send some of these as numbers; they are kept as text.
const NUMBER_OR_TEXT: [&str; 4] = ["vehicle_id", "location", "camera", "camera_id"];

/// Reads the body; its `vehicle_id`, `location`, `camera` and `camera_id` may be numbers. Also tells which fields are null.
pub fn fields(body: &[u8]) -> Result<(Fields, Vec<String>), Problem> {
    let mut value: Value = serde_json::from_slice(body).map_err(|error| Problem::unreadable(format!("not JSON: {error}")))?;
    let mut nulls = Vec::new();
    if let Some(object) = value.as_object_mut() {
        nulls.extend(object.iter().filter(|(_, value)| value.is_null()).map(|(name, _)| name.clone()));
        for name in NUMBER_OR_TEXT {
            if let Some(value) = object.get_mut(name)
                && value.is_number()
            {
                *value = Value::String(value.to_string());
            }
        }
    }
    let mut fields = Fields::of(value)?;
    // As the other clients of S3 say it.
    fields.alias("site", "temple_id");
    Ok((fields, nulls))
}

/// A checked alert, not yet stored.
pub struct NewAlert {
    pub alert_type: String,
    pub severity: Severity,
    pub message: String,
    pub site: Option<String>,
    pub zones: Option<Vec<String>>,
    pub vehicle_id: Option<String>,
    pub location: Option<String>,
    pub camera: Option<String>,
    pub camera_id: Option<String>,
    pub is_public: bool,
    pub at: i64,
    pub expires_at: Option<i64>,
}

impl NewAlert {
    /// `severity`, and `alert_type` or `message`, must be there.
    pub fn parse(body: &[u8], now: i64) -> Result<Self, Problem> {
        let (mut fields, _) = fields(body)?;
        let severity = severity(&mut fields);
        if severity.is_none() && !fields.errors().contains_key("severity") {
            fields.refuse("severity", "is required");
        }
        let alert_type = fields.opt_text("alert_type", 1..=64);
        let message = fields.opt_text("message", 1..=2000);
        if alert_type.is_none() && message.is_none() && fields.errors().is_empty() {
            fields.refuse("message", "is required of an alert without alert_type");
        }
        let site = site(&mut fields);
        let zones = fields.opt_texts("zones", 100);
        if site.is_none() && zones.as_ref().is_some_and(|zones| !zones.is_empty()) {
            fields.refuse("zones", "need their site");
        }
        let vehicle_id = short(&mut fields, "vehicle_id");
        let location = place(&mut fields);
        let camera = short(&mut fields, "camera");
        let camera_id = short(&mut fields, "camera_id");
        let is_public = fields.opt_bool("is_public");
        let at = timestamp(&mut fields, now);
        let expires_at = expiry(&mut fields, now);
        fields.finish()?;

        let alert_type = alert_type.unwrap_or_else(|| BROADCAST.to_owned());
        // Only what looks like nothing but a broadcast is for the public unless it says so: a plate or a camera must not get out by
        // default.
        let of_s1 = vehicle_id.is_some() || camera.is_some() || camera_id.is_some();
        let is_public = is_public.unwrap_or(alert_type == BROADCAST && !of_s1);
        let message = message.unwrap_or_else(|| derived(&alert_type, vehicle_id.as_deref(), location.as_deref(), camera.as_deref()));
        Ok(Self {
            alert_type,
            severity: severity.unwrap_or(Severity::Info),
            message,
            site,
            zones,
            vehicle_id,
            location,
            camera,
            camera_id,
            is_public,
            at: at.unwrap_or(now),
            expires_at,
        })
    }
}

/// The sentence for an alert that came without one, such as `overspeed: vehicle GJ01AB1234 at Gate 2, camera North`.
fn derived(alert_type: &str, vehicle_id: Option<&str>, location: Option<&str>, camera: Option<&str>) -> String {
    let vehicle = vehicle_id.map(|it| format!("vehicle {it}"));
    let location = location.map(|it| format!("at {it}"));
    let where_ = [vehicle, location].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let camera = camera.map(|it| format!("camera {it}"));
    let rest = [Some(where_).filter(|it| !it.is_empty()), camera].into_iter().flatten().collect::<Vec<_>>().join(", ");
    if rest.is_empty() { alert_type.to_owned() } else { format!("{alert_type}: {rest}") }
}

/// Reads `severity`, in our words or in those of the old systems.
pub fn severity(fields: &mut Fields) -> Option<Severity> {
    let text = fields.opt_text("severity", 1..=20)?;
    let severity = text.parse().ok();
    if severity.is_none() {
        fields.refuse("severity", "must be one of info, warning, critical");
    }
    severity
}

/// Reads a site's slug; whether there is such a site, the insert tells.
pub fn site(fields: &mut Fields) -> Option<String> {
    fields.opt_text("site", 1..=64)
}

/// Reads a short text of S1's.
pub fn short(fields: &mut Fields, name: &str) -> Option<String> {
    fields.opt_text(name, 1..=100)
}

/// Reads `location`.
pub fn place(fields: &mut Fields) -> Option<String> {
    fields.opt_text("location", 1..=200)
}

/// Reads `timestamp`: when it happened.
pub fn timestamp(fields: &mut Fields, now: i64) -> Option<i64> {
    let at = fields.opt_time("timestamp");
    fields.check(at.is_none_or(|at| at <= now + AHEAD_MS), "timestamp", "must not be over 5 minutes ahead");
    at
}

/// Reads `expires_at`.
pub fn expiry(fields: &mut Fields, now: i64) -> Option<i64> {
    let expires_at = fields.opt_time("expires_at");
    fields.check(expires_at.is_none_or(|at| at > now), "expires_at", "must lie ahead");
    expires_at
}

/// The zones as the site writes them, as a JSON array; 422 naming those that it does not have.
pub fn canonical_zones(run: Run<'_>, site: Option<&str>, zones: &[String]) -> Result<String, Problem> {
    let asked = serde_json::to_string(zones).map_err(Problem::internal)?;
    let rows = run(
        "select asked.value, z.code from json_each(?) as asked
         left join zones z on z.site = ? and z.code = asked.value
         order by asked.key",
        params![asked, site],
    )?;
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for row in rows.iter() {
        match row.opt_text(1)? {
            Some(code) if known.contains(&code) => {}
            Some(code) => known.push(code),
            None => unknown.push(row.text(0)?),
        }
    }
    if !unknown.is_empty() {
        return Err(Problem::invalid_field("zones", format!("the site has no zone {}", unknown.join(", "))));
    }
    serde_json::to_string(&known).map_err(Problem::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_770_201_000_000;

    fn parse(body: Value) -> Result<NewAlert, Problem> {
        NewAlert::parse(body.to_string().as_bytes(), NOW)
    }

    #[test]
    fn an_old_camera_client_is_understood_and_kept_private() {
        let alert = parse(serde_json::json!({
            "vehicle_id": 4711, "timestamp": "2026-02-04T10:29:00Z", "alert_type": "overspeed", "location": "Gate 2",
            "severity": "high", "camera": "North", "camera_id": "CAM-1",
        }))
        .unwrap();
        assert_eq!(alert.severity, Severity::Critical);
        assert_eq!(alert.vehicle_id.as_deref(), Some("4711"));
        assert_eq!(alert.message, "overspeed: vehicle 4711 at Gate 2, camera North");
        assert!(!alert.is_public);
    }

    #[test]
    fn a_broadcast_is_public_unless_it_says_otherwise() {
        let body = serde_json::json!({ "site": "somnath", "severity": "warning", "message": "gate closed" });
        assert!(parse(body.clone()).unwrap().is_public);
        let mut private = body.clone();
        private["is_public"] = false.into();
        assert!(!parse(private).unwrap().is_public);
        let mut typed = body.clone();
        typed["alert_type"] = "intrusion".into();
        assert!(!parse(typed).unwrap().is_public);
        let mut camera = body;
        camera["camera_id"] = "CAM-1".into();
        assert!(!parse(camera).unwrap().is_public);
    }

    #[test]
    fn every_bad_field_is_named_at_once() {
        let problem = parse(serde_json::json!({
            "severity": "purple", "message": 3, "site": "", "zones": "B1", "timestamp": "2026-02-04T10:36:00Z",
            "expires_at": "2026-02-04T10:30:00Z", "is_public": "yes", "camera": {},
        }))
        .err()
        .unwrap();
        let names: Vec<_> = problem.errors().keys().map(String::as_str).collect();
        assert_eq!(names, ["camera", "expires_at", "is_public", "message", "severity", "site", "timestamp", "zones"]);
        assert_eq!(parse(serde_json::json!({ "severity": "info" })).err().unwrap().errors().len(), 1);
        assert_eq!(parse(serde_json::json!([])).err().unwrap().status(), 422);
    }
}
