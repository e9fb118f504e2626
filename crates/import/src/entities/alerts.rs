//! Alerts of S1 and broadcasts of S3: history, which tells nobody.

use domain::alert::Severity;
use rusqlite::params;

use crate::context::{ACTOR, Context};
use crate::failure::{Failure, Outcome, Refusal};
use crate::row::Row;
use crate::source::{Entity, Source};

/// The type of an alert that has none, as where alerts are made (components/alerts).
const BROADCAST: &str = "broadcast";

/// The sentence of an alert that came without one, made as where alerts are made.
fn sentence(alert_type: &str, vehicle: Option<&str>, location: Option<&str>, camera: Option<&str>) -> String {
    let place = [vehicle.map(|it| format!("vehicle {it}")), location.map(|it| format!("at {it}"))];
    let place = place.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let rest = [Some(place).filter(|it| !it.is_empty()), camera.map(|it| format!("camera {it}"))];
    let rest = rest.into_iter().flatten().collect::<Vec<_>>().join(", ");
    if rest.is_empty() { alert_type.to_owned() } else { format!("{alert_type}: {rest}") }
}

/// An alert. S1 knows no end of one: it is over. One of S3 that is in force is closed if that was asked for, and else refused.
pub fn alert(row: &mut Row, cx: &mut Context<'_>) -> Result<Outcome, Failure> {
    let alert_type = row.text(&["alert_type", "type"])?.unwrap_or_else(|| BROADCAST.to_owned());
    let word = row.needed_text(&["severity"])?;
    let severity: Severity = word.parse().map_err(|_| Refusal::of("unknown_severity", word))?;
    let (vehicle, location) = (row.text(&["vehicle_id"])?, row.text(&["location"])?);
    let (camera, camera_id) = (row.text(&["camera"])?, row.text(&["camera_id"])?);
    let message = row.text(&["message"])?;
    let message = message.unwrap_or_else(|| sentence(&alert_type, vehicle.as_deref(), location.as_deref(), camera.as_deref()));
    let at = row.needed_past(&["timestamp", "created_at"])?;
    let expires = row.moment(&["expires_at"])?;
    let site = row.text(&["site", "temple_id"])?;
    if let Some(site) = &site
        && !cx.store.exists("select 1 from sites where slug = ?1", [site])?
    {
        return Err(Refusal::of("unknown_site", format!("{site}: make it first")).into());
    }
    let zones = match row.list(&["zones"])? {
        Some(zones) => {
            let zones = zones.into_iter().map(|zone| crate::row::text_of("zones", zone)).collect::<Result<Vec<_>, _>>()?;
            Some(serde_json::Value::from(zones).to_string())
        }
        None => None,
    };
    let names_somebody = vehicle.is_some() || camera.is_some() || camera_id.is_some();
    let is_public = row.bool(&["is_public"])?.unwrap_or(alert_type == BROADCAST && !names_somebody);
    let author = cx.reference(row, Entity::Users, &["created_by", "user_id"])?.unwrap_or_else(|| ACTOR.to_owned());
    let acknowledged = row.past(&["acknowledged_at"])?;
    let resolved = row.past(&["resolved_at"])?;
    let status = row.text(&["status"])?.map(|word| word.to_ascii_lowercase());
    let is_active = row.bool(&["is_active"])?;
    let is_over = match (status.as_deref(), is_active) {
        (Some("resolved" | "expired" | "inactive" | "closed"), _) | (None, Some(false)) => true,
        (Some("active" | "acknowledged"), _) | (None, Some(true)) => expires.is_some_and(|expires| expires <= cx.now()),
        (Some(other), _) => return Err(Refusal::of("unknown_status", other).into()),
        (None, None) => cx.args.from == Source::S1 || expires.is_some_and(|expires| expires <= cx.now()),
    };
    if !is_over {
        if !cx.args.close_open {
            return Err(Refusal::of("still_open", "it is in force: end it there, or say --close-open, and send it again here").into());
        }
        cx.note("closed", "it was in force");
    }
    let ended = resolved.unwrap_or_else(|| if is_over { expires.unwrap_or(at).max(at).min(cx.now()) } else { cx.now() });
    let id = cx.new_id(at)?;
    cx.store.run(
        "insert into alerts (id, alert_type, severity, message, site, zones, vehicle_id, location, camera, camera_id, is_public, source, status, at,
            expires_at, acknowledged_at, acknowledged_by, resolved_at, resolved_by, created_at, created_by, updated_at, updated_by)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 'manual', 'resolved', ?12, ?13, ?14, iif(?14 is null, null, ?18), ?15, ?18, ?12, ?16,
            ?17, ?18)",
        params![
            id,
            alert_type,
            severity.into_str(),
            message,
            site,
            zones,
            vehicle,
            location,
            camera,
            camera_id,
            is_public,
            at,
            expires,
            acknowledged,
            ended,
            author,
            cx.now(),
            ACTOR
        ],
    )?;
    Ok(Outcome::Created(id))
}
