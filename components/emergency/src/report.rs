//! Reporting an emergency.

use axum::Extension;
use axum::response::Response;
use domain::emergency::{Kind, Severity};
use domain::role::Role;
use http::StatusCode;
use kit::caller::{Caller, Principal, SignedIn};
use kit::db::{DbError, Transaction};
use kit::fields::Fields;
use kit::idempotency::IdempotencyKey;
use kit::request::{JsonBytes, Now, RequestId};
use kit::{Answer, Problem, host, outbox, params};
use serde_json::Value;

use crate::read::{self, View};

/// POST `/api/emergency/`: `{temple_id, type, description, location: {lat, lng}, severity?}` → 201. Honours `Idempotency-Key`.
///
/// One write: its triggers note what is to be sent. The dispatcher is woken after the answer has gone, so that the first attempt
/// comes within a second and the answer does not wait for it. A `type` that nobody knows is no reason to turn somebody away: it is
/// filed as `other`, with the word kept for operators.
pub async fn report(
    caller: Caller<SignedIn>,
    Now(now): Now,
    Extension(RequestId(request_id)): Extension<RequestId>,
    key: IdempotencyKey,
    JsonBytes(body): JsonBytes,
) -> Answer<Response> {
    let (response, fresh) = key.once(&caller.0, &body, |transaction| {
        let report = Report::parse(&body)?;
        Ok((StatusCode::CREATED, insert(transaction, &report, &caller.0, now)?))
    })?;
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
        let severity = fields.opt_text("severity", 1..=20).map(|word| Severity::parse(&word));
        fields.check(severity != Some(None), "severity", "must be one of low, medium, high, critical");
        fields.finish()?;

        let known = Kind::parse(&word);
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

fn insert(transaction: &Transaction, report: &Report, caller: &Principal, now: i64) -> Result<Value, Problem> {
    let id = host::new_id(now)?;
    let inserted = transaction.run(
        "insert into emergencies (id, site, type, reported_type, severity, description, latitude, longitude, reported_by, created_at,
            updated_at, updated_by)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, ?9)",
        params![
            &id,
            &report.temple_id,
            report.kind.as_str(),
            report.reported_type.as_deref(),
            report.severity.as_str(),
            &report.description,
            report.location.0,
            report.location.1,
            &caller.id,
            now,
        ],
    );
    inserted.map_err(|error| match error {
        // Its one foreign key.
        DbError::Foreign => Problem::invalid_field("temple_id", "there is no such temple"),
        other => other.into(),
    })?;
    let view = if caller.role.holds(Role::Operator) { View::Operator } else { View::Reporter };
    read::document(|sql, params| transaction.run(sql, params), &id, view)
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
