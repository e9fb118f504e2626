//! Emergencies of before, from the records of an older system or from paper: over already, so that nobody is told.

use axum::response::Response;
use domain::emergency::{Kind, Severity};
use http::StatusCode;
use kit::caller::{Admin, Caller};
use kit::db::DbError;
use kit::fields::Fields;
use kit::idempotency::IdempotencyKey;
use kit::request::{JsonBytes, Now};
use kit::{Answer, Problem, host, params};

use crate::read::{self, View};

/// POST `/api/emergency/past`: as a report, with `reported_at`, `acknowledged_at`, `in_progress_at`, `resolved_at` and `resolution?` →
/// 201. The times rise, and none lies ahead. Nothing is sent, and the feed does not tell of it; the audit trail does. Honours
/// `Idempotency-Key`.
pub async fn record(caller: Caller<Admin>, Now(now): Now, key: IdempotencyKey, JsonBytes(body): JsonBytes) -> Answer<Response> {
    let past = Past::parse(&body, now)?;
    let (response, _) = key.once(&caller.0, &body, |transaction| {
        let id = host::new_id(past.times[0])?;
        let stored = transaction.run(
            "insert into emergencies (id, site, type, reported_type, severity, description, latitude, longitude, status, reported_by,
                created_at, acknowledged_at, acknowledged_by, in_progress_at, in_progress_by, resolved_at, resolved_by, resolution,
                updated_at, updated_by)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'resolved', ?9, ?10, ?11, ?9, ?12, ?9, ?13, ?9, ?14, ?15, ?9)",
            params![
                &id,
                &past.temple_id,
                past.kind.into_str(),
                past.reported_type.as_deref(),
                past.severity.into_str(),
                &past.description,
                past.location.0,
                past.location.1,
                &caller.0.id,
                past.times[0],
                past.times[1],
                past.times[2],
                past.times[3],
                past.resolution.as_deref(),
                now,
            ],
        );
        stored.map_err(|error| match error {
            // Its one foreign key.
            DbError::Foreign => Problem::invalid_field("temple_id", "there is no such temple"),
            other => other.into(),
        })?;
        Ok((StatusCode::CREATED, read::document(|sql, params| transaction.run(sql, params), &id, View::Operator)?))
    })?;
    Ok(response)
}

/// The moments of a whole emergency, in order.
const TIMES: [&str; 4] = ["reported_at", "acknowledged_at", "in_progress_at", "resolved_at"];

struct Past {
    temple_id: String,
    kind: Kind,
    reported_type: Option<String>,
    severity: Severity,
    description: String,
    location: (f64, f64),
    times: [i64; 4],
    resolution: Option<String>,
}

impl Past {
    fn parse(body: &[u8], now: i64) -> Result<Self, Problem> {
        let mut fields = Fields::parse(body)?;
        fields.alias("temple_id", "site").alias("type", "emergency_type");
        let temple_id = fields.text("temple_id", 1..=64);
        let word = fields.text("type", 1..=64);
        let description = fields.text("description", 1..=2000);
        let location = fields.location("location");
        let severity = fields.opt_text("severity", 1..=20).map(|word| word.parse::<Severity>().ok());
        fields.check(severity != Some(None), "severity", "must be one of low, medium, high, critical");
        let times = TIMES.map(|name| fields.time(name));
        for (index, name) in TIMES.iter().enumerate() {
            if fields.errors().contains_key(*name) {
                continue;
            }
            let at = times.get(index).copied().unwrap_or_default();
            let before = index.checked_sub(1).and_then(|index| times.get(index).copied()).unwrap_or_default();
            fields.check(at >= 0 && at <= now, name, "must not lie ahead");
            fields.check(at >= before, name, "must not lie before the step that it follows");
        }
        let resolution = fields.opt_text("resolution", 1..=2000);
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
            times,
            resolution,
        })
    }
}
