//! Reporting an emergency.

use axum::Extension;
use axum::response::Response;
use domain::emergency::{FLOOD_REPORTS, FLOOD_WINDOW_MS, Kind, Severity};
use domain::role::Role;
use http::StatusCode;
use kit::caller::{Caller, Principal, SignedIn};
use kit::db::{DbError, Run};
use kit::fields::Fields;
use kit::idempotency::IdempotencyKey;
use kit::request::{JsonBytes, Now, RequestId};
use kit::{Answer, Problem, db, host, outbox, params};
use serde_json::Value;

use crate::read::{self, View};

/// POST `/api/emergency/`: `{temple_id, type, description, location: {lat, lng}, severity?}` → 201. Honours `Idempotency-Key`.
///
/// One write: its triggers note what is to be sent; without a key it is one statement, which shares its sync to disk with whatever else
/// is written at that moment. The dispatcher is woken after the answer has gone, so that the first attempt
/// comes within a second and the answer does not wait for it. A `type` that nobody knows is no reason to turn somebody away: it is
/// filed as `other`, with the word kept for operators.
///
/// 429 for what one reporter sends beyond [`FLOOD_REPORTS`]: the answer says that it was not taken and what to do, and the control room
/// is told by an alert, so that nobody is shut out unseen.
pub async fn report(
    caller: Caller<SignedIn>,
    Now(now): Now,
    Extension(RequestId(request_id)): Extension<RequestId>,
    key: IdempotencyKey,
    JsonBytes(body): JsonBytes,
) -> Answer<Response> {
    let mut flooded = None;
    let taken = key.once_by_one(&caller.0, &body, |run| {
        let report = Report::parse(&body)?;
        let document = insert(run, &report, &caller.0, now)?;
        let document = document.ok_or_else(|| {
            flooded = Some(report.temple_id);
            Problem::internal("a report beyond the limit")
        })?;
        Ok((StatusCode::CREATED, document))
    });
    if let Some(temple) = flooded {
        return Err(flood(&temple, &caller.0, now)?);
    }
    let (response, fresh) = taken?;
    if fresh {
        outbox::wake_dispatcher(request_id);
    }
    Ok(response)
}

/// A checked report, not yet stored.
struct Report {
    temple_id: String,
    kind: Kind,
    /// The sender's own word, where it is none of ours.
    reported_type: Option<String>,
    severity: Severity,
    description: String,
    location: (f64, f64),
}

impl Report {
    fn parse(body: &[u8]) -> Result<Self, Problem> {
        let mut fields = Fields::parse(body)?;
        fields.alias("temple_id", "site").alias("type", "emergency_type");
        let temple_id = fields.text("temple_id", 1..=64);
        let word = fields.text("type", 1..=64);
        let description = fields.text("description", 1..=2000);
        let location = fields.location("location");
        let severity = fields.opt_text("severity", 1..=20).map(|word| word.parse::<Severity>().ok());
        fields.check(severity != Some(None), "severity", "must be one of low, medium, high, critical");
        fields.finish()?;

        let known = word.parse().ok();
        let kind = known.unwrap_or(Kind::Other);
        Ok(Self {
            temple_id,
            kind,
            reported_type: known.is_none().then_some(word),
            severity: severity.flatten().unwrap_or_else(|| kind.default_severity()),
            description,
            location,
        })
    }
}

/// Stores it; none when its reporter has sent too many of late. That is a condition of the insert, so that many at once count.
fn insert(run: Run<'_>, report: &Report, caller: &Principal, now: i64) -> Result<Option<Value>, Problem> {
    let id = host::new_id(now)?;
    let is_operator = caller.role.holds(Role::Operator);
    let inserted = run(
        "insert into emergencies (id, site, type, reported_type, severity, description, latitude, longitude, reported_by, created_at,
            updated_at, updated_by)
         select ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, ?9
         where ?11 or coalesce(
             (select created_at from emergencies where reported_by = ?9 order by id desc limit 1 offset ?12), -9223372036854775808
         ) <= ?10 - ?13
         returning id",
        params![
            &id,
            &report.temple_id,
            report.kind.into_str(),
            report.reported_type.as_deref(),
            report.severity.into_str(),
            &report.description,
            report.location.0,
            report.location.1,
            &caller.id,
            now,
            is_operator,
            FLOOD_REPORTS - 1,
            FLOOD_WINDOW_MS,
        ],
    );
    let inserted = inserted.map_err(|error| match error {
        // Its one foreign key.
        DbError::Foreign => Problem::invalid_field("temple_id", "there is no such temple"),
        other => other.into(),
    })?;
    if inserted.is_empty() {
        return Ok(None);
    }
    let view = if is_operator { View::Operator } else { View::Reporter };
    read::document(run, &id, view).map(Some)
}

/// What a reporter beyond the limit is told. Operators are told too, once until they resolve that alert: behind it may be somebody who
/// needs help more than anybody.
fn flood(temple: &str, caller: &Principal, now: i64) -> Result<Problem, Problem> {
    let rows = db::run(
        "select created_at from emergencies where reported_by = ? order by id desc limit 1 offset ?",
        params![&caller.id, FLOOD_REPORTS - 1],
    )?;
    let free_at = rows.first().map_or(Ok(now), |row| row.int(0))? + FLOOD_WINDOW_MS;
    db::run(
        "insert into system_alerts (alert_type, subject, site, severity, message, at)
         select 'sos_flood', ?1, slug, 'warning', ?3, ?4 from sites where slug = ?2",
        params![
            &caller.id,
            temple,
            format!("{FLOOD_REPORTS} emergencies of one reporter within {} minutes: further ones are refused", FLOOD_WINDOW_MS / 60_000),
            now,
        ],
    )?;
    Ok(Problem::too_many(
        format!(
            "This report was not taken: the control room has {FLOOD_REPORTS} of yours from the last {} minutes and was told that you sent \
             more. If somebody is in danger, call the emergency number or the staff near you.",
            FLOOD_WINDOW_MS / 60_000
        ),
        (free_at - now + 999) / 1000,
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(body: Value) -> Result<Report, Problem> {
        Report::parse(body.to_string().as_bytes())
    }

    #[test]
    fn what_is_not_said_follows_from_the_type() {
        let body = json!({ "temple_id": "somnath", "type": "medical", "description": "he fell", "location": { "lat": 20.9, "lng": 70.4 } });
        let report = parse(body.clone()).unwrap();
        assert_eq!((report.kind, report.severity, report.reported_type), (Kind::Medical, Severity::Critical, None));
        let mut mild = body.clone();
        mild["severity"] = "low".into();
        assert_eq!(parse(mild).unwrap().severity, Severity::Low);
        let mut strange = body;
        strange["type"] = "an elephant".into();
        let report = parse(strange).unwrap();
        assert_eq!((report.kind, report.reported_type.as_deref()), (Kind::Other, Some("an elephant")));
    }

    #[test]
    fn every_bad_field_is_named_at_once() {
        let body = json!({ "temple_id": 3, "type": "", "description": " ", "location": { "lat": 91, "lng": "x" }, "severity": "purple" });
        let problem = parse(body).err().unwrap();
        let named: Vec<_> = problem.errors().keys().map(String::as_str).collect();
        assert_eq!(named, ["description", "location", "severity", "temple_id", "type"]);
        let problem = parse(json!({})).err().unwrap();
        let named: Vec<_> = problem.errors().keys().map(String::as_str).collect();
        assert_eq!(named, ["description", "location", "temple_id", "type"]);
    }
}
